# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions and stages of a Containerfile."""

from __future__ import annotations

import pytest
from pycontainer import errors
from pycontainer.builds.parse import expansion, instructions, lines, mount_flags, stages
from pycontainer.builds.stage import stage_state
from pycontainer.builds.steps import copy_files


def one(text):
    return instructions.parse(lines.read(text.encode()).instructions[0])


@pytest.mark.parametrize(
    "text, args, exec_form",
    [
        ("RUN echo $a", ["echo $a"], False),
        ('RUN ["a", "b c"]', ["a", "b c"], True),
        ('RUN ["a", b]', ['["a", b]'], False),
        ("RUN [ -f x ] && y", ["[ -f x ] && y"], False),
        ('CMD ["a"] trailing', ["a"], True),
        ("CMD a b", ["a b"], False),
        ("CMD []", [], True),
        ("CMD", [], False),
        ('ENTRYPOINT ["\\u0041"]', ["A"], True),
        ("RUN ['a']", ["['a']"], False),
        ("ENV a=1 b=\"x y\" c='z'", [("a", "1"), ("b", '"x y"'), ("c", "'z'")], False),
        ("ENV a b  c", [("a", "b  c")], False),
        ("ENV a b=c", [("a", "b=c")], False),
        ("ENV a=x\\ y", [("a", "x\\ y")], False),
        ("ENV a=", [("a", "")], False),
        ('LABEL "a b"=c', [('"a b"', "c")], False),
        ("ARG a", [("a", None)], False),
        ("ARG a=1 b c=", [("a", "1"), ("b", None), ("c", "")], False),
        ("VOLUME /a /b", ["/a", "/b"], False),
        ('VOLUME [" /a "]', ["/a"], False),
        ("COPY a\\ b /c", ["a\\", "b", "/c"], False),
        ('VOLUME ["/a", "/b c"]', ["/a", "/b c"], False),
        ("COPY a b /c", ["a", "b", "/c"], False),
        ('COPY ["a b", "/c"]', ["a b", "/c"], False),
        ("USER a:b", ["a:b"], False),
        ("WORKDIR /a b", ["/a b"], False),
        ('SHELL ["/bin/bash", "-c"]', ["/bin/bash", "-c"], False),
        ("HEALTHCHECK NONE", ["NONE"], False),
        ("HEALTHCHECK CMD a b", ["CMD-SHELL", "a b"], False),
        ("HEALTHCHECK CMD\ta", ["CMD-SHELL", "a"], False),
        ("HEALTHCHECK --interval=1s NONE", ["NONE"], False),
        ('HEALTHCHECK cmd ["a"]', ["CMD", "a"], True),
        ("FROM a AS B.c-d_1", ["a", "b.c-d_1"], False),
        ("FROM a", ["a", ""], False),
        ("EXPOSE 80 443/tcp", ["443/tcp", "80"], False),
        ("STOPSIGNAL 9", ["9"], False),
        ("MAINTAINER a b", ["a b"], False),
    ],
)
def test_arguments(text, args, exec_form):
    found = one(text)
    assert (found.args, found.exec_form) == (args, exec_form)


@pytest.mark.parametrize(
    "text, flags",
    [
        (
            "COPY --from=a --chown=b:c --chmod=755 --link a b",
            {"from": "a", "chown": "b:c", "chmod": "755", "link": True},
        ),
        ("COPY --link=false a b", {"link": False}),
        ("COPY --link=TRUE a b", {"link": True}),
        ("COPY --from= a b", {"from": ""}),
        ("COPY --exclude=*.a --exclude=*.b a b", {"exclude": ["*.a", "*.b"]}),
        ("ADD --checksum=sha256:ab http://x /y", {"checksum": "sha256:ab"}),
        (
            "RUN --mount=type=tmpfs,target=/a --mount=target=/b x",
            {"mount": ["type=tmpfs,target=/a", "target=/b"]},
        ),
        ("RUN --network=none x", {"network": "none"}),
        ("FROM --platform=linux/arm64 a", {"platform": "linux/arm64"}),
        ("HEALTHCHECK --interval=1m30s --retries=5 CMD x", {"interval": 90, "retries": 5}),
    ],
)
def test_flags(text, flags):
    assert one(text).flags == flags


