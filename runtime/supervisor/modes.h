/* SPDX-License-Identifier: MIT */
/* modes - what a program has done to a terminal besides writing on it.
 *
 *     modes_scan(&m, bytes, n, NULL);       // all that the program writes, in any portions
 *     modes_print_on(&m, &out);             // what brings a new terminal to where the program believes it to be
 *     modes_print_off(&m, &out);            // what brings a terminal back that has seen all of it
 *
 * Looked at are the private modes that programs on a whole screen use (alternate screen, cursor, mouse, pasting, focus), the
 * keypad, the ways to tell more keys apart, scroll margins and the cursor's shape. It is no emulator: what stands on the
 * screen is not known here.
 *
 * Source: ECMA-48 for the form of sequences; the control sequences of xterm; the keyboard protocol of kitty.
 */
#ifndef CCM_SUPERVISOR_MODES_H
#define CCM_SUPERVISOR_MODES_H

#include <stdbool.h>
#include <stddef.h>

#include "libccm/sbuf.h"

#define MODES_COUNT 15

struct modes {
	enum { MODES_TEXT, MODES_ESCAPE, MODES_SHORT, MODES_CONTROL, MODES_STRING } state;
	char sequence[64];           /* behind ESC [ */
	size_t bytes;
	bool changed[MODES_COUNT];   /* not as at first; see the table in modes.c */
	bool keypad, margins, shape;
	int keys_pushed, keys_flags; /* of kitty's protocol */
	int other_keys;              /* of xterm's */
	bool carriage;               /* the last byte was a carriage return */
};

/* Takes in what the program wrote. plain, unless NULL, gets what is text of it: no sequences, no control bytes but newline
 * and tab. It may still hold what is not UTF-8. */
void modes_scan(struct modes *m, const char *text, size_t bytes, struct ccm_sbuf *plain);

/* True if it draws on the screen as on a canvas, as editors do. */
bool modes_draw(const struct modes *m);

void modes_print_on(const struct modes *m, struct ccm_sbuf *out);
void modes_print_off(const struct modes *m, struct ccm_sbuf *out);

#endif
