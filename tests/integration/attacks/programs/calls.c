/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Makes system calls by number through the kernel's entries of x86 (or the native one of another machine) and prints their
 * errno: each argument is "entry,number,a,b,c,d,e,f", with entry n (native), i (int 0x80), x (x32), or s: int 0x80
 * with the arguments from the second on in memory, for socketcall(2). A child makes each. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static long entry(char kind, unsigned long number, const unsigned long *v)
{
	long result;
#ifdef __x86_64__
	unsigned long two[5] = { v[0], 0, 0, 0, 0 };
	if (kind == 's') {
		unsigned int *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		for (int index = 0; index < 5; index++)
			place[index] = v[index + 1];
		two[1] = (unsigned long)place;
		v = two;
		kind = 'i';
	}
	if (kind == 'i') {
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(v[0]), "c"(v[1]), "d"(v[2]), "S"(v[3]), "D"(v[4])
				 : "memory", "r8", "r9", "r10", "r11");
		return (int)result;
	}
	if (kind == 'x')
		number |= 0x40000000;
	register unsigned long r10 __asm__("r10") = v[3], r8 __asm__("r8") = v[4], r9 __asm__("r9") = v[5];
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(v[0]), "S"(v[1]), "d"(v[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#else
	result = syscall(number, v[0], v[1], v[2], v[3], v[4], v[5]);
	return result < 0 ? -errno : result;
#endif
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int index = 1; index < argc; index++) {
		unsigned long v[7] = { 0 };
		char *rest = argv[index] + 2;
		for (int count = 0; count < 7 && rest; count++) {
			v[count] = strtoul(rest, NULL, 0);
			rest = strchr(rest, ',');
			rest = rest ? rest + 1 : NULL;
		}
		int pipes[2], status;
		long result = 0;
		if (pipe(pipes))
			return 1;
		pid_t own = getpid(), child = fork();
		if (child == 0) {
			result = entry(argv[index][0], v[0], v + 1);
			if (getppid() == own) /* not in a process that the call made */
				(void)!write(pipes[1], &result, sizeof result);
			_exit(0);
		}
		close(pipes[1]);
		if (read(pipes[0], &result, sizeof result) != sizeof result)
			result = -1000;
		close(pipes[0]);
		waitpid(child, &status, 0);
		printf("%s %ld\n", argv[index], WIFSIGNALED(status) ? -1000L - WTERMSIG(status) : result < 0 ? result : 0);
	}
	return 0;
}
