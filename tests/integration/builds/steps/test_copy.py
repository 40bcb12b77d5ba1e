# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY and ADD: what a reference builder can't show here, web addresses, and images and contexts that try to reach the host."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading

import pytest
from pycontainer import errors
from pycontainer.builds.parse import chmod, expansion


@pytest.mark.parametrize(
    "text, old, directory, new",
    [
        ("755", 0o600, False, 0o755),
        ("0644", 0o777, True, 0o644),
        ("4755", 0, False, 0o4755),
        ("u+x", 0o600, False, 0o700),
        ("go-rwx", 0o755, False, 0o700),
        ("u=rwX,go=rX", 0o600, False, 0o644),
        ("u=rwX,go=rX", 0o600, True, 0o755),
        ("u=rwX,go=rX", 0o700, False, 0o755),
        ("a+r", 0o200, False, 0o644),
        ("+x", 0o600, False, 0o711),
        ("g=u", 0o750, False, 0o770),
        ("u+s,g+s,+t", 0o755, False, 0o7755),
        ("o=", 0o777, False, 0o770),
        ("u=rw,g=r,o=", 0o777, False, 0o640),
        ("ug+w-x", 0o555, False, 0o665),
    ],
)
def test_modes(text, old, directory, new):
    assert chmod.parse(text)(old, directory) == new


@pytest.mark.parametrize("text", ["", "8", "99999", "77777", "u", "z+x", "u+q", "u=rw g=r", "u,g"])
def test_what_is_no_mode(text):
    with pytest.raises(expansion.Trouble, match="--chmod="):
        chmod.parse(text)


def test_links_of_a_source(builder):
    """Hard links stay links, within a stage and from a context; times and attributes come along."""
    path = builder.context({"d/a": "1"})
    os.link(path + "/d/a", path + "/d/b")
    os.setxattr(path + "/d/a", "user.note", b"x")
    os.utime(path + "/d/a", (1600000000, 1600000000))
    record = builder(
        "FROM box:1 AS one\nCOPY d /in\nFROM box:1\nCOPY --from=one /in /out", path=path
    )
    with builder.mounted(record) as top:
        status = os.stat(top + "/out/a")
        assert (
            status.st_nlink == 2
            and status.st_ino == os.stat(top + "/out/b").st_ino
            and status.st_mtime == 1600000000
        )
        assert os.getxattr(top + "/out/a", "user.note") == b"x"


def test_nodes_of_a_stage(builder):
    record = builder(
        "FROM box:1 AS one\nRUN mkdir /n && mkfifo /n/f && mknod /n/c c 1 3 && ln -s f /n/l && "
        "chmod 2750 /n\nFROM box:1\nCOPY --from=one /n /n/"
    )
    with builder.mounted(record) as top:
        assert (
            os.lstat(top + "/n/c").st_rdev == os.makedev(1, 3) and os.readlink(top + "/n/l") == "f"
        )
        assert oct(os.lstat(top + "/n/f").st_mode)[:4] == "0o10"


PARENTS = {"x/a.txt": "1", "y/z/b.txt": "2", "y/z/c.md": "3"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("COPY --parents x/a.txt y/z/b.txt /p/", {"p/x/a.txt", "p/y/z/b.txt"}),
        ("COPY --parents y/./z/b.txt /p/", {"p/z/b.txt"}),
        ("COPY --parents **/*.txt /p/", {"p/x/a.txt", "p/y/z/b.txt"}),
        ("COPY --parents y/z /p/", {"p/y/z/b.txt", "p/y/z/c.md"}),
        ("COPY --parents ./y/*/*.txt /p/", {"p/y/z/b.txt"}),
        ("COPY --exclude=*.md y/z /p/", {"p/b.txt"}),
        ("COPY --exclude=z y /p/", set()),
        ("COPY --exclude=**/*.md --exclude=x . /p/", {"p/y/z/b.txt"}),
        ("COPY --exclude=*.md --exclude=!c.md y/z /p/", {"p/b.txt", "p/c.md"}),
    ],
)
def test_parents_and_exclude(builder, text, expected):
    tree = builder.tree(builder("FROM box:1\n" + text, PARENTS))
    assert {
        name for name, facts in tree.items() if name.startswith("p/") and facts[0].startswith("100")
    } == expected


