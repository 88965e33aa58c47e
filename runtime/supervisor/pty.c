/* SPDX-License-Identifier: MIT */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libccm/io.h"
#include "libccm/macros.h"

int pty_open(int like, int *ret_master, int *ret_slave)
{
	_cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;
	struct termios modes;
	struct winsize size;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	if (tcgetattr(like, &modes) == 0)
		tcsetattr(slave, TCSANOW, &modes);
	if (ioctl(like, TIOCGWINSZ, &size) == 0)
		ioctl(slave, TIOCSWINSZ, &size);
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return 0;
}

/* From the background this would stop us until we are in front again, as it should. */
static int make_raw(struct pty_relay *r)
{
	struct termios raw;

	if (r->in < 0 || tcgetattr(r->in, &r->before) < 0)
		return 0;
	raw = r->before;
	cfmakeraw(&raw);
	if (tcsetattr(r->in, TCSADRAIN, &raw) < 0)
		return -errno;
	r->raw = true;
	r->tty = r->in;
	return 0;
}

int pty_relay_begin(struct pty_relay *r, int master, int in, int out)
{
	*r = (struct pty_relay){ .master = master, .in = in, .out = out };
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	return make_raw(r);
}

int pty_relay_poll(const struct pty_relay *r, struct pollfd *fds)
{
	/* Nothing is read that there is no room for. A negative descriptor is not looked at. */
	fds[0] = (struct pollfd){ .fd = r->in >= 0 && r->to_master_bytes < sizeof r->to_master ? r->in : -1,
				  .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = r->to_master_bytes > 0 && !r->master_ended ? r->master : -1, .events = POLLOUT };
	fds[2] = (struct pollfd){ .fd = !r->master_ended && r->to_out_bytes < sizeof r->to_out ? r->master : -1,
				  .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = r->to_out_bytes > 0 ? r->out : -1, .events = POLLOUT };
	return PTY_POLL_FDS;
}

static void fill(int fd, char *buf, size_t room, size_t *bytes, bool *ret_ended)
{
	ssize_t n = read(fd, buf + *bytes, room - *bytes);

	if (n > 0)
		*bytes += (size_t)n;
	/* A pty whose last slave is closed says EIO. */
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		*ret_ended = true;
}

static void drain(int fd, char *buf, size_t *bytes)
{
	ssize_t n = write(fd, buf, *bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		n = (ssize_t)*bytes;         /* nobody takes it any more */
	*bytes -= (size_t)n;
	memmove(buf, buf + n, *bytes);
}

void pty_relay_move(struct pty_relay *r, const struct pollfd *fds)
{
	bool in_ended = false;

	if (fds[0].revents)
		fill(r->in, r->to_master, sizeof r->to_master, &r->to_master_bytes, &in_ended);
	if (in_ended)
		r->in = -1;
	if (fds[1].revents & (POLLOUT | POLLERR | POLLHUP))
		drain(r->master, r->to_master, &r->to_master_bytes);
	if (fds[2].revents)
		fill(r->master, r->to_out, sizeof r->to_out, &r->to_out_bytes, &r->master_ended);
	if (fds[3].revents)
		drain(r->out, r->to_out, &r->to_out_bytes);
}

void pty_relay_resize(struct pty_relay *r)
{
	struct winsize size;

	if (ioctl(r->out, TIOCGWINSZ, &size) == 0 || (r->in >= 0 && ioctl(r->in, TIOCGWINSZ, &size) == 0))
		ioctl(r->master, TIOCSWINSZ, &size);
}

void pty_relay_end(struct pty_relay *r)
{
	do {
		if (r->to_out_bytes > 0 && ccm_write_all(r->out, r->to_out, r->to_out_bytes) < 0)
			break;
		r->to_out_bytes = 0;
		if (!r->master_ended)
			fill(r->master, r->to_out, sizeof r->to_out, &r->to_out_bytes, &r->master_ended);
	} while (r->to_out_bytes > 0);
	if (r->raw)
		tcsetattr(r->tty, TCSADRAIN, &r->before);
	r->raw = false;
}