@pytest.mark.parametrize(
    "text, part",
    [
        ("FOO x", "unknown instruction: FOO"),
        ("RUN", "RUN needs"),
        ("RUN []", "RUN needs"),
        ("COPY a", "at least two"),
        ("ADD", "at least two"),
        ("CMD --x a", "unknown flag --x"),
        ("COPY --form=a b c", "unknown flag --form"),
        ("COPY --link=maybe a b", "true or false"),
        ("RUN --device=x y", "no devices"),
        ("COPY --from a b", "needs a value"),
        ("COPY --chown=a --chown=b c d", "given twice"),
        ("RUN --network=my x", "not accepted"),
        ("RUN --security=none x", "not accepted"),
        ("FROM", "FROM takes"),
        ("FROM a b", "FROM takes"),
        ("FROM a BS c", "FROM takes"),
        ("FROM a AS 1b", "invalid name"),
        ("FROM a AS", "FROM takes"),
        ("ENV", "needs"),
        ("ENV a", "two arguments"),
        ("ENV a=1 b", "has no ="),
        ("ENV =a", "blank"),
        ("LABEL a=1 =b", "blank"),
        ("ARG", "needs"),
        ("ARG =a", "blank"),
        ("CMD [1]", "must be strings"),
        ('CMD ["a", 1]', "must be strings"),
        ("SHELL /bin/sh", "JSON form"),
        ("SHELL []", "JSON form"),
        ("VOLUME", "needs"),
        ('VOLUME [""]', "empty"),
        ("VOLUME []", "empty"),
        ("HEALTHCHECK", "needs"),
        ("HEALTHCHECK x", "unknown type"),
        ("HEALTHCHECK CMD", "needs a command"),
        ("HEALTHCHECK NONE x", "no arguments"),
        ("HEALTHCHECK --interval=x CMD a", "interval"),
        ("HEALTHCHECK --interval=5 CMD a", "no unit"),
        ("COPY a <<EOF\nx\nEOF", "here-document"),
        ("HEALTHCHECK --interval=1us CMD a", "less than"),
        ("HEALTHCHECK --retries=x CMD a", "not a number"),
        ("ONBUILD", "needs"),
        ("ONBUILD ONBUILD RUN x", "chaining"),
        ("ONBUILD FROM a", "isn't allowed"),
        ("ONBUILD MAINTAINER a", "isn't allowed"),
        ("ONBUILD RUN", "RUN needs"),
        ("ONBUILD FOO", "unknown instruction"),
        ("USER", "exactly one"),
        ("WORKDIR", "exactly one"),
        ("STOPSIGNAL", "exactly one"),
        ("EXPOSE", "needs"),
        ("MAINTAINER", "exactly one"),
        ('RUN "unclosed', None),
    ],
)
def test_what_is_refused(text, part):
    if part is None:
        assert one(text).args == [text[4:]]  # a shell's matter
        return
    with pytest.raises(lines.BadFile, match=part) as caught:
        one(text)
    assert caught.value.line == 1


def test_a_trigger_is_an_instruction():
    found = one("ONBUILD COPY --chown=a b /c")
    assert (found.trigger.name, found.trigger.args, found.trigger.flags) == (
        "COPY",
        ["b", "/c"],
        {"chown": "a"},
    )


# ---------------------------------------------------------------------------------------------------------------- stages


def file(text, **options):
    return stages.Containerfile(text.encode(), **options)


def test_stages_and_what_they_need():
    found = file(
        "FROM a AS one\nFROM b AS two\nCOPY --from=one x y\nFROM c AS unused\nFROM TWO\nCOPY "
        "--from=0 x y\nRUN --mount=from=two,target=/x z"
    )
    assert [stage.base for stage in found.stages] == ["a", "b", "c", "TWO"]
    assert found.stages[3].base_stage is found.stages[1]
    assert [stage.index for stage in found.needed(found.target(None))] == [0, 1, 3]
    assert [stage.index for stage in found.needed(found.target("two"))] == [0, 1]
    assert [stage.index for stage in found.needed(found.target("2"))] == [2]
    assert [stage.index for stage in found.needed(found.target("ONE"))] == [0]


