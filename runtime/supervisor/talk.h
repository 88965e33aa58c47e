/* SPDX-License-Identifier: MIT */
/* talk - sockets in a task's folder, by which the person's own processes talk to each other.
 *
 * The folder is the person's alone (0700), and no sandbox sees it or may use such sockets. The path of a socket must be
 * short; that of a descriptor is: so the folder is opened and the socket named through it.
 *
 * Errors: negative errno. -ESRCH: nobody listens.
 */
#ifndef CCM_SUPERVISOR_TALK_H
#define CCM_SUPERVISOR_TALK_H

/* A listening stream socket, O_NONBLOCK, in place of what has that name in folder dir. */
int talk_listen(const char *dir, const char *name);
int talk_connect(const char *dir, const char *name);

#endif
