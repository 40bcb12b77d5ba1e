/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Stands for the image's dynamic loader, so that the kernel runs it in the place of what a container executes as
 * "#!/proc/self/exe" (CVE-2019-5736). Says whether the executable, then the host's Python, could be written to. Without a
 * C library: as a program's interpreter its start differs from what that expects. Nothing is written. */
#include <fcntl.h>
#include <sys/syscall.h>

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

static void say(const char *text)
{
	long size = 0;
	while (text[size])
		size++;
	call(SYS_write, 1, (long)text, size, 0);
}

void _start(void)
{
	static char link[256];
	long size = call(SYS_readlink, (long)"/proc/self/exe", (long)link, 255, 0);
	say("interpreter of ");
	if (size > 0)
		say(link);
	say(call(SYS_faccessat, AT_FDCWD, (long)"/proc/self/exe", 2, 0) == 0 ? " WRITABLE\n" : " sealed\n");
	call(SYS_exit_group, 0, 0, 0, 0);
	__builtin_unreachable();
}
