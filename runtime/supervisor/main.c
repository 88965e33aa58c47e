/* SPDX-License-Identifier: MIT */
#include "ctx.h"

static const struct command commands[] = {
	{ "checkpoint", "take|list|show|diff|restore|undo|prune", "states of a working tree: keep them, look, have them back",
	  0, -1, DB_NONE, cmd_checkpoint, true },
	{ "quota", "status|pause|resume|override|history|poll", "rate limits: where they stand, and the switches", 0, 0, DB_NONE,
	  cmd_quota, true },
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
