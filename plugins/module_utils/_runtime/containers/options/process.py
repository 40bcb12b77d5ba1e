# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about the process: what runs, as whom, where, with which environment and name."""

from __future__ import annotations

import os
import re
import shlex

from ...errors import InvalidInput, reason
from ...kernel.processes import signal_names
from ...options.forms import absolute, boolean, line, map_of, set_of, text, whole
from ...options.rows import (
    LIST,
    LIVE,
    MAP,
    RESTART,
    SET,
    Computed,
    Flag,
    Nowhere,
    Option,
    Shown,
    or_empty,
)
from ...untrusted import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ...options.rows import Definition, Parser

# With "_", which Docker does not refuse (moby #28988).
_HOSTNAME = re.compile(r"\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*", re.ASCII)
LONGEST_NAME = 64  # __NEW_UTS_LEN, uname(2)
LONGEST_FILE = 1 << 20  # bytes: no process can be started with more in its environment
ZONES = "/usr/share/zoneinfo"
IDS = 2**31  # user and group IDs are below


def command(value: Any, name: str) -> list[str]:
    """A list as it is.

    A text is split as a shell would, without a shell, as docker_container does.
    """
    if isinstance(value, (list, tuple)):
        return [text(item, name) for item in value]
    try:
        return shlex.split(text(value, name))
    except ValueError as error:
        raise InvalidInput(
            name, value, f"a list, or a text with balanced quotes ({error})"
        ) from None


def own_command(value: Any, name: str) -> list[str] | None:
    """The words of :func:`command`. None at all stand for the image's, as in Docker."""
    return command(value, name) or None


def words(definition: Definition, image: dict[str, Any]) -> list[str]:
    """Return what is handed to the entrypoint, or run without one.

    The image's command is its own entrypoint's: a container with another one does not get it.

    :param image: its ``config`` object.
    """
    own = definition.get("command")
    if own is None and not definition.get("entrypoint"):
        own = image.get("Cmd")
    return list(own or ())


def variable(value: Any, name: str) -> str:
    """An environment variable's name."""
    value = text(value, name)
    if not value or "=" in value:
        raise InvalidInput(name, value, "a variable's name, which is not empty and has no '='")
    return value


def lines_of(path: str, option: str) -> list[str]:
    """Read the lines of a file that an option names, which may be a pipe.

    :raises InvalidInput: naming the option, where the file can't be read or is too large.
    """
    try:
        data = files.read_given(path, LONGEST_FILE)
    except OSError as error:
        raise InvalidInput(
            option, path, f"a file on the host that can be read ({reason(error, named=True)})"
        ) from None
    except files.Unacceptable as error:
        raise InvalidInput(
            option, path, f"a file of at most {LONGEST_FILE} bytes ({error})"
        ) from None
    content = data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return content.split(
        "\n"
    )  # by line feeds alone: str.splitlines knows seven more ends of a line


def env_file(path: str) -> dict[str, str]:
    """Read the variables of an env file: ``NAME=value`` lines.

    Blank lines and those that begin with # are skipped. As in Docker, the value is taken as it
    stands: no quotes, no expansion.
    """
    result = {}
    for number, content in enumerate(lines_of(path, "env_file"), 1):
        content = content.lstrip()
        if not content or content.startswith("#"):
            continue
        key, equals, value = content.partition("=")
        if not equals or not key or key != key.strip():
            # Only the line's number: what stands there may be part of a secret.
            raise InvalidInput("env_file", f"{path} line {number}", "NAME=value")
        result[key] = value
    return result


def expanded(value: str, variables: Mapping[str, str]) -> str:
    """``value`` with ``$NAME`` and ``${NAME}`` replaced; a variable that is not there is empty."""
    return re.sub(
        r"\$(?:\{([^}]*)\}|([A-Za-z_]\w*))",
        lambda found: variables.get(found.group(1) or found.group(2) or "", ""),
        value,
        flags=re.ASCII,
    )


def annotation(value: Any, name: str) -> str:
    """An annotation's name. Those of the engine itself say whose user and namespaces it has."""
    word = line(value, name)
    if not word or word.startswith("org.pycontainer."):
        raise InvalidInput(name, value, "a name that does not begin with org.pycontainer.")
    return word


