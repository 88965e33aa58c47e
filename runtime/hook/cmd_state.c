/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/term.h"

#define VALUE_MAX_BYTES ((size_t)1024 * 1024)

/* Whose state, and what is asked of it. */
struct request {
	struct ctx *ctx;
	const char *automation;      /* NULL: list may do without */
	const char *session;         /* NULL: none given; "" : CCM_SESSION_ID; else an id */
	const char *preset;
	bool json;
	int argc;                    /* words behind the verb */
	char **argv;
};

static struct ccm_db_arg automation_arg(const struct request *q)
{
	return (struct ccm_db_arg)DB_TEXT("automation", q->automation);
}

static struct ccm_db_arg session_arg(const struct request *q)
{
	return (struct ccm_db_arg)DB_TEXT("session_id", q->session ? q->session : "");
}

static struct ccm_db_arg key_arg(const struct request *q)
{
	return (struct ccm_db_arg)DB_TEXT("key", q->argv[0]);
}

static int get(const struct request *q)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *value;
	size_t bytes;
	int r;

	r = ccm_db_query(q->ctx->db, Q_STATE_GET, DB_ARGS(automation_arg(q), session_arg(q), key_arg(q)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	if (r == 0 && !q->preset)
		return CCM_EXIT_FAILURE;
	value = r ? ccm_rows_blob(&rows, "value", &bytes) : q->preset;
	if (!r)
		bytes = strlen(q->preset);
	if (bytes)
		fwrite(value, 1, bytes, stdout);
	putchar('\n');
	return 0;
}

static int set(const struct request *q)
{
	_cleanup_sbuf_ struct ccm_sbuf value = { 0 };
	int r;

	if (q->argc > 1) {
		ccm_sbuf_adds(&value, q->argv[1]);
		r = ccm_sbuf_error(&value);
	} else {
		r = ccm_read_fd(STDIN_FILENO, VALUE_MAX_BYTES, &value);
	}
	if (r == 0 && value.bytes > VALUE_MAX_BYTES)
		r = -EFBIG;
	if (r == -EFBIG) {
		ccm_error("state: the value of '%s' is longer than 1 MiB", q->argv[0]);
		return -CCM_E_SAID;
	}
	if (r < 0)
		return r;
	r = ccm_db_exec(q->ctx->db, Q_STATE_SET, DB_ARGS(
		automation_arg(q), session_arg(q), key_arg(q), DB_TEXTN("value", ccm_sbuf_str(&value), value.bytes),
		DB_INT("updated_ms", ccm_now_ms())));
	return r < 0 ? r : 0;
}

/* Committed before it is printed: a number that was told is never given twice. */
static int incr(const struct request *q)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char number[24] = "";
	long long by = 1;
	char *rest;
	int r;

	if (q->argc > 1) {
		errno = 0;
		by = strtoll(q->argv[1], &rest, 10);
		if (rest == q->argv[1] || *rest || errno)
			return ccm_opt_error(&q->ctx->usage, "incr takes a whole number, not '%s'", q->argv[1]);
	}
	r = ccm_txn_begin(q->ctx->db, &txn);
	if (r == 0)
		r = ccm_db_query(q->ctx->db, Q_STATE_INCR, DB_ARGS(
			automation_arg(q), session_arg(q), key_arg(q), DB_INT("by", by),
			DB_INT("updated_ms", ccm_now_ms())), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	if (r == 0) {
		ccm_error("state: '%s' holds no whole number that %lld can be added to", q->argv[0], by);
		return -CCM_E_SAID;
	}
	snprintf(number, sizeof number, "%s", ccm_rows_text(&rows, "value"));
	ccm_rows_done(&rows);
	r = ccm_txn_commit(&txn);
	if (r < 0)
		return r;
	puts(number);
	return 0;
}

static int del(const struct request *q)
{
	int r = ccm_db_exec(q->ctx->db, Q_STATE_DELETE, DB_ARGS(automation_arg(q), session_arg(q), key_arg(q)));

	return r < 0 ? r : 0;
}

static void add_member(struct ccm_sbuf *out, const struct ccm_rows *rows, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };
	size_t bytes;
	const char *text = ccm_rows_blob(rows, name, &bytes);

	ccm_json_quote(&quoted, text ? text : "", bytes);
	out->failed |= quoted.failed;
	ccm_sbuf_addf(out, "\"%s\":", name);
	ccm_term_json(out, ccm_sbuf_str(&quoted), quoted.bytes);
	ccm_sbuf_addc(out, ',');
}