@pytest.mark.parametrize(
    "ignore, expected",
    [
        ("b", {"a", "d/b", "d/c"}),
        ("**/b", {"a", "d/c"}),
        ("d", {"a", "b"}),
        ("*\n!d/c", {"d/c"}),
        ("*\n!d\nd/b", {"d/c"}),
        ("# a\n\nb\n!b", {"a", "b", "d/b", "d/c"}),
        ("d/*", {"a", "b"}),
    ],
)
def test_ignore_files(builder, ignore, expected):
    files = {"a": "1", "b": "2", "d/b": "3", "d/c": "4", ".dockerignore": ignore}
    tree = builder.tree(builder("FROM box:1\nCOPY . /p/", files))
    assert {
        name[2:]
        for name, facts in tree.items()
        if name.startswith("p/") and facts[0].startswith("100")
    } - {".dockerignore"} == expected
    for name in ("a", "b", "d/b", "d/c"):
        plan_works = name in expected
        try:
            builder(f"FROM box:1\nCOPY {name} /p/", files)
            assert plan_works
        except errors.EngineError:
            assert not plan_works


def test_named_contexts(builder, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "f").write_text("more")
    record = builder(
        "FROM base AS one\nCOPY --from=more f /f\nFROM one\nCOPY --from=other /srv/data/file /g",
        named={
            "more": str(tmp_path / "more"),
            "base": "docker-image://box:1",
            "other": "docker-image://box:1",
        },
    )
    assert builder.read(record, "f") == "more" and builder.read(record, "g") == "from the image\n"


# ----------------------------------------------------------------------------------------------------------- web addresses


class Handler(http.server.BaseHTTPRequestHandler):
    content, tag, time, asked = b"one", '"1"', "Tue, 14 Nov 2023 22:13:20 GMT", []

    def do_GET(self):
        Handler.asked.append(self.command)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        if Handler.tag:
            self.send_header("ETag", Handler.tag)
        if Handler.time:
            self.send_header("Last-Modified", Handler.time)
        self.send_header(
            "Content-Length",
            str(len(Handler.content) + (5 if self.path.startswith("/short") else 0)),
        )
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(Handler.content)

    do_HEAD = do_GET

    def log_message(self, *_words):
        pass


