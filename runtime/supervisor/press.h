/* SPDX-License-Identifier: MIT */
/* press - presses of a question's buttons: fetched from Telegram, judged, recorded. approve.h tells which count.
 *
 * What a button sends back is PRESS_APPROVE or PRESS_DENY and a nonce that only the message has; the database knows its SHA-256.
 * An update and all that follows from it is one transaction: the press on record, the question answered if it counts, and the
 * next update to be asked for. What a fetched update holds is hostile: any field may be missing or of another type.
 *
 * Of several processes that wait, one fetches for all: whoever has CCM_HOME/telegram.lock, for Telegram hands updates to one
 * only. It may take in presses that belong to the others. Who waits for an answer holds a lock on a byte of
 * CCM_HOME/approvals.lock, by the number of the question: one whose asker was killed is over, and cannot be approved.
 *
 * Ownership: a struct presses borrows ctx and t; presses_done() accepts what PRESSES_INIT makes.
 * Errors:    -ECANCELED: t->wake is readable. Of the database, -ENOMEM. That Telegram cannot be asked is none: see problem.
 */
#ifndef CCM_SUPERVISOR_PRESS_H
#define CCM_SUPERVISOR_PRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "libccm/command.h"
#include "libccm/sha256.h"
#include "telegram.h"

#define PRESS_NONCE_CHARS 32             /* 128 bits */
#define PRESS_APPROVE 'a'
#define PRESS_DENY 'd'

/* Makes a nonce nobody can guess, and what the database gets of it. */
void press_nonce(char nonce[PRESS_NONCE_CHARS + 1], char hash[CCM_SHA256_HEX + 1]);

struct presses {
	struct ctx *ctx;                     /* with its database open for writing */
	struct telegram *t;
	int lock, claims;                    /* both begin as -1 */
	int64_t own_id;                      /* approval.id of the caller's own question */
	bool fetched;                        /* they could be fetched at least once, by whomever */
	struct ccm_sbuf problem;             /* why they could not, the last time that they could not */
	int64_t backoff_ms;
	bool one_by_one;
};
#define PRESSES_INIT { .lock = -1, .claims = -1 }
void presses_done(struct presses *p);

/* From now on the question of that id is waited for, until presses_done() or the end of the process. */
int presses_claim(struct presses *p, int64_t approval_id);

/* Takes in what there is, and waits for more for a moment: the caller looks what became of its question, and calls again.
 * left_ms: until when it waits in all; a call that is on its way then may take somewhat longer. */
int presses_wait(struct presses *p, int64_t left_ms);

#endif
