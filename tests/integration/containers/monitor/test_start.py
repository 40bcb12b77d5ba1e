# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's start: what the process sees, what it may, and what is refused."""

from __future__ import annotations

import hashlib
import os

import pytest
from pycontainer.containers.client import monitor_client
from pycontainer.containers.records import run_state, status
from pycontainer.errors import ContainerFailed
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs


def test_runs_and_its_exit_code_is_recorded(boxes):
    box = boxes.shell("echo hello; echo oops >&2; exit 3")
    assert box.start() > 0
    assert box.wait() == 3
    now = box.state
    assert (now["status"], now["exit_code"], now["pid"]) == ("exited", 3, 0)
    assert sorted(box.log().split()) == ["hello", "oops"]


def test_death_by_a_signal(boxes):
    box = boxes.shell("kill -9 $$")
    box.start()
    # process 1 of a namespace takes no SIGKILL from itself, so it goes on to the end of its script
    assert box.wait() == 0
    box = boxes("/bin/sleep", "100")
    box.start()
    monitor_client.kill(box.paths, box.ident, "SIGKILL")
    assert box.wait() == 137
    assert box.state["signal"] == 9


def test_is_process_1_in_namespaces_of_its_own(boxes):
    box = boxes.shell(
        "echo $$; hostname; cat /proc/self/cgroup | head -1 | cut -d: -f3; ls /sys/class/net; "
        "readlink /proc/self/ns/uts"
    )
    lines = box.output().split("\n")
    assert lines[:4] == ["1", "box", "/", "lo"]
    assert lines[4] != os.readlink("/proc/self/ns/uts")


def test_nothing_of_the_host_is_mounted_or_open(boxes):
    box = boxes.shell("cat /proc/self/mountinfo; echo ==; ls -l /proc/$$/fd; echo ==; ls -A /")
    mountinfo, fds, root = box.output().split("==\n")
    assert " / / " in mountinfo.split("\n")[0] and "overlay" in mountinfo.split("\n")[0]
    assert not [
        line for line in mountinfo.split("\n") if boxes.paths.data in line.partition(" - ")[0]
    ]
    assert sorted(line.split()[-3] for line in fds.split("\n") if "->" in line) == ["0", "1", "2"]
    assert not [name for name in root.split() if "old" in name or "pivot" in name]


def test_standard_devices_and_links(boxes):
    box = boxes.shell(
        "cd /dev; ls -l null zero full random urandom tty | awk '{print $1, $5, $6, $NF}'; for l "
        "in ptmx fd "
        "stdin; do readlink $l; done; echo x > /dev/null && echo ok"
    )
    assert box.output().split("\n")[:-1] == [
        "crw-rw-rw- 1, 7 full",
        "crw-rw-rw- 1, 3 null",
        "crw-rw-rw- 1, 8 random",
        "crw-rw-rw- 5, 0 tty",
        "crw-rw-rw- 1, 9 urandom",
        "crw-rw-rw- 1, 5 zero",
        "pts/ptmx",
        "/proc/self/fd",
        "/proc/self/fd/0",
        "ok",
    ]


def test_masked_and_read_only_paths(boxes):
    box = boxes.shell(
        "wc -c < /proc/keys; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/domainname; echo "
        "b > /proc/sysrq-trigger; "
        "mkdir /sys/x; mkdir /sys/fs/cgroup/x; chown 1 /proc/keys; ls -n /dev/null | awk "
        "'{print $3}'"
    )
    before = os.stat("/dev/null")
    lines = box.output().split("\n")
    assert [line for line in lines if line.isdigit()] == [
        "0",
        "0",
        "1",
    ]  # the mask is the container's own /dev/null
    assert sum("Read-only file system" in line for line in lines) == 3 + os.path.exists(
        "/proc/sysrq-trigger"
    )
    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)


def test_capabilities_no_new_privileges_seccomp(boxes):
    box = boxes.shell(
        "grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; unshare -m true; mount -t tmpfs t /tmp; "
        "echo $?"
    )
    text = box.output()
    for line in (
        "CapInh:\t0000000000000000",
        "CapPrm:\t00000000a80425fb",
        "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t0",
        "Seccomp:\t2",
    ):
        assert line in text
    assert "unshare: unshare(0x20000): Operation not permitted" in text
    box = boxes.shell("grep -E 'NoNew|Seccomp:' /proc/self/status")
    box.config["process"]["noNewPrivileges"] = True
    assert box.output().split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]


