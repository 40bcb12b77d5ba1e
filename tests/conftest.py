# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test may use: the runtime as the package ``pycontainer``, an engine with a store of its own, the leak check."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import pathlib
import sys
import tempfile
import threading
import time

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
RUNTIME = CHECKOUT / "plugins" / "module_utils" / "_runtime"
sys.path.insert(0, str(CHECKOUT / "tests"))

from support import leaks  # noqa: E402  # pylint: disable=wrong-import-position


def runtime_as(name):
    """Make the runtime's directory importable as the package ``name``, as it is on a host where it was laid down."""
    spec = importlib.util.spec_from_file_location(
        name, RUNTIME / "__init__.py", submodule_search_locations=[str(RUNTIME)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


runtime_as("pycontainer")
importlib.import_module("pycontainer.nouns")  # registers them with the engine


STORE = ("state.db", "state.db-wal", "state.db-shm")


def only_sqlite_opens_a_store(event, arguments):
    """An audit hook (sys.addaudithook) for all tests: the engine opens no store's database but by SQLite (store/database.py)."""
    if (
        event == "open"
        and isinstance(arguments[0], (str, bytes))
        and os.path.basename(os.fsdecode(arguments[0])) in STORE
    ):
        frame = sys._getframe(1)  # pylint: disable=protected-access
        while frame is not None:
            assert not frame.f_code.co_filename.startswith(str(RUNTIME)), (
                f"{frame.f_code.co_filename} opens {arguments[0]!r}"
            )
            frame = frame.f_back


sys.addaudithook(only_sqlite_opens_a_store)


def pytest_addoption(parser):
    parser.addoption(
        "--leak-check",
        nargs="?",
        const="all",
        choices=["all", "apart"],
        help=(
            "fail when the run leaves anything of the engine on this machine; apart: in its own "
            "namespaces, since others run beside it"
        ),
    )


def pytest_configure(config):
    config.threads_left = []
    config.seen_after = {}
    config.addinivalue_line("markers", "root: needs root on this machine's kernel")


def pytest_sessionstart(session):
    config = session.config
    if config.getoption("--leak-check"):
        config.leak_kinds = tuple(
            leaks.OF_NAMESPACES if config.getoption("--leak-check") == "apart" else leaks.KINDS
        )
        config.leaks_before = leaks.snapshot(config.leak_kinds)


def pytest_sessionfinish(session, exitstatus):
    if session.config.getoption("--leak-check"):
        seen = session.config.seen_after
        session.config.leaks_left = [
            f"{left} (since {seen.get(left, 'the end')})"
            for left in leaks.since(session.config.leaks_before, kinds=session.config.leak_kinds)
        ]
        session.config.leaks_left += session.config.threads_left
        if session.config.leaks_left and exitstatus == 0:
            session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--leak-check"):
        left = config.leaks_left
        terminalreporter.section(
            f"leaks: {len(left)}" if left else "no leaks", red=bool(left), green=not left
        )
        for line in left:
            terminalreporter.line(line)


def worked():
    """Seconds that processors have worked for this process and for those that it has waited for."""
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.worked_before = worked()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """A file's tests leave no connections, and no threads of servers at their other ends, to those of the next.

    Some want few descriptors, and calls as setns(2) into a time namespace are refused to a process of several threads.
    """
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        until = time.monotonic() + 10
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            thread.join(max(0, until - time.monotonic()))
            if thread.is_alive():
                item.config.threads_left.append(f"{thread} after {item.path.relative_to(CHECKOUT)}")
        if item.config.getoption("--leak-check"):
            for left in leaks.since(
                item.config.leaks_before, patience=0, kinds=item.config.leak_kinds
            ):
                item.config.seen_after.setdefault(left, item.path.relative_to(CHECKOUT))
    item.user_properties.append(("busy", f"{worked() - item.worked_before:.3f}"))


def pytest_collection_modifyitems(config, items):
    """Tests below integration/ and hosts/ work on the real kernel: they are skipped where that is not allowed."""
    if os.geteuid() == 0:
        return
    for item in items:
        part = pathlib.Path(item.fspath).relative_to(CHECKOUT / "tests").parts[0]
        if (
            part in ("integration", "hosts")
            or item.get_closest_marker("root")
            or "engine" in getattr(item, "fixturenames", ())
        ):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def scratch():
    """Two directories for an engine, ``(data, run)``: on a disk that can hold an overlay's upper layer, and per boot.

    The second has a short name because the address of a Unix socket has at most 107 bytes (unix(7)).
    """
    data = tempfile.mkdtemp(
        prefix="pycontainer-test-", dir=os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
    )
    run = tempfile.mkdtemp(prefix="pct-", dir="/run")
    yield os.path.join(data, "data"), run
    leaks.remove(os.path.join(data, "data"), run)
    os.rmdir(data)


@pytest.fixture
def engine(scratch):
    """An opened engine with an empty store of its own; what it leaves behind is taken down.

    PYCONTAINER_TEST_LAYERS says as what it stores layers: with ``erofs``, tests of all subjects stand on layers in files.
    """
    from pycontainer.engine import Engine
    from pycontainer.store import settings

    with Engine(data=scratch[0], run=scratch[1]) as opened:
        if os.environ.get("PYCONTAINER_TEST_LAYERS"):
            settings.write(opened.paths.config, {"layers": os.environ["PYCONTAINER_TEST_LAYERS"]})
        yield opened


@pytest.fixture
def check_engine(scratch):
    """An engine in check mode on a host that has no store yet."""
    from pycontainer.engine import Engine

    with Engine(data=scratch[0], run=scratch[1], check=True) as opened:
        yield opened
