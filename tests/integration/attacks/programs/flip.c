/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Exchanges two names as fast as it can (renameat2, RENAME_EXCHANGE): flip A B SECONDS. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	time_t end = time(NULL) + atoi(argv[3]);
	unsigned long count = 0;
	while (time(NULL) < end)
		for (int turn = 0; turn < 64; turn++)
			count += renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0;
	printf("flipped %lu times\n", count);
	return count == 0;
}
