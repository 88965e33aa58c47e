/* SPDX-License-Identifier: MIT */
/* ccm-proxy: see proxy.h. Descriptors: 0 the configuration, and when it ends, we end; 1 where refusals are told; 3 the
 * listening socket. All that comes in by 3 is hostile. One loop, one thread (libcurl's own for names besides). */
#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "landlock.h"
#include "kernel.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/macros.h"
#include "libccm/sbuf.h"
#include "sandbox.h"

#define LISTEN_FD 3
#define CLIENTS_MAX 128
#define HOSTS_MAX 1000
#define HEAD_MAX 65536
#define BUFFER 65536
#define HEAD_MS 30000
#define CONNECT_MS 30000
#define IDLE_MS 3600000              /* an answer that streams may pause */
#define TOLD_MAX 1000
#define AUTHORITIES_MAX ((size_t)16 << 20)

struct host { char *name; bool any_below; int port; };

struct config {
	struct host hosts[HOSTS_MAX];
	size_t host_count;
	char *api_url, *api_header, *token;
	struct ccm_sbuf authorities; /* PEM; empty: the system's */
};

struct buffer { char bytes[BUFFER]; size_t used; bool ended; };

struct client {
	int fd;                      /* -1: free */
	enum { READING_HEAD, CONNECTING, RELAYING, SAYING_LAST } state;
	CURL *easy;
	int upstream;
	bool tls;
	bool may_be_private;
	char *refused;               /* the address that was judged and refused */
	char host[256];
	int port;
	struct buffer up, down;      /* to the server, to the client */
	bool up_closed;
	int64_t since_ms;
};

static struct config config;         /* written once, before the first client */
static unsigned told;

/* ------------------------------------------------------------------------------------------------ refusing */

static void tell(const char *host, int port, const char *reason)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

	if (told++ >= TOLD_MAX)
		return;
	ccm_sbuf_addf(&line, "{\"time_ms\":%lld,\"layer\":\"proxy\",\"host\":", (long long)ccm_now_ms());
	ccm_json_quote(&line, host, strlen(host));
	ccm_sbuf_addf(&line, ",\"port\":%d,\"reason\":", port);
	ccm_json_quote(&line, reason, strlen(reason));
	ccm_sbuf_adds(&line, "}\n");
	if (ccm_sbuf_error(&line) == 0)
		(void)ccm_write_all(STDOUT_FILENO, line.text, line.bytes);
}

static void answer(struct client *c, const char *status, const char *words)
{
	c->down.used = (size_t)snprintf(c->down.bytes, sizeof c->down.bytes,
					"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s"
					"Connection: close\r\n\r\n%s", status, strlen(words),
					strncmp(status, "407", 3) == 0 ? "Proxy-Authenticate: Basic realm=\"ccm\"\r\n" : "", words);
	c->state = SAYING_LAST;
}

static void refuse(struct client *c, const char *status, const char *reason)
{
	char words[512];

	tell(c->host, c->port, reason);
	snprintf(words, sizeof words, "ccm: %s port %d: %s\n", c->host[0] ? c->host : "request", c->port, reason);
	answer(c, status, words);
}

/* ------------------------------------------------------------------------------------------------ addresses */

static bool is_private4(uint32_t a)
{
	static const struct { uint32_t net; int bits; } nets[] = {
		/* IANA's special-purpose registry: this network and host, private, shared, link-local, tests, multicast ... */
		{ 0x00000000, 8 }, { 0x0a000000, 8 }, { 0x64400000, 10 }, { 0x7f000000, 8 }, { 0xa9fe0000, 16 },
		{ 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 }, { 0xc0a80000, 16 }, { 0xc6120000, 15 },
		{ 0xc6336400, 24 }, { 0xcb007100, 24 }, { 0xe0000000, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(nets); i++)
		if (a >> (32 - nets[i].bits) == nets[i].net >> (32 - nets[i].bits))
			return true;
	return false;
}

static uint32_t four(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Only global unicast, and not the forms that carry an IPv4 address in them. */
static bool is_private6(const uint8_t *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
		return is_private4(four(b + 12));
	if (b[0] == 0x20 && b[1] == 0x02)            /* 6to4 */
		return is_private4(four(b + 2));
	if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2)        /* Teredo and other protocol assignments */
		return true;
	return (b[0] & 0xe0) != 0x20;
}

static bool is_private(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return is_private4(ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr));
	if (a->sa_family == AF_INET6)
		return is_private6(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr);
	return true;
}

