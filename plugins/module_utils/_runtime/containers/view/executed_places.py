# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places of the host from which it executes programs or takes commands: who can write there gets
them executed.

The host is asked where it says so itself: the directories that commands and libraries are looked
for in, homes, the programs that units and cron tables name, executable files below /etc. The rest
are names that have a fixed meaning (``FIXED``).
"""

from __future__ import annotations

import functools
import glob
import os
import re
import stat

from ...untrusted import files
from ..spec import config_json

# Libraries, units, hooks and modules of the kernel come with the system; service managers, cron and
# at, shells, the loader, PAM, sudo and package managers read what to execute from these.
FIXED = (
    "/lib /lib32 /lib64 /libx32 /usr/lib /usr/lib32 /usr/lib64 /usr/libexec /usr/local/lib "
    "/usr/local/lib64 /usr/local/libexec /usr/share /usr/local/share "
    "/boot /etc/systemd /run/systemd /etc/init.d /etc/inittab /etc/rc.d /etc/rc.local "
    "/etc/rc.conf /etc/conf.d /etc/default /etc/sysconfig /etc/init "
    "/etc/cron* /etc/anacrontab /etc/at.* /var/spool/cron /var/spool/at /var/spool/anacron "
    "/etc/profile /etc/profile.d /etc/bash* /etc/zsh* /etc/csh* "
    "/etc/fish /etc/environment /etc/environment.d /etc/skel /etc/ld.so.* /etc/pam.d "
    "/etc/pam.conf /etc/security /etc/sudo* /etc/doas.conf /etc/passwd "
    "/etc/shadow /etc/group /etc/gshadow /etc/ssh /etc/nsswitch.conf /etc/apt /etc/dpkg /etc/dnf "
    "/etc/yum* /etc/zypp /etc/apk /etc/pacman* "
    "/etc/udev /etc/modprobe.d /etc/modules* /etc/sysctl* /etc/binfmt.d /etc/tmpfiles.d "
    "/etc/sysusers.d /etc/fstab /etc/crypttab /etc/exports /etc/aliases "
    "/etc/logrotate* /etc/polkit-1 /etc/dbus-1 /etc/xdg /etc/X11 /etc/alternatives /etc/python* "
    "/etc/perl /etc/network /etc/NetworkManager /etc/docker "
    "/etc/containers /etc/containerd /etc/pycontainer /etc/selinux /etc/apparmor* "
    "/var/lib/dpkg /var/lib/rpm /var/lib/pacman /usr/src /nix /snap /var/lib/snapd /run/udev/rules.d "
    "/etc/grub.d /etc/kernel /etc/initramfs-tools /etc/dracut* /etc/ppp /etc/dhcp /etc/acpi "
    "/etc/update-motd.d /etc/gitconfig /etc/ssl/openssl.cnf /etc/pki/tls/openssl.cnf /etc/ansible "
    "/etc/salt /etc/puppet /etc/puppetlabs"
).split()
INERT = "/usr/share/zoneinfo"  # where /etc/localtime leads
PEOPLE, NOBODY = 1000, 65534  # login.defs(5): UID_MIN
LARGEST, MOST = (
    1 << 20,
    2000,
)  # bytes of a file that is read, entries of a directory below /etc that are looked at
TABLES = (
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.d/*",
    "/var/spool/cron/*",
    "/var/spool/cron/crontabs/*",
)
UNITS = (
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.service.d/*.conf",
    "/etc/systemd/user/*.service",
    "/run/systemd/system/*.service",
    "/usr/local/lib/systemd/system/*.service",
    "/usr/lib/systemd/system/*.service",
)
# Programs whose first argument that is a path is executed as well, or gone to.
CARRIERS = re.compile(
    r"(?:ba|da|k|z)?sh|python[0-9.]*|perl|ruby|node|nodejs|php[0-9.]*|java|env|nice|ionice|nohup|exec|cd|"
    r"sudo|runuser|setpriv|flock|timeout|uv|bundle"
)


def leads_to(path: str) -> bool:
    """Tell whether who writes at ``path`` of the host, or below, gets something executed on the
    host.
    """
    for way in (os.path.normpath(path), os.path.realpath(path)):
        if _within(way, INERT):
            continue
        if any(_within(way, place) or _within(place, way) for place in places()):
            return True
        if any(_within(home, way) or _in_home(way, home) for home in _homes()):
            return True
        if _within(way, "/etc") and way != "/etc" and _holds_executables(way):
            return True
    return False


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _in_home(path: str, home: str) -> bool:
    """Tell whether a path below a home is one whose name begins with a dot.

    Those are files of shells, SSH, services, desktops and programs of the user's own.
    """
    return _within(path, home) and path != home and path[len(home) :].lstrip("/").startswith(".")


@functools.lru_cache(maxsize=1)
def places() -> frozenset[str]:
    """Return the paths, each as it is written and as the kernel finds it. Looked up once in a
    process.
    """
    found = set(config_json.DEFAULT_PATH.split(":")) | set(os.environ.get("PATH", "").split(":"))
    for file, pattern in (
        ("/etc/environment", r"^PATH=[\"']?([^\"'\s]+)"),
        ("/etc/login.defs", r"^ENV_(?:SU)?PATH\s+(?:PATH=)?(\S+)"),
    ):
        for value in re.findall(pattern, _text(file), re.M):
            found.update(value.split(":"))
    for file in ["/etc/ld.so.conf", *glob.glob("/etc/ld.so.conf.d/*.conf")]:
        found.update(line.strip() for line in _text(file).splitlines())
    for name in FIXED:
        found.update(glob.glob(name) if "*" in name else [name])
    for file in (file for pattern in UNITS for file in glob.glob(pattern)):
        found |= _of_unit(_text(file))
    for file in (file for pattern in TABLES for file in glob.glob(pattern)):
        found.update(
            re.findall(
                r"(?:^|\s)(/[^\s;|&<>\"']+)",
                "\n".join(
                    line for line in _text(file).splitlines() if not line.lstrip().startswith("#")
                ),
            )
        )
    # what leads nowhere or is every program's is no place: a table names /dev/null, too
    found = {
        os.path.normpath(path)
        for path in found
        if path.startswith("/") and not path.startswith(("/dev/", "/proc/", "/tmp/"))
    }
    return frozenset((found | {os.path.realpath(path) for path in found}) - {"/", "//"})


def _of_unit(text: str) -> set[str]:
    """Return the programs that a unit names, scripts of interpreters among them, the directory that
    such a script may lie in, and the files of its environment.
    """
    found, carried, directories = set(), False, set()
    for line in text.replace("\\\n", " ").splitlines():
        key, _equals, value = line.partition("=")
        value = value.lstrip("-@:+!|~")
        if key == "EnvironmentFile":
            found.add(value.strip())
        elif key == "WorkingDirectory":
            directories.add(value.strip())
        elif key.startswith("Exec"):
            programs = _programs(value)
            found.update(programs)
            carried = carried or any(CARRIERS.fullmatch(os.path.basename(one)) for one in programs)
    return found | directories if carried else found


def _programs(line: str) -> list[str]:
    """Return the paths of a command line that are executed, not those that are other arguments."""
    found = []
    for separator in ";&|\"'":
        line = line.replace(separator, " ; ")
    for part in line.split(" ; "):
        for word in part.split():
            if word.startswith("-") or "=" in word:
                continue
            if word.startswith("/"):
                found.append(word)
            if not CARRIERS.fullmatch(os.path.basename(word)):
                break
    return found


@functools.lru_cache(maxsize=1)
def _homes() -> frozenset[str]:
    """Return the homes of root and of the people in /etc/passwd, whose ids are not those of
    services.
    """
    found = {"/root"}
    for line in _text("/etc/passwd").splitlines():
        words = line.split(":")
        if (
            len(words) == 7
            and words[2].isdigit()
            and (words[2] == "0" or PEOPLE <= int(words[2]) < NOBODY)
            and words[5].startswith("/")
            and words[5] != "/"
        ):
            found.add(os.path.normpath(words[5]))
    return frozenset(found)


def _holds_executables(path: str) -> bool:
    """Tell whether a file is a program or an executable script, or one of the first below a
    directory is.
    """
    todo, seen = [path], 0
    while todo and seen < MOST:
        path = todo.pop()
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & 0o111 and _begins_a_program(path):
                return True
            if stat.S_ISDIR(mode):
                with os.scandir(path) as entries:
                    todo += [entry.path for entry in entries]
        except (OSError, files.Unacceptable):
            pass
        seen += 1
    return False


def _begins_a_program(path: str) -> bool:
    with open(files.open_regular(path), "rb") as file:
        return file.read(4).startswith((b"#!", b"\x7fELF"))


def _text(path: str) -> str:
    try:
        return files.read(path, LARGEST, links=True).decode("utf-8", "replace")
    except files.Unacceptable:
        return ""
