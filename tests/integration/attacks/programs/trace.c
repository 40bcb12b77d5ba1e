/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Looks into every process that comes by (CVE-2016-9962): trace SECONDS NAME.
 * What is not called NAME and is no child of this program is on its way into the container, with the host's descriptors and
 * memory: it may be attached to, read, or followed through its root, descriptors and memory by nobody inside. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char target[64];

static int foreign(const char *pid)
{
	char path[64], name[64] = "";
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	ssize_t size = read(fd, name, sizeof name - 1);
	close(fd);
	if (size <= 0)
		return 0;
	name[size - 1] = 0;
	return strcmp(name, target) != 0;
}

static void tell(const char *pid, const char *what)
{
	/* still what it was: what it has executed meanwhile is the container's own */
	if (foreign(pid))
		printf("REACHED %s\n", what);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + atoi(argv[1]);
	unsigned long seen = 0;
	snprintf(target, sizeof target, "%s", argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (time(NULL) < end) {
		DIR *proc = opendir("/proc");
		struct dirent *entry;
		while ((entry = readdir(proc))) {
			int pid = atoi(entry->d_name);
			char path[300], buffer[256];
			if (pid <= 1 || pid == getpid() || !foreign(entry->d_name))
				continue;
			seen++;
			snprintf(path, sizeof path, "/proc/%d/fd", pid);
			DIR *fds = opendir(path);
			if (fds) { /* the numbers can be listed; where they lead can't be told */
				struct dirent *number;
				while ((number = readdir(fds))) {
					if (number->d_name[0] == '.')
						continue;
					snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid, number->d_name);
					int fd = open(path, O_PATH);
					if (fd >= 0 || readlink(path, buffer, sizeof buffer) > 0)
						tell(entry->d_name, "a descriptor");
					if (fd >= 0)
						close(fd);
				}
				closedir(fds);
			}
			for (const char **file = (const char *[]){ "root", "cwd", "exe", NULL }; *file; file++) {
				snprintf(path, sizeof path, "/proc/%d/%s", pid, *file);
				if (readlink(path, buffer, sizeof buffer) > 0)
					tell(entry->d_name, *file);
			}
			for (const char **file = (const char *[]){ "mem", "environ", "maps", NULL }; *file; file++) {
				snprintf(path, sizeof path, "/proc/%d/%s", pid, *file);
				int fd = open(path, O_RDONLY);
				if (fd >= 0) {
					if (!strcmp(*file, "mem") || read(fd, buffer, sizeof buffer) > 0)
						tell(entry->d_name, *file);
					close(fd);
				}
			}
			if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
				int status;
				tell(entry->d_name, "tracing");
				ptrace(PTRACE_INTERRUPT, pid, 0, 0);
				waitpid(pid, &status, __WALL);
				tell(entry->d_name, "tracing");
				ptrace(PTRACE_DETACH, pid, 0, 0);
			}
		}
		closedir(proc);
	}
	printf("looked at %lu\n", seen);
	return 0;
}
