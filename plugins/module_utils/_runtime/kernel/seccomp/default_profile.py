# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of a container that asks for none: equal in effect to Docker's default, as of August 2026.

Also the way from a profile in Docker's own form (``archMap``, ``includes``, ``excludes``) to OCI's.

Two rules are stricter than Docker's. Docker allows ``socket`` for families below 38, 39, and above 40, comparing 64 bits, while
the kernel looks at 32: family 38 + 2^32 is above 40 to the filter and AF_ALG to the kernel. Here the families are compared
by their lower 32 bits, and unknown ones from 64 on are refused (EPERM, where the kernel would say EAFNOSUPPORT).

And Docker allows i386's ``socketcall``, which every program can come to by int 0x80. Its arguments are in memory, where a filter can't
look, so it opens what ``socket`` refuses. Here it does not exist (ENOSYS) but for images of 32-bit x86, whose C libraries need it.
"""

from __future__ import annotations

from ...errors import InvalidInput
from ..calls import constants as c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Literal

    from .compiler import Profile, ProfileArgument, ProfileRule

_NATIVE = {"x86_64": ("SCMP_ARCH_X86_64", "amd64"), "aarch64": ("SCMP_ARCH_AARCH64", "arm64")}
_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
}

# Allowed whatever the capabilities; in the order of their numbers.
_ALLOWED = (
    "read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction "
    "rt_sigprocmask rt_sigreturn ioctl "
    "pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise "
    "shmget shmat shmctl dup dup2 pause "
    "nanosleep getitimer alarm setitimer getpid sendfile connect accept sendto recvfrom sendmsg "
    "recvmsg shutdown bind listen "
    "getsockname getpeername socketpair setsockopt getsockopt fork vfork execve exit wait4 kill "
    "uname semget semop semctl shmdt "
    "msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd "
    "chdir fchdir rename mkdir rmdir "
    "creat link unlink symlink readlink chmod fchmod chown fchown lchown umask gettimeofday "
    "getrlimit getrusage sysinfo times "
    "getuid getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid "
    "getgroups setgroups setresuid "
    "getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending "
    "rt_sigtimedwait rt_sigqueueinfo "
    "rt_sigsuspend sigaltstack utime mknod statfs fstatfs getpriority setpriority sched_setparam "
    "sched_getparam sched_setscheduler "
    "sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval mlock "
    "munlock mlockall munlockall prctl "
    "adjtimex setrlimit sync gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr "
    "fgetxattr listxattr llistxattr "
    "flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity "
    "sched_getaffinity set_thread_area io_setup "
    "io_destroy io_getevents io_submit io_cancel get_thread_area epoll_create epoll_ctl_old "
    "epoll_wait_old remap_file_pages "
    "getdents64 set_tid_address restart_syscall semtimedop fadvise64 timer_create timer_settime "
    "timer_gettime timer_getoverrun "
    "timer_delete clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl "
    "tgkill utimes mq_open mq_unlink "
    "mq_timedsend mq_timedreceive mq_notify mq_getsetattr waitid ioprio_set ioprio_get "
    "inotify_init inotify_add_watch "
    "inotify_rm_watch openat mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat "
    "linkat symlinkat readlinkat fchmodat "
    "faccessat pselect6 ppoll set_robust_list get_robust_list splice tee sync_file_range vmsplice "
    "utimensat epoll_pwait signalfd "
    "timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 "
    "epoll_create1 dup3 pipe2 "
    "inotify_init1 preadv pwritev rt_tgsigqueueinfo recvmmsg fanotify_mark prlimit64 "
    "name_to_handle_at clock_adjtime syncfs "
    "sendmmsg getcpu sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create "
    "execveat membarrier mlock2 "
    "copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq "
    "uretprobe pidfd_send_signal "
    "pidfd_open close_range openat2 faccessat2 epoll_pwait2 landlock_create_ruleset "
    "landlock_add_rule landlock_restrict_self "
    "memfd_secret process_mrelease futex_waitv cachestat fchmodat2 map_shadow_stack futex_wake "
    "futex_wait futex_requeue statmount "
    "listmount mseal setxattrat getxattrat listxattrat removexattrat waitpid ipc sigreturn "
    "sigprocmask _llseek "
    "_newselect ugetrlimit mmap2 truncate64 ftruncate64 stat64 lstat64 fstat64 lchown32 getuid32 "
    "getgid32 geteuid32 getegid32 "
    "setreuid32 setregid32 getgroups32 setgroups32 fchown32 setresuid32 getresuid32 setresgid32 "
    "getresgid32 chown32 setuid32 "
    "setgid32 setfsuid32 setfsgid32 fcntl64 sendfile64 statfs64 fstatfs64 fadvise64_64 fstatat64 "
    "clock_gettime64 clock_adjtime64 "
    "clock_getres_time64 clock_nanosleep_time64 timer_gettime64 timer_settime64 timerfd_gettime64 "
    "timerfd_settime64 "
    "utimensat_time64 pselect6_time64 ppoll_time64 io_pgetevents_time64 recvmmsg_time64 "
    "mq_timedsend_time64 mq_timedreceive_time64 "
    "semtimedop_time64 rt_sigtimedwait_time64 futex_time64 sched_rr_get_interval_time64 send recv"
)
_OF_ARCHITECTURE = {
    "x86_64": "arch_prctl modify_ldt",
    "aarch64": "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
}

# What a capability adds.
_OF_CAPABILITY = {
    "CAP_SYS_ADMIN": (
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
        "lsm_get_self_attr lsm_list_modules "
        "lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl "
        "quotactl_fd setdomainname sethostname "
        "setns syslog umount umount2 unshare"
    ),
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "init_module finit_module delete_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    "CAP_SYS_RAWIO": "iopl ioperm",
    "CAP_SYS_TIME": "settimeofday stime clock_settime clock_settime64",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
}

# PER_LINUX and PER_LINUX32, each also with UNAME26, and the question which one it is.
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# CLONE_NEW* but NEWTIME: flags that need CAP_SYS_ADMIN.
_NAMESPACES = (
    c.CLONE_NEWNS
    | c.CLONE_NEWCGROUP
    | c.CLONE_NEWUTS
    | c.CLONE_NEWIPC
    | c.CLONE_NEWUSER
    | c.CLONE_NEWPID
    | c.CLONE_NEWNET
)
# All address families below 64 but AF_ALG (38, CVE-2026-31431) and AF_VSOCK (40), as (bits that must be, their values).
_FAMILIES = (
    (0xFFFFFFE0, 0),  # 0 to 31
    (0xFFFFFFFC, 32),  # 32 to 35
    (0xFFFFFFFE, 36),  # 36, 37
    (0xFFFFFFFF, 39),
    (0xFFFFFFFF, 41),
    (0xFFFFFFFE, 42),  # 42, 43
    (0xFFFFFFFC, 44),  # 44 to 47
    (0xFFFFFFF0, 48),  # 48 to 63
)


# What a profile in Docker's form has in common with OCI's.
_TAKEN: tuple[
    Literal["defaultAction", "defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"], ...
] = ("defaultAction", "defaultErrnoRet", "flags", "listenerPath", "listenerMetadata")
_TAKEN_OF_RULES: tuple[Literal["action", "errnoRet", "args"], ...] = ("action", "errnoRet", "args")


def default_profile(
    capabilities: Collection[str],
    kernel_version: tuple[int, int],
    arch: str = c.MACHINE,
    image: str = "",
) -> Profile:
    """Docker's default as an OCI ``linux.seccomp`` dict.

    :param capabilities: full names of those in the container's bounding set. :param kernel_version: ``(major, minor)``.
    :param image: the architecture of the container's image, in OCI's words.
    """
    if arch not in _ARCHITECTURES:
        raise InvalidInput("seccomp", arch, "an architecture among " + ", ".join(_ARCHITECTURES))
    names = (_ALLOWED + " " + _OF_ARCHITECTURE[arch]).split()
    if kernel_version >= (4, 8):  # before it a tracer could get around a filter
        names += ["ptrace", "process_vm_readv", "process_vm_writev"]
    for capability in capabilities:
        names += _OF_CAPABILITY.get(capability, "").split()
    if image == "386":
        names.append("socketcall")
    rules: list[ProfileRule] = [{"names": sorted(set(names)), "action": "SCMP_ACT_ALLOW"}]
    if image != "386" and "SCMP_ARCH_X86" in _ARCHITECTURES[arch]:
        rules.append({"names": ["socketcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38})
    rules += [_allow("personality", 0, "SCMP_CMP_EQ", value) for value in _PERSONALITIES]
    rules += [_allow("socket", 0, "SCMP_CMP_MASKED_EQ", mask, family) for mask, family in _FAMILIES]
    if "CAP_SYS_ADMIN" not in capabilities:
        rules.append(_allow("clone", 0, "SCMP_CMP_MASKED_EQ", _NAMESPACES, 0))
        # Its flags are in memory, where a filter can't look; the C library then takes clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": list(_ARCHITECTURES[arch]),
        "syscalls": rules,
    }


def _allow(name: str, index: int, operator: str, value: int, value_two: int = 0) -> ProfileRule:
    argument: ProfileArgument = {
        "index": index,
        "value": value,
        "valueTwo": value_two,
        "op": operator,
    }
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]}


def from_docker(
    document: Any,
    capabilities: Collection[str],
    kernel_version: tuple[int, int],
    arch: str = c.MACHINE,
) -> Profile:
    """A profile in Docker's form, or already in OCI's, as an OCI ``linux.seccomp`` dict for one container on this host.

    :raises InvalidInput: it is neither.
    """
    if not isinstance(document, dict) or "defaultAction" not in document:
        raise InvalidInput(
            "seccomp profile",
            type(document).__name__,
            "a JSON object with defaultAction and syscalls",
        )
    if document.get("archMap") and document.get("architectures"):
        raise InvalidInput("seccomp profile", "archMap and architectures", "one of the two")
    profile: Profile = {}
    for key in _TAKEN:
        if key in document:
            profile[key] = document[key]
    profile["architectures"] = list(document.get("architectures") or [])
    native, short = _NATIVE.get(arch, ("", ""))
    for entry in document.get("archMap") or []:
        if entry.get("architecture") == native:
            profile["architectures"] = [native, *(entry.get("subArchitectures") or [])]
    profile["syscalls"] = []
    for entry in document.get("syscalls") or []:
        if entry.get("name") and entry.get("names"):
            raise InvalidInput("seccomp syscalls", entry["name"], "name or names, not both")
        if not _applies(
            entry.get("includes") or {},
            entry.get("excludes") or {},
            set(capabilities),
            kernel_version,
            short,
        ):
            continue
        rule: ProfileRule = {}
        for part in _TAKEN_OF_RULES:
            if entry.get(part) is not None:
                rule[part] = entry[part]
        rule["names"] = entry.get("names") or [entry.get("name")]
        profile["syscalls"].append(rule)
    return profile


def _applies(
    includes: dict[str, Any],
    excludes: dict[str, Any],
    capabilities: set[str],
    kernel_version: tuple[int, int],
    arch: str,
) -> bool:
    """Whether an entry holds: everything of ``includes`` must be so, nothing of ``excludes`` may be."""
    if includes.get("arches") and arch not in includes["arches"]:
        return False
    if includes.get("caps") and not capabilities.issuperset(includes["caps"]):
        return False
    if includes.get("minKernel") and kernel_version < _version(includes["minKernel"]):
        return False
    if arch in (excludes.get("arches") or []) or capabilities.intersection(
        excludes.get("caps") or []
    ):
        return False
    return not (excludes.get("minKernel") and kernel_version >= _version(excludes["minKernel"]))


def _version(text: Any) -> tuple[int, int]:
    parts = str(text).split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise InvalidInput("seccomp minKernel", text, "major.minor")
    return int(parts[0]), int(parts[1])
