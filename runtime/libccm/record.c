/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <errno.h>
#include <string.h>

#include "redact.h"
#include "utf8.h"

void ccm_record_done(struct ccm_record *r)
{
	for (size_t i = 0; i < r->owned_count; i++)
		free(r->owned[i]);
	free(r->owned);
	free(r->runs);
	json_decref(r->parsed);
	ccm_sbuf_done(&r->body);
	*r = (struct ccm_record){ 0 };
}

static const char *own(struct ccm_record *r, char *text)
{
	char **owned = text ? realloc(r->owned, (r->owned_count + 1) * sizeof *owned) : NULL;

	if (!owned) {
		free(text);
		return NULL;
	}
	r->owned = owned;
	r->owned[r->owned_count++] = text;
	return text;
}

/* The text as it may be kept: itself, or a redacted copy. NULL for NULL. */
static int keep(struct ccm_record *r, const char **to, const char *text)
{
	struct ccm_sbuf clean = { 0 };

	*to = text;
	if (!text || !r->redact)
		return 0;
	if (ccm_redact(&clean, text, strlen(text)) == 0) {
		ccm_sbuf_done(&clean);
		return 0;
	}
	*to = own(r, ccm_sbuf_take(&clean));
	return *to ? 0 : -ENOMEM;
}

/* Secrets go first: a cut could leave half of one behind that is no longer recognised. Only a text
 * that is JSON can be cut inside; what is not stays as it came. */
static int keep_payload(struct ccm_record *r, const struct ccm_event *e, const struct ccm_settings *s)
{
	_cleanup_sbuf_ struct ccm_sbuf trimmed = { 0 };

	r->payload_bytes = (int64_t)e->raw.bytes;
	if (s->payload == CCM_PAYLOAD_NONE)
		return 0;
	r->payload = ccm_sbuf_str(&e->raw);
	r->payload_kept_bytes = e->raw.bytes;
	r->payload_form = e->truncated ? "cut" : "full";
	if (r->redact) {
		r->payload_form = e->truncated ? "cut" : "redacted";
		ccm_redact(&r->body, r->payload, r->payload_kept_bytes);
		r->payload = ccm_sbuf_str(&r->body);
		r->payload_kept_bytes = r->body.bytes;
	}
	if (e->valid && s->max_text_bytes && r->payload_kept_bytes > (size_t)s->max_text_bytes &&
	    ccm_json_trim(&trimmed, r->payload, r->payload_kept_bytes, (size_t)s->max_text_bytes)) {
		ccm_sbuf_done(&r->body);
		r->body = trimmed;
		trimmed = (struct ccm_sbuf){ 0 };
		r->payload = ccm_sbuf_str(&r->body);
		r->payload_kept_bytes = r->body.bytes;
		r->payload_form = r->redact ? "redacted" : "trimmed";
	}
	return ccm_sbuf_error(&r->body);
}

int ccm_record_begin(struct ccm_record *r, const struct ccm_event *e, const struct ccm_settings *s)
{
	int err;

	*r = (struct ccm_record){
		.uuid = e->uuid, .host = CCM_HOST_NAME, .event = e->name, .tool = e->tool_name,
		.tool_use_id = e->tool_use_id, .session_id = e->session_id, .agent_id = e->agent_id,
		.agent_type = e->agent_type, .prompt_id = e->prompt_id, .project = e->project, .cwd = e->cwd,
		.permission_mode = e->permission_mode, .received_ms = e->received_ms, .valid = e->valid,
		.problem = e->valid ? NULL : ccm_sbuf_str(&e->problem), .model = e->model,
		.redact = s->payload == CCM_PAYLOAD_REDACTED,
	};
	if (e->name && strcmp(e->name, "SessionStart") == 0)
		r->source = e->source;
	if (e->name && strcmp(e->name, "SessionEnd") == 0)
		r->end_reason = e->reason ? e->reason : "unknown";
	err = keep_payload(r, e, s);
	/* Without payloads, what an event was about is not kept either. */
	if (err == 0 && s->payload != CCM_PAYLOAD_NONE)
		err = keep(r, &r->detail, e->detail);
	return err;
}

