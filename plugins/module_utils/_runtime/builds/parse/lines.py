# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Split a Containerfile's text into instructions: directives, comments, continued lines, heredocs.

Nothing is expanded here.

Source: the Dockerfile reference ("Format", "Parser directives", "Here-documents").
"""

from __future__ import annotations

import re

from ...errors import EngineError
from ...untrusted import json_reader
from . import expansion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    RawFlag = tuple[str, "str | None"]  # (name, value)


HEREDOC_NAMES = ("ADD", "COPY", "RUN")
DIRECTIVES = ("syntax", "escape", "check")
MAX_SIZE = 8 << 20  # bytes of a Containerfile

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<]*)$")


class BadFile(EngineError):
    """A Containerfile that can't be read.

    ``line``: the number of the line, from 1; ``message``: the sentence without file and line.
    """

    line: int
    message: str

    def __init__(self, line: int, message: str, name: str = "Containerfile") -> None:
        super().__init__(f"{name}:{line}: {message}")
        self.line, self.message = line, message


class Heredoc:
    """A here-document of RUN, COPY or ADD.

    :ivar name: its delimiter.
    :ivar content: as written.
    :ivar expand: whether variables in it stand for their values.
    :ivar tabs: whether leading tabs go (``<<-``).
    """

    def __init__(self, name: str, expand: bool, tabs: bool) -> None:
        self.name, self.expand, self.tabs, self.content = name, expand, tabs, ""

    @property
    def text(self) -> str:
        """The content without the tabs that ``<<-`` takes away."""
        return re.sub(r"(?m)^\t+", "", self.content) if self.tabs else self.content


class Raw:
    """One instruction as written.

    :ivar name: in capitals.
    :ivar rest: what follows name and flags, on one line.
    :ivar flags: in their order; value None where there is no ``=``.
    :ivar line: number of its first line, from 1.
    :ivar end: of its last.
    :ivar original: its text.
    :ivar written: the name as written.
    :ivar comments: the comments right above it, without ``#``.
    :ivar gap: whether a continued line of it is empty.
    """

    written: str
    comments: list[str]
    gap: bool

    def __init__(
        self,
        name: str,
        rest: str,
        flags: list[RawFlag],
        heredocs: list[Heredoc],
        line: int,
        end: int,
        original: str,
    ) -> None:
        self.name, self.rest, self.flags, self.heredocs = name, rest, flags, heredocs
        self.line, self.end, self.original = line, end, original
        self.written, self.comments, self.gap = name, [], False


class File:
    """A Containerfile as read.

    :ivar escape: the escape character.
    :ivar directives: ``{name: value}`` of its parser directives.
    """

    def __init__(self, instructions: list[Raw], escape: str, directives: dict[str, str]) -> None:
        self.instructions, self.escape, self.directives = instructions, escape, directives


def read(data: bytes, name: str = "Containerfile") -> File:
    """Read a Containerfile.

    :raises BadFile: for one that is too long, not UTF-8, or no Containerfile.
    """
    if len(data) > MAX_SIZE:
        raise BadFile(1, f"it has {len(data)} bytes; at most {MAX_SIZE} are accepted", name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(data[: error.start].count(b"\n") + 1, "not UTF-8", name) from None
    if "\0" in text:
        raise BadFile(text[: text.index("\0")].count("\n") + 1, "it holds a NUL character", name)
    lines = text.split("\n")
    try:
        directives = _directives(lines)
        reader = _Reader(lines, directives.get("escape", "\\"))
        instructions = list(reader.instructions())
    except BadFile as error:
        raise BadFile(error.line, error.message, name) from None
    if not instructions:
        raise BadFile(1, "it has no instructions", name)
    return File(instructions, reader.escape, directives)


def _directives(lines: list[str]) -> dict[str, str]:
    """Read the parser directives: comments of the form ``# name=value`` at the very top, until
    anything else comes.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.match(line.strip())
        if match is None or match.group(1).lower() not in DIRECTIVES:
            break
        key = match.group(1).lower()
        if key in found:
            raise BadFile(number, f"only one {key} parser directive can be used")
        if key == "escape" and match.group(2) not in ("\\", "`"):
            raise BadFile(number, f"invalid escape {match.group(2)!r}; accepted: ` or \\")
        found[key] = match.group(2)
    return found


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


