/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include "libccm/io.h"
#include "modes.h"
#include "talk.h"
#include "terminal.h"

struct attached {
	int socket, signals;
	struct modes modes;          /* of what our terminal has seen */
	char key;
	char in[3 + 65535];
	size_t in_bytes;
	enum { ATTACHED, LEFT, ENDED, LOST } state;
	int status;
};

static void tell(struct attached *a, char kind, const char *text, size_t bytes)
{
	char message[3 + 4096] = { kind, (char)(bytes & 0xff), (char)(bytes >> 8) };
	size_t sent = 0;

	memcpy(message + 3, text, bytes);
	while (sent < 3 + bytes) {
		ssize_t n = send(a->socket, message + sent, 3 + bytes - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			a->state = LOST;
			return;
		}
		sent += (size_t)n;
	}
}

static void tell_size(struct attached *a)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	const char size[4] = { (char)(w.ws_row & 0xff), (char)(w.ws_row >> 8), (char)(w.ws_col & 0xff), (char)(w.ws_col >> 8) };
	tell(a, 's', size, sizeof size);
}

/* Where the key was typed: as the byte, or as terminals say it that a program has told to tell more keys apart. */
static const char *find_key(char key, const char *text, size_t bytes)
{
	const int upper = key + '@', codes[] = { upper, upper >= 'A' && upper <= 'Z' ? upper - 'A' + 'a' : upper };
	const char *found = memchr(text, key, bytes);
	char form[32];

	for (size_t i = 0; i < ARRAY_SIZE(codes) && !found; i++) {
		snprintf(form, sizeof form, "\033[%d;5u", codes[i]);
		found = memmem(text, bytes, form, strlen(form));
		if (found)
			break;
		snprintf(form, sizeof form, "\033[%d;5:1u", codes[i]);
		found = memmem(text, bytes, form, strlen(form));
		if (found)
			break;
		snprintf(form, sizeof form, "\033[27;5;%d~", codes[i]);
		found = memmem(text, bytes, form, strlen(form));
	}
	return found;
}

static void take_keys(struct attached *a)
{
	char text[4096];
	ssize_t n = read(STDIN_FILENO, text, sizeof text);
	const char *key;

	if (n <= 0) {
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			a->state = LEFT;
		return;
	}
	key = find_key(a->key, text, (size_t)n);
	if (key)
		n = key - text;
	if (n > 0)
		tell(a, 'i', text, (size_t)n);
	if (key && a->state == ATTACHED)
		a->state = LEFT;
}

static void take_output(struct attached *a)
{
	ssize_t n = recv(a->socket, a->in + a->in_bytes, sizeof a->in - a->in_bytes, MSG_DONTWAIT);
	size_t at = 0;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			a->state = LOST;
		return;
	}
	a->in_bytes += (size_t)n;
	while (a->in_bytes - at >= 3) {
		const unsigned char *b = (const unsigned char *)a->in + at;
		size_t bytes = (size_t)(b[1] | b[2] << 8);
		const char *text = a->in + at + 3;

		if (a->in_bytes - at < 3 + bytes)
			break;
		at += 3 + bytes;
		if (b[0] == 'o') {
			modes_scan(&a->modes, text, bytes, NULL);
			if (ccm_write_all(STDOUT_FILENO, text, bytes) < 0)
				a->state = LEFT;
		} else if (b[0] == 'e' && bytes == 1) {
			a->state = ENDED;
			a->status = (unsigned char)text[0];
		}
	}
	a->in_bytes -= at;
	memmove(a->in, a->in + at, a->in_bytes);
}

static void relay(struct attached *a)
{
	struct signalfd_siginfo info;

	tell_size(a);
	while (a->state == ATTACHED) {
		struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = a->socket, .events = POLLIN },
					{ .fd = a->signals, .events = POLLIN } };

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			take_output(a);
		if (fds[0].revents && a->state == ATTACHED)
			take_keys(a);
		while (fds[2].revents && a->state == ATTACHED && read(a->signals, &info, sizeof info) == sizeof info) {
			if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGCONT)
				tell_size(a);
			else
				a->state = LEFT;
		}
	}
}

bool terminal_is_there(const struct place *p)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

	ccm_sbuf_addf(&path, "%s/" TERMINAL_SOCKET, p->dir);
	return access(ccm_sbuf_str(&path), F_OK) == 0;
}

int terminal_attach(const struct place *p, char key, bool *ret_left, struct ccm_diag *diag)
{
	static struct attached a;
	_cleanup_sbuf_ struct ccm_sbuf off = { 0 };
	struct termios before, raw;
	sigset_t set, old;
	int fd = talk_connect(p->dir, TERMINAL_SOCKET);

	if (fd < 0)
		return fd;
	a = (struct attached){ .socket = fd, .key = key };
	sigemptyset(&set);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&set, (int[]){ SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT }[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	a.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a.signals < 0 || tcgetattr(STDIN_FILENO, &before) < 0) {
		close(fd);
		return ccm_diag_set(diag, -errno, "cannot use this terminal: %s", strerror(errno));
	}
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	relay(&a);
	modes_print_off(&a.modes, &off);
	if (ccm_sbuf_error(&off) == 0)
		(void)ccm_write_all(STDOUT_FILENO, off.text, off.bytes);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	close(a.signals);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (a.state == LOST)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s: its terminal is gone, or this one did not keep up with it; attach "
				    "again, or see 'ccm-supervisor task show %s'", p->id, p->id);
	*ret_left = a.state == LEFT;
	return a.status;
}
