/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/term.h"

#define RX (SANDBOX_READ | SANDBOX_EXECUTE)
#define RW (SANDBOX_READ | SANDBOX_WRITE)
#define RWX (SANDBOX_READ | SANDBOX_WRITE | SANDBOX_EXECUTE)

void confinement_done(struct confinement *c)
{
	free(c->paths);
	words_done(&c->owned);
	words_done(&c->env);
	*c = (struct confinement){ 0 };
}

/* path must live as long as c does. */
static int grant(struct confinement *c, const char *path, unsigned access)
{
	if (c->count == c->allocated) {
		size_t n = c->allocated ? c->allocated * 2 : 64;
		struct sandbox_path *paths = realloc(c->paths, n * sizeof *paths);

		if (!paths)
			return -ENOMEM;
		c->paths = paths;
		c->allocated = n;
	}
	c->paths[c->count++] = (struct sandbox_path){ .path = path, .access = access };
	return 0;
}

static int grantf(struct confinement *c, unsigned access, const char *format, ...) _printf_(3, 4);

static int grantf(struct confinement *c, unsigned access, const char *format, ...)
{
	_cleanup_free_ char *path = NULL;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&path, format, ap);
	va_end(ap);
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = words_add(&c->owned, path);
	return r < 0 ? r : grant(c, c->owned.list[c->owned.count - 1], access);
}

static int set(struct confinement *c, const char *name, const char *format, ...) _printf_(3, 4);

static int set(struct confinement *c, const char *name, const char *format, ...)
{
	_cleanup_free_ char *value = NULL, *both = NULL;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&value, format, ap);
	va_end(ap);
	if (r >= 0)
		r = asprintf(&both, "%s=%s", name, value);
	return r < 0 ? -ENOMEM : words_add(&c->env, both);
}

static int pass(struct confinement *c, const char *name)
{
	const char *value = getenv(name);

	return value ? set(c, name, "%s", value) : 0;
}

/* ---- paths ---- */

/* Of a build tree it may go by way of "..", and a mount's place may not. NULL: it does not. */
static char *straightened(const char *path)
{
	return strstr(path, "/..") ? realpath(path, NULL) : NULL;
}

static int grant_ours(struct confinement *c, const char *path)
{
	_cleanup_free_ char *straight = straightened(path);

	return straight ? grantf(c, RX, "%s", straight) : grant(c, path, RX | SANDBOX_OPTIONAL);
}

static int pass_ours(struct confinement *c, const char *name)
{
	const char *path = getenv(name);
	_cleanup_free_ char *straight = path ? straightened(path) : NULL;

	return straight ? set(c, name, "%s", straight) : pass(c, name);
}

static int grant_system(struct confinement *c)
{
	size_t count;
	const struct sandbox_path *paths = sandbox_system_paths(&count);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = grant(c, paths[i].path, paths[i].access);
		if (r == 0)
			c->paths[c->count - 1].at = paths[i].at;
	}
	return r;
}

static int grant_stores(struct confinement *c, const struct confine_input *in)
{
	struct store_list stores = { 0 };
	int r = source_stores(in->source, &stores);

	for (size_t i = 0; i < stores.count && r == 0; i++)
		r = grantf(c, SANDBOX_READ, "%s", stores.paths[i]);
	store_list_done(&stores);
	return r < 0 ? r : grantf(c, SANDBOX_READ, "%s/objects", in->place->import);
}

