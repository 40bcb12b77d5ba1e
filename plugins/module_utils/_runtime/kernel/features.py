# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host's kernel can do, asked without changing anything: for host_info, and to say no before anything is changed.

A system call is probed with arguments that it must refuse: ENOSYS tells that it is missing. Of what may be a module, the
running kernel, its list of modules and its configuration are asked in turn; nothing is loaded.
"""

from __future__ import annotations

import errno
import os
import sys
import zlib

from ..errors import Unsupported
from .calls import call_numbers, ffi, syscalls
from .calls import constants as c
from .isolation import apparmor, capabilities, namespaces, selinux
from .processes import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypedDict, Union

    class Feature(TypedDict):
        """What is said of one feature."""

        found: bool
        reason: str  # why it is not found, or that the kernel does not tell; "" else
        needed_for: str
        detail: Union[str, None]


MINIMUM = (5, 4)


def detect() -> dict[str, Feature]:
    """All features by name.

    It takes a few milliseconds, most of them for the kernel's configuration where there is no list of modules.
    """
    found: dict[str, Feature] = {}
    for part in (_host, _system_calls, _kernel_parts, _namespaces, _security):
        found.update(part())
    return found


def missing(names: Iterable[str]) -> list[str]:
    """Sentences for those of the named features that this host lacks."""
    found = detect()
    return [
        f"{found[name]['needed_for']}: {found[name]['reason']}"
        for name in names
        if not found[name]["found"]
    ]


def _feature(
    found: object, needed_for: str, reason: str = "", detail: str | None = None
) -> Feature:
    return {
        "found": bool(found),
        "reason": reason if not found or found is UNKNOWN else "",
        "needed_for": needed_for,
        "detail": detail,
    }


def _host() -> dict[str, Feature]:
    version, known = procfs.kernel_version(), bool(call_numbers.NUMBERS)
    text = "%d.%d" % version
    return {
        "kernel": _feature(
            version >= MINIMUM,
            "containers",
            "Linux %s is older than %d.%d" % (text, *MINIMUM),
            text,
        ),
        "architecture": _feature(
            known, "containers", f"{c.MACHINE} is not among x86_64 and aarch64 (64-bit)", c.MACHINE
        ),
        "python": _feature(
            sys.version_info >= (3, 9),
            "the engine",
            "older than Python 3.9",
            "%d.%d.%d" % sys.version_info[:3],
        ),
        "cffi": _feature(
            ffi.ffi is not None, "containers", "the package python3-cffi is not installed"
        ),
    }


# ----------------------------------------------------------------------------------------------------------- system calls

# feature -> (system call, arguments that it must refuse, first version, what needs it)
_PROBES: dict[str, tuple[str, tuple[Any, ...], str, str]] = {
    "clone3": ("clone3", (0, 0), "5.3", "starting containers"),
    "new_mount_api": ("move_mount", (-1, b"\0", -1, b"\0", 2**31), "5.2", "containers"),
    "pidfd": ("pidfd_open", (-1, 0), "5.3", "supervising containers"),
    "pidfd_getfd": ("pidfd_getfd", (-1, -1, 0), "5.6", "diagnostics"),
    "openat2": (
        "openat2",
        (-1, b"\0", b"\0" * 24, 0),
        "5.6",
        "quicker path checks (there is a slower way)",
    ),
    "close_range": ("close_range", (1, 0, 0), "5.9", "quicker starts (there is a slower way)"),
    "mount_setattr": (
        "mount_setattr",
        (-1, b"\0", 2**31, 0, 0),
        "5.12",
        "recursive read-only mounts, mounts with mapped ids",
    ),
    "bpf": ("bpf", (-1, 0, 0), "4.10", "device rules on cgroup v2"),
    "keyrings": ("keyctl", (-1,), "2.6", "a session keyring for each container"),
}


def _system_calls() -> dict[str, Feature]:
    found = {}
    for feature, (name, arguments, since, needed_for) in _PROBES.items():
        reason = f"the kernel or a filter above this process has no {name} (since Linux {since})"
        found[feature] = _feature(_has_call(name, arguments), needed_for, reason)
    version = procfs.kernel_version()
    for feature, oldest, needed_for in (
        (
            "overlay_lowerdir_plus",
            (6, 7),
            "images with more layers than fit a page of mount options",
        ),
        ("overlay_mapped_owners", (5, 19), "a user namespace of its own for each container"),
        ("overlay_volatile", (5, 10), "writable layers that are never synced"),
        ("clone_into_cgroup", (5, 7), "quicker starts on cgroup v2 (there is a slower way)"),
        ("setns_pidfd", (5, 8), "quicker exec (there is a slower way)"),
    ):
        found[feature] = _feature(version >= oldest, needed_for, "needs Linux %d.%d" % oldest)
    return found


def _has_call(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the kernel knows a system call: it must refuse the arguments with any error but ENOSYS."""
    try:
        return syscalls.probe(name, *arguments) != errno.ENOSYS
    except Unsupported:
        return False


# ------------------------------------------------------------------------------------------------- parts that may be modules

UNKNOWN = "unknown"  # counts as found: it is tried when it is needed

