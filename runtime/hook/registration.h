/* SPDX-License-Identifier: MIT */
/* registration - what the client's settings files say of us, seen from the working directory.
 *
 * Ownership: registration_done() releases it.
 */
#ifndef CCM_HOOK_REGISTRATION_H
#define CCM_HOOK_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "libccm/host_settings.h"

#define REGISTRATION_FILES 4

struct registration_entry {
	const struct registration_file *file;
	char *event, *command;
	bool exec_form, limited;
	double timeout_s;
};

struct registration_file {
	char *path;
	bool exists;
	char *problem;               /* cannot be read, or the client ignores all of it; NULL: neither */
	struct ccm_host_switches switches;
};

struct registration {
	struct registration_file files[REGISTRATION_FILES];  /* by enum ccm_host_scope */
	struct registration_entry *entries;  /* of the files that have no problem */
	size_t count, allocated;
};

/* -ENOMEM is the only failure. */
int registration_load(struct registration *ret);
void registration_done(struct registration *r);
#define _cleanup_registration_ _cleanup_(registration_done)

/* True if every event of that name reaches us; limited: or some of them. */
bool registration_has(const struct registration *r, const char *event, bool limited);

/* The next event of a list (names with blanks between; NULL: all) that does not reach us; *at moves
 * behind it. False: there is none, or nothing at all is registered. */
#define REGISTRATION_EVENT_MAX 128
bool registration_next_missing(const struct registration *r, const char **at, char event[REGISTRATION_EVENT_MAX]);

/* The program that the entry runs: its path, searched in PATH if it has no slash. NULL: there is none
 * that can be executed, or no memory. */
char *registration_program(const struct registration_entry *e);

#endif
