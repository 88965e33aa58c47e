/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <errno.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/json.h"

/* An event takes as long as its automations may; none may take this long. */
#define RUNNING_MAX_MS (15 * 60 * 1000)

#define TIME_COLUMNS 15      /* Jul 01 10:30:15 */
#define VERDICT_COLUMNS 7    /* running */
#define TOOK_COLUMNS 7       /* 59m59s, 123.4ms */
#define FIELD_COLUMNS 11

int print_out(struct ccm_sbuf *s)
{
	int r = ccm_sbuf_error(s);

	if (r < 0)
		return r;
	if (s->bytes && fwrite(s->text, 1, s->bytes, stdout) != s->bytes)
		r = -errno;
	ccm_sbuf_clear(s);
	return r;
}

void print_colour(struct ccm_sbuf *out, bool colour, enum print_colour c)
{
	if (colour)
		ccm_sbuf_addf(out, "\033[%dm", c);
}

void print_plain(struct ccm_sbuf *out, bool colour)
{
	if (colour)
		ccm_sbuf_adds(out, "\033[0m");
}

void print_took(struct ccm_sbuf *out, int64_t us)
{
	long long s = us / 1000000;

	if (us < 10000)
		ccm_sbuf_addf(out, "%.1fms", (double)us / 1e3);
	else if (s < 1)
		ccm_sbuf_addf(out, "%lldms", (long long)us / 1000);
	else if (s < 60)
		ccm_sbuf_addf(out, "%.1fs", (double)(us / 100000) / 10);
	else if (s < 3600)
		ccm_sbuf_addf(out, "%lldm%02llds", s / 60, s % 60);
	else
		ccm_sbuf_addf(out, "%lldh%02lldm", s / 3600, s / 60 % 60);
}

const char *print_verdict_name(const struct history_event *e, int64_t now_ms)
{
	if (e->finished)
		return e->verdict;
	return now_ms - e->received_ms < RUNNING_MAX_MS ? "running" : "no end";
}

static enum print_colour verdict_colour(const char *verdict)
{
	if (strcmp(verdict, "deny") == 0)
		return PRINT_RED;
	if (strcmp(verdict, "ask") == 0 || strcmp(verdict, "defer") == 0)
		return PRINT_YELLOW;
	if (strcmp(verdict, "allow") == 0)
		return PRINT_GREEN;
	return strcmp(verdict, "none") == 0 ? PRINT_DIM : PRINT_CYAN;
}

void print_verdict(struct ccm_sbuf *out, bool colour, const char *verdict)
{
	print_colour(out, colour, verdict_colour(verdict));
	ccm_term_clean(out, verdict, strlen(verdict), CCM_CLEAN_LINE);
	print_plain(out, colour);
}

void print_table_init(struct print_table *t, int64_t last_id)
{
	int fd = fileno(stdout);
	bool terminal = isatty(fd);

	*t = (struct print_table){
		/* Into a pipe, lines are as long as they get: a pager or grep wants them whole. */
		.columns = terminal || getenv("COLUMNS") ? ccm_term_columns(fd) : 0,
		.colour = ccm_term_colour(fd),
		.now_ms = ccm_now_ms(),
		.id = (size_t)snprintf(NULL, 0, "%lld", (long long)last_id),
	};
	if (t->id < 3)
		t->id = 3;
	t->event = t->columns && t->columns < 100 ? 12 : 18;
	t->tool = t->columns && t->columns < 120 ? 8 : 14;
	t->session = t->columns && t->columns < 100 ? 0 : 8;
}

/* Text as one cleaned cell of that width, and a space. */
static void add_cell(struct ccm_sbuf *out, const char *text, size_t width)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	ccm_term_clean(&clean, text, strlen(text), CCM_CLEAN_LINE);
	out->failed |= clean.failed;
	ccm_term_fit(out, ccm_sbuf_str(&clean), clean.bytes, width, true);
	ccm_sbuf_addc(out, ' ');
}

