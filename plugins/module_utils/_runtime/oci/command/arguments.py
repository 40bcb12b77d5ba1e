# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``pycontainer-oci``, runc's: a table of commands and options, and what reads a call by it.

An option is written ``--name value``, ``--name=value``, ``-n value`` or ``-nvalue``; flags with one letter can be put together.
In the table: ``name``, ``name|n`` with a letter, then ``=`` for a value, ``=#`` for a number, ``=*`` for one that can be given
several times; nothing for a flag.
"""

from __future__ import annotations

from ...errors import EngineError

GLOBAL = (
    "root=",
    "log=",
    "log-format=",
    "debug",
    "systemd-cgroup",
    "cgroup-manager=",
    "rootless=",
    "criu=",
    "version|v",
    "help|h",
)
_CREATE = (
    "bundle|b=",
    "console-socket=",
    "pid-file=",
    "no-pivot",
    "no-new-keyring",
    "preserve-fds=#",
    "config|f=",
    "no-subreaper",
    "pidfd-socket=",
)
_CRIU = (
    "image-path=",
    "work-path=",
    "tcp-established",
    "ext-unix-sk",
    "shell-job",
    "lazy-pages",
    "file-locks",
    "manage-cgroups-mode=",
    "empty-ns=*",
    "auto-dedup",
)

# command: (what it does, its arguments, how many at least, at most (None: any number), options)
COMMANDS = {
    "create": ("make a container and its process, which waits to be started", "ID", 1, 1, _CREATE),
    "start": ("execute the program of a created container", "ID", 1, 1, ()),
    "run": ("create and start a container", "ID", 1, 1, _CREATE + ("detach|d", "keep")),
    "state": ("print the state of a container", "ID", 1, 1, ()),
    "kill": (
        "send a signal, SIGTERM by default, to a container's process",
        "ID [SIGNAL]",
        1,
        2,
        ("all|a",),
    ),
    "delete": ("remove a container that has ended", "ID...", 1, None, ("force|f", "regex|r")),
    "exec": (
        "execute a further process in a container",
        "ID [COMMAND [ARGUMENT...]]",
        1,
        None,
        (
            "process|p=",
            "detach|d",
            "tty|t",
            "console-socket=",
            "pid-file=",
            "user|u=",
            "cwd=",
            "env|e=*",
            "cap|c=*",
            "additional-gids|g=*",
            "apparmor=",
            "process-label=",
            "no-new-privs",
            "preserve-fds=#",
            "cgroup=*",
            "ignore-paused",
            "pidfd-socket=",
        ),
    ),
    "list": ("list the containers", "", 0, 0, ("format|f=", "quiet|q")),
    "ps": ("list the processes of a container", "ID [PS-OPTION...]", 1, None, ("format|f=",)),
    "pause": ("freeze all processes of a container", "ID", 1, 1, ()),
    "resume": ("let a paused container go on", "ID", 1, 1, ()),
    "update": (
        "change the resource limits of a container",
        "ID",
        1,
        1,
        (
            "resources|r=",
            "blkio-weight=",
            "cpu-period=",
            "cpu-quota=",
            "cpu-share=",
            "cpu-rt-period=",
            "cpu-rt-runtime=",
            "cpu-burst=",
            "cpu-idle=",
            "cpuset-cpus=",
            "cpuset-mems=",
            "memory=",
            "memory-reservation=",
            "memory-swap=",
            "kernel-memory=",
            "kernel-memory-tcp=",
            "pids-limit=",
            "l3-cache-schema=",
            "mem-bw-schema=",
        ),
    ),
    "events": (
        "print resource usage and out-of-memory events of a container",
        "ID",
        1,
        1,
        ("stats", "interval="),
    ),
    "checkpoint": (
        "save a running container by CRIU, and end it",
        "ID",
        1,
        1,
        _CRIU
        + (
            "parent-path=",
            "leave-running",
            "pre-dump",
            "page-server=",
            "status-fd=#",
            "tcp-skip-in-flight",
            "link-remap",
        ),
    ),
    "restore": (
        "make a container of what checkpoint saved",
        "ID",
        1,
        1,
        _CRIU
        + (
            "bundle|b=",
            "console-socket=",
            "pid-file=",
            "detach|d",
            "no-pivot",
            "no-subreaper",
            "lsm-profile=",
            "lsm-mount-context=",
        ),
    ),
    "features": ("print what this runtime can do", "", 0, 0, ()),
    "spec": ("write a config.json to start from", "", 0, 0, ("bundle|b=", "rootless")),
}
IN_ORDER = ("exec", "ps")  # what follows the id belongs to the program


class Usage(EngineError):
    """The call is not one of these commands and options."""

    lines = True


class Call:
    """``command``: its name, None for none; ``options``: the global ones; ``given``: the command's, by name; ``arguments``: the rest.

    An option that is not given is False (a flag), 0 (a number), [] (several times) or None.
    """

    def __init__(self, command, options, given, arguments):
        self.command, self.options, self.given, self.arguments = command, options, given, arguments

    def __getitem__(self, name):
        return self.given[name]


def parse(argv):
    """The Call of an argument list without the program's name. :raises Usage:"""
    options, rest = _take(GLOBAL, argv, True, "")
    if not rest:
        return Call(None, options, {}, [])
    command = rest[0]
    if command in ("help", "h"):
        options["help"] = True
        return Call(rest[1] if len(rest) > 1 and rest[1] in COMMANDS else None, options, {}, [])
    if command not in COMMANDS:
        if "-h" in rest or "--help" in rest:
            raise Usage(f"No help topic for '{command}'; there are: {', '.join(COMMANDS)}")
        raise Usage(f"unknown command {command!r}; known: {', '.join(COMMANDS)}")
    _text, names, least, most, table = COMMANDS[command]
    given, arguments = _take(table + ("help|h",), rest[1:], command in IN_ORDER, command + ": ")
    if not given["help"] and (len(arguments) < least or most is not None and len(arguments) > most):
        raise Usage(
            "%s: %s; usage: %s"
            % (
                command,
                "an argument is missing"
                if len(arguments) < least
                else "too many arguments: %s" % " ".join(arguments[most:]),
                usage(command),
            )
        )
    return Call(command, options, given, arguments)


