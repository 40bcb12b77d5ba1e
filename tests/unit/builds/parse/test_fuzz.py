# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of damaged Containerfiles and ignore files: a sentence with a line, or a file; never anything else, never long."""

from __future__ import annotations

import random

import pytest
from pycontainer.builds.parse import chmod, dockerignore, expansion, lines, mount_flags, stages
from pycontainer.builds.stage import stage_state
from pycontainer.builds.steps import copy_files
from pycontainer.errors import EngineError
from support.scale import scaled

SEED = b"""# syntax=docker/dockerfile:1
# escape=`
ARG V=1 W="a b"
FROM box AS zero
FROM --platform=linux/amd64 box:${V:-2} AS one
ENV A=1 B="x ${V%%.*} y" C='$A' D=${A/b/c}
LABEL a=b "c d"=e
RUN --mount=type=cache,target=/x,id=y --mount=type=secret,id=z,env=Q --network=none <<EOF
echo $A
EOF
COPY --from=zero --chown=a:b --chmod=u=rwX,go=rX --exclude=*.md [a-z]*.txt dir/ /dest/
COPY <<-"X" <<Y /h/
	one
	X
two $A
Y
ADD --checksum=sha256:0123456789012345678901234567890123456789012345678901234567890123 https://example.com/x.tar.gz /y
HEALTHCHECK --interval=5s --retries=3 CMD ["a", "b"]
ONBUILD RUN echo `
  more
SHELL ["/bin/sh", "-c"]
EXPOSE 80 90-95/udp
VOLUME ["/a", "/b"]
STOPSIGNAL SIGTERM
USER a:b
WORKDIR $A/b
CMD echo "x"
ENTRYPOINT ["x"]
FROM one
COPY --link --parents ./a/./b /c
"""
TOKENS = [
    b"${",
    b"}",
    b"$",
    b'"',
    b"'",
    b"\\",
    b"`",
    b"<<",
    b"<<-",
    b"[",
    b"]",
    b"--",
    b"=",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"FROM ",
    b"ONBUILD ",
    b"EOF",
    b"**",
    b"!",
    b"#",
    b",",
    b" ",
    b"\t",
    b":-",
    b"//",
    b"..",
    b"\xc3\xa9",
    b"9" * 30,
    b"{" * 20,
    b"${a:-" * 60,
    b"[" * 200,
]


def damaged(generator, seed):
    data = bytearray(seed)
    for _count in range(generator.randint(1, 6)):
        at, kind = generator.randrange(len(data) + 1), generator.randrange(5)
        if kind == 0:
            data[at:at] = generator.choice(TOKENS)
        elif kind == 1:
            del data[at : at + generator.randint(1, 40)]
        elif kind == 2 and data:
            data[min(at, len(data) - 1)] = generator.randrange(256)
        elif kind == 3:
            start = generator.randrange(len(data) + 1)
            data[at:at] = data[start : start + generator.randint(1, 60)]
        else:
            rows = bytes(data).split(b"\n")
            generator.shuffle(rows)
            data = bytearray(b"\n".join(rows))
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_containerfiles(seed):
    generator = random.Random(seed)
    good = 0
    for _count in range(scaled(500)):
        data = damaged(generator, SEED)
        try:
            file = stages.Containerfile(data, "file", {"V": "3"}, {"TARGETARCH": "amd64"})
            carry_through(file)
            good += 1
        except lines.BadFile as error:
            assert error.line >= 1 and str(error).startswith("file:%d: " % error.line)
        except expansion.Trouble:  # what builder.py makes a BadFile of
            pass
    assert good > 5  # the damage is not always deadly


def carry_through(file):
    """What a build does with the instructions before it touches anything."""
    for stage in file.needed(file.target(None)):
        current = stage_state.State(("linux", "amd64", ""))
        for instruction in stage.commands:
            if instruction.name in stage_state.METADATA:
                try:
                    stage_state.apply(current, instruction, file.lexer)
                except EngineError:
                    return
            elif instruction.name in ("COPY", "ADD"):
                copy_files.Copy(instruction, current, file.lexer)
            elif instruction.name == "RUN":
                for text in instruction.flags.get("mount", ()):
                    try:
                        mount_flags.parse(
                            text, instruction.line, lambda part: file.lexer.word(part, {})
                        )
                    except EngineError:
                        return
        current.document()


def test_ignore_files_and_modes():
    generator = random.Random(1)
    alphabet = "ab/*?[]^-!\\.# {}()|+$\u00e9"
    for _count in range(scaled(5000)):
        text = "".join(generator.choice(alphabet) for _number in range(generator.randint(0, 12)))
        try:
            rules = dockerignore.Ignore([text, "!" + text])
            rules.ignores("a/b/c.d")
            rules.may_hold("a/b")
        except expansion.Trouble:
            pass
        try:
            chmod.parse(
                "".join(
                    generator.choice("ugoa+-=rwxXst0789,")
                    for _number in range(generator.randint(0, 8))
                )
            )(0o644, False)
        except expansion.Trouble:
            pass


def test_nothing_is_without_bounds():
    stages.Containerfile(
        b"FROM a\nENV " + b" ".join(b"a%d=%d" % (number, number) for number in range(5000))
    )
    with pytest.raises(lines.BadFile, match="nested deeper"):
        stages.Containerfile(b"ARG X=" + b"${a:-" * 1000 + b"}" * 1000 + b"\nFROM a")
    assert (
        stages.Containerfile(b"FROM a\nCMD " + b"[" * 100000).stages[0].commands[0].exec_form
        is False
    )
