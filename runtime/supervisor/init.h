/* SPDX-License-Identifier: MIT */
/* init - the process between the caller and the sandboxed program: pid 1 of the sandbox, or a subreaper.
 *
 * It makes the sandbox around itself, starts the program in it, reaps what is left without a parent, hands signals on, and
 * ends everything inside when the program has ended or the caller is gone. It is not under the rules itself, so that it
 * can; what is inside can neither signal it nor look into it.
 *
 * Talk, over packets of sequence:
 *     setup    init and the program, until it runs -> caller: struct init_message; its end says that the program runs
 *     control  caller -> init: an int, a signal for everything inside. init -> caller: an int, the wait status
 */
#ifndef CCM_SUPERVISOR_INIT_H
#define CCM_SUPERVISOR_INIT_H

#include "sandbox.h"

enum init_message_kind {
	INIT_FAILED = 1,             /* error and words; retry says that it is namespaces that are refused */
	INIT_PROXY,                  /* comes with the listening socket */
	INIT_NOTIFY,                 /* comes with the descriptor on which the kernel asks */
	INIT_READY,                  /* next, the program is executed */
};

struct init_message {
	enum init_message_kind kind;
	int error;
	bool refused_namespaces;
	char text[sizeof ((struct ccm_diag *)0)->text];
};

struct init_plan {
	const struct sandbox_spec *spec;
	const char *const *argv;
	bool namespaces;
	int abi;                     /* of Landlock */
	uid_t uid;
	gid_t gid;
	int setup_fd, control_fd;
	int slave_fd;                /* of the program's terminal; -1: none */
};

/* In the new process; never returns. */
void init_main(const struct init_plan *plan) __attribute__((noreturn));

#endif