/* The last cell of a line: what is left of the columns, not padded. */
static void add_rest(const struct print_table *t, struct ccm_sbuf *out, const char *text)
{
	size_t used = t->id + TIME_COLUMNS + t->event + t->tool + VERDICT_COLUMNS + TOOK_COLUMNS + 6;
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	if (t->session)
		used += t->session + 1;
	ccm_term_clean(&clean, text, strlen(text), CCM_CLEAN_LINE);
	out->failed |= clean.failed;
	if (t->columns)
		ccm_term_fit(out, ccm_sbuf_str(&clean), clean.bytes, t->columns > used ? t->columns - used : 0, false);
	else
		ccm_sbuf_add(out, ccm_sbuf_str(&clean), clean.bytes);
}

/* Blanks at the end of a line are of no use to anyone. */
static void end_line(struct ccm_sbuf *out)
{
	while (out->bytes && out->text[out->bytes - 1] == ' ')
		out->text[--out->bytes] = '\0';
	ccm_sbuf_addc(out, '\n');
}

void print_table_header(const struct print_table *t, struct ccm_sbuf *out)
{
	print_colour(out, t->colour, PRINT_BOLD);
	ccm_sbuf_addf(out, "%*s ", (int)t->id, "id");
	add_cell(out, "time", TIME_COLUMNS);
	add_cell(out, "event", t->event);
	add_cell(out, "tool", t->tool);
	add_cell(out, "verdict", VERDICT_COLUMNS);
	ccm_sbuf_addf(out, "%*s ", TOOK_COLUMNS, "took");
	if (t->session)
		add_cell(out, "session", t->session);
	add_rest(t, out, "detail");
	print_plain(out, t->colour);
	ccm_sbuf_addc(out, '\n');
}

static void add_time(struct ccm_sbuf *out, int64_t ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char buf[32];
	int month;

	/* 2026-07-01 10:30:15 as Jul 01 10:30:15 */
	ccm_time_format(ms, false, buf, sizeof buf);
	month = strlen(buf) == 19 ? atoi(buf + 5) : 0;
	if (month < 1 || month > 12)
		ccm_sbuf_addf(out, "%-*s ", TIME_COLUMNS, buf);
	else
		ccm_sbuf_addf(out, "%.3s %.2s %s ", months + 3 * (month - 1), buf + 8, buf + 11);
}

static void add_verdict_cell(const struct print_table *t, const struct history_event *e, struct ccm_sbuf *out)
{
	const char *verdict = print_verdict_name(e, t->now_ms);
	size_t width = ccm_term_width(verdict, strlen(verdict));

	print_verdict(out, t->colour, verdict);
	/* Something went wrong on the way to it: show ID tells what. */
	if (e->failed && width < VERDICT_COLUMNS) {
		print_colour(out, t->colour, PRINT_YELLOW);
		ccm_sbuf_addc(out, '!');
		print_plain(out, t->colour);
		width++;
	}
	for (; width <= VERDICT_COLUMNS; width++)
		ccm_sbuf_addc(out, ' ');
}

static void add_detail(const struct print_table *t, const struct history_event *e, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	if (e->checkpoint)
		ccm_sbuf_addf(&text, "[checkpoint %lld] ", (long long)e->checkpoint);
	if (!e->valid)
		ccm_sbuf_addf(&text, "invalid: %s", e->problem ? e->problem : "");
	else if (e->agent_type && e->agent_type[0])
		ccm_sbuf_addf(&text, "[%s] %s", e->agent_type, e->detail ? e->detail : "");
	else if (e->detail)
		ccm_sbuf_adds(&text, e->detail);
	out->failed |= text.failed;
	print_colour(out, t->colour && !e->valid, PRINT_RED);
	add_rest(t, out, ccm_sbuf_str(&text));
	print_plain(out, t->colour && !e->valid);
}

