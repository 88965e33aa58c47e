/* SPDX-License-Identifier: MIT */
/* macros - cleanup attributes and other small things that every file uses.
 *
 * Ownership: a local that owns something says so where it is declared:
 *                _cleanup_free_ char *path = NULL;
 *            and hands it over with TAKE_PTR(path). Destructors accept NULL.
 */
#ifndef CCM_MACROS_H
#define CCM_MACROS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_ __attribute__((unused))
#define _fallthrough_ __attribute__((fallthrough))

/* Yields the pointer and leaves NULL behind, so that cleanup lets go of it. */
#define TAKE_PTR(p) ({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })
#define TAKE_FD(fd) ({ int taken_ = (fd); (fd) = -1; taken_; })

static inline void ccm_freep(void *p)
{
	free(*(void **)p);
}

static inline void ccm_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ccm_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void ccm_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_     _cleanup_(ccm_freep)
#define _cleanup_close_    _cleanup_(ccm_closep)
#define _cleanup_fclose_   _cleanup_(ccm_fclosep)
#define _cleanup_closedir_ _cleanup_(ccm_closedirp)

#endif
