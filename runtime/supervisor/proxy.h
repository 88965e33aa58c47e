/* SPDX-License-Identifier: MIT */
/* proxy - the one way out of a sandbox: ccm-proxy, a process of its own that serves the sandbox's listening socket.
 *
 *     struct proxy proxy = PROXY_INIT;
 *     r = proxy_start(&spec, child.proxy_fd, &proxy, &diag);
 *     ...
 *     proxy_stop(&proxy);
 *
 * It serves
 *     CONNECT host:port        a tunnel, if the host is on the list; only names, and addresses that are on it as such
 *     http://host/...          the same for plain requests
 *     /...                     the agent's API: the request goes on to spec.api_url with our credential in place of
 *                              whatever it carried, so that nothing inside ever holds it
 * Names are resolved outside, and the address that was judged is the one that is connected to: addresses of this host and
 * of private networks are refused even if an allowed name leads there. Each refusal is a line of JSON on denied_fd:
 *     {"time_ms":1,"layer":"proxy","host":"example.org","port":443,"reason":"not on the list of allowed hosts"}
 *
 * Ownership: spec stays the caller's; the socket may be closed after the start. The proxy ends with us, also by SIGKILL.
 * Errors: negative errno, words in diag.
 */
#ifndef CCM_SUPERVISOR_PROXY_H
#define CCM_SUPERVISOR_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "libccm/error.h"
#include "libccm/sbuf.h"

struct proxy_spec {
	const char *program;             /* path of ccm-proxy */
	const char *const *hosts;        /* HOST, HOST:PORT, *.HOST, *.HOST:PORT; without a port it is 443. NULL ends them.
					    localhost and addresses must stand there as such */
	const char *api_url;             /* https://host[:port][/path]; NULL: no API. May be http:// and lead anywhere: it is the
					    person's own setting */
	const char *api_header;          /* "x-api-key: ..."; NULL: what the request carries is left in */
	const char *token;               /* asked of every client: as the password of the proxy's URL, or for the API as the
					    first part of the path; NULL: none, for a socket that only the sandbox reaches */
	int denied_fd;                   /* -1: nowhere */
};

struct proxy { pid_t pid; int lifeline_fd; };
#define PROXY_INIT { 0, -1 }

int proxy_start(const struct proxy_spec *spec, int listen_fd, struct proxy *ret, struct ccm_diag *diag);
void proxy_stop(struct proxy *p);

/* A port for spec.proxy_port, by chance: 20000 to 59999. */
int proxy_random_port(void);

/* Appends what programs need in their environment to use it: HTTPS_PROXY=... and the like, each followed by a NUL. token may
 * be NULL. Of the names of the own loopback, those that hosts has lead to the proxy, too. */
void proxy_environment(struct ccm_sbuf *out, int port, const char *token, const char *const *hosts);

/* -EINVAL, with words in diag: the entry cannot stand in a list of hosts. */
int proxy_check_host(const char *entry, struct ccm_diag *diag);

#endif
