/* SPDX-License-Identifier: MIT */
/* print - recorded events on a person's terminal, and as JSON and CSV for programs.
 *
 * Text that an agent, a tool or an automation wrote is shown without its control bytes in every form
 * for people, and escaped in JSON: nothing that was recorded can drive the reader's terminal.
 * All functions append to a struct ccm_sbuf, whose error the caller asks for.
 */
#ifndef CCM_HOOK_PRINT_H
#define CCM_HOOK_PRINT_H

#include "history.h"
#include "libccm/sbuf.h"
#include "libccm/term.h"

/* Writes what is in s to stdout and empties it. -EPIPE: nobody reads any more. */
int print_out(struct ccm_sbuf *s);

enum print_colour { PRINT_BOLD = 1, PRINT_DIM = 2, PRINT_RED = 31, PRINT_GREEN = 32, PRINT_YELLOW = 33, PRINT_CYAN = 36 };
void print_colour(struct ccm_sbuf *out, bool colour, enum print_colour c);
void print_plain(struct ccm_sbuf *out, bool colour);

/* At most seven columns: 0.3ms, 123ms, 12.3s, 2m05s, 1h10m. */
void print_took(struct ccm_sbuf *out, int64_t took_us);

/* "none" to "deny"; "running"; "no end" for an event that is too old to be running still. */
const char *print_verdict_name(const struct history_event *e, int64_t now_ms);

/* In the verdict's colour. */
void print_verdict(struct ccm_sbuf *out, bool colour, const char *verdict);

/* The event as one line of a table. */
struct print_table {
	size_t columns;                      /* of the line; 0: as long as it gets */
	bool colour;
	int64_t now_ms;
	size_t id, event, tool, session;     /* widths; session 0: left out */
};
/* Fits the table to where stdout leads; last_id says how wide ids are. */
void print_table_init(struct print_table *t, int64_t last_id);
void print_table_header(const struct print_table *t, struct ccm_sbuf *out);
void print_table_row(const struct print_table *t, const struct history_event *e, struct ccm_sbuf *out);

/* A headline, and a line for each thing that is known of the event. */
void print_event(struct ccm_sbuf *out, const struct history_event *e, int64_t now_ms, bool colour);

/* "  name       value", with further lines of the value below it; nothing if the value is NULL. */
void print_field(struct ccm_sbuf *out, const char *name, const char *value);

/* "exit 0", "signal 11 (Segmentation fault)", "timed out", "not started". */
void print_run_ending(struct ccm_sbuf *out, const struct history_run *r);

/* One run in a line: its name, verdict, time, how it ended, and its reason or what was wrong with it. */
void print_run_line(struct ccm_sbuf *out, const struct history_run *r, bool colour);

/* All of a run, in several lines. */
void print_run(struct ccm_sbuf *out, const struct history_run *run, bool colour);

/* An empty line and a headline. */
void print_title(struct ccm_sbuf *out, bool colour, const char *title);

/* Every line of the text behind that many blanks; documents laid out, everything else as it is, cleaned. */
void print_block(struct ccm_sbuf *out, const char *text, size_t bytes, int blanks);

/* count of whole as a bar of at most columns columns, in eighths; something is always to be seen of a count. */
void print_bar(struct ccm_sbuf *out, int64_t count, int64_t whole, size_t columns);

/* 1234567 as 1,234,567 */
void print_count(struct ccm_sbuf *out, int64_t n);

/* JSON: members are ,"name":value (no comma behind an opening bracket); NULL is null. */
void print_json_text(struct ccm_sbuf *out, const char *name, const char *text);
void print_json_int(struct ccm_sbuf *out, const char *name, int64_t n);
void print_json_bool(struct ccm_sbuf *out, const char *name, bool b);
void print_json_null(struct ccm_sbuf *out, const char *name);
void print_json_name(struct ccm_sbuf *out, const char *name);

/* The event's members, without the braces around them. */
void print_event_json(struct ccm_sbuf *out, const struct history_event *e);
/* One run as an object; whole: with its times and output, too. */
void print_run_json(struct ccm_sbuf *out, const struct history_run *r, bool whole);

/* CSV as in RFC 4180; clean: for a terminal. */
void print_csv_header(struct ccm_sbuf *out);
void print_csv_row(struct ccm_sbuf *out, const struct history_event *e, bool clean);

#endif