@pytest.fixture
def web():
    Handler.content, Handler.tag, Handler.time, Handler.asked = (
        b"one",
        '"1"',
        "Tue, 14 Nov 2023 22:13:20 GMT",
        [],
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:%d" % server.server_port
        server.shutdown()


def test_a_file_from_the_web(builder, web):
    text = f"FROM box:1\nADD {web}/d/file.txt?x=1 /in/\nADD {web}/other /name"
    tree = builder.tree(builder(text), times=True)
    assert (
        tree["in/file.txt"] == ["100600", 0, 0, b"one", 1700000000 * 10**9]
        and tree["name"][3] == b"one"
    )
    Handler.asked.clear()
    assert not builder.look(text).changed and set(Handler.asked) == {"HEAD"}
    Handler.content, Handler.tag = b"two", '"2"'
    assert builder.tree(builder(text))["name"][3] == b"two"
    Handler.tag = '"3"'  # another version, the same content
    builder(text)
    assert builder.ran == []


def test_an_address_that_says_nothing_of_its_version(builder, web):
    """Its content tells whether there is anything to do; it is fetched once for that and for the build."""
    Handler.tag = Handler.time = None
    text = f"FROM box:1\nADD {web}/f /f"
    assert builder.read(builder(text), "f") == "one"
    Handler.asked.clear()
    assert not builder.look(text).changed and Handler.asked == ["HEAD", "GET"]
    Handler.content = b"two"
    Handler.asked.clear()
    assert builder.read(builder(text), "f") == "two" and Handler.asked.count("GET") == 1
    assert os.listdir(builder.engine.paths.tmp) == []


def test_a_checksum_is_checked(builder, web):
    good, bad = hashlib.sha256(b"one").hexdigest(), "0" * 64
    builder(f"FROM box:1\nADD --checksum=sha256:{good} {web}/f /f")
    Handler.asked.clear()
    assert (
        not builder.look(f"FROM box:1\nADD --checksum=sha256:{good} {web}/f /f").changed
        and Handler.asked == []
    )
    for text, part in (
        (f"--checksum=sha256:{bad} {web}/f", "has the digest"),
        (f"--checksum=md5:ab {web}/f", "--checksum=md5:ab is not valid"),
        (f"--checksum=sha256:{good} f", "is for web addresses"),
        (f"{web}/missing", "404"),
        (f"{web}/short", "bytes"),
        ("http://127.0.0.1:1/x", "refused"),
        (
            "http://127.0.0.1:1/repo.git",
            "git ls-remote: fatal" if shutil.which("git") else "needs the program git",
        ),
    ):
        with pytest.raises(errors.EngineError, match=part):
            builder(f"FROM box:1\nADD {text} /f", {"f": "one"})


# ----------------------------------------------------------------------------------------------------------------- attacks


@pytest.fixture
def canary(tmp_path):
    """A directory of the host that nothing may touch: ``(path, check)``."""
    top = tmp_path / "canary"
    top.mkdir()
    (top / "file").write_text("untouched")
    status = os.stat(top / "file")

    def check():
        assert os.listdir(top) == ["file"] and (top / "file").read_text() == "untouched"
        assert (
            os.stat(top / "file").st_ctime_ns == status.st_ctime_ns
            and os.stat(top).st_mode & 0o777 == 0o755
        )

    return str(top), check


@pytest.mark.parametrize(
    "link",
    [
        "{0}",
        "{0}/file",
        "../../../../../../../../../../..{0}",
        "/proc/self/root{0}",
        "/proc/1/root{0}",
    ],
)
@pytest.mark.parametrize(
    "copy",
    [
        "COPY f /l",
        "COPY f /l/",
        "COPY f /l/new/f",
        "COPY d /l",
        "COPY d/ /l/x/",
        "ADD f.tar /l/",
        "COPY --chown=5 --chmod=777 d /l/",
        "WORKDIR /l/w",
    ],
)
def test_a_link_of_the_image_leads_nowhere(builder, canary, link, copy):
    """The image's links are made before anything is copied onto them (CVE-2018-15664 and its kind): the host stays as it is."""
    top, check = canary
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("t"), io.BytesIO(b""))
    text = f"FROM box:1\nRUN ln -s {link.format(top)} /l\n{copy}"
    try:
        builder(text, {"f": "1", "d/g": "2", "f.tar": buffer.getvalue()})
    except errors.EngineError:
        pass
    check()


@pytest.mark.parametrize("source", ["l", "l/file", "d", "d/l/file", "l/../canary/file"])
def test_a_link_of_a_source_leads_nowhere(builder, canary, source):
    top, dummy = canary
    for text in (
        f"FROM box:1\nCOPY {source} /x/",
        f"FROM box:1 AS one\nRUN mkdir /c && ln -s {top} /c/l && mkdir /c/d && ln -s {top} "
        f"/c/d/l\nFROM box:1\nCOPY --from=one /c/{source} /x/",
        f"FROM box:1\nRUN --mount=target=/m,source={source} mkdir /x; cp -r /m /x",
    ):
        try:
            record = builder(text, {"l": ("link", top), "d/l": ("link", top), "f": "1"})
        except errors.EngineError:
            continue
        assert b"untouched" not in [
            facts[3] for facts in builder.tree(record).values() if len(facts) > 3
        ]


