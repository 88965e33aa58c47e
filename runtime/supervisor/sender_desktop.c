/* SPDX-License-Identifier: MIT */
/* desktop - a notification on the person's screen, by libnotify.
 *
 * One that is like an earlier one takes its place. Where the server has actions and [desktop] show_command is set, it can be
 * chosen, and that command is started with CCM_ALERT_* in its environment, and the alert counts as seen; for that, this process has
 * to stay for a while: see finish(). The text is nobody's markup.
 *
 * [desktop] enabled = auto: where there is no session bus, or no notification server on it, alerts for the desktop are dropped, not
 * kept; somebody who comes home to a screen does not want those of last week. With on they are tried until they arrive.
 *
 * Source: Desktop Notifications Specification 1.2, specifications.freedesktop.org/notification-spec.
 */
#include <errno.h>
#include <libnotify/notify.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/uuid.h"
#include "sender.h"
#include "sources.h"

#define TITLE_BYTES 200
#define BODY_BYTES 1000
#define STAY_S 60                        /* how long a choice is waited for */
#define BUS_NAME "org.freedesktop.Notifications"

/* A notification that can still be chosen. */
struct shown {
	struct desktop *desktop;
	NotifyNotification *notification;
	char uuid[CCM_UUID_CHARS + 1];       /* of the delivery */
	struct sender_environment environment;
	struct shown *next;
};

struct desktop {
	const struct ccm_settings *settings;
	struct sender_ctx *sender;
	char server[128];                    /* which one it is, as long as it lives; part of a remote_id */
	bool has_markup, has_actions;
	struct ccm_sbuf problem;             /* why there is none */
	struct shown *shown;
	GMainLoop *loop;                     /* while a choice is waited for */
};

/* ---- the server */

/* GLib's errors begin with where they come from, in a form for programs. */
static void take_problem(struct desktop *d, const char *words, GError *error)
{
	if (error)
		g_dbus_error_strip_remote_error(error);
	ccm_sbuf_clear(&d->problem);
	ccm_sbuf_addf(&d->problem, "%s%s%s", words, error ? ": " : "", error ? error->message : "");
	g_clear_error(&error);
}

/* Its name on the bus, which it has to itself as long as it lives. Asking starts one, where one can be started. */
static int find_server(struct desktop *d, GDBusConnection *bus, int timeout_ms)
{
	GError *error = NULL;
	const char *owner;
	GVariant *answer;

	answer = g_dbus_connection_call_sync(bus, BUS_NAME, "/org/freedesktop/Notifications", BUS_NAME, "GetServerInformation", NULL,
					     NULL, G_DBUS_CALL_FLAGS_NONE, timeout_ms, NULL, &error);
	if (!answer) {
		take_problem(d, "no notification server answers on the session bus", error);
		return -ENOENT;
	}
	g_variant_unref(answer);
	answer = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
					     "GetNameOwner", g_variant_new("(s)", BUS_NAME), G_VARIANT_TYPE("(s)"),
					     G_DBUS_CALL_FLAGS_NONE, timeout_ms, NULL, NULL);
	if (answer) {
		g_variant_get(answer, "(&s)", &owner);
		snprintf(d->server, sizeof d->server, "%s%s", g_dbus_connection_get_guid(bus), owner);
		g_variant_unref(answer);
	}
	return 0;
}

static void read_capabilities(struct desktop *d)
{
	GList *list = notify_get_server_caps();

	for (GList *l = list; l; l = l->next) {
		d->has_markup |= strcmp(l->data, "body-markup") == 0;
		d->has_actions |= strcmp(l->data, "actions") == 0;
	}
	g_list_free_full(list, g_free);
}

static int connect_to_server(struct desktop *d)
{
	int timeout_ms = (int)d->settings->alert_timeout_ms, r;
	GError *error = NULL;
	GDBusConnection *bus;

	if (!ccm_session_bus_is_there()) {
		ccm_sbuf_adds(&d->problem, "there is no session bus");
		return -ENOENT;
	}
	bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
	if (!bus) {
		take_problem(d, "the session bus cannot be reached", error);
		return -ENOENT;
	}
	g_dbus_connection_set_exit_on_close(bus, FALSE);
	r = find_server(d, bus, timeout_ms);
	if (r == 0 && !notify_is_initted() && !notify_init("ccm"))
		r = -ENOMEM;
	if (r == 0)
		read_capabilities(d);
	/* The bus is kept by GLib. */
	g_object_unref(bus);
	return r;
}

/* ---- actions */

static void shown_done(struct shown *s)
{
	g_signal_handlers_disconnect_by_data(s->notification, s);
	notify_notification_clear_actions(s->notification);
	g_object_unref(s->notification);
	sender_environment_done(&s->environment);
	free(s);
}

