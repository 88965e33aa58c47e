/* SPDX-License-Identifier: MIT */
#include "json_out.h"

#include <errno.h>
#include <string.h>

#include "libccm/sbuf.h"
#include "libccm/term.h"
#include "libccm/utf8.h"

json_t *text_json(const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
	size_t bytes = text ? strlen(text) : 0, step;

	if (!text)
		return json_null();
	for (size_t i = 0; i < bytes; i += step)
		ccm_utf8_add(&clean, ccm_utf8_next(text + i, bytes - i, &step));
	return ccm_sbuf_error(&clean) < 0 ? NULL : json_string(ccm_sbuf_str(&clean));
}

int print_json(json_t *value)
{
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	if (!text)
		return -ENOMEM;
	ccm_term_json(&out, text, strlen(text));
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	puts(ccm_sbuf_str(&out));
	return 0;
}