def test_a_stage_can_have_an_images_name():
    found = file("FROM alpine AS alpine\nFROM alpine")
    assert found.stages[0].base_stage is None and found.stages[1].base_stage is found.stages[0]


@pytest.mark.parametrize(
    "text, base",
    [
        ("ARG V=1\nFROM a:$V", "a:1"),
        ("ARG V=1\nFROM a:${V}-x", "a:1-x"),
        ("ARG V\nFROM a:${V:-2}", "a:2"),
        ("ARG V=1\nARG W=$V.0\nFROM a:$W", "a:1.0"),
        ("ARG I='b'\nFROM $I", "b"),
        ("FROM a-$TARGETARCH", "a-amd64"),
        ("ARG GIVEN=1\nFROM a:$GIVEN", "a:given"),
        ("ARG GIVEN\nFROM a:$GIVEN", "a:given"),
        ("FROM a$UNKNOWN", "a"),
    ],
)
def test_arguments_before_from(text, base):
    assert (
        file(text, build_args={"GIVEN": "given"}, platform_args={"TARGETARCH": "amd64"})
        .stages[0]
        .base
        == base
    )


@pytest.mark.parametrize(
    "text, line, part",
    [
        ("RUN x\nFROM a", 1, "before FROM"),
        ("ARG a", 1, "no FROM"),
        ("FROM $X", 1, "is empty"),
        ("FROM --platform=$X a", 1, "is empty"),
        ("FROM a AS b\nCOPY --from=b x y", 2, "not made before"),
        ("FROM a\nCOPY --from=1 x y", 2, "no such stage"),
        ("FROM a\nFOO", 2, "unknown instruction"),
        ("FROM ${a", 1, "missing"),
    ],
)
def test_files_that_are_refused(text, line, part):
    with pytest.raises(lines.BadFile, match=part) as caught:
        found = file(text, name="web/Dockerfile")
        found.needed(found.target(None))
    assert caught.value.line == line and str(caught.value).startswith("web/Dockerfile:%d: " % line)


def test_of_two_stages_with_one_name_the_later_is_meant():
    found = file("FROM a AS b\nFROM b\nFROM c AS B\nFROM b")
    assert (
        found.stages[1].base_stage is found.stages[0]
        and found.stages[3].base_stage is found.stages[2]
    )


def test_arguments_of_the_platform():
    assert (
        file(
            "ARG TARGETARCH\nFROM a-$TARGETARCH",
            platform_args={"TARGETARCH": "arm64"},
            build_args={"TARGETARCH": "x"},
        )
        .stages[0]
        .base
        == "a-x"
    )
    assert file("FROM a-$TARGETSTAGE AS Fin").stages[0].base == "a-fin"
    assert file("FROM a-$TARGETSTAGE AS Fin", target="0").stages[0].base == "a-0"
    assert file("ARG A=1\nARG A\nFROM a:$A").stages[0].base == "a:1"
    assert file("ARG A=${NONE:?must}\nFROM a:$A", build_args={"A": "2"}).stages[0].base == "a:2"


def test_an_unknown_target_is_refused():
    with pytest.raises(
        errors.InvalidInput,
        match="target: 'x' is not valid; accepted: a stage of Containerfile: one, 1",
    ):
        file("FROM a AS one\nFROM b").target("x")


# ---------------------------------------------------------------------------------------------------------------- mounts