def timezone(value: Any, name: str) -> str:
    """``local``, or a zone's path below /usr/share/zoneinfo."""
    word = line(value, name)
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", word):
        raise InvalidInput(name, value, "local, or a time zone's name such as Europe/Berlin")
    return word


def zone(name: str) -> bytes:
    """Read a time zone of this host. :raises InvalidInput: it has none of this name."""
    path = "/etc/localtime" if name == "local" else f"{ZONES}/{name}"
    try:
        data = files.read(path, LONGEST_FILE, links=True)
    except files.Unacceptable as error:
        raise InvalidInput(
            "timezone", name, f"local, or a time zone of this host below {ZONES} ({error})"
        ) from None
    if not data.startswith(b"TZif"):  # tzfile(5)
        raise InvalidInput("timezone", name, f"a time zone of this host, which {path} is not")
    return data


def user(value: Any, name: str) -> str:
    """``user[:group]``, each a name or a number.

    They are looked up in the container's root when it starts.
    """
    value = line(value, name).strip()
    first, colon, second = value.partition(":")
    if not first or (colon and not second) or ":" in second:
        raise InvalidInput(name, value, "user, user:group, uid or uid:gid")
    for part in (first, second):
        if re.fullmatch(r"[-+]?\d+", part) and not 0 <= int(part) < IDS:
            raise InvalidInput(name, value, f"numbers from 0 to {IDS - 1}")
    return value


def group(value: Any, name: str) -> str:
    """A group's name or number."""
    value = line(value, name).strip()
    is_number = re.fullmatch(r"[-+]?\d+", value)
    if not value or ":" in value or (is_number and not 0 <= int(value) < IDS):
        raise InvalidInput(name, value, f"a group's name, or a number from 0 to {IDS - 1}")
    return value


def hostname(value: Any, name: str) -> str:
    value = line(value, name)
    if len(value) > LONGEST_NAME or not _HOSTNAME.fullmatch(value):
        raise InvalidInput(
            name,
            value,
            f"a host name of letters, digits, '-', '_' and '.', at most {LONGEST_NAME} characters",
        )
    return value


def _entry(file: str, fields: int) -> Parser:
    """A line of ``file``, which has that many fields."""

    def parse(value: Any, name: str) -> str:
        said = line(value, name)
        if said and said.count(":") != fields - 1:
            raise InvalidInput(
                name, said, f"a line of {file}, which has {fields} fields with colons between them"
            )
        return said

    return parse


def chrootdirs(value: Any, name: str) -> str:
    """Directories with commas between them."""
    said = value if isinstance(value, (list, tuple)) else line(value, name).split(",")
    return ",".join(absolute(entry, name) for entry in said if entry)


def umask(value: Any, name: str) -> str:
    """Octal digits, as four."""
    match = re.fullmatch(r"(?:0o?)?([0-7]{1,3})", str(value))
    if match is None or isinstance(value, bool):
        raise InvalidInput(name, value, "octal permissions from 0000 to 0777, such as '0027'")
    return match.group(1).rjust(4, "0")


def stop_signal(value: Any, name: str) -> str:
    """A signal's name (with or without SIG) or number, as its name: ``SIGTERM``, ``SIGRTMIN+3``."""
    word = text(value, name).strip().upper()
    number = signal_names.number(word)
    found = None if number is None else signal_names.name(number)
    if found is None:
        raise InvalidInput(
            name, value, "a signal's name or number, such as SIGTERM, 15 or SIGRTMIN+3"
        )
    if word.isdigit() or "+" in word or "-" in word:
        return found
    return word if word.startswith("SIG") else "SIG" + word  # of those with two names the given one


def systemd(value: Any, name: str) -> str:
    """``true``, ``always`` or ``false``, as Podman has it."""
    word = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
    if word not in ("true", "false", "always"):
        raise InvalidInput(name, value, "true, false or always")
    return str(word)


# What Podman takes for systemd.
SYSTEMD_PROGRAMS = ("/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init")


