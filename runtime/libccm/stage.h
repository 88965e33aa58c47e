/* SPDX-License-Identifier: MIT */
/* stage - the automations of one order number, run side by side on one event.
 *
 * What an automation gets: the event on stdin; the client's environment, without older CCM_
 * variables, plus the event's fields (CCM_EVENT, CCM_TOOL_COMMAND, ...; ccm-automation(7) lists
 * them). A variable over CCM_STAGE_VALUE_MAX bytes would make exec fail: it is left out and named
 * in CCM_OMITTED.
 *
 * An automation whose header names a program of ccm's (Libexec) is that program, started without the script: what it gets
 * is the same. The script runs where the program is missing.
 *
 * Ownership: ccm_run_done() releases a run; its automation stays the list's.
 */
#ifndef CCM_STAGE_H
#define CCM_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "automation.h"
#include "event.h"
#include "paths.h"
#include "proc.h"
#include "settings.h"

#define CCM_STAGE_VALUE_MAX 98304        /* Linux takes 128 KiB for one variable */

struct ccm_run {
	const struct ccm_automation *automation;
	bool started;                        /* false: it must not be run, see answer.problem */
	int64_t started_ms;
	struct ccm_proc_result result;
	struct ccm_answer answer;
};

struct ccm_stage {
	const struct ccm_paths *paths;
	const struct ccm_settings *settings;
	const char *self;                    /* absolute path of ccm-hook */
	const char *event_id;                /* what CCM_EVENT_ID says */
	bool trial;                          /* CCM_TRIAL=1: nothing is to be kept of it */
	int64_t budget_ms;                   /* the whole stage ends within this time */
	void (*meanwhile)(void *user);       /* called once they run, before their answers are waited for; may be NULL */
	void *user;
};

/* Runs list[0..count) on the event and reads their answers into runs. An automation that fails
 * although On-failure is closed denies a PreToolUse. -ENOMEM, or 0. */
int ccm_stage_run(const struct ccm_stage *stage, const struct ccm_event *e,
		  const struct ccm_automation *const *list, size_t count, struct ccm_run *runs);
void ccm_run_done(struct ccm_run *run);

#endif