/* What committing needs: never the top of repo.git, so that its config, hooks and packed-refs stay what they are. */
static int grant_leaves(struct confinement *c, const char *repo)
{
	static const char *const leaves[] = { "objects/pack", "refs/heads/ccm", "logs/refs/heads/ccm", "worktrees/work" };
	/* For checkpoints of the agent's session; a task of an older ccm has none. */
	static const char *const checkpoints[] = { "ccm", "refs/ccm/checkpoints" };
	static const char *const pins[] = { "worktrees/work/HEAD", "worktrees/work/commondir", "worktrees/work/gitdir" };
	int r = grant(c, repo, SANDBOX_READ | SANDBOX_SHELF);

	for (unsigned i = 0; i < 256 && r == 0; i++)
		r = grantf(c, RW, "%s/objects/%02x", repo, i);
	for (size_t i = 0; i < ARRAY_SIZE(leaves) && r == 0; i++)
		r = grantf(c, RW, "%s/%s", repo, leaves[i]);
	for (size_t i = 0; i < ARRAY_SIZE(checkpoints) && r == 0; i++)
		r = grantf(c, RW | SANDBOX_OPTIONAL, "%s/%s", repo, checkpoints[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pins) && r == 0; i++)
		r = grantf(c, SANDBOX_READ | SANDBOX_PIN, "%s/%s", repo, pins[i]);
	return r;
}

static int grant_work(struct confinement *c, const struct place *p)
{
	int r = grant_leaves(c, p->repo);

	if (r == 0)
		r = grant(c, p->work, RWX);
	if (r == 0)
		r = grantf(c, SANDBOX_READ | SANDBOX_PIN, "%s/.git", p->work);
	if (r == 0)
		r = grant(c, p->tmp, RWX);
	return r;
}

/* For programs that know no TMPDIR: the same folder. Not where what the task may see lies below /tmp itself: what may be
 * written there would cover all of it. */
static int grant_tmp(struct confinement *c, const struct place *p)
{
	int r;

	for (size_t i = 0; i < c->count; i++)
		if (strncmp(c->paths[i].path, "/tmp/", 5) == 0)
			return 0;
	r = grant(c, p->tmp, RWX);
	if (r == 0)
		c->paths[c->count - 1].at = "/tmp";
	return r;
}

static int grant_claude(struct confinement *c, const struct place *p)
{
	_cleanup_closedir_ DIR *dir = opendir(p->claude);
	struct dirent *d;
	int r = grant(c, p->claude, SANDBOX_READ | SANDBOX_SHELF);

	/* Its top cannot be written, so that no settings file can be laid there; what agent_prepare() put there can. */
	while (dir && r == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = grantf(c, RW, "%s/%s", p->claude, d->d_name);
	return r;
}

/* Toolchains that people keep at home; read only, and only where they are. */
static int grant_toolchains(struct confinement *c)
{
	static const char *const usual[] = { ".cargo/bin", ".rustup", ".nvm/versions", ".volta/bin", ".volta/tools", ".pyenv",
					     ".rbenv/versions", ".sdkman/candidates", ".local/share/uv/python", "go/bin",
					     ".bun/bin", ".deno/bin" };
	const char *home = getenv("HOME");
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(usual) && home && home[0] == '/' && r == 0; i++)
		r = grantf(c, RX | SANDBOX_OPTIONAL, "%s/%s", home, usual[i]);
	return r;
}

static bool is_within(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	return strncmp(path, folder, bytes) == 0 && (!path[bytes] || path[bytes] == '/' || strcmp(folder, "/") == 0);
}

/* Neither ccm's own things nor the repository, nor what holds them, may come in by this door. */
static int grant_writable(struct confinement *c, const struct confine_input *in, const char *path, struct ccm_diag *diag)
{
	const char *const never[] = { in->paths->home, in->source->git_dir, in->source->objects, in->place->dir };
	_cleanup_free_ char *real = path[0] == '/' ? realpath(path, NULL) : NULL;

	if (path[0] != '/')
		return ccm_diag_set(diag, -CCM_E_CONFIG, "[sandbox] read_write: '%s' is no absolute path", path);
	if (!real)
		return ccm_diag_set(diag, -errno, "[sandbox] read_write: '%s': %s", path, strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		_cleanup_free_ char *other = realpath(never[i], NULL);

		if (other && (is_within(real, other) || is_within(other, real)))
			return ccm_diag_set(diag, -CCM_E_CONFIG, "[sandbox] read_write: '%s' holds or is part of '%s', which a task "
					    "must not change", path, never[i]);
	}
	return grantf(c, RWX, "%s", real);
}

