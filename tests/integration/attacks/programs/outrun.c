/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Waits for a container's process that is about to execute its program, stops it as soon as it may be traced, and has it make a
 * call that the container's filter refuses: outrun PID. Prints the file that it executed then, and what unshare(CLONE_NEWUSER) said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int pid = atoi(argv[1]), status;
	char path[64], file[256] = "";
	struct user_regs_struct registers;
	puts("ready");
	fflush(stdout);
	while (ptrace(PTRACE_SEIZE, pid, 0, 0)) /* until it is dumpable */
		if (errno != EPERM)
			return printf("seize: %s\n", strerror(errno)), 1;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, __WALL);
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	(void)!readlink(path, file, sizeof file - 1);
	ptrace(PTRACE_GETREGS, pid, 0, &registers);
	registers.orig_rax = -1; /* a call that was interrupted is not begun again */
	registers.rax = 272;
	registers.rdi = 0x10000000;
	if (ptrace(PTRACE_POKETEXT, pid, registers.rip, 0x050fL) || ptrace(PTRACE_SETREGS, pid, 0, &registers))
		return printf("poke: %s\n", strerror(errno)), 1;
	do { /* a trap that is not of this step may come first */
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		waitpid(pid, &status, __WALL);
		ptrace(PTRACE_GETREGS, pid, 0, &registers);
	} while (WIFSTOPPED(status) && registers.rax == 272 && (long)registers.orig_rax != 272);
	printf("%s %lld\n", file, (long long)registers.rax);
	fflush(stdout);
	return 0;
}