/* Output is stored as text: cut at a character, NUL and bytes that are not UTF-8 replaced. */
static int keep_output(struct ccm_record *r, const char **to, const struct ccm_sbuf *from, size_t max)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	size_t bytes = ccm_utf8_cut(ccm_sbuf_str(from), from->bytes, max), step;
	const char *owned;

	*to = NULL;
	if (!bytes)
		return 0;
	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(from->text + i, bytes - i, &step);

		ccm_utf8_add(&text, c ? c : CCM_UTF8_BAD);
	}
	owned = own(r, ccm_sbuf_take(&text));
	return owned ? keep(r, to, owned) : -ENOMEM;
}

int ccm_record_finish(struct ccm_record *r, const struct ccm_finish *f, const struct ccm_run *runs, size_t count,
		      size_t stored_output_bytes)
{
	int err;

	r->finish = *f;
	r->finished = true;
	err = keep(r, &r->finish.reason, f->reason);
	if (err == 0)
		err = keep(r, &r->finish.answer, f->answer);
	if (!count || err < 0)
		return err;
	r->runs = calloc(count, sizeof *r->runs);
	if (!r->runs)
		return -ENOMEM;
	for (size_t i = 0; i < count && err == 0; i++) {
		const struct ccm_run *run = &runs[i];
		struct ccm_run_record *to = &r->runs[r->run_count++];

		*to = (struct ccm_run_record){
			.automation = run->automation->name, .stage = run->automation->stage,
			.verdict = ccm_verdict_name(run->answer.verdict), .problem = run->answer.problem,
			.started_ms = run->started_ms, .took_us = run->result.took_us,
			.exit_status = run->result.exit_status, .signal = run->result.signal,
			.timed_out = run->result.timed_out, .out_bytes = (int64_t)run->result.out_bytes,
			.err_bytes = (int64_t)run->result.err_bytes,
		};
		err = keep(r, &to->reason, run->answer.reason);
		if (err == 0)
			err = keep_output(r, &to->out, &run->result.out, stored_output_bytes);
		if (err == 0)
			err = keep_output(r, &to->err, &run->result.err, stored_output_bytes);
	}
	return err;
}

/* ---- as JSON ---- */

static const struct field {
	const char *name;
	enum { TEXT, INT, BOOL } type;
	size_t offset;
} record_fields[] = {
#define TEXT_FIELD(f) { #f, TEXT, offsetof(struct ccm_record, f) }
	TEXT_FIELD(uuid), TEXT_FIELD(host), TEXT_FIELD(event), TEXT_FIELD(tool), TEXT_FIELD(tool_use_id),
	TEXT_FIELD(session_id), TEXT_FIELD(agent_id), TEXT_FIELD(agent_type), TEXT_FIELD(prompt_id),
	TEXT_FIELD(project), TEXT_FIELD(cwd), TEXT_FIELD(permission_mode), TEXT_FIELD(detail), TEXT_FIELD(problem),
	TEXT_FIELD(model), TEXT_FIELD(source), TEXT_FIELD(end_reason), TEXT_FIELD(payload_form),
#undef TEXT_FIELD
	{ "received_ms", INT, offsetof(struct ccm_record, received_ms) },
	{ "payload_bytes", INT, offsetof(struct ccm_record, payload_bytes) },
	{ "valid", BOOL, offsetof(struct ccm_record, valid) },
	{ 0 }
}, finish_fields[] = {
	{ "verdict", TEXT, offsetof(struct ccm_finish, verdict) },
	{ "reason", TEXT, offsetof(struct ccm_finish, reason) },
	{ "answer", TEXT, offsetof(struct ccm_finish, answer) },
	{ "note", TEXT, offsetof(struct ccm_finish, note) },
	{ "stop", BOOL, offsetof(struct ccm_finish, stop) },
	{ "exit_status", INT, offsetof(struct ccm_finish, exit_status) },
	{ "took_us", INT, offsetof(struct ccm_finish, took_us) },
	{ 0 }
}, run_fields[] = {
	{ "automation", TEXT, offsetof(struct ccm_run_record, automation) },
	{ "verdict", TEXT, offsetof(struct ccm_run_record, verdict) },
	{ "reason", TEXT, offsetof(struct ccm_run_record, reason) },
	{ "problem", TEXT, offsetof(struct ccm_run_record, problem) },
	{ "stdout", TEXT, offsetof(struct ccm_run_record, out) },
	{ "stderr", TEXT, offsetof(struct ccm_run_record, err) },
	{ "stage", INT, offsetof(struct ccm_run_record, stage) },
	{ "started_ms", INT, offsetof(struct ccm_run_record, started_ms) },
	{ "took_us", INT, offsetof(struct ccm_run_record, took_us) },
	{ "exit_status", INT, offsetof(struct ccm_run_record, exit_status) },
	{ "signal", INT, offsetof(struct ccm_run_record, signal) },
	{ "timed_out", BOOL, offsetof(struct ccm_run_record, timed_out) },
	{ "stdout_bytes", INT, offsetof(struct ccm_run_record, out_bytes) },
	{ "stderr_bytes", INT, offsetof(struct ccm_run_record, err_bytes) },
	{ 0 }
};

