/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

const char *ccm_verdict_name(enum ccm_verdict v)
{
	static const char *const names[] = { "none", "allow", "ask", "defer", "deny" };

	return names[v];
}

void ccm_answer_done(struct ccm_answer *a)
{
	free(a->reason);
	free(a->stop_reason);
	free(a->context);
	free(a->message);
	free(a->sequence);
	free(a->path);
	free(a->updated_input);
	free(a->request);
	free(a->problem);
	ccm_sbuf_done(&a->fields);
	*a = (struct ccm_answer){ 0 };
}

static int format(char **to, const char *words, ...) _printf_(2, 3);

static int format(char **to, const char *words, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, words);
	vsnprintf(buf, sizeof buf, words, ap);
	va_end(ap);
	free(*to);
	*to = strdup(buf);
	return *to ? 0 : -ENOMEM;
}

/* ---- reading one automation's document ---- */

struct document {
	struct ccm_json top;                 /* the object; its text is the repaired output */
	struct ccm_answer *answer;
	const char *event;
	const struct ccm_host_event *spec;
	bool has_specific;
	char error[256];                     /* why the host would throw it away */
};

static bool refuse(struct document *d, const char *words, ...) _printf_(2, 3);

static bool refuse(struct document *d, const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	vsnprintf(d->error, sizeof d->error, words, ap);
	va_end(ap);
	return false;
}

static bool want(struct document *d, const char *name, const struct ccm_json *v, unsigned types)
{
	if (v->type & types)
		return true;
	return refuse(d, "'%s' must be %s, not %s", name, ccm_json_type_name(types), ccm_json_type_name(v->type));
}

static bool set_string(struct document *d, const char *name, const struct ccm_json *v, char **to)
{
	if (!want(d, name, v, CCM_JSON_STRING))
		return false;
	free(*to);
	*to = ccm_json_string(v);
	return *to || refuse(d, "out of memory");
}

static bool set_raw(struct document *d, const struct ccm_json *v, char **to)
{
	free(*to);
	*to = strndup(v->text, v->bytes);
	return *to || refuse(d, "out of memory");
}

static bool read_permission(struct document *d, const struct ccm_json *v)
{
	static const enum ccm_verdict all[] = { CCM_VERDICT_ALLOW, CCM_VERDICT_ASK, CCM_VERDICT_DEFER,
						CCM_VERDICT_DENY };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (ccm_json_is(v, ccm_verdict_name(all[i]))) {
			d->answer->verdict = all[i];
			return true;
		}
	}
	return refuse(d, "'permissionDecision' must be allow, deny, ask or defer, not %.*s",
		      v->bytes < 40 ? (int)v->bytes : 40, v->text);
}

/* PermissionRequest: { "behavior": "allow" | "deny", ... } goes on as it is. */
static bool read_request(struct document *d, const struct ccm_json *v)
{
	static const struct ccm_host_field members[] = {
		{ "updatedInput", CCM_JSON_OBJECT }, { "updatedPermissions", CCM_JSON_ARRAY },
		{ "message", CCM_JSON_STRING }, { "interrupt", CCM_JSON_BOOLEAN },
	};
	struct ccm_json behavior, member;

	if (!want(d, "decision", v, CCM_JSON_OBJECT))
		return false;
	if (!ccm_json_member(v, "behavior", &behavior))
		return refuse(d, "'decision' needs a 'behavior'");
	if (ccm_json_is(&behavior, "allow"))
		d->answer->verdict = CCM_VERDICT_ALLOW;
	else if (ccm_json_is(&behavior, "deny"))
		d->answer->verdict = CCM_VERDICT_DENY;
	else
		return refuse(d, "'behavior' must be allow or deny");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (ccm_json_member(v, members[i].name, &member) && !want(d, members[i].name, &member, members[i].types))
			return false;
	if (ccm_json_member(v, "message", &member) && !set_string(d, "message", &member, &d->answer->reason))
		return false;
	return set_raw(d, v, &d->answer->request);
}