class _Reader:
    def __init__(self, lines: list[str], escape: str) -> None:
        self.lines, self.escape, self.at, self.gap = lines, escape, 0, False
        char = re.escape(escape)
        self.continued = re.compile(rf"([^{char}]){char}[ \t]*$|^{char}[ \t]*$")

    def instructions(self) -> Iterator[Raw]:
        comments: list[str] = []
        while self.at < len(self.lines):
            start = self.at
            line = self.lines[self.at].strip()
            self.at += 1
            if not line or line.startswith("#"):
                comments = comments + [line[1:].strip()] if line.strip("#") else []
                continue
            self.gap = False
            logical = self._joined(line)
            if not logical.strip():
                continue
            try:
                raw = self._instruction(logical.strip(), start)
            except expansion.Trouble as error:
                raise BadFile(start + 1, str(error)) from None
            raw.comments, comments = comments, []
            yield raw

    def _joined(self, line: str) -> str:
        """Return the whole of an instruction: lines that end with the escape character go on in the
        next.
        """
        line, more = self._cut(line)
        while more and self.at < len(self.lines):
            following = self.lines[self.at]
            self.at += 1
            if _is_comment(following) or not following.strip():
                self.gap = self.gap or not following.strip()
                continue
            part, more = self._cut(following)
            line += part
        return line

    def _cut(self, line: str) -> tuple[str, bool]:
        """Return a line without its escape character at the end, and whether there was one."""
        line = line.rstrip("\r")
        match = self.continued.search(line)
        if match is None:
            return line, False
        return line[: match.start()] + (match.group(1) or ""), True

    def _instruction(self, logical: str, start: int) -> Raw:
        written, dummy, rest = _first_word(logical)
        name = written.upper()
        try:
            flags, rest = split_flags(rest.strip(), self.escape)
        except expansion.Trouble as error:
            raise BadFile(start + 1, str(error)) from None
        heredocs = []
        inner, given = name, rest
        if name == "ONBUILD":
            inner, dummy, given = _first_word(rest)
            inner, given = inner.upper(), split_flags(given, self.escape)[1]
        if inner in HEREDOC_NAMES and not _is_list(given):
            for heredoc in heredocs_of(rest):
                self._fill(heredoc, start)
                heredocs.append(heredoc)
        raw = Raw(
            name, rest, flags, heredocs, start + 1, self.at, "\n".join(self.lines[start : self.at])
        )
        raw.written, raw.gap = written, self.gap
        return raw

    def _fill(self, heredoc: Heredoc, start: int) -> None:
        """Read a heredoc's content, up to its delimiter. :raises BadFile: where there is none."""
        content: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            bare = line.rstrip("\r")
            if (bare.lstrip("\t") if heredoc.tabs else bare) == heredoc.name:
                heredoc.content = "".join(line + "\n" for line in content)
                return
            content.append(line)
        raise BadFile(
            start + 1,
            f"the here-document {heredoc.name} is not closed: no line is {heredoc.name!r} alone",
        )


def _first_word(text: str) -> tuple[str, str, str]:
    """Return the first word, the blanks after it, and the rest."""
    word, blanks, rest = [*re.split(r"(\s+)", text, maxsplit=1), "", ""][:3]
    return word, blanks, rest


def _is_list(text: str) -> bool:
    """Tell whether the arguments are a JSON list: one holds no heredocs."""
    if not text.startswith("["):
        return False
    try:
        json_reader.load(text, "the list", kind=list)
    except EngineError:
        return False
    return True


def heredocs_of(text: str) -> list[Heredoc]:
    """Return the heredocs that the words of a line open, empty still.

    A backslash escapes here whatever the escape directive says.
    """
    lexer = expansion.Lexer("\\", raw=True, skip_unset=True)
    try:
        found = [heredoc_of(word) for word in lexer.words(text, {})]
    except expansion.Trouble:  # a shell's matter: an apostrophe in an echo
        return []
    return [heredoc for heredoc in found if heredoc is not None]


def heredoc_of(word: str) -> Heredoc | None:
    """Return the Heredoc that a word such as ``<<-"EOF"`` opens, or None.

    Its content is expanded unless its name is quoted.
    """
    match = _HEREDOC.fullmatch(word)
    if match is None or not match.group(3):
        return None
    try:
        names = expansion.Lexer("\\").words(match.group(3), {})
        kept = expansion.Lexer("\\", raw=True, skip_unset=True).words(match.group(3), {})
    except expansion.Trouble:
        return None
    if len(names) != 1 or len(kept) != 1:
        return None
    return Heredoc(names[0], _quotes(names[0]) == _quotes(kept[0]), bool(match.group(2)))


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')


def split_flags(text: str, escape: str = "\\") -> tuple[list[RawFlag], str]:
    """Split the ``--flags`` off the beginning of ``text``.

    :returns: ``([(name, value or None)], rest)``.
    """
    flags = []
    while text.startswith("--"):
        word, text = _flag_word(text, escape)
        if word == "--":
            break
        name, equals, value = word[2:].partition("=")
        flags.append((name, value if equals else None))
    return flags, text


def _flag_word(text: str, escape: str) -> tuple[str, str]:
    """Return the first word without its quotes, and the rest."""
    word, quote, at = [], "", 0
    while at < len(text):
        character = text[at]
        if character == escape and at + 1 < len(text):
            word.append(text[at + 1])
            at += 2
            continue
        if quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "'\"":
            quote = character
        elif character.isspace():
            break
        else:
            word.append(character)
        at += 1
    return "".join(word), text[at:].lstrip()
