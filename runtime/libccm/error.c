/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <stdarg.h>
#include <string.h>

const char *ccm_strerror(int error)
{
	static const char *const words[] = {
#define X(name, text) [CCM_E_##name - CCM_E_BASE] = text,
		CCM_ERRORS(X)
#undef X
	};
	int code = error < 0 ? -error : error;

	if (code > CCM_E_BASE && (size_t)(code - CCM_E_BASE) < ARRAY_SIZE(words))
		return words[code - CCM_E_BASE];
	return strerror(code);
}

int ccm_diag_set(struct ccm_diag *diag, int code, const char *format, ...)
{
	va_list ap;

	if (!diag)
		return code;
	va_start(ap, format);
	vsnprintf(diag->text, sizeof diag->text, format, ap);
	va_end(ap);
	return code;
}

const char *ccm_diag_text(const struct ccm_diag *diag, int code)
{
	return diag && diag->text[0] ? diag->text : ccm_strerror(code);
}
