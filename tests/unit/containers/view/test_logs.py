# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: entries, splitting, rotation, reading from either end."""

from __future__ import annotations

import errno
import json
import os

import pytest
from pycontainer.containers.monitor import log_writer
from pycontainer.containers.view import logs
from pycontainer.store.paths import Paths

IDENT = "a" * 64


@pytest.fixture
def paths(tmp_path):
    made = Paths(str(tmp_path / "data"), str(tmp_path / "run"))
    os.makedirs(made.container(IDENT))
    yield made
    while WRITERS:
        WRITERS.pop().close()


WRITERS = []


def writer(paths, **options):
    WRITERS.append(
        log_writer.Writer(
            logs.path(paths, IDENT),
            dict({"driver": "json-file", "max_size": None, "max_file": 1}, **options),
        )
    )
    return WRITERS[-1]


def texts(paths, **how):
    return [entry["log"] for entry in logs.read(paths, IDENT, **how)]


def test_lines_arrive_whole_however_they_are_cut(paths):
    out = writer(paths)
    for piece in (b"o", b"ne\ntw", b"o\n", b"\n", b"end"):
        out.feed("stdout", piece)
    out.feed("stderr", b"other\n")
    assert texts(paths) == ["one\n", "two\n", "\n", "other\n"]
    assert out.unfinished() == {"stdout": b"end"}
    out.flush()
    assert texts(paths)[-1] == "end"
    assert texts(paths, streams=("stderr",)) == ["other\n"]


def test_file_is_json_lines_with_three_keys(paths):
    writer(paths).feed("stdout", b'a "quoted" \\ \xff \xc3\xbc\x00\n')
    with open(logs.path(paths, IDENT)) as file:
        entry = json.loads(file.read())
    assert sorted(entry) == ["log", "stream", "time"]
    assert entry["log"] == 'a "quoted" \\ \ufffd \u00fc\x00\n'
    assert len(entry["time"]) == len("2026-01-02T03:04:05.123456789Z") and entry["time"].endswith(
        "Z"
    )


def test_long_lines_are_split_at_16_kib_and_not_inside_a_character(paths):
    out = writer(paths)
    out.feed("stdout", b"x" + "\u00fc".encode() * 20000 + b"\n")
    found = texts(paths)
    assert "".join(found) == "x" + "\u00fc" * 20000 + "\n"
    assert all(len(text.encode()) <= 16384 for text in found) and len(found) == 3


def test_rotation_keeps_so_many_files(paths):
    out = writer(paths, max_size=1000, max_file=3)
    for number in range(200):
        out.feed("stdout", b"%d\n" % number)
    found = [int(text) for text in texts(paths)]
    assert found == list(range(found[0], 200)) and 20 < len(found) < 60
    assert sorted(os.listdir(paths.container(IDENT))) == ["log.json", "log.json.1", "log.json.2"]
    assert all(os.path.getsize(name) <= 1000 for name in logs.files(paths, IDENT))


def test_one_large_write_is_spread_over_files(paths):
    writer(paths, max_size=2000, max_file=50).feed(
        "stdout", b"".join(b"%d\n" % number for number in range(300))
    )
    assert [int(text) for text in texts(paths)] == list(range(300))
    assert (
        all(os.path.getsize(name) <= 2000 for name in logs.files(paths, IDENT))
        and len(logs.files(paths, IDENT)) > 5
    )


def test_rotation_of_a_single_file_empties_it(paths):
    out = writer(paths, max_size=500, max_file=1)
    for number in range(100):
        out.feed("stdout", b"%d\n" % number)
    assert texts(paths)[-1] == "99\n" and os.path.getsize(logs.path(paths, IDENT)) <= 500


@pytest.mark.parametrize("count", [0, 1, 3, 500, 2000])
def test_tail_is_the_end_of_all(paths, count):
    out = writer(paths, max_size=20000, max_file=20)
    for number in range(1000):
        out.feed("stdout", b"line %d\n" % number)
    everything = texts(paths)
    assert everything == ["line %d\n" % number for number in range(1000)]
    assert texts(paths, tail=count) == everything[len(everything) - min(count, 1000) :]


