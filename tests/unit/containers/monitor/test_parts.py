# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of running containers needs no kernel: signals, health, mounts, documents, messages, the small process 1."""

from __future__ import annotations

import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
from pycontainer.containers.client import messages
from pycontainer.containers.log_drivers import log_packets, shipper
from pycontainer.containers.monitor import health, sleep, zygote
from pycontainer.containers.records import run_state, status
from pycontainer.containers.spec import run_file
from pycontainer.errors import InvalidInput, NotFound, Unsupported
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.processes import exit_status, procfs, signal_names
from pycontainer.kernel.programs import init, trampoline
from pycontainer.oci.features.optional_fields import OptionalFields
from pycontainer.oci.spec import devices, mount_entries
from pycontainer.oci.spec import program as program
from pycontainer.store.paths import Paths

IDENT = "b" * 64
MODULES = str(pathlib.Path(__file__).resolve().parents[4] / "plugins" / "module_utils")


@pytest.mark.parametrize(
    "name, number",
    [
        ("SIGTERM", 15),
        ("TERM", 15),
        ("term", 15),
        ("15", 15),
        (9, 9),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("SIGRTMAX-1", signal.SIGRTMAX - 1),
        ("SIGRTMIN", signal.SIGRTMIN),
        ("USR1", 10),
    ],
)
def test_signal_numbers(name, number):
    assert signal_names.checked_number(name) == number


@pytest.mark.parametrize(
    "name", ["", "SIGNOPE", "0", "65", "-1", "SIG_DFL", "SIGRTMIN+99", "signal", "TERM+x"]
)
def test_what_is_no_signal(name):
    with pytest.raises(InvalidInput, match="signal"):
        signal_names.checked_number(name)


