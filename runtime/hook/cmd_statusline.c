/* SPDX-License-Identifier: MIT */
/* The client's status line: model, project and branch, how full the context and the rate limits are,
 * and the cost, in one line. Members that are missing or null are left out; whatever comes in, a
 * line goes out and the exit status is 0: a status line that fails would only be an empty one.
 *
 * Source: the host's status line reference; the form of HEAD and of .git files is gitrepository-layout(5). */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/term.h"

#define MAX_INPUT_BYTES (1u << 20)
#define MAX_HEAD_BYTES 4096
#define MAX_NAME_COLUMNS 40
#define PATIENCE_MS 1000
#define BAR_CELLS 10
#define DAY_S (24 * 60 * 60)

enum paint { PLAIN = 0, BOLD = 1, DIM = 2, RED = 31, GREEN = 32, YELLOW = 33, BLUE = 34, CYAN = 36 };

/* Tried in this order until the line fits. */
enum form { FORM_FULL, FORM_NO_BARS, FORM_NO_TIMES, FORM_COUNT };

struct line {
	struct ccm_sbuf text;
	size_t columns;
	bool colour;
	enum form form;
};

/* The client closes the pipe; should it not, a whole document or a second of silence will do. */
static void read_input(struct ccm_sbuf *s)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	struct ccm_json root;

	while (s->bytes < MAX_INPUT_BYTES && poll(&p, 1, PATIENCE_MS) > 0) {
		ssize_t n;

		if (ccm_sbuf_reserve(s, 65536) < 0)
			return;
		n = read(STDIN_FILENO, s->text + s->bytes, 65536);
		if (n <= 0)
			return;
		s->bytes += (size_t)n;
		s->text[s->bytes] = '\0';
		if (s->text[s->bytes - 1] == '\n' && ccm_json_parse(s->text, s->bytes, &root, NULL) == 0)
			return;
	}
}

static bool text_at(const struct ccm_json *root, const char *path, struct ccm_sbuf *out)
{
	struct ccm_json v;

	if (!ccm_json_path(root, path, &v) || v.type != CCM_JSON_STRING)
		return false;
	ccm_json_decode(&v, out);
	return out->bytes > 0;
}

static bool number_at(const struct ccm_json *root, const char *path, double *ret)
{
	_cleanup_free_ char *text = NULL;
	struct ccm_json v;

	if (!ccm_json_path(root, path, &v) || v.type != CCM_JSON_NUMBER)
		return false;
	text = strndup(v.text, v.bytes);
	if (!text)
		return false;
	*ret = strtod(text, NULL);
	return isfinite(*ret);
}

/* ---- the branch ---- */

/* A small regular file; a repository may hold a pipe in its place, which must not hold us up. */
static bool read_small(const char *path, struct ccm_sbuf *out)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ccm_read_fd(fd, MAX_HEAD_BYTES, out) == 0;
}

static const char *behind(const char *text, const char *start)
{
	size_t bytes = strlen(start);

	return strncmp(text, start, bytes) == 0 ? text + bytes : NULL;
}

/* "refs/heads/main" by its name, another ref by its path, a commit by the start of its hash. */
static bool name_of_head(struct ccm_sbuf *head, struct ccm_sbuf *out)
{
	const char *text = ccm_sbuf_str(head), *ref = behind(text, "ref: "), *name;
	size_t bytes;

	if (!ref) {
		bytes = strspn(text, "0123456789abcdef");
		if (bytes < 7 || text[bytes + strspn(text + bytes, "\n")])
			return false;
		ccm_sbuf_add(out, text, 7);
		return true;
	}
	name = behind(ref, "refs/heads/");
	if (!name)
		name = ref;
	/* What stands there where refs are kept in a table of git's own. */
	if (strncmp(name, ".invalid", 8) == 0)
		return false;
	ccm_sbuf_add(out, name, strcspn(name, "\r\n"));
	return out->bytes > 0;
}

