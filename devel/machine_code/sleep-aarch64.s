/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What containers/dormant.py holds for aarch64: argv is [name, descriptor of an epoll as one character, program, its arguments...]. */
    .globl _start
_start:
    ldr x19, [sp]
    add x20, sp, #8
    add x21, x20, x19, lsl #3
    add x21, x21, #8
    sub sp, sp, #64
    mov x8, #167                // prctl(PR_SET_NAME, argv[0])
    mov x0, #15
    ldr x1, [x20]
    svc #0
wait:
    ldr x9, [x20, #8]
    ldrb w0, [x9]               // epoll_pwait(argv[1][0], events, 1, -1, NULL, 8)
    mov x1, sp
    mov x2, #1
    mov x3, #-1
    mov x4, #0
    mov x5, #8
    mov x8, #22
    svc #0
    cmn x0, #4                  // EINTR
    b.eq wait
    ldr x0, [x20, #16]          // execve(argv[2], argv + 3, envp)
    add x1, x20, #24
    mov x2, x21
    mov x8, #221
    svc #0
    mov x0, #127
    mov x8, #94                 // exit_group
    svc #0
