# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing tar: every form that GNU tar and Python write, damage, and our writer against our reader."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile

import pytest
from pycontainer.errors import RegistryError
from pycontainer.layers.tar import reader, writer

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read(data, piece=777):
    """``[(entry, content)]`` of an archive that comes in small pieces."""
    found = []
    for entry in reader.entries(
        reader.Stream(data[at : at + piece] for at in range(0, len(data), piece))
    ):
        parts = []
        if entry.sparse is None:
            entry.write_to(lambda view: parts.append(bytes(view)))
            content = b"".join(parts)
        else:
            content = bytearray(entry.size)
            for offset, length, write in entry.parts():
                parts.clear()
                write(lambda view: parts.append(bytes(view)))
                content[offset : offset + length] = b"".join(parts)
        found.append((entry, bytes(content)))
    return found


def archive(form, members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as file:
        for name, options in members:
            info = tarfile.TarInfo(os.fsdecode(name))
            content = options.pop("content", b"")
            info.size = len(content)
            for key, value in options.items():
                setattr(info, key, value)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_all_types_and_attributes(form):
    data = archive(
        FORMATS[form],
        [
            (b"dir", {"type": tarfile.DIRTYPE, "mode": 0o1777, "mtime": 5}),
            (
                b"dir/file",
                {
                    "content": b"x" * 1000,
                    "mode": 0o4755,
                    "uid": 1000,
                    "gid": 65534,
                    "mtime": 1700000000,
                },
            ),
            (b"empty", {}),
            (b"hard", {"type": tarfile.LNKTYPE, "linkname": "dir/file"}),
            (b"soft", {"type": tarfile.SYMTYPE, "linkname": "../../x"}),
            (b"char", {"type": tarfile.CHRTYPE, "devmajor": 5, "devminor": 300}),
            (b"block", {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 1}),
            (b"pipe", {"type": tarfile.FIFOTYPE}),
            (b"last", {"content": b"y" * 512}),
        ],
    )
    found = {entry.name: (entry, content) for entry, content in read(data)}
    assert [entry.kind for entry, _content in found.values()] == [
        reader.DIRECTORY,
        reader.REGULAR,
        reader.REGULAR,
        reader.LINK,
        reader.SYMLINK,
        reader.CHAR,
        reader.BLOCK_DEVICE,
        reader.FIFO,
        reader.REGULAR,
    ]
    entry, content = found[b"dir/file"]
    assert (content, entry.mode, entry.uid, entry.gid, entry.mtime) == (
        b"x" * 1000,
        0o4755,
        1000,
        65534,
        1700000000 * 10**9,
    )
    assert found[b"hard"][0].link == b"dir/file" and found[b"soft"][0].link == b"../../x"
    assert found[b"char"][0].device == (5, 300) and found[b"last"][1] == b"y" * 512


@pytest.mark.parametrize("form", ("gnu", "pax"))
def test_long_names_links_and_big_numbers(form):
    long = b"d/" * 60 + b"n" * 200
    data = archive(
        FORMATS[form],
        [
            (
                long,
                {"type": tarfile.SYMTYPE, "linkname": "t" * 300, "uid": 3000000, "gid": 2**32 - 2},
            ),
            (b"after", {"content": b"z"}),
        ],
    )
    (first, _content), (second, content) = read(data)
    assert (
        first.name == long
        and first.link == b"t" * 300
        and (first.uid, first.gid) == (3000000, 2**32 - 2)
    )
    assert second.name == b"after" and content == b"z"


def test_ustar_prefix_and_names_that_are_not_utf8():
    data = archive(tarfile.USTAR_FORMAT, [(b"p" * 90 + b"/" + b"q" * 90, {}), (b"caf\xe9\xff", {})])
    assert [entry.name for entry, _content in read(data)] == [
        b"p" * 90 + b"/" + b"q" * 90,
        b"caf\xe9\xff",
    ]


def test_pax_fractions_xattrs_and_global_records():
    data = archive(
        tarfile.PAX_FORMAT,
        [
            (
                b"f",
                {
                    "pax_headers": {
                        "mtime": "1.123456789",
                        "SCHILY.xattr.user.a": "b",
                        "size": "3",
                    },
                    "content": b"abc",
                },
            ),
            (b"g", {"pax_headers": {"mtime": "-1.5"}}),
        ],
    )
    (first, content), (second, _nothing) = read(data)
    assert first.mtime == 1123456789 and first.xattrs == {b"user.a": b"b"} and content == b"abc"
    assert second.mtime == -1500000000 and not second.xattrs


@pytest.mark.parametrize(
    "options",
    (
        ["--format=gnu"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=pax", "--sparse-version=1.0"],
    ),
)
def test_sparse_files(tmp_path, options):
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        for number in range(30):
            file.seek(number * 100000)
            file.write(b"part %d" % number)
        file.truncate(5000000)
    data = subprocess.run(
        ["tar", "-cS", "-C", str(tmp_path)] + options + ["sparse"],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    ((entry, content),) = read(data)
    assert entry.name == b"sparse" and entry.sparse and content == path.read_bytes()


def test_content_that_is_not_read_is_skipped():
    data = archive(
        tarfile.GNU_FORMAT, [(b"a", {"content": b"1" * 5000}), (b"b", {"content": b"2"})]
    )
    assert [entry.name for entry in reader.entries(reader.Stream([data]))] == [b"a", b"b"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:700],
        lambda data: data[:100],
        lambda data: data[:10] + b"!" + data[11:],
        lambda data: b"\x1f\x8b" + data[2:],
        lambda data: b"not a tar archive".ljust(512, b"."),
    ],
)
def test_damage_is_noticed(damage):
    data = archive(tarfile.GNU_FORMAT, [(b"a", {"content": b"1" * 5000})])
    with pytest.raises(RegistryError):
        read(damage(data))


def _header(name=b"x", size=b"00000000000\0", kind=b"0"):
    block = bytearray(
        name.ljust(100, b"\0")
        + b"0000644\0" * 3
        + size
        + b"00000000000\0"
        + b" " * 8
        + kind
        + b"\0" * 355
    )
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "data",
    [
        _header(size=b"\xff" * 12),  # -1: would go backwards (CVE-2019-20907, CVE-2025-8194)
        _header(size=b"\x80" + b"\xff" * 11, kind=b"x"),
        _header(size=b"77777777777\0", kind=b"L"),
        _header(size=b"zzz".ljust(12, b"\0")),
        _header(size=b"%011o\0" % 20, kind=b"x") + b"9999999999 path=x\n".ljust(512, b"\0"),
        _header(size=b"%011o\0" % 20, kind=b"x") + b"0 path=xxxxxxxxxxxx\n".ljust(512, b"\0"),
        _header(size=b"%011o\0" % 15, kind=b"x")
        + b"15 size=-10000\n".ljust(512, b"\0")
        + _header(),
    ],
)
def test_hostile_headers_end_in_an_error(data):
    with pytest.raises(RegistryError):
        read(data + b"\0" * 1024)


