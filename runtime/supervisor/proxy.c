/* SPDX-License-Identifier: MIT */
#include "proxy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "libccm/io.h"
#include "libccm/macros.h"
#include "libccm/sbuf.h"

int proxy_random_port(void)
{
	unsigned n = 0;

	if (getrandom(&n, sizeof n, 0) != sizeof n)
		n = (unsigned)getpid();
	return 20000 + (int)(n % 40000);
}

int proxy_check_host(const char *entry, struct ccm_diag *diag)
{
	const char *host = strncmp(entry, "*.", 2) == 0 ? entry + 2 : entry;
	size_t bytes = host[0] == '[' ? strspn(host + 1, "0123456789abcdefABCDEF:.") + 2
				      : strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
	const char *port = host + bytes;
	char *end = NULL;
	long number;

	if (bytes > 253 || bytes == 0 || (host[0] == '[' && host[bytes - 1] != ']'))
		return ccm_diag_set(diag, -EINVAL, "'%s' is no host: write NAME, *.NAME, an address or [an IPv6 address], each "
				    "perhaps with :PORT", entry);
	if (*port == '\0')
		return 0;
	number = *port == ':' && isdigit((unsigned char)port[1]) ? strtol(port + 1, &end, 10) : 0;
	if (number < 1 || number > 65535 || *end)
		return ccm_diag_set(diag, -EINVAL, "'%s' has no port between 1 and 65535 behind the host", entry);
	return 0;
}

/* Its own loopback is no matter of the proxy's, but by a name that the list has: that is the person's. */
static void add_no_proxy(struct ccm_sbuf *out, const char *variable, const char *const *hosts)
{
	static const char *const own[] = { "localhost", "127.0.0.1", "::1" };
	bool first = true;

	ccm_sbuf_addf(out, "%s=", variable);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		bool listed = false;

		for (const char *const *h = hosts; h && *h; h++) {
			const char *name = **h == '[' ? *h + 1 : *h;
			size_t bytes = strlen(own[i]);

			listed |= strncasecmp(name, own[i], bytes) == 0 && strchr(":]", name[bytes]);
		}
		if (listed)
			continue;
		ccm_sbuf_addf(out, "%s%s", first ? "" : ",", own[i]);
		first = false;
	}
	ccm_sbuf_addc(out, '\0');
}

void proxy_environment(struct ccm_sbuf *out, int port, const char *token, const char *const *hosts)
{
	static const char *const names[] = { "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ccm_sbuf_addf(out, "%s=http://%s%s%s127.0.0.1:%d", names[i], token ? "ccm:" : "", token ? token : "",
			      token ? "@" : "", port);
		ccm_sbuf_addc(out, '\0');
	}
	add_no_proxy(out, "NO_PROXY", hosts);
	add_no_proxy(out, "no_proxy", hosts);
	/* Node.js uses the others only if it is told to. */
	ccm_sbuf_add(out, "NODE_USE_ENV_PROXY=1", 21);
}

static void add_line(struct ccm_sbuf *s, const char *key, const char *value)
{
	if (value)
		ccm_sbuf_addf(s, "%s %s\n", key, value);
}

/* What the proxy reads first. The credential goes this way, and not by arguments or environment, which others can see. */
static int configuration(const struct proxy_spec *spec, struct ccm_sbuf *s)
{
	for (const char *const *h = spec->hosts; h && *h; h++)
		add_line(s, "host", *h);
	add_line(s, "api", spec->api_url);
	add_line(s, "header", spec->api_header);
	add_line(s, "token", spec->token);
	ccm_sbuf_adds(s, "end\n");
	return ccm_sbuf_error(s);
}

static int check(const struct proxy_spec *spec, struct ccm_diag *diag)
{
	const char *const texts[] = { spec->api_url, spec->api_header, spec->token };
	int r = 0;

	for (const char *const *h = spec->hosts; h && *h && r == 0; h++)
		r = proxy_check_host(*h, diag);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
		if (texts[i] && strpbrk(texts[i], "\r\n"))
			r = ccm_diag_set(diag, -EINVAL, "a line break in the proxy's URL or credential");
	return r;
}

/* Of the person's environment it gets only what says whom they trust, where they say so. */
static const char *assignment(const char *name)
{
	extern char **environ;
	size_t bytes = strlen(name);

	for (char **e = environ; *e; e++)
		if (strncmp(*e, name, bytes) == 0 && (*e)[bytes] == '=')
			return *e;
	return NULL;
}

static int spawn(const struct proxy_spec *spec, int config_fd, int listen_fd, pid_t *ret)
{
	const char *const trusted[] = { assignment("CURL_CA_BUNDLE"), assignment("SSL_CERT_FILE") };
	char *const argv[] = { (char *)"ccm-proxy", NULL };
	char *const envp[] = { (char *)(uintptr_t)(trusted[0] ? trusted[0] : trusted[1]), NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	/* Descriptors above 3, so that none is closed before it is moved. */
	_cleanup_close_ int config = fcntl(config_fd, F_DUPFD_CLOEXEC, 10), listening = fcntl(listen_fd, F_DUPFD_CLOEXEC, 10);
	_cleanup_close_ int denied = spec->denied_fd >= 0 ? fcntl(spec->denied_fd, F_DUPFD_CLOEXEC, 10)
							  : open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (config < 0 || listening < 0 || denied < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, config, 0);
	posix_spawn_file_actions_adddup2(&actions, denied, 1);
	posix_spawn_file_actions_adddup2(&actions, listening, 3);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	/* The keys of a terminal are not for it. */
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(ret, spec->program, &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int proxy_start(const struct proxy_spec *spec, int listen_fd, struct proxy *ret, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_close_ int read_end = -1, write_end = -1;
	int fds[2], r;
	pid_t pid;

	r = check(spec, diag);
	if (r == 0)
		r = configuration(spec, &text);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_end = fds[0];
	write_end = fds[1];
	/* A pipe takes that much at once. */
	if (text.bytes > 60000)
		return ccm_diag_set(diag, -E2BIG, "too many allowed hosts for the proxy");
	r = ccm_write_all(write_end, text.text, text.bytes);
	if (r == 0)
		r = spawn(spec, read_end, listen_fd, &pid);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot start '%s': %s", spec->program, strerror(-r));
	*ret = (struct proxy){ .pid = pid, .lifeline_fd = TAKE_FD(write_end) };
	return 0;
}

void proxy_stop(struct proxy *p)
{
	ccm_closep(&p->lifeline_fd);
	p->lifeline_fd = -1;
	if (p->pid > 0) {
		kill(p->pid, SIGTERM);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	p->pid = 0;
}
