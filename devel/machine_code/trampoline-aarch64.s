/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What oci/stepping.py holds for aarch64: argv is [file, program's argv...]; after the code, aligned to 8:
   u32 channel. */
    .globl _start
_start:
    adr x19, data
    mov x20, sp
    mov w21, 0                  // stage 0
    ldr w0, [x19]               // fcntl(channel, F_SETFD, FD_CLOEXEC)
    mov x1, 2
    mov x2, 1
    mov x8, 25
    svc 0
    tbnz w0, 31, failed
    mov w21, 1                  // stage 1
    ldr x3, [x20]
    ldr x0, [x20, 8]            // execve(argv[0], argv + 1, environ)
    add x1, x20, 16
    add x2, x20, x3, lsl 3
    add x2, x2, 16
    mov x8, 221
    svc 0
failed:
    neg w0, w0                  // write(channel, "X" errno stage, 3)
    lsl w0, w0, 8
    orr w0, w0, w21, lsl 16
    mov w3, 0x58
    orr w0, w0, w3
    str x0, [sp, -16]!
    mov x1, sp
    ldr w0, [x19]
    mov x2, 3
    mov x8, 64
    svc 0
    mov x0, 128                 // exit_group(128)
    mov x8, 94
    svc 0
    udf 0
    .balign 8
data:
