/* SPDX-License-Identifier: MIT */
/* no_lookup - a statically linked ccm-supervisor asks nobody for the address of a name.
 *
 * It never does, but libevent_core.a holds functions that would. libc's own would load shared libraries of exactly the
 * libc that was linked (the linker warns of it). The program is linked with --wrap for each, so libevent finds these,
 * which always refuse; ccm-proxy is what looks up names.
 */
#include <netdb.h>
#include <stddef.h>

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res);
struct protoent *__wrap_getprotobynumber(int protocol);
struct servent *__wrap_getservbyname(const char *name, const char *protocol);

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)res;
	return EAI_FAIL;
}

struct protoent *__wrap_getprotobynumber(int protocol)
{
	(void)protocol;
	return NULL;
}

struct servent *__wrap_getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}