void print_table_row(const struct print_table *t, const struct history_event *e, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf took = { 0 };

	ccm_sbuf_addf(out, "%*lld ", (int)t->id, (long long)e->id);
	add_time(out, e->received_ms);
	add_cell(out, e->event ? e->event : "?", t->event);
	add_cell(out, e->tool ? e->tool : "", t->tool);
	add_verdict_cell(t, e, out);
	if (e->finished)
		print_took(&took, e->took_us);
	ccm_sbuf_addf(out, "%*s ", TOOK_COLUMNS, ccm_sbuf_str(&took));
	if (t->session) {
		char id[9];

		snprintf(id, sizeof id, "%s", e->session_id ? e->session_id : "");
		add_cell(out, id, t->session);
	}
	add_detail(t, e, out);
	end_line(out);
}

void print_field(struct ccm_sbuf *out, const char *name, const char *value)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
	const char *line;

	if (!value)
		return;
	ccm_term_clean(&clean, value, strlen(value), CCM_CLEAN_LINES);
	out->failed |= clean.failed;
	ccm_sbuf_addf(out, "  %-*s ", FIELD_COLUMNS, name);
	line = ccm_sbuf_str(&clean);
	for (;;) {
		size_t bytes = strcspn(line, "\n");

		ccm_sbuf_add(out, line, bytes);
		line += bytes;
		if (!*line || !line[1])
			break;
		ccm_sbuf_addf(out, "\n%*s", FIELD_COLUMNS + 3, "");
		line++;
	}
	end_line(out);
}

static void print_field_took(struct ccm_sbuf *out, const char *name, int64_t us)
{
	_cleanup_sbuf_ struct ccm_sbuf took = { 0 };

	print_took(&took, us);
	print_field(out, name, ccm_sbuf_str(&took));
}

static void print_headline(struct ccm_sbuf *out, const struct history_event *e, int64_t now_ms, bool colour)
{
	const char *event = e->event ? e->event : "(event name unreadable)";

	print_colour(out, colour, PRINT_BOLD);
	ccm_sbuf_addf(out, "%lld ", (long long)e->id);
	ccm_term_clean(out, event, strlen(event), CCM_CLEAN_LINE);
	if (e->tool) {
		ccm_sbuf_addc(out, ' ');
		ccm_term_clean(out, e->tool, strlen(e->tool), CCM_CLEAN_LINE);
	}
	print_plain(out, colour);
	ccm_sbuf_addc(out, ' ');
	print_verdict(out, colour, print_verdict_name(e, now_ms));
	ccm_sbuf_addc(out, '\n');
}

void print_event(struct ccm_sbuf *out, const struct history_event *e, int64_t now_ms, bool colour)
{
	_cleanup_sbuf_ struct ccm_sbuf agent = { 0 };
	char time[32], checkpoint[24];

	print_headline(out, e, now_ms, colour);
	print_field(out, "time", ccm_time_format(e->received_ms, true, time, sizeof time));
	if (e->finished)
		print_field_took(out, "took", e->took_us);
	print_field(out, "uuid", e->uuid);
	print_field(out, "host", e->host);
	print_field(out, "session", e->session_id);
	if (e->agent_id || (e->agent_type && e->agent_type[0])) {
		ccm_sbuf_adds(&agent, e->agent_type ? e->agent_type : "");
		if (e->agent_id)
			ccm_sbuf_addf(&agent, "%s%s", agent.bytes ? " " : "", e->agent_id);
		print_field(out, "agent", ccm_sbuf_str(&agent));
	}
	print_field(out, "prompt", e->prompt_id);
	print_field(out, "tool use", e->tool_use_id);
	print_field(out, "project", e->project);
	if (e->cwd && (!e->project || strcmp(e->cwd, e->project) != 0))
		print_field(out, "cwd", e->cwd);
	print_field(out, "mode", e->permission_mode);
	print_field(out, "detail", e->detail);
	if (!e->valid)
		print_field(out, "invalid", e->problem ? e->problem : "");
	print_field(out, "reason", e->reason);
	print_field(out, "stop", e->stop ? "the agent was told not to go on" : NULL);
	print_field(out, "note", e->note);
	snprintf(checkpoint, sizeof checkpoint, "%lld", (long long)e->checkpoint);
	print_field(out, "checkpoint", e->checkpoint ? checkpoint : NULL);
}

