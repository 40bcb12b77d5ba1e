# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about the process: what runs, as whom, where, with which environment and name."""

from __future__ import annotations

import os
import re
import shlex
import signal

from ...errors import InvalidInput
from ...untrusted import files
from .table import Option, absolute, flag, line, listed, mapped, text, whole

_HOSTNAME = re.compile(
    r"\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*", re.ASCII
)  # with "_", which Docker does not refuse (moby #28988)


def command(value, name):
    """A list as it is; a text split as a shell would, without a shell (docker_container's ``correct`` handling)."""
    if isinstance(value, (list, tuple)):
        return [text(item, name) for item in value]
    try:
        return shlex.split(text(value, name))
    except ValueError as error:
        raise InvalidInput(
            name, value, f"a list, or a text with balanced quotes ({error})"
        ) from None


def variable(value, name):
    value = text(value, name)
    if not value or "=" in value:
        raise InvalidInput(name, value, "a variable's name, which is not empty and has no '='")
    return value


LONGEST_FILE = 1 << 20  # bytes: no process can be started with more in its environment


def lines_of(path, option):
    """The lines of a file that an option names, which may be a pipe."""
    try:
        data = files.read_given(path, LONGEST_FILE)
    except OSError as error:
        raise InvalidInput(
            option, path, f"a file on the host that can be read ({error.strerror})"
        ) from None
    except files.Unacceptable as error:
        raise InvalidInput(
            option, path, "a file of at most %d bytes (%s)" % (LONGEST_FILE, error)
        ) from None
    text = data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")  # by line feeds alone: str.splitlines knows seven more ends of a line


def env_file(path):
    """The variables of an env file: ``NAME=value`` lines; blank lines and lines that begin with # are skipped.

    As in Docker, the value is taken as it stands (no quotes, no expansion).
    """
    result = {}
    for number, content in enumerate(lines_of(path, "env_file"), 1):
        content = content.lstrip()
        if not content or content.startswith("#"):
            continue
        key, equals, value = content.partition("=")
        if not equals or not key or key != key.strip():
            raise InvalidInput(
                "env_file", "%s line %d" % (path, number), "NAME=value"
            )  # what stands there may be part of a secret
        result[key] = value
    return result


def user(value, name):
    """``user[:group]``, each a name or a number; resolved inside the container's root when it starts."""
    value = line(value, name).strip()
    first, colon, second = value.partition(":")
    if not first or (colon and not second) or ":" in second:
        raise InvalidInput(name, value, "user, user:group, uid or uid:gid")
    for part in (first, second):
        if re.fullmatch(r"[-+]?\d+", part) and not 0 <= int(part) < 2**31:
            raise InvalidInput(name, value, "numbers from 0 to %d" % (2**31 - 1))
    return value


def group(value, name):
    value = line(value, name).strip()
    if (
        not value
        or ":" in value
        or (re.fullmatch(r"[-+]?\d+", value) and not 0 <= int(value) < 2**31)
    ):
        raise InvalidInput(name, value, "a group's name, or a number from 0 to %d" % (2**31 - 1))
    return value


def hostname(value, name):
    value = line(value, name)
    if len(value) > 64 or not _HOSTNAME.fullmatch(value):  # 64: __NEW_UTS_LEN, uname(2)
        raise InvalidInput(
            name, value, "a host name of letters, digits, '-', '_' and '.', at most 64 characters"
        )
    return value


def stop_signal(value, name):
    """A signal by name (with or without SIG) or number: its name, ``SIGRTMIN+3`` included."""
    word = text(value, name).strip().upper()
    if word.isascii() and word.isdigit():
        number = int(word)
        if signal.SIGRTMIN < number <= signal.SIGRTMAX:
            return "SIGRTMIN+%d" % (number - signal.SIGRTMIN)
        if number in set(signal.Signals):
            return signal.Signals(number).name
        raise InvalidInput(name, value, "a signal's name or number")
    word = word if word.startswith("SIG") else "SIG" + word
    match = re.fullmatch(r"SIGRT(MIN\+|MAX-)(\d+)", word)
    if match:
        number = (
            signal.SIGRTMIN + int(match.group(2))
            if match.group(1) == "MIN+"
            else signal.SIGRTMAX - int(match.group(2))
        )
        if signal.SIGRTMIN < number < signal.SIGRTMAX:
            return "SIGRTMIN+%d" % (number - signal.SIGRTMIN)
    elif word in signal.Signals.__members__:
        return word
    raise InvalidInput(name, value, "a signal's name or number, such as SIGTERM, 15 or SIGRTMIN+3")


def signal_number(name):
    """The number of a signal in normal form."""
    if name.startswith("SIGRTMIN+"):
        return int(signal.SIGRTMIN) + int(name[9:])
    return int(signal.Signals[name])


def working_dir(value, name):
    return absolute(value, name)


def prepare(params):
    """Options that stand for others: the variables of ``env_file`` become ``env``, where ``env`` itself wins."""
    path = params.pop("env_file", None)
    if path is not None:
        if not os.path.isabs(path):
            raise InvalidInput("env_file", path, "an absolute path on the host")
        params["env"] = dict(env_file(path), **(params.get("env") or {}))


OPTIONS = (
    Option("command", command, None, "list"),
    Option("entrypoint", command, None, "list"),
    Option("env", mapped(variable, text), {}, "map"),
    Option("user", user, None),
    Option("groups", listed(group, as_set=True), [], "set"),
    Option("working_dir", working_dir, None),
    Option("hostname", hostname, None),
    Option("domainname", hostname, None),
    Option("init", flag, False),
    Option("tty", flag, False),
    Option("interactive", flag, False),
    Option("labels", mapped(line, text), {}, "map", live=True),
    Option("stop_signal", stop_signal, None, live=True),
    Option("stop_timeout", whole(0), None, live=True),
)

# Written in a task, but no part of the normal form.
