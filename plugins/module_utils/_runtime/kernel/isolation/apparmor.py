# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor (apparmor(7)): whether the kernel confines by it, the profiles that are loaded, and the default one for containers.

What the default profile refuses is refused by other means already: capabilities, seccomp, read-only and masked paths. It holds
where one of those is opened: a container with CAP_SYS_ADMIN can't mount, one with open system paths can't write to the kernel's
settings, and none can trace or signal a process outside a container. None opens a socket of AF_ALG or AF_VSOCK, by whatever
system call: i386's socketcall(2) has its arguments where no seccomp filter can look.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from ...errors import HostError
from ..processes import procfs

MODULE = "/sys/module/apparmor/parameters/enabled"
PROFILES = "/sys/kernel/security/apparmor/profiles"  # lines as "name (enforce)"
OWN = (
    "/proc/self/attr/apparmor/current",
    "/proc/self/attr/current",
)  # of this process; the first from Linux 5.8 on
DEFAULT = (
    "pycontainer-default-2"  # another number for other rules: one that is loaded is not replaced
)

# apparmor.d(5). Nothing is included, so that it does not hang on the host's own abstractions. The patterns for /proc leave
# the processes' directories and /proc/sys/kernel/sh* (shared memory, of the IPC namespace); those for /sys its cgroups.
RULES = """\
profile %(name)s flags=(attach_disconnected, mediate_deleted) {
  network,
  deny network alg,
  deny network vsock,
  capability,
  file,
  umount,
  deny mount,

  deny /proc/* w,
  deny /proc/[^0-9s]*/** w,
  deny /proc/s[^y]*/** w,
  deny /proc/sys?*/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/k[^e]** w,
  deny /proc/sys/kernel/[^s]** w,
  deny /proc/sys/kernel/s[^h]** w,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,

  deny /sys/[^f]** wklx,
  deny /sys/f[^s]** wklx,
  deny /sys/fs/[^c]** wklx,
  deny /sys/fs/c[^g]** wklx,
  deny /sys/fs/cg[^r]** wklx,
  deny /sys/{firmware,devices/virtual/powercap,kernel/security}/** rwklx,

  signal (receive) peer=unconfined,
  signal (send, receive) peer=%(name)s,
  ptrace (trace, read, tracedby, readby) peer=%(name)s,
}
"""


def enabled() -> bool:
    """Whether processes can be confined: the module is on, and its files can be seen from here."""
    try:
        return procfs.read(MODULE).startswith("Y") and os.path.exists(PROFILES)
    except OSError:
        return False


def loaded() -> set[str] | None:
    """The names of all profiles that the kernel has; None where it does not tell, as without CAP_MAC_ADMIN or in a user namespace."""
    try:
        return {line.rpartition(" (")[0] for line in procfs.read(PROFILES, 1 << 24).splitlines()}
    except OSError:
        return None


def default() -> tuple[str | None, str]:
    """``(DEFAULT, "")``, or ``(None, why this host can't have it)``."""
    if not enabled():
        return None, "AppArmor is not enabled"
    names = loaded()
    if names is None:
        return None, "the engine may not manage AppArmor profiles"
    own = procfs.read(next(path for path in OWN if os.path.exists(path))).strip("\0\n")
    # as in a container of LXC's: its profiles are the host's, which decides what may follow on which
    if own != "unconfined" and not own.endswith(" (unconfined)"):
        return None, f"the engine is confined by AppArmor itself ({own})"
    if DEFAULT not in names and not _parser():
        return None, "apparmor_parser, which loads profiles, is not installed"
    return DEFAULT, ""


def ensure(profile: str | None) -> None:
    """Load ``profile`` if it is the default one and is not loaded yet, as after a boot. :raises HostError: it can't be loaded."""
    if profile != DEFAULT or DEFAULT in (loaded() or ()):
        return
    parser = _parser()
    if parser is None:
        raise HostError(
            f"AppArmor profile {DEFAULT} can't be loaded: apparmor_parser is not installed"
        )
    done = subprocess.run(
        [parser, "--replace", "--skip-cache"],
        input=RULES % {"name": DEFAULT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or DEFAULT not in (loaded() or ()):
        raise HostError(
            "AppArmor profile %s can't be loaded (security_opts: apparmor=unconfined does "
            "without): %s"
            % (DEFAULT, done.stdout.strip() or f"apparmor_parser ended with {done.returncode}")
        )


def _parser() -> str | None:
    return shutil.which("apparmor_parser", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