/* A field that only this event has, passed on unchanged. */
static bool read_field(struct document *d, const struct ccm_json *key, const struct ccm_json *v)
{
	const struct ccm_host_field *f = d->spec ? d->spec->answer : NULL;
	struct ccm_sbuf *fields = &d->answer->fields;

	for (; f && f->name; f++) {
		if (!ccm_json_is(key, f->name))
			continue;
		if (v->type == CCM_JSON_NULL || !want(d, f->name, v, f->types))
			return d->error[0] ? false : refuse(d, "'%s' must not be null", f->name);
		if (strcmp(f->name, "updatedInput") == 0)
			return set_raw(d, v, &d->answer->updated_input);
		if (fields->bytes)
			ccm_sbuf_addc(fields, ',');
		ccm_json_quote(fields, f->name, strlen(f->name));
		ccm_sbuf_addc(fields, ':');
		ccm_sbuf_add(fields, v->text, v->bytes);
		return true;
	}
	return true;
}

static bool read_action(struct document *d, const struct ccm_json *v)
{
	if (ccm_json_is(v, "decline"))
		d->answer->verdict = CCM_VERDICT_DENY;
	else if (!ccm_json_is(v, "accept") && !ccm_json_is(v, "cancel"))
		return refuse(d, "'action' must be accept, decline or cancel");
	return true;
}

static bool read_specific_member(struct document *d, const struct ccm_json *key, const struct ccm_json *v)
{
	enum ccm_verdict_by by = d->spec ? d->spec->verdict : CCM_VERDICT_BY_exit;

	if (ccm_json_is(key, "hookEventName"))
		return ccm_json_is(v, d->event) ||
		       refuse(d, "'hookEventName' must be %s, the event at hand", d->event);
	if (ccm_json_is(key, "additionalContext"))
		return set_string(d, "additionalContext", v, &d->answer->context);
	if (by == CCM_VERDICT_BY_permission && ccm_json_is(key, "permissionDecision"))
		return read_permission(d, v);
	if (by == CCM_VERDICT_BY_permission && ccm_json_is(key, "permissionDecisionReason"))
		return set_string(d, "permissionDecisionReason", v, &d->answer->reason);
	if (by == CCM_VERDICT_BY_request && ccm_json_is(key, "decision"))
		return read_request(d, v);
	if (by == CCM_VERDICT_BY_elicit && ccm_json_is(key, "action") && !read_action(d, v))
		return false;
	return read_field(d, key, v);
}

static bool read_specific(struct document *d, const struct ccm_json *object)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;

	if (d->spec && !d->spec->specific)
		return refuse(d, "%s has no 'hookSpecificOutput'", d->event);
	if (!want(d, "hookSpecificOutput", object, CCM_JSON_OBJECT))
		return false;
	if (!ccm_json_member(object, "hookEventName", &value))
		return refuse(d, "'hookSpecificOutput' needs \"hookEventName\": \"%s\"", d->event);
	if (d->spec && d->spec->verdict == CCM_VERDICT_BY_request && !ccm_json_member(object, "decision", &value))
		return refuse(d, "'hookSpecificOutput' needs a 'decision' at %s", d->event);
	ccm_json_iter_value(&it, object);
	while (ccm_json_next(&it, &key, &value) > 0)
		if (!read_specific_member(d, &key, &value))
			return false;
	return true;
}

static bool read_legacy(struct document *d, const struct ccm_json *v, enum ccm_verdict *ret)
{
	if (ccm_json_is(v, "block"))
		*ret = CCM_VERDICT_DENY;
	else if (ccm_json_is(v, "approve"))
		*ret = CCM_VERDICT_ALLOW;
	else
		return refuse(d, "'decision' must be approve or block");
	return true;
}