@pytest.mark.parametrize(
    "user, groups, expected",
    [
        ("user", "", "1000 1000 29 1000 /home/user"),
        ("user:audio", "", "1000 29 29 /home/user"),
        ("7", "", "7 0 0 /"),
        ("", "audio", "0 0 0 29 /root"),
        ("1000:1000", "29,55", "1000 1000 29 55 1000 /home/user"),
    ],
)
def test_user_and_groups(boxes, user, groups, expected):
    box = boxes.shell(
        "echo $(id -u) $(id -g) $(id -G | tr ' ' '\\n' | sort -n) $HOME; touch /tmp/x; echo err > "
        "/dev/stderr; echo out > /dev/stdout"
    )
    box.config["annotations"] = {"org.pycontainer.user": user, "org.pycontainer.groups": groups}
    words = box.output().replace("err\n", "").replace("out\n", "").split()
    ids = expected.split()
    groups_seen = sorted(set(map(int, words[2:-1])))
    assert [*words[:2], *map(str, groups_seen), words[-1]] == [
        *ids[:2],
        *[str(number) for number in sorted(set(map(int, ids[2:-1])))],
        ids[-1],
    ]
    assert not [word for word in words if "denied" in word]


def test_unknown_user_is_refused_and_nothing_is_left(boxes):
    box = boxes("/bin/true")
    box.config["annotations"] = {"org.pycontainer.user": "nobody-here"}
    with pytest.raises(ContainerFailed, match="nobody-here.*passwd"):
        box.start()
    assert box.state["status"] == "exited" and "nobody-here" in box.state["error"]
    assert not [
        path
        for path in cgroups.base_paths().values()
        if os.path.exists(os.path.join(path, box.ident))
    ]


@pytest.mark.parametrize(
    "args, code, words",
    [
        (["/bin/nope"], 127, "exec /bin/nope: no such file"),
        (["nope"], 127, "exec nope: executable file not found in .PATH"),
        (["/etc/passwd"], 126, "exec /etc/passwd: permission denied"),
        (["/tmp"], 126, "exec /tmp: permission denied"),
        (["/bin/garbage"], 126, "exec format error"),
    ],
)
def test_program_that_can_not_be_executed(boxes, args, code, words):
    boxes.file("bin/garbage", "\x7fnothing\n", 0o755)
    box = boxes(*args)
    with pytest.raises(ContainerFailed, match=words) as caught:
        box.start()
    assert caught.value.exit_code == code
    assert box.state["exit_code"] == code


def test_binds_volumes_and_their_options(boxes, tmp_path):
    (tmp_path / "file").write_text("from the host\n")
    (tmp_path / "one").mkdir()
    box = boxes.shell(
        "cat /data/file; echo x > /data/one/y; echo z > /ro/file; cat /single; grep ' /data ' "
        "/proc/self/mountinfo"
    )
    box.config["mounts"] += [
        {
            "destination": "/data",
            "type": "bind",
            "source": str(tmp_path),
            "options": ["rbind", "rw", "rprivate", "nosuid"],
        },
        {
            "destination": "/ro",
            "type": "bind",
            "source": str(tmp_path),
            "options": ["rbind", "rro"],
        },
        {
            "destination": "/single",
            "type": "bind",
            "source": str(tmp_path / "file"),
            "options": ["bind", "ro"],
        },
    ]
    text = box.output()
    assert text.count("from the host") == 2 and "Read-only file system" in text
    assert "nosuid" in text and (tmp_path / "one" / "y").read_text() == "x\n"


def test_missing_bind_source_and_unknown_options_are_refused(boxes):
    box = boxes("/bin/true")
    box.config["mounts"].append(
        {"destination": "/data", "type": "bind", "source": "/not/here", "options": ["rbind"]}
    )
    with pytest.raises(ContainerFailed, match="mount /data: can't bind /not/here"):
        box.start()
    box = boxes("/bin/true")
    box.config["mounts"].append(
        {"destination": "/data", "type": "bind", "source": "/etc", "options": ["rbind", "frob"]}
    )
    with pytest.raises(ContainerFailed, match="frob"):
        box.start()
    box = boxes("/bin/true")
    box.config["vm"] = {"kernel": {"path": "/boot/vmlinuz"}}
    with pytest.raises(ContainerFailed, match="vm is not supported"):
        box.start()


