# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""clone3 with CPython's fork hooks around it, called with the interpreter's lock held, as os.fork does; cffi would release it."""

from __future__ import annotations

import os

from ...errors import Unsupported
from . import constants as c

try:
    import _ctypes
except ImportError:
    _ctypes = None

_calls = []


class _Calls:
    """``before``, ``child``, ``parent``: the hooks; ``syscall``: clone3's number, address and size; ``errno``: of that."""

    def __init__(self):
        if _ctypes is None:
            raise Unsupported("starting a container needs Python's _ctypes module on this host")
        long_type = type("c_long", (_ctypes._SimpleCData,), {"_type_": "l"})  # pylint: disable=protected-access
        flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
        hook = type("Hook", (_ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": None})
        call = type(
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


def prepare():
    """Have what clone3 needs of the interpreter, for who forks processes that call it: each would make it anew.

    :raises Unsupported: without _ctypes.
    """
    if not _calls:
        _calls.append(_Calls())


def clone3(address, size):
    """``(pid, errno)``. :param address: of a struct clone_args of ``size`` bytes."""
    prepare()
    calls, number = _calls[0], c.NUMBERS["clone3"]
    calls.before()
    pid = calls.syscall(number, address, size)
    if pid == 0:
        calls.child()
        return 0, 0
    code = calls.errno()
    calls.parent()
    return pid, code