static bool read_top(struct document *d)
{
	struct ccm_json_iter it;
	struct ccm_json key, value, specific = { 0 };
	enum ccm_verdict legacy = CCM_VERDICT_NONE;
	_cleanup_free_ char *reason = NULL;
	bool ok = true;

	ccm_json_iter_value(&it, &d->top);
	while (ok && ccm_json_next(&it, &key, &value) > 0) {
		if (ccm_json_is(&key, "continue")) {
			ok = want(d, "continue", &value, CCM_JSON_BOOLEAN);
			d->answer->stop = ok && value.bytes == strlen("false");
		} else if (ccm_json_is(&key, "suppressOutput")) {
			ok = want(d, "suppressOutput", &value, CCM_JSON_BOOLEAN);
		} else if (ccm_json_is(&key, "stopReason")) {
			ok = set_string(d, "stopReason", &value, &d->answer->stop_reason);
		} else if (ccm_json_is(&key, "systemMessage")) {
			ok = set_string(d, "systemMessage", &value, &d->answer->message);
		} else if (ccm_json_is(&key, "terminalSequence")) {
			ok = set_string(d, "terminalSequence", &value, &d->answer->sequence);
		} else if (ccm_json_is(&key, "decision")) {
			ok = read_legacy(d, &value, &legacy);
		} else if (ccm_json_is(&key, "reason")) {
			ok = set_string(d, "reason", &value, &reason);
		} else if (ccm_json_is(&key, "hookSpecificOutput")) {
			specific = value;
			d->has_specific = true;
		}
	}
	if (ok && d->has_specific)
		ok = read_specific(d, &specific);
	if (!ok)
		return false;
	/* The older form counts where the newer one says nothing. */
	if (d->answer->verdict == CCM_VERDICT_NONE) {
		d->answer->verdict = legacy;
		if (reason && !d->answer->reason)
			d->answer->reason = TAKE_PTR(reason);
	}
	return true;
}

/* Empties what a refused document has left behind. */
static void forget(struct ccm_answer *a)
{
	char *problem = TAKE_PTR(a->problem);
	bool failed = a->failed;

	ccm_answer_done(a);
	a->problem = problem;
	a->failed = failed;
}

enum kind { IS_NOTHING, IS_TEXT, IS_DOCUMENT, IS_BAD };

/* Whether stdout is a document, and if so what it says. */
static int read_document(const char *event, const struct ccm_host_event *spec, const struct ccm_sbuf *out,
			 struct ccm_answer *a, enum kind *ret_kind)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct document d = { .answer = a, .event = event, .spec = spec };
	struct ccm_json_error error = { 0 };
	const char *p = ccm_sbuf_str(out), *end = p + out->bytes;
	int r;

	if (end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p < end && strchr(" \t\r\n", *p) && *p)
		p++;
	*ret_kind = p == end ? IS_NOTHING : IS_TEXT;
	if (p == end || *p != '{')
		return 0;
	ccm_json_repair(&text, p, (size_t)(end - p));
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	r = ccm_json_parse(text.text, text.bytes, &d.top, &error);
	if (r < 0)
		return format(&a->problem, "stdout begins with { but is not one JSON document: %s (byte %zu)", error.what,
			      error.offset);
	if (read_top(&d)) {
		*ret_kind = IS_DOCUMENT;
		return ccm_sbuf_error(&a->fields);
	}
	forget(a);
	*ret_kind = IS_BAD;
	return format(&a->problem, "the answer is refused: %s", d.error);
}

/* Text without blanks around it; NULL if that is nothing. */
static int trimmed(const struct ccm_sbuf *from, char **ret)
{
	const char *p = ccm_sbuf_str(from), *end = p + from->bytes;
	struct ccm_sbuf clean = { 0 };

	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
		end--;
	*ret = NULL;
	if (p == end)
		return 0;
	for (size_t step; p < end; p += step) {
		uint32_t c = ccm_utf8_next(p, (size_t)(end - p), &step);

		ccm_utf8_add(&clean, c ? c : CCM_UTF8_BAD);
	}
	*ret = ccm_sbuf_take(&clean);
	return *ret ? 0 : -ENOMEM;
}

static int read_text(const struct ccm_host_event *spec, const struct ccm_sbuf *out, struct ccm_answer *a)
{
	if (!spec)
		return 0;
	if (spec->plain == CCM_PLAIN_context)
		return trimmed(out, &a->context);
	if (spec->plain == CCM_PLAIN_path)
		return trimmed(out, &a->path);
	return 0;
}

