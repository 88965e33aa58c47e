/* SPDX-License-Identifier: MIT */
/* no_certificates - libgit2 does not read the system's certificates when ccm-checkpoint starts.
 *
 * Where it was built with mbed TLS, as in Debian, libgit2 parses all of them in git_libgit2_init(): a third of the time
 * that a checkpoint takes in this program. Nothing here reaches a remote repository through libgit2, so it finds these
 * two functions in place of the library's, and has no certificates; a connection that it would make is refused.
 */
#include <stddef.h>

int mbedtls_x509_crt_parse_file(void *chain, const char *path);
int mbedtls_x509_crt_parse_path(void *chain, const char *path);

int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return 0;
}

int mbedtls_x509_crt_parse_path(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return 0;
}
