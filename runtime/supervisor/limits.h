/* SPDX-License-Identifier: MIT */
/* limits - what a task uses, beside what it may.
 *
 *     limits_measure(&use, ...);
 *     over = limits_over(&task->limits, &use, 100, words, sizeof words);    // the first bound that is reached, in words
 *
 * A bound counts as near at 80 %. max_file_size is kept by the kernel (RLIMIT_FSIZE); here it is only told of.
 */
#ifndef CCM_SUPERVISOR_LIMITS_H
#define CCM_SUPERVISOR_LIMITS_H

#include <sys/types.h>

#include "place.h"
#include "task.h"

#define LIMITS_NEAR_PERCENT 80
#define LIMITS_FILES_MAX 2000000     /* names; a task that makes more has used up its room, whatever they weigh */

struct use {
	struct usage disk;
	int64_t commits, processes, memory_bytes, time_ms;
};

/* Processes, threads and memory of everything inside: what descends from pid, or lives in its pid namespace. */
void limits_processes(pid_t pid, struct use *u);

/* An index of the bound that has reached percent of its value, from 0; -1: none. words say which. After is the index of
 * the last one found, or -1: so that all can be told. */
int limits_over(const struct task_limits *l, const struct use *u, int percent, int after, char *words, size_t bytes);

#endif
