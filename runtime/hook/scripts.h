/* SPDX-License-Identifier: MIT */
/* scripts - automations by name: those that are enabled, the user's own, and the stock ones.
 *
 * Ownership: scripts_done() releases what scripts_load() made; automations are borrowed from it.
 */
#ifndef CCM_HOOK_SCRIPTS_H
#define CCM_HOOK_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "libccm/automation.h"
#include "libccm/paths.h"
#include "libccm/settings.h"

struct scripts {
	struct ccm_automations enabled;      /* automations/enabled */
	struct ccm_automations own;          /* automations/available */
	struct ccm_automations stock;        /* as shipped: only what can be executed */
};

int scripts_load(const struct ccm_paths *paths, struct scripts *ret);
void scripts_done(struct scripts *s);
#define _cleanup_scripts_ _cleanup_(scripts_done)

/* The automation of that name, or of that file name (50-NAME); NULL: none, or several of that name.
 * *ret_count, if wanted, is how many. */
const struct ccm_automation *scripts_find(const struct ccm_automations *list, const char *name, size_t *ret_count);

/* True if both are one file in the end. */
bool scripts_same_file(const char *path, const char *other_path);

/* The enabled automation that is this file; NULL: it is not enabled. */
const struct ccm_automation *scripts_enabled_as(const struct scripts *s, const char *path);

/* True if it can be an automation's name; else says on stderr, for that command, why not. */
bool scripts_name_ok(const char *command, const char *name);

/* The path of an existing file, made absolute: the folder resolved, the last part as it is, so that a
 * link that the user keeps up to date stays one. -CCM_E_SAID after saying, for that command, what is wrong. */
int scripts_absolute(const char *command, const char *path, char **ret);

/* dir/name.ini or, with suffix "", dir/name. NULL: out of memory. */
char *scripts_path(const char *dir, const char *name, const char *suffix);

/* Prints a line; names and what a header says may hold control bytes, which become escapes. */
void scripts_say(const char *format, ...) _printf_(1, 2);

/* What applies where its manifest says nothing. */
int64_t scripts_timeout_ms(const struct ccm_automation *a, const struct ccm_settings *s);

#endif
