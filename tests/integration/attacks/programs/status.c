/* Copyright (c) 2026, the pycontainer.engine authors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Prints its own ids, capabilities and no_new_privs. */
#include <stdio.h>
#include <string.h>

int main(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, "Cap", 3) || !strncmp(line, "Uid", 3) || !strncmp(line, "NoNew", 5))
			fputs(line, stdout);
	return 0;
}
