# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Containerfile's text into instructions."""

from __future__ import annotations

import pytest
from pycontainer.builds.parse import lines


def read(text):
    return lines.read(text.encode() if isinstance(text, str) else text)


def shown(text):
    return [(raw.name, raw.rest, raw.line) for raw in read(text).instructions]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("FROM a", [("FROM", "a", 1)]),
        ("from a\nrun b", [("FROM", "a", 1), ("RUN", "b", 2)]),
        ("\n\n  FROM a\n\n\tRUN b\n", [("FROM", "a", 3), ("RUN", "b", 5)]),
        ("# comment\nFROM a # not a comment\n  # another", [("FROM", "a # not a comment", 2)]),
        ("RUN a \\\n  b \\\n  c", [("RUN", "a   b   c", 1)]),
        ("RUN a\\\nb", [("RUN", "ab", 1)]),
        ("RUN a \\\n# comment\n  # one more\nb", [("RUN", "a b", 1)]),
        ("RUN a \\\n\n\nb\nRUN c", [("RUN", "a b", 1), ("RUN", "c", 5)]),
        ("RUN a \\  \nb", [("RUN", "a b", 1)]),
        ("RUN a \\\\\nRUN b", [("RUN", "a \\\\", 1), ("RUN", "b", 2)]),
        ("RUN a \\", [("RUN", "a", 1)]),
        ("\\\nFROM a", [("FROM", "a", 1)]),
        ("RUN echo 'a # b'", [("RUN", "echo 'a # b'", 1)]),
        ("\ufeffFROM a", [("FROM", "a", 1)]),
        ("FROM a\r\nRUN b \\\r\n c\r\n", [("FROM", "a", 1), ("RUN", "b  c", 2)]),
        ("RUN", [("RUN", "", 1)]),
        ("ENV  a   b", [("ENV", "a   b", 1)]),
        ('ENTRYPOINT [ "a",\\\n "b" ]', [("ENTRYPOINT", '[ "a", "b" ]', 1)]),
    ],
)
def test_instructions(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text, escape, names",
    [
        ("# escape=`\nFROM a\nRUN b `\nc", "`", ["FROM", "RUN"]),
        ("#escape=\\\nFROM a", "\\", ["FROM"]),
        ("# Escape = `\nFROM a", "`", ["FROM"]),
        ("# syntax=docker/dockerfile:1\n# escape=`\nFROM a", "`", ["FROM"]),
        ("# check=skip=all;error=true\n# escape=`\nFROM a", "`", ["FROM"]),
        ("# a comment\n# escape=`\nFROM a", "\\", ["FROM"]),
        ("\n# escape=`\nFROM a", "\\", ["FROM"]),
        ("# unknown=x\n# escape=`\nFROM a", "\\", ["FROM"]),
        ("FROM a\n# escape=`\nRUN b \\\nc", "\\", ["FROM", "RUN"]),
    ],
)
def test_directives(text, escape, names):
    found = read(text)
    assert found.escape == escape
    assert [raw.name for raw in found.instructions] == names


@pytest.mark.parametrize(
    "text, line, part",
    [
        ("", 1, "no instructions"),
        ("# only\n\n", 1, "no instructions"),
        ("# escape=x\nFROM a", 1, "invalid escape"),
        ("# escape=\\\n# escape=`\nFROM a", 2, "only one escape"),
        ("# syntax=a\n#syntax=b\nFROM a", 2, "only one syntax"),
        ("FROM a\nRUN <<EOF\nx\n", 2, "EOF is not closed"),
        ("FROM a\nCOPY <<A <<B /x\na\nA\n", 2, "B is not closed"),
        (b"FROM a\n\xff", 2, "not UTF-8"),
        (b"FROM a\nRUN \0", 2, "NUL"),
    ],
)
def test_what_can_not_be_read(text, line, part):
    with pytest.raises(lines.BadFile, match=part) as caught:
        read(text)
    assert caught.value.line == line


