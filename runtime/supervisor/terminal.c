/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/term.h"
#include "modes.h"
#include "talk.h"

#define VIEWERS_MAX 16
#define WAITING_MAX ((size_t)256 << 10)      /* what one may leave untaken before the program waits for them ... */
#define PATIENCE_US 2000000                  /* ... and how long it does */
#define PART_MAX 32768
#define TAIL_BYTES 8192
#define REDRAW_US 100000
#define FAREWELL_US 2000000

struct viewer {
	int fd;                      /* -1: free */
	bool seen;                   /* its size has come: it gets the output */
	struct ccm_sbuf out;
	int64_t took_us;             /* when some of it was taken */
	char in[3 + 65535];
	size_t in_bytes;
	struct winsize size;
};

struct serving {
	const struct place *place;
	int listener, master, signals, output;
	pid_t pid;
	struct viewer viewers[VIEWERS_MAX];
	struct modes modes;
	struct ccm_sbuf tail;        /* the last of the text */
	struct ccm_sbuf keys;        /* for the program */
	struct winsize size;
	int64_t redraw_us;           /* when the true size is set again; 0: it is */
	size_t output_bytes;
	bool master_ended, ended;
	int status;
};

/* ---- who is attached ---- */

static void let_go(struct viewer *v)
{
	close(v->fd);
	v->fd = -1;
	ccm_sbuf_done(&v->out);
}

static void say(struct viewer *v, char kind, const char *text, size_t bytes)
{
	if (!v->out.bytes)
		v->took_us = ccm_mono_us();
	do {
		size_t part = bytes < PART_MAX ? bytes : PART_MAX;
		const char head[3] = { kind, (char)(part & 0xff), (char)(part >> 8) };

		ccm_sbuf_add(&v->out, head, sizeof head);
		ccm_sbuf_add(&v->out, text, part);
		text += part;
		bytes -= part;
	} while (bytes > 0);
	if (ccm_sbuf_error(&v->out) < 0)
		let_go(v);
}

static void deliver(struct viewer *v)
{
	ssize_t n = send(v->fd, v->out.text, v->out.bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		let_go(v);
	} else if (n > 0) {
		v->out.bytes -= (size_t)n;
		v->took_us = ccm_mono_us();
		memmove(v->out.text, v->out.text + n, v->out.bytes);
	}
}

/* True while the program has to wait for somebody; who takes nothing is let go. */
static bool is_too_fast(struct serving *s)
{
	bool waits = false;

	for (size_t i = 0; i < VIEWERS_MAX; i++) {
		struct viewer *v = &s->viewers[i];

		if (v->fd < 0 || v->out.bytes <= WAITING_MAX)
			continue;
		if (ccm_mono_us() - v->took_us > PATIENCE_US)
			let_go(v);
		else
			waits = true;
	}
	return waits;
}

static void set_size(struct serving *s, const struct winsize *size)
{
	if (size->ws_row == 0 || size->ws_col == 0 || (size->ws_row == s->size.ws_row && size->ws_col == s->size.ws_col))
		return;
	s->size = *size;
	s->redraw_us = 0;
	ioctl(s->master, TIOCSWINSZ, size);
}

/* A program draws its screen anew when the size changes, and only then. */
static void ask_to_redraw(struct serving *s)
{
	const struct winsize other = { .ws_row = s->size.ws_row > 1 ? s->size.ws_row - 1 : 2,
				       .ws_col = s->size.ws_col > 1 ? s->size.ws_col - 1 : 2 };

	ioctl(s->master, TIOCSWINSZ, &other);
	s->redraw_us = ccm_mono_us() + REDRAW_US;
}

/* One who has just come sees the last lines of plain output, or lets a program on the whole screen draw it again. */
static void welcome(struct serving *s, struct viewer *v)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, lines = { 0 };
	const struct winsize before = s->size;

	v->seen = true;
	modes_print_on(&s->modes, &text);
	if (modes_draw(&s->modes)) {
		ccm_sbuf_adds(&text, "\033[H\033[2J");
	} else {
		ccm_term_clean(&lines, ccm_sbuf_str(&s->tail), s->tail.bytes, CCM_CLEAN_LINES);
		for (const char *at = ccm_sbuf_str(&lines); *at; at++) {
			if (*at == '\n')
				ccm_sbuf_addc(&text, '\r');
			ccm_sbuf_addc(&text, *at);
		}
	}
	set_size(s, &v->size);
	if (before.ws_row == v->size.ws_row && before.ws_col == v->size.ws_col)
		ask_to_redraw(s);
	if (text.bytes)
		say(v, 'o', text.text, text.bytes);
}

static void on_message(struct serving *s, struct viewer *v, char kind, const char *text, size_t bytes)
{
	const unsigned char *b = (const unsigned char *)text;

	if (kind == 's' && bytes == 4) {
		v->size = (struct winsize){ .ws_row = (unsigned short)(b[0] | b[1] << 8),
					    .ws_col = (unsigned short)(b[2] | b[3] << 8) };
		if (v->seen)
			set_size(s, &v->size);
		else
			welcome(s, v);
	} else if (kind == 'i' && v->seen) {
		set_size(s, &v->size);
		ccm_sbuf_add(&s->keys, text, bytes);
	}
}