@pytest.mark.parametrize(
    "members",
    [
        [("../escape", b"1")],
        [("/abs", b"1")],
        [("l", "link", "{0}"), ("l/new", b"1")],
        [("l", "link", "../../../../../../..{0}"), ("l/file", b"1")],
        [("h", "hard", "{0}/file")],
        [("h", "hard", "../../../../../../../..{0}/file")],
        [("l", "link", "{0}"), ("l", "dir")],
        [("l", "link", "{0}/file"), ("h", "hard", "l"), ("h", b"1")],
    ],
)
def test_an_archive_stays_in_its_directory(builder, canary, members):
    top, check = canary
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o777
            if isinstance(rest[0], bytes):
                info.size = len(rest[0])
                tar.addfile(info, io.BytesIO(rest[0]))
                continue
            info.type = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "dir": tarfile.DIRTYPE}[
                rest[0]
            ]
            info.linkname = rest[1].format(top) if len(rest) > 1 else ""
            tar.addfile(info)
    try:
        record = builder("FROM box:1\nADD a.tar /in/dir/", {"a.tar": buffer.getvalue()})
    except errors.EngineError:
        check()
        return
    check()
    assert not {"escape", "in/escape", "abs"} & set(builder.tree(record))


def test_several_archives_in_one_add(builder):
    """They are unpacked in their order, each with its own owners, a file between them is copied."""

    def archive(uid, **files):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.uid, info.size = uid, len(content)
                tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    files = {"1.tar": archive(7, one=b"1", both=b"1"), "2.tar": archive(8, two=b"2", both=b"2")}
    for words in ("1.tar a.txt 2.tar", "?.tar a.txt"):
        record = builder(f"FROM box:1\nADD {words} /new/", {**files, "a.txt": "text"})
        found = {
            name[4:]: (facts[1], facts[3])
            for name, facts in builder.tree(record).items()
            if name.startswith("new/")
        }
        assert found == {
            "one": (7, b"1"),
            "two": (8, b"2"),
            "both": (8, b"2"),
            "a.txt": (0, b"text"),
        }


def test_context_must_be_there(builder, tmp_path):
    with pytest.raises(
        errors.EngineError, match="path: .* is not valid; accepted: an existing directory"
    ):
        builder("FROM box:1\nCOPY a /a", path=str(tmp_path / "none"))


def test_the_same_layer_twice(builder):
    """What is copied again is the same layer; overlayfs takes none twice."""
    record = builder(
        "FROM box:1\nCOPY a /x/a\nRUN echo b > /x/b; rm /x/a\nCOPY a /x/a\nRUN cat /x/a /x/b > /c",
        {"a": "1\n"},
        args={"SOURCE_DATE_EPOCH": "1"},
    )  # the layer has the directory too, with its time
    assert (
        len(record["layers"]) > len(set(record["layers"])) and builder.read(record, "c") == "1\nb\n"
    )
    again = builder("FROM box:1\nCOPY a /x/a\nCOPY a /x/a\nRUN cat /x/a > /c", {"a": "1\n"})
    assert builder.read(again, "c") == "1\n"


def test_an_empty_destination_is_the_working_directory(builder):
    record = builder(
        'FROM box:1\nWORKDIR /w\nCOPY a $NOPE\nCOPY ["a", "b", ""]\n', {"a": "1\n", "b": "2\n"}
    )
    assert builder.read(record, "w/a") == "1\n" and builder.read(record, "w/b") == "2\n"


def test_a_heredoc_needs_the_name_of_a_file(builder):
    with pytest.raises(
        errors.EngineError,
        match=r":2: COPY: the here-document a/b has no name that a file can have",
    ):
        builder("FROM box:1\nCOPY <<a/b /n/\nx\na/b\n")
