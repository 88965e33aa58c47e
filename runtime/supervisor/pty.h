/* SPDX-License-Identifier: MIT */
/* pty - a terminal for a program, and its relay to ours.
 *
 *     struct pty_relay relay;
 *     r = pty_relay_begin(&relay, master, STDIN_FILENO, STDOUT_FILENO);
 *     ...  n = pty_relay_poll(&relay, fds);          // into an array for poll()
 *          pty_relay_move(&relay, fds);              // after poll()
 *     ...  pty_relay_resize(&relay);                 // on SIGWINCH
 *     pty_relay_end(&relay);                         // the modes of our terminal are as before
 *
 * While it lasts our terminal is raw: keys, also Ctrl-C and Ctrl-Z, are the program's.
 * Errors: negative errno.
 */
#ifndef CCM_SUPERVISOR_PTY_H
#define CCM_SUPERVISOR_PTY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define PTY_POLL_FDS 4

/* A pair. The slave has the size and the modes of the terminal like, if that is one. */
int pty_open(int like, int *ret_master, int *ret_slave);

struct pty_relay {
	int master, in, out;         /* in -1: there is none, or it has ended */
	bool raw;
	int tty;                     /* what was made raw */
	struct termios before;
	bool master_ended;
	char to_master[4096], to_out[65536];
	size_t to_master_bytes, to_out_bytes;
};

int pty_relay_begin(struct pty_relay *r, int master, int in, int out);

/* Fills fds (room for PTY_POLL_FDS) and returns how many. */
int pty_relay_poll(const struct pty_relay *r, struct pollfd *fds);
void pty_relay_move(struct pty_relay *r, const struct pollfd *fds);

void pty_relay_resize(struct pty_relay *r);

/* Writes what the program has still said, and gives our terminal back. */
void pty_relay_end(struct pty_relay *r);

#endif
