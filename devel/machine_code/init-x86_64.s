/* Copyright (c) 2026, the pycontainer.engine authors
   SPDX-License-Identifier: GPL-3.0-or-later
   What oci/initial.py holds for x86_64: argv is [name, program, its arguments...]. */
    .intel_syntax noprefix
    .globl _start
_start:
    mov r12, [rsp]
    lea r13, [rsp+16]
    lea r14, [rsp+r12*8+16]
    sub rsp, 256
    mov qword ptr [rsp], -1
    push 14                     # rt_sigprocmask(SIG_SETMASK, all, old, 8)
    pop rax
    push 2
    pop rdi
    mov rsi, rsp
    lea rdx, [rsp+8]
    push 8
    pop r10
    syscall
    push 57                     # fork
    pop rax
    syscall
    test eax, eax
    jz child
    js failed
    mov r15d, eax
wait:
    mov eax, 128                # rt_sigtimedwait(all, info, NULL, 8)
    mov rdi, rsp
    lea rsi, [rsp+16]
    xor edx, edx
    push 8
    pop r10
    syscall
    cmp eax, 17                 # SIGCHLD
    je reap
    test eax, eax
    js wait
    mov esi, eax                # kill(child, signal)
    mov edi, r15d
    push 62
    pop rax
    syscall
    jmp wait
reap:
    push 61                     # wait4(-1, &status, WNOHANG, NULL)
    pop rax
    or edi, -1
    lea rsi, [rsp+16]
    push 1
    pop rdx
    xor r10d, r10d
    syscall
    test eax, eax
    jle wait
    cmp eax, r15d
    jne reap
    mov eax, [rsp+16]
    mov edi, eax
    and edi, 0x7f
    jz exited
    sub edi, -128
    jmp out
exited:
    movzx edi, ah
out:
    mov eax, 231                # exit_group
    syscall
child:
    push 39                     # getpid
    pop rax
    syscall
    mov [rsp+16], eax
    xor edi, edi                # setpgid(0, 0)
    xor esi, esi
    push 109
    pop rax
    syscall
    push 16                     # ioctl(0, TIOCSPGRP, &pid)
    pop rax
    xor edi, edi
    mov esi, 0x5410
    lea rdx, [rsp+16]
    syscall
    push 14                     # rt_sigprocmask(SIG_SETMASK, old, NULL, 8)
    pop rax
    push 2
    pop rdi
    lea rsi, [rsp+8]
    xor edx, edx
    push 8
    pop r10
    syscall
    push 59                     # execve(argv[1], argv + 2, envp)
    pop rax
    mov rdi, [r13]
    lea rsi, [r13+8]
    mov rdx, r14
    syscall
failed:
    push 127
    pop rdi
    cmp eax, -2                 # ENOENT
    je out
    dec edi
    jmp out
