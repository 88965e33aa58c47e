/* SPDX-License-Identifier: MIT */
/* no_dlopen - a statically linked program of ours loads no shared objects.
 *
 * libsqlite3.a refers to dlopen() for load_extension(), which is off unless a program turns it on. libc's own would ask
 * at run time for the shared libraries of exactly the libc that was linked (the linker warns of it). The program is
 * linked with --wrap=dlopen, so SQLite finds this one, which always refuses: no library gets into the program that sees
 * everything an agent does.
 */
#include <stddef.h>

void *__wrap_dlopen(const char *file, int mode);

void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}