void print_run_ending(struct ccm_sbuf *out, const struct history_run *r)
{
	if (r->timed_out)
		ccm_sbuf_adds(out, "timed out");
	else if (r->signal)
		ccm_sbuf_addf(out, "signal %d (%s)", (int)r->signal, strsignal((int)r->signal));
	else if (r->exited)
		ccm_sbuf_addf(out, "exit %lld", (long long)r->exit_status);
	else
		ccm_sbuf_adds(out, "not started");
}

void print_run_line(struct ccm_sbuf *out, const struct history_run *r, bool colour)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	const char *words = r->problem ? r->problem : r->reason;

	ccm_sbuf_addf(&name, "  %s", r->automation);
	add_cell(out, ccm_sbuf_str(&name), (size_t)FIELD_COLUMNS + 2);
	print_verdict(out, colour, r->verdict);
	ccm_sbuf_adds(out, " in ");
	print_took(out, r->took_us);
	ccm_sbuf_adds(out, ", ");
	print_run_ending(out, r);
	if (words) {
		ccm_sbuf_adds(out, ": ");
		ccm_term_clean(out, words, strlen(words), CCM_CLEAN_LINE);
	}
	ccm_sbuf_addc(out, '\n');
}

void print_title(struct ccm_sbuf *out, bool colour, const char *title)
{
	ccm_sbuf_addc(out, '\n');
	print_colour(out, colour, PRINT_BOLD);
	ccm_sbuf_adds(out, title);
	print_plain(out, colour);
	ccm_sbuf_addc(out, '\n');
}

static bool is_document(const char *text, size_t bytes)
{
	struct ccm_json value;

	return ccm_json_parse(text, bytes, &value, NULL) == 0 &&
	       (value.type == CCM_JSON_OBJECT || value.type == CCM_JSON_ARRAY);
}

void print_block(struct ccm_sbuf *out, const char *text, size_t bytes, int blanks)
{
	_cleanup_sbuf_ struct ccm_sbuf pretty = { 0 }, clean = { 0 };
	const char *p, *end;

	if (is_document(text, bytes)) {
		ccm_json_pretty(&pretty, text, bytes);
		ccm_term_json(&clean, ccm_sbuf_str(&pretty), pretty.bytes);
	} else {
		ccm_term_clean(&clean, text, bytes, CCM_CLEAN_LINES);
	}
	out->failed |= pretty.failed || clean.failed;
	p = ccm_sbuf_str(&clean);
	for (end = p + clean.bytes; p < end; p += strcspn(p, "\n"), p += p < end)
		ccm_sbuf_addf(out, "%*s%.*s\n", blanks, "", (int)strcspn(p, "\n"), p);
}

static void print_stream(struct ccm_sbuf *out, const char *name, const char *text, int64_t whole_bytes)
{
	size_t bytes = text ? strlen(text) : 0;

	if (!whole_bytes)
		return;
	if ((int64_t)bytes < whole_bytes)
		ccm_sbuf_addf(out, "    %s, cut: %zu of %lld bytes\n", name, bytes, (long long)whole_bytes);
	else
		ccm_sbuf_addf(out, "    %s\n", name);
	if (text)
		print_block(out, text, bytes, 6);
}

void print_run(struct ccm_sbuf *out, const struct history_run *run, bool colour)
{
	char time[32];

	ccm_sbuf_adds(out, "  ");
	print_colour(out, colour, PRINT_BOLD);
	ccm_term_clean(out, run->automation, strlen(run->automation), CCM_CLEAN_LINE);
	print_plain(out, colour);
	ccm_sbuf_addc(out, ' ');
	print_verdict(out, colour, run->verdict);
	/* 2026-07-01T10:30:15.250+02:00 */
	ccm_time_format(run->started_ms, true, time, sizeof time);
	ccm_sbuf_addf(out, "\n    stage %lld, started %.12s, ", (long long)run->stage, time + strcspn(time, "T") + 1);
	print_run_ending(out, run);
	ccm_sbuf_adds(out, " after ");
	print_took(out, run->took_us);
	ccm_sbuf_addc(out, '\n');
	if (run->problem) {
		ccm_sbuf_adds(out, "    problem\n");
		print_block(out, run->problem, strlen(run->problem), 6);
	}
	if (run->reason) {
		ccm_sbuf_adds(out, "    reason\n");
		print_block(out, run->reason, strlen(run->reason), 6);
	}
	print_stream(out, "stdout", run->out, run->out_bytes);
	print_stream(out, "stderr", run->err, run->err_bytes);
}

