# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of long work: what is written is what is read, from forked processes too, and what is no report does no harm."""

from __future__ import annotations

import os

import pytest
from pycontainer.progress import board as progress


@pytest.fixture
def board():
    fd = os.memfd_create("board")
    yield progress.Board(fd)
    os.close(fd)


def look(board):
    return progress.Look(os.pread(board.fd, 1 << 20, 0))


def test_nobody_listens():
    pieces = iter([b"x"])
    item = progress.SILENT.item("layer", 10)
    assert item.counted(pieces) is pieces  # not even a generator between
    item.phase(progress.PULLED)
    progress.SILENT.subject("Pulling")
    progress.SILENT.output("line")


def test_a_layer_on_its_way(board):
    board.subject("Pulling web:1")
    item, other = board.item("0123456789ab", 1 << 20), board.item("cdef", None, progress.PRESENT)
    assert (
        look(board).items == [("w", 0, 1 << 20, "0123456789ab"), ("e", 0, 0, "cdef")]
        and other is not progress.UNSEEN
    )
    item.phase(progress.DOWNLOADING)
    for dummy in item.counted(iter([bytes(1 << 19)])):
        assert look(board).items[0][:2] == ("d", 1 << 19)
    assert list(item.counted([b"abc"], progress.EXTRACTING)) == [b"abc"]
    assert look(board).items[0] == ("x", (1 << 19) + 3, 1 << 20, "0123456789ab")
    assert look(board).subject == "Pulling web:1"
    for dummy in item.counted([b"x"], at=7):  # a transfer that goes on, or begins again
        pass
    assert look(board).items[0][1] == 8


def test_only_each_quarter_of_a_megabyte_is_written(board, monkeypatch):
    item, calls = board.item("layer", 1 << 24), []
    monkeypatch.setattr(progress.os, "pwrite", lambda *given: calls.append(given))
    for dummy in item.counted([bytes(1 << 14)] * 1024):
        pass
    assert len(calls) == 16 * 4 + 1


def test_steps_and_output(board):
    step = board.item("[1/2] RUN make", 0, progress.RUNNING, 1234)
    for line in ("one", "two \x1b[31mred\r", "x" * 500):
        board.output(line)
    assert look(board).output == "x" * progress.OUTPUT and look(board).items == [
        ("r", 1234, 0, "[1/2] RUN make")
    ]
    step.finish(progress.DONE, 99)
    assert look(board).items == [("D", 1234, 99, "[1/2] RUN make")]


def test_a_new_subject_begins_a_new_list(board):
    board.subject("Pulling a")
    board.item("1")
    board.subject("Pushing a\nwith a line break")
    board.item("2")
    found = look(board)
    assert (found.subject, found.since, len(found.items)) == ("Pushing a\\nwith a line break", 1, 2)


def test_forked_processes_write_to_one_board(board):
    items = [board.item("layer %d" % number, 1 << 20) for number in range(4)]
    children = []
    for number, item in enumerate(items):
        pid = os.fork()
        if not pid:
            for dummy in item.counted([bytes(1 << 16)] * (number + 1), progress.PULLED):
                pass
            for extra in range(300):
                board.item("of %d, %d" % (number, extra))
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    found = look(board).items
    assert found[:4] == [
        ("p", (number + 1) << 16, 1 << 20, "layer %d" % number) for number in range(4)
    ]
    assert sorted(item[3] for item in found[4:]) == sorted(
        "of %d, %d" % (number, extra) for number in range(4) for extra in range(300)
    )


def test_a_full_board_takes_no_more(board):
    items = [board.item("x" * 1000) for dummy in range(200)]
    assert (
        os.fstat(board.fd).st_size <= progress.LIMIT
        and items[0] is not progress.UNSEEN
        and items[-1] is progress.UNSEEN
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"w",
        b"wabc",
        b"w" + b"9" * 14,
        b"w" + b"-1".rjust(15) + b"1".rjust(15) + b"x",
        b"Zhello\n\n\n",
        b"S" * 100,
        "w".encode() + "\u0661".encode().rjust(16) + b"1".rjust(15),
    ],
)
def test_what_is_no_report_is_passed_over(data):
    assert progress.Look(data).items == []


def test_a_hosts_text_can_not_move_the_cursor():
    found = progress.Look(b"Sa\x1b[2Jb\nw%15d%15d\x1b]0;title\x07\xc2\x9bname\nOx\x08y\n" % (1, 2))
    assert (
        found.subject == "a\\x1b[2Jb"
        and found.items == [("w", 1, 2, "\\x1b]0;title\\x07\\x9bname")]
        and found.output == "x\\x08y"
    )


def test_a_modules_board_goes_with_it(tmp_path):
    name = "ab" * 16
    with progress.board(tmp_path / "progress", name) as made:
        made.subject("Pulling a")
        path = tmp_path / "progress" / name
        assert path.read_bytes() == b"SPulling a\n" and path.stat().st_mode & 0o777 == 0o600
        progress.sweep(tmp_path / "progress")
        assert path.exists()
    assert not path.exists()


def test_the_board_of_a_killed_task_is_swept_up(tmp_path):
    directory, name = tmp_path / "progress", "cd" * 16
    pid = os.fork()
    if not pid:
        with progress.board(directory, name):
            os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert (directory / name).exists()
    progress.sweep(directory)
    assert not (directory / name).exists()
    progress.sweep(tmp_path / "none")


def test_where_none_can_be_made_the_work_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with progress.board(tmp_path / "file", "ef" * 16) as made:
        assert made is progress.SILENT
