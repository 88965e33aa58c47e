/* SPDX-License-Identifier: MIT */
/* sender - a channel's way to the person: takes one message, and says what became of it.
 *
 * ccm-deliver (deliver_main.c) is one process for each channel. It finds what is due, makes a message of it, hands it to the
 * channel's sender, and records the outcome. A sender knows nothing of the database; of what the person did it tells by seen().
 *
 * All texts of a message are clean already: UTF-8, without control bytes but newlines, well-known secrets redacted, and of bounded
 * length (a body 64 KiB, all else 4 KiB). How much of it the receiver takes, and which characters mean something there, is the
 * sender's to see to.
 *
 * Ownership: a message and all in it is the caller's, and valid during send(). A result starts as { 0 }.
 * Units:     _ms Unix milliseconds; retry_after_ms from now.
 */
#ifndef CCM_SUPERVISOR_SENDER_H
#define CCM_SUPERVISOR_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libccm/command.h"
#include "libccm/sbuf.h"

/* One alert of a digest. */
struct alert_item {
	enum ccm_alert_level level;
	const char *uuid, *kind, *source, *title;        /* kind may be NULL */
	int64_t created_ms, times;
	bool again;                          /* it was told before: only how often it came since is news */
};

struct alert_message {
	const char *uuid;                    /* of the delivery: the same if it is sent again */
	enum ccm_alert_level level;
	const char *kind;                    /* NULL: raised by an automation or a person; "digest"; "test" */
	const char *source;                  /* who raised it */
	const char *title;                   /* one line */
	const char *body;                    /* more lines; "": none */
	const char *project, *session_id;    /* NULL: none */
	const char *alert_uuid, *event_uuid; /* NULL: none */
	int64_t created_ms;
	int64_t times;                       /* how often it came, as far as is known now */
	int64_t attempt;                     /* from 1 */
	const char *replaces;                /* remote_id of what this channel sent of the same last; NULL: nothing */
	const struct alert_item *items;      /* of a digest: what it tells of */
	size_t item_count;
};

enum send_outcome {
	SEND_LATER,                          /* it may work when it is tried again */
	SEND_SENT,                           /* the receiver has it */
	SEND_NEVER,                          /* it will not, however often */
	SEND_DROPPED,                        /* there is nobody to tell, and that is all right */
};

struct send_result {
	enum send_outcome outcome;
	int64_t retry_after_ms;              /* LATER: the receiver's own wish; 0 or less: none */
	struct ccm_sbuf problem;             /* one line, no secret in it; also with SENT for what went less well */
	struct ccm_sbuf remote_id;           /* SENT: what the receiver calls it */
};
void send_result_done(struct send_result *r);
#define _cleanup_send_result_ _cleanup_(send_result_done)

/* Writes outcome and words at once. */
void send_result_set(struct send_result *r, enum send_outcome outcome, const char *format, ...) _printf_(3, 4);

struct http;

struct sender_ctx {
	struct ctx *ctx;                     /* paths and settings */
	struct http *http;                   /* of a sender that needs it; else NULL */
	void *state;                         /* the sender's own, from one message to the next */
	/* To be called when the person has chosen that message; also from finish(). */
	void (*seen)(struct ctx *ctx, const char *delivery_uuid);
};

struct sender {
	const char *name;                    /* as in [NAME] of config.ini */
	enum ccm_channel channel;
	bool needs_http;
	bool replaces;                       /* asks for alert_message.replaces */
	const char *missing;                 /* where ccm_channel_is_set_up() says no: why, with the remedy */
	/* 0 or -ENOMEM; everything else is in ret. */
	int (*send)(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret);
	/* Called once, when nothing more is due; the channel's lock is free by then, and the database closed. May wait for the person
	 * if stays() says that it will, so that nobody waits for it. NULL: nothing to do. */
	void (*finish)(struct sender_ctx *s);
	bool (*stays)(const struct ccm_settings *settings);
};

/* In the order of enum ccm_channel. */
extern const struct sender sender_desktop, sender_telegram, sender_slack, sender_webhook, sender_command;
extern const struct sender *const senders[];                 /* a NULL ends them */
const struct sender *sender_find(const char *name);

/* For a sender whose secret_get() failed: whoever repairs that gets what waits. 0, or -ENOMEM if r is that. */
int sender_no_secret(struct send_result *r, const char *name, const struct ccm_diag *diag, int error);

/* Appends, on a line of their own, the project's name, who raised it and how often it came, as far as that says anything. */
void sender_add_about(struct ccm_sbuf *out, const struct alert_message *m);

/* The whole message as one JSON object, the form that webhooks and commands get. */
int sender_json(const struct alert_message *m, struct ccm_sbuf *out);

/* The environment of a program that is told of a message: ours, without secrets, and CCM_ALERT_ID, _LEVEL, _KIND, _SOURCE, _TITLE,
 * _BODY, _PROJECT, _SESSION, _EVENT, _TIMES. */
struct sender_environment {
	char **list;                         /* NULL-terminated */
	size_t count;
};
int sender_environment_make(const struct ccm_settings *settings, const struct alert_message *m, struct sender_environment *ret);
void sender_environment_done(struct sender_environment *v);
#define _cleanup_sender_environment_ _cleanup_(sender_environment_done)

/* Appends at most max bytes of the text, an ellipsis included, and halves no character. */
void sender_cut(struct ccm_sbuf *out, const char *text, size_t max);

#endif
