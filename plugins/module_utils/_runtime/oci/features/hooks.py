# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks: programs that config.json has run at points of a container's life. runtime-spec config.md,
"POSIX-platform Hooks".

    prestart, createRuntime     in the runtime's namespaces, when the container's are there and its
                                mounts are made
    createContainer             in the container's namespaces, before its root is entered: paths are
                                the host's
    startContainer              inside the container, with the rights of its program, just before
                                that
    poststart                   in the runtime's namespaces, when the program runs
    poststop                    in the runtime's namespaces, when the container is gone; what fails
                                there is a warning only

Each gets the container's state as JSON on its standard input. Without ``env`` it has the
environment of who runs it (startContainer: the program's), as with runc and crun. What it writes is
shown when it fails, or goes to the end of the files that the annotations run.oci.hooks.stdout and
run.oci.hooks.stderr name, as with crun.
"""

from __future__ import annotations

import _signal
import os
import select
import time

from ... import json_text
from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.calls import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..spec.config_types import Config, HookKind
    from ..spec.config_types import Hook as HookEntry
    from ..spec.document import State

    Hooks = dict[str, list["Hook"]]
    Environment = Mapping[bytes, bytes]

KINDS: tuple[HookKind, ...] = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)
RUNTIME_CREATE = ("prestart", "createRuntime")  # those that need the mounts made, from outside
OUTPUTS = ("run.oci.hooks.stdout", "run.oci.hooks.stderr")  # annotations
SHOWN = 4096  # bytes of a failed hook's output
_KILL = 9


class Hook:
    """One program. All texts are bytes.

    :ivar environment: None: that of who runs it.
    :ivar timeout: seconds or None.
    :ivar outputs: where its output and errors go, two paths or None.
    :ivar opened: descriptors of them, where they were opened before.
    :raises Unsupported: naming what is wrong.
    """

    def __init__(self, kind: str, entry: HookEntry, outputs: Sequence[str | None] = (None, None)):
        self.outputs = outputs
        self.opened: list[int | None] | None = None
        path = entry.get("path")
        if not path or not os.path.isabs(path):
            raise Unsupported(
                f"config.json: hooks.{kind}: path {path!r} is not valid; accepted: an absolute path"
            )
        self.path = _bytes(path, kind)
        self.arguments = [_bytes(word, kind) for word in entry.get("args") or ()] or [self.path]
        self.environment: Environment | None = None
        self.timeout: float | None = entry.get("timeout")
        if entry.get("env") is not None:
            parts = [_bytes(variable, kind).partition(b"=") for variable in entry["env"]]
            self.environment = {name: value for name, _equals, value in parts}
        if self.timeout is not None and (
            not isinstance(self.timeout, (int, float)) or self.timeout <= 0
        ):
            raise Unsupported(
                f"config.json: hooks.{kind}: timeout {self.timeout!r} is not valid; accepted: a "
                "number of seconds above 0"
            )

    def open_outputs(self) -> list[int | None]:
        """Open the ``outputs``: their descriptors, None for what is not given.

        :raises ContainerFailed: naming the annotation.
        """
        found: list[int | None] = []
        for annotation, path in zip(OUTPUTS, self.outputs):
            try:
                found.append(
                    os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
                    if path
                    else None
                )
            except OSError as error:
                raise ContainerFailed(
                    f"annotation {annotation}: {path} can't be written: {reason(error, named=True)}"
                ) from None
        return found


def _bytes(text: str, kind: str) -> bytes:
    data = os.fsencode(text)
    if b"\0" in data:
        raise Unsupported(f"config.json: hooks.{kind}: {text!r} holds a NUL byte")
    return data


def read(config: Config) -> Hooks:
    """Read ``{kind: [Hook]}`` of a config.json, the kinds that are there.

    :raises Unsupported: naming what is wrong.
    """
    wanted = config.get("hooks") or {}
    outputs = [(config.get("annotations") or {}).get(annotation) for annotation in OUTPUTS]
    return {
        kind: [Hook(kind, entry, outputs) for entry in wanted[kind]]
        for kind in KINDS
        if wanted.get(kind)
    }


def text(state: State) -> bytes:
    """Return a state as the hooks read it."""
    found: str = json_text.dump(state)
    return found.encode()


def run(hooks: Hooks, kind: str, state: State) -> list[str]:
    """Run all hooks of a kind in the namespaces of this process.

    Returns sentences about what failed and does not matter (poststop).

    :param hooks: of ``read``.
    :raises ContainerFailed: when one fails.
    """
    warnings: list[str] = []
    about = text(state)
    for number, hook in enumerate(hooks.get(kind) or ()):
        try:
            run_one(kind, number, hook, about, [state["bundle"], "/"])
        except ContainerFailed as error:
            if kind != "poststop":
                raise
            warnings.append(
                str(error)
                if error.exit_code is None
                else f"poststop hook failed with exit code {error.exit_code}: {error}"
            )
    return warnings


def run_all(
    hooks: Sequence[Hook],
    kind: str,
    about: bytes,
    directories: Sequence[str] = (),
    environment: Environment | None = None,
) -> None:
    """Run hooks in a process on its way into a container: nothing is looked up or imported.

    The parameters are those of ``run_one``.
    """
    for number, hook in enumerate(hooks):
        run_one(kind, number, hook, about, directories, environment)


def run_one(
    kind: str,
    number: int,
    hook: Hook,
    about: bytes,
    directories: Sequence[str] = (),
    environment: Environment | None = None,
) -> None:
    """Run one hook and wait for it.

    :param kind, number: its kind, and which of that kind it is, for sentences.
    :param about: the state, bytes of JSON.
    :param directories: the first of them that is there is its working directory.
    :param environment: what it has when it does not name its own; None: this process's.
    :raises ContainerFailed: when it does not end with 0 in its time.
    """
    files = hook.opened or hook.open_outputs()
    given = os.memfd_create("state", os.MFD_CLOEXEC)
    output, its_output = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    streams = [given] + [its_output if fd is None else fd for fd in files]
    try:
        try:
            os.set_blocking(its_output, True)
            os.write(given, about)
            os.lseek(given, 0, os.SEEK_SET)
            pid = fork.child(lambda: _become(hook, streams, directories, environment))
        finally:
            os.close(its_output)
        ended, said = _follow(pid, output, hook.timeout)
    finally:
        for fd in [given, output] + ([] if hook.opened else files):
            if fd is not None:
                os.close(fd)
    _judge(kind, number, hook, ended, said.decode("utf-8", "replace").strip())


def _judge(kind: str, number: int, hook: Hook, ended: int | None, said: str) -> None:
    """See that a hook has ended with 0 in its time.

    :param ended: of ``_follow``.
    :param said: its output's end.
    :raises ContainerFailed: it has not.
    """
    if ended is None:
        what = f"it did not end in {hook.timeout} s"
    elif ended == 0:
        return
    else:
        what = (
            f"signal: {(_signal.strsignal(-ended) or str(-ended)).lower()}"
            if ended < 0
            else f"exit status {ended}"
        )
    raise ContainerFailed(
        "error running hooks: error running %s hook #%d: %s: %s%s"
        % (kind, number, os.fsdecode(hook.path), what, said and ", output: " + said),
        ended if ended is None or ended > 0 else 128 - ended,
    )


def _follow(pid: int, output: int, timeout: float | None) -> tuple[int | None, bytes]:
    """Wait for a hook's process: ``(exit code, -signal or None when its time was over, the end of
    its output)``.

    Not by the end of its output: a process that it left behind may hold that open.
    """
    end = None if timeout is None else time.monotonic() + timeout
    said, poll, open_ = b"", select.poll(), True
    poll.register(output, select.POLLIN)
    pause = 1
    while True:
        if open_ and poll.poll(pause):
            data = _read(output) or b""
            said, open_ = (said + data)[-SHOWN:], data != b""
            pause = 1
            if not open_:
                poll.unregister(output)
        elif not open_:
            time.sleep(pause / 1000)
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return _code(status), (said + (_read(output) or b""))[-SHOWN:] if open_ else said
        if end is not None and time.monotonic() > end:
            os.kill(pid, _KILL)
            try:
                os.killpg(pid, _KILL)
            except ProcessLookupError:
                pass
            os.waitpid(pid, 0)
            return None, said
        pause = min(pause * 2, 20)


def _read(fd: int) -> bytes | None:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return None


def _code(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _become(
    hook: Hook, streams: Sequence[int], directories: Sequence[str], environment: Environment | None
) -> int:
    """In the hook's process: execute it.

    Its own session, so that what it starts ends with it when its time is over.
    """
    try:
        os.setsid()
        for number in (
            _signal.SIGPIPE,
            _signal.SIGXFSZ,
        ):  # Python ignores them, and that would be inherited
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        for number, fd in enumerate(streams):
            os.dup2(fd, number, inheritable=True)
        for directory in directories:
            try:
                os.chdir(directory)
                break
            except OSError:
                continue
        chosen = hook.environment if hook.environment is not None else environment
        os.execve(hook.path, hook.arguments, os.environb if chosen is None else chosen)
    except BaseException as error:  # pylint: disable=broad-except # it must not return into the caller's code
        os.write(2, reason(error).encode("utf-8", "replace"))
    return 127