static void add_json(struct ccm_sbuf *out, const struct ccm_rows *rows)
{
	ccm_sbuf_addc(out, '{');
	add_member(out, rows, "automation");
	add_member(out, rows, "session_id");
	add_member(out, rows, "key");
	add_member(out, rows, "value");
	ccm_sbuf_addf(out, "\"updated_ms\":%" PRId64 "}\n", ccm_rows_int(rows, "updated_ms"));
}

static void add_cell(struct ccm_sbuf *out, const struct ccm_rows *rows, const char *name, size_t columns)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
	size_t bytes;
	const char *text = ccm_rows_blob(rows, name, &bytes);

	ccm_term_clean(&clean, bytes ? text : "-", bytes ? bytes : 1, CCM_CLEAN_LINE);
	if (columns) {
		ccm_term_fit(out, ccm_sbuf_str(&clean), clean.bytes, columns, true);
		ccm_sbuf_adds(out, "  ");
	} else {
		ccm_sbuf_add(out, ccm_sbuf_str(&clean), clean.bytes);
	}
}

static void add_line(struct ccm_sbuf *out, const struct ccm_rows *rows)
{
	add_cell(out, rows, "automation", 20);
	add_cell(out, rows, "session_id", 9);
	add_cell(out, rows, "key", 24);
	add_cell(out, rows, "value", 0);
	ccm_sbuf_addc(out, '\n');
}

static int list(const struct request *q)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(q->ctx->db, Q_STATE_LIST, DB_ARGS(automation_arg(q), DB_TEXT("session_id", q->session)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (q->json)
			add_json(&out, &rows);
		else
			add_line(&out, &rows);
	}
	if (r == 0)
		r = ccm_sbuf_error(&out);
	if (r == 0)
		fputs(ccm_sbuf_str(&out), stdout);
	return r;
}

static const struct verb {
	const char *name;
	int min_args, max_args;      /* behind the verb */
	int (*run)(const struct request *q);
} verbs[] = {
	{ "get", 1, 1, get }, { "set", 1, 2, set }, { "incr", 1, 2, incr }, { "del", 1, 1, del }, { "list", 0, 0, list },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* State of no session in particular must not be taken for that of the session that was meant. */
static int find_session(struct request *q)
{
	if (!q->session || q->session[0])
		return 0;
	q->session = getenv("CCM_SESSION_ID");
	if (!q->session || !q->session[0])
		return ccm_opt_error(&q->ctx->usage, "which session? CCM_SESSION_ID is not set: give --session=ID");
	return 0;
}

int cmd_state(struct ctx *ctx, int argc, char **argv)
{
	struct request q = { .ctx = ctx, .automation = getenv("CCM_AUTOMATION") };
	const struct ccm_opt opts[] = {
		OPT_STR   ("automation", 0, "NAME", &q.automation, "whose state (default $CCM_AUTOMATION)"),
		OPT_STR_IF("session", 0, "ID", &q.session, "the state of one session (default $CCM_SESSION_ID)"),
		OPT_STR   ("default", 0, "TEXT", &q.preset, "get: print TEXT where the key is missing"),
		OPT_FLAG  ("json", 0, &q.json, "list: print one JSON object per line"),
		OPT_END
	};
	const struct verb *verb;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	verb = find_verb(argv[0]);
	if (!verb)
		return ccm_opt_error(&ctx->usage, "the first word is get, set, incr, del or list");
	q.argc = argc - 1;
	q.argv = argv + 1;
	if (q.argc < verb->min_args)
		return ccm_opt_error(&ctx->usage, "which key?");
	if (q.argc > verb->max_args)
		return ccm_opt_error(&ctx->usage, "too many words");
	if (q.automation && !q.automation[0])
		q.automation = NULL;
	/* What the hook itself keeps is nobody else's to change: a halt would be gone. */
	if (q.automation && strcmp(q.automation, "ccm") == 0 && verb->run != list && verb->run != get)
		return ccm_opt_error(&ctx->usage, "what 'ccm' keeps is its own");
	if (!q.automation && verb->run != list)
		return ccm_opt_error(&ctx->usage, "whose state? CCM_AUTOMATION is not set: give --automation=NAME");
	r = find_session(&q);
	return r < 0 ? r : verb->run(&q);
}
