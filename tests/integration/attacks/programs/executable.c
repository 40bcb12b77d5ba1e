/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Tries to open the executables of other processes for writing (CVE-2019-5736): executable SECONDS.
 * What can be opened, or could be but for ETXTBSY (access(2) asks without writing), is printed; nothing is ever written. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat own, its;
	time_t end = time(NULL) + atoi(argv[1]);
	unsigned long seen = 0, foreign = 0;
	stat("/bin/busybox", &own);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (time(NULL) < end) {
		DIR *proc = opendir("/proc");
		struct dirent *entry;
		while ((entry = readdir(proc))) {
			char path[300], link[400] = "";
			int fd;
			if (atoi(entry->d_name) <= 1 || atoi(entry->d_name) == getpid())
				continue;
			snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
			fd = open(path, O_PATH);
			seen++;
			if (fd < 0)
				continue;
			snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
			if (!fstat(fd, &its) && (its.st_dev != own.st_dev || its.st_ino != own.st_ino)) {
				foreign++;
				if (readlink(path, link, sizeof link - 1) < 0)
					strcpy(link, "?");
				if (access(path, W_OK) == 0)
					printf("WRITABLE %s\n", link);
				for (int attempt = 0; attempt < 50; attempt++) {
					int again = open(path, O_WRONLY);
					if (again >= 0) {
						printf("OPENED %s\n", link);
						close(again);
						break;
					}
				}
			}
			close(fd);
		}
		closedir(proc);
	}
	printf("looked %lu, foreign %lu\n", seen, foreign);
	return 0;
}
