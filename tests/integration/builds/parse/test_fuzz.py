# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of damaged Containerfiles of the corpus, planned in a store: a plan or a sentence, never anything else, never long, no trace."""

from __future__ import annotations

import os
import random

import pytest
from integration.builds import corpus
from pycontainer import errors
from pycontainer.builds.parse import build_request
from pycontainer.builds.plans import build_inputs, build_plan
from support.scale import scaled

TOKENS = [
    "${",
    "}",
    "$",
    '"',
    "'",
    "\\",
    "`",
    "<<",
    "<<-",
    "[",
    "]",
    "--",
    "=",
    "\n",
    "\r\n",
    "\0",
    "FROM ",
    "ONBUILD ",
    "EOF",
    "**",
    "!",
    "#",
    ",",
    " ",
    "\t",
    ":-",
    "//",
    "..",
    "/./",
    "\u00e9",
    "9" * 30,
    "${a:-" * 60,
    "[" * 200,
    "--from=",
    "--mount=type=",
    "--parents ",
    "--chown=",
    "AS ",
    "scratch",
    "git://x/y",
    "\\\n",
    "# escape=`\n",
    "http://127.0.0.1:1/x",
]


def damaged(generator, text):
    for _count in range(generator.randint(1, 4)):
        at, kind = generator.randrange(len(text) + 1), generator.randrange(5)
        if kind == 0:
            text = text[:at] + generator.choice(TOKENS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + generator.randint(1, 20) :]
        elif kind == 2:
            text = text[:at] + chr(generator.randrange(1, 256)) + text[at + 1 :]
        elif kind == 3:
            start = generator.randrange(len(text) + 1)
            text = text[:at] + text[start : start + generator.randint(1, 40)] + text[at:]
        else:
            rows = text.split("\n")
            generator.shuffle(rows)
            text = "\n".join(rows)
    return text


@pytest.mark.parametrize("seed", range(4))
def test_damaged_containerfiles(builder, monkeypatch, seed):
    from pycontainer import images

    def absent(
        _engine, name, *_words, **_more
    ):  # no registry is asked: what is not here is nowhere
        if images.find(builder.engine, name) is None:
            raise errors.NotFound(f"there is no image {name}")
        return present(_engine, name, *_words, **_more)

    present = images.plan_present
    monkeypatch.setattr(images, "plan_present", absent)
    monkeypatch.setattr(
        builder.engine, "check", True
    )  # a plan that is to be carried out keeps its context open
    generator, path, planned = random.Random(seed), builder.context(corpus.FILES), 0
    texts = [text for text, _options in corpus.CASES.values()]
    before = len(os.listdir("/proc/self/fd"))
    for _count in range(scaled(500)):
        text = damaged(generator, generator.choice(texts))
        try:
            found = build_plan.plan_build(
                builder.engine,
                ["t:1"],
                build_request.BuildRequest(network="none"),
                build_inputs.Inputs(path, data=text.encode("utf-8", "replace")),
            )
            assert found.actions
            planned += 1
        except errors.EngineError as error:
            assert str(error).strip()
    assert planned > 50 and os.listdir(builder.engine.paths.tmp) == []
    assert len(os.listdir("/proc/self/fd")) <= before + 2
