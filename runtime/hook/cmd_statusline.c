/* SPDX-License-Identifier: MIT */
/* The client's status line: model, project and branch, how full the context and the rate limits are, the cost, and how
 * many alerts there were, in one line that [statusline] template lays out. Members that are missing or null are left
 * out; whatever comes in, a line goes out and the exit status is 0: a status line that fails would only be an empty one.
 *
 * No hook is told these numbers, so they are stored, too: what the session says of itself in the table meter, the rate
 * limits through quota.h. A database that is locked or broken keeps no line from being shown.
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
#include "libccm/dbmem.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/proc.h"
#include "libccm/quota.h"
#include "libccm/term.h"

#define MAX_INPUT_BYTES (1u << 20)
#define MAX_HEAD_BYTES 4096
#define MAX_NAME_COLUMNS 40
#define PATIENCE_MS 1000
#define BAR_CELLS 10
#define DAY_MS (24LL * 60 * 60 * 1000)
#define STORE_MAX_MS 100         /* how long a locked database is waited for */
#define WRAP_MAX_MS 5000
#define WRAP_MAX_BYTES 65536
#define WEEK_MS (8 * DAY_MS)     /* no limit starts anew later than that */

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

/* ---- what is stored ---- */

/* A number as a whole one in so many parts, rounded; false: missing, no number, or not between least and most. */
static bool parts_at(const struct ccm_json *root, const char *path, double factor, double most, int64_t *ret)
{
	double n;

	if (!number_at(root, path, &n) || n < 0 || n > most)
		return false;
	*ret = (int64_t)(n * factor + 0.5);
	return true;
}

/* What the client says of one rate limit. */
struct limit {
	const char *scope, *percent_path, *resets_path;
	bool known;
	int64_t permille, resets_ms;
};

static void read_limit(const struct ccm_json *root, struct limit *l, int64_t now_ms)
{
	l->known = parts_at(root, l->percent_path, 10, CCM_QUOTA_MOST / 10.0, &l->permille);
	if (!parts_at(root, l->resets_path, 1000, 1e11, &l->resets_ms) || l->resets_ms > now_ms + WEEK_MS)
		l->resets_ms = 0;
}

/* A session that rests says the same again and again, while others know better: only what is new counts. */
static bool is_news(const struct limit *l, struct ccm_rows *before, bool found)
{
	char permille[32], resets[32];

	if (!l->known || !found)
		return l->known;
	snprintf(permille, sizeof permille, "%s_permille", l->scope);
	snprintf(resets, sizeof resets, "%s_resets_ms", l->scope);
	return ccm_rows_is_null(before, permille) || ccm_rows_int(before, permille) != l->permille ||
	       ccm_rows_int(before, resets) != l->resets_ms;
}

static int put_meter(struct ccm_db *db, const struct ccm_json *root, const char *session, const struct limit *five,
		     const struct limit *seven, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf project = { 0 }, model = { 0 }, transcript = { 0 };
	int64_t context = -1, cost = -1;

	text_at(root, "workspace.project_dir", &project);
	text_at(root, "model.id", &model);
	text_at(root, "transcript_path", &transcript);
	parts_at(root, "context_window.used_percentage", 10, 1000, &context);
	parts_at(root, "cost.total_cost_usd", 1e6, 1e9, &cost);
	return ccm_db_exec(db, Q_METER_PUT, DB_ARGS(
		DB_TEXT("session_id", session), DB_INT("seen_ms", now_ms), DB_TEXT("project", project.text),
		DB_TEXT("model", model.text), DB_TEXT("transcript", transcript.text),
		DB_INT_IF("context_permille", context >= 0, context), DB_INT_IF("cost_usd_micros", cost >= 0, cost),
		DB_INT_IF("five_hour_permille", five->known, five->permille),
		DB_INT_IF("five_hour_resets_ms", five->known, five->resets_ms),
		DB_INT_IF("seven_day_permille", seven->known, seven->permille),
		DB_INT_IF("seven_day_resets_ms", seven->known, seven->resets_ms)));
}

