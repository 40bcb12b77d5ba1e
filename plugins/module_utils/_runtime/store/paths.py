# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of everything that the engine keeps on a host. No other file spells these names."""

from __future__ import annotations

import os

DATA = "/var/lib/pycontainer"  # survives a reboot
RUN = "/run/pycontainer"  # per boot
ETC = "/etc/pycontainer"  # the administrator's: settings, policy, how registries are reached
PASSABLE = 0o711
OF_USER = ".local/share/pycontainer"  # below the home of a user who is not root: his DATA; RUN is `run` in it

# A word for a shell of the host: DATA of the user who runs it.
SHELL_WORD = f'"$(if [ "$(id -u)" = 0 ]; then echo {DATA}; else echo ~/{OF_USER}; fi)"'
# The same for RUN.
SHELL_RUN = f'"$(if [ "$(id -u)" = 0 ]; then echo {RUN}; else echo ~/{OF_USER}/run; fi)"'

_place = [DATA, RUN]  # pylint: disable=invalid-name


def use(data: str, run: str) -> None:
    """Take other directories than root's, in this process, where none are named."""
    _place[:] = [data, run]


def place() -> tuple[str, str]:
    """Return the directories ``(data, run)`` that are taken where none are named."""
    return _place[0], _place[1]


def of_user() -> tuple[str, str]:
    """Return ``(data, run)`` of the user who runs this process, and is not root.

    A task that becomes him and a session of his have the home in common, and not always
    XDG_RUNTIME_DIR or /run/user.
    """
    import pwd  # here: root has no use for it

    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        home = os.environ.get("HOME", "/")
    data = os.path.join(home, OF_USER)
    return data, os.path.join(data, "run")


class Paths:
    """The directories and files of one engine, as absolute paths.

    :param data: survives a reboot (state.db, blobs, layers, containers, volumes, runtime).
    :param run: lasts until the next boot (locks, sockets, pids, network namespaces).
    None stands for those of :func:`place`.
    """

    def __init__(self, data: str | None = None, run: str | None = None) -> None:
        data, run = data or _place[0], run or _place[1]
        self.data, self.run = data, run
        self.config = os.path.join(ETC if data == DATA else data, "config.json")  # settings.py
        self.database = os.path.join(data, "state.db")
        self.records = os.path.join(data, "records")  # a copy of each of its rows (rowfiles.py)
        self.backups = os.path.join(
            data, "backups"
        )  # of the database, of the last boots and versions
        self.reserve = os.path.join(data, "reserve")  # reserve.py
        self.events = os.path.join(data, "events")  # made with the first (events/journal.py)
        self.blobs = os.path.join(data, "blobs")
        self.layers = os.path.join(data, "layers")
        self.containers = os.path.join(data, "containers")
        self.volumes = os.path.join(data, "volumes")
        self.secrets = os.path.join(data, "secrets")  # made with the first (secrets/)
        self.network_keys = os.path.join(data, "network-keys")  # made with the first
        self.runtime = os.path.join(data, "runtime")
        self.registries = os.path.join(
            data, "registry"
        )  # made when a registry keeps its content here
        self.deliveries = os.path.join(data, "delivery")  # made when an image is sent here
        self.tmp = os.path.join(
            data, "tmp"
        )  # on the data's file system, so that a rename out of it is atomic
        self.partial = os.path.join(data, "partial")  # made when a transfer breaks off
        self.locks = os.path.join(run, "locks")
        self.running = os.path.join(run, "containers")
        self.progress = os.path.join(run, "progress")  # made when somebody wants to look
        self.policy = os.path.join(ETC, "policy.json")  # which images are accepted
        self.registries_conf = os.path.join(ETC, "registries.conf")  # how registries are reached

    def blob(self, digest: str) -> str:
        """Return the path of a blob, present or not. ``digest`` is ``algorithm:hex``, already
        validated.
        """
        algorithm, dummy, encoded = digest.partition(":")
        return os.path.join(self.blobs, algorithm, encoded)

    def container(self, ident: str) -> str:
        """Return the directory of a container's state that survives a reboot
        (docs/architecture.md).

        It also has the lock and the control socket of its monitor.
        """
        return os.path.join(self.containers, ident)

    def container_run(self, ident: str) -> str:
        """Return the directory of a container's state of this boot: stdio pipes, mount point.

        Its monitor creates it again where it is missing.
        """
        return os.path.join(self.running, ident)

    def secrets_run(self, ident: str) -> str:
        """Return where a running container's secrets and configs are: a tmpfs."""
        return os.path.join(self.running, ident, "secrets")

    def registry_run(self, name: str) -> str:
        """Return the directory of a registry service's state of this boot: lock, what it was
        started with, log.
        """
        return os.path.join(self.run, "registries", name)

    def volume(self, name: str) -> str:
        """Return the directory of a named volume; its mounts show ``_data`` in it."""
        return os.path.join(self.volumes, name)

    def make(self) -> bool:
        """Create the directories, for root alone (CVE-2021-41091: a data root whose containers
        everybody could reach).

        Everybody may traverse the data root to the engine's code in ``runtime``, because users run
        the OCI command too. They can list neither.

        :returns: whether this is the engine's first call since the boot: the directories of this
            boot were missing.
        """
        first = not os.path.isdir(self.locks)
        for path in (
            self.data,
            self.blobs,
            self.layers,
            self.containers,
            self.volumes,
            self.runtime,
            self.tmp,
            self.run,
            self.locks,
            self.running,
        ):
            if not os.path.isdir(path):
                os.makedirs(path, 0o700, exist_ok=True)
                os.chmod(
                    path, PASSABLE if path in (self.data, self.runtime) else 0o700
                )  # makedirs' mode is cut by the umask and not used for parents
        return first
