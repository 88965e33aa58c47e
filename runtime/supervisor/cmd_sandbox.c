/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include "ctx.h"
#include "explain.h"
#include "git.h"
#include "libccm/log.h"
#include "proxy.h"
#include "sandbox.h"

/* ------------------------------------------------------------------------------------------------ check */

static void print_state(const char *name, bool fine, const char *words)
{
	printf("%-12s %-8s %s\n", name, fine ? "yes" : "no", words);
}

static int sandbox_check(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	struct sandbox_report report;
	char text[64];
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = sandbox_probe(&report);
	if (r < 0)
		return r;
	snprintf(text, sizeof text, "ABI %d", report.landlock_abi);
	print_state("Landlock", report.landlock_abi > 0, report.landlock_abi > 0 ? text : strerror(-report.landlock_abi));
	print_state("seccomp", report.seccomp_error == 0,
		    report.seccomp_error == 0 ? "filters that ask" : strerror(-report.seccomp_error));
	print_state("namespaces", report.namespaces_error == 0,
		    report.namespaces_error == 0 ? "user, mount, pid, ipc, net, uts, cgroup; mounts work"
						 : ccm_diag_text(&report.namespaces_words, report.namespaces_error));
	if (report.layers & SANDBOX_NAMESPACES)
		puts("Sandboxes have all three layers.");
	else if (report.layers)
		puts("Sandboxes have Landlock and seccomp alone: what is pinned in its place is not, see ccm-sandbox(7).");
	else
		puts("No sandbox: nothing is run.");
	fputs(report.missing, stdout);
	return report.layers ? 0 : CCM_EXIT_FAILURE;
}

/* ------------------------------------------------------------------------------------------------ exec, explain */

#define PATHS_MAX 256

struct request {
	struct ccm_opt_list rw, ro, env, hosts;
	bool no_namespaces, local_servers, json;
	const char *refusals, *api, *api_header_from;
	int64_t max_file_bytes, max_memory_bytes, max_processes;
};

static void request_done(struct request *req)
{
	ccm_opt_list_done(&req->rw);
	ccm_opt_list_done(&req->ro);
	ccm_opt_list_done(&req->env);
	ccm_opt_list_done(&req->hosts);
}

struct built {
	struct sandbox_spec spec;
	struct sandbox_path paths[PATHS_MAX];
	char *owned[PATHS_MAX];
	size_t owned_count;
	const char *env[PATHS_MAX];
	size_t env_count;
	char directory[PATH_MAX];
	const char *hosts[PATHS_MAX];        /* NULL ends them; none: no proxy */
	char token[33];
	const char *api, *api_header;
	struct ccm_sbuf proxy_env;
	char *proxy_program;
	bool json;
};

static void built_done(struct built *b)
{
	for (size_t i = 0; i < b->owned_count; i++)
		free(b->owned[i]);
	ccm_closep(&b->spec.denied_fd);
	ccm_sbuf_done(&b->proxy_env);
	free(b->proxy_program);
}

static int add_path(struct built *b, const char *path, unsigned access, const char *at)
{
	if (b->spec.path_count == PATHS_MAX) {
		ccm_error("more than %d paths for one sandbox", PATHS_MAX);
		return -CCM_E_SAID;
	}
	b->paths[b->spec.path_count++] = (struct sandbox_path){ path, access, at };
	return 0;
}

