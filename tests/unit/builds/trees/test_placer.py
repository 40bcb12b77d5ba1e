# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are named, and put into a root: hard links, however many, parents of files, and names that an address gives a file."""

from __future__ import annotations

import os
import resource
import socket

import pytest
from pycontainer.builds.parse import expansion
from pycontainer.builds.sources import add_url
from pycontainer.builds.trees import source_tree
from pycontainer.builds.trees.placer import Placer


@pytest.fixture
def copied(tmp_path):
    """``copied(*names)``: copies the contents of these directories, one after the other, into the directory whose path it returns."""

    def do(*names):
        target = tmp_path / "target"
        target.mkdir()
        top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        placer = Placer(top)
        try:
            for name in names:
                tree = source_tree.Tree(
                    os.open(tmp_path / name, os.O_RDONLY | os.O_DIRECTORY), "the context"
                )
                placer.tree(tree, tree.find("/")[0], "")
                tree.close()
        finally:
            os.close(top)
        return target

    return do


@pytest.fixture
def few_descriptors():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.root
def test_more_hard_links_than_a_process_may_have_files_open(tmp_path, copied, few_descriptors):
    (tmp_path / "source" / "deep" / "er").mkdir(parents=True)
    for number in range(150):
        (tmp_path / "source" / ("%d" % number)).write_text(str(number))
        os.link(
            tmp_path / "source" / ("%d" % number),
            tmp_path / "source" / "deep" / "er" / ("%d" % number),
        )
    target = copied("source")
    for number in range(150):
        one, other = target / ("%d" % number), target / "deep" / "er" / ("%d" % number)
        assert (
            one.read_text() == str(number)
            and os.path.samefile(one, other)
            and one.stat().st_nlink == 2
        )


@pytest.mark.root
def test_a_file_that_takes_the_place_of_a_hard_link_is_not_linked_to_in_its_stead(tmp_path, copied):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a").write_text("first")
    (tmp_path / "two" / "a").write_text("second")
    os.link(tmp_path / "one" / "a", tmp_path / "two" / "b")
    target = copied("one", "two")
    assert (target / "a").read_text() == "second" and (target / "b").read_text() == "first"


@pytest.mark.root
def test_one_file_under_the_same_name_in_two_sources(tmp_path, copied):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a").write_text("same")
    for name in ("a", "b"):
        os.link(tmp_path / "one" / "a", tmp_path / "two" / name)
    target = copied("one", "two")
    assert (target / "a").read_text() == "same" and os.path.samefile(target / "a", target / "b")


@pytest.mark.parametrize(
    "word, found",
    [
        ("a/f", ["a", "a/f"]),
        ("./a/f", ["a", "a/f"]),
        ("a/./f", ["f"]),
        ("*/f", ["a", "a/f"]),
        ("a/./**/g", ["b", "b/g"]),
        ("**/nothing", []),
        ("nothing/./*", None),
        ("link/f", None),
        ("link/./f", ["f"]),
        ("a/./", None),
        ("nothing", None),
        ("a/nothing", None),
    ],
)
def test_what_parents_names(tmp_path, word, found):
    """What is named and not there is heard of; a pattern that matches nothing is for the caller to tell."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").write_text("f")
    (tmp_path / "a" / "b" / "g").write_text("g")
    (tmp_path / "link").symlink_to("a")
    tree = source_tree.Tree(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY), "the context")
    try:
        if found is None:
            with pytest.raises(expansion.Trouble, match="not found|nothing of that name"):
                tree.parents(word)
        else:
            chosen = tree.parents(word)
            assert (
                len(chosen) == bool(found)
                and [name for each in chosen for name, _entry in tree.selection(each)] == found
            )
    finally:
        tree.close()


@pytest.mark.parametrize(
    "url, name",
    [
        ("http://h/a/file.tar.gz?x=/y", "file.tar.gz"),
        ("http://h/a%20b", "a b"),
        ("http://h/a/", ""),
        ("http://h", ""),
        ("http://h/a/..%2F..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("http://h/%2e%2E", ""),
        ("http://h/a/%2E", ""),
        ("http://h/a%00b", ""),
        ("http://h/a%2F", ""),
    ],
)
def test_the_name_of_a_file_of_the_web_leads_to_no_other_directory(url, name):
    assert add_url.Fetched(url, "/nowhere", 0, "").name == name


@pytest.mark.parametrize(
    "error, said",
    [
        (
            socket.gaierror(-3, "Temporary failure in name resolution"),
            "the name of h:8 can't be resolved: temporary failure in name resolution",
        ),
        (socket.timeout("timed out"), "h:8 does not answer within 60 seconds"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "h:8 can't be reached: connection refused",
        ),
    ],
)
def test_a_host_that_does_not_answer_is_named(monkeypatch, error, said):
    from urllib import error as errors
    from urllib import request

    def fails(*_arguments, **_options):
        raise errors.URLError(error)

    monkeypatch.setattr(request.OpenerDirector, "open", fails)
    with pytest.raises(expansion.Trouble, match=f"^ADD http://h:8/x: {said}$"):
        add_url.fetch("http://u:p@h:8/x", "/nonexistent/x", {})