def heredocs(text):
    raw = read(text).instructions[0]
    return [(heredoc.name, heredoc.text, heredoc.expand) for heredoc in raw.heredocs]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("RUN <<EOF\na\n  b\n\nEOF", [("EOF", "a\n  b\n\n", True)]),
        ("RUN <<EOF\nEOF", [("EOF", "", True)]),
        ("RUN <<-EOF\n\ta\n\t\tb\n\tEOF", [("EOF", "a\nb\n", True)]),
        ("RUN <<EOF\n\ta\n\tEOF\nEOF", [("EOF", "\ta\n\tEOF\n", True)]),
        ("RUN <<'EOF'\n$a\nEOF", [("EOF", "$a\n", False)]),
        ('RUN <<"EOF"\n$a\nEOF', [("EOF", "$a\n", False)]),
        ('RUN <<E"O"F\n$a\nEOF', [("EOF", "$a\n", False)]),
        ("RUN <<-'E F'\n\t$a\nE F", [("E F", "$a\n", False)]),
        ("COPY <<one <<two /x/\n1\none\n2\ntwo", [("one", "1\n", True), ("two", "2\n", True)]),
        ("RUN <<EOF cat - > x\na \\\n# kept\nb\nEOF", [("EOF", "a \\\n# kept\nb\n", True)]),
        ("RUN cat <<EOF | tr a b\na\nEOF", [("EOF", "a\n", True)]),
        ("RUN 3<<EOF cat\na\nEOF", [("EOF", "a\n", True)]),
        ("RUN echo $((1<<2))", []),
        ("RUN cat <<<word", []),
        ("RUN echo '<<EOF'", []),
        ("RUN cat << EOF > x\na\nEOF", [("EOF", "a\n", True)]),
        ("RUN cat <<- EOF", []),
        ('COPY ["<<EOF", "/x"]', []),
        ('ONBUILD COPY ["<<EOF", "/x"]', []),
        ("COPY <<\\EOF /x\n$a\nEOF", [("EOF", "$a\n", True)]),
        ("# escape=`\nCOPY <<E`F /x\na\nE`F", [("E`F", "a\n", True)]),
        ("RUN <<EOF\r\na\r\nEOF\r\n", [("EOF", "a\r\n", True)]),
        ("RUN echo it's <<", []),
        ("CMD <<EOF", []),
        ("ENV a=<<EOF", []),
        ('RUN echo "a <<EOF"', []),
        ("ONBUILD RUN <<EOF\na\nEOF", [("EOF", "a\n", True)]),
        ("ONBUILD CMD <<EOF", []),
        ("RUN <<EOF \\\nmore\na\nEOF", [("EOF", "a\n", True)]),
    ],
)
def test_heredocs(text, expected):
    assert heredocs(text) == expected


def test_instructions_go_on_after_a_heredoc():
    assert shown("RUN <<EOF\nRUN x\nEOF\nCMD y") == [("RUN", "<<EOF", 1), ("CMD", "y", 4)]


@pytest.mark.parametrize(
    "text, flags, rest",
    [
        ("--from=a b c", [("from", "a")], "b c"),
        ("--link b c", [("link", None)], "b c"),
        ("--a=1 --b=2 c", [("a", "1"), ("b", "2")], "c"),
        ("a --b", [], "a --b"),
        ('--a="x y" b', [("a", "x y")], "b"),
        ("--a='x y' b", [("a", "x y")], "b"),
        ("--a=x\\ y b", [("a", "x y")], "b"),
        ("-- --a", [], "--a"),
        ("--a=b=c d", [("a", "b=c")], "d"),
        ("--a= d", [("a", "")], "d"),
        ("", [], ""),
        ("--a=$x d", [("a", "$x")], "d"),
        ('--a="x\\*y" d', [("a", "x*y")], "d"),
    ],
)
def test_flags(text, flags, rest):
    assert lines.split_flags(text) == (flags, rest)
