# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made by devel/make_ffi.py, which says what is declared here. ``ffi`` is None where cffi's compiled half is missing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    import _cffi_backend
except ImportError:  # syscalls.py says so when a call is made
    ffi: Any = None
else:
    ffi = _cffi_backend.FFI('pycontainer_ffi',
        _version = 0x2601,
        _types = b'\x00\x00\x01\x0D\x00\x00\x09\x01\x00\x00\x09\x01\x00\x00\x09\x01\x00\x00\x09\x01\x00\x00\x09\x01\x00\x00\x09\x01'
        b'\x00\x00\x09\x01\x00\x00\x00\x0F\x00\x00\x15\x01\x00\x00\x00\x09\x00\x00\x01\x09\x00\x00\x02\x09\x00\x00\x03\x09'
        b'\x00\x00\x04\x09\x00\x00\x05\x09\x00\x00\x06\x09\x00\x00\x14\x01\x00\x00\x16\x01\x00\x00\x18\x01\x00\x00\x15\x03'
        b'\x00\x00\x00\x01',
        _globals = (b'\x00\x00\x00\x23syscall',0,),
        _struct_unions = ((b'\x00\x00\x00\x0A\x00\x00\x00\x02cap_data',
                b'\x00\x00\x12\x11effective',
                b'\x00\x00\x12\x11permitted',
                b'\x00\x00\x12\x11inheritable'),
            (b'\x00\x00\x00\x0B\x00\x00\x00\x02cap_header',
                b'\x00\x00\x12\x11version',
                b'\x00\x00\x09\x11pid'),
            (b'\x00\x00\x00\x0C\x00\x00\x00\x02clone_args',
                b'\x00\x00\x13\x11flags',
                b'\x00\x00\x13\x11pidfd',
                b'\x00\x00\x13\x11child_tid',
                b'\x00\x00\x13\x11parent_tid',
                b'\x00\x00\x13\x11exit_signal',
                b'\x00\x00\x13\x11stack',
                b'\x00\x00\x13\x11stack_size',
                b'\x00\x00\x13\x11tls',
                b'\x00\x00\x13\x11set_tid',
                b'\x00\x00\x13\x11set_tid_size',
                b'\x00\x00\x13\x11cgroup'),
            (b'\x00\x00\x00\x0D\x00\x00\x00\x02mount_attr',
                b'\x00\x00\x13\x11attr_set',
                b'\x00\x00\x13\x11attr_clr',
                b'\x00\x00\x13\x11propagation',
                b'\x00\x00\x13\x11userns_fd'),
            (b'\x00\x00\x00\x0E\x00\x00\x00\x02rlimit64',
                b'\x00\x00\x13\x11soft',
                b'\x00\x00\x13\x11hard'),
            (b'\x00\x00\x00\x0F\x00\x00\x00\x02sched_attr',
                b'\x00\x00\x12\x11size',
                b'\x00\x00\x12\x11sched_policy',
                b'\x00\x00\x13\x11sched_flags',
                b'\x00\x00\x09\x11sched_nice',
                b'\x00\x00\x12\x11sched_priority',
                b'\x00\x00\x13\x11sched_runtime',
                b'\x00\x00\x13\x11sched_deadline',
                b'\x00\x00\x13\x11sched_period',
                b'\x00\x00\x12\x11sched_util_min',
                b'\x00\x00\x12\x11sched_util_max'),
            (b'\x00\x00\x00\x10\x00\x00\x00\x02sock_fprog',
                b'\x00\x00\x11\x11len',
                b'\x00\x00\x14\x11filter')),
    )