def test_read_only_root_sysctls_limits_and_umask(boxes):
    box = boxes.shell(
        "touch /x; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni; "
        "ulimit -n; umask; cat /proc/self/oom_score_adj"
    )
    box.config["root"]["readonly"] = True
    box.config["linux"]["sysctl"] = {
        "net.ipv4.ip_unprivileged_port_start": "7",
        "kernel.shmmni": "99",
    }
    box.config["process"].update(
        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}], oomScoreAdj=321
    )
    assert sorted(box.output().split("\n")) == [
        "",
        "0022",
        "100",
        "321",
        "7",
        "99",
        "touch: /x: Read-only file system",
    ]


def test_foreign_sysctl_is_refused(boxes):
    for name in ("kernel.core_pattern", "vm.swappiness", "net.ipv4/../../kernel/core_pattern"):
        box = boxes("/bin/true")
        box.config["linux"]["sysctl"] = {name: "1"}
        with pytest.raises(ContainerFailed, match="sysctl"):
            box.start()


def test_limits_that_need_more_rights_are_cut_and_said(boxes):
    box = boxes.shell("ulimit -Hn")
    box.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1 << 40, "hard": 1 << 40}]
    box.start()
    box.wait()
    if not box.state["warnings"]:
        pytest.skip("this root may raise hard limits beyond what files can be opened")
    assert "RLIMIT_NOFILE" in box.state["warnings"][0] or "NOFILE" in box.state["warnings"][0]


def test_memory_limit_and_oom_are_recorded(boxes):
    box = boxes.shell("head -c 200m /dev/zero | tail -c 100m | wc -c")
    box.config["linux"]["resources"]["memory"] = {"limit": 16 << 20}
    box.start()
    box.wait()
    assert box.state["oom_killed"] is True


def test_init_reaps_and_passes_signals_on(boxes, eventually):
    box = boxes.shell(
        "echo pid $$; trap 'echo term; exit 5' TERM; (sleep 0.1 &) ; sleep 1000 & wait"
    )
    box.run["init"] = True
    box.start()
    eventually(lambda: "pid" in box.log())
    assert box.log() == "pid 2\n"
    assert box.execute("/bin/cat", "/proc/1/comm")["stdout"].strip() != b"sh"
    sleeps = lambda: [
        line
        for line in box.execute("/bin/ps")["stdout"].splitlines()
        if b"sleep" in line and b"trap" not in line
    ]
    eventually(lambda: len(sleeps()) == 1)  # a zombie is listed as [sleep]
    assert sleeps()[0].endswith(b"sleep 1000")
    assert box.stop() == 5


def test_two_containers_share_namespaces(boxes):
    first = boxes("/bin/sleep", "100")
    first.start()
    second = boxes.shell(
        "ps | grep -c 'sleep 100'; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; echo $$"
    )
    second.config["annotations"] = {
        "org.pycontainer.join." + kind: first.ident for kind in ("pid", "network", "ipc")
    }
    lines = second.output().split("\n")
    pid = run_state.read(boxes.paths, first.ident)["pid"]
    assert lines[1:3] == [
        os.readlink("/proc/%d/ns/net" % pid),
        os.readlink("/proc/%d/ns/ipc" % pid),
    ]
    assert int(lines[0]) >= 1 and int(lines[3]) > 1
    third = boxes("/bin/true")
    third.config["annotations"] = {"org.pycontainer.join.network": second.ident}
    with pytest.raises(ContainerFailed, match="does not run"):
        third.start()


def test_terminal(boxes, eventually):
    box = boxes.shell(
        "tty; stty size; test -t 1 && echo is-a-tty; ls -l /dev/console; read x; echo got $x"
    )
    box.run["tty"] = True
    box.config["process"].update(terminal=True, consoleSize={"height": 30, "width": 90})
    box.start()
    eventually(lambda: "console" in box.log())
    assert "/dev/pts/0" in box.log() and "30 90" in box.log() and "is-a-tty" in box.log()
    monitor_client.resize(box.paths, box.ident, 40, 100)
    import socket

    mine, its = socket.socketpair()
    monitor_client.attach(box.paths, box.ident, its.fileno())
    its.close()
    mine.sendall(b"yes\n")
    assert box.wait() == 0
    assert "got yes" in box.log()


# ------------------------------------------------------------------------------------------------------- attacks