/* A person names the place; from here on it is what it is now. */
static int add_named(struct built *b, const struct ccm_opt_list *list, unsigned access)
{
	for (int i = 0; i < list->count; i++) {
		char *path = realpath(list->items[i], NULL);
		int r;

		if (!path || b->owned_count == PATHS_MAX) {
			ccm_error("'%s': %s", list->items[i], path ? "too many paths" : strerror(errno));
			free(path);
			return -CCM_E_SAID;
		}
		b->owned[b->owned_count++] = path;
		r = add_path(b, path, access, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_covered(const struct built *b, const char *path)
{
	for (size_t i = 0; i < b->spec.path_count; i++) {
		size_t bytes = strlen(b->paths[i].path);

		if (!(b->paths[i].access & SANDBOX_EMPTY) && strncmp(path, b->paths[i].path, bytes) == 0 &&
		    (path[bytes] == '/' || !path[bytes]))
			return true;
	}
	return false;
}

static int build_environment(struct built *b, const struct ccm_opt_list *named)
{
	static const char *const kept[] = { "PATH", "LANG", "LC_ALL", "TERM", "COLORTERM", "TZ", "USER", "LOGNAME" };
	extern char **environ;
	size_t count = 0;

	for (char **e = environ; *e && count < PATHS_MAX - 1; e++) {
		bool keep = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept) && !keep; i++)
			keep = strncmp(*e, kept[i], strlen(kept[i])) == 0 && (*e)[strlen(kept[i])] == '=';
		for (int i = 0; i < named->count && !keep; i++)
			keep = strncmp(*e, named->items[i], strlen(named->items[i])) == 0 &&
			       (*e)[strlen(named->items[i])] == '=';
		if (keep)
			b->env[count++] = *e;
	}
	for (int i = 0; i < named->count && count < PATHS_MAX - 1; i++)
		if (strchr(named->items[i], '='))
			b->env[count++] = named->items[i];
	b->env_count = count;
	b->spec.envp = b->env;
	return 0;
}

/* What the person passes stands. */
static bool has_variable(const struct built *b, const char *assignment)
{
	size_t bytes = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < b->env_count; i++)
		if (strncmp(b->env[i], assignment, bytes) == 0)
			return true;
	return false;
}

/* A port, and what tells programs of it; again with another port if that one is taken. */
static int choose_port(struct built *b)
{
	size_t count = b->env_count;

	b->spec.proxy_port = proxy_random_port();
	ccm_sbuf_clear(&b->proxy_env);
	if (b->hosts[0])
		proxy_environment(&b->proxy_env, b->spec.proxy_port, b->token, b->hosts);
	if (b->api) {
		ccm_sbuf_addf(&b->proxy_env, "CCM_API_URL=http://127.0.0.1:%d/%s", b->spec.proxy_port, b->token);
		ccm_sbuf_addc(&b->proxy_env, '\0');
	}
	if (ccm_sbuf_error(&b->proxy_env) < 0)
		return -ENOMEM;
	for (const char *p = b->proxy_env.text; p < b->proxy_env.text + b->proxy_env.bytes && count < PATHS_MAX - 1;
	     p += strlen(p) + 1)
		if (!has_variable(b, p))
			b->env[count++] = p;
	b->env[count] = NULL;
	return 0;
}

static int build_api(struct built *b, const struct ctx *ctx, const struct request *req)
{
	b->api = req->api;
	if (req->api && strncmp(req->api, "https://", 8) != 0 && strncmp(req->api, "http://", 7) != 0)
		return ccm_opt_error(&ctx->usage, "'%s' is no URL of an API: it begins with https:// or http://", req->api);
	if (!req->api_header_from)
		return 0;
	b->api_header = getenv(req->api_header_from);
	if (!b->api_header || !strchr(b->api_header, ':'))
		return ccm_opt_error(&ctx->usage, "the variable '%s' holds no header: NAME: VALUE", req->api_header_from);
	return 0;
}

static int build_network(struct built *b, const struct ctx *ctx, const struct request *req)
{
	const struct ccm_opt_list *hosts = &req->hosts;
	unsigned char bytes[16];
	int r = build_api(b, ctx, req);

	if (r < 0 || (hosts->count == 0 && !req->api))
		return r;
	for (int i = 0; i < hosts->count && i < PATHS_MAX - 1; i++) {
		struct ccm_diag diag = { 0 };

		if (proxy_check_host(hosts->items[i], &diag) < 0)
			return ccm_opt_error(&ctx->usage, "%s", diag.text);
		b->hosts[i] = hosts->items[i];
	}
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -EIO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(b->token + 2 * i, 3, "%02x", bytes[i]);
	if (asprintf(&b->proxy_program, "%s/ccm-proxy", ctx->paths.libexec) < 0) {
		b->proxy_program = NULL;
		return -ENOMEM;
	}
	return choose_port(b);
}

