/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Says what a process in a container holds and reaches: its descriptors and what they lead to, its keyrings, its session. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void keys(void)
{
	char text[300] = "";
	long session = syscall(SYS_keyctl, 6 /* DESCRIBE */, -3 /* session */, text, sizeof text - 1, 0);
	printf("session keyring: %s\n", session < 0 ? strerror(errno) : strrchr(text, ';') + 1);
	long found = syscall(SYS_keyctl, 10 /* SEARCH */, -3, "user", "pycontainer-attack", 0);
	printf("secret: %s\n", found < 0 ? strerror(errno) : "FOUND");
	found = syscall(SYS_request_key, "user", "pycontainer-attack", NULL, 0);
	printf("requested: %s\n", found < 0 ? strerror(errno) : "FOUND");
}

int main(void)
{
	char path[64], link[4096];
	for (int fd = 0; fd < 4096; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t size = readlink(path, link, sizeof link - 1);
		link[size < 0 ? 0 : size] = 0;
		printf("fd %d %s\n", fd, link);
	}
	for (const char **name = (const char *[]){ "cwd", "root", NULL }; *name; name++) {
		snprintf(path, sizeof path, "/proc/self/%s", *name);
		ssize_t size = readlink(path, link, sizeof link - 1);
		link[size < 0 ? 0 : size] = 0;
		printf("%s %s\n", *name, link);
	}
	printf("parent %d, session %d, group %d\n", getppid(), getsid(0), getpgrp());
	keys();
	return 0;
}
