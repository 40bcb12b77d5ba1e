# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``completion``: the shells' completion of the command line, and the words that it offers.

The script of a shell passes the words typed so far to ``pycontainer __complete -- WORD...``, whose
last word is the one to complete. Each line of the answer is a word, a tab and what it is. No line
at all: the shell offers names of files.
"""

from __future__ import annotations

import os

from .... import containers, images, networks, secrets, volumes
from ....engine import Engine
from ....errors import EngineError, InvalidInput
from ....images.model import manifest
from ... import command_table
from ...grammar import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...grammar import Command, Flag, Given
    from ...session import Session

    Words = Iterator[tuple[str, str]]  # a word, and what it is

SCRIPTS = {
    # COMP_WORDS has words that are split at ":" and "="; bash replaces what follows the last one.
    "bash": r"""
_pycontainer() {
    local line=${COMP_LINE:0:COMP_POINT} current="" begin word
    local -a words
    read -ra words <<< "$line"
    if [[ $line == *[[:space:]] ]]; then
        words+=("")
    fi
    current=${words[-1]}
    begin=${current%"${current##*[:=]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        [[ $word ]] && COMPREPLY+=("${word#"$begin"}")
    done < <("${words[0]}" __complete -- "${words[@]:1}" 2> /dev/null)
}
complete -o bashdefault -o default -F _pycontainer pycontainer
""",
    "zsh": r"""
#compdef pycontainer
_pycontainer() {
    local line
    local -a offered
    for line in "${(@f)$(${words[1]} __complete -- "${(@)words[2,CURRENT]}" 2> /dev/null)}"; do
        [[ -n $line ]] && offered+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#offered )); then
        _describe pycontainer offered
    else
        _files
    fi
}
compdef _pycontainer pycontainer
""",
    "fish": r"""
function __pycontainer_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l offered ($words[1] __complete -- $words[2..-1] "$current" 2> /dev/null | string match -v "")
    if test (count $offered) -gt 0
        printf '%s\n' $offered
    else
        __fish_complete_path $current
    end
end
complete -c pycontainer -f -a "(__pycontainer_complete)"
""",
}

STATES = {  # which containers a command has to do with, where not all
    "attach": ("running",),
    "container pause": ("running",),
    "exec": ("running",),
    "kill": ("running", "paused"),
    "pause": ("running",),
    "start": ("created", "exited"),
    "stop": ("running", "paused", "restarting"),
    "top": ("running",),
    "unpause": ("paused",),
}
VALUES = {  # of flags that take one of a few words
    "--arch": manifest.ARCHITECTURES,
    "--cgroupns": ("host", "private"),
    "--ipc": ("host", "none", "private", "shareable"),
    "--log-driver": (*("fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"),),
    "--os": manifest.SYSTEMS,
    "--pid": ("host",),
    "--pull": ("always", "missing", "never"),
    "--restart": ("always", "no", "on-failure", "unless-stopped"),
    "--type": ("container", "image", "network", "volume"),
    "--userns": ("auto", "host"),
}


def completion(session: Session, given: Given) -> None:
    """Print the script of a shell."""
    shell = given.words[0]
    if shell not in SCRIPTS:
        raise InvalidInput("SHELL", shell, ", ".join(SCRIPTS))
    session.say(*SCRIPTS[shell].strip("\n").split("\n"))


def offered(argv: list[str]) -> list[str]:
    """Return what can stand in place of the last word, a line for each; what cannot be known is
    left out.

    :param argv: the words after ``pycontainer``; those of the store (``--root DIR``) too.
    """
    place: dict[str, str | None] = {"--root": None, "--runroot": None}
    while len(argv) > 2 and argv[0] in place:
        place[argv[0]], argv = argv[1], argv[2:]
    current = argv[-1] if argv else ""

    def store() -> Engine:
        if os.geteuid() != 0:
            from ....rootless import enter

            enter.enter(True, place["--root"], place["--runroot"])
        from .... import nouns  # noqa: F401 # registers them; most words are found without

        return Engine(place["--root"], place["--runroot"], check=True)

    before, begin = argv[:-1], ""
    if current.startswith("--") and "=" in current:  # --flag=value
        name, _equals, value = current.partition("=")
        before, begin, current = [*before, name], name + "=", value
    try:
        words = list(_words(before, current, store))
    except EngineError:  # a damaged store
        words = []
    return [f"{begin}{word}\t{what}" for word, what in words if word.startswith(current)]


def _words(before: list[str], current: str, store: Callable[[], Engine]) -> Words:
    found = find(command_table.COMMANDS, before)
    if found is None:
        yield from _commands(before)
        return
    command, count = found
    words, flag = _place(command, before[count:])
    if flag is not None:
        yield from _values(flag, store)
    elif command.rest and words:
        return  # the container's own command
    elif current.startswith("-"):
        for other in command.flags:
            yield _long(other), other.help
    else:
        yield from _names(command, len(words), store)


def _commands(before: list[str]) -> Words:
    """Offer the commands, and the groups of commands, that begin with these words."""
    if not before:
        yield from command_table.GROUPS.items()
    if len(before) < 2:
        for command in command_table.COMMANDS:
            for name in command.names:
                words = name.split(" ")
                if words[:-1] == before:
                    yield words[-1], command.help


def _place(command: Command, given: list[str]) -> tuple[list[str], Flag | None]:
    """Return the words that are no flags, and the flag whose value comes next."""
    by_name = {name: flag for flag in command.flags for name in flag.names}
    words: list[str] = []
    waiting: Flag | None = None
    for word in given:
        if waiting is not None:
            waiting = None
        elif word.startswith("--"):
            flag = by_name.get(word)
            waiting = flag if flag is not None and flag.kind != "switch" else None
        elif word.startswith("-") and len(word) > 1:
            last = by_name.get("-" + word[-1])
            waiting = last if last is not None and last.kind != "switch" else None
        else:
            words.append(word)
            if command.rest:
                words += given[len(words) :]
                break
    return words, waiting


def _long(flag: Flag) -> str:
    return next((name for name in flag.names if name.startswith("--")), flag.names[0])


def _values(flag: Flag, store: Callable[[], Engine]) -> Words:
    name = _long(flag)
    for word in VALUES.get(name, ()):
        yield word, flag.help
    if name in ("--network", "--net"):
        for word in ("host", "none"):
            yield word, "network mode"
        yield from _networks(store)
    elif name == "--volumes-from":
        yield from _containers(store, ())


def _names(command: Command, number: int, store: Callable[[], Engine]) -> Words:
    """Offer what may be the command's word with this number, by its pattern."""
    pattern = command.takes.split()
    if not pattern or (number >= len(pattern) and "..." not in command.takes):
        return
    kind = pattern[min(number, len(pattern) - 1)].strip("[].")
    states = STATES.get(command.names[0], ())
    if kind == "SHELL":
        yield from ((shell, "shell") for shell in SCRIPTS)
    if kind in ("CONTAINER", "NAME", "NETWORK|CONTAINER"):
        yield from _containers(store, states)
    if kind in ("IMAGE", "NAME", "SOURCE", "NAME[:TAG]", "REPOSITORY[:TAG]"):
        yield from _images(store)
    if kind == "INDEX":
        yield from _indexes(store)
    if kind in ("VOLUME", "NAME") and command.names[0] != "volume create":
        yield from _volumes(store)
    if kind in ("SECRET", "CONFIG") and not command.names[0].endswith(" create"):
        yield from _secrets(store, kind.lower())
    if kind in ("NETWORK", "NAME", "NETWORK|CONTAINER") and command.names[0] != "network create":
        yield from _networks(store)


def _containers(store: Callable[[], Engine], states: tuple[str, ...]) -> Words:
    with store() as engine:
        for record in containers.every(engine):
            status = containers.status(engine.paths, record["id"])["status"]
            if not states or status in states:
                yield record["name"], f"container, {status}"


def _images(store: Callable[[], Engine]) -> Words:
    with store() as engine:
        for row in engine.db.all("SELECT reference FROM tags ORDER BY reference"):
            yield images.familiar(row["reference"]), "image"


def _indexes(store: Callable[[], Engine]) -> Words:
    from ....images.plans import indexes  # for the few commands that take one

    with store() as engine:
        for name in indexes.kept(engine):
            yield name, "index"


def _volumes(store: Callable[[], Engine]) -> Words:
    with store() as engine:
        for volume in volumes.listing(engine):
            yield volume["name"], "volume"


def _secrets(store: Callable[[], Engine], kind: str) -> Words:
    with store() as engine:
        for document in secrets.listing(engine, kind):
            yield document["Spec"]["Name"], kind


def _networks(store: Callable[[], Engine]) -> Words:
    with store() as engine:
        for network in networks.listing(engine):
            yield network["name"], "network"
