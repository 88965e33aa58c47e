/* SPDX-License-Identifier: MIT */
/* record - one event as it is kept: the same in the database and in the spool.
 *
 * What [storage] payload asks for is done here, once: a record is redacted or without its payload
 * before any byte of it is written anywhere.
 *
 * Ownership: texts are borrowed from the event, the runs, or the record's own memory, which
 *            ccm_record_done() releases; the event and the runs must outlive it.
 * Units:     _ms Unix milliseconds, _us microseconds.
 */
#ifndef CCM_RECORD_H
#define CCM_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "settings.h"
#include "stage.h"

/* What became of the event; table event, second half. */
struct ccm_finish {
	const char *verdict, *reason, *answer, *note;
	bool stop;
	int64_t exit_status, took_us;
};

/* Table run. */
struct ccm_run_record {
	const char *automation, *verdict, *reason, *problem, *out, *err;
	int64_t stage, started_ms, took_us, exit_status, signal;     /* exit_status -1, signal 0: none */
	bool timed_out;
	int64_t out_bytes, err_bytes;
};

struct ccm_record {
	const char *uuid, *host, *event, *tool, *tool_use_id, *session_id, *agent_id, *agent_type, *prompt_id;
	const char *project, *cwd, *permission_mode, *detail, *problem;
	const char *model, *source, *end_reason;     /* for the session's row */
	int64_t received_ms, payload_bytes;
	bool valid;
	const char *payload_form;                    /* full, trimmed, redacted, cut; NULL: not kept */
	const char *payload;
	size_t payload_kept_bytes;

	bool finished;                               /* finish and runs are filled in */
	struct ccm_finish finish;
	struct ccm_run_record *runs;
	size_t run_count;

	bool redact;
	char **owned;                                /* texts made for this record */
	size_t owned_count;
	json_t *parsed;                              /* read from the spool: what the texts point into */
	struct ccm_sbuf body;
};

/* Takes over what the event says; not finished yet. */
int ccm_record_begin(struct ccm_record *r, const struct ccm_event *e, const struct ccm_settings *s);

/* Adds what became of it. stored_output_bytes: how much of each stream is kept. */
int ccm_record_finish(struct ccm_record *r, const struct ccm_finish *f, const struct ccm_run *runs, size_t count,
		      size_t stored_output_bytes);
void ccm_record_done(struct ccm_record *r);
#define _cleanup_record_ _cleanup_(ccm_record_done)

/* The parts of the record other than its payload, as one line of JSON and back. */
int ccm_record_write(const struct ccm_record *r, struct ccm_sbuf *out);
int ccm_record_write_finish(const struct ccm_record *r, struct ccm_sbuf *out);
int ccm_record_read(struct ccm_record *r, const char *line, size_t bytes);
int ccm_record_read_finish(struct ccm_record *r, const char *line, size_t bytes);

#endif
