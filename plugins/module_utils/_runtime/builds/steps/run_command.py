# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN as a container: its words, its environment, its OCI document."""

from __future__ import annotations

import os
import secrets

from ... import networks
from ...store import tree_removal
from ..parse import lines
from ..parse.stages import PROXIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ...engine import Engine
    from ...networks.container_links import Attachment
    from ...oci.spec.config_types import Config
    from ..parse.build_request import BuildRequest
    from ..parse.instructions import Instruction
    from ..parse.lines import Heredoc
    from ..stage.stage_state import State
    from .run_mounts import RunMounts
    from .workspace import StepPlace, Workspace


HOSTNAME = "buildkitsandbox"  # BuildKit's: what a build sees must not depend on where it runs
SCRIPTS = "/dev/pipes"  # where a heredoc that begins with #! is


class Command:
    """One RUN.

    :ivar words: what is executed.
    :ivar script: name and content of a heredoc that is a program of its own, or None.
    :ivar env: its environment without the predefined proxies.
    :ivar proxies: these.
    :ivar history: its line of the image's history.
    :ivar insecure: whether it has all capabilities and devices of the host
        (``--security=insecure``).
    """

    script: tuple[str, bytes] | None

    def __init__(
        self, instruction: Instruction, state: State, build_args: Mapping[str, str]
    ) -> None:
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
            ([f"|{len(shown)}"] + shown if shown else []) + words
        )

    def _from_heredocs(self, text: str, heredocs: Sequence[Heredoc]) -> str:
        if lines.heredoc_of(text.strip()) is None:  # for the shell to read
            return text + "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in heredocs)
        first = heredocs[0]
        if not first.text.startswith("#!"):
            return first.text
        self.script = first.name.replace("/", "_"), first.text.encode("utf-8", "surrogateescape")
        return f"{SCRIPTS}/{self.script[0]}"

    def key(self) -> list[Any]:
        """Return the parts of the cache's key."""
        return [
            self.words,
            sorted(self.env.items()),
            self.script[1].hex() if self.script else "",
        ] + (["insecure"] if self.insecure else [])


def network_of(engine: Engine, mode: str, ident: str) -> tuple[str, Attachment | None]:
    """Return the container's ``network_mode`` and its attachment, or None.

    ``networks.release`` frees the address.
    """
    if mode in ("none", "host"):
        return mode, None
    networks.ensure_default(engine)
    networks.ensure_links(engine, [networks.DEFAULT])
    return "bridge", networks.allocate(engine, networks.DEFAULT, ident)


def run(
    workspace: Workspace,
    state: State,
    command: Command,
    mounts: RunMounts,
    request: BuildRequest,
    network: str,
    heard: Callable[[bytes], None],
    place: StepPlace,
) -> int:
    """Run a command over the layers of ``state``. Its files are in ``place`` afterwards.

    :param mounts: all that it gets.
    :param network: default, none or host.
    :param heard: called with pieces of its output.
    :returns: its exit code.
    :raises ContainerFailed: when it could not be started.
    """
    # here: a build that is all in the cache does not need them
    from ...kernel import cgroups
    from . import run_container

    engine, ident = workspace.engine, secrets.token_hex(16)
    parent = (request.limits.get("cgroup_parent") or "").strip("/") or None
    group_paths = {
        mount: os.path.join(path, ident) for mount, path in cgroups.base_paths(parent).items()
    }
    code = attachment = None
    with engine.operations.record("build-step", ident=ident, cgroup=group_paths):
        try:
            mode, attachment = network_of(engine, network, ident)
            _write_names(place.scratch, mode, attachment, request)
            if command.script:
                _write_script(mounts, place.scratch, command.script)
            job = run_container.Job(
                _document(ident, command, state, mounts, request, mode, place.scratch),
                state.config.get("User") or None,
                workspace.lower(state.paths),
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
                tree_removal.remove(place.upper)  # first: a full disk leaves no room for all else
            if attachment:
                networks.release(engine, ident)


def _document(
    ident: str,
    command: Command,
    state: State,
    mounts: RunMounts,
    request: BuildRequest,
    network_mode: str,
    scratch: str,
) -> Config:
    """Return the OCI document of the command's container."""
    # here: as in run
    from ...containers import Surroundings, oci_document
    from ...kernel.isolation import apparmor

    definition = {
        "network_mode": network_mode,
        "entrypoint": command.words,
        "command": [],
        "hostname": request.hostname or HOSTNAME,
        **request.limits,
    }
    if command.insecure:
        definition["privileged"] = True
    if request.shm_size:
        definition["shm_size"] = request.shm_size
    profile = apparmor.default()[0]
    apparmor.ensure(profile)
    host = Surroundings(
        scratch, scratch, mounts=mounts.entries, apparmor=profile, architecture=state.platform[1]
    )
    config = {"WorkingDir": state.config.get("WorkingDir") or "/"}
    document: Config = oci_document(ident, definition, config, host)
    env = {**command.env, **command.proxies, **mounts.env}
    document["process"]["env"] = [f"{name}={value}" for name, value in env.items()]
    return document


def _write_names(
    place: str, mode: str, attachment: Attachment | None, request: BuildRequest
) -> None:
    """Write the files hostname, hosts and resolv.conf that the container is shown."""
    hostname = request.hostname or HOSTNAME
    gateway = (
        next(iter(networks.container_links.gateways(attachment)), None) if attachment else None
    )
    extra = {
        key: gateway if value == "host-gateway" else value
        for key, value in request.extra_hosts.items()
        if value != "host-gateway" or gateway
    }
    texts = {
        "hostname": hostname + "\n",
        "hosts": networks.hosts(
            hostname,
            networks.container_links.addresses(attachment) if attachment else [],
            extra=extra,
        ),
        "resolv.conf": networks.resolv_conf(host_network=mode == "host"),
    }
    for name, text in texts.items():
        path = os.path.join(place, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)


def _write_script(mounts: RunMounts, place: str, script: tuple[str, bytes]) -> None:
    """Write a heredoc that is a program, and mount it below SCRIPTS."""
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