static void forget(struct shown *s)
{
	struct desktop *d = s->desktop;

	for (struct shown **p = &d->shown; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	shown_done(s);
	if (!d->shown && d->loop)
		g_main_loop_quit(d->loop);
}

static void run_show_command(const struct shown *s)
{
	const char *configured = ccm_settings_text(&s->desktop->settings->show_command), *words[SOURCES_WORDS + 1] = { NULL };
	_cleanup_free_ char *command = strdup(configured);
	_cleanup_sbuf_ struct ccm_sbuf program = { 0 };
	size_t count = 0;
	int r = command ? sources_split_command(command, words, &count, &program) : -ENOMEM;

	if (r == 0)
		r = ccm_proc_detach_with(program.text, words, (const char *const *)s->environment.list);
	if (r < 0)
		ccm_error("[desktop] show_command '%s' cannot be run: %s", configured, ccm_strerror(r));
}

static gboolean forget_later(gpointer user)
{
	forget(user);
	return G_SOURCE_REMOVE;
}

/* In here, libnotify still needs what is to be let go. */
static void on_action(NotifyNotification *n, char *action, gpointer user)
{
	const struct shown *s = user;

	(void)n, (void)action;
	run_show_command(s);
	s->desktop->sender->seen(s->desktop->sender->ctx, s->uuid);
}

static void on_closed(NotifyNotification *n, gpointer user)
{
	(void)n;
	g_idle_add(forget_later, user);
}

/* Takes the environment over. */
static int offer_to_show(struct desktop *d, NotifyNotification *n, const struct alert_message *m)
{
	struct shown *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct shown){ .desktop = d, .notification = g_object_ref(n), .next = d->shown };
	snprintf(s->uuid, sizeof s->uuid, "%s", m->uuid);
	r = sender_environment_make(d->settings, m, &s->environment);
	if (r < 0) {
		shown_done(s);
		return r;
	}
	d->shown = s;
	/* What a click on the notification itself means, and a button for those servers that show no such thing. */
	notify_notification_add_action(n, "default", "Show", on_action, s, NULL);
	notify_notification_add_action(n, "show", "Show", on_action, s, NULL);
	g_signal_connect(n, "closed", G_CALLBACK(on_closed), s);
	return 0;
}

/* ---- sending */

static NotifyUrgency urgency_of(enum ccm_alert_level level)
{
	return level == CCM_ALERT_URGENT ? NOTIFY_URGENCY_CRITICAL : level == CCM_ALERT_WARNING ? NOTIFY_URGENCY_NORMAL :
	       NOTIFY_URGENCY_LOW;
}

static int make_body(const struct desktop *d, const struct alert_message *m, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf plain = { 0 };
	const char *text;
	char *escaped;

	sender_cut(&plain, m->body, BODY_BYTES);
	sender_add_about(&plain, m);
	text = ccm_sbuf_str(&plain);
	text += *text == '\n';
	if (!d->has_markup) {
		ccm_sbuf_adds(out, text);
		return ccm_sbuf_error(out);
	}
	escaped = g_markup_escape_text(text, -1);
	ccm_sbuf_adds(out, escaped);
	g_free(escaped);
	return ccm_sbuf_error(out);
}

/* The number of the earlier one, if this server gave it. */
static int earlier_id(const struct desktop *d, const struct alert_message *m)
{
	size_t bytes = strlen(d->server);

	if (!m->replaces || !bytes || strncmp(m->replaces, d->server, bytes) != 0 || m->replaces[bytes] != '/')
		return 0;
	return atoi(m->replaces + bytes + 1);
}

static int show(struct desktop *d, const struct alert_message *m, struct send_result *ret)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	int id = earlier_id(d, m), r = make_body(d, m, &body);
	NotifyNotification *n;
	GError *error = NULL;

	sender_cut(&title, m->title, TITLE_BYTES);
	if (r < 0 || ccm_sbuf_error(&title))
		return -ENOMEM;
	n = notify_notification_new(ccm_sbuf_str(&title), ccm_sbuf_str(&body), NULL);
	if (id)
		g_object_set(n, "id", id, NULL);
	notify_notification_set_urgency(n, urgency_of(m->level));
	/* Nobody stays for a test. */
	if (d->has_actions && d->settings->show_command.count && !(m->kind && strcmp(m->kind, "test") == 0))
		r = offer_to_show(d, n, m);
	if (r == 0 && notify_notification_show(n, &error)) {
		g_object_get(n, "id", &id, NULL);
		ret->outcome = SEND_SENT;
		ccm_sbuf_addf(&ret->remote_id, "%s/%d", d->server, id);
	} else if (r == 0) {
		g_dbus_error_strip_remote_error(error);
		send_result_set(ret, SEND_LATER, "the notification server does not take it: %s", error->message);
		if (d->shown && d->shown->notification == n)
			forget(d->shown);
	}
	g_clear_error(&error);
	g_object_unref(n);
	return r;
}

static int send(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret)
{
	struct desktop *d = s->state;
	int r = 0;

	if (!d) {
		d = calloc(1, sizeof *d);
		if (!d)
			return -ENOMEM;
		s->state = d;
		d->settings = &s->ctx->settings;
		d->sender = s;
		r = connect_to_server(d);
	}
	if (r == -ENOMEM)
		return r;
	if (!d->problem.bytes)
		return show(d, m, ret);
	send_result_set(ret, d->settings->desktop == CCM_DESKTOP_AUTO ? SEND_DROPPED : SEND_LATER, "%s", d->problem.text);
	return 0;
}

static gboolean waited_enough(gpointer user)
{
	g_main_loop_quit(user);
	return G_SOURCE_REMOVE;
}

/* The server tells only who showed it that it was chosen. */
static void finish(struct sender_ctx *s)
{
	struct desktop *d = s->state;

	if (!d)
		return;
	if (d->shown) {
		d->loop = g_main_loop_new(NULL, FALSE);
		g_timeout_add_seconds(STAY_S, waited_enough, d->loop);
		g_main_loop_run(d->loop);
		g_main_loop_unref(d->loop);
		d->loop = NULL;
	}
	while (d->shown)
		forget(d->shown);
	if (notify_is_initted())
		notify_uninit();
	ccm_sbuf_done(&d->problem);
	free(d);
	s->state = NULL;
}

static bool stays(const struct ccm_settings *settings)
{
	return settings->show_command.count > 0;
}

const struct sender sender_desktop = {
	.name = "desktop", .channel = CCM_DESKTOP, .replaces = true, .send = send, .finish = finish,
	.stays = stays,
	.missing = "there is no session bus, or [desktop] enabled is off",
};
