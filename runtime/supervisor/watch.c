/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "libccm/db.h"
#include "libccm/macros.h"

int watch_fd(const struct watch *w)
{
	return w->fd;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

#ifdef __linux__

#define MOVES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

int watch_open(struct watch *w, const struct ccm_paths *paths)
{
	*w = (struct watch){ .home = -1, .spool = -1 };
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->home = inotify_add_watch(w->fd, paths->home, IN_MODIFY | MOVES);
	if (w->home < 0)
		return -errno;
	w->spool = inotify_add_watch(w->fd, paths->spool, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
	return w->spool < 0 ? -errno : 0;
}

static unsigned judge(const struct watch *w, const struct inotify_event *e)
{
	bool database = e->len && (strncmp(e->name, "ccm.db", 6) == 0 || strncmp(e->name, CCM_DB_STATE_FILE, 8) == 0);

	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW))
		return e->mask & IN_Q_OVERFLOW ? WATCH_DATABASE | WATCH_FILES | WATCH_SPOOL : WATCH_LOST;
	if (e->wd == w->spool)
		return WATCH_SPOOL;
	if (database && e->mask & IN_MODIFY)
		return WATCH_DATABASE;
	return database ? WATCH_FILES : 0;
}

unsigned watch_read(struct watch *w)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	unsigned what = 0;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof buf)) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)p;

			what |= judge(w, e);
			p += sizeof *e + e->len;
		}
	}
	return what;
}

#else

int watch_open(struct watch *w, const struct ccm_paths *paths _unused_)
{
	*w = (struct watch){ .fd = -1, .home = -1, .spool = -1 };
	return 0;
}

unsigned watch_read(struct watch *w _unused_)
{
	return 0;
}

#endif
