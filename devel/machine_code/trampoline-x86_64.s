/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What oci/stepping.py holds for x86_64: argv is [file, program's argv...]; after the code, aligned to 8:
   u32 channel. */
    .intel_syntax noprefix
    .globl _start
_start:
    lea r12, [rip+data]
    mov rbx, rsp
    xor r13d, r13d              # stage 0
    mov edi, [r12]              # fcntl(channel, F_SETFD, FD_CLOEXEC)
    push 2
    pop rsi
    push 1
    pop rdx
    push 72
    pop rax
    syscall
    test eax, eax
    js failed
    inc r13d                    # stage 1
    mov rdi, [rbx+8]            # execve(argv[0], argv + 1, environ)
    lea rsi, [rbx+16]
    mov rcx, [rbx]
    lea rdx, [rbx+rcx*8+16]
    push 59
    pop rax
    syscall
failed:
    neg eax                     # write(channel, "X" errno stage, 3)
    shl r13d, 16
    shl eax, 8
    or eax, r13d
    or eax, 0x58
    push rax
    mov rsi, rsp
    mov edi, [r12]
    push 3
    pop rdx
    push 1
    pop rax
    syscall
    mov edi, 128                # exit_group(128)
    mov eax, 231
    syscall
    hlt
    .balign 8
data:
