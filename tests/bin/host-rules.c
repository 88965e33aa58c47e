/* SPDX-License-Identifier: MIT */
/* host-rules - for shell tests: would the host take these answers?
 *
 * Usage: host-rules [EVENT EXIT-STATUS FILE]...
 * FILE holds what was printed on stdout.
 * Exit: 0 it would take all; 1 not all, each said on stdout; 64 wrong usage. */
#include "tests/host_rules.h"

#include <stdlib.h>

#include "libccm/io.h"

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 4 || argc % 3 != 1)
		return 64;
	for (char **arg = argv + 1; *arg; arg += 3) {
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
		const char *words;

		if (ccm_read_file(arg[2], 1 << 26, &out) < 0)
			return 64;
		words = host_check(arg[0], ccm_sbuf_str(&out), out.bytes, atoi(arg[1]));
		if (!words)
			continue;
		printf("%s: %s\n%s\n", arg[2], words, ccm_sbuf_str(&out));
		failed = 1;
	}
	return failed;
}
