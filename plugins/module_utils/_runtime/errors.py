# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that a user can be shown: a small tree, one plain sentence in each.

Only ``_frontend.py`` and ``cli`` turn these into output. A message names the option or object, the value and what
would be accepted, and is complete on its own: it is often all that the user reads.
"""

from __future__ import annotations

import os

from .untrusted.text import printable, without_userinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    Value = TypeVar("Value")

LONGEST = 4000  # characters of a sentence, with the last lines of a program in it


class EngineError(Exception):
    """Base of all errors with a sentence for the user in them (``str(error)``).

    The sentence can be shown whatever is in it: control characters, line feeds and direction marks are escaped, and addresses
    name no user and no password. A class with ``lines`` keeps line feeds: its sentences go on with a program's last lines.
    """

    lines = False

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(without_userinfo(str(message)), LONGEST, lines=self.lines))


class InvalidInput(EngineError):
    """An option's value can't be used.

    ``option`` is the option's name as the user wrote it, ``value`` what was given, ``accepted`` what would do.
    """

    def __init__(self, option: str, value: Any, accepted: str) -> None:
        said = (
            f"{_given(value)!r:.1000} is not valid; accepted: "
            if value is not None
            else "missing; needed: "
        )
        super().__init__(f"{option}: {said}{accepted}")
        self.option, self.value, self.accepted = option, value, accepted


def _given(value: Any) -> Any:
    """Return what a user gave, for a sentence: Ansible adds each key that was left out, as None."""
    if isinstance(value, dict):
        return {key: _given(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [_given(entry) for entry in value if entry is not None]
    return value


class NotFound(EngineError):
    """An image, container, volume, network or path that was asked for does not exist."""


class Conflict(EngineError):
    """What is asked for clashes with something that exists: a name, an address, a port, an object in use."""


class Unsupported(EngineError):
    """This host can't do it: an old kernel, a missing library or controller. Says what is missing and who needs it."""


class HostError(EngineError):
    """The kernel or the file system refused a step. The message names the step, the object and the errno's text."""


class NoSpace(HostError):
    """There is no room left on the file system of the store."""


class ReadOnly(HostError):
    """The file system of the store is mounted read-only."""


class StoreDamaged(HostError):
    """The store's database is lost, broken, or not this engine's."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message
            + (
                "; pycontainer system check --repair keeps what is there aside and builds the "
                "database again from what lies beside it"
            )
        )


class RegistryError(EngineError):
    """A registry answered with an error, not at all, or with something that is not what was asked for."""


class Interrupted(RegistryError):
    """A transfer that broke off for good; what has come may be kept and continued another time."""


class Untrusted(EngineError):
    """An image that this host's policy or a task's ``verify`` does not accept, or that can't be checked as they ask."""


class ContainerFailed(EngineError):
    """A container did not start, or ended at once. ``logs`` has its last lines, ``exit_code`` what it ended with."""

    of_program = False  # whether execve(2) refused its program

    def __init__(self, message: str, exit_code: int | None = None, logs: str = "") -> None:
        super().__init__(message)
        self.exit_code, self.logs = exit_code, logs


def required(value: Value | None, what: str) -> Value:
    """Return ``value``, which an earlier step has set.

    :param what: what it is, for the sentence: "the build's workspace".
    :raises HostError: it is None, which is a defect.
    """
    if value is None:
        raise HostError(f"{what} is missing; this is a defect of pycontainer.engine")
    return value


def reason(error: BaseException, named: bool = False) -> str:
    """Return what an exception says, for a sentence.

    Of an OSError that is ``no such file or directory: /path``, without a number, or what was put in place of the system's
    words; of OpenSSL's its name for what is wrong, in words; of another exception its text.

    :param named: the sentence names the file already: leave its name out.
    """
    if isinstance(error, EngineError):
        return str(error)
    if not isinstance(error, OSError):
        return printable(error, 500) or type(error).__name__
    if type(error).__module__ == "ssl":  # its numbers are not the system's
        name = getattr(error, "reason", None)
        said = name.replace("_", " ") if name else str(error.strerror or error)
        return printable(said.partition(" (_ssl.c:")[0], 500).lower()
    number = error.errno
    if not number:
        return printable(error, 500)
    if number < 0:  # getaddrinfo(3) has numbers of its own, too
        return printable(error.strerror or error, 500).lower()
    names = [
        printable(os.fsdecode(name))
        for name in (error.filename, error.filename2)
        if isinstance(name, (str, bytes)) and not named
    ]
    return _words(number, error.strerror) + (": " + " and ".join(names) if names else "")


def _words(number: int, own: object) -> str:
    """Return the system's words for an error number, or an error's own ones.

    The name of a system call before them (kernel/calls/syscalls.py) says nothing to a user.
    """
    words = os.strerror(number)
    if not own or not isinstance(own, str):
        return words.lower()
    call, _colon, rest = own.rpartition(": ")
    if rest == words and (not call or call.isidentifier()):
        return words.lower()
    return printable(own.replace(words, words.lower()), 500)


def unexpected(error: BaseException, where: str) -> str:
    """One sentence for an exception that is not an :class:`EngineError`, at the end of a front end.

    :param where: how to see the traceback: "-vvv shows the traceback".
    """
    import errno

    kind, text = type(error).__name__, printable(error, 500)
    if isinstance(error, OSError) and error.errno:
        text = reason(error)
        if error.errno in (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EIO,
            errno.EROFS,
            errno.ENOMEM,
            errno.EMFILE,
            errno.ENFILE,
        ):
            return f"this host refused a step: {text} ({where})"
    elif isinstance(error, UnicodeEncodeError):
        return f"{printable(error.object, 100)!r} is not valid; accepted: text in UTF-8 ({where})"
    elif isinstance(error, ValueError) and text.startswith("embedded null "):
        return f"a value has a null character, which no path and no word of a command has ({where})"
    elif isinstance(error, MemoryError):
        return f"there is not enough memory for it on this host ({where})"
    return f"it failed unexpectedly: {kind}{': ' + text if text else ''}; this is a defect of pycontainer.engine ({where})"
