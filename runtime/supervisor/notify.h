/* SPDX-License-Identifier: MIT */
/* notify - what the kernel asks about a sandboxed program's system calls: refused, and told.
 *
 * Each refusal of a kind that was not told yet (program, call, what it was for) becomes a line of JSON:
 *     {"time_ms":1,"layer":"seccomp","call":"socket","detail":"AF_UNIX, SOCK_STREAM","program":"tmux: client","pid":7}
 * The program's name is its own choice. After NOTIFY_TOLD_MAX lines one more says that there is more.
 *
 * Without namespaces we are also the broker for what changes a file beside its content: the call is done by us, on what
 * we opened, if that lies in a directory (or is a file) that the program may write. The bits for set-user-id and
 * set-group-id, attributes and other owners are refused.
 *
 * Ownership: takes the descriptor; paths are copied.
 * Hostile: every number, pointer and string of a request. The path is resolved by us, once, and what we then hold is
 *         judged, not its name.
 */
#ifndef CCM_SUPERVISOR_NOTIFY_H
#define CCM_SUPERVISOR_NOTIFY_H

#include "sandbox.h"

#define NOTIFY_TOLD_MAX 256

struct notify;

int notify_new(int fd, const struct sandbox_spec *spec, bool namespaces, struct notify **ret);

/* Answers one request; call it when fd can be read. */
void notify_answer(struct notify *n);

void notify_free(struct notify *n);

#endif