# feature -> (module, configuration symbol, what needs it)
_PARTS = {
    "overlay": ("overlay", "OVERLAY_FS", "containers"),
    "erofs": ("erofs", "EROFS_FS", "image layers that are not unpacked"),
    "fuse": ("fuse", "FUSE_FS", "fuse file systems in containers"),
    "bridge": ("bridge", "BRIDGE", "bridge networks"),
    "veth": ("veth", "VETH", "bridge networks"),
    "macvlan": ("macvlan", "MACVLAN", "macvlan networks"),
    "ipvlan": ("ipvlan", "IPVLAN", "ipvlan networks"),
    "nf_tables": ("nf_tables", "NF_TABLES", "published ports and masquerading"),
    "nft_nat": ("nft_chain_nat", "NFT_NAT", "published ports and masquerading"),
    "nft_masq": ("nft_masq", "NFT_MASQ", "masquerading"),
    "br_netfilter": ("br_netfilter", "BRIDGE_NETFILTER", "rules between containers of one bridge"),
}


def _kernel_parts() -> dict[str, Feature]:
    lookup = _Modules()
    found = {}
    for feature, (module, symbol, needed_for) in _PARTS.items():
        has = lookup.has(module, symbol)
        reason = f"the kernel has no {module} (CONFIG_{symbol})"
        if has is UNKNOWN:
            reason = f"the kernel does not tell whether it has {module}"
        found[feature] = _feature(has, needed_for, reason)
    return found


class _Modules:
    """Which parts the running kernel has; files are read once."""

    def __init__(self) -> None:
        release = os.uname().release
        self.filesystems = _text("/proc/filesystems").split()
        directories = [f"{prefix}/lib/modules/{release}/" for prefix in ("", "/usr")]
        listed = "".join(
            _text(directory + name, 1 << 24)
            for directory in directories
            for name in ("modules.builtin", "modules.dep")
        )
        self.listed = set()
        for line in listed.splitlines():
            self.listed.add(line.split(":")[0].rpartition("/")[2].split(".ko")[0].replace("-", "_"))
        self.config = None if self.listed else _kernel_config(release)

    def has(self, module: str, symbol: str) -> bool | str:
        """True, False or UNKNOWN."""
        if (
            module in self.filesystems
            or os.path.isdir("/sys/module/" + module)
            or module in self.listed
        ):
            return True
        if self.listed:
            return False
        if self.config:
            return f"\nCONFIG_{symbol}=y\n" in self.config
        return UNKNOWN


def _kernel_config(release: str) -> str:
    """The kernel's configuration as text, "" when it is nowhere to be read."""
    try:
        with open("/proc/config.gz", "rb") as stream:
            return zlib.decompress(stream.read(1 << 20), 31).decode("ascii", "replace")
    except (OSError, zlib.error):
        return _text("/boot/config-" + release)


def _text(path: str, limit: int = 1 << 20) -> str:
    try:
        return procfs.read(path, limit)
    except OSError:
        return ""


# ----------------------------------------------------------------------------------- namespaces, cgroups, rights, filters


def _namespaces() -> dict[str, Feature]:
    found = {}
    for name in namespaces.TYPES:
        reason = f"this kernel has no {name} namespaces"
        found[f"{name}_namespaces"] = _feature(
            namespaces.supported(name), f"a {name} namespace of its own for each container", reason
        )
    if (
        found["user_namespaces"]["found"]
        and _text("/proc/sys/user/max_user_namespaces").strip() == "0"
    ):
        found["user_namespaces"] = _feature(
            False, found["user_namespaces"]["needed_for"], "user.max_user_namespaces is 0"
        )
    kinds = {mount["type"] for mount in procfs.mounts() if mount["type"] in ("cgroup", "cgroup2")}
    mode = {0: "none", 1: "v2" if "cgroup2" in kinds else "v1", 2: "hybrid"}[len(kinds)]
    found["cgroups"] = _feature(
        kinds, "resource limits, pausing, statistics", "no cgroup file system is mounted", mode
    )
    return found


# feature -> (capability, what needs it)
_RIGHTS = {
    "right_to_mount": ("CAP_SYS_ADMIN", "containers"),
    "right_to_networks": ("CAP_NET_ADMIN", "networks"),
    "right_to_raise_limits": (
        "CAP_SYS_RESOURCE",
        "resource limits above this process's own, lower oom_score_adj",
    ),
    "right_to_make_devices": ("CAP_MKNOD", "device nodes"),
}


def _security() -> dict[str, Feature]:
    found = {}
    try:
        effective = syscalls.capget()[0]
    except Unsupported:
        effective = 0
    for feature, (capability, needed_for) in _RIGHTS.items():
        has = effective >> capabilities.NUMBERS[capability] & 1
        found[feature] = _feature(has, needed_for, f"this process does not have {capability}")
    for feature, action, needed_for in (
        ("seccomp", 0x00050000, "system call filters"),
        ("seccomp_notify", 0x7FC00000, "SCMP_ACT_NOTIFY"),
        ("seccomp_log", 0x7FFC0000, "SCMP_ACT_LOG"),
    ):
        found[feature] = _feature(_has_action(action), needed_for, "the kernel's seccomp lacks it")
    found["apparmor"] = _feature(apparmor.enabled(), "AppArmor profiles", "AppArmor is not enabled")
    profile, reason = apparmor.default()
    found["apparmor_default"] = _feature(
        profile, "the AppArmor profile that containers have by default", reason, profile
    )
    found["selinux"] = _feature(selinux.enabled(), "SELinux labels", "SELinux is not enabled")
    contexts, reason = selinux.defaults()
    found["selinux_default"] = _feature(
        contexts,
        "SELinux labels of the engine's containers (selinux: true, security_opts: label=...)",
        reason,
        contexts["process"] if contexts else None,
    )
    return found


def _has_action(action: int) -> bool:
    try:
        return (
            syscalls.probe("seccomp", c.SECCOMP_GET_ACTION_AVAIL, 0, action.to_bytes(4, "little"))
            == 0
        )
    except Unsupported:
        return False
