# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authenticate a registry's users: Basic authentication (RFC 7617) against a file.

The file has a line for each user, ``name:pbkdf2-sha512$rounds$salt$key`` (salt and key in base64).
Every Python and OpenSSL has PBKDF2, in FIPS mode too; no standard library has bcrypt, which
htpasswd(1) uses. A changed file is read again automatically.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import threading

from ...errors import EngineError, InvalidInput, reason
from ...untrusted import files
from ..content.answers import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Stamp = tuple[int, int, int]  # of a file: time of change, size, inode
    from .wire import Request


ROUNDS = 210000  # OWASP's figure for PBKDF2-HMAC-SHA512
MAX_SIZE = 4 << 20  # bytes of a file of users
DERIVING = 2  # keys that are derived at once
LOOK = 0.2  # seconds after which who waits for that looks whether its connection is still there
CACHE = 256  # credentials that were found right, remembered so that a pull of 20 layers doesn't derive 20 keys


def derive(password: str, salt: bytes | None = None, rounds: int = ROUNDS) -> str:
    """Return the second field of a user's line for ``password``."""
    salt = os.urandom(16) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return (
        f"pbkdf2-sha512${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
    )


def matches(password: str, secret: str) -> bool:
    """Tell whether ``password`` is the one that ``secret`` (from :func:`derive`) was made of."""
    _kind, rounds, salt, _key = secret.split("$")
    return hmac.compare_digest(derive(password, base64.b64decode(salt), int(rounds)), secret)


def check_name(name: str, option: str = "users") -> None:
    """:raises InvalidInput: where Basic authentication or the file can't carry a user's name."""
    if not name or ":" in name or not name.isprintable():
        raise InvalidInput(option, name, "a user's name of printable characters without a colon")


def write(users: dict[str, str]) -> str:
    """Return the file's text for ``{name: secret}``."""
    return "".join("%s:%s\n" % item for item in sorted(users.items()))


def parse(text: str, path: str) -> dict[str, str]:
    """Read a file's text as ``{name: secret}``. :raises InvalidInput: naming the line that is not a
    user's.
    """
    users = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, dummy, secret = line.partition(":")
        if not name or not re.fullmatch(
            r"pbkdf2-sha512\$[0-9]{1,8}\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+", secret
        ):
            raise InvalidInput(
                "users",
                f"{path}, line {number}",
                "lines of the form name:pbkdf2-sha512$rounds$salt$key, as the registry module and "
                "`pycontainer registry serve --help` describe them; htpasswd's forms are not read",
            )
        users[name] = secret
    return users


class Users:
    """The users in the file ``path``. While the file is unreadable or invalid, no user is admitted;
    at the server's start it is an error.
    """

    def __init__(self, path: str, log: Callable[[str], None]) -> None:
        self.path, self.log = path, log
        self._lock = threading.Lock()
        self._turn = threading.Condition()
        self._deriving: set[str] = set()  # addresses whose client's key is being derived
        self._key = os.urandom(32)
        self._right: dict[bytes, str] = {}  # user of an Authorization header's MAC
        self._stamp: Stamp | None
        self._stamp, self._users = self._read()
        self._nobody = derive("")

    def _read(self) -> tuple[Stamp, dict[str, str]]:
        status = os.stat(self.path)
        return (status.st_mtime_ns, status.st_size, status.st_ino), parse(
            files.read(self.path, MAX_SIZE, links=True).decode("utf-8"), self.path
        )

    def _current(self) -> dict[str, str]:
        with self._lock:
            try:
                status = os.stat(self.path)
                if (status.st_mtime_ns, status.st_size, status.st_ino) != self._stamp:
                    self._right = {}
                    self._stamp, self._users = self._read()
            except (OSError, ValueError, EngineError) as error:
                if self._users:
                    self.log(
                        f"users: nobody is let in until the file can be read again: {reason(error)}"
                    )
                self._users, self._right, self._stamp = {}, {}, None
            return self._users

    def require(self, request: Request, host: str, gone: Callable[[], bool]) -> str:
        """Return the name of the user who sent ``request``.

        :param host: its client's address. :param gone: whether its connection has been closed.
        :raises Refusal: UNAUTHORIZED. :raises ConnectionError: the connection has been closed.
        """
        users = self._current()
        header = request.headers.get("authorization", "")
        mark = hmac.new(
            self._key, header.encode("latin-1"), "sha256"
        ).digest()  # no password is kept in memory
        if self._right.get(mark) in users:
            return self._right[mark]
        given = _basic(header)
        if given is not None:
            name, password = given
            with self._at_turn(host, gone):
                right = matches(password, users.get(name, self._nobody)) and name in users
            if right:
                with self._lock:
                    if len(self._right) >= CACHE:
                        self._right.clear()
                    self._right[mark] = name
                return name
        raise Refusal(
            401,
            "UNAUTHORIZED",
            "user name and password are needed"
            if given is None
            else "user name or password is wrong",
            headers={"WWW-Authenticate": 'Basic realm="registry", charset="UTF-8"'},
        )

    @contextlib.contextmanager
    def _at_turn(self, host: str, gone: Callable[[], bool]) -> Iterator[None]:
        """Bound guessing to two cores, and to one for each address, so that wrong passwords do not
        keep others from logging in. Who is closed for others meanwhile leaves the queue.
        """
        with self._turn:
            while host in self._deriving or len(self._deriving) >= DERIVING:
                if gone():
                    raise ConnectionError("closed for another client")
                self._turn.wait(LOOK)
            self._deriving.add(host)
        try:
            yield
        finally:
            with self._turn:
                self._deriving.discard(host)
                self._turn.notify_all()


def _basic(header: str) -> tuple[str, str] | None:
    """Read an Authorization header as ``(name, password)``; return None for another one."""
    scheme, dummy, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = (
            base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
