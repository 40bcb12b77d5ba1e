# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a Containerfile: each rule with what breaks it and what does not, the directive, the command and the module."""

from __future__ import annotations

import pytest
from integration.builds.test_task import command, options, task  # noqa: F401 - fixtures
from pycontainer import errors, images
from pycontainer.builds.parse import dockerignore, stages
from pycontainer.builds.plans import build_inputs
from pycontainer.builds.stage import build_checks

BOX = "FROM box:1\n"
CASES = [  # a text, and the rules that it breaks with their lines
    (BOX + 'RUN a\nCMD ["a"]', {}),
    ("FROM box:1 AS Base", {"StageNameCasing": [1]}),
    ("FROM box:1 as base", {"FromAsCasing": [1]}),
    ("from box:1 as base", {}),
    ("from box:1 AS base\nrun a", {"FromAsCasing": [1]}),
    (BOX + "RUN a \\\n\n  b", {"NoEmptyContinuation": [4]}),
    (BOX + "RUN a \\\n# comment\n  b", {}),
    (BOX + "RUN <<E\n\nE", {}),
    (BOX + "run a\nRUN b", {"ConsistentInstructionCasing": [2]}),
    ("from box:1\nrun a\nENV a=b", {"ConsistentInstructionCasing": [3]}),
    (BOX + "Run a", {"ConsistentInstructionCasing": [2]}),
    ("FROM box:1 AS a\nFROM box:1 AS a", {"DuplicateStageName": [2]}),
    ("FROM box:1 AS context", {"ReservedStageName": [1]}),
    (BOX + "CMD a", {"JSONArgsRecommended": [2]}),
    (BOX + 'ENTRYPOINT a\nCMD ["a"]', {"JSONArgsRecommended": [2]}),
    (BOX + 'SHELL ["sh", "-c"]\nCMD a', {}),
    ('FROM box:1 AS a\nSHELL ["sh", "-c"]\nFROM a\nCMD a', {}),
    (BOX + "HEALTHCHECK CMD a", {}),
    (BOX + "MAINTAINER a", {"MaintainerDeprecated": [2]}),
    ("ARG A\nFROM box:1$A", {}),
    ("FROM box:1$A", {"UndefinedArgInFrom": [1]}),
    ("FROM --platform=linux/$BUILDARHC box:1", {"UndefinedArgInFrom": [1]}),
    ("FROM --platform=$BUILDPLATFORM box:1", {}),
    (BOX + "WORKDIR a\nWORKDIR b", {"WorkdirRelativePath": [2]}),
    (BOX + "WORKDIR /a\nWORKDIR b", {}),
    ("FROM box:1 AS a\nWORKDIR /a\nFROM a\nWORKDIR b", {}),
    (BOX + "ENV D=/d\nWORKDIR $D", {}),
    (BOX + "COPY $A /x", {"UndefinedVar": [2]}),
    (BOX + "ARG A\nCOPY $A /x", {}),
    (BOX + "ENV A=$FROM", {}),
    (BOX + "ENV A=$PAHT", {"UndefinedVar": [2]}),
    (BOX + 'RUN echo $A\nCMD ["$A"]', {}),
    ("FROM elsewhere:1\nENV A=$B", {}),
    ("FROM scratch\nENV PATH=$PATH:/x", {}),
    ("FROM box:1 AS a\nENV A=1\nFROM a\nLABEL b=$A c=$D", {"UndefinedVar": [4]}),
    (BOX + "ARG A=$B C=$A", {"UndefinedVar": [2]}),
    (BOX + "COPY --chown=$A a /x", {"UndefinedVar": [2]}),
    ("ARG A=1\nFROM box:1\nENV B=$A", {"UndefinedVar": [3]}),
    (
        BOX + 'CMD ["a"]\nCMD ["b"]\nHEALTHCHECK CMD a\nHEALTHCHECK NONE',
        {"MultipleInstructionsDisallowed": [2, 4]},
    ),
    ('FROM box:1 AS a\nCMD ["a"]\nFROM a\nCMD ["b"]', {}),
    (BOX + "ENV A b\nLABEL a b c", {"LegacyKeyValueFormat": [2, 3]}),
    ("FROM --platform=$TARGETPLATFORM box:1", {"RedundantTargetPlatform": [1]}),
    (BOX + "ENV MY_PASSWORD=a\nARG API_TOKEN", {"SecretsUsedInArgOrEnv": [2, 3]}),
    (BOX + "ENV PUBLIC_KEY=a KEY_FILE=b MONKEY=c", {}),
    ("ARG TAG\nFROM box:${TAG}", {"InvalidDefaultArgInFrom": [2]}),
    ("ARG TAG=1\nFROM box:${TAG}", {}),
    ("ARG TAG\nFROM box:${TAG:-1}", {}),
    ("FROM --platform=linux/amd64 box:1", {"FromPlatformFlagConstDisallowed": [1]}),
    ("FROM --platform=linux/amd64 box:1 AS box_amd64", {}),
    ("FROM --platform=linux/s390x box:1 AS box_s390x", {"InvalidBaseImagePlatform": [1]}),
    (BOX + "COPY tmp/a /x\nADD . /y\nCOPY --from=box:1 tmp/a /z", {"CopyIgnoredFile": [2]}),
    (BOX + "EXPOSE 80/Tcp 81/tcp", {"ExposeProtoCasing": [2]}),
    (
        BOX + "EXPOSE 127.0.0.1:80:80\nEXPOSE 80:80/UDP\nEXPOSE 80-90",
        {"ExposeInvalidFormat": [2, 3], "ExposeProtoCasing": [3]},
    ),
    (
        "# check=experimental=all\n\n# no description\nFROM box:1 AS a",
        {"InvalidDefinitionDescription": [4]},
    ),
    (
        "# check=experimental=InvalidDefinitionDescription\n\n# a is it\nFROM box:1 AS a\n# "
        "other\n\nARG A\n# one\n#\nARG B",
        {},
    ),
    ("# no description\nFROM box:1 AS a", {}),
    # the directive, and the same above an instruction
    ("# check=skip=all\nFROM box:1\nCMD a\nENV A b", {}),
    (
        "# check=skip=JSONArgsRecommended, UndefinedVar\nFROM box:1\nCMD a\nENV A b",
        {"LegacyKeyValueFormat": [4]},
    ),
    (
        BOX + "# check=skip=JSONArgsRecommended it is a test\nCMD a\nENTRYPOINT a",
        {"JSONArgsRecommended": [4]},
    ),
]


