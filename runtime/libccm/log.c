/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <string.h>

#include "io.h"
#include "sbuf.h"
#include "term.h"

static const char *program = "ccm";

void ccm_log_program(const char *name)
{
	program = name;
}

static void _printf_(2, 0) emit(const char *prefix, const char *format, va_list ap)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 };
	char words[4096];

	vsnprintf(words, sizeof words, format, ap);
	ccm_sbuf_addf(&line, "%s: %s", program, prefix);
	ccm_term_clean(&line, words, strlen(words), CCM_CLEAN_LINES);
	ccm_sbuf_addc(&line, '\n');
	if (!ccm_sbuf_error(&line))
		ccm_write_all(STDERR_FILENO, line.text, line.bytes);
}

void ccm_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	emit("", format, ap);
	va_end(ap);
}

void ccm_warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	emit("warning: ", format, ap);
	va_end(ap);
}
