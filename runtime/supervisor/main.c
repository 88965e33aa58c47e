/* SPDX-License-Identifier: MIT */
#include "ctx.h"

static const struct command commands[] = {
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