/* libcurl asks for a socket to the address that it will connect to: what is judged here is what is used. */
static curl_socket_t open_socket(void *user, curlsocktype purpose _unused_, struct curl_sockaddr *address)
{
	struct client *c = user;

	if (!c->may_be_private && is_private(&address->addr)) {
		char text[INET6_ADDRSTRLEN] = "an address";

		if (address->addr.sa_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&address->addr)->sin_addr, text, sizeof text);
		else if (address->addr.sa_family == AF_INET6)
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address->addr)->sin6_addr, text, sizeof text);
		free(c->refused);
		c->refused = strdup(text);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ------------------------------------------------------------------------------------------------ the list */

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* Names as the list has them; a resolver takes more forms (2130706433, 0x7f.1, 127.1), so only names with a letter in
 * their last part, and whole addresses. */
static bool is_plain_name(const char *host)
{
	const char *last = strrchr(host, '.');

	if (is_address(host))
		return true;
	last = last ? last + 1 : host;
	return isalpha((unsigned char)*last) && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_")] == '\0';
}

/* Whether the list has it; *ret_as_such: by just this name. */
static bool is_listed(const char *host, int port, bool *ret_as_such)
{
	size_t bytes = strlen(host);

	for (size_t i = 0; i < config.host_count; i++) {
		const struct host *h = &config.hosts[i];
		size_t tail = strlen(h->name);

		if (h->port != port)
			continue;
		if (!h->any_below && strcmp(h->name, host) == 0) {
			*ret_as_such = true;
			return true;
		}
		if (h->any_below && bytes > tail + 1 && strcmp(host + bytes - tail, h->name) == 0 &&
		    host[bytes - tail - 1] == '.') {
			*ret_as_such = false;
			return true;
		}
	}
	return false;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* "host:port", "[v6]:port"; port 0 in *port: one must be there. */
static bool split_host(const char *text, size_t bytes, char host[256], int *port)
{
	const char *end = text + bytes, *colon;
	char *rest;
	char number[8] = "";
	size_t name;

	if (bytes > 0 && text[0] == '[') {
		const char *close = memchr(text, ']', bytes);

		if (!close)
			return false;
		text++;
		name = (size_t)(close - text);
		colon = close + 1;
	} else {
		colon = memchr(text, ':', bytes);
		if (!colon)
			colon = end;
		name = (size_t)(colon - text);
	}
	if (name == 0 || name > 253)
		return false;
	memcpy(host, text, name);
	host[name] = '\0';
	lower(host);
	if (host[name - 1] == '.')
		host[name - 1] = '\0';
	if (colon == end)
		return *port > 0;
	if (*colon != ':' || end - colon < 2 || end - colon > 6)
		return false;
	memcpy(number, colon + 1, (size_t)(end - colon - 1));
	*port = (int)strtol(number, &rest, 10);
	return !*rest && isdigit((unsigned char)number[0]) && *port > 0 && *port < 65536;
}

/* ------------------------------------------------------------------------------------------------ connecting */

static bool connect_to(struct client *c, CURLM *multi, const char *url)
{
	c->easy = curl_easy_init();
	if (!c->easy)
		return false;
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	if (config.authorities.bytes) {
		struct curl_blob pem = { .data = config.authorities.text, .len = config.authorities.bytes, .flags = CURL_BLOB_NOCOPY };

		curl_easy_setopt(c->easy, CURLOPT_CAINFO_BLOB, &pem);
	}
	c->state = CONNECTING;
	c->since_ms = ccm_mono_us() / 1000;
	return curl_multi_add_handle(multi, c->easy) == CURLM_OK;
}

static void tunnel(struct client *c, CURLM *multi)
{
	char url[320];
	bool as_such = false;

	if (!is_plain_name(c->host))
		return refuse(c, "403 Forbidden", "neither a name nor an address");
	if (!is_listed(c->host, c->port, &as_such))
		return refuse(c, "403 Forbidden", "not on the list of allowed hosts");
	/* Who lists localhost, or an address, means it. */
	c->may_be_private = as_such && (is_address(c->host) || strcmp(c->host, "localhost") == 0);
	snprintf(url, sizeof url, strchr(c->host, ':') ? "http://[%s]:%d/" : "http://%s:%d/", c->host, c->port);
	if (!connect_to(c, multi, url))
		answer(c, "503 Service Unavailable", "ccm: no memory for a connection\n");
}

/* ------------------------------------------------------------------------------------------------ requests */

struct head {
	const char *method, *target;
	size_t method_bytes, target_bytes;
	const char *fields, *end;    /* of the header lines, without the empty one */
	size_t bytes;                /* with the empty line */
};

static bool is_token_char(char ch)
{
	return isalnum((unsigned char)ch) || strchr("!#$%&'*+-.^_`|~", ch);
}

/* Strict: what two parsers could read in two ways is no request. */
static bool parse_head(const char *text, size_t bytes, struct head *h)
{
	const char *line_end = memchr(text, '\r', bytes), *p;

	*h = (struct head){ .method = text, .bytes = bytes };
	while (h->method_bytes < bytes && is_token_char(text[h->method_bytes]) && text[h->method_bytes])
		h->method_bytes++;
	if (!line_end || h->method_bytes == 0 || text[h->method_bytes] != ' ')
		return false;
	h->target = text + h->method_bytes + 1;
	for (p = h->target; p < line_end && *p > ' ' && *p < 0x7f; p++)
		;
	h->target_bytes = (size_t)(p - h->target);
	if (h->target_bytes == 0 || line_end - p != 9 || (memcmp(p, " HTTP/1.1", 9) != 0 && memcmp(p, " HTTP/1.0", 9) != 0))
		return false;
	h->fields = line_end + 2;
	h->end = text + bytes - 2;
	for (p = h->fields; p < h->end;) {
		const char *end = memchr(p, '\r', (size_t)(h->end - p) + 1), *colon;

		if (!end || end[1] != '\n' || memchr(p, '\n', (size_t)(end - p)) || memchr(p, '\0', (size_t)(end - p)))
			return false;
		for (colon = p; colon < end && is_token_char(*colon) && *colon; colon++)
			;
		if (colon == p || colon == end || *colon != ':')
			return false;
		p = end + 2;
	}
	return memchr(text, '\0', bytes) == NULL;
}

static bool field_is(const char *line, const char *name)
{
	size_t bytes = strlen(name);

	return strncasecmp(line, name, bytes) == 0 && line[bytes] == ':';
}

static const char *next_field(const char *line)
{
	return strstr(line, "\r\n") + 2;
}

/* Basic ccm:TOKEN. */
static bool has_token(const struct head *h)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char plain[256], wanted[400] = "";
	size_t bytes, out = 0;

	if (!config.token)
		return true;
	bytes = (size_t)snprintf(plain, sizeof plain, "ccm:%s", config.token);
	if (bytes >= sizeof plain)
		return false;
	for (size_t i = 0; i < bytes; i += 3) {
		unsigned n = (unsigned)(unsigned char)plain[i] << 16 |
			     (i + 1 < bytes ? (unsigned)(unsigned char)plain[i + 1] << 8 : 0) |
			     (i + 2 < bytes ? (unsigned)(unsigned char)plain[i + 2] : 0);

		for (int k = 0; k < 4; k++)
			wanted[out++] = (size_t)k > bytes - i ? '=' : alphabet[n >> (18 - 6 * k) & 63];
	}
	wanted[out] = '\0';
	for (const char *p = h->fields; p < h->end; p = next_field(p)) {
		const char *value = p + strlen("proxy-authorization:");

		if (!field_is(p, "proxy-authorization"))
			continue;
		value += strspn(value, " \t");
		if (strncasecmp(value, "basic ", 6) == 0 && strncmp(value + 6, wanted, out) == 0 && value[6 + out] == '\r')
			return true;
	}
	return false;
}