/* Exit status 2 blocks, whatever else was said; a JSON reason is better than stderr. */
static int read_block(const struct ccm_proc_result *result, struct ccm_answer *a, enum kind kind)
{
	bool json_deny = kind == IS_DOCUMENT && a->verdict == CCM_VERDICT_DENY && a->reason;
	int r = 0;

	a->verdict = CCM_VERDICT_DENY;
	a->failed = false;
	free(a->updated_input);
	a->updated_input = NULL;
	if (!json_deny) {
		/* An allow with what belongs to it. */
		free(a->request);
		a->request = NULL;
		free(a->reason);
		a->reason = NULL;
		r = trimmed(&result->err, &a->reason);
	}
	if (r == 0 && !a->reason)
		r = format(&a->reason, "blocked with exit status 2 and no message");
	return r;
}

static int explain_end(const struct ccm_proc_result *result, struct ccm_answer *a)
{
	const char *hint = "";

	a->failed = true;
	if (result->error == -ENOENT)
		hint = ": the interpreter in its first line (#!) is not there";
	else if (result->error == -ENOEXEC)
		hint = ": its first line must be #! and an interpreter, as in #!/bin/sh";
	else if (result->error == -E2BIG)
		hint = ": its environment is too large";
	if (result->error)
		return format(&a->problem, "could not be started: %s%s", strerror(-result->error), hint);
	if (result->timed_out)
		return format(&a->problem, "was ended at its deadline after %lld ms", (long long)result->took_us / 1000);
	if (result->interrupted)
		return format(&a->problem, "was ended because ccm-hook was asked to end");
	if (result->signal)
		return format(&a->problem, "was ended by signal %d (%s)", result->signal, strsignal(result->signal));
	return format(&a->problem, "failed with exit status %d", result->exit_status);
}

int ccm_answer_read(const char *event, const struct ccm_host_event *spec, const struct ccm_proc_result *result,
		    struct ccm_answer *ret)
{
	enum kind kind = IS_NOTHING;
	struct ccm_answer a = { 0 };
	bool cut = result->out_bytes > result->out.bytes;
	int r = 0;

