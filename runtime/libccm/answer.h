/* SPDX-License-Identifier: MIT */
/* answer - what an automation said, and what is said to the host.
 *
 * Reading follows the host's own contract for hooks, so that a script written for it works here
 * unchanged: valid JSON counts at every exit status; exit status 2 blocks with stderr as the reason;
 * other statuses are failures that block nothing; text that is not JSON is context where the event
 * takes it. A document with a null or a wrong type is thrown away whole, as the host does.
 *
 * Merging: deny > defer > ask > allow > none, in configured order, every deny reason kept and named
 * by its automation; continue:false wins over all with the first stopReason; contexts and messages
 * are joined in order.
 *
 * Ownership: ccm_answer_done() and ccm_outcome_done() release.
 * Source:    the host's hook reference; what its 2.1.197 was seen to accept.
 */
#ifndef CCM_ANSWER_H
#define CCM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "host.h"
#include "proc.h"
#include "sbuf.h"

enum ccm_verdict {               /* in rising order of rank */
	CCM_VERDICT_NONE, CCM_VERDICT_ALLOW, CCM_VERDICT_ASK, CCM_VERDICT_DEFER, CCM_VERDICT_DENY,
};
const char *ccm_verdict_name(enum ccm_verdict v);

struct ccm_answer {
	enum ccm_verdict verdict;
	char *reason;                /* NULL: none given */
	bool stop;                   /* continue: false */
	char *stop_reason;
	char *context;               /* additionalContext, or plain text that counts as such */
	char *message;               /* systemMessage */
	char *sequence;              /* terminalSequence */
	char *path;                  /* plain text that is the answer itself (WorktreeCreate) */
	char *updated_input;         /* JSON text of an object */
	char *request;               /* PermissionRequest: JSON text of its decision object */
	struct ccm_sbuf fields;      /* further members of hookSpecificOutput, as JSON text: "name":value,... */
	char *problem;               /* what was wrong with it, for a person; NULL: nothing */
	bool failed;                 /* it gave no usable answer: crash, timeout, bad output */
};

/* Reads the result of one run. event: its name, known or not; spec: NULL for unknown ones. */
int ccm_answer_read(const char *event, const struct ccm_host_event *spec, const struct ccm_proc_result *result,
		    struct ccm_answer *ret);
void ccm_answer_done(struct ccm_answer *a);

/* What has been merged so far. Starts as { .event = ..., .spec = ... }. */
struct ccm_outcome {
	const char *event;
	const struct ccm_host_event *spec;
	enum ccm_verdict verdict;
	struct ccm_sbuf reason;      /* joined, each `NAME: reason` */
	bool stop;
	char *stop_reason;
	struct ccm_sbuf context, message, sequence;
	char *updated_input, *updated_by;    /* JSON text, and the automation that gave it */
	bool conflict;               /* two automations of one stage wanted different inputs */
	char *request, *path;
	struct ccm_sbuf fields;
	bool context_cut;            /* set by rendering: the context was over the host's cap */
};

/* Takes in the answers of one stage, in their order. names[i] is the automation that gave answers[i]. */
int ccm_outcome_add_stage(struct ccm_outcome *o, const char *const *names, const struct ccm_answer *answers,
			  size_t count);

/* The person's own word on what was left to them, an ask or nothing: it takes the place of the verdict, whatever its rank.
 * name: who tells it. What was to be asked stays in the reason. */
int ccm_outcome_settle(struct ccm_outcome *o, enum ccm_verdict verdict, const char *name, const char *reason);

/* Appends what must be printed on stdout (nothing at all if nobody had an opinion) and on stderr.
 * id: what `ccm-hook show` takes, for a pointer where a text had to be cut.
 * Returns the exit status (0 or 2), or negative. */
int ccm_outcome_render(struct ccm_outcome *o, const char *id, struct ccm_sbuf *out, struct ccm_sbuf *err);

/* The verdict as the host is told: what it has no word for on this event is none. */
enum ccm_verdict ccm_outcome_verdict(const struct ccm_outcome *o);

void ccm_outcome_done(struct ccm_outcome *o);

#endif
