/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "db.h"
#include "macros.h"

int ccm_watch_fd(const struct ccm_watch *w)
{
	return w->fd;
}

void ccm_watch_close(struct ccm_watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

#ifdef __linux__

#define MOVES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

int ccm_watch_open(struct ccm_watch *w, const struct ccm_paths *paths, unsigned what)
{
	*w = (struct ccm_watch){ .home = -1, .spool = -1 };
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->home = inotify_add_watch(w->fd, paths->home, (what & CCM_WATCH_DATABASE ? IN_MODIFY : 0) | MOVES);
	if (w->home < 0)
		return -errno;
	if (!(what & CCM_WATCH_SPOOL))
		return 0;
	w->spool = inotify_add_watch(w->fd, paths->spool, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
	return w->spool < 0 ? -errno : 0;
}

static unsigned judge(const struct ccm_watch *w, const struct inotify_event *e)
{
	bool database = e->len && (strncmp(e->name, "ccm.db", 6) == 0 || strncmp(e->name, CCM_DB_STATE_FILE, 8) == 0);

	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW))
		return e->mask & IN_Q_OVERFLOW ? CCM_WATCH_DATABASE | CCM_WATCH_FILES | CCM_WATCH_SPOOL : CCM_WATCH_LOST;
	if (e->wd == w->spool)
		return CCM_WATCH_SPOOL;
	if (database && e->mask & IN_MODIFY)
		return CCM_WATCH_DATABASE;
	return database ? CCM_WATCH_FILES : 0;
}

unsigned ccm_watch_read(struct ccm_watch *w)
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

int ccm_watch_open(struct ccm_watch *w, const struct ccm_paths *paths _unused_, unsigned what _unused_)
{
	*w = (struct ccm_watch){ .fd = -1, .home = -1, .spool = -1 };
	return 0;
}

unsigned ccm_watch_read(struct ccm_watch *w _unused_)
{
	return 0;
}

#endif
