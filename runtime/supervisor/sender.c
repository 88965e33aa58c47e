/* SPDX-License-Identifier: MIT */
#include "sender.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/utf8.h"
#include "secret.h"

#define ELLIPSIS "…"
#define SESSION_CHARS 8                  /* of a session's id */
#define ABOUT_BYTES 100
#define VARIABLE_BYTES 1000              /* there is a bound to all of an environment together */
#define BODY_BYTES 16000

extern char **environ;

const struct sender *const senders[] = {
	&sender_desktop, &sender_telegram, &sender_slack, &sender_webhook, &sender_command, NULL
};

const struct sender *sender_find(const char *name)
{
	for (size_t i = 0; senders[i]; i++)
		if (strcmp(senders[i]->name, name) == 0)
			return senders[i];
	return NULL;
}

void send_result_done(struct send_result *r)
{
	ccm_sbuf_done(&r->problem);
	ccm_sbuf_done(&r->remote_id);
}

void send_result_set(struct send_result *r, enum send_outcome outcome, const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	r->outcome = outcome;
	ccm_sbuf_clear(&r->problem);
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	ccm_sbuf_adds(&r->problem, text);
	free(text);
}

int sender_no_secret(struct send_result *r, const char *name, const struct ccm_diag *diag, int error)
{
	if (error == -ENOMEM)
		return error;
	send_result_set(r, SEND_LATER, "[%s] in config.ini: %s", name, ccm_diag_text(diag, error));
	return 0;
}

void sender_add_about(struct ccm_sbuf *out, const struct alert_message *m)
{
	const char *slash = m->project ? strrchr(m->project, '/') : NULL, *separator = "\n— ";

	if (m->project) {
		ccm_sbuf_adds(out, separator);
		sender_cut(out, slash && slash[1] ? slash + 1 : m->project, ABOUT_BYTES);
		separator = " · ";
	}
	/* As ccm-hook log shows it: there may be several in one folder. */
	if (m->session_id) {
		ccm_sbuf_addf(out, "%ssession ", m->project ? ", " : separator);
		ccm_sbuf_add(out, m->session_id, ccm_utf8_cut(m->session_id, strlen(m->session_id), SESSION_CHARS));
		separator = " · ";
	}
	if (strcmp(m->source, "ccm") != 0) {
		ccm_sbuf_adds(out, separator);
		sender_cut(out, m->source, ABOUT_BYTES);
		separator = " · ";
	}
	if (m->times > 1 && !m->item_count)
		ccm_sbuf_addf(out, "%s%lld times", separator, (long long)m->times);
}

void sender_cut(struct ccm_sbuf *out, const char *text, size_t max)
{
	size_t bytes = strlen(text);

	if (bytes <= max) {
		ccm_sbuf_add(out, text, bytes);
		return;
	}
	ccm_sbuf_add(out, text, ccm_utf8_cut(text, bytes, max > strlen(ELLIPSIS) ? max - strlen(ELLIPSIS) : 0));
	ccm_sbuf_adds(out, ELLIPSIS);
}

static json_t *items_json(const struct alert_message *m)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < m->item_count; i++) {
		const struct alert_item *a = &m->items[i];
		char created[40];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:I, s:b}", "alert", a->uuid,
			"level", ccm_alert_level_name(a->level), "kind", a->kind, "source", a->source, "title", a->title,
			"created", ccm_time_format(a->created_ms, true, created, sizeof created), "times",
			(json_int_t)a->times, "again", a->again));
	}
	return list;
}

int sender_json(const struct alert_message *m, struct ccm_sbuf *out)
{
	char created[40];
	json_auto_t *root = json_pack("{s:s, s:i, s:s?, s:s, s:s?, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s, s:I, s:I, s:o}",
		"id", m->uuid, "version", 1, "alert", m->alert_uuid, "level", ccm_alert_level_name(m->level), "kind", m->kind,
		"title", m->title, "body", m->body, "source", m->source, "project", m->project, "session_id", m->session_id,
		"event_id", m->event_uuid, "created", ccm_time_format(m->created_ms, true, created, sizeof created),
		"created_ms", (json_int_t)m->created_ms, "times", (json_int_t)m->times, "items", items_json(m));
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	ccm_sbuf_adds(out, text);
	return ccm_sbuf_error(out);
}

/* ---- the environment */

void sender_environment_done(struct sender_environment *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->list[i]);
	free(v->list);
	*v = (struct sender_environment){ 0 };
}

static int add_variable(struct sender_environment *v, const char *name, const char *value, size_t max)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char **list = realloc(v->list, (v->count + 2) * sizeof *list);

	if (!list)
		return -ENOMEM;
	v->list = list;
	ccm_sbuf_addf(&text, "%s=", name);
	sender_cut(&text, value ? value : "", max);
	list[v->count] = ccm_sbuf_take(&text);
	list[v->count + 1] = NULL;
	return list[v->count] ? (int)++v->count : -ENOMEM;
}

static int add_inherited(struct sender_environment *v, const char *pair)
{
	size_t name = strcspn(pair, "=");
	_cleanup_free_ char *copy = strndup(pair, name);

	return copy ? add_variable(v, copy, pair[name] ? pair + name + 1 : "", SIZE_MAX) : -ENOMEM;
}

int sender_environment_make(const struct ccm_settings *settings, const struct alert_message *m, struct sender_environment *v)
{
	char times[24];
	const struct { const char *name, *value; size_t max; } ours[] = {
		{ "CCM_ALERT_ID", m->uuid, VARIABLE_BYTES }, { "CCM_ALERT_LEVEL", ccm_alert_level_name(m->level), VARIABLE_BYTES },
		{ "CCM_ALERT_KIND", m->kind, VARIABLE_BYTES }, { "CCM_ALERT_SOURCE", m->source, VARIABLE_BYTES },
		{ "CCM_ALERT_TITLE", m->title, VARIABLE_BYTES }, { "CCM_ALERT_BODY", m->body, BODY_BYTES },
		{ "CCM_ALERT_PROJECT", m->project, VARIABLE_BYTES }, { "CCM_ALERT_SESSION", m->session_id, VARIABLE_BYTES },
		{ "CCM_ALERT_EVENT", m->event_uuid, VARIABLE_BYTES }, { "CCM_ALERT_TIMES", times, VARIABLE_BYTES },
	};
	int r = 0;

	snprintf(times, sizeof times, "%lld", (long long)m->times);
	for (char **e = environ; r >= 0 && *e; e++)
		if (strncmp(*e, "CCM_ALERT_", strlen("CCM_ALERT_")) != 0 && !secret_is_variable(settings, *e))
			r = add_inherited(v, *e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ours); i++)
		r = add_variable(v, ours[i].name, ours[i].value, ours[i].max);
	return r < 0 ? r : 0;
}