	/* The host, too, drops whatever a hook printed that it had to end. */
	if (result->error || result->timed_out || result->interrupted)
		r = explain_end(result, &a);
	else if (cut)
		r = format(&a.problem, "printed %zu bytes, more than the %zu that are taken", result->out_bytes,
			   result->out.bytes);
	else
		r = read_document(event, spec, &result->out, &a, &kind);
	a.failed = a.failed || cut || kind == IS_BAD || (kind == IS_TEXT && a.problem);
	if (r == 0 && !result->error && !result->timed_out && !result->interrupted) {
		if (result->exit_status == 2)
			r = read_block(result, &a, kind);
		else if (kind == IS_TEXT && result->exit_status == 0)
			r = read_text(spec, &result->out, &a);
		else if (result->exit_status != 0 && kind != IS_DOCUMENT)
			r = a.problem ? 0 : explain_end(result, &a);
	}
	if (r < 0) {
		ccm_answer_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}

/* ---- merging ---- */

void ccm_outcome_done(struct ccm_outcome *o)
{
	ccm_sbuf_done(&o->reason);
	ccm_sbuf_done(&o->context);
	ccm_sbuf_done(&o->message);
	ccm_sbuf_done(&o->sequence);
	ccm_sbuf_done(&o->fields);
	free(o->stop_reason);
	free(o->updated_input);
	free(o->updated_by);
	free(o->request);
	free(o->path);
	*o = (struct ccm_outcome){ 0 };
}

static void join(struct ccm_sbuf *to, const char *separator, const char *text)
{
	if (!text || !text[0])
		return;
	if (to->bytes)
		ccm_sbuf_adds(to, separator);
	ccm_sbuf_adds(to, text);
}

static int replace(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

static void add_reason(struct ccm_outcome *o, const char *name, const char *reason)
{
	if (o->reason.bytes)
		ccm_sbuf_addc(&o->reason, '\n');
	ccm_sbuf_addf(&o->reason, "%s: ", name);
	ccm_sbuf_adds(&o->reason, reason ? reason : "no reason given");
}

/* Reasons of the highest rank are kept, all of them, in order. */
static int add_verdict(struct ccm_outcome *o, const char *name, const struct ccm_answer *a)
{
	if (a->verdict == CCM_VERDICT_NONE || a->verdict < o->verdict)
		return 0;
	if (a->verdict > o->verdict) {
		ccm_sbuf_clear(&o->reason);
		o->verdict = a->verdict;
		free(o->request);
		o->request = NULL;
	}
	if (a->reason || a->verdict == CCM_VERDICT_DENY)
		add_reason(o, name, a->reason);
	if (a->request && !o->request)
		return replace(&o->request, a->request);
	return 0;
}

static bool same_json(const char *a, const char *b)
{
	json_auto_t *ja = NULL, *jb = NULL;

	if (strcmp(a, b) == 0)
		return true;
	ja = json_loads(a, JSON_ALLOW_NUL, NULL);
	jb = json_loads(b, JSON_ALLOW_NUL, NULL);
	return ja && jb && json_equal(ja, jb);
}

/* One stage runs side by side: nobody saw the other's change, so two different ones are a conflict. */
static int add_input(struct ccm_outcome *o, const char *name, const struct ccm_answer *a, const char **stage_by,
		     const char **stage_input)
{
	if (!a->updated_input || a->verdict == CCM_VERDICT_DENY)
		return 0;
	if (*stage_by && !same_json(*stage_input, a->updated_input)) {
		struct ccm_sbuf words = { 0 };
		struct ccm_answer ask = { .verdict = CCM_VERDICT_ASK };
		int r;

		o->conflict = true;
		ccm_sbuf_addf(&words, "%s and this automation change the tool's input in different ways; "
			      "give them different order numbers", *stage_by);
		ask.reason = ccm_sbuf_take(&words);
		r = ask.reason ? add_verdict(o, name, &ask) : -ENOMEM;
		free(ask.reason);
		return r;
	}
	*stage_by = name;
	*stage_input = a->updated_input;
	return 0;
}

static void add_fields(struct ccm_outcome *o, const struct ccm_answer *a)
{
	if (!a->fields.bytes)
		return;
	if (o->fields.bytes)
		ccm_sbuf_addc(&o->fields, ',');
	ccm_sbuf_add(&o->fields, a->fields.text, a->fields.bytes);
}

int ccm_outcome_add_stage(struct ccm_outcome *o, const char *const *names, const struct ccm_answer *answers,
			  size_t count)
{
	const char *input_by = NULL, *input = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct ccm_answer *a = &answers[i];

		r = add_verdict(o, names[i], a);
		if (r == 0)
			r = add_input(o, names[i], a, &input_by, &input);
		if (a->stop && !o->stop) {
			o->stop = true;
			if (r == 0 && a->stop_reason)
				r = replace(&o->stop_reason, a->stop_reason);
		}
		join(&o->context, "\n\n", a->context);
		join(&o->message, "\n", a->message);
		join(&o->sequence, "", a->sequence);
		if (r == 0 && a->path)
			r = replace(&o->path, a->path);
		add_fields(o, a);
	}
	if (r == 0 && input && !o->conflict) {
		r = replace(&o->updated_input, input);
		if (r == 0)
			r = replace(&o->updated_by, input_by);
	}
	if (r == 0 && (ccm_sbuf_error(&o->reason) || ccm_sbuf_error(&o->context) || ccm_sbuf_error(&o->message) ||
		       ccm_sbuf_error(&o->sequence) || ccm_sbuf_error(&o->fields)))
		r = -ENOMEM;
	return r;
}

int ccm_outcome_settle(struct ccm_outcome *o, enum ccm_verdict verdict, const char *name, const char *reason)
{
	_cleanup_sbuf_ struct ccm_sbuf asked = { 0 };

	ccm_sbuf_add(&asked, ccm_sbuf_str(&o->reason), o->reason.bytes);
	ccm_sbuf_clear(&o->reason);
	o->verdict = verdict;
	add_reason(o, name, reason);
	if (asked.bytes)
		ccm_sbuf_addf(&o->reason, "\n%s", asked.text);
	return ccm_sbuf_error(&asked) || ccm_sbuf_error(&o->reason) ? -ENOMEM : 0;
}

/* ---- rendering ---- */

struct object {
	struct ccm_sbuf *out;
	bool has_member;
};

static void member(struct object *o, const char *name)
{
	ccm_sbuf_addc(o->out, o->has_member ? ',' : '{');
	ccm_sbuf_addf(o->out, "\"%s\":", name);
	o->has_member = true;
}

static void member_string(struct object *o, const char *name, const char *text, size_t bytes)
{
	member(o, name);
	ccm_json_quote(o->out, text, bytes);
}

static void member_raw(struct object *o, const char *name, const char *json)
{
	member(o, name);
	ccm_sbuf_adds(o->out, json);
}

/* How many bytes of text fit into max of the units the host counts in: UTF-16. */
static size_t fitting_bytes(const char *text, size_t bytes, size_t max)
{
	size_t units = 0, i = 0, step;

	while (i < bytes) {
		units += ccm_utf8_next(text + i, bytes - i, &step) > 0xffff ? 2 : 1;
		if (units > max)
			break;
		i += step;
	}
	return i;
}

/* A text over the host's cap would be replaced by a path and a small preview: it is cut at a line,
 * with a pointer to the whole. */
static bool cap(struct ccm_sbuf *text, const char *what, const char *id)
{
	char pointer[160];
	size_t fits, line;

	if (fitting_bytes(ccm_sbuf_str(text), text->bytes, CCM_HOST_CONTEXT_MAX_CHARS) == text->bytes)
		return false;
	snprintf(pointer, sizeof pointer, "\n[%s was cut here; the whole: ccm-hook show %s]", what, id);
	fits = fitting_bytes(text->text, text->bytes, CCM_HOST_CONTEXT_MAX_CHARS - strlen(pointer));
	for (line = fits; line > 0 && text->text[line] != '\n'; line--)
		;
	text->bytes = line ? line : fits;
	text->text[text->bytes] = '\0';
	ccm_sbuf_adds(text, pointer);
	return true;
}

/* What only this event has; the last of several automations wins. */
static void specific_fields(struct object *o, const struct ccm_outcome *m)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json fields, value;

