# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN as a container: its words, its environment, its OCI document."""

from __future__ import annotations

import os
import secrets

from ... import networks
from ...store import trees
from ..parse import lines
from ..parse.stages import PROXIES

HOSTNAME = "buildkitsandbox"  # BuildKit's: what a build sees must not depend on where it runs
SCRIPTS = "/dev/pipes"  # where a heredoc that begins with #! is


class Command:
    """One RUN.

    :ivar words: what is executed. :ivar script: ``(name, bytes)`` of a heredoc that is a program of its own, or None.
    :ivar env: its environment without the predefined proxies. :ivar history: its line of the image's history.
    :ivar insecure: whether it has all of the host's powers (``--security=insecure``).
    """

    def __init__(self, instruction, state, build_args):
        words = list(instruction.args)
        self.script, self.insecure = None, instruction.flags.get("security") == "insecure"
        if instruction.heredocs:
            words = [self._from_heredocs(words[0], instruction.heredocs)]
        if not instruction.exec_form:
            words = state.shell() + words
        self.words = words
        own = state.env()
        self.env = dict(
            {key: value for key, value in state.args.items() if value is not None}, **own
        )
        given = {
            name.lower(): value for name, value in sorted(build_args.items()) if name in PROXIES
        }
        self.proxies = {
            name: given[name.lower()]
            for name in PROXIES
            if name.lower() in given and name not in self.env
        }
        shown = [f"{key}={own.get(key, value or '')}" for key, value in state.args.items()]
        self.history = "RUN %s # buildkit" % " ".join(
            (["|%d" % len(shown)] + shown if shown else []) + words
        )

    def _from_heredocs(self, text, heredocs):
        if lines.heredoc_of(text.strip()) is None:  # for the shell to read
            return text + "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in heredocs)
        first = heredocs[0]
        if not first.text.startswith("#!"):
            return first.text
        self.script = first.name.replace("/", "_"), first.text.encode("utf-8", "surrogateescape")
        return f"{SCRIPTS}/{self.script[0]}"

    def key(self):
        """What goes into the cache's key."""
        return [
            self.words,
            sorted(self.env.items()),
            self.script[1].hex() if self.script else "",
        ] + (["insecure"] if self.insecure else [])


def network_of(engine, mode, ident):
    """``(network_mode of the container, attachment or None)``; the address is given back by ``networks.release``."""
    if mode in ("none", "host"):
        return mode, None
    networks.ensure_default(engine)
    networks.ensure_links(engine, [networks.DEFAULT])
    return "bridge", networks.allocate(engine, networks.DEFAULT, ident)


def run(engine, work, state, command, mounts, options, heard, upper, overlay_work, place):
    """Run a Command over the layers of ``state``. Returns its exit code.

    :param mounts: a RunMounts, all added. :param options: ``network``, ``extra_hosts``, ``shm_size``, ``hostname``. :param place: an empty directory.
    """
    from ...containers import Surroundings, oci_document
    from ...kernel import cgroups
    from ...kernel.isolation import apparmor
    from . import run_container  # a build that is all in the cache has no use for it

    ident = secrets.token_hex(16)
    hostname = options.get("hostname") or HOSTNAME
    limits = options.get("limits") or {}
    parent = (limits.get("cgroup_parent") or "").strip("/") or None
    detail = {
        "ident": ident,
        "cgroup": {
            mount: os.path.join(path, ident) for mount, path in cgroups.base_paths(parent).items()
        },
    }
    code = attachment = None
    with engine.operations.record("build-step", **detail):
        try:
            mode, attachment = network_of(engine, options.get("network") or "default", ident)
            _write_names(place, hostname, mode, attachment, options)
            if command.script:
                _write_script(mounts, place, command.script)
            definition = {
                "network_mode": mode,
                "entrypoint": command.words,
                "command": [],
                "hostname": hostname,
            }
            definition.update(limits)
            if command.insecure:
                definition["privileged"] = True
            if options.get("shm_size"):
                definition["shm_size"] = options["shm_size"]
            profile = apparmor.default()[0]
            apparmor.ensure(profile)
            host = Surroundings(
                place, place, mounts.entries, apparmor=profile, architecture=state.platform[1]
            )
            env = dict(command.env, **command.proxies)
            env.update(mounts.env)
            document = oci_document(
                ident, definition, {"WorkingDir": state.config.get("WorkingDir") or "/"}, host
            )
            document["process"]["env"] = ["%s=%s" % item for item in env.items()]
            job = run_container.Job(
                document,
                state.config.get("User") or None,
                work.lower(state.paths),
                upper,
                overlay_work,
                place,
                cgroups.create(ident, parent),
                attachment,
                mounts.prepared,
                mounts.secrets,
            )
            code = run_container.run(job, heard)
            return code
        finally:
            if code != 0:
                trees.remove(upper)  # first: it may have filled the disk, and all else needs room
            if attachment:
                networks.release(engine, ident)


def _write_names(place, hostname, mode, attachment, options):
    gateway = attachment["gateway"] if attachment else None
    extra = {
        key: gateway if value == "host-gateway" else value
        for key, value in options.get("extra_hosts", {}).items()
        if value != "host-gateway" or gateway
    }
    texts = {
        "hostname": hostname + "\n",
        "hosts": networks.hosts(
            hostname, [attachment["address"]] if attachment else [], extra=extra
        ),
        "resolv.conf": networks.resolv_conf(host_network=mode == "host"),
    }
    for name, text in texts.items():
        path = os.path.join(place, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)


def _write_script(mounts, place, script):
    directory = os.path.join(place, "pipes")
    os.mkdir(directory)
    os.chmod(directory, 0o755)
    path = os.path.join(directory, script[0])
    with open(path, "wb") as file:
        file.write(script[1])
    os.chmod(path, 0o755)
    mounts.entries.append(
        {
            "type": "bind",
            "source": directory,
            "target": SCRIPTS,
            "read_only": True,
            "propagation": "rprivate",
        }
    )