static int grant_profile(struct confinement *c, const struct confine_input *in, struct ccm_diag *diag)
{
	const struct words *ro = &in->profile->read_only, *rw = &in->profile->read_write;
	int r = 0;

	for (size_t i = 0; i < ro->count && r == 0; i++) {
		if (ro->list[i][0] != '/')
			return ccm_diag_set(diag, -CCM_E_CONFIG, "[sandbox] read_only: '%s' is no absolute path", ro->list[i]);
		r = grant(c, ro->list[i], RX | SANDBOX_OPTIONAL);
	}
	for (size_t i = 0; i < rw->count && r == 0; i++)
		r = grant_writable(c, in, rw->list[i], diag);
	return r;
}

static const char *const cache_names[][2] = {
	{ "npm", "npm_config_cache" }, { "pip", "PIP_CACHE_DIR" }, { "uv", "UV_CACHE_DIR" },
	{ "cargo", "CARGO_HOME" }, { "go-mod", "GOMODCACHE" }, { "go-build", "GOCACHE" },
};

static int grant_caches(struct confinement *c, const struct confine_input *in)
{
	_cleanup_free_ char *home = realpath(in->paths->home, NULL);
	int r = home ? 0 : -errno;

	for (size_t i = 0; i < ARRAY_SIZE(cache_names) && r == 0; i++) {
		r = grantf(c, RWX, "%s/cache/%s", home, cache_names[i][0]);
		if (r == 0)
			r = ccm_mkdir_p(c->owned.list[c->owned.count - 1], 0700);
		if (r == 0)
			r = set(c, cache_names[i][1], "%s", c->owned.list[c->owned.count - 1]);
	}
	return r;
}

static int grant_agent(struct confinement *c, const struct confine_input *in, struct ccm_diag *diag)
{
	const struct place *p = in->place;
	int r = grant_work(c, p);

	if (r == 0)
		r = grant(c, p->home, RWX);
	if (r == 0)
		r = grant(c, p->channel, RW);
	if (r == 0)
		r = grant(c, p->ctl, RX);
	if (r == 0 && in->agent->program)
		r = grant(c, in->agent->program, RX);
	if (r == 0 && in->agent->package)
		r = grant(c, in->agent->package, RX);
	if (r == 0 && in->agent->hook)
		r = grant(c, in->agent->hook, RX);
	if (r == 0 && in->agent->supervisor)
		r = grant(c, in->agent->supervisor, RX);
	if (r == 0)
		r = grant_ours(c, in->paths->lib_sh);
	/* The guard's rules lie beside it. */
	if (r == 0)
		r = grant_ours(c, in->paths->stock);
	if (r == 0)
		r = grant_ours(c, in->paths->libexec);
	if (r == 0 && in->agent->kind == CCM_AGENT_CLAUDE)
		r = grant_claude(c, p);
	if (r == 0)
		r = grant_toolchains(c);
	if (r == 0)
		r = grant_profile(c, in, diag);
	if (r == 0 && in->profile->share_caches)
		r = grant_caches(c, in);
	return r;
}

/* ---- environment ---- */

static int set_git(struct confinement *c)
{
	int r = set(c, "GIT_CONFIG_NOSYSTEM", "1");

	if (r == 0)
		r = set(c, "GIT_TERMINAL_PROMPT", "0");
	return r;
}

