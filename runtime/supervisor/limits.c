/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/settings.h"

#define PROCESSES_MAX 65536

/* ---- processes ---- */

struct process {
	pid_t pid, parent;
	int64_t threads, pages;
	bool ours;
};

static bool read_stat(const char *name, struct process *p)
{
	char path[64], text[1024], *at;
	_cleanup_close_ int fd = -1;
	long long parent, threads, pages;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%.16s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* The name stands in brackets and may hold anything, brackets too. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %lld %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lld %*d %*u %*u %lld",
			  &parent, &threads, &pages) != 3)
		return false;
	p->pid = (pid_t)strtol(name, NULL, 10);
	p->parent = (pid_t)parent;
	p->threads = threads;
	p->pages = pages;
	return true;
}

void limits_processes(pid_t pid, struct use *u)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	_cleanup_free_ struct process *list = NULL;
	size_t count = 0, allocated = 0;
	struct dirent *d;
	bool more = true;
	int64_t page = sysconf(_SC_PAGESIZE);

	u->processes = u->memory_bytes = 0;
	while (dir && count < PROCESSES_MAX && (d = readdir(dir))) {
		struct process p = { 0 };

		if (!isdigit((unsigned char)d->d_name[0]) || !read_stat(d->d_name, &p))
			continue;
		if (count == allocated) {
			size_t n = allocated ? allocated * 2 : 512;
			struct process *grown = realloc(list, n * sizeof *grown);

			if (!grown)
				return;
			list = grown;
			allocated = n;
		}
		p.ours = p.pid == pid;
		list[count++] = p;
	}
	/* An orphan inside falls to the process that we started (pid 1 there, or a subreaper), so descent is enough. Most
	 * children have higher numbers than their parents: few rounds. */
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			if (list[i].ours)
				continue;
			for (size_t j = 0; j < count; j++)
				if (list[j].ours && list[j].pid == list[i].parent) {
					list[i].ours = more = true;
					break;
				}
		}
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].ours && list[i].pid != pid) {
			u->processes += list[i].threads;
			u->memory_bytes += list[i].pages * page;
		}
}

/* ---- bounds ---- */

int limits_over(const struct task_limits *l, const struct use *u, int percent, int after, char *words, size_t bytes)
{
	const struct bound {
		const char *what, *name;
		int64_t used, bound;
		enum { SIZE, COUNT, TIME } kind;
	} bounds[] = {
		{ "disk space", "max_worktree_size", u->disk.bytes, l->worktree_bytes, SIZE },
		{ "length of one file", "max_file_size", u->disk.largest_bytes, l->file_bytes, SIZE },
		{ "commits", "max_commits", u->commits, l->commits, COUNT },
		{ "processes", "max_processes", u->processes, l->processes, COUNT },
		{ "memory", "max_memory", u->memory_bytes, l->memory_bytes, SIZE },
		{ "time", "max_time", u->time_ms, l->time_ms, TIME },
		{ "folders in folders", "no task needs so many", u->disk.depth, PLACE_DEPTH_MAX, COUNT },
		{ "number of files", "2 million", u->disk.complete ? u->disk.files : LIMITS_FILES_MAX, LIMITS_FILES_MAX, COUNT },
	};

	for (int i = after + 1; i < (int)ARRAY_SIZE(bounds); i++) {
		const struct bound *b = &bounds[i];
		char used[32], bound[32];

		if (b->bound <= 0 || b->used < b->bound / 100 * percent + b->bound % 100 * percent / 100)
			continue;
		if (b->kind == SIZE) {
			ccm_size_format(b->used, used);
			ccm_size_format(b->bound, bound);
		} else if (b->kind == TIME) {
			ccm_duration_format(b->used / 1000 * 1000, used, sizeof used);
			ccm_duration_format(b->bound, bound, sizeof bound);
		} else {
			snprintf(used, sizeof used, "%lld", (long long)b->used);
			snprintf(bound, sizeof bound, "%lld", (long long)b->bound);
		}
		snprintf(words, bytes, "%s: %s of %s (%s)", b->what, used, bound, b->name);
		return i;
	}
	return -1;
}
