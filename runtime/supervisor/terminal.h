/* SPDX-License-Identifier: MIT */
/* terminal - a terminal that stays when nobody looks at it.
 *
 * A task in the background has its supervisor on such a terminal, as it would be on a person's own:
 *
 *     run --background ---> task terminal ID (terminal_serve) ---> task resume ID, on the terminal ---> the sandbox
 *     task attach ID (terminal_attach) <--- socket tasks/ID/terminal --->
 *
 * Several may be attached at once: each sees all, each may type, and the terminal has the size of whose keys or window
 * moved last. One that does not take what it is sent is let go, so that the agent never waits for it. What the program
 * wrote is kept in tasks/ID/output, and before that in output.old, TERMINAL_KEPT_BYTES each at most.
 *
 * On the socket, both ways: a byte that says what it is, two of length (low one first), the content.
 *     from who is attached:  'i' keys; 's' size: rows, columns, each two bytes
 *     to them:               'o' output; 'e' the end: the status, in one byte
 *
 * Errors: negative errno or -CCM_E_REFUSED, words in diag.
 */
#ifndef CCM_SUPERVISOR_TERMINAL_H
#define CCM_SUPERVISOR_TERMINAL_H

#include <stdbool.h>

#include "libccm/error.h"
#include "place.h"

#define TERMINAL_SOCKET "terminal"
#define TERMINAL_KEPT_BYTES ((size_t)1 << 20)
#define TERMINAL_LEAVE_KEY 0x1c      /* Ctrl-\ */

/* Runs argv on a terminal with that many rows and columns, until it has ended; returns its status as sh says it. */
int terminal_serve(const struct place *p, const char *const *argv, unsigned short rows, unsigned short columns,
		   struct ccm_diag *diag);

/* True while a terminal_serve() runs: the task is in the background. */
bool terminal_is_there(const struct place *p);

/* Joins our terminal with it, until the task has ended or key was typed; *ret_left says which. Returns the status, or 0. */
int terminal_attach(const struct place *p, char key, bool *ret_left, struct ccm_diag *diag);

/* Appends what is kept of the output, as text for a person. */
int terminal_output(const struct place *p, struct ccm_sbuf *out);

#endif
