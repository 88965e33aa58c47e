/* SPDX-License-Identifier: MIT */
/* The floor of `make bench`: what starting any program costs. Linked statically. With an argument it reads its standard
 * input to the end, and does nothing with it. */
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[65536];

	(void)argv;
	while (argc > 1 && read(STDIN_FILENO, text, sizeof text) > 0)
		;
	return 0;
}