def test_exit_code_of_a_process_that_nobody_reaped():
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    descriptor = os.pidfd_open(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with open("/proc/%d/stat" % pid) as file:
        start = int(file.read().rpartition(")")[2].split()[19])
    assert exit_status.exit_of(descriptor, pid, start) == (7, None)
    os.close(descriptor)
    os.waitpid(pid, 0)


def test_health_follows_docker():
    now = {"status": "starting", "failing_streak": 0}
    for code, counts, said, streak in (
        (1, False, "starting", 0),
        (1, True, "starting", 1),
        (1, True, "unhealthy", 2),
        (0, True, "healthy", 0),
        (1, True, "healthy", 1),
        (0, True, "healthy", 0),
        (-1, True, "healthy", 1),
        (-1, True, "unhealthy", 2),
    ):
        health.follow(now, code, counts, 2)
        assert now == {"status": said, "failing_streak": streak}


def test_times_that_are_longer_than_the_kernel_waits():
    """poll(2) and epoll_wait(2) count milliseconds in 32 bits; a check may be given a month."""
    (reader, writer), (process, end) = os.pipe2(os.O_NONBLOCK), os.pipe()
    try:
        os.write(writer, b"well")
        os.write(end, b"x")
        assert health._collect(reader, process, 30 * 86400) == ("well", True)
    finally:
        for fd in (reader, writer, process, end):
            os.close(fd)
    for wait in (None, 5, 1e9):
        assert sleep.Rest(None).limit(wait) in (wait, sleep.LONGEST)


def test_health_command():
    assert health.arguments(["CMD", "a", "b"]) == ["a", "b"]
    assert health.arguments(["CMD-SHELL", "a | b"]) == ["/bin/sh", "-c", "a | b"]


def mount(*options, **entry):
    return mount_entries.Mount(
        dict(
            {"destination": "/x", "type": "tmpfs", "source": "tmpfs", "options": list(options)},
            **entry,
        )
    )


def test_mount_options():
    one = mount("ro", "nosuid", "rw", "size=5", "mode=1777", "noswap", "strictatime")
    assert (
        one.attributes == c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_STRICTATIME
        and one.clear & c.MOUNT_ATTR_RDONLY
    )
    assert one.data == {"size": "5", "mode": "1777", "noswap": None} and not one.bind
    two = mount("rbind", "rro", "rslave", "noexec", type="bind", source="/etc")
    assert (
        two.bind
        and two.recursive_bind
        and two.all_attributes == c.MOUNT_ATTR_RDONLY
        and two.attributes == c.MOUNT_ATTR_NOEXEC
    )
    assert two.propagations == [(c.MS_SLAVE, True)]
    assert mount("bind", "shared", "private", type="none", source="/etc").propagations == [
        (c.MS_SHARED, False),
        (c.MS_PRIVATE, False),
    ]


@pytest.mark.parametrize(
    "options, words",
    [(["idmap"], "bind mount only"), (["rbind", "roo"], "roo is not one of a bind")],
)
def test_mount_options_that_are_refused(options, words):
    with pytest.raises(Unsupported, match="mount /x: .*" + words):
        mount(*options)
    with pytest.raises(Unsupported, match="mount /x: tmpcopyup is for a tmpfs"):
        mount("tmpcopyup", type="proc")
    with pytest.raises(Unsupported, match="mount /x: a bind mount needs a source"):
        mount("bind", source="")


def test_devices_of_a_config_take_the_place_of_the_default_ones():
    found = {
        node[0]: node
        for node in devices.read(
            {
                "linux": {
                    "devices": [
                        {
                            "path": "/dev/null",
                            "type": "c",
                            "major": 1,
                            "minor": 3,
                            "fileMode": 0o600,
                            "uid": 5,
                        },
                        {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200},
                    ]
                }
            }
        )
    }
    assert (
        found["/dev/null"] == ("/dev/null", "c", 1, 3, 0o600, 5, 0)
        and "/dev/zero" in found
        and found["/dev/net/tun"][4] == 0o666
    )
    with pytest.raises(Unsupported, match="type q"):
        devices.read({"linux": {"devices": [{"path": "/dev/q", "type": "q"}]}})


@pytest.fixture
def created(tmp_path):
    paths = Paths(str(tmp_path / "data"), str(tmp_path / "run"))
    os.makedirs(paths.container(IDENT))

    def write(**config):
        document = {
            "ociVersion": "1.2.0",
            "process": {"args": ["x"]},
            "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "cgroup"}]},
        }
        document.update(config)
        for name, content in (("config.json", document), ("run.json", {"id": IDENT})):
            pathlib.Path(paths.container(IDENT), name).write_text(json.dumps(content))
        return run_file.Bundle(paths, IDENT)

    write.paths = paths
    return write


def test_bundle(created):
    bundle = created(annotations={"org.pycontainer.join.network": "other"})
    assert bundle.namespaces == {
        "mount": None,
        "pid": None,
        "cgroup": None,
        "network": "container:other",
    }
    assert bundle.private("pid") and not bundle.private("network") and not bundle.private("ipc")
    assert (
        bundle.new_namespaces() == c.CLONE_NEWNS | c.CLONE_NEWPID
    )  # the cgroup namespace comes when it is in its cgroup
    with pytest.raises(NotFound):
        run_file.Bundle(created.paths, "c" * 64)


@pytest.mark.parametrize(
    "config, words",
    [
        ({"ociVersion": "2.0.0"}, "ociVersion"),
        ({"vm": {"kernel": {"path": "/x"}}}, "vm is not"),
        ({"linux": {"namespaces": [{"type": "mount"}, {"type": "mount"}]}}, "mount is there twice"),
        ({"linux": {"namespaces": [{"type": "mount"}, {"type": "hall"}]}}, "type hall"),
        (
            {"linux": {"namespaces": [{"type": "mount", "path": "proc/self/ns/mnt"}]}},
            "not absolute",
        ),
        (
            {"linux": {"namespaces": [{"type": "pid"}], "maskedPaths": ["/proc/kcore"]}},
            "maskedPaths",
        ),
        (
            {
                "linux": {
                    "namespaces": [{"type": "mount"}],
                    "timeOffsets": {"boottime": {"secs": 1}},
                }
            },
            "linux.timeOffsets",
        ),
        ({"hostname": "x", "linux": {"namespaces": [{"type": "mount"}]}}, "hostname"),
        ({"process": {}}, "process is missing"),
    ],
)
def test_bundle_that_is_refused(created, config, words):
    with pytest.raises(Unsupported, match=words):
        created(**config)


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("kernel.core_pattern", "x", "only parameters of a namespace"),
        ("net.ipv4.ip_forward", "1", "no network namespace"),
        ("kernel.domainname", "x", "no uts namespace"),
        ("net/../kernel/core_pattern", "x", "only parameters"),
    ],
)
def test_sysctls_that_are_refused(created, name, value, words):
    document = created(linux={"namespaces": [{"type": "mount"}], "sysctl": {name: value}})
    with pytest.raises(Unsupported, match=words):
        OptionalFields(document)


