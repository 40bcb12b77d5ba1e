/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What containers/dormant.py holds for x86_64: argv is [name, descriptor of an epoll as one character, program, its arguments...]. */
    .intel_syntax noprefix
    .globl _start
_start:
    mov r12, [rsp]
    lea r13, [rsp+8]
    lea r14, [rsp+r12*8+16]
    sub rsp, 64
    mov eax, 157                # prctl(PR_SET_NAME, argv[0])
    push 15
    pop rdi
    mov rsi, [r13]
    syscall
wait:
    mov rdx, [r13+8]
    movzx edi, byte ptr [rdx]   # epoll_wait(argv[1][0], events, 1, -1)
    mov rsi, rsp
    push 1
    pop rdx
    or r10, -1
    mov eax, 232
    syscall
    cmp eax, -4                 # EINTR
    je wait
    mov rdi, [r13+16]           # execve(argv[2], argv + 3, envp)
    lea rsi, [r13+24]
    mov rdx, r14
    push 59
    pop rax
    syscall
    push 127
    pop rdi
    mov eax, 231                # exit_group
    syscall