@pytest.mark.parametrize("text, expected", CASES)
def test_rules(builder, text, expected):
    file = stages.Containerfile(text.encode(), platform_args=build_inputs.platform_args(None))
    found = {}
    for finding in build_checks.check(builder.engine, file, dockerignore.Ignore(["tmp"]))[1]:
        found.setdefault(finding.rule, []).append(finding.line)
    assert found == expected


def test_every_rule_is_tested():
    assert {rule for _text, expected in CASES for rule in expected} == set(
        build_checks.RULES + build_checks.EXPERIMENTAL
    )


def test_what_is_likely_meant(builder):
    file = stages.Containerfile(
        b"FROM --platform=linux/$BULDARCH box:1\nFROM scratch\nENV A=$PAHT",
        platform_args=build_inputs.platform_args(None),
    )
    assert [
        finding.message.partition("(")[2] for finding in build_checks.check(builder.engine, file)[1]
    ] == ["did you mean BUILDARCH?)", "did you mean $PATH?)"]


@pytest.mark.parametrize("text", ["skip", "foo=1", "error=perhaps", "skip=all;;error=true"])
def test_a_directive_that_can_not_be_read(builder, text):
    with pytest.raises(errors.InvalidInput, match=f"check: '{text}' is not valid"):
        builder.look(f"# check={text}\nFROM box:1")


def test_a_build_warns_and_goes_on_and_errors_stop_it(builder):
    builder(BOX + "CMD a")
    assert [text.partition(": ")[2].partition(":")[0] for text in builder.plan.warnings] == [
        "JSONArgsRecommended"
    ]
    assert builder.plan.warnings[0].startswith("Containerfile:2: ")
    for text, more in (
        ("# check=error=true\n", {}),
        ("", {"checks": "error"}),
        ("# check=error=false\n", {"args": {"BUILDKIT_DOCKERFILE_CHECK": "error=true"}}),
    ):
        with pytest.raises(build_checks.Broken, match="JSONArgsRecommended"):
            builder(text + BOX + "RUN touch /never\nCMD a", name="t:2", **more)
    assert images.find(builder.engine, "t:2") is None and builder.ran == []
    assert (
        builder(BOX + "CMD a", name="t:3", args={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"})
        and builder.plan.warnings == []
    )


def test_the_task(builder, task):
    context = builder.context({"Containerfile": BOX + "CMD a\n"})
    result = task(check=True, build=options(context))
    assert [(found["rule"], found["line"]) for found in result["checks"]] == [
        ("JSONArgsRecommended", 2)
    ] and len(result["warnings"]) == 1
    quiet = task(build=options(context, checks="ignore", squash=True))
    assert len(quiet["checks"]) == 1 and quiet["warnings"] == []
    with pytest.raises(build_checks.Broken) as caught:
        task(build=options(context, checks="error"))
    assert caught.value.checks == result["checks"]


def test_the_command(builder, command):
    context = builder.context({"Containerfile": BOX + "RUN false\nCMD a\n", "Good": BOX})
    code, output, dummy = command("build", "--check", context)
    assert (
        code == 1
        and output.startswith("Containerfile:3: JSONArgsRecommended: ")
        and output.count("\n") == 1
    )
    assert command("build", "--check", "-f", context + "/Good", context)[:2] == (
        0,
        "no rule of the checks is broken\n",
    )
    code, output, dummy = command(
        "build",
        "--check",
        "--build-arg",
        "BUILDKIT_DOCKERFILE_CHECK=skip=all",
        "-",
        stdin=BOX + "CMD a\n",
    )
    assert code == 0