def test_our_own_archives_are_read_by_us_and_by_tarfile(tmp_path):
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "dir" / ("n" * 150)).write_bytes(b"content")
    os.link(root / "dir" / ("n" * 150), root / "hard")
    os.symlink("s" * 150, root / "soft")
    os.mkfifo(root / "pipe")
    os.mkdir(os.fsencode(root) + b"/caf\xe9")
    first = b"".join(writer.directory(str(root)))
    assert first == b"".join(writer.directory(str(root)))
    names = [entry.name for entry, _content in read(first)]
    assert names == [
        b"./",
        b"./caf\xe9/",
        b"./dir/",
        b"./dir/" + b"n" * 150,
        b"./hard",
        b"./pipe",
        b"./soft",
    ]
    with tarfile.open(fileobj=io.BytesIO(first)) as file:
        members = {member.name: member for member in file.getmembers()}
    assert (
        members["./hard"].linkname == "./dir/" + "n" * 150
        and members["./soft"].linkname == "s" * 150
    )


def test_a_global_header_holds_for_all_that_have_none_of_their_own():
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer,
        mode="w",
        format=tarfile.PAX_FORMAT,
        pax_headers={"comment": "a commit", "mtime": "5.25"},
    ) as file:
        for name, mtime in (("plain", 0), ("own", 7.5)):
            info = tarfile.TarInfo(name)
            info.mtime = mtime
            file.addfile(info)
    assert [(entry.name, entry.mtime) for entry, _content in read(buffer.getvalue())] == [
        (b"plain", 5250000000),
        (b"own", 7500000000),
    ]
