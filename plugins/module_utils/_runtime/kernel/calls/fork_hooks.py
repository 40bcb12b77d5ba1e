# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""clone3 with CPython's fork hooks around it, as os.fork has them.

It is called with the interpreter's lock held; cffi would release it.
"""

from __future__ import annotations

import os

from ...errors import Unsupported
from .call_numbers import NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ctypes: Any
try:
    import _ctypes
except ImportError:
    _ctypes = None

_calls: list[_Calls] = []


class _Calls:
    """Functions of the interpreter and of the C library.

    ``before``, ``child``, ``parent``: the hooks; ``syscall``: takes clone3's number, address and size; ``errno``: of that call.
    """

    def __init__(self) -> None:
        if _ctypes is None:
            raise Unsupported("starting a container needs Python's _ctypes module on this host")
        long_type: Any = type("c_long", (_ctypes._SimpleCData,), {"_type_": "l"})  # pylint: disable=protected-access
        flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        hook: Any = type("Hook", (_ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": None})
        call: Any = type(
            "Call",
            (_ctypes.CFuncPtr,),
            {"_flags_": flags | _ctypes.FUNCFLAG_USE_ERRNO, "_restype_": long_type},
        )
        handle = _ctypes.dlopen(None, os.RTLD_NOW)
        self.before, self.child, self.parent = (
            hook(_ctypes.dlsym(handle, name))
            for name in ("PyOS_BeforeFork", "PyOS_AfterFork_Child", "PyOS_AfterFork_Parent")
        )
        self.syscall = call(_ctypes.dlsym(handle, "syscall"))
        self.syscall.argtypes = (long_type,) * 3
        self.errno = _ctypes.get_errno


def prepare() -> None:
    """Load what clone3 needs of the interpreter, so that processes forked from this one share it.

    :raises Unsupported: without _ctypes.
    """
    if not _calls:
        _calls.append(_Calls())


def clone3(address: int, size: int) -> tuple[int, int]:
    """Return ``(pid, errno)``: pid is 0 in the child, and negative where the call failed.

    :param address: of a struct clone_args of ``size`` bytes.
    """
    prepare()
    calls, number = _calls[0], NUMBERS["clone3"]
    calls.before()
    pid: int = calls.syscall(number, address, size)
    if pid == 0:
        calls.child()
        return 0, 0
    code: int = calls.errno()
    calls.parent()
    return pid, code