static int build(struct built *b, const struct request *req)
{
	size_t count;
	const struct sandbox_path *system = sandbox_system_paths(&count);
	int r = 0;

	b->spec.paths = b->paths;
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_path(b, system[i].path, system[i].access, system[i].at);
	if (r == 0)
		r = add_path(b, "/tmp", SANDBOX_READ | SANDBOX_WRITE | SANDBOX_EXECUTE | SANDBOX_EMPTY, NULL);
	if (r == 0)
		r = add_named(b, &req->ro, SANDBOX_READ | SANDBOX_EXECUTE);
	if (r == 0)
		r = add_named(b, &req->rw, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_EXECUTE);
	if (r < 0)
		return r;
	/* Where we are, if that is there; else where it can always be. */
	b->spec.directory = getcwd(b->directory, sizeof b->directory) && is_covered(b, b->directory) ? b->directory : "/";
	b->spec.without = req->no_namespaces ? SANDBOX_NAMESPACES : 0;
	b->spec.local_servers = req->local_servers;
	b->spec.terminal = isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
	b->spec.limits.max_file_bytes = req->max_file_bytes;
	b->spec.limits.max_memory_bytes = req->max_memory_bytes;
	b->spec.limits.max_processes = req->max_processes;
	return build_environment(b, &req->env);
}

static int start(struct built *b, char **argv, struct sandbox_child *child, struct ccm_diag *diag)
{
	int r = sandbox_start(&b->spec, (const char *const *)argv, child, diag);

	for (int tries = 0; r == -EADDRINUSE && tries < 10; tries++) {
		r = choose_port(b);
		if (r == 0)
			r = sandbox_start(&b->spec, (const char *const *)argv, child, diag);
	}
	return r;
}

static int serve_network(struct built *b, struct sandbox_child *child, struct proxy *proxy, struct ccm_diag *diag)
{
	const struct proxy_spec spec = { .program = b->proxy_program, .hosts = b->hosts, .token = b->token,
					 .api_url = b->api, .api_header = b->api_header, .denied_fd = b->spec.denied_fd };

	return b->spec.proxy_port > 0 ? proxy_start(&spec, child->proxy_fd, proxy, diag) : 0;
}

static int execute(struct built *b, char **argv)
{
	const struct sandbox_watch watch = { .fd = -1, .relay = true };
	struct proxy proxy = PROXY_INIT;
	struct sandbox_child child;
	struct ccm_diag diag = { 0 };
	int status = 0, r;

	r = start(b, argv, &child, &diag);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (!(child.layers & SANDBOX_NAMESPACES) && !(b->spec.without & SANDBOX_NAMESPACES))
		ccm_warn("the sandbox has no namespaces: %s", child.why_not);
	r = serve_network(b, &child, &proxy, &diag);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		r = -CCM_E_SAID;
	} else {
		r = sandbox_wait(&child, &watch, &status);
	}
	/* What is left of a sandbox that has ended by itself needs nobody to wait for it: we end, too. */
	if (r < 0 || proxy.pid > 0)
		sandbox_child_done(&child);
	proxy_stop(&proxy);
	return r < 0 ? r : status;
}

static int explain(struct built *b, char **argv _unused_)
{
	const struct explained_limit limits[] = {
		{ "size of a file", "bytes", b->spec.limits.max_file_bytes },
		{ "memory of a process", "bytes", b->spec.limits.max_memory_bytes },
		{ "processes", "processes", b->spec.limits.max_processes }, { NULL, NULL, 0 },
	};
	struct explained e = { .title = "A program that 'sandbox exec' runs", .spec = &b->spec, .hosts = b->hosts,
			       .api_url = b->api, .limits = limits };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_free_ char *dump = NULL;
	json_auto_t *rules = NULL;
	struct sandbox_report report;
	int r = sandbox_probe(&report);

	if (r < 0)
		return r;
	e.layers = report.layers & ~b->spec.without;
	rules = explain_rules(&e);
	if (b->json)
		dump = rules ? json_dumps(rules, JSON_COMPACT) : NULL;
	else if (rules)
		explain_text(rules, &text);
	if (!rules || (b->json && !dump) || ccm_sbuf_error(&text))
		return -ENOMEM;
	if (dump)
		puts(dump);
	else
		fputs(text.text, stdout);
	return 0;
}