/* The branch of the repository whose top is dir; *ret_top: it is one. */
static bool branch_here(const char *dir, struct ccm_sbuf *out, bool *ret_top)
{
	_cleanup_sbuf_ struct ccm_sbuf git = { 0 }, link = { 0 }, head = { 0 };
	const char *to;
	struct stat st;

	ccm_sbuf_addf(&git, "%s/.git", dir);
	*ret_top = git.text && stat(git.text, &st) == 0;
	if (!*ret_top)
		return false;
	if (S_ISREG(st.st_mode)) {           /* a worktree or submodule: the repository is elsewhere */
		if (!read_small(git.text, &link))
			return false;
		to = behind(ccm_sbuf_str(&link), "gitdir: ");
		if (!to)
			return false;
		ccm_sbuf_clear(&git);
		ccm_sbuf_addf(&git, "%s%s%.*s", *to == '/' ? "" : dir, *to == '/' ? "" : "/",
			      (int)strcspn(to, "\r\n"), to);
	}
	ccm_sbuf_adds(&git, "/HEAD");
	return git.text && read_small(git.text, &head) && name_of_head(&head, out);
}

static bool find_branch(const char *start, struct ccm_sbuf *out)
{
	_cleanup_free_ char *dir = strdup(start);
	bool top = false, found = false;

	if (!dir || dir[0] != '/')
		return false;
	for (;;) {
		char *slash = strrchr(dir, '/');

		found = branch_here(dir, out, &top);
		if (top || !slash)
			return found;
		*slash = '\0';       /* the root is the empty text */
	}
}

/* ---- the line ---- */

static void add(struct line *l, enum paint paint, const char *text)
{
	if (l->colour && paint != PLAIN)
		ccm_sbuf_addf(&l->text, "\033[%dm", paint);
	ccm_sbuf_adds(&l->text, text);
	if (l->colour && paint != PLAIN)
		ccm_sbuf_adds(&l->text, "\033[0m");
	l->columns += ccm_term_width(text, strlen(text));
}

/* Text from outside: without control bytes, and no longer than a name may be. */
static void add_name(struct line *l, enum paint paint, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 }, cut = { 0 };

	ccm_term_clean(&clean, name, strlen(name), CCM_CLEAN_LINE);
	ccm_term_fit(&cut, ccm_sbuf_str(&clean), clean.bytes, MAX_NAME_COLUMNS, false);
	add(l, paint, ccm_sbuf_str(&cut));
}

static void separate(struct line *l)
{
	if (l->columns)
		add(l, DIM, " │ ");
}

static void add_model(struct line *l, const struct ccm_json *root)
{
	_cleanup_sbuf_ struct ccm_sbuf model = { 0 };

	if (!text_at(root, "model.display_name", &model) && !text_at(root, "model.id", &model))
		return;
	separate(l);
	add_name(l, CYAN, ccm_sbuf_str(&model));
}

static void add_project(struct line *l, const struct ccm_json *root)
{
	_cleanup_sbuf_ struct ccm_sbuf project = { 0 }, here = { 0 }, branch = { 0 };
	const char *name;

	if (!text_at(root, "workspace.current_dir", &here) && !text_at(root, "cwd", &here))
		text_at(root, "workspace.project_dir", &here);
	if (!text_at(root, "workspace.project_dir", &project))
		ccm_sbuf_add(&project, ccm_sbuf_str(&here), here.bytes);
	if (!project.bytes)
		return;
	name = strrchr(project.text, '/');
	separate(l);
	add_name(l, BOLD, name && name[1] ? name + 1 : project.text);
	if (find_branch(ccm_sbuf_str(&here), &branch)) {
		add(l, PLAIN, " (");
		add_name(l, BLUE, ccm_sbuf_str(&branch));
		add(l, PLAIN, ")");
	}
}

