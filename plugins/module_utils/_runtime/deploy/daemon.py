# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a process that outlives the task, its SSH session and its control group.

Where systemd is process 1 it starts the process as a transient service (systemd-run(1)), so that it has nothing of the session:
limits, keyring, audit and security context, environment. Elsewhere it is forked twice, in a session of its own (daemon(7)).
Either way it then moves to the cgroup ``pycontainer/engine`` in every hierarchy. In the unit's own, its children would keep
a dead unit loaded, and systemd would refuse to start another by its name; in a session's they would be killed with the session.
"""

from __future__ import annotations

import errno
import os

from ..errors import HostError, reason
from ..kernel import cgroups
from ..kernel.calls import fds, fork
from ..rootless import keeper_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SIGNALS_IGNORED_BY_PYTHON = (13, 25)  # SIGPIPE, SIGXFSZ: execve(2) keeps "ignored"
SIGHUP = 1
# A service moves before it becomes the program, so that what the program forks is never in the unit's cgroup.
MOVE = 'count=$1; shift; while [ $count -gt 0 ]; do mkdir -p "$1" && echo $$ >"$1/cgroup.procs" || exit 125; shift; count=$((count - 1)); done; exec "$@"'


def start(
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdout_path: str | None = None,
) -> int:
    """Start ``argv`` as the host process ``name``; returns its process id once the program has been executed.

    :param argv: program with an absolute path, and arguments.
    :param env: its whole environment; a plain PATH and a UTF-8 locale where None.
    :param stdout_path: file to which standard output and error are appended; /dev/null where None. Standard input is /dev/null.
    :raises HostError: it can't be started.
    """
    environment = {"PATH": PATH, "LANG": "C.UTF-8"} if env is None else env
    if not os.access(argv[0], os.X_OK):
        raise HostError(f"{argv[0]} can't be started: no such program")
    if keeper_client.active():
        return keeper_client.start(argv, environment, stdout_path)
    if booted_by_systemd():
        return start_service(
            f"pycontainer-{name}-{os.urandom(4).hex()}.service", argv, environment, stdout_path
        )
    return start_forked(argv, environment, stdout_path)


def settle(pid: int = 0) -> None:
    """Move a process of the engine (0: this one) out of its session's or unit's cgroup into the engine's own."""
    cgroups.join_engine(pid)


# ---------------------------------------------------------------------------------------------------------- with systemd


def booted_by_systemd() -> bool:
    """sd_booted(3), and its client is here."""
    return os.path.isdir("/run/systemd/system") and any(
        os.path.exists(directory + "/systemd-run") for directory in PATH.split(":")
    )


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command of systemd's; returns what it printed.

    :param env: more of its environment.
    :raises HostError: with what it said.
    """
    import subprocess  # here: it is slow to import and only this host's first start needs it

    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env={"PATH": PATH, "LANG": "C.UTF-8", **(env or {})},
    )
    if done.returncode:
        raise HostError(
            "%s failed: %s"
            % (
                command[0],
                done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}",
            )
        )
    return done.stdout.decode("utf-8", "replace").strip()


def main_pid(unit: str) -> int:
    """The unit's main process, 0 for none."""
    return int(run("systemctl", "show", "--property=MainPID", "--value", unit) or 0)


def service_command(
    unit: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    stdout_path: str | None,
    user: bool = False,
) -> list[str]:
    """The systemd-run call. ``$`` is doubled, since systemd expands variables in a service's arguments.

    :param user: it is a service of the user's own systemd, and stays in the cgroup that it gets, which becomes the user's.
    """
    output = f"append:{stdout_path}" if stdout_path else "null"
    properties = {
        "Type": "exec",
        "KillMode": "process",
        "TasksMax": "infinity",
        "LimitCORE": "infinity",
        "UMask": "0022",
        "WorkingDirectory": "/",
        "StandardInput": "null",
        "StandardOutput": output,
        "StandardError": output,
    }
    if user:
        properties = {"Delegate": "yes", **properties}
    command = [
        "systemd-run",
        *(["--user"] if user else ()),
        "--quiet",
        "--collect",
        f"--unit={unit}",
    ]
    command += ["--property=%s=%s" % pair for pair in properties.items()]
    command += ["--setenv=%s=%s" % pair for pair in env.items()]
    places = [] if user else list(cgroups.engine().paths.values())
    arguments = list(argv)
    if not user:
        arguments = ["/bin/sh", "-c", MOVE, unit, str(len(places))] + places + arguments
    return command + ["--"] + [argument.replace("$", "$$") for argument in arguments]


def start_service(
    unit: str, argv: Sequence[str], env: Mapping[str, str], stdout_path: str | None
) -> int:
    """Start a transient service; return its main process's id."""
    run(*service_command(unit, argv, env, stdout_path))
    pid = main_pid(unit)
    if not pid:
        raise HostError(
            "%s ended at once%s" % (argv[0], f"; see {stdout_path}" if stdout_path else "")
        )
    return pid


# ------------------------------------------------------------------------------------------------------- without systemd


def start_forked(
    argv: Sequence[str], env: Mapping[str, str], stdout_path: str | None, settled: bool = False
) -> int:
    """Fork twice, so that process 1 (or the next subreaper) gets the new process and the caller's session can't reach it.

    :param settled: it stays in the caller's cgroup.
    """
    reader, writer = os.pipe()

    def lead() -> None:  # process 1, or the next subreaper, gets the child of this one
        os.setsid()
        fork.child(lambda: become(argv, env, stdout_path, reader, writer, settled))

    middle = fork.child(lead)
    os.close(writer)
    with open(reader, "rb") as report:
        text = report.read().decode("utf-8", "replace")
    os.waitpid(middle, 0)
    pid, dummy, problem = text.partition("\n")
    if problem or not pid:
        raise HostError(
            f"{argv[0]} can't be started: {problem or 'the process ended before it was executed'}"
        )
    return int(pid)


def become(
    argv: Sequence[str],
    env: Mapping[str, str],
    stdout_path: str | None,
    other: int,
    report: int,
    settled: bool = False,
) -> None:
    """The new process: cut off from all of the caller's, then the program.

    ``report`` gets its process id in a line, and a second line if anything fails; it is closed by execve(2). ``other``
    is its other end.
    """
    os.close(other)
    try:
        os.write(report, b"%d\n" % os.getpid())
        detach(stdout_path, report)
        if not settled:
            settle()
        os.execve(argv[0], list(argv), env)
    except BaseException as error:  # pylint: disable=broad-except
        text = reason(error) or type(error).__name__
        os.write(report, text.encode("utf-8", "replace"))


def detach(stdout_path: str | None, keep: int) -> None:
    """Standard descriptors, working directory, umask, signals and OOM score as a service has them; of the rest only ``keep`` stays open."""
    null = os.open("/dev/null", os.O_RDWR)
    output = (
        os.open(stdout_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if stdout_path else null
    )
    for fd, source in ((0, null), (1, output), (2, output)):
        os.dup2(source, fd)
    fds.close_all_but([keep])
    os.chdir("/")
    os.umask(0o022)
    reset_signals()
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, b"0")
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):  # lowering it needs CAP_SYS_RESOURCE
            raise


def reset_signals() -> None:
    """Default actions and an empty mask, whatever nohup or the interpreter set."""
    import signal  # here: not needed where systemd starts the process

    for number in (
        *SIGNALS_IGNORED_BY_PYTHON,
        SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGCHLD,
    ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