/* Puts the request as it goes on into c->up, before what of the body has come already. */
static bool rewrite(struct client *c, const struct head *h, const char *host, const char *path, size_t path_bytes,
		    bool is_api)
{
	static const char *const dropped[] = { "host", "connection", "keep-alive", "proxy-authorization", "proxy-connection",
					       "upgrade", "te" };
	static const char *const credentials[] = { "authorization", "x-api-key", "cookie" };
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };

	ccm_sbuf_add(&s, h->method, h->method_bytes);
	ccm_sbuf_addc(&s, ' ');
	ccm_sbuf_add(&s, path, path_bytes);
	ccm_sbuf_addf(&s, " HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", host);
	if (is_api && config.api_header)
		ccm_sbuf_addf(&s, "%s\r\n", config.api_header);
	for (const char *p = h->fields; p < h->end; p = next_field(p)) {
		bool drop = false;

		for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
			drop |= field_is(p, dropped[i]);
		for (size_t i = 0; i < ARRAY_SIZE(credentials) && is_api && config.api_header; i++)
			drop |= field_is(p, credentials[i]);
		if (!drop)
			ccm_sbuf_add(&s, p, (size_t)(next_field(p) - p));
	}
	ccm_sbuf_adds(&s, "\r\n");
	ccm_sbuf_add(&s, c->up.bytes + h->bytes, c->up.used - h->bytes);
	if (ccm_sbuf_error(&s) || s.bytes > sizeof c->up.bytes)
		return false;
	memcpy(c->up.bytes, s.text, s.bytes);
	c->up.used = s.bytes;
	return true;
}

