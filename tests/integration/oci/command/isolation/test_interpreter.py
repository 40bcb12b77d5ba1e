# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container gets to see of the interpreter that makes it: nothing it could write to (CVE-2019-5736)."""

from __future__ import annotations

import errno
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from pycontainer.kernel.calls.constants import MACHINE

CODE = "import os, sys; print('an interpreter, %s' % ('sealed' if os.statvfs('/proc/self/exe').f_flag & os.ST_RDONLY else 'open')); sys.exit(1)"
PYTHON = os.path.realpath("/usr/bin/python3")


@pytest.fixture
def with_python(bundle):
    """The bundle with all that the host's interpreter needs in order to run, but for the interpreter: /evil leads to /proc/self/exe."""
    listed = subprocess.run(["ldd", PYTHON], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(", listed):
        target = bundle.rootfs / library[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    library = os.path.dirname(
        os.path.realpath(
            os.__file__ if os.__file__.startswith("/usr") else "/usr/lib/python3.11/os.py"
        )
    )
    shutil.copytree(
        library,
        bundle.rootfs / library[1:],
        symlinks=True,
        ignore=shutil.ignore_patterns("dist-packages", "test", "__pycache__"),
    )
    (bundle.rootfs / "evil").symlink_to("/proc/self/exe")
    (bundle.rootfs / "script").write_text("#!/proc/self/exe\n" + CODE)
    (bundle.rootfs / "script").chmod(0o755)
    return bundle


@pytest.mark.parametrize("profile", [None, "default", "strict", "with no_new_privs"])
@pytest.mark.parametrize("command", ["run", "exec"])
def test_proc_self_exe_as_program_is_not_the_hosts_file(runtime, with_python, command, profile):
    from pycontainer.kernel.isolation import capabilities
    from pycontainer.kernel.processes import procfs
    from pycontainer.kernel.seccomp import default_profile

    if profile == "strict":
        with_python.config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["execveat"], "action": "SCMP_ACT_ERRNO"}],
        }
    elif profile:
        with_python.config["linux"]["seccomp"] = default_profile.default_profile(
            capabilities.DOCKER_DEFAULT, procfs.kernel_version()
        )
    with_python.save(noNewPrivileges=profile == "with no_new_privs")
    before = os.stat(PYTHON)
    for program in ("/evil", "/script"):
        if command == "run":
            with_python.save(args=[program, "-c", CODE])
            done = runtime("run", "--bundle", with_python.path, "c")
        else:
            runtime.detached(with_python.save(args=["sleep", "1000"]), "c")
            done = runtime("exec", "c", program, "-c", CODE)
            runtime.ok("delete", "-f", "c")
        assert done.returncode != 0
        assert "an interpreter, open" not in done.stdout
    after = os.stat(PYTHON)
    assert (before.st_mtime_ns, before.st_size, before.st_ino) == (
        after.st_mtime_ns,
        after.st_size,
        after.st_ino,
    )


