/* SPDX-License-Identifier: MIT */
/* host-rules - for shell tests: would the host take this answer?
 *
 * Usage: host-rules EVENT EXIT-STATUS <ANSWER
 * Exit: 0 it would; 1 it would not, said on stdout; 64 wrong usage. */
#include "tests/host_rules.h"

#include <stdlib.h>

#include "libccm/io.h"

int main(int argc, char **argv)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *words;

	if (argc != 3 || ccm_read_fd(STDIN_FILENO, 1 << 26, &out) < 0)
		return 64;
	words = host_check(argv[1], ccm_sbuf_str(&out), out.bytes, atoi(argv[2]));
	if (!words)
		return 0;
	printf("%s: %s\n", argv[1], words);
	return 1;
}