void print_bar(struct ccm_sbuf *out, int64_t count, int64_t whole, size_t columns)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	double share = whole > 0 ? (double)count / (double)whole : 0;
	size_t n = (size_t)(share * (double)columns * 8 + 0.5);

	if (n == 0 && count > 0)
		n = 1;
	for (size_t i = 0; i < n / 8; i++)
		ccm_sbuf_adds(out, "█");
	ccm_sbuf_adds(out, eighths[n % 8]);
}

void print_count(struct ccm_sbuf *out, int64_t n)
{
	char digits[32];
	int bytes = snprintf(digits, sizeof digits, "%lld", (long long)n);

	for (int i = 0; i < bytes; i++) {
		ccm_sbuf_addc(out, digits[i]);
		if (i + 1 < bytes && (bytes - i - 1) % 3 == 0)
			ccm_sbuf_addc(out, ',');
	}
}

void print_json_name(struct ccm_sbuf *out, const char *name)
{
	if (out->bytes && out->text[out->bytes - 1] != '{' && out->text[out->bytes - 1] != '[')
		ccm_sbuf_addc(out, ',');
	ccm_json_quote(out, name, strlen(name));
	ccm_sbuf_addc(out, ':');
}

void print_json_null(struct ccm_sbuf *out, const char *name)
{
	print_json_name(out, name);
	ccm_sbuf_adds(out, "null");
}

void print_json_text(struct ccm_sbuf *out, const char *name, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };

	if (!text) {
		print_json_null(out, name);
		return;
	}
	print_json_name(out, name);
	ccm_json_quote(&quoted, text, strlen(text));
	out->failed |= quoted.failed;
	ccm_term_json(out, ccm_sbuf_str(&quoted), quoted.bytes);
}

void print_json_int(struct ccm_sbuf *out, const char *name, int64_t n)
{
	print_json_name(out, name);
	ccm_sbuf_addf(out, "%lld", (long long)n);
}

void print_json_bool(struct ccm_sbuf *out, const char *name, bool b)
{
	print_json_name(out, name);
	ccm_sbuf_adds(out, b ? "true" : "false");
}

static void print_json_int_if(struct ccm_sbuf *out, const char *name, bool known, int64_t n)
{
	if (known)
		print_json_int(out, name, n);
	else
		print_json_null(out, name);
}

void print_event_json(struct ccm_sbuf *out, const struct history_event *e)
{
	char time[32];

	print_json_int(out, "id", e->id);
	print_json_text(out, "uuid", e->uuid);
	print_json_int(out, "received_ms", e->received_ms);
	print_json_text(out, "time", ccm_time_format(e->received_ms, true, time, sizeof time));
	print_json_text(out, "host", e->host);
	print_json_text(out, "event", e->event);
	print_json_text(out, "tool", e->tool);
	print_json_text(out, "tool_use_id", e->tool_use_id);
	print_json_text(out, "session_id", e->session_id);
	print_json_text(out, "agent_id", e->agent_id);
	print_json_text(out, "agent_type", e->agent_type);
	print_json_text(out, "prompt_id", e->prompt_id);
	print_json_text(out, "project", e->project);
	print_json_text(out, "cwd", e->cwd);
	print_json_text(out, "permission_mode", e->permission_mode);
	print_json_text(out, "detail", e->detail);
	print_json_bool(out, "valid", e->valid);
	print_json_text(out, "problem", e->problem);
	print_json_int(out, "payload_bytes", e->payload_bytes);
	print_json_text(out, "verdict", e->verdict);
	print_json_text(out, "reason", e->reason);
	print_json_bool(out, "stop", e->stop);
	print_json_text(out, "answer", e->answer);
	print_json_int_if(out, "exit_status", e->finished, e->exit_status);
	print_json_text(out, "note", e->note);
	print_json_bool(out, "failed", e->failed);
	print_json_int_if(out, "checkpoint", e->checkpoint != 0, e->checkpoint);
	print_json_int_if(out, "took_us", e->finished, e->took_us);
}

