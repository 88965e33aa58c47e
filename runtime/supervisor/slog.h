/* SPDX-License-Identifier: MIT */
/* slog - the daemon's log: a line per happening, as pairs of a name and a value (logfmt).
 *
 *     slog(SLOG_INFO, "job-ended", "job", name, "took_ms", number, NULL);
 *
 *     <6>event=job-ended job=tidy took_ms=12                                       the journal: it knows the time
 *     time=2026-07-01T10:30:15.250+02:00 level=info event=job-ended job=tidy ...   a file, or a terminal
 *
 * Where stderr is the journal's (JOURNAL_STREAM) or a terminal, lines go there; else into CCM_HOME/supervisor.log, mode
 * 0600, which becomes supervisor.log.1 when it is larger than SLOG_FILE_BYTES; four are kept.
 * Values are cleaned of control bytes and of well-known forms of secrets.
 */
#ifndef CCM_SUPERVISOR_SLOG_H
#define CCM_SUPERVISOR_SLOG_H

#include "libccm/paths.h"

#define SLOG_FILE_BYTES (1 << 20)
#define SLOG_FILES 4

enum slog_level { SLOG_ERROR = 3, SLOG_WARNING = 4, SLOG_INFO = 6 };     /* syslog's numbers */

/* Decides where lines go. */
void slog_open(const struct ccm_paths *paths);
void slog_close(void);
void slog(enum slog_level level, const char *event, ...) __attribute__((sentinel));

/* A number as a text; each call of a statement needs a buffer of its own. */
struct slog_number {
	char text[24];
};
const char *slog_number(struct slog_number *n, long long value);
#define SLOG_NUMBER(value) slog_number(&(struct slog_number){ { 0 } }, value)

#endif