def mount(text):
    return mount_flags.parse(text, 7, lambda value: value.replace("$X", "/x"))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("target=/a", {"type": "bind", "target": "/a", "readwrite": None}),
        (
            "type=bind,dst=$X,src=b,from=c,rw",
            {"target": "/x", "source": "b", "origin": "c", "readwrite": True},
        ),
        (
            "type=cache,target=/a,id=b,sharing=locked,mode=0700,uid=5,gid=6",
            {"type": "cache", "id": "b", "sharing": "locked", "mode": 0o700, "uid": 5, "gid": 6},
        ),
        ("type=cache,target=/a,ro", {"readonly": True}),
        ("type=tmpfs,target=/a,size=1m", {"size": 1 << 20}),
        ("type=secret,id=a", {"target": "/run/secrets/a", "env": None}),
        ("type=secret,id=a,env=A", {"target": None, "env": "A"}),
        ("type=secret,target=/x/tok", {"id": "tok", "target": "/x/tok"}),
        ("type=secret,id=a,required", {"required": True}),
        ("type=ssh", {"id": "default", "target": None}),
        ("type=ssh,uid=5,mode=660", {"uid": 5, "mode": 0o660}),
        ("type=secret,source=a", {"id": "a"}),
        ("type=secret,id=a,env=", {"env": "a"}),
        ("type=tmpfs,target=/a,ro", {"readonly": True}),
        ("type=cache,target=/a,sharing=LOCKED", {"sharing": "locked"}),
        ('"target=/a,b"', {"target": "/a,b"}),
        ("type=bind,target=/a,ro=false", {"readwrite": True}),
    ],
)
def test_mounts(text, expected):
    found = mount(text)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    "text, part",
    [
        ("type=foo,target=/a", "type"),
        ("type=bind", "target"),
        ("type=cache", "target"),
        ("type=tmpfs,target=/a,id=x", "id"),
        ("target=/a,mode=9", "mode"),
        ("type=cache,target=/a,mode=9", "mode"),
        ("type=cache,target=/a,uid=x", "uid"),
        ("type=cache,target=/a,sharing=x", "sharing"),
        ("type=secret", "id or target"),
        ("target=/a,rw=maybe", "readwrite"),
        ("foo", "key=value"),
        ("type=tmpfs,target=/a,size=x", "size"),
    ],
)
def test_mounts_that_are_refused(text, part):
    with pytest.raises(lines.BadFile, match=part) as caught:
        mount(text)
    assert caught.value.line == 7


def test_neither_history_nor_progress_shows_a_password():
    add = one("ADD https://me:secret@h.example/x $there /y/")
    now = stage_state.State(("linux", "amd64", ""))
    now.args["there"] = "https://me:secret@h.example/z.git#v1"
    copy = copy_files.Copy(add, now, expansion.Lexer())
    assert copy.history == "ADD https://h.example/x https://h.example/z.git#v1 /y/ # buildkit"
    assert copy.sources[0] == "https://me:secret@h.example/x"
    assert add.title == "ADD https://h.example/x $there /y/"


@pytest.mark.parametrize("text", ["ENV x=$x$x", "LABEL $x$x=1", "EXPOSE $x$x", "USER $x$x"])
def test_an_instruction_whose_variables_grow_without_end_is_named(text):
    now = stage_state.State(("linux", "amd64", ""))
    now.config["Env"] = ["x=" + "1" * 600_000]
    with pytest.raises(expansion.Trouble, match="the variables in it make a text of more than"):
        stage_state.apply(now, one(text), expansion.Lexer())


def test_arguments_before_from_that_grow_without_end():
    text = "ARG x=0123456789\n" + "ARG x=$x$x\n" * 30 + "FROM $x\n"
    with pytest.raises(
        lines.BadFile,
        match=r"Containerfile:\d+: ARG: the variables in it make a text of more than 1048576 characters",
    ):
        stages.Containerfile(text.encode(), "Containerfile", {}, {}, None)


def test_no_configuration_is_larger_than_what_is_read():
    now = stage_state.State(("linux", "amd64", ""))
    for _line in range(10):
        now.note("x" * 1_000_000)
    with pytest.raises(
        expansion.Trouble,
        match="the image's configuration would have 10.* bytes; accepted: 8388608",
    ):
        now.document()


def test_a_stop_signal_that_does_not_exist_is_named_with_the_instruction():
    file = stages.Containerfile(b"FROM scratch\nSTOPSIGNAL NOSUCH\n", "file", {}, {})
    stage = file.needed(file.target(None))[0]
    with pytest.raises(expansion.Trouble, match="^STOPSIGNAL NOSUCH: no such signal$"):
        stage_state.apply(stage_state.State(("linux", "amd64", "")), stage.commands[0], file.lexer)
