# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer taken apart and put together again is the same to the byte, whatever tar can hold."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
import zlib

import pytest
from pycontainer.delivery import recipe, recompress
from pycontainer.errors import RegistryError, Unsupported
from pycontainer.layers.compression import compressed_streams


def archive(members, form=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as made:
        for name, content, options in members:
            info = tarfile.TarInfo(os.fsdecode(name))
            info.size, info.mtime = len(content), 1700000000
            for key, value in options.items():
                setattr(info, key, value)
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def gnu_sparse(path, form):
    """An archive of GNU tar's with a sparse file."""
    with open(path / "holes", "wb") as file:
        for number in range(40):
            file.seek(number * 20000)
            file.write(b"%d" % number * 100)
        file.truncate(1000000)
    (path / "plain").write_bytes(b"plain" * 200)
    command = ["tar", "--sparse", "-C", str(path), "-cf", "-"] + form + ["holes", "plain"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


PLAIN = [
    (b"a", b"one" * 1000, {}),
    (b"dir", b"", {"type": tarfile.DIRTYPE}),
    (b"b", b"", {}),
    (b"c", b"x" * 512, {}),
    (b"d", b"one" * 1000, {}),
]
LONG = b"n" * 90 + b"/" + b"m" * 200
CASES = {
    "plain": archive(PLAIN),
    "ustar": archive(PLAIN, tarfile.USTAR_FORMAT),
    "empty": archive([]),
    "nothing": b"",
    "no end": archive(PLAIN)[:9216],
    "only zeros": b"\0" * 10240,
    "hard links": archive(
        [
            (b"a", b"content", {}),
            (b"b", b"", {"type": tarfile.LNKTYPE, "linkname": "a"}),
            (b"c", b"after", {}),
        ]
    ),
    "symbolic links and nodes": archive(
        [
            (b"l", b"", {"type": tarfile.SYMTYPE, "linkname": "a" * 300}),
            (b"n", b"", {"type": tarfile.CHRTYPE}),
            (b"f", b"", {"type": tarfile.FIFOTYPE}),
            (b"z", b"z", {}),
        ]
    ),
    "long names": archive([(LONG, b"long", {}), (b"s", b"short", {})]),
    "long names of GNU": archive([(LONG, b"long", {}), (b"s", b"short", {})], tarfile.GNU_FORMAT),
    "names that are no UTF-8": archive(
        [(b"\xff\xfe/\x80", b"bytes", {}), (b"\xff", b"more", {})], tarfile.GNU_FORMAT
    ),
    "names twice": archive(
        [(b"a", b"first", {}), (b"a", b"second, longer", {}), (b"./a", b"third", {})]
    ),
    "attributes": archive(
        [
            (
                b"a",
                b"1",
                {
                    "pax_headers": {
                        "SCHILY.xattr.user.x": "y" * 2000,
                        "mtime": "1700000000.123456789",
                    }
                },
            ),
            (b"b", b"2", {}),
        ]
    ),
    "whiteouts": archive(
        [(b"d/.wh.x", b"", {}), (b"d/.wh..wh..opq", b"", {}), (b"d/y", b"why", {})]
    ),
    "something behind the end": archive(PLAIN) + b"behind" * 1000,
    "large": archive([(b"big", os.urandom(3 << 20), {}), (b"bigger", b"\0" * (5 << 20), {})]),
}


def apart(data, size=1 << 16):
    """``(plain bytes, [(offset, size, digest)], [contents])``."""
    plain = []
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    contents = list(recipe.take_apart(chunks, lambda piece: plain.append(bytes(piece)), "it"))
    return (
        b"".join(plain),
        contents,
        [data[offset : offset + length] for offset, length, _digest in contents],
    )


def check(data, size=1 << 16):
    plain, described, contents = apart(data, size)
    pieces = (plain[start : start + size] for start in range(0, len(plain), size))
    made = recipe.put_together(pieces, lambda number, length: [contents[number][:length]], "it")
    assert b"".join(made) == data
    assert len(plain) + sum(map(len, contents)) <= len(data)
    assert [length for _name, length in recipe.contents([plain], "it")] == [
        length for _offset, length, _digest in described
    ]
    return plain, contents


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [1 << 20, 700])
def test_it_comes_out_the_same(case, size):
    check(CASES[case], size)


@pytest.mark.parametrize(
    "form",
    [
        ["--format=gnu"],
        ["--format=posix"],
        ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"],
    ],
)
def test_sparse_files(tmp_path, form):
    _plain, contents = check(gnu_sparse(tmp_path, form))
    assert b"plain" * 200 in contents and len(contents[0]) < 900000  # the parts alone


def test_contents_are_not_in_the_plain_bytes():
    secret = os.urandom(5000)
    plain, contents = check(archive([(b"s", secret, {}), (b"t", b"", {})]))
    assert contents == [secret] and secret[:100] not in plain


def test_what_could_not_come_out_again_is_refused():
    data = archive([(b"a", b"content", {}), (b"b", b"more", {})])
    spoiled = bytearray(data)
    spoiled[1000] = 1  # behind the content of the first
    with pytest.raises(Unsupported):
        apart(bytes(spoiled))
    marked = bytearray(archive([(b"a", b"content", {"pax_headers": {"comment": "c" * 700}})]))
    marked[512 + 148 : 512 + 156] = recipe._MARK
    check(bytes(marked))  # of two blocks at once, which are no header
    marked = bytearray(archive([(b"a", b"content", {"pax_headers": {"comment": "c" * 499}})]))
    assert marked[1023] == ord("\n")  # one block of records
    marked[512 + 148 : 512 + 156] = recipe._MARK
    with pytest.raises(Unsupported):
        apart(bytes(marked))


def test_checksums_of_old_archivers_stay():
    data = archive([(b"a", b"content", {}), (b"b", b"more", {})], tarfile.USTAR_FORMAT)
    check(data[:148] + b" " + data[149:154].lstrip(b"0").rjust(5) + b"\0 " + data[156:])


def test_names_are_those_of_the_archive():
    plain, _described, _contents = apart(CASES["long names"])
    assert list(recipe.contents([plain], "it")) == [(LONG, 4), (b"s", 5)]


def test_another_content_gives_another_archive():
    plain, _described, contents = apart(CASES["plain"])
    made = b"".join(
        recipe.put_together(
            [plain], lambda number, _size: [contents[number].replace(b"o", b"0")], "it"
        )
    )
    assert made != CASES["plain"] and len(made) == len(CASES["plain"])


@pytest.mark.parametrize("cut", [100, 600, 1100, 2000])
def test_a_damaged_archive_is_refused(cut):
    with pytest.raises(RegistryError):
        apart(CASES["plain"][:cut])


def test_packed_and_unpacked():
    layers = []
    for number, case in enumerate(("plain", "long names", "empty")):
        plain, described, _contents = apart(CASES[case])
        layers.append(
            (
                "sha256:%064d" % number,
                zlib.compress(plain),
                [digest for _offset, _size, digest in described],
            )
        )
    packed = b"".join(
        recipe.pack(
            [
                (diff_id, b"".join(compressed_streams.compress([zlib.decompress(plain)])), digests)
                for diff_id, plain, digests in layers
            ]
        )
    )
    found = recipe.unpack(io.BytesIO(packed))
    for diff_id, plain, digests in layers:
        assert b"".join(found[diff_id].plain()) == zlib.decompress(plain)
        assert found[diff_id].digests == [digest[: recipe.SHORT] for digest in digests]
    for length in (len(packed) - 1, len(packed) // 2):
        with pytest.raises(RegistryError, match="cut short"):
            recipe.unpack(io.BytesIO(packed[:length]))


# --- the blob again ---

TEXT = b"".join(b"line %d of %d\n" % (number, number * number) for number in range(200000))


def again(blob, plain):
    settings = recompress.guess(
        blob[: recompress.TRIAL + recompress.MAX_HEADER], plain[: recompress.TRIAL]
    )
    return settings and b"".join(recompress.compressed([plain[:70000], plain[70000:]], settings))


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("plain", [TEXT, b"short"])
def test_blobs_of_zlib_come_out_again(level, plain):
    blob = b"".join(compressed_streams.compress([plain], level))
    assert again(blob, plain) == blob


def test_headers_with_names_and_times_too(tmp_path):
    with gzip.GzipFile(tmp_path / "named.gz", "wb", mtime=1234567) as file:
        file.write(TEXT)
    blob = (tmp_path / "named.gz").read_bytes()
    assert b"named" in blob[:20] and again(blob, TEXT) == blob


def test_no_settings_for_what_is_no_gzip():
    assert recompress.guess(b"\x28\xb5\x2f\xfd" + bytes(100), TEXT) is None
    assert recompress.guess(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name without end", TEXT) is None
    assert recompress.guess(b"", b"") is None


def test_the_archive_itself():
    assert b"".join(recompress.compressed([b"a", b"b"], {"level": None})) == b"ab"
