/* SPDX-License-Identifier: MIT */
/* secret - tokens and the like: where they are kept, how they are read, and how they stay unsaid.
 *
 * config.ini holds references, never values:
 *     env:NAME                   a variable of the environment
 *     file:PATH                  the one line of a file (~/ is HOME), which must be ours and nobody else's to read: mode 0600
 *     keyring:SERVICE/ACCOUNT    the desktop's keyring, by libsecret: `secret-tool store --label=... service SERVICE account ACCOUNT`
 *
 *     _cleanup_secret_ struct secret token = { 0 };
 *     r = secret_get(reference, &token, &diag);
 *     ...
 *     secret_redact(out, words, strlen(words), &token, 1);         // of any text that may be shown or kept
 *
 * Ownership: secret_done() overwrites and frees; it accepts a zeroed struct.
 * Errors:    -CCM_E_CONFIG: not a reference, or what it names holds no usable value. -ENOENT: there is no such thing.
 *            -CCM_E_REFUSED: the file is not safe. -EAGAIN: the keyring is locked, or does not answer now.
 *            Always with words in diag, which name the reference and never a value.
 */
#ifndef CCM_SUPERVISOR_SECRET_H
#define CCM_SUPERVISOR_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "libccm/error.h"
#include "libccm/sbuf.h"
#include "libccm/settings.h"

#define SECRET_MAX_BYTES 8192

struct secret {
	char *text;                  /* one line without control bytes, NUL-terminated */
	size_t bytes;
};

/* From now on this process leaves no core file, and no other process of this user can read its memory or environment. */
void secret_protect_process(void);

/* True if "NAME=value" of an environment is one that a reference in the settings names: other programs do not get it. */
bool secret_is_variable(const struct ccm_settings *settings, const char *pair);

int secret_get(const char *reference, struct secret *ret, struct ccm_diag *diag);

/* A secret that is made of others, such as a URL with a token in it. -ENOMEM. */
int secret_of(const char *text, struct secret *ret);
void secret_done(struct secret *s);
#define _cleanup_secret_ _cleanup_(secret_done)

/* Appends the text with every secret, and every part of one that is long enough to be told by, replaced by [redacted]; what
 * well-known secrets look like goes, too (libccm/redact.h). A part is a run of letters, digits, - and _ . */
void secret_redact(struct ccm_sbuf *out, const char *text, size_t bytes, const struct secret *secrets, size_t count);

#endif