def test_poisoned_image_gets_no_code_into_the_start(boxes):
    """Whatever Python would import from the image's files would run with the host's rights (CVE-2019-14271)."""
    import sys

    library = os.path.dirname(os.__file__)
    code = "import os\nos.write(1, b'POISONED')\nopen('/poisoned', 'w').close()\n"
    for base in (
        library.lstrip("/"),
        "usr/lib/python3/dist-packages",
        os.path.dirname(monitor_client.__file__).lstrip("/"),
    ):
        for name in (
            "socket",
            "signal",
            "traceback",
            "encodings/idna",
            "encodings/ascii",
            "encodings/latin_1",
            "_cffi_backend",
            "linecache",
            "os",
            "struct",
            "resource",
            "base64",
            "re",
            "seccomp",
            "errors",
            "warnings",
            "stat",
        ):
            boxes.file(f"{base}/{name}.py", code)
    boxes.file("etc/ld.so.preload", "/lib/evil.so\n")
    box = boxes.shell("echo fine; ls /poisoned")
    box.config["annotations"] = {"org.pycontainer.user": "user"}
    text = box.output()
    assert "fine" in text and "POISONED" not in text and "No such file" in text
    box = boxes("/bin/nöpe")  # an error's way out must not import either
    with pytest.raises(ContainerFailed, match="no such file"):
        box.start()
    running = boxes("/bin/sleep", "100")
    running.start()
    assert running.execute("/bin/echo", "fine")["stdout"] == b"fine\n"
    with pytest.raises(ContainerFailed, match="not found"):
        running.execute("nöpe")
    assert not os.path.exists(os.path.join(running.directory, "upper", "poisoned"))
    assert sys.executable


def test_image_with_links_for_dev_proc_and_sys(boxes, tmp_path):
    """CVE-2026-41579, CVE-2019-19921: nothing may be made where the links lead on the host."""
    canary = tmp_path / "canary"
    canary.mkdir()
    for name in ("dev", "sys"):
        os.rmdir(os.path.join(boxes.layer, name))
        os.symlink("../../../../../../../.." + str(canary), os.path.join(boxes.layer, name))
    box = boxes.shell("echo ran")
    try:
        box.start()
        box.wait()
    except ContainerFailed:
        pass
    assert list(canary.iterdir()) == []


def test_working_directory_can_not_be_a_descriptor_of_the_host(boxes):
    """CVE-2024-21626."""
    os.symlink("/proc/self/fd/8", os.path.join(boxes.layer, "link"))
    running = boxes("/bin/sleep", "100")
    running.start()
    for cwd in ["/proc/self/fd/%d" % number for number in range(3, 40)] + ["/link"]:
        box = boxes("/bin/true")
        box.config["process"]["cwd"] = cwd
        with pytest.raises(ContainerFailed, match="working directory"):
            box.start()
        with pytest.raises(ContainerFailed, match="working directory"):
            running.execute("/bin/true", cwd=cwd)


def test_hosts_python_can_not_be_overwritten_as_proc_self_exe(boxes):
    """CVE-2019-5736: the program is the engine's own executable; whoever opens that for writing must fail."""
    import sys

    running = boxes("/bin/sleep", "100")
    running.start()
    executable = os.open("/proc/%d/exe" % procfs.stat(running.state["pid"])["parent"], os.O_PATH)
    sealed = os.fstatvfs(executable).f_flag & os.ST_RDONLY
    os.close(executable)
    assert sealed  # asked first, so that a broken seal is seen before anything is overwritten
    with open(os.path.realpath(sys.executable), "rb") as file:
        before = hashlib.sha256(file.read()).hexdigest()
    boxes.file("bin/evil", "#!/proc/self/exe\n", 0o755)
    box = boxes("/bin/evil")
    try:
        box.start()
        box.wait()
    except ContainerFailed:
        pass
    running = boxes.shell(
        "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || (echo x >> $p/exe) 2>&1 | grep "
        "-v 'No such\\|Permission'; done; done"
    )
    running.config["linux"].pop("seccomp")
    running.start()
    for _attempt in range(10):
        running.execute("/bin/true")
        try:
            running.execute("/bin/evil")
        except ContainerFailed:
            pass
    running.stop(timeout=0)
    with open(os.path.realpath(sys.executable), "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == before


@pytest.mark.parametrize("wrong", [{"process": "x"}, {"process": {"args": [["a"]]}}])
def test_a_document_that_somebody_has_written_over_is_a_sentence(boxes, wrong):
    """In the start's answer and the state; the traceback is in the zygote's log, and nothing is left under way."""
    box = boxes("sleep", "1000")
    box.config.update(wrong)
    with pytest.raises(ContainerFailed) as refused:
        box.start()
    assert "\n" not in str(refused.value) and "killed" not in str(refused.value)
    assert status.now(box.paths, box.ident)["status"] == "exited"