static json_t *pack(const struct field *fields, const void *from)
{
	json_t *object = json_object();

	for (const struct field *f = fields; object && f->name; f++) {
		const char *at = (const char *)from + f->offset;
		json_t *value = NULL;

		if (f->type == INT)
			value = json_integer(*(const int64_t *)(const void *)at);
		else if (f->type == BOOL)
			value = json_boolean(*(const bool *)at);
		else if (*(const char *const *)(const void *)at)
			value = json_string(*(const char *const *)(const void *)at);
		else
			continue;
		if (json_object_set_new(object, f->name, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static bool unpack(const struct field *fields, json_t *object, void *to)
{
	if (!json_is_object(object))
		return false;
	for (const struct field *f = fields; f->name; f++) {
		char *at = (char *)to + f->offset;
		json_t *value = json_object_get(object, f->name);

		if (f->type == INT && json_is_integer(value))
			*(int64_t *)(void *)at = json_integer_value(value);
		else if (f->type == BOOL && json_is_boolean(value))
			*(bool *)at = json_is_true(value);
		else if (f->type == TEXT && (!value || json_is_string(value)))
			*(const char **)(void *)at = json_string_value(value);
		else
			return false;
	}
	return true;
}

static int dump(json_t *object, struct ccm_sbuf *out)
{
	_cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	ccm_sbuf_addf(out, "%s\n", text);
	return ccm_sbuf_error(out);
}

int ccm_record_write(const struct ccm_record *r, struct ccm_sbuf *out)
{
	json_auto_t *object = pack(record_fields, r);

	if (!object || json_object_set_new(object, "kept_bytes", json_integer((json_int_t)r->payload_kept_bytes)) < 0)
		return -ENOMEM;
	return dump(object, out);
}

int ccm_record_write_finish(const struct ccm_record *r, struct ccm_sbuf *out)
{
	json_auto_t *object = pack(finish_fields, &r->finish);
	json_t *runs = json_array();

	for (size_t i = 0; i < r->run_count; i++)
		json_array_append_new(runs, pack(run_fields, &r->runs[i]));
	if (!object || json_array_size(runs) != r->run_count || json_object_set_new(object, "runs", runs) < 0)
		return -ENOMEM;
	return dump(object, out);
}

int ccm_record_read(struct ccm_record *r, const char *line, size_t bytes)
{
	json_t *object = json_loadb(line, bytes, 0, NULL), *kept;

	*r = (struct ccm_record){ .parsed = json_array() };
	if (!object || !r->parsed || json_array_append_new(r->parsed, object) < 0)
		return -CCM_E_JSON;
	kept = json_object_get(object, "kept_bytes");
	if (!unpack(record_fields, object, r) || !r->uuid || !r->host || !json_is_integer(kept) ||
	    json_integer_value(kept) < 0)
		return -CCM_E_JSON;
	r->payload_kept_bytes = (size_t)json_integer_value(kept);
	return 0;
}

int ccm_record_read_finish(struct ccm_record *r, const char *line, size_t bytes)
{
	json_t *object = json_loadb(line, bytes, 0, NULL), *runs;

	if (!object || json_array_append_new(r->parsed, object) < 0)
		return -CCM_E_JSON;
	runs = json_object_get(object, "runs");
	if (!unpack(finish_fields, object, &r->finish) || !r->finish.verdict || !json_is_array(runs))
		return -CCM_E_JSON;
	r->runs = calloc(json_array_size(runs) + 1, sizeof *r->runs);
	if (!r->runs)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		struct ccm_run_record *run = &r->runs[r->run_count++];

		if (!unpack(run_fields, json_array_get(runs, i), run) || !run->automation || !run->verdict)
			return -CCM_E_JSON;
	}
	r->finished = true;
	return 0;
}