def usage(command):
    return " ".join(filter(None, ("pycontainer-oci", command, "[OPTION...]", COMMANDS[command][1])))


def help_text(command):
    """What ``--help`` prints, laid out as runc's; ``command``: one of them, or None."""
    if command is None:
        lines = [
            "NAME:",
            "   pycontainer-oci, with the commands of runc - Open Container Initiative runtime",
            "",
            "USAGE:",
            "   pycontainer-oci [OPTION...] COMMAND [OPTION...] [ARGUMENT...]",
            "",
            "COMMANDS:",
        ]
        lines += [f"   {name:10} {entry[0]}" for name, entry in COMMANDS.items()]
        table = GLOBAL
    else:
        lines = [
            "NAME:",
            f"   pycontainer-oci {command}, the same as runc {command} - {COMMANDS[command][0]}",
            "",
            "USAGE:",
            "   " + usage(command),
        ]
        table = COMMANDS[command][4]
    if table:
        lines += ["", "OPTIONS:"]
        for name, (letter, kind) in _read(table)[0].items():
            value = {"": "", "=": " VALUE", "=#": " NUMBER", "=*": " VALUE"}[kind]
            lines.append(
                "   %s--%s%s%s"
                % (
                    "-%s, " % letter if letter else "    ",
                    name,
                    value,
                    " (several times)" if kind == "=*" else "",
                )
            )
    return "\n".join(lines) + "\n"


def _read(table):
    """``({name: (letter or "", kind)}, {letter: name})``."""
    known, letters = {}, {}
    for entry in table:
        names, equals, kind = entry.partition("=")
        name, dummy, letter = names.partition("|")
        known[name] = (letter, equals + kind)
        if letter:
            letters[letter] = name
    return known, letters


_EMPTY = {"": False, "=": None, "=#": 0}


def _take(table, words, in_order, where):
    """Read the options at the front of ``words``, or anywhere in it: ``({name: value}, [the rest])``."""
    known, letters = _read(table)
    found = {name: [] if kind == "=*" else _EMPTY[kind] for name, (dummy, kind) in known.items()}
    rest, words = [], list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word[:1] != "-" or word == "-":
            rest.append(word)
            if in_order:
                rest += words
                break
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if word[:2] != "--" and name not in known:
            if (
                name[:1] in letters and known[letters[name[0]]][1] == "" and len(name) > 1
            ):  # flags together
                words[:0] = ["-" + name[0], "-" + word[2:]]
                continue
            if name[:1] in letters and len(name) > 1:
                equals, value = "=", word[2:]
            name = letters.get(name[:1])
        if name not in known:
            raise Usage(
                f"{where}unknown option {word}; known: {', '.join(('--' + each for each in known))}"
            )
        kind = known[name][1]
        if kind == "":
            if equals and value not in ("true", "false", "1", "0"):
                raise Usage(f"{where}option --{name} is a flag: {value!r} is not accepted")
            found[name] = value not in ("false", "0")
            continue
        if not equals:
            if not words:
                raise Usage(
                    f"{where}option --{name} needs a value (flag needs an argument)"
                )  # runc's words, which podman looks for
            value = words.pop(0)
        if kind == "=#":
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise Usage(f"{where}option --{name}: {value!r} is not a number")
            value = int(value)
        if kind == "=*":
            found[name].append(value)
        else:
            found[name] = value
    return found, rest
