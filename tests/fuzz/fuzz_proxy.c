/* SPDX-License-Identifier: MIT */
/* What a sandboxed program sends to the proxy, up to where a connection would be made. */
#include "fuzz.h"

int ccm_proxy_main(void);
#define main ccm_proxy_main
#include "supervisor/proxy_main.c"
#undef main

#define TOKEN "0123456789abcdef0123456789abcdef"

static void configure(void)
{
	static char names[][32] = { "allowed.example.org", "*.below.example.org:8443", "127.0.0.1:8080", "[::1]:8080" };

	config.token = (char *)(uintptr_t)TOKEN;
	config.api_url = (char *)(uintptr_t)"http://api.example.org/base";
	config.api_header = (char *)(uintptr_t)"x-api-key: the-key";
	for (size_t i = 0; i < ARRAY_SIZE(names) && config.host_count < ARRAY_SIZE(names); i++)
		MUST(add_host(names[i]) == 0);
}

/* What would go on to a server: the head of one request, as we mean it. */
static void check_request(const struct client *c, bool api)
{
	const char *end = memmem(c->up.bytes, c->up.used, "\r\n\r\n", 4), *target = memchr(c->up.bytes, ' ', c->up.used);
	char *head;

	MUST(end && target && target < end);
	head = fuzz_string((const uint8_t *)c->up.bytes, (size_t)(end - c->up.bytes) + 2);
	MUST(!strcasestr(head, "\r\nproxy-authorization:"));
	MUST(strstr(head, "\r\nHost: ") == strcasestr(head, "\r\nhost:"));
	MUST(strchr(head, '\r') == strstr(head, "\r\n"));
	if (api) {
		char *path = strchr(head, ' ') + 1;

		MUST(strncmp(path, "/base/", 6) == 0 || strncmp(path, "/base?", 6) == 0 || strncmp(path, "/base#", 6) == 0);
		path[strcspn(path, " ?#")] = '\0';
		MUST(!strstr(path, "/../") && (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0));
		path[strlen(path)] = ' ';
		MUST(strcasestr(head, "\r\nx-api-key:") == strstr(head, "\r\nx-api-key: the-key\r\n"));
	}
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct client c;
	char *end;

	configure();
	c = (struct client){ .fd = -1, .up.used = size < sizeof c.up.bytes ? size : sizeof c.up.bytes };
	memcpy(c.up.bytes, data, c.up.used);
	told = TOLD_MAX;
	end = memmem(c.up.bytes, c.up.used, "\r\n\r\n", 4);
	if (!end)
		return 0;
	/* Without a multi handle nothing is connected: what was about to be is refused for want of memory. */
	on_head(&c, NULL, (size_t)(end - c.up.bytes) + 4);
	MUST(c.state == SAYING_LAST && c.down.used > 0 && c.up.used <= sizeof c.up.bytes);
	if (c.easy) {
		bool as_such = false, to_api = *((const char *)memchr(data, ' ', size) + 1) == '/';

		MUST(to_api || is_listed(c.host, c.port, &as_such));
		MUST(to_api || !c.may_be_private || is_address(c.host));
		if (to_api || strncmp((const char *)data, "CONNECT ", size < 8 ? size : 8) != 0)
			check_request(&c, to_api);
	}
	client_done(&c, NULL);
	return 0;
}