/* Whoever may only call what is below one path on that host must not climb out of it, whatever way the server reads paths. */
static bool climbs(const char *path)
{
	static const char *const coded[] = { "%2e", "%2f", "%5c" };
	size_t bytes, end = strcspn(path, "?#");

	for (const char *at = path; at <= path + end; at += bytes + 1) {
		bytes = strcspn(at, "/?#");
		if ((bytes == 1 && at[0] == '.') || (bytes == 2 && at[0] == '.' && at[1] == '.') || memchr(at, '\\', bytes))
			return true;
		for (size_t i = 0; i + 3 <= bytes; i++)
			for (size_t j = 0; j < ARRAY_SIZE(coded); j++)
				if (strncasecmp(at + i, coded[j], 3) == 0)
					return true;
	}
	return false;
}

static void api_request(struct client *c, CURLM *multi, const struct head *h)
{
	const char *authority = strstr(config.api_url, "://") + 3;
	size_t authority_bytes = strcspn(authority, "/"), token = config.token ? strlen(config.token) : 0;
	const char *base = authority + authority_bytes, *path = h->target;
	size_t path_bytes = h->target_bytes;
	_cleanup_sbuf_ struct ccm_sbuf whole = { 0 }, host = { 0 };

	ccm_sbuf_add(&host, authority, authority_bytes);
	c->tls = strncmp(config.api_url, "https:", 6) == 0;
	c->port = c->tls ? 443 : 80;
	if (!split_host(authority, authority_bytes, c->host, &c->port))
		return refuse(c, "502 Bad Gateway", "the URL of the API has no host");
	if (token) {
		if (path_bytes < token + 1 || strncmp(path + 1, config.token, token) != 0 ||
		    (path_bytes > token + 1 && path[token + 1] != '/'))
			return refuse(c, "403 Forbidden", "the sandbox's token is missing");
		path += token + 1;
		path_bytes -= token + 1;
	}
	ccm_sbuf_add(&whole, base, strlen(base) - (base[0] && base[strlen(base) - 1] == '/'));
	ccm_sbuf_add(&whole, path_bytes ? path : "/", path_bytes ? path_bytes : 1);
	if (ccm_sbuf_error(&whole) || ccm_sbuf_error(&host) || climbs(whole.text))
		return refuse(c, "400 Bad Request", "not a path of the API");
	if (!rewrite(c, h, host.text, whole.text, whole.bytes, true))
		return answer(c, "431 Request Header Fields Too Large", "ccm: the request's head is too large\n");
	c->may_be_private = true;
	if (!connect_to(c, multi, config.api_url))
		answer(c, "503 Service Unavailable", "ccm: no memory for a connection\n");
}

static void plain_request(struct client *c, CURLM *multi, const struct head *h)
{
	const char *authority = h->target + 7;
	size_t rest = h->target_bytes - 7, authority_bytes = 0;
	char host[300];

	while (authority_bytes < rest && !strchr("/?#", authority[authority_bytes]))
		authority_bytes++;
	c->port = 80;
	if (memchr(authority, '@', authority_bytes) || !split_host(authority, authority_bytes, c->host, &c->port))
		return refuse(c, "400 Bad Request", "not a host and port");
	snprintf(host, sizeof host, "%.*s", (int)authority_bytes, authority);
	if (!rewrite(c, h, host, authority_bytes < rest ? authority + authority_bytes : "/",
		     authority_bytes < rest ? rest - authority_bytes : 1, false))
		return answer(c, "431 Request Header Fields Too Large", "ccm: the request's head is too large\n");
	tunnel(c, multi);
}

