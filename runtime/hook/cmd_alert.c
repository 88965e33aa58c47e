/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"
#include "urgent.h"

/* Text that may come from anywhere, as UTF-8; in a title a line's end becomes a space. */
static void add_clean(struct ccm_sbuf *out, const char *text, bool one_line)
{
	size_t bytes = strlen(text), step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(text + i, bytes - i, &step);

		ccm_utf8_add(out, one_line && (c == '\n' || c == '\r') ? ' ' : c);
	}
}

static const char *or_null(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int check(const struct ctx *ctx, const char *level, const char *title)
{
	if (strcmp(level, "info") != 0 && strcmp(level, "warning") != 0 && strcmp(level, "urgent") != 0)
		return ccm_opt_error(&ctx->usage, "the level is info, warning or urgent, not '%s'", level);
	if (!title[0])
		return ccm_opt_error(&ctx->usage, "the title is empty");
	return 0;
}

/* In a task the database is not to be had: the supervisor takes the file in. */
static int spool_alert(const struct ctx *ctx, const char *uuid, const char *level, const char *source, const char *title,
		       const char *body)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	json_auto_t *alert = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "uuid", uuid, "level", level, "source", source,
				       "title", title, "body", body);
	_cleanup_free_ char *text = alert ? json_dumps(alert, JSON_COMPACT) : NULL;

	ccm_sbuf_addf(&path, "%s/%s.alert", ctx->paths.spool, uuid);
	if (!text || ccm_sbuf_error(&path))
		return -ENOMEM;
	return ccm_write_file(path.text, text, strlen(text), 0600, false);
}

int cmd_alert(struct ctx *ctx, int argc, char **argv)
{
	const char *source = or_null("CCM_AUTOMATION");
	const struct ccm_opt opts[] = {
		OPT_STR("source", 0, "NAME", &source, "who raises it (default $CCM_AUTOMATION, else ccm)"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	char uuid[CCM_UUID_CHARS + 1];
	int64_t now = ccm_now_ms();
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = check(ctx, argv[0], argv[1]);
	if (r < 0)
		return r;
	add_clean(&title, argv[1], true);
	if (argc > 2)
		add_clean(&body, argv[2], false);
	if (ccm_sbuf_error(&title) || ccm_sbuf_error(&body))
		return -ENOMEM;
	ccm_uuid_make(now, uuid);
	if (ctx->paths.task)
		return spool_alert(ctx, uuid, argv[0], source ? source : "ccm", title.text, body.text);
	r = ccm_db_exec(ctx->db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now), DB_TEXT("level", argv[0]),
		DB_TEXT("source", source ? source : "ccm"), DB_TEXT("session_id", or_null("CCM_SESSION_ID")),
		DB_TEXT("event_uuid", or_null("CCM_EVENT_ID")), DB_TEXT("title", title.text),
		DB_TEXT("body", body.text), DB_TEXT("event", or_null("CCM_EVENT")), DB_TEXT("project", or_null("CCM_PROJECT"))));
	if (r >= 0 && strcmp(argv[0], "urgent") == 0)
		urgent_deliver(ctx);
	return r < 0 ? r : 0;
}