static void listen_to(struct serving *s, struct viewer *v)
{
	ssize_t n = recv(v->fd, v->in + v->in_bytes, sizeof v->in - v->in_bytes, MSG_DONTWAIT);
	size_t at = 0;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			let_go(v);
		return;
	}
	v->in_bytes += (size_t)n;
	while (v->fd >= 0 && v->in_bytes - at >= 3) {
		const unsigned char *b = (const unsigned char *)v->in + at;
		size_t bytes = (size_t)(b[1] | b[2] << 8);

		if (v->in_bytes - at < 3 + bytes)
			break;
		on_message(s, v, (char)b[0], v->in + at + 3, bytes);
		at += 3 + bytes;
	}
	v->in_bytes -= at;
	memmove(v->in, v->in + at, v->in_bytes);
}

static void admit(struct serving *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < VIEWERS_MAX && fd >= 0; i++)
		if (s->viewers[i].fd < 0) {
			s->viewers[i].fd = fd;
			s->viewers[i].seen = false;
			s->viewers[i].in_bytes = 0;
			return;
		}
	if (fd >= 0)
		close(fd);
}

/* ---- what the program writes ---- */

static void keep_output(struct serving *s, const char *text, size_t bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, old = { 0 };

	if (s->output < 0 || s->output_bytes + bytes > TERMINAL_KEPT_BYTES) {
		ccm_sbuf_addf(&path, "%s/output", s->place->dir);
		ccm_sbuf_addf(&old, "%s/output.old", s->place->dir);
		if (ccm_sbuf_error(&path) < 0 || ccm_sbuf_error(&old) < 0)
			return;
		ccm_closep(&s->output);
		rename(path.text, old.text);
		s->output = open(path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		s->output_bytes = 0;
	}
	if (s->output >= 0 && ccm_write_all(s->output, text, bytes) == 0)
		s->output_bytes += bytes;
}

static void take_output(struct serving *s)
{
	char text[PART_MAX];
	ssize_t n = read(s->master, text, sizeof text);

	if (n <= 0) {
		/* No program has it open any more. */
		s->master_ended |= n == 0 || (errno != EAGAIN && errno != EINTR);
		return;
	}
	modes_scan(&s->modes, text, (size_t)n, &s->tail);
	if (s->tail.bytes > 2 * TAIL_BYTES) {
		char *cut = s->tail.text + s->tail.bytes - TAIL_BYTES, *newline = strchr(cut, '\n');

		cut = newline ? newline + 1 : cut;
		s->tail.bytes = (size_t)(s->tail.text + s->tail.bytes - cut);
		memmove(s->tail.text, cut, s->tail.bytes + 1);
	}
	keep_output(s, text, (size_t)n);
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (s->viewers[i].fd >= 0 && s->viewers[i].seen)
			say(&s->viewers[i], 'o', text, (size_t)n);
}

static void hand_keys(struct serving *s)
{
	ssize_t n = write(s->master, s->keys.text, s->keys.bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		n = (ssize_t)s->keys.bytes;
	s->keys.bytes -= (size_t)n;
	memmove(s->keys.text, s->keys.text + n, s->keys.bytes);
}

/* ---- from start to end ---- */

static void on_signals(struct serving *s)
{
	struct signalfd_siginfo info;
	int status;

	while (read(s->signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo != SIGCHLD)
			kill(s->pid, SIGTERM);
	if (!s->ended && waitpid(s->pid, &status, WNOHANG) == s->pid) {
		s->ended = true;
		s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static int wait_ms(const struct serving *s, int64_t until_us, bool too_fast)
{
	int64_t next = s->redraw_us && (!until_us || s->redraw_us < until_us) ? s->redraw_us : until_us;
	int64_t us = next ? next - ccm_mono_us() : -1000;

	if (next && us < 0)
		return 0;
	return too_fast && (!next || us > 100000) ? 100 : (int)(us / 1000);
}

static bool anything_waits(const struct serving *s)
{
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (s->viewers[i].fd >= 0 && s->viewers[i].out.bytes)
			return true;
	return false;
}

/* until_us 0: as long as the program runs; else only what waits is delivered, until then. */
static void serve(struct serving *s, int64_t until_us)
{
	bool too_fast;

	while (until_us ? anything_waits(s) && ccm_mono_us() < until_us : !s->ended) {
		too_fast = is_too_fast(s);
		struct pollfd fds[3 + VIEWERS_MAX] = {
			{ .fd = s->signals, .events = POLLIN },
			{ .fd = until_us ? -1 : s->listener, .events = POLLIN },
			{ .fd = s->master_ended ? -1 : s->master,
			  .events = (short)((too_fast ? 0 : POLLIN) | (s->keys.bytes ? POLLOUT : 0)) },
		};

		for (size_t i = 0; i < VIEWERS_MAX; i++)
			fds[3 + i] = (struct pollfd){
				.fd = s->viewers[i].fd,
				.events = (short)((s->keys.bytes < PART_MAX ? POLLIN : 0) | (s->viewers[i].out.bytes ? POLLOUT : 0)),
			};
		if (poll(fds, ARRAY_SIZE(fds), wait_ms(s, until_us, too_fast)) < 0 && errno != EINTR)
			return;
		if (s->redraw_us && ccm_mono_us() >= s->redraw_us) {
			s->redraw_us = 0;
			ioctl(s->master, TIOCSWINSZ, &s->size);
		}
		if (!too_fast && fds[2].revents & (POLLIN | POLLHUP | POLLERR))
			take_output(s);
		if (fds[2].revents & POLLOUT)
			hand_keys(s);
		for (size_t i = 0; i < VIEWERS_MAX; i++) {
			struct viewer *v = &s->viewers[i];

			if (v->fd >= 0 && fds[3 + i].fd == v->fd && fds[3 + i].revents & (POLLIN | POLLHUP | POLLERR))
				listen_to(s, v);
			if (v->fd >= 0 && fds[3 + i].fd == v->fd && fds[3 + i].revents & POLLOUT)
				deliver(v);
		}
		if (fds[1].revents)
			admit(s);
		if (fds[0].revents)
			on_signals(s);
	}
}

static void say_farewell(struct serving *s)
{
	const char status = (char)s->status;

	for (int again = 0; again < 1000 && !s->master_ended; again++) {
		struct pollfd p = { .fd = s->master, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		take_output(s);
	}
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (s->viewers[i].fd >= 0)
			say(&s->viewers[i], 'e', &status, 1);
	serve(s, ccm_mono_us() + FAREWELL_US);
}

/* The program leads a session on the terminal. */
static int start(struct serving *s, const char *const *argv)
{
	sigset_t none;

	sigemptyset(&none);
	s->pid = forkpty(&s->master, NULL, NULL, &s->size);
	if (s->pid < 0)
		return -errno;
	if (s->pid == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	fcntl(s->master, F_SETFD, FD_CLOEXEC);
	fcntl(s->master, F_SETFL, O_NONBLOCK);
	return 0;
}

int terminal_serve(const struct place *p, const char *const *argv, unsigned short rows, unsigned short columns,
		   struct ccm_diag *diag)
{
	static struct serving s;
	sigset_t set;
	int r = 0;

	s = (struct serving){ .place = p, .output = -1, .master = -1, .signals = -1,
			      .size = { .ws_row = rows, .ws_col = columns } };
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		s.viewers[i].fd = -1;
	sigemptyset(&set);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&set, (int[]){ SIGCHLD, SIGINT, SIGTERM, SIGHUP }[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s.listener = talk_listen(p->dir, TERMINAL_SOCKET);
	if (s.signals < 0 || s.listener < 0)
		r = s.signals < 0 ? -errno : s.listener;
	if (r == 0)
		r = start(&s, argv);
	if (r == 0) {
		serve(&s, 0);
		say_farewell(&s);
		r = s.status;
	} else {
		ccm_diag_set(diag, r, "cannot make a terminal for task %s: %s", p->id, ccm_strerror(r));
	}
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (s.viewers[i].fd >= 0)
			let_go(&s.viewers[i]);
	if (s.listener >= 0) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

		ccm_sbuf_addf(&path, "%s/" TERMINAL_SOCKET, p->dir);
		if (ccm_sbuf_error(&path) == 0)
			unlink(path.text);
	}
	const int all[] = { s.listener, s.master, s.signals, s.output };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] >= 0)
			close(all[i]);
	ccm_sbuf_done(&s.tail);
	ccm_sbuf_done(&s.keys);
	return r;
}

/* ---- the output afterwards ---- */

static int read_part(const struct place *p, const char *name, struct ccm_sbuf *raw)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	int r;

	ccm_sbuf_addf(&path, "%s/%s", p->dir, name);
	if (ccm_sbuf_error(&path) < 0)
		return -ENOMEM;
	r = ccm_read_regular(path.text, 2 * TERMINAL_KEPT_BYTES, raw);
	return r == -ENOENT ? 0 : r;
}

int terminal_output(const struct place *p, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf raw = { 0 }, plain = { 0 };
	struct modes modes = { .bytes = 0 };
	int r = read_part(p, "output.old", &raw);

	if (r == 0)
		r = read_part(p, "output", &raw);
	if (r < 0)
		return r;
	modes_scan(&modes, ccm_sbuf_str(&raw), raw.bytes, &plain);
	ccm_term_clean(out, ccm_sbuf_str(&plain), plain.bytes, CCM_CLEAN_LINES);
	return ccm_sbuf_error(&plain) < 0 ? -ENOMEM : ccm_sbuf_error(out);
}