static void on_head(struct client *c, CURLM *multi, size_t bytes)
{
	struct head h;

	/* The parts are looked at as strings. */
	if (!parse_head(c->up.bytes, bytes, &h))
		return refuse(c, "400 Bad Request", "not a request that can be read in one way only");
	if (h.target[0] == '/') {
		if (config.api_url)
			return api_request(c, multi, &h);
		return refuse(c, "403 Forbidden", "no API is set up here");
	}
	if (!has_token(&h))
		return refuse(c, "407 Proxy Authentication Required", "the sandbox's token is missing");
	if (h.method_bytes == 7 && memcmp(h.method, "CONNECT", 7) == 0) {
		if (!split_host(h.target, h.target_bytes, c->host, &c->port))
			return refuse(c, "400 Bad Request", "not a host and port");
		memmove(c->up.bytes, c->up.bytes + bytes, c->up.used - bytes);
		c->up.used -= bytes;
		tunnel(c, multi);
		if (c->state == CONNECTING)
			c->down.used = (size_t)snprintf(c->down.bytes, sizeof c->down.bytes,
							"HTTP/1.1 200 Connection established\r\n\r\n");
		return;
	}
	if (h.target_bytes > 7 && strncasecmp(h.target, "http://", 7) == 0)
		return plain_request(c, multi, &h);
	refuse(c, "400 Bad Request", "neither CONNECT nor http://");
}

/* ------------------------------------------------------------------------------------------------ moving bytes */

static void client_done(struct client *c, CURLM *multi)
{
	if (c->easy) {
		curl_multi_remove_handle(multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	free(c->refused);
	ccm_closep(&c->fd);
	c->fd = -1;
	c->easy = NULL;
	c->refused = NULL;
}

static void fill_from_client(struct client *c)
{
	ssize_t n = recv(c->fd, c->up.bytes + c->up.used, sizeof c->up.bytes - c->up.used, MSG_DONTWAIT);

	if (n > 0)
		c->up.used += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->up.ended = true;
}

static void drain_to_client(struct client *c)
{
	ssize_t n = send(c->fd, c->down.bytes, c->down.used, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		c->down.ended = true;
		c->down.used = 0;
	} else if (n > 0) {
		c->down.used -= (size_t)n;
		memmove(c->down.bytes, c->down.bytes + n, c->down.used);
	}
}

static void fill_from_server(struct client *c)
{
	/* TLS may hold bytes that no poll() shows: until it says that there are none. */
	while (!c->down.ended && c->down.used < sizeof c->down.bytes) {
		char *to = c->down.bytes + c->down.used;
		size_t room = sizeof c->down.bytes - c->down.used, got = 0;
		CURLcode r = curl_easy_recv(c->easy, to, room, &got);

		if (r == CURLE_AGAIN)
			return;
		if (r != CURLE_OK || got == 0)
			c->down.ended = true;
		else
			c->down.used += got;
	}
}

static void drain_to_server(struct client *c)
{
	size_t sent = 0;
	CURLcode r = curl_easy_send(c->easy, c->up.bytes, c->up.used, &sent);

	if (r == CURLE_AGAIN)
		return;
	if (r != CURLE_OK) {
		c->down.ended = true;
		c->up.used = 0;
		return;
	}
	c->up.used -= sent;
	memmove(c->up.bytes, c->up.bytes + sent, c->up.used);
}

static void relay(struct client *c)
{
	fill_from_server(c);
	if (c->down.used)
		drain_to_client(c);
	if (c->up.used)
		drain_to_server(c);
	if (c->up.ended && !c->up.used && !c->up_closed && !c->tls) {
		shutdown(c->upstream, SHUT_WR);
		c->up_closed = true;
	}
}

/* True once nothing more will move. */
static bool is_finished(const struct client *c, int64_t now_ms)
{
	switch (c->state) {
	case READING_HEAD:
		return c->up.ended || now_ms - c->since_ms > HEAD_MS;
	case CONNECTING:
		return false;
	case RELAYING:
		/* A client of the API that hangs up has given up. */
		return (c->down.ended && !c->down.used) || (c->tls && c->up.ended) || now_ms - c->since_ms > IDLE_MS;
	case SAYING_LAST:
		return !c->down.used || now_ms - c->since_ms > HEAD_MS;
	}
	return true;
}

static void on_connected(struct client *c, CURLcode result)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (result == CURLE_OK)
		curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd != CURL_SOCKET_BAD) {
		c->upstream = fd;
		c->state = RELAYING;
		return;
	}
	if (c->refused) {
		char words[256];

		snprintf(words, sizeof words, "it leads to %s, an address of this host or of a private network", c->refused);
		return refuse(c, "403 Forbidden", words);
	}
	refuse(c, "502 Bad Gateway", curl_easy_strerror(result));
}

