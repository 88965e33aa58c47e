/* SPDX-License-Identifier: MIT */
#include "slog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/redact.h"
#include "libccm/sbuf.h"
#include "libccm/term.h"

/* As log.h's name of the program: there is one log. */
static struct {
	bool journal;
	int fd;                          /* the file; -1: stderr */
	char *path;
} log_to = { .fd = -1 };

const char *slog_number(struct slog_number *n, long long value)
{
	snprintf(n->text, sizeof n->text, "%lld", value);
	return n->text;
}

static void open_file(void)
{
	log_to.fd = open(log_to.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void slog_open(const struct ccm_paths *paths)
{
	struct ccm_sbuf path = { 0 };

	log_to.journal = getenv("JOURNAL_STREAM") != NULL;
	if (log_to.journal || isatty(STDERR_FILENO))
		return;
	ccm_sbuf_addf(&path, "%s/supervisor.log", paths->home);
	log_to.path = ccm_sbuf_take(&path);
	if (log_to.path)
		open_file();
}

void slog_close(void)
{
	if (log_to.fd >= 0)
		close(log_to.fd);
	log_to.fd = -1;
	free(log_to.path);
	log_to.path = NULL;
}

/* supervisor.log becomes .1, .1 becomes .2, and the last one goes. */
static void rotate(void)
{
	struct stat st;

	if (log_to.fd < 0 || fstat(log_to.fd, &st) < 0 || st.st_size < SLOG_FILE_BYTES)
		return;
	for (int n = SLOG_FILES - 1; n >= 1; n--) {
		_cleanup_sbuf_ struct ccm_sbuf from = { 0 }, to = { 0 };

		ccm_sbuf_adds(&from, log_to.path);
		if (n > 1)
			ccm_sbuf_addf(&from, ".%d", n - 1);
		ccm_sbuf_addf(&to, "%s.%d", log_to.path, n);
		if (!ccm_sbuf_error(&from) && !ccm_sbuf_error(&to))
			rename(from.text, to.text);
	}
	close(log_to.fd);
	open_file();
}

static void add_value(struct ccm_sbuf *line, const char *value)
{
	_cleanup_sbuf_ struct ccm_sbuf safe = { 0 }, clean = { 0 };
	bool plain;

	ccm_redact(&safe, value, strlen(value));
	ccm_term_clean(&clean, ccm_sbuf_str(&safe), safe.bytes, CCM_CLEAN_LINE);
	plain = clean.bytes && !strpbrk(clean.text, " \"=");
	if (plain) {
		ccm_sbuf_add(line, clean.text, clean.bytes);
		return;
	}
	ccm_sbuf_addc(line, '"');
	for (const char *p = ccm_sbuf_str(&clean); *p; p++) {
		if (*p == '"')
			ccm_sbuf_addc(line, '\\');
		ccm_sbuf_addc(line, *p);
	}
	ccm_sbuf_addc(line, '"');
}

static const char *level_name(enum slog_level level)
{
	return level == SLOG_ERROR ? "error" : level == SLOG_WARNING ? "warning" : "info";
}

void slog(enum slog_level level, const char *event, ...)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 };
	const char *name;
	char time[40];
	va_list ap;

	if (log_to.journal)
		ccm_sbuf_addf(&line, "<%d>event=%s", level, event);
	else
		ccm_sbuf_addf(&line, "time=%s level=%s event=%s", ccm_time_format(ccm_now_ms(), true, time, sizeof time),
			      level_name(level), event);
	va_start(ap, event);
	while ((name = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		ccm_sbuf_addf(&line, " %s=", name);
		add_value(&line, value ? value : "");
	}
	va_end(ap);
	ccm_sbuf_addc(&line, '\n');
	if (ccm_sbuf_error(&line))
		return;
	rotate();
	ccm_write_all(log_to.fd >= 0 ? log_to.fd : STDERR_FILENO, line.text, line.bytes);
}
