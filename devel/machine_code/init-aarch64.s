/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What oci/initial.py holds for aarch64: argv is [name, program, its arguments...]. */
    .globl _start
_start:
    ldr x19, [sp]
    add x20, sp, #16
    add x21, x20, x19, lsl #3
    sub sp, sp, #256
    mov x0, #-1
    str x0, [sp]
    mov x0, #2                  // rt_sigprocmask(SIG_SETMASK, all, old, 8)
    mov x1, sp
    add x2, sp, #8
    mov x3, #8
    mov x8, #135
    svc #0
    mov x0, #17                 // clone(SIGCHLD)
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #220
    svc #0
    cbz x0, child
    tbnz x0, #63, failed
    mov x22, x0
wait:
    mov x0, sp                  // rt_sigtimedwait(all, info, NULL, 8)
    add x1, sp, #16
    mov x2, #0
    mov x3, #8
    mov x8, #137
    svc #0
    cmp x0, #17                 // SIGCHLD
    b.eq reap
    tbnz x0, #63, wait
    mov x1, x0                  // kill(child, signal)
    mov x0, x22
    mov x8, #129
    svc #0
    b wait
reap:
    mov x0, #-1                 // wait4(-1, &status, WNOHANG, NULL)
    add x1, sp, #16
    mov x2, #1
    mov x3, #0
    mov x8, #260
    svc #0
    cmp x0, #0
    b.le wait
    cmp x0, x22
    b.ne reap
    ldr w1, [sp, #16]
    ands w0, w1, #0x7f
    b.eq exited
    add w0, w0, #128
    b out
exited:
    ubfx w0, w1, #8, #8
out:
    mov x8, #94                 // exit_group
    svc #0
child:
    mov x8, #172                // getpid
    svc #0
    str w0, [sp, #16]
    mov x0, #0                  // setpgid(0, 0)
    mov x1, #0
    mov x8, #154
    svc #0
    mov x0, #0                  // ioctl(0, TIOCSPGRP, &pid)
    mov w1, #0x5410
    add x2, sp, #16
    mov x8, #29
    svc #0
    mov x0, #2                  // rt_sigprocmask(SIG_SETMASK, old, NULL, 8)
    add x1, sp, #8
    mov x2, #0
    mov x3, #8
    mov x8, #135
    svc #0
    ldr x0, [x20]               // execve(argv[1], argv + 2, envp)
    add x1, x20, #8
    mov x2, x21
    mov x8, #221
    svc #0
failed:
    cmn x0, #2                  // ENOENT
    mov x0, #127
    mov x1, #126
    csel x0, x0, x1, eq
    b out