static void serve(struct client *c, CURLM *multi, const struct pollfd *p, int64_t now_ms)
{
	char *end;

	if (p->revents)
		c->since_ms = now_ms;
	switch (c->state) {
	case READING_HEAD:
		if (p->revents)
			fill_from_client(c);
		end = memmem(c->up.bytes, c->up.used, "\r\n\r\n", 4);
		if (end)
			on_head(c, multi, (size_t)(end - c->up.bytes) + 4);
		else if (c->up.used == sizeof c->up.bytes)
			refuse(c, "431 Request Header Fields Too Large", "the request's head is too large");
		break;
	case CONNECTING:
		break;
	case RELAYING:
		if (p->revents & (POLLIN | POLLHUP | POLLERR) && !c->up.ended && c->up.used < sizeof c->up.bytes)
			fill_from_client(c);
		relay(c);
		break;
	case SAYING_LAST:
		drain_to_client(c);
		break;
	}
}

static void accept_client(struct client *clients)
{
	int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < CLIENTS_MAX && fd >= 0; i++) {
		struct client *c = &clients[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		c->state = READING_HEAD;
		c->easy = NULL;
		c->refused = NULL;
		c->tls = c->may_be_private = c->up_closed = false;
		c->up.used = c->down.used = 0;
		c->up.ended = c->down.ended = false;
		c->host[0] = '\0';
		c->port = 0;
		c->since_ms = ccm_mono_us() / 1000;
		return;
	}
	ccm_closep(&fd);
}

static short client_events(const struct client *c)
{
	bool room = c->up.used < sizeof c->up.bytes && !c->up.ended;

	switch (c->state) {
	case READING_HEAD:
		return POLLIN;
	case CONNECTING:
		return 0;
	case RELAYING:
		return (short)((room ? POLLIN : 0) | (c->down.used ? POLLOUT : 0));
	case SAYING_LAST:
		return POLLOUT;
	}
	return 0;
}

static short server_events(const struct client *c)
{
	return (short)((c->down.used < sizeof c->down.bytes && !c->down.ended ? POLLIN : 0) | (c->up.used ? POLLOUT : 0));
}

/* A descriptor of which nothing is wanted must not wake us: one whose other end is gone would do so for ever. */
static struct curl_waitfd to_poll(int fd, short events)
{
	return (struct curl_waitfd){ .fd = events ? fd : -1, .events = events };
}

static void run(CURLM *multi, struct client *clients)
{
	static struct curl_waitfd fds[2 + 2 * CLIENTS_MAX];

	for (;;) {
		unsigned count = 2, free_slots = 0, at[CLIENTS_MAX] = { 0 };
		int running, left;
		CURLMsg *message;
		int64_t now;

		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			struct client *c = &clients[i];

			free_slots += c->fd < 0;
			at[i] = 0;
			if (c->fd < 0 || (c->state == CONNECTING))
				continue;
			at[i] = count;
			fds[count++] = to_poll(c->fd, client_events(c));
			if (c->state == RELAYING)
				fds[count++] = to_poll(c->upstream, server_events(c));
		}
		fds[0] = to_poll(STDIN_FILENO, POLLIN);
		fds[1] = to_poll(LISTEN_FD, free_slots ? POLLIN : 0);
		curl_multi_poll(multi, fds, count, 10000, NULL);
		/* libcurl does not show a hang-up, but wakes for it. */
		if (poll(&(struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN }, 1, 0) > 0)
			return;
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left))) {
			struct client *c = NULL;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&c);
			if (message->msg == CURLMSG_DONE && c && c->state == CONNECTING)
				on_connected(c, message->data.result);
		}
		now = ccm_mono_us() / 1000;
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			struct pollfd p = { .revents = at[i] ? (short)(fds[at[i]].revents) : 0 };

			if (clients[i].fd < 0)
				continue;
			serve(&clients[i], multi, &p, now);
			if (is_finished(&clients[i], now))
				client_done(&clients[i], multi);
		}
		if (fds[1].revents)
			accept_client(clients);
	}
}