static int open_refusals(struct built *b, const char *path)
{
	b->spec.denied_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600);
	if (b->spec.denied_fd >= 0)
		return 0;
	ccm_error("cannot write '%s': %s", path, strerror(errno));
	return -CCM_E_SAID;
}

/* Nothing was asked for in particular, and there is a repository: what is meant is a task of it. */
static bool means_task(const struct request *req)
{
	const struct git g = { .directory = ".", .timeout_ms = 30000 };

	return !req->rw.count && !req->ro.count && !req->env.count && !req->hosts.count && !req->no_namespaces &&
	       !req->local_servers && !req->refusals && !req->api && !req->api_header_from && !req->max_file_bytes &&
	       !req->max_memory_bytes && !req->max_processes && git_try(&g, NULL, NULL, "rev-parse", "--git-dir", NULL) == 0;
}

/* Both commands take the same options, so that one explains the other. */
static int with_request(struct ctx *ctx, int argc, char **argv, int (*act)(struct built *b, char **argv))
{
	_cleanup_(built_done) struct built b = { .spec.denied_fd = -1 };
	_cleanup_(request_done) struct request req = { 0 };
	const struct ccm_opt opts[] = {
		OPT_LIST("rw", 0, "PATH", &req.rw, "may be read, written and executed; may be given again"),
		OPT_LIST("ro", 0, "PATH", &req.ro, "may be read and executed; may be given again"),
		OPT_LIST("env", 0, "NAME[=VALUE]", &req.env, "pass this variable; may be given again"),
		OPT_LIST("allow-host", 0, "HOST[:PORT]", &req.hosts, "let it reach this host (port 443); may be given again"),
		OPT_STR ("api", 0, "URL", &req.api, "let it reach this API, at $CCM_API_URL inside"),
		OPT_STR ("api-header-from", 0, "VARIABLE", &req.api_header_from,
			 "a header that the API needs; it is added on the way"),
		OPT_FLAG("local-servers", 0, &req.local_servers, "let it use ports of its own loopback"),
		OPT_INT ("max-processes", 0, "N", &req.max_processes, 0, INT32_MAX, "at most N processes"),
		OPT_INT ("max-file", 0, "BYTES", &req.max_file_bytes, 0, INT64_MAX, "no file may grow larger"),
		OPT_INT ("max-memory", 0, "BYTES", &req.max_memory_bytes, 0, INT64_MAX, "writable memory of one process"),
		OPT_FLAG("no-namespaces", 0, &req.no_namespaces, "use Landlock and seccomp alone"),
		OPT_STR ("refusals", 0, "FILE", &req.refusals, "append what the kernel tells of to FILE"),
		act == explain ? (struct ccm_opt)OPT_FLAG("json", 0, &req.json, "print one JSON object") : (struct ccm_opt)OPT_END,
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	argv[argc] = NULL;
	if (act == explain && (argc > 0 || means_task(&req)))
		return explain_task(ctx, argv[0], ".", req.json);
	b.json = req.json;
	r = build(&b, &req);
	if (r == 0)
		r = build_network(&b, ctx, &req);
	if (r == 0 && req.refusals)
		r = open_refusals(&b, req.refusals);
	return r < 0 ? r : act(&b, argv);
}

static int sandbox_exec(struct ctx *ctx, int argc, char **argv)
{
	return with_request(ctx, argc, argv, execute);
}

static int sandbox_explain_request(struct ctx *ctx, int argc, char **argv)
{
	return with_request(ctx, argc, argv, explain);
}

int cmd_sandbox(struct ctx *ctx, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "check", "", "say which layers this system has, and what to enable", 0, 0, DB_NONE, sandbox_check, false },
		{ "exec", "[--] PROGRAM [ARGUMENT...]", "run a program in a sandbox", 1, -1, DB_NONE, sandbox_exec, false },
		{ "explain", "[ID]", "print the rules of a task, of one to come, or of exec", 0, 1, DB_NONE,
		  sandbox_explain_request, false },
		{ 0 }
	};

	return ccm_command_group(ctx, commands, argc, argv);
}