def test_hooks_that_are_refused(created):
    document = created(hooks={"poststop": [{"path": "x"}]})
    with pytest.raises(Unsupported, match="hooks"):
        OptionalFields(document)


def test_sysctl_value_with_control_characters(created):
    document = created(
        linux={
            "namespaces": [{"type": "mount"}, {"type": "network"}],
            "sysctl": {"net.ipv4.ip_forward": "1\n2"},
        }
    )
    with pytest.raises(Unsupported, match="accepted: one line of text"):
        OptionalFields(document)


def test_program():
    made = program.Program(
        {
            "args": ["sh", "\u00fc"],
            "env": ["A=1=2", "A=3", "B="],
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 1}],
        },
        {},
    )
    assert (
        made.arguments == [b"sh", "\u00fc".encode()]
        and made.environment == {b"A": b"3", b"B": b""}
        and made.limits == [(4, 0, 1)]
    )
    for process in (
        {"args": ["a\0b"]},
        {"args": ["a"], "env": ["A=\0"]},
        {"args": ["a"], "rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]},
    ):
        with pytest.raises(Unsupported):
            program.Program(process, {})


def test_state_survives_a_file_that_a_power_loss_emptied(created):
    path = pathlib.Path(created.paths.container(IDENT), "state.json")
    assert run_state.read(created.paths, IDENT)["status"] == "created"
    path.write_text("")
    assert run_state.read(created.paths, IDENT) == run_state.blank()
    run_state.write(
        created.paths,
        IDENT,
        dict(
            run_state.blank(),
            pid=os.getpid(),
            pid_start=run_state.start_time(os.getpid()),
            boot=run_state.boot_id(),
        ),
    )
    assert run_state.alive(run_state.read(created.paths, IDENT))
    assert not run_state.alive(dict(run_state.read(created.paths, IDENT), pid_start=1))
    assert not run_state.alive(dict(run_state.read(created.paths, IDENT), boot="other"))


def test_one_monitor_only_and_asking_takes_no_lock(created):
    os.makedirs(created.paths.container_run(IDENT))
    assert not run_state.monitored(created.paths, IDENT)
    lock = run_state.take_lock(created.paths, IDENT)
    pid = os.fork()
    if pid == 0:
        os._exit(
            0
            if run_state.monitored(created.paths, IDENT)
            and run_state.take_lock(created.paths, IDENT) is None
            else 1
        )
    assert os.waitpid(pid, 0)[1] == 0
    os.close(lock)
    assert not run_state.monitored(created.paths, IDENT)


def test_messages_with_descriptors_and_long_directories(tmp_path):
    directory = tmp_path / ("d" * 200)
    directory.mkdir()
    server = messages.listen(str(directory), "socket")
    assert os.stat(directory / "socket").st_mode & 0o777 == 0o600
    client = messages.connect(str(directory), "socket")
    other, _address = server.accept()
    reader, writer = os.pipe()
    messages.send(client, {"a": "\u00fc" * 1000}, [writer])
    message, (received,) = messages.receive(other)
    assert message == {"a": "\u00fc" * 1000} and os.get_inheritable(received) is False
    os.write(received, b"x")
    assert os.read(reader, 1) == b"x"
    client.close()
    with pytest.raises(messages.Gone):
        messages.receive(other)
    for fd in (reader, writer, received):
        os.close(fd)
    other.close()
    server.close()
    for name in ("socket", "missing"):
        with pytest.raises(messages.Gone):
            messages.connect(str(directory), name)
    assert socket.AF_UNIX


def test_a_message_that_is_too_large_for_this_hosts_packets_goes_by_a_file():
    """Where net.core.wmem_default is small, the kernel refuses packets that others take."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    with one, other:
        for size in (10, 100_000):  # both are below messages.LARGEST
            messages.send(one, ["x" * size])
            assert messages.receive(other) == (["x" * size], [])


# ------------------------------------------------------------------------------------------------- the small process 1

ASSEMBLERS = {
    "x86_64": ("as", "objcopy"),
    "aarch64": ("aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"),
}
EMULATORS = {"x86_64": "qemu-x86_64", "aarch64": "qemu-aarch64"}


@pytest.mark.parametrize("machine", sorted(ASSEMBLERS))
@pytest.mark.parametrize("module", [init, sleep, trampoline], ids=["init", "sleep", "trampoline"])
def test_machine_code_is_what_its_source_says(module, machine, tmp_path):
    if os.uname().machine == machine:
        tools = ("as", "objcopy")
    else:
        tools = tuple(f"{machine}-linux-gnu-{tool}" for tool in ("as", "objcopy"))
    if not all(map(shutil.which, tools)):
        pytest.skip(f"no assembler for {machine} on this machine")
    source = (
        pathlib.Path(__file__)
        .parents[4]
        .joinpath(f"devel/machine_code/{module.__name__.rpartition('.')[2]}-{machine}.s")
    )
    subprocess.run([tools[0], "-o", str(tmp_path / "o"), str(source)], check=True)
    subprocess.run(
        [tools[1], "-O", "binary", "-j", ".text", str(tmp_path / "o"), str(tmp_path / "code")],
        check=True,
    )
    assert module.image(machine)[120:] == (tmp_path / "code").read_bytes()


@pytest.mark.parametrize("machine", sorted(ASSEMBLERS))
def test_initial_runs_passes_signals_on_and_tells_how_it_ended(machine, tmp_path):
    program = tmp_path / "init"
    program.write_bytes(init.image(machine))
    program.chmod(0o755)
    front = [str(program)]
    if os.uname().machine != machine:
        if not shutil.which(EMULATORS[machine]):
            pytest.skip(f"no emulator for {machine} on this machine")
        front = [EMULATORS[machine]] + front
    for command, code in (
        (["/bin/sh", "sh", "-c", "exit 7"], 7),
        (["/bin/sh", "sh", "-c", "kill -9 $$"], 137),
        (["/nope", "nope"], 127),
        (["/etc", "etc"], 126),
    ):
        assert subprocess.run(front + command, timeout=20, check=False).returncode == code
    said = subprocess.run(
        front + ["/bin/echo", "echo", "a b", "c"], stdout=subprocess.PIPE, timeout=20, check=True
    ).stdout
    assert said == b"a b c\n"
    running = subprocess.Popen(
        front
        + ["/bin/sh", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"],
        stdout=subprocess.PIPE,
    )
    assert running.stdout.readline() == b"up\n"
    running.terminate()
    assert running.wait(20) == 9
    running.stdout.close()


@pytest.mark.parametrize("machine", sorted(ASSEMBLERS))
def test_dormant_waits_and_executes(machine, tmp_path):
    program = tmp_path / "dormant"
    program.write_bytes(sleep.image(machine))
    program.chmod(0o755)
    reader, writer = os.pipe()
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        os.set_inheritable(epoll.fileno(), True)
        argv = ["name", chr(epoll.fileno()), "/bin/sh", "sh", "-c", "cat /proc/$$/comm; echo $A"]
        executable = [str(program)]
        if os.uname().machine != machine:
            if not shutil.which(EMULATORS[machine]):
                pytest.skip(f"no emulator for {machine} on this machine")
            executable = [shutil.which(EMULATORS[machine]), "-0", "name", str(program)]
            argv = executable + argv[1:]
        running = subprocess.Popen(
            argv,
            executable=executable[0],
            stdout=subprocess.PIPE,
            pass_fds=[epoll.fileno(), reader],
            env={"A": "b c"},
        )
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.5)
        assert pathlib.Path("/proc/%d/comm" % running.pid).read_text() == "name\n"
        os.write(writer, b"x")
        assert running.communicate(timeout=20)[0] == b"sh\nb c\n"
    for fd in (reader, writer):
        os.close(fd)
    assert sleep.image("riscv64") is None


def test_initial_on_another_machine():
    with pytest.raises(Unsupported, match="init: not available on riscv64"):
        init.image("riscv64")


def test_what_a_killed_monitor_has_sent_is_delivered():
    """It had not read all that it was told: then the kernel says once that the connection was reset."""

    class Driver:
        patience, got = 0.0, []

        def connect(self):
            pass

        def send(self, entry):
            self.got.append(entry.text)

        def close(self):
            self.got.append("closed")

    monitor, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for text in (b"one\n", b"two\n"):
        monitor.send(log_packets.HEAD.pack(0, 0, 1) + text)
    its.send(log_packets.DONE.pack(0, 0))
    monitor.close()
    shipper.Shipper(its, Driver(), False).serve()
    assert Driver.got == [b"one", b"two", "closed"]
    its.close()


def test_another_socket_of_a_name_has_another_mark(tmp_path):
    """Also where the file system gives it the inode of the one before."""
    paths, seen = Paths(str(tmp_path / "data"), str(tmp_path)), set()
    for _turn in range(5):
        server, mark = zygote._listen(paths, "zygote.sock")
        assert mark == zygote._mark(paths, "zygote.sock")
        seen.add(mark)
        server.close()
        os.unlink(tmp_path / "zygote.sock")
    assert len(seen) == 5


@pytest.fixture
def held(tmp_path):
    """A container whose monitor this process is, and a function that writes its state."""
    paths = Paths(str(tmp_path / "data"), str(tmp_path / "run"))
    os.makedirs(paths.container(IDENT))
    lock = run_state.take_lock(paths, IDENT)

    def write(**state):
        run_state.write(paths, IDENT, {**run_state.blank(), "boot": procfs.boot_id(), **state})

    yield paths, write
    os.close(lock)


@pytest.mark.parametrize("status_before", ["running", "starting"])
def test_an_end_that_is_being_written_down_is_waited_for(held, status_before):
    """Else who looks takes a container for running whose process 1 has ended."""
    paths, write = held
    write(status=status_before, pid=1 << 22, pid_start=1)
    writer = threading.Timer(0.1, lambda: write(status="exited", exit_code=7))
    writer.start()
    now = status.now(paths, IDENT)
    writer.join()
    assert (now["status"], now["exit_code"], now["pid"]) == ("exited", 7, 0)


def test_a_start_that_nobody_waits_for_any_more_is_waited_for(held):
    paths, write = held
    mine = {"pid": os.getpid(), "pid_start": procfs.start_time(os.getpid())}
    write(status="starting", **mine)
    assert status.now(paths, IDENT)["status"] == "starting"
    writer = threading.Timer(0.1, lambda: write(status="running", **mine))
    writer.start()
    assert status.settled(paths, IDENT)["status"] == "running"
    writer.join()


@pytest.mark.parametrize("driver", ["fluentd", "gelf", "journald", "syslog"])
def test_the_process_of_a_log_loads_no_options(driver):
    """It is there as long as the container, beside a monitor that has none of them."""
    script = (
        f"import sys; sys.path.insert(0, {MODULES!r})\n"
        f"import _runtime.containers.log_drivers.{driver}\n"
        "print(*[name for name in sys.modules if name.startswith('_runtime.containers.options')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
