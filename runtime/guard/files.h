/* SPDX-License-Identifier: MIT */
/* files - which files and commands a call of a tool other than the shell is about.
 *
 * The client's own tools are known: Write, Edit, MultiEdit and NotebookEdit change the file that they name, Read and Grep
 * show it. An MCP tool declares its arguments as it likes; they are known by their names: `command` and the like hold what
 * a shell would run, `path` and the like a file, `sql` and the like what a database is told (judged as psql -c). Which of Write, Delete and Read an MCP tool does to a file is taken from
 * the words of its own name (delete_file, write, move); one that says nothing of it reads.
 *
 * The client's settings files are special: people let agents edit them. A change that leaves alone what calls or stops ccm
 * (hooks, disableAllHooks, allowManagedHooksOnly, and the CCM_, CLAUDE_ and LD_ variables of env) is a file like any other in the
 * project; one that touches it is called Settings instead of the tool's name, so that a rule can refuse it.
 *
 * Ownership: what is handed to the callbacks lives in the arena.
 * Errors:    -ENOMEM, and what the callbacks return.
 */
#ifndef CCM_GUARD_FILES_H
#define CCM_GUARD_FILES_H

#include "arena.h"
#include "libccm/json.h"

struct guard_call {
	const char *tool;            /* tool_name */
	struct ccm_json input;       /* tool_input */
	const char *directory;       /* the session's */
	const char *client_home;     /* ~/.claude; NULL: nobody knows */
	const char *project;         /* or NULL */
	struct guard_arena *arena;
	int (*file)(void *user, const char *tool, const char *path);     /* tool: Write, Edit, Read, Delete, Settings */
	int (*command)(void *user, const char *text);
	void *user;
};

int guard_files_of(const struct guard_call *call);

#endif