/* The usual places, and those that are granted besides. */
static int set_path(struct confinement *c, const struct confine_input *in)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	const char *own = getenv("PATH");
	struct words dirs = { 0 };
	int r = words_split(&dirs, own, ":", false);

	ccm_sbuf_addf(&path, "%s/bin", in->place->ctl);
	/* A folder of the person's PATH that the task can see keeps its rank. */
	for (size_t i = 0; i < dirs.count; i++)
		for (size_t j = 0; j < c->count; j++) {
			size_t bytes = strlen(c->paths[j].path);

			if ((c->paths[j].access & SANDBOX_EXECUTE) && !(c->paths[j].access & SANDBOX_WRITE) &&
			    strncmp(dirs.list[i], c->paths[j].path, bytes) == 0 &&
			    (!dirs.list[i][bytes] || dirs.list[i][bytes] == '/') && access(dirs.list[i], X_OK) == 0) {
				ccm_sbuf_addf(&path, ":%s", dirs.list[i]);
				break;
			}
		}
	words_done(&dirs);
	ccm_sbuf_adds(&path, ":/usr/local/bin:/usr/bin:/bin");
	if (r == 0)
		r = ccm_sbuf_error(&path);
	return r < 0 ? r : set(c, "PATH", "%s", path.text);
}

static int set_agent(struct confinement *c, const struct confine_input *in)
{
	static const char *const passed[] = { "TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "NO_COLOR", "COLUMNS",
					      "LINES", "ASAN_OPTIONS", "UBSAN_OPTIONS" };
	static const char *const claude[] = { "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "ANTHROPIC_MODEL",
					      "ANTHROPIC_SMALL_FAST_MODEL", "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
					      "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "BASH_DEFAULT_TIMEOUT_MS",
					      "BASH_MAX_TIMEOUT_MS" };
	const struct place *p = in->place;
	const struct words *more = &in->profile->environment;
	int r = set_path(c, in);

	for (size_t i = 0; i < ARRAY_SIZE(passed) && r == 0; i++)
		r = pass(c, passed[i]);
	for (size_t i = 0; i < more->count && r == 0; i++)
		r = pass(c, more->list[i]);
	if (r == 0)
		r = set(c, "CCM_HOME", "%s/ccm", p->ctl);
	if (r == 0)
		r = set(c, "CCM_TASK_DIR", "%s", p->channel);
	if (r == 0)
		r = set(c, "CCM_TASK_ID", "%s", p->id);
	if (r == 0)
		r = pass_ours(c, "CCM_DATA_DIR");
	if (r == 0)
		r = pass_ours(c, "CCM_LIBEXEC_DIR");
	if (r < 0 || in->agent->kind != CCM_AGENT_CLAUDE)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(claude) && r == 0; i++)
		r = pass(c, claude[i]);
	if (r == 0)
		r = set(c, "CLAUDE_CONFIG_DIR", "%s", p->claude);
	if (r == 0)
		r = set(c, "DISABLE_AUTOUPDATER", "1");
	if (r == 0)
		r = set(c, "CLAUDE_CODE_TMPDIR", "%s", p->tmp);
	return r;
}

static int set_environment(struct confinement *c, const struct confine_input *in)
{
	int r = set(c, "HOME", "%s", in->place->home);

	if (r == 0)
		r = set(c, "TMPDIR", "%s", in->place->tmp);
	if (r == 0)
		r = set_git(c);
	if (in->why == CONFINE_AGENT) {
		if (r == 0)
			r = set_agent(c, in);
	} else if (r == 0) {
		r = set(c, "PATH", "/usr/local/bin:/usr/bin:/bin");
		if (r == 0)
			r = set(c, "GIT_CONFIG_GLOBAL", "/dev/null");
		if (r == 0)
			r = set(c, "LC_ALL", "C");
	}
	for (size_t i = 0; in->more_env && in->more_env[i] && r == 0; i++)
		r = words_add(&c->env, in->more_env[i]);
	return r;
}