void print_run_json(struct ccm_sbuf *out, const struct history_run *r, bool whole)
{
	/* The comma between two runs. */
	if (out->bytes && out->text[out->bytes - 1] == '}')
		ccm_sbuf_addc(out, ',');
	ccm_sbuf_addc(out, '{');
	print_json_text(out, "automation", r->automation);
	print_json_int(out, "stage", r->stage);
	print_json_text(out, "verdict", r->verdict);
	print_json_int_if(out, "exit_status", r->exited, r->exit_status);
	print_json_int_if(out, "signal", r->signal != 0, r->signal);
	print_json_bool(out, "timed_out", r->timed_out);
	print_json_int(out, "took_us", r->took_us);
	print_json_text(out, "reason", r->reason);
	print_json_text(out, "problem", r->problem);
	if (whole) {
		print_json_int(out, "started_ms", r->started_ms);
		print_json_text(out, "stdout", r->out);
		print_json_int(out, "stdout_bytes", r->out_bytes);
		print_json_text(out, "stderr", r->err);
		print_json_int(out, "stderr_bytes", r->err_bytes);
	}
	ccm_sbuf_addc(out, '}');
}

void print_csv_header(struct ccm_sbuf *out)
{
	ccm_sbuf_adds(out, "id,uuid,received_ms,time,event,tool,tool_use_id,session_id,agent_id,project,cwd,"
			   "permission_mode,valid,problem,verdict,reason,stop,failed,took_us,detail\r\n");
}

static void add_csv_text(struct ccm_sbuf *out, const char *text, bool clean)
{
	_cleanup_sbuf_ struct ccm_sbuf field = { 0 };
	const char *p;

	ccm_sbuf_addc(out, ',');
	if (!text)
		return;
	if (clean)
		ccm_term_clean(&field, text, strlen(text), CCM_CLEAN_LINE);
	else
		ccm_sbuf_adds(&field, text);
	out->failed |= field.failed;
	p = ccm_sbuf_str(&field);
	if (!p[strcspn(p, ",\"\r\n")]) {
		ccm_sbuf_adds(out, p);
		return;
	}
	ccm_sbuf_addc(out, '"');
	for (; *p; p++) {
		if (*p == '"')
			ccm_sbuf_addc(out, '"');
		ccm_sbuf_addc(out, *p);
	}
	ccm_sbuf_addc(out, '"');
}

void print_csv_row(struct ccm_sbuf *out, const struct history_event *e, bool clean)
{
	char time[32];

	ccm_sbuf_addf(out, "%lld", (long long)e->id);
	add_csv_text(out, e->uuid, clean);
	ccm_sbuf_addf(out, ",%lld", (long long)e->received_ms);
	add_csv_text(out, ccm_time_format(e->received_ms, true, time, sizeof time), clean);
	add_csv_text(out, e->event, clean);
	add_csv_text(out, e->tool, clean);
	add_csv_text(out, e->tool_use_id, clean);
	add_csv_text(out, e->session_id, clean);
	add_csv_text(out, e->agent_id, clean);
	add_csv_text(out, e->project, clean);
	add_csv_text(out, e->cwd, clean);
	add_csv_text(out, e->permission_mode, clean);
	ccm_sbuf_addf(out, ",%d", e->valid);
	add_csv_text(out, e->problem, clean);
	add_csv_text(out, e->verdict, clean);
	add_csv_text(out, e->reason, clean);
	ccm_sbuf_addf(out, ",%d,%d,", e->stop, e->failed);
	if (e->finished)
		ccm_sbuf_addf(out, "%lld", (long long)e->took_us);
	add_csv_text(out, e->detail, clean);
	ccm_sbuf_adds(out, "\r\n");
}