def runs_systemd(definition: Definition, arguments: Sequence[str]) -> bool:
    """Tell whether a container is set up for systemd as its process 1.

    :param arguments: the words of its command, the image's among them.
    """
    said = definition.get("systemd", "true")
    if said != "true":
        return bool(said == "always")
    if _why_not_systemd(definition):
        return False
    return arguments[0] in SYSTEMD_PROGRAMS or os.path.basename(arguments[0]) == "systemd"


def _why_not_systemd(definition: Definition) -> str:
    """Name the option with which systemd can't be process 1 of a container, or has no groups."""
    if definition.get("init"):
        return "init"
    return next(
        (
            f"{option} {definition[option]}"
            for option in ("pid_mode", "cgroupns_mode")
            if definition.get(option, "private") not in ("private", "")
        ),
        "",
    )


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    why = _why_not_systemd(definition)
    if definition.get("systemd") == "always" and why:
        raise InvalidInput(
            "systemd",
            "always",
            f"true or false, with {why}: systemd has to be process 1, with "
            "control groups of its own",
        )


def prepare(params: dict[str, Any]) -> None:
    """Make ``env`` of the variables of ``env_file``, in place. What ``env`` itself has wins."""
    paths = params.pop("env_file", None)
    if paths is None:
        return
    found: dict[str, Any] = {}
    for path in [paths] if isinstance(paths, str) else paths:
        if not os.path.isabs(path):
            raise InvalidInput("env_file", path, "an absolute path on the host")
        found.update(env_file(path))
    params["env"] = dict(found, **(params.get("env") or {}))


