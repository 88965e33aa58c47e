/* SPDX-License-Identifier: MIT */
/* ccm-checkpoint: what `ccm-supervisor checkpoint` becomes; see elsewhere.h. */
#include "ctx.h"
#include "elsewhere.h"

static const struct command commands[] = {
	COMMAND_CHECKPOINT(cmd_checkpoint, true),
	{ 0 }
};

static const struct ccm_program program = {
	.name = "ccm-supervisor",
	.about = "Does for ccm what may take time.",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return elsewhere_main(&program, argc, argv);
}