static int store(struct ctx *ctx, const struct ccm_json *root)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf session = { 0 };
	_cleanup_rows_ struct ccm_rows before = { 0 };
	struct limit limits[] = {
		{ .scope = "five_hour", .percent_path = "rate_limits.five_hour.used_percentage",
		  .resets_path = "rate_limits.five_hour.resets_at" },
		{ .scope = "seven_day", .percent_path = "rate_limits.seven_day.used_percentage",
		  .resets_path = "rate_limits.seven_day.resets_at" },
	};
	int64_t now_ms = ccm_now_ms();
	bool found;
	int r;

	if (!text_at(root, "session_id", &session))
		return 0;
	r = ccm_txn_begin(ctx->db, &txn);
	if (r >= 0)
		r = ccm_db_query(ctx->db, Q_METER_GET, DB_ARGS(DB_TEXT("session_id", session.text)), &before);
	if (r >= 0)
		r = ccm_rows_next(&before);
	found = r > 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(limits); i++) {
		read_limit(root, &limits[i], now_ms);
		if (is_news(&limits[i], &before, found))
			r = ccm_quota_take(ctx->db, &ctx->settings, &(struct ccm_quota_reading){
				.scope = limits[i].scope, .source = "client", .used_permille = limits[i].permille,
				.resets_ms = limits[i].resets_ms, .read_ms = now_ms });
	}
	ccm_rows_done(&before);
	if (r >= 0)
		r = put_meter(ctx->db, root, session.text, &limits[0], &limits[1], now_ms);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

/* ---- the line ---- */

/* What the template is filled with. */
struct facts {
	const struct ccm_json *root;
	int64_t alerts;
	const char *wrapped;             /* the first line of the wrapped status line, or NULL */
	size_t wrapped_bytes;
};

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

static void add_model(struct line *l, const struct facts *f)
{
	_cleanup_sbuf_ struct ccm_sbuf model = { 0 };

	if (text_at(f->root, "model.display_name", &model) || text_at(f->root, "model.id", &model))
		add_name(l, CYAN, ccm_sbuf_str(&model));
}

static void find_here(const struct facts *f, struct ccm_sbuf *here)
{
	if (!text_at(f->root, "workspace.current_dir", here) && !text_at(f->root, "cwd", here))
		text_at(f->root, "workspace.project_dir", here);
}

static void add_project(struct line *l, const struct facts *f)
{
	_cleanup_sbuf_ struct ccm_sbuf project = { 0 };
	const char *name;

	if (!text_at(f->root, "workspace.project_dir", &project))
		find_here(f, &project);
	if (!project.bytes)
		return;
	name = strrchr(project.text, '/');
	add_name(l, BOLD, name && name[1] ? name + 1 : project.text);
}

static void add_branch(struct line *l, const struct facts *f)
{
	_cleanup_sbuf_ struct ccm_sbuf here = { 0 }, branch = { 0 };

	find_here(f, &here);
	if (!find_branch(ccm_sbuf_str(&here), &branch))
		return;
	add(l, PLAIN, "(");
	add_name(l, BLUE, ccm_sbuf_str(&branch));
	add(l, PLAIN, ")");
}

/* When a limit starts anew: the hour, with the day if that is not soon. Nothing once it is past. */
static void add_reset(struct line *l, const struct ccm_json *root, const char *path)
{
	int64_t now_ms = ccm_now_ms();
	char text[48], time[32];
	double reset_s;

	if (!number_at(root, path, &reset_s) || reset_s * 1000 <= (double)now_ms || reset_s > 1e11)
		return;
	snprintf(text, sizeof text, " until %s", ccm_quota_time((int64_t)reset_s * 1000, now_ms, time, sizeof time));
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

static void add_meter(struct line *l, const struct ccm_json *root, const char *percent_path, const char *reset_path)
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
	if (l->form == FORM_FULL)
		add_bar(l, paint, cells);
	snprintf(text, sizeof text, "%s%.0f%%", l->form == FORM_FULL ? " " : "", percent);
	add(l, paint, text);
	if (reset_path && l->form < FORM_NO_TIMES)
		add_reset(l, root, reset_path);
}

