# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine laid down on a host: whole, with bytecode, found again by its fingerprint, swept when it is old."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import venv
import zipfile

import pytest
from pycontainer.deploy import fingerprint, install
from pycontainer.errors import Unsupported

RUNTIME = pathlib.Path(fingerprint.directory())


def from_zip(path, prefix):
    """The file deploy/fingerprint.py as it is in a module: imported out of a zip archive with the whole runtime in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in fingerprint.sources():
            archive.write(RUNTIME / name, prefix + name)
    import zipimport

    importer = zipimport.zipimporter(os.path.join(path, prefix + "deploy"))
    spec = importer.find_spec("fingerprint")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_payload_and_checkout_have_one_fingerprint(tmp_path):
    module = from_zip(
        str(tmp_path / "payload.zip"),
        "ansible_collections/pycontainer/engine/plugins/module_utils/_runtime/",
    )
    assert module.sources() == fingerprint.sources()
    assert module.name() == fingerprint.name()
    assert module.read("store/paths.py") == (RUNTIME / "store/paths.py").read_bytes()


def test_fingerprint_without_the_importers_table(tmp_path, monkeypatch):
    module = from_zip(str(tmp_path / "payload.zip"), "_runtime/")
    assert module._table(module.__spec__.loader), (
        "this Python's zipimport has no table that is known"
    )
    monkeypatch.setattr(module, "_table", lambda loader: None)
    assert module.sources() == fingerprint.sources()


def test_copy_runs_without_site_packages(engine):
    copy = install.ensure(engine)
    assert fingerprint.laid_down(engine.paths.runtime) == copy.path
    done = subprocess.run(
        copy.command() + ["--help"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "Groups of commands:" in done.stdout
    program = f"import sys; sys.path.insert(0, {copy.path!r}); import pycontainer.deploy.fingerprint as f; print(f.name()); print(f.__cached__)"
    done = subprocess.run(
        [copy.command()[0], "-I", "-S", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    name, cached = done.stdout.split()
    assert name == fingerprint.name()
    assert os.path.exists(cached), "no bytecode was laid down"


def test_the_oci_command_runs_from_its_bundle(engine):
    copy = install.ensure(engine)
    command = os.path.join(copy.path, install.OCI_COMMAND)
    place = os.path.join(engine.paths.run, "here")
    os.symlink(command, place)  # as on a host
    os.mkdir(engine.paths.run + "/oci")

    def listed():
        return (
            subprocess.run(
                [place, "--root", engine.paths.run + "/oci", "list", "-q"],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
            == b""
        )

    assert subprocess.run(
        [place, "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.startswith("pycontainer-oci version")
    done = subprocess.run(
        copy.command() + ["oci", "--root", engine.paths.run + "/oci", "state", "x"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "container x does not exist" in done.stderr
    package = os.path.join(copy.path, "pycontainer")
    os.rename(package, package + ".away")
    assert listed(), "a module was looked for outside of the bundle"
    for words in ("run", "exec x true", "kill x", "delete x", "pause x", "start x"):
        words = words.split() if " " in words else [words, "--bundle", engine.paths.run, "x"]
        done = subprocess.run(
            [place, "--root", engine.paths.run + "/oci"] + words,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode and (
            "container x does not exist" in done.stderr
            or "config.json can't be opened: no such file" in done.stderr
        ), done.stderr
    os.rename(package + ".away", package)
    for content in (b"something else", None):
        with open(os.path.join(copy.path, "oci.archive"), "wb") as file:
            file.write(content or b"")
        assert listed()


def test_a_bundle_is_replaced_not_written_over(engine):
    """Who reads one at that moment reads it to its end."""
    copy = install.ensure(engine)
    path = pathlib.Path(copy.path, "oci.archive")
    with path.open("rb") as reader:
        whole = path.read_bytes()
        install.record_host(copy.path, copy, install.choose())
        assert (
            not os.path.sameopenfile(reader.fileno(), os.open(path, os.O_RDONLY))
            and reader.read() == whole
        )
    assert path.stat().st_size > len(whole) // 2 and path.stat().st_mode & 0o777 == 0o644
    assert not [name for name in os.listdir(copy.path) if ".tmp" in name]


def test_the_oci_command_is_every_users(engine):
    """But not the lock: who holds that could keep everybody from starting."""
    os.chmod(os.path.dirname(engine.paths.data), 0o755)
    os.chmod(engine.paths.data, 0o700)  # as an older version had it, where this could be read then
    engine.db.all("SELECT * FROM containers")
    os.chmod(engine.paths.database, 0o644)
    copy = install.ensure(engine)
    command = [
        os.path.join(engine.paths.runtime, "current", install.OCI_COMMAND),
        "--root",
        "/tmp/nowhere",
    ]
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    done = subprocess.run(
        [*command, "state", "x"], stderr=subprocess.PIPE, text=True, check=False, **user
    )
    assert done.returncode == 1 and "container x does not exist" in done.stderr
    os.rename(os.path.join(copy.path, "pycontainer"), os.path.join(copy.path, "away"))
    done = subprocess.run(
        [*command, "state", "x"], stderr=subprocess.PIPE, text=True, check=False, **user
    )
    assert "container x does not exist" in done.stderr, "it does not read the bundle"
    for path in (
        os.path.join(copy.path, "lock"),
        copy.start,
        engine.paths.database,
        engine.paths.layers,
    ):
        assert subprocess.run(
            ["cat", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **user
        ).returncode


def test_the_oci_command_has_its_place_beside_the_other(engine, tmp_path):
    from pycontainer.host import task

    params = {
        "state": "present",
        "command": str(tmp_path / "bin" / "pycontainer"),
        "boot": False,
        "interpreter": None,
        "layers": None,
        "selinux": None,
        "container_ids": None,
        "default_address_pools": None,
        "secrets_key": None,
        "force": False,
        "delete_data": False,
    }
    plan = task.plan(engine, params)
    plan.apply()
    place = tmp_path / "bin" / "pycontainer-oci"
    assert os.readlink(place) == os.path.join(engine.paths.runtime, "current", "pycontainer-oci")
    assert subprocess.run([place, "--version"], stdout=subprocess.PIPE, check=True).stdout
    assert not task.plan(engine, params).changes
    task.plan(engine, dict(params, state="absent")).apply()
    assert not os.path.lexists(place)


def test_second_call_writes_nothing(engine):
    copy = install.ensure(engine)
    before = os.stat(copy.path).st_ino
    assert install.ensure(engine).path == copy.path
    assert os.stat(copy.path).st_ino == before
    assert os.listdir(engine.paths.tmp) == []


def test_old_copy_goes_unless_something_runs_from_it(engine):
    def old_copy(name):
        path = os.path.join(engine.paths.runtime, name)
        os.makedirs(path)
        open(os.path.join(path, "lock"), "w").close()
        return path

    idle, busy = old_copy("0.0.1-idle"), old_copy("0.0.1-busy")
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, os, sys; "
            "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH); print('held', "
            "flush=True); sys.stdin.read()",
            os.path.join(busy, "lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        copy = install.ensure(engine)
        assert not os.path.exists(idle)
        assert os.path.exists(busy)
        holder.communicate()
    install.sweep(engine.paths, copy)
    assert not os.path.exists(busy)
    assert os.path.exists(copy.path)


def test_half_written_copy_is_not_seen_and_goes(engine):
    left = os.path.join(engine.paths.tmp, "runtime-" + fingerprint.name())
    os.makedirs(os.path.join(left, "pycontainer"))
    assert fingerprint.laid_down(engine.paths.runtime) is None
    assert os.path.exists(install.ensure(engine).start)
    assert os.listdir(engine.paths.tmp) == []


def test_copy_that_others_could_write_is_not_used(engine):
    copy = install.ensure(engine)
    os.chmod(copy.path, 0o777)
    assert fingerprint.laid_down(engine.paths.runtime) is None


def test_interpreter_that_will_not_do_is_refused(engine, tmp_path):
    with pytest.raises(Unsupported, match="interpreter: /bin/false is not a Python"):
        install.ensure(engine, interpreter="/bin/false")
    bare = tmp_path / "python"
    bare.write_text(
        '#!/bin/sh\necho \'{"version": [3, 8], "tag": "cpython-38", "libraries": {"_cffi_backend": "/x", "pyroute2": null}}\'\n'
    )
    bare.chmod(0o755)
    with pytest.raises(Unsupported, match=r"is Python 3\.8; Python 3\.9 or newer is needed"):
        install.ensure(engine, interpreter=str(bare))
    assert os.listdir(engine.paths.runtime) == []


def test_other_python_gets_its_own_bytecode(engine):
    others = sorted(pathlib.Path.home().glob(".pyenv/versions/3.1[023]*/bin/python3"))
    if not others:
        pytest.skip("no second Python on this machine")
    python = dict(
        install.choose(),
        **{
            key: value for key, value in install.probe(str(others[0])).items() if key != "libraries"
        },
    )
    copy = install.own_copy(engine)
    install.lay_down(engine.paths, copy, python)
    assert os.path.exists(
        os.path.join(copy.path, "pycontainer", "__pycache__", f"errors.{python['tag']}.pyc")
    )
    assert subprocess.run(copy.command() + ["--help"], stdout=subprocess.PIPE, check=True).stdout


# --- what root's services may be run from ---


@pytest.fixture
def interpreter(tmp_path):
    """``interpreter(home, library, name)``: a stand-in for a Python that says where its libraries are; it writes down that it was run, and how."""

    def make(home, library, directory=tmp_path):
        path = directory / "python"
        path.write_text(
            '#!/bin/sh\necho "$1" >> %s/ran\necho \'{"version": [3, 11], "tag": "cpython-311", "home": "%s", '
            '"libraries": {"_cffi_backend": "%s", "pyroute2": "%s"}}\'\n'
            % (tmp_path, home, library, library)
        )
        path.chmod(0o755)
        return str(path)

    return make


def others(path, mode=0o755, owner=0):
    path.mkdir()
    os.chown(path, owner, 0)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode, owner", [(0o755, 4711), (0o777, 0), (0o1777, 0)])
def test_libraries_that_others_can_write_are_refused(interpreter, tmp_path, mode, owner):
    library = others(tmp_path / "library", mode, owner)
    with pytest.raises(
        Unsupported,
        match=(
            f"^{library} can't be used: root's services would run from it, and others than root "
            f"can write to {library}$"
        ),
    ):
        install.refuse_unfit(interpreter("/usr/lib/python3", library))
    with pytest.raises(Unsupported, match=f"^{library} can't be used"):
        install.refuse_unfit(interpreter(library, "/usr/lib/python3"))


def test_every_directory_on_the_way_counts_and_every_link(interpreter, tmp_path):
    above = others(tmp_path / "above", 0o775)
    os.chown(above, 0, 4711)
    library = others(above / "library")
    (tmp_path / "link").symlink_to("above/../above/library")
    for path in (library, tmp_path / "link"):
        with pytest.raises(Unsupported, match=f"^{path} can't be used: .* can write to {above}$"):
            install.refuse_unfit(interpreter("/usr/lib/python3", path))
    above.chmod(0o1777)  # as /tmp: nobody else can rename what root has in it
    assert install.refuse_unfit(interpreter("/usr/lib/python3", tmp_path / "link")) is None
    os.chown(tmp_path / "link", 4711, 0, follow_symlinks=False)
    with pytest.raises(Unsupported, match=f"can write to {tmp_path / 'link'}$"):
        install.refuse_unfit(interpreter("/usr/lib/python3", tmp_path / "link"))


def test_an_interpreter_that_others_can_write_is_not_even_run(interpreter, tmp_path):
    path = interpreter("/usr/lib/python3", "/usr/lib/python3", others(tmp_path / "bin", 0o777))
    with pytest.raises(
        Unsupported, match=f"^interpreter: {path} can't be used: .* can write to {tmp_path}/bin$"
    ):
        install.refuse_unfit(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["pyroute2", "pyroute2/__init__.py", "_cffi_backend.py"])
def test_a_package_that_others_can_write_to(tmp_path, place):
    """The directory that it lies in is root's, which is not enough."""
    venv.create(tmp_path)
    (library,) = tmp_path.glob("lib/python3*/site-packages")
    (library / "pyroute2").mkdir()
    (library / "pyroute2/__init__.py").touch()
    (library / "_cffi_backend.py").touch()
    python = str(tmp_path / "bin/python")
    assert not install.unfit(install.probe(python))
    os.chown(library / place, 4711, 0)
    assert install.unfit(install.probe(python)).endswith(f"can write to {library / place}")


def test_a_users_libraries_and_environment_do_not_count(monkeypatch, tmp_path):
    (tmp_path / "pyroute2").mkdir()
    (tmp_path / "pyroute2/__init__.py").touch()
    (tmp_path / "_cffi_backend.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert str(tmp_path) not in install.probe(sys.executable)["libraries"].values()


def test_no_python_of_root_listens_to_the_environment():
    """Who starts Python as root, starts it isolated (-I): a program in an argument list stands behind that."""
    found = []
    for path in [*RUNTIME.rglob("*.py"), *RUNTIME.parents[2].glob("roles/*/tasks/*.yml")]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"""(sys\.executable|interpreter["'\]]*), *["']-(?!I["'])""", line):
                found.append("%s:%d" % (path, number))
    assert not found