def test_tail_counts_a_split_line_once(paths):
    out = writer(paths)
    out.feed("stdout", b"first\n" + b"y" * 40000 + b"\nlast\n")
    assert "".join(texts(paths, tail=2)) == "y" * 40000 + "\nlast\n"


def test_since_and_until(paths):
    out = writer(paths)
    out.feed("stdout", b"a\n")
    out.feed("stdout", b"b\n")
    entries = list(logs.read(paths, IDENT))
    entries = [entry["time"] for entry in entries]
    assert texts(paths, since=entries[1]) == ["b\n"]
    assert texts(paths, until=entries[0]) == ["a\n"]


def test_half_a_line_at_the_end_is_left_out(paths):
    writer(paths).feed("stdout", b"whole\n")
    with open(logs.path(paths, IDENT), "a") as file:
        file.write('{"log":"ha')
    assert texts(paths) == ["whole\n"] and texts(paths, tail=5) == ["whole\n"]


def test_following_sees_what_comes_and_ends_with_the_container(paths):
    out = writer(paths, max_size=300, max_file=5)
    out.feed("stdout", b"0\n")
    seen, turns = [], iter(range(1, 20))

    def running():
        number = next(turns, None)
        if number is not None:
            out.feed("stdout", b"%d\n" % number)
        return number is not None

    for entry in logs.read(paths, IDENT, follow=True, running=running):
        seen.append(entry["log"])
    assert seen == ["%d\n" % number for number in range(20)]


def test_without_a_driver_nothing_is_written(paths):
    out = writer(paths, driver="none")
    out.feed("stdout", b"x\n")
    out.flush()
    assert os.listdir(paths.container(IDENT)) == [] and texts(paths) == []


def test_a_full_disk_loses_lines_and_nothing_else(paths, monkeypatch):
    out = writer(paths)
    real = os.write
    monkeypatch.setattr(
        logs.os,
        "write",
        lambda fd, data: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    out.feed("stdout", b"lost\n")
    monkeypatch.setattr(logs.os, "write", real)
    out.feed("stdout", b"kept\n")
    assert texts(paths) == ["kept\n"]


def test_older_files_are_compressed_and_read_back_in_order(paths):
    out = writer(paths, max_size=2000, max_file=4, compress=True)
    for number in range(150):
        out.feed("stdout", b"%d\n" % number)
    names = sorted(os.listdir(paths.container(IDENT)))
    assert names == ["log.json", "log.json.1.gz", "log.json.2.gz", "log.json.3.gz"]
    found = texts(paths)
    assert found == ["%d\n" % number for number in range(int(found[0]), 150)] and len(found) > 60
    assert texts(paths, tail=50) == found[-50:]
    out.configure({"driver": "json-file", "max_size": 2000, "max_file": 4})
    for number in range(150, 300):
        out.feed("stdout", b"%d\n" % number)
    assert sorted(os.listdir(paths.container(IDENT))) == [
        "log.json",
        "log.json.1",
        "log.json.2",
        "log.json.3",
    ]
    assert texts(paths)[-1] == "299\n"


def test_attributes_stand_beside_each_line(paths):
    writer(paths, attributes={"tag": "web", "a": 'b"'}).feed("stdout", b"x\n")
    (entry,) = logs.read(paths, IDENT)
    assert entry["attrs"] == {"tag": "web", "a": 'b"'} and entry["log"] == "x\n"


class Told:
    """A monitor that notes what is lost."""

    def __init__(self):
        self.lost = []

    def apart(self, work, done):
        work()
        done()
        return done

    def log_lost(self, count, why):
        self.lost.append((count, why))


def test_lines_that_a_full_disk_does_not_take_are_counted_and_spoil_no_other(paths, monkeypatch):
    told = Told()
    out = log_writer.Writer(
        logs.path(paths, IDENT), {"driver": "json-file", "max_size": None, "max_file": 1}, told
    )
    WRITERS.append(out)
    out.feed("stdout", b"first\n")
    real, left = os.write, [10]

    def write(fd, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = real(fd, bytes(data)[: left[0]])
        left[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", write)
    out.feed("stdout", b"lost\nlost, too\n")
    monkeypatch.setattr(os, "write", real)
    out.feed("stdout", b"last\n")
    assert texts(paths) == ["first\n", "last\n"]
    assert told.lost == [(2, "no space left on device")]