static void add_context(struct line *l, const struct facts *f)
{
	add_meter(l, f->root, "context_window.used_percentage", NULL);
}

static void add_five_hour(struct line *l, const struct facts *f)
{
	add_meter(l, f->root, "rate_limits.five_hour.used_percentage", "rate_limits.five_hour.resets_at");
}

static void add_seven_day(struct line *l, const struct facts *f)
{
	add_meter(l, f->root, "rate_limits.seven_day.used_percentage", "rate_limits.seven_day.resets_at");
}

static void add_cost(struct line *l, const struct facts *f)
{
	char text[64];
	double usd;

	if (!number_at(f->root, "cost.total_cost_usd", &usd) || usd < 0.005 || usd > 1e9)
		return;
	snprintf(text, sizeof text, "$%.2f", usd);
	add(l, PLAIN, text);
}

static void add_alerts(struct line *l, const struct facts *f)
{
	char text[64];

	if (!f->alerts)
		return;
	snprintf(text, sizeof text, "%lld alert%s", (long long)f->alerts, f->alerts == 1 ? "" : "s");
	add(l, YELLOW, text);
}

/* As it came, colours and all: it is what the person chose. */
static void add_wrapped(struct line *l, const struct facts *f)
{
	if (!f->wrapped_bytes)
		return;
	ccm_sbuf_add(&l->text, f->wrapped, f->wrapped_bytes);
	l->columns += ccm_term_width(f->wrapped, f->wrapped_bytes);
}

/* ---- the template ---- */

static const struct field {
	const char *name;
	void (*add)(struct line *l, const struct facts *f);
} fields[] = {
	{ "5h", add_five_hour },
	{ "7d", add_seven_day },
	{ "alerts", add_alerts },
	{ "branch", add_branch },
	{ "context", add_context },
	{ "cost", add_cost },
	{ "model", add_model },
	{ "project", add_project },
	{ "wrapped", add_wrapped },
};

static const struct field *find_field(const char *name, size_t bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == bytes && strncmp(fields[i].name, name, bytes) == 0)
			return &fields[i];
	return NULL;
}

/* One part of the template, from its first to its last character, into a line of its own. *ret_said: it has something to
 * say; text alone does, and so does a {name} that there is none of, which is shown as it stands. */
static void fill_part(struct line *part, const struct facts *f, const char *text, const char *end, bool *ret_said)
{
	bool named = false, said = false;

	while (text < end) {
		const char *open = memchr(text, '{', (size_t)(end - text)), *close;
		const struct field *field = NULL;
		char words[256];

		close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
		if (close)
			field = find_field(open + 1, (size_t)(close - open - 1));
		if (!field)
			open = close ? close + 1 : end;
		snprintf(words, sizeof words, "%.*s", (int)(open - text), text);
		add(part, PLAIN, words);
		text = open;
		if (field) {
			size_t before = part->columns;

			field->add(part, f);
			named = true;
			said = said || part->columns > before;
			/* "{project} {branch}" leaves no blank behind where there is no branch. */
			if (part->columns == before && close + 1 == end)
				while (part->text.bytes && part->text.text[part->text.bytes - 1] == ' ') {
					part->text.text[--part->text.bytes] = '\0';
					part->columns--;
				}
			text = close + 1;
		}
	}
	*ret_said = said || !named;
}

static void fill(struct line *l, const struct facts *f, const char *template)
{
	for (const char *text = template; *text; text += strcspn(text, "|"), text += *text == '|') {
		_cleanup_(ccm_sbuf_done) struct ccm_sbuf owned = { 0 };
		struct line part = { .colour = l->colour, .form = l->form };
		const char *end = text + strcspn(text, "|"), *start = text;
		bool said = false;

		while (start < end && *start == ' ')
			start++;
		while (end > start && end[-1] == ' ')
			end--;
		fill_part(&part, f, start, end, &said);
		owned = part.text;
		if (!said || !part.columns)
			continue;
		if (l->columns)
			add(l, DIM, " │ ");
		ccm_sbuf_add(&l->text, owned.text, owned.bytes);
		l->columns += part.columns;
	}
}