	if (!m->fields.bytes)
		return;
	ccm_sbuf_addf(&text, "{%s}", m->fields.text);
	if (ccm_sbuf_error(&text))
		return;
	fields = (struct ccm_json){ text.text, text.bytes, CCM_JSON_OBJECT, false };
	for (const struct ccm_host_field *f = m->spec->answer; f->name; f++) {
		if (!ccm_json_member(&fields, f->name, &value))
			continue;
		member(o, f->name);
		ccm_sbuf_add(o->out, value.text, value.bytes);
	}
}

/* PermissionRequest: the winner's own decision, with the message that names every reason. */
static void request_decision(struct object *o, const struct ccm_outcome *m)
{
	struct object decision = { .out = o->out };
	struct ccm_json_iter it;
	struct ccm_json key, value;
	bool deny = m->verdict == CCM_VERDICT_DENY;

	member(o, "decision");
	member_raw(&decision, "behavior", deny ? "\"deny\"" : "\"allow\"");
	if (deny)
		member_string(&decision, "message", ccm_sbuf_str(&m->reason), m->reason.bytes);
	if (m->request) {
		ccm_json_iter_text(&it, m->request, strlen(m->request));
		while (ccm_json_next(&it, &key, &value) > 0) {
			if (ccm_json_is(&key, "behavior") || (deny && ccm_json_is(&key, "message")))
				continue;
			ccm_sbuf_addc(o->out, ',');
			ccm_sbuf_add(o->out, key.text, key.bytes);
			ccm_sbuf_addc(o->out, ':');
			ccm_sbuf_add(o->out, value.text, value.bytes);
		}
	}
	ccm_sbuf_addc(o->out, '}');
}

