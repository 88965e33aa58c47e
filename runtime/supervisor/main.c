/* SPDX-License-Identifier: MIT */
#include "ctx.h"
#include "elsewhere.h"

static const struct command commands[] = {
	{ "alerts", "list|show|test|retry", "what you were told, or should have been; whether a channel works", 0, -1, DB_NONE,
	  cmd_alerts, true },
	COMMAND_CHECKPOINT(cmd_elsewhere, false),
	{ "daemon", "", "stay, and do what is to be done again and again", 0, 0, DB_NONE, cmd_daemon, false },
	{ "deliver", "--once", "send the alerts that are due now; where a daemon runs, it does", 0, 0, DB_WRITE, cmd_deliver, false },
	{ "install", "", "start the daemon with your session, now and from now on", 0, 0, DB_NONE, cmd_install, false },
	{ "uninstall", "", "end it, and start it no more", 0, 0, DB_NONE, cmd_uninstall, false },
	{ "status", "", "daemon, quota, alerts, database; exit 1: something is to do", 0, 0, DB_READ, cmd_status, true },
	{ "reload", "", "let the daemon read its configuration anew", 0, 0, DB_NONE, cmd_reload, true },
	{ "job", "tidy|quota|gaps|tasks|vacuum|check", "do one of the daemon's jobs now", 1, 1, DB_WRITE, cmd_job, false },
	{ "quota", "status|pause|resume|override|history|poll", "rate limits: where they stand, and the switches", 0, 0, DB_NONE,
	  cmd_quota, true },
	{ "run", "[-- COMMAND...]", "give a command a worktree of its own, in a sandbox", 0, -1, DB_WRITE, cmd_run, true },
	{ "task", "list|show|log|review|diff|merge|...", "look after what was run: review, merge, discard, ...", 0, -1, DB_NONE,
	  cmd_task, true },
	{ "sandbox", "", "keep a program in what the kernel lets it do", 0, -1, DB_NONE, cmd_sandbox, false },
	COMMAND_COMPLETION,
	{ 0 }
};

static const struct ccm_program program = {
	.name = "ccm-supervisor",
	.about = "Does for ccm what may take time.",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return ccm_command_main(&program, argc, argv);
}