/* The client shows colours though stdout is a pipe. */
static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && no_color[0]);
}

static void print_line(const struct facts *f, const char *template)
{
	size_t columns = ccm_term_columns(STDOUT_FILENO);

	for (int form = FORM_FULL; form < FORM_COUNT; form++) {
		_cleanup_(ccm_sbuf_done) struct ccm_sbuf text = { 0 };
		struct line l = { .colour = wants_colour(), .form = form };

		if (f->root->type == CCM_JSON_OBJECT)
			fill(&l, f, template);
		if (!l.columns)
			add(&l, DIM, "ccm");
		text = l.text;
		if (l.columns <= columns || form == FORM_COUNT - 1) {
			printf("%s\n", ccm_sbuf_str(&text));
			break;
		}
	}
}

/* ---- the status line that the person had before ---- */

/* The client gives such a command to a shell, with the same input: so do we. */
static void run_wrapped(const char *command, const struct ccm_sbuf *input, struct ccm_proc_result *result)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	const struct ccm_proc_spec spec = {
		.path = "/bin/sh", .argv = argv, .envp = (const char *const *)(uintptr_t)environ,
		.input = ccm_sbuf_str(input), .input_bytes = input->bytes,
		.output_max_bytes = WRAP_MAX_BYTES, .timeout_ms = WRAP_MAX_MS,
	};

	ccm_proc_catch_signals();
	ccm_proc_run_all(&spec, 1, result);
}

/* Its lines come before ours, unless the template has a place for the first of them. */
static void print_wrapped(const struct ccm_proc_result *result, const char *template, struct facts *f)
{
	const char *text = ccm_sbuf_str(&result->out);
	bool placed = strstr(template, "{wrapped}");

	f->wrapped = text;
	f->wrapped_bytes = strcspn(text, "\n");
	if (placed || !result->out.bytes)
		return;
	fwrite(text, 1, result->out.bytes, stdout);
	if (text[result->out.bytes - 1] != '\n')
		putchar('\n');
}

static void open_db(struct ctx *ctx)
{
	if (ctx->paths.problem || access(ctx->paths.db, F_OK) < 0)
		return;
	ccm_dbmem_install();
	if (ccm_db_open(ctx->paths.db, CCM_DB_WRITE, STORE_MAX_MS, &ctx->db, NULL) == 0)
		ccm_db_defer_checkpoint(ctx->db);
}

static int64_t count_alerts(struct ctx *ctx)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };

	if (ctx->db && ccm_db_query(ctx->db, Q_ALERTS_PENDING, DB_ARGS(DB_INT("since_ms", ccm_now_ms() - DAY_MS)), &rows) == 0 &&
	    ccm_rows_next(&rows) > 0)
		return ccm_rows_int(&rows, "count");
	return 0;
}

int cmd_statusline(struct ctx *ctx, int argc, char **argv)
{
	const char *wrap = NULL, *template = ccm_settings_text(&ctx->settings.statusline_template);
	const struct ccm_opt opts[] = {
		OPT_STR("wrap", 0, "COMMAND", &wrap, "run this status line too, and show it first"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };
	struct ccm_proc_result wrapped = { 0 };
	struct ccm_json root;
	struct facts facts = { .root = &root };

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (!template)
		template = CCM_STATUSLINE_TEMPLATE;
	read_input(&input);
	if (ccm_json_parse(ccm_sbuf_str(&input), input.bytes, &root, NULL) < 0)
		root = (struct ccm_json){ 0 };
	open_db(ctx);
	if (ctx->db && root.type == CCM_JSON_OBJECT)
		store(ctx, &root);
	facts.alerts = count_alerts(ctx);
	if (wrap) {
		run_wrapped(wrap, &input, &wrapped);
		print_wrapped(&wrapped, template, &facts);
	}
	print_line(&facts, template);
	ccm_proc_result_done(&wrapped);
	return 0;
}