/* When a limit starts anew: the hour, with the day if that is not soon. Nothing once it is past. */
static void add_reset(struct line *l, const struct ccm_json *root, const char *path)
{
	int64_t now_s = ccm_now_ms() / 1000;
	double reset_s;
	char text[32];
	struct tm tm;
	time_t t;

	if (!number_at(root, path, &reset_s) || reset_s <= (double)now_s || reset_s > 1e11)
		return;
	t = (time_t)reset_s;
	if (!localtime_r(&t, &tm))
		return;
	strftime(text, sizeof text, t - now_s < DAY_S ? " until %H:%M" : " until %a %H:%M", &tm);
	add(l, DIM, text);
}

static void add_bar(struct line *l, enum paint paint, int cells)
{
	_cleanup_sbuf_ struct ccm_sbuf full = { 0 }, empty = { 0 };

	for (int i = 0; i < BAR_CELLS; i++)
		ccm_sbuf_adds(i < cells ? &full : &empty, i < cells ? "█" : "░");
	if (full.bytes)
		add(l, paint, full.text);
	if (empty.bytes)
		add(l, DIM, empty.text);
}

static void add_meter(struct line *l, const struct ccm_json *root, const char *label, const char *percent_path,
		      const char *reset_path)
{
	char text[64];
	double percent;
	enum paint paint;
	int cells;

	if (!number_at(root, percent_path, &percent))
		return;
	percent = percent < 0 ? 0 : percent > 999 ? 999 : percent;
	paint = percent >= 85 ? RED : percent >= 60 ? YELLOW : GREEN;
	cells = percent >= 100 ? BAR_CELLS : (int)(percent / 100 * BAR_CELLS + 0.5);
	separate(l);
	add(l, PLAIN, label);
	add(l, PLAIN, " ");
	if (l->form == FORM_FULL)
		add_bar(l, paint, cells);
	snprintf(text, sizeof text, "%s%.0f%%", l->form == FORM_FULL ? " " : "", percent);
	add(l, paint, text);
	if (reset_path && l->form < FORM_NO_TIMES)
		add_reset(l, root, reset_path);
}

static void add_cost(struct line *l, const struct ccm_json *root)
{
	char text[64];
	double usd;

	if (!number_at(root, "cost.total_cost_usd", &usd) || usd < 0.005 || usd > 1e9)
		return;
	snprintf(text, sizeof text, "$%.2f", usd);
	separate(l);
	add(l, PLAIN, text);
}

static void build(struct line *l, const struct ccm_json *root)
{
	if (root->type != CCM_JSON_OBJECT)
		return;
	add_model(l, root);
	add_project(l, root);
	add_meter(l, root, "context", "context_window.used_percentage", NULL);
	add_meter(l, root, "5h", "rate_limits.five_hour.used_percentage", "rate_limits.five_hour.resets_at");
	add_meter(l, root, "7d", "rate_limits.seven_day.used_percentage", "rate_limits.seven_day.resets_at");
	add_cost(l, root);
}

/* The client shows colours though stdout is a pipe. */
static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && no_color[0]);
}

int cmd_statusline(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };
	size_t columns = ccm_term_columns(STDOUT_FILENO);
	struct ccm_json root;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	read_input(&input);
	if (ccm_json_parse(ccm_sbuf_str(&input), input.bytes, &root, NULL) < 0)
		root = (struct ccm_json){ 0 };
	for (int form = FORM_FULL; form < FORM_COUNT; form++) {
		_cleanup_(ccm_sbuf_done) struct ccm_sbuf text = { 0 };
		struct line l = { .colour = wants_colour(), .form = form };

		build(&l, &root);
		if (!l.columns)
			add(&l, DIM, "ccm");
		text = l.text;
		if (l.columns <= columns || form == FORM_COUNT - 1) {
			printf("%s\n", ccm_sbuf_str(&text));
			break;
		}
	}
	return 0;
}