def test_the_programs_rights_are_the_same_by_way_of_the_step(runtime, bundle):
    sets = {
        "bounding": ["CAP_KILL", "CAP_CHOWN"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL", "CAP_CHOWN"],
        "inheritable": ["CAP_KILL"],
        "ambient": ["CAP_KILL"],
    }
    for uid, expected in (
        (0, ["21", "21", "21", "20", "20"]),
        (1000, ["20", "20", "21", "20", "20"]),
    ):
        bundle.save(
            user={"uid": uid, "gid": uid, "additionalGids": [7]},
            capabilities=sets,
            args=["cat", "/proc/self/status"],
            noNewPrivileges=True,
        )
        lines = runtime.ok("run", "--bundle", bundle.path, "c").splitlines()
        fields = dict(line.split(":\t") for line in lines if ":\t" in line)
        assert [
            fields[name].lstrip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")
        ] == expected
        assert fields["Groups"].split() == ["7"] and fields["NoNewPrivs"] == "1"


LOOK = "for n in exe maps environ mem fd/0 cwd; do cat /proc/1/$n >/dev/null 2>&1 && echo $n; done; readlink /proc/1/exe; echo x 2>&1 >/proc/1/exe; true"


def with_capabilities(bundle, *names):
    return bundle.save(
        capabilities={kind: list(names) for kind in ("bounding", "effective", "permitted")}
    )


def test_nothing_of_a_created_containers_maker_is_seen_from_inside(runtime, bundle):
    """What waits for the start is the interpreter, with the small program that it is to execute open, and its modules mapped."""
    from pycontainer.kernel.isolation import capabilities

    with_capabilities(bundle, *capabilities.DOCKER_DEFAULT)
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert runtime.ok("exec", "c", "sh", "-c", LOOK).splitlines() == [
        "sh: can't create /proc/1/exe: Permission denied"
    ]
    runtime.ok("start", "c")
    seen = runtime.ok(
        "exec",
        "c",
        "sh",
        "-c",
        "readlink /proc/1/exe; ls /proc/1/fd; cat /proc/1/comm /proc/1/maps /proc/1/environ",
    )
    assert (
        seen.splitlines()[:5] == ["/bin/busybox", "0", "1", "2", "sleep"]
        and "memfd" not in seen
        and "python" not in seen
    )


def test_what_may_trace_reaches_no_interpreter_that_can_be_written_to(runtime, bundle):
    with_capabilities(bundle, "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert "Read-only file system" in runtime.ok("exec", "c", "sh", "-c", LOOK)
    with_capabilities(bundle, "CAP_KILL")
    runtime.ok(
        "create", "--bundle", bundle.path, "d", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert "it is not started yet" in runtime.fails("exec", "--cap", "CAP_SYS_PTRACE", "d", "true")
    runtime.ok("exec", "d", "true")
    runtime.ok("start", "d")
    runtime.ok("exec", "--cap", "CAP_SYS_PTRACE", "d", "true")


@pytest.fixture(scope="module")
def outrun(tmp_path_factory):
    if MACHINE != "x86_64" or not shutil.which("gcc"):
        pytest.skip("needs x86 and a C compiler")
    made = tmp_path_factory.mktemp("programs") / "outrun"
    source = pathlib.Path(__file__).parents[3] / "attacks" / "programs" / "outrun.c"
    subprocess.run(["gcc", "-O1", "-static", "-o", made, source], check=True)
    return made


@pytest.mark.parametrize("namespace", ["its own", "the host's"])
@pytest.mark.parametrize("no_new_privileges", [True, False], ids=["with no_new_privs", "without"])
def test_no_filter_is_outrun(runtime, bundle, outrun, namespace, no_new_privileges):
    """What has the same user and rights may trace a process from the moment on at which it is dumpable: the filter is there by then."""
    from pycontainer.kernel.isolation import capabilities
    from pycontainer.kernel.processes import procfs
    from pycontainer.kernel.seccomp import default_profile

    bundle.config["linux"]["seccomp"] = default_profile.default_profile(
        capabilities.DOCKER_DEFAULT, procfs.kernel_version()
    )
    if namespace == "the host's":
        bundle.config["linux"]["namespaces"] = [
            entry for entry in bundle.config["linux"]["namespaces"] if entry["type"] != "pid"
        ]
    with_capabilities(bundle, *capabilities.DOCKER_DEFAULT)
    shutil.copy(outrun, bundle.rootfs / "outrun")
    seen = []
    for number in range(5):
        bundle.save(args=["sleep", "1000"], noNewPrivileges=no_new_privileges)
        runtime.ok(
            "create",
            "--bundle",
            bundle.path,
            "c",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if namespace == "the host's":
            command = runtime.argv(
                "run",
                "--bundle",
                bundle.save(args=["/outrun", str(runtime.state("c")["pid"])]).path,
                "attacker%d" % number,
            )
        else:
            command = runtime.argv("exec", "c", "/outrun", "1")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attack:
            assert attack.stdout.readline() == "ready\n"
            runtime.ok("start", "c")
            file, answer = attack.stdout.readline().split()[-2:]
        seen.append((file, int(answer)))
        runtime.ok("delete", "--force", "c")
    assert {answer for _file, answer in seen} == {-errno.EPERM}, seen
