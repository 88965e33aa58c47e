/* SPDX-License-Identifier: MIT */
/* io - files as a whole.
 *
 * Errors: negative errno. Every descriptor is opened O_CLOEXEC.
 */
#ifndef CCM_IO_H
#define CCM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sbuf.h"

/* Appends the rest of fd to s. -EFBIG: it holds more than max_bytes; the first max_bytes are in s. */
int ccm_read_fd(int fd, size_t max_bytes, struct ccm_sbuf *s);

/* Appends the regular file or pipe at path to s; -EFBIG as above. */
int ccm_read_file(const char *path, size_t max_bytes, struct ccm_sbuf *s);

/* Appends the regular file at path; -CCM_E_NOT_FILE: it is something else, which is not waited for. */
int ccm_read_regular(const char *path, size_t max_bytes, struct ccm_sbuf *s);

/* Writes all of it, through short writes and EINTR. */
int ccm_write_all(int fd, const void *data, size_t bytes);

/* Puts the bytes at path in one step: a reader sees the old file or the new one, never a part.
 * The file is new with the given mode; directories in between must exist. durable: fsync first. */
int ccm_write_file(const char *path, const void *data, size_t bytes, mode_t mode, bool durable);

/* Makes the directory and its missing parents, with that mode. An existing one is left as it is. */
int ccm_mkdir_p(const char *path, mode_t mode);

#endif