/* ------------------------------------------------------------------------------------------------ starting */

static int add_host(char *text)
{
	struct host *h = &config.hosts[config.host_count];
	char name[256];

	if (config.host_count == HOSTS_MAX)
		return -E2BIG;
	*h = (struct host){ .port = 443 };
	if (strncmp(text, "*.", 2) == 0) {
		h->any_below = true;
		text += 2;
	}
	if (!split_host(text, strlen(text), name, &h->port))
		return -EINVAL;
	h->name = strdup(name);
	if (!h->name)
		return -ENOMEM;
	config.host_count++;
	return 0;
}

static char *value_of(char *line, const char *key)
{
	size_t bytes = strlen(key);

	return strncmp(line, key, bytes) == 0 && line[bytes] == ' ' ? line + bytes + 1 : NULL;
}

/* Up to the line "end"; the pipe stays open behind it. */
static int read_config(void)
{
	static char text[65536];
	size_t used = 0;
	char *save = NULL;

	while (used < 4 || memcmp(text + used - 4, "end\n", 4) != 0) {
		ssize_t n = read(STDIN_FILENO, text + used, sizeof text - 1 - used);

		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		used += (size_t)n;
	}
	text[used] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value;
		int r = 0;

		if ((value = value_of(line, "host")))
			r = add_host(value);
		else if ((value = value_of(line, "api")))
			config.api_url = value;
		else if ((value = value_of(line, "header")))
			config.api_header = value;
		else if ((value = value_of(line, "token")))
			config.token = value;
		if (r < 0)
			return r;
	}
	if (config.api_url && strncmp(config.api_url, "https://", 8) != 0 && strncmp(config.api_url, "http://", 7) != 0)
		return -EINVAL;
	return 0;
}

/* Whom the person trusts instead of whom the system does, as other programs take it from the same variables. Read now: it may
 * lie where we cannot read later. */
static int read_authorities(void)
{
	static const char *const names[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *path = getenv(names[i]);
		int r;

		if (!path || !path[0])
			continue;
		r = ccm_read_regular(path, AUTHORITIES_MAX, &config.authorities);
		if (r < 0)
			ccm_error("cannot read '%s', which %s names: %s", path, names[i], ccm_strerror(r));
		return r;
	}
	return 0;
}

/* What parses hostile bytes and holds the credential needs to read certificates and the resolver's files, no more. */
static void restrict_ourselves(void)
{
	static const char *const readable[] = { "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/dev/null",
						"/dev/urandom", "/run/resolvconf", "/run/NetworkManager", "/var/lib/ca-certificates" };
	int abi = landlock_abi();
	_cleanup_close_ int ruleset = abi < 1 ? -1 : landlock_create(abi, false, true);

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(readable) && ruleset >= 0; i++) {
		_cleanup_close_ int fd = open(readable[i], O_PATH | O_CLOEXEC);

		/* Libraries of the resolver are loaded when they are needed. */
		if (fd >= 0)
			(void)landlock_allow(ruleset, abi, fd, SANDBOX_READ | SANDBOX_EXECUTE, strncmp(readable[i], "/dev", 4) != 0);
	}
	if (ruleset >= 0)
		(void)landlock_apply(ruleset);
}

int main(void)
{
	static struct client clients[CLIENTS_MAX];
	CURLM *multi;
	int r;

	ccm_log_program("ccm-proxy");
	signal(SIGPIPE, SIG_IGN);
	r = read_config();
	if (r < 0) {
		ccm_error("cannot read the configuration on standard input: %s (ccm-supervisor starts this program)",
			  strerror(-r));
		return 1;
	}
	if (read_authorities() < 0)
		return 1;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		clients[i].fd = -1;
	restrict_ourselves();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	if (!multi)
		return 1;
	fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK);
	run(multi, clients);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients[i].fd >= 0)
			client_done(&clients[i], multi);
	curl_multi_cleanup(multi);
	curl_global_cleanup();
	return 0;
}
