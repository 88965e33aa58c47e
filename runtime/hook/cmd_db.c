/* SPDX-License-Identifier: MIT */
/* A person's or a script's own SQL, which can look at everything and change nothing. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "history.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "print.h"

/* "-5", "0", "12", but not "007", "+1" or what does not fit: those stay the text they are. */
static bool is_whole_number(const char *text, int64_t *ret)
{
	const char *digits = text + (text[0] == '-');
	char *rest;

	if (!isdigit((unsigned char)digits[0]) || (digits[0] == '0' && (digits[1] || digits > text)))
		return false;
	errno = 0;
	*ret = strtoll(text, &rest, 10);
	return !*rest && !errno;
}

struct args {
	struct ccm_db_arg *items;    /* a zeroed one ends them; the names are ours, the values the words' */
	int count;
};

static void args_done(struct args *a)
{
	for (int i = 0; i < a->count; i++)
		free((char *)a->items[i].name);
	free(a->items);
}

/* A whole number is bound as one, so that it compares with counts and sums, which have no type of their
 * own that would turn a text into a number. */
static int add_arg(struct ctx *ctx, struct args *args, const char *word)
{
	struct ccm_db_arg *arg = &args->items[args->count];
	const char *equals = strchr(word, '=');
	char *name;
	int64_t n;

	if (!equals || equals == word)
		return ccm_opt_error(&ctx->usage, "'%s' is not NAME=VALUE", word);
	name = malloc((size_t)(equals - word) + 2);
	if (!name)
		return -ENOMEM;
	snprintf(name, (size_t)(equals - word) + 2, ":%s", word);
	*arg = (struct ccm_db_arg){ .name = name, .type = CCM_DB_TEXT, .data = equals + 1, .bytes = SIZE_MAX };
	if (is_whole_number(equals + 1, &n)) {
		arg->type = CCM_DB_INT;
		arg->number = n;
	}
	args->count++;
	return 0;
}

/* One value of a line with tabs between. Quotes and backslashes stay, so that JSON can be cut out and used. */
static void add_value(struct ccm_sbuf *out, const char *text, size_t bytes, bool terminal)
{
	static const char special[] = "\t\n\r", letters[] = "tnr";

	if (terminal) {
		ccm_term_clean(out, text, bytes, CCM_CLEAN_LINE);
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		const char *s = text[i] ? strchr(special, text[i]) : NULL;

		if (s)
			ccm_sbuf_addf(out, "\\%c", letters[s - special]);
		else if (!text[i])
			ccm_sbuf_adds(out, "\\0");
		else
			ccm_sbuf_addc(out, text[i]);
	}
}

static void add_json_value(struct ccm_sbuf *out, const struct ccm_rows *rows, int column)
{
	_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };
	size_t bytes;
	const char *text = ccm_rows_text_at(rows, column, &bytes);

	if (!text) {
		ccm_sbuf_adds(out, "null");
	} else if (ccm_rows_is_number_at(rows, column)) {
		/* JSON has no word for infinity. */
		ccm_sbuf_adds(out, strstr(text, "Inf") ? "null" : text);
	} else {
		ccm_json_quote(&quoted, text, bytes);
		out->failed |= quoted.failed;
		ccm_term_json(out, ccm_sbuf_str(&quoted), quoted.bytes);
	}
}

static void add_header(struct ccm_sbuf *out, const struct ccm_rows *rows, bool terminal)
{
	for (int i = 0; i < ccm_rows_columns(rows); i++) {
		const char *name = ccm_rows_column_name(rows, i);

		if (i)
			ccm_sbuf_addc(out, '\t');
		add_value(out, name, strlen(name), terminal);
	}
	ccm_sbuf_addc(out, '\n');
}

static void add_row(struct ccm_sbuf *out, const struct ccm_rows *rows, bool terminal)
{
	for (int i = 0; i < ccm_rows_columns(rows); i++) {
		size_t bytes;
		const char *text = ccm_rows_text_at(rows, i, &bytes);

		if (i)
			ccm_sbuf_addc(out, '\t');
		if (text)
			add_value(out, text, bytes, terminal);
	}
	ccm_sbuf_addc(out, '\n');
}

static void add_json_row(struct ccm_sbuf *out, const struct ccm_rows *rows)
{
	ccm_sbuf_addc(out, '{');
	for (int i = 0; i < ccm_rows_columns(rows); i++) {
		print_json_name(out, ccm_rows_column_name(rows, i));
		add_json_value(out, rows, i);
	}
	ccm_sbuf_adds(out, "}\n");
}

int cmd_db(struct ctx *ctx, int argc, char **argv)
{
	bool json = false, header = false, terminal = isatty(STDOUT_FILENO);
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &json, "print each row as a JSON object"),
		OPT_FLAG("header", 0, &header, "print the names of the columns first"),
		OPT_END
	};
	_cleanup_(args_done) struct args args = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	args.items = calloc((size_t)argc, sizeof *args.items);
	if (!args.items)
		return -ENOMEM;
	for (int i = 1; i < argc; i++) {
		r = add_arg(ctx, &args, argv[i]);
		if (r < 0)
			return r;
	}
	if (!ctx->db) {
		history_say_none(ctx);
		return 0;
	}
	r = ccm_db_enable_regexp(ctx->db, false);
	if (r == 0)
		r = ccm_db_query_text(ctx->db, argv[0], args.items, &rows, &diag);
	if (r == -EINVAL)
		return ccm_opt_error(&ctx->usage, "%s", ccm_diag_text(&diag, r));
	if (r == 0 && header && !json)
		add_header(&out, &rows, terminal);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (json)
			add_json_row(&out, &rows);
		else
			add_row(&out, &rows, terminal);
		r = print_out(&out);
	}
	if (r == 0)
		return print_out(&out);
	if (!diag.text[0] && r == -CCM_E_SQL)
		ccm_diag_set(&diag, r, "%s", ccm_db_words(ctx->db));
	ccm_error("db: %s", ccm_diag_text(&diag, r));
	return -CCM_E_SAID;
}