int confine(const struct confine_input *in, struct confinement *ret, struct ccm_diag *diag)
{
	struct confinement c = { .count = 0 };
	int r = grant_system(&c);

	if (r == 0)
		r = grant_stores(&c, in);
	if (r == 0 && in->why == CONFINE_UPLOAD)
		r = grant(&c, in->place->repo, SANDBOX_READ);
	else if (r == 0 && in->why == CONFINE_GIT)
		r = grant_work(&c, in->place);
	else if (r == 0)
		r = grant_agent(&c, in, diag);
	if (r == 0 && in->why != CONFINE_UPLOAD)
		r = grant_tmp(&c, in->place);
	if (r == 0)
		r = set_environment(&c, in);
	if (r < 0) {
		confinement_done(&c);
		return r;
	}
	c.spec = (struct sandbox_spec){
		.paths = c.paths, .path_count = c.count, .envp = (const char *const *)c.env.list, .denied_fd = -1,
		.directory = in->why == CONFINE_UPLOAD ? in->place->repo : in->place->work,
	};
	if (in->why != CONFINE_AGENT)
		c.spec.limits.max_memory_bytes = GIT_MEMORY_MAX;
	if (in->profile) {
		c.spec.limits.max_file_bytes = in->profile->limits.file_bytes;
		c.spec.limits.max_processes = in->profile->limits.processes;
	}
	*ret = c;
	return 0;
}

/* ---- a program of ours inside ---- */

struct reading {
	int fd;
	size_t max_bytes, dropped;
	struct ccm_sbuf out;
	int64_t deadline_us;
	struct sandbox_child *child;
	bool timed_out;
};

static void read_some(void *user)
{
	struct reading *r = user;
	char buf[65536];
	ssize_t n;

	while ((n = read(r->fd, buf, sizeof buf)) > 0) {
		size_t room = r->max_bytes - r->out.bytes;

		ccm_sbuf_add(&r->out, buf, (size_t)n < room ? (size_t)n : room);
		if ((size_t)n > room)
			r->dropped += (size_t)n - room;
	}
	if (ccm_mono_us() > r->deadline_us && !r->timed_out) {
		r->timed_out = true;
		sandbox_signal(r->child, SIGKILL);
	}
}

/* What it inherits as 0, 1 and 2 is set for the moment of starting it. */
static int start_with(const struct sandbox_spec *spec, const char *const *argv, int out, struct sandbox_child *child,
		      struct ccm_diag *diag)
{
	int saved[3], null = open("/dev/null", O_RDWR | O_CLOEXEC), r;

	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	r = sandbox_start(spec, argv, child, diag);
	for (int i = 0; i < 3; i++) {
		if (saved[i] < 0) {
			close(i);
			continue;
		}
		dup2(saved[i], i);
		close(saved[i]);
	}
	close(null);
	return r;
}

int confine_run(const struct confinement *c, const char *const *argv, int64_t timeout_ms, size_t max_bytes,
		struct ccm_sbuf *out, struct ccm_diag *diag)
{
	struct sandbox_child child = SANDBOX_CHILD_INIT;
	struct reading reading = { .max_bytes = max_bytes, .child = &child };
	struct sandbox_watch watch = { .tick = read_some, .user = &reading, .tick_ms = 50 };
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int fds[2], status = 0, r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	reading.fd = watch.fd = fds[0];
	reading.deadline_us = ccm_mono_us() + timeout_ms * 1000;
	r = start_with(&c->spec, argv, fds[1], &child, diag);
	close(fds[1]);
	if (r == 0)
		r = sandbox_wait(&child, &watch, &status);
	read_some(&reading);
	sandbox_child_done(&child);
	close(fds[0]);
	if (r == 0 && (status != 0 || reading.timed_out)) {
		ccm_term_clean(&words, ccm_sbuf_str(&reading.out), reading.out.bytes, CCM_CLEAN_LINE);
		r = ccm_diag_set(diag, -CCM_E_REFUSED, "%s inside the sandbox %s: %s", argv[0],
				 reading.timed_out ? "took too long" : "failed", ccm_sbuf_str(&words));
	}
	if (r == 0 && out)
		ccm_sbuf_add(out, ccm_sbuf_str(&reading.out), reading.out.bytes);
	ccm_sbuf_done(&reading.out);
	return r;
}