OPTIONS: tuple[Option, ...] = (
    Option(
        "command",
        "raw",
        own_command,
        default=None,
        compare=LIST,
        place="config.json process.args",
        inspect=Computed("Config.Cmd"),
        flag=Nowhere("the words after IMAGE are the command"),
        change=RESTART,
        description="""
        What to run, as a list, or as a string that is split as a shell would (without running
        one).

        The default is the image's command, unless O(entrypoint) names a program. An empty list is
        the same.
        """,
    ),
    Option(
        "entrypoint",
        "list",
        command,
        elements="str",
        default=None,
        compare=LIST,
        place="config.json process.args",
        inspect=Computed("Config.Entrypoint"),
        flag=Flag(
            "--entrypoint", "Entrypoint instead of the image's", kind="value", reads="program"
        ),
        change=RESTART,
        description="""
        The program that O(command) is handed to, instead of the image's. An empty list is for
        none.
        """,
    ),
    Option(
        "env",
        "dict",
        map_of(variable, text),
        compare=MAP,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag(
            "-e, --env",
            "Environment variable (NAME=value, or NAME to take it from here)",
            reads="apart",
        ),
        change=RESTART,
        description="""
        Environment variables, in addition to the image's. Booleans and nulls have to be quoted,
        and numbers that YAML does not keep as they are written, for example V("1.10") and
        V("0644").
        """,
    ),
    Option(
        "env_host",
        "bool",
        boolean,
        default=False,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag("--env-host", "All variables that are set here, too"),
        change=RESTART,
        description="""
        Whether the container gets the environment of the process that makes it, over the image's
        and under O(env): for a task that of the module on the host, with what the play's
        C(environment) has. It is taken when the container is made, and kept with it.
        """,
    ),
    Option(
        "env_merge",
        "dict",
        map_of(variable, text),
        compare=MAP,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag("--env-merge", "Variable made of the image's (PATH=/opt/bin:${PATH})", reads="="),
        change=RESTART,
        description="""
        Variables that are made of the image's: V(${NAME}) and V($NAME) stand for what the image
        has, for example V(/opt/bin:${PATH}). O(env) wins over them.
        """,
    ),
    Option(
        "unsetenv",
        "list",
        set_of(variable),
        elements="str",
        compare=SET,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag("--unsetenv", "Variable of the image or the engine that it does not get"),
        change=RESTART,
        description="Variables of the image, or of the engine's own, that are left out.",
    ),
    Option(
        "unsetenv_all",
        "bool",
        boolean,
        default=False,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag("--unsetenv-all", "No variables of the image or the engine"),
        change=RESTART,
        description="""
        Whether all variables of the image and of the engine's own are left out, C(PATH) among
        them. C(HOME) follows from the user all the same.
        """,
    ),
    Option(
        "http_proxy",
        "bool",
        boolean,
        default=False,
        place="config.json process.env",
        inspect=Computed("Config.Env"),
        flag=Flag("--http-proxy", "The variables of proxies that are set here, too"),
        change=RESTART,
        description="""
        Whether the container gets the variables C(http_proxy), C(https_proxy), C(ftp_proxy),
        C(no_proxy) and C(all_proxy), and the same in capitals, of the process that makes it, over
        the image's and under O(env). They are taken when the container is made. The default is
        V(false), as with Docker.
        """,
    ),
    Option(
        "annotations",
        "dict",
        map_of(annotation, text),
        compare=MAP,
        place="config.json annotations",
        inspect="HostConfig.Annotations",
        flag=Flag("--annotation", "Annotation of its OCI document (key=value)", reads="="),
        aliases=["annotation"],
        change=RESTART,
        description="Annotations of the container's OCI document.",
    ),
    Option(
        "timezone",
        "str",
        timezone,
        place="config.json mounts",
        inspect=Shown("Config.Timezone", or_empty),
        flag=Flag("--tz", "Time zone: Europe/Berlin, or local for the host's"),
        change=RESTART,
        description="""
        The container's time zone: V(local) for the host's, or a name below the host's
        C(/usr/share/zoneinfo), for example V(Europe/Berlin). It is in the container as
        C(/etc/localtime), as it was when the container was made. A variable C(TZ) of the image
        wins over it.
        """,
    ),
    Option(
        "user",
        "str",
        user,
        place="config.json annotations.org.pycontainer.user",
        inspect=Computed("Config.User"),
        flag=Flag("-u, --user", "user[:group]"),
        change=RESTART,
        description="""
        The user to run as, in the form V(user[:group]), by names of the image or by numbers. The
        default is the image's.
        """,
    ),
    Option(
        "groups",
        "list",
        set_of(group),
        elements="str",
        compare=SET,
        place="config.json annotations.org.pycontainer.groups",
        inspect=Shown("HostConfig.GroupAdd", unset=None),
        flag=Flag("--group-add", "Additional group"),
        aliases=["group_add"],
        change=RESTART,
        description="Groups (names or numbers) that the process has in addition.",
    ),
    Option(
        "passwd_entry",
        "str",
        _entry("/etc/passwd", 7),
        default="",
        place=Nowhere("it is written into the container's own /etc/passwd"),
        inspect="Config.PasswdEntry",
        flag=Flag("--passwd-entry", "Line of /etc/passwd for a user that has none"),
        description="""
        A line that a start adds to the container's /etc/passwd where that has none for the user
        whose number O(user) names. $USERNAME, $UID, $GID, $NAME and $HOME in it stand for the
        number of the user, twice, that of the group, V(container user), and the variable HOME or
        else O(working_dir). Without this option no line is added.
        """,
    ),
    Option(
        "group_entry",
        "str",
        _entry("/etc/group", 4),
        default="",
        place=Nowhere("it is written into the container's own /etc/group"),
        inspect="Config.GroupEntry",
        flag=Flag("--group-entry", "Line of /etc/group for a group that has none"),
        description="""
        A line that a start adds to the container's /etc/group where that has none for the group
        that the process runs with. $GROUPNAME, $GID and $USERLIST in it stand for the number of the
        group, twice, and that of the user. Without this option no line is added.
        """,
    ),
    Option(
        "chrootdirs",
        "str",
        chrootdirs,
        default="",
        place="config.json mounts",
        inspect=Shown("Config.ChrootDirs", lambda said: said.split(",") if said else None),
        flag=Flag("--chrootdirs", "Directories that have /etc/hosts and resolv.conf, too"),
        change=RESTART,
        description="""
        Directories of the container, with commas between them, that its process uses as roots of
        its own (chroot): /etc/hosts, /etc/hostname and /etc/resolv.conf are mounted below them as
        well.
        """,
    ),
    Option(
        "working_dir",
        "str",
        absolute,
        place="config.json process.cwd",
        inspect=Computed("Config.WorkingDir"),
        flag=Flag("-w, --workdir", "Working directory"),
        aliases=["workdir"],
        change=RESTART,
        description="""
        The directory that the process starts in. It is made if the image does not have it.
        """,
    ),
    Option(
        "umask",
        "str",
        umask,
        default="0022",
        place="config.json process.user.umask",
        inspect="Config.Umask",
        flag=Flag("--umask", "Permissions that its new files do not get, octal (0022)"),
        change=RESTART,
        description="""
        Permissions that the files which the process makes do not get, octal, as a string. The
        default is V('0022').
        """,
    ),
    Option(
        "hostname",
        "str",
        hostname,
        place="config.json hostname",
        inspect=Computed("Config.Hostname"),
        flag=Flag("-h, --hostname", "Host name"),
        change=RESTART,
        description="""
        The container's host name. The default is the beginning of its ID, or the host's name where it
        shares the host's network or host name.
        """,
    ),
    Option(
        "domainname",
        "str",
        hostname,
        place="config.json domainname",
        inspect=Shown("Config.Domainname", or_empty),
        flag=Flag("--domainname", "Domain name"),
        change=RESTART,
        description="The container's domain name.",
    ),
    Option(
        "init",
        "bool",
        boolean,
        default=False,
        place="run.json init",
        inspect="HostConfig.Init",
        flag=Flag("--init", "A small init as process 1"),
        change=RESTART,
        description="""
        Run a small process 1 that passes signals on and reaps orphans, with the command below it.
        """,
    ),
    Option(
        "systemd",
        "str",
        systemd,
        default="true",
        place=("config.json mounts", "config.json process.env", "run.json stop.signal"),
        inspect=Computed("Config.SystemdMode"),
        flag=Flag("--systemd", "Set it up for systemd as process 1: true, false or always"),
        description="""
        Whether the container is set up so that systemd can be its process 1: writable control
        groups of its own, a C(tmpfs) on C(/run), C(/run/lock) and C(/tmp), the variables
        C(container) and C(container_uuid), and C(SIGRTMIN+3) as the signal that stops it.

        V(true) does so when its command is C(/sbin/init), C(/usr/sbin/init),
        C(/usr/local/sbin/init) or a program called C(systemd). V(always) does so for any command,
        V(false) for none.

        With O(state=healthy), a container that is set up so and has no health check is waited for
        until C(systemctl is-system-running) says that it is up.

        The default is V(true).
        """,
    ),
    Option(
        "tty",
        "bool",
        boolean,
        default=False,
        place="config.json process.terminal",
        inspect="Config.Tty",
        flag=Flag("-t, --tty", "With a terminal"),
        change=RESTART,
        description="Give the process a terminal.",
    ),
    Option(
        "interactive",
        "bool",
        boolean,
        default=False,
        place="run.json interactive",
        inspect="Config.OpenStdin",
        flag=Flag("-i, --interactive", "Keep standard input open"),
        change=RESTART,
        description="Keep standard input open.",
    ),
    Option(
        "labels",
        "dict",
        map_of(line, text),
        compare=MAP,
        change=LIVE,
        place=Nowhere("labels are for those who ask, not for the container"),
        inspect=Computed("Config.Labels"),
        flag=(
            Flag("-l, --label", "Label (key=value)", reads="apart"),
            Flag("--label-file", "File of labels (key=value lines)", reads="apart"),
        ),
        aliases=["label"],
        description="Labels, in addition to the image's.",
    ),
    Option(
        "stop_signal",
        "str",
        stop_signal,
        change=LIVE,
        place="run.json stop.signal",
        inspect=Computed("Config.StopSignal"),
        flag=Flag("--stop-signal", "Signal that asks it to end"),
        description="""
        The signal that asks the process to end. The default is the image's, else V(SIGTERM).
        """,
    ),
    Option(
        "stop_timeout",
        "int",
        whole(0),
        change=LIVE,
        place="run.json stop.timeout",
        inspect=Computed("Config.StopTimeout"),
        flag=Flag("--stop-timeout", "Seconds until it is killed"),
        description="""
        Seconds to wait after that signal before the process is killed. The default is V(10).
        """,
    ),
)