static void add_specific(struct object *top, const struct ccm_outcome *m)
{
	_cleanup_sbuf_ struct ccm_sbuf body = { 0 };
	struct object o = { .out = &body };
	const struct ccm_host_event *spec = m->spec;

	if (spec->verdict == CCM_VERDICT_BY_permission && m->verdict != CCM_VERDICT_NONE) {
		member_string(&o, "permissionDecision", ccm_verdict_name(m->verdict),
			      strlen(ccm_verdict_name(m->verdict)));
		if (m->reason.bytes)
			member_string(&o, "permissionDecisionReason", m->reason.text, m->reason.bytes);
	}
	if (spec->verdict == CCM_VERDICT_BY_permission && m->updated_input && m->verdict != CCM_VERDICT_DENY)
		member_raw(&o, "updatedInput", m->updated_input);
	if (spec->verdict == CCM_VERDICT_BY_request &&
	    (m->verdict == CCM_VERDICT_DENY || m->verdict == CCM_VERDICT_ALLOW))
		request_decision(&o, m);
	if (spec->context && m->context.bytes)
		member_string(&o, "additionalContext", m->context.text, m->context.bytes);
	if (spec->verdict == CCM_VERDICT_BY_elicit && m->verdict == CCM_VERDICT_DENY)
		member_raw(&o, "action", "\"decline\"");
	else
		specific_fields(&o, m);
	if (!o.has_member)
		return;
	member(top, "hookSpecificOutput");
	ccm_sbuf_addf(top->out, "{\"hookEventName\":\"%s\",", spec->name);
	ccm_sbuf_adds(top->out, ccm_sbuf_str(&body) + 1);
	ccm_sbuf_addc(top->out, '}');
}

static bool blocks(const struct ccm_outcome *m)
{
	if (m->verdict != CCM_VERDICT_DENY || m->spec->verdict != CCM_VERDICT_BY_block)
		return false;
	/* Stopping for good and going on because of a block exclude each other: the stop wins. */
	return !(m->stop && (strcmp(m->spec->name, "Stop") == 0 || strcmp(m->spec->name, "SubagentStop") == 0));
}

static void add_top(struct object *o, const struct ccm_outcome *m)
{
	if (blocks(m)) {
		member_raw(o, "decision", "\"block\"");
		member_string(o, "reason", ccm_sbuf_str(&m->reason), m->reason.bytes);
	}
	if (!m->spec->document)
		return;
	if (m->stop) {
		member_raw(o, "continue", "false");
		if (m->stop_reason)
			member_string(o, "stopReason", m->stop_reason, strlen(m->stop_reason));
	}
	if (m->message.bytes)
		member_string(o, "systemMessage", m->message.text, m->message.bytes);
	if (m->sequence.bytes)
		member_string(o, "terminalSequence", m->sequence.text, m->sequence.bytes);
	add_specific(o, m);
}

enum ccm_verdict ccm_outcome_verdict(const struct ccm_outcome *m)
{
	bool deny = m->verdict == CCM_VERDICT_DENY;

	switch (m->spec ? m->spec->verdict : CCM_VERDICT_BY_exit) {
	case CCM_VERDICT_BY_permission:
		return m->verdict;
	case CCM_VERDICT_BY_request:
		return deny || m->verdict == CCM_VERDICT_ALLOW ? m->verdict : CCM_VERDICT_NONE;
	case CCM_VERDICT_BY_none:
		return CCM_VERDICT_NONE;
	default:
		return deny ? CCM_VERDICT_DENY : CCM_VERDICT_NONE;
	}
}

/* The last line of what was printed. */
static void add_path(struct ccm_sbuf *out, const char *text)
{
	const char *line = strrchr(text, '\n');

	ccm_sbuf_addf(out, "%s\n", line ? line + 1 : text);
}

int ccm_outcome_render(struct ccm_outcome *m, const char *id, struct ccm_sbuf *out, struct ccm_sbuf *err)
{
	struct object top = { .out = out };
	int status = 0;

	m->context_cut = cap(&m->context, "this context", id);
	if (cap(&m->message, "this message", id))
		m->context_cut = true;
	if (!m->spec || m->spec->verdict == CCM_VERDICT_BY_exit) {
		if (m->verdict == CCM_VERDICT_DENY) {
			ccm_sbuf_addf(err, "%s\n", ccm_sbuf_str(&m->reason));
			status = 2;
		} else if (m->spec && m->spec->plain == CCM_PLAIN_path && m->path) {
			add_path(out, m->path);
		}
	} else {
		add_top(&top, m);
		if (top.has_member)
			ccm_sbuf_adds(out, "}\n");
	}
	if (ccm_sbuf_error(out) || ccm_sbuf_error(err))
		return -ENOMEM;
	return status;
}
