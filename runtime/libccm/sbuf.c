/* SPDX-License-Identifier: MIT */
#include "sbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int ccm_sbuf_reserve(struct ccm_sbuf *s, size_t bytes)
{
	size_t want, size;
	char *text;

	if (s->failed)
		return -ENOMEM;
	if (__builtin_add_overflow(s->bytes, bytes, &want) || __builtin_add_overflow(want, 1, &want))
		goto fail;
	if (want <= s->allocated)
		return 0;
	size = s->allocated ? s->allocated : 128;
	while (size < want)
		if (__builtin_mul_overflow(size, 2, &size))
			goto fail;
	text = realloc(s->text, size);
	if (!text)
		goto fail;
	s->text = text;
	s->allocated = size;
	return 0;
fail:
	s->failed = true;
	return -ENOMEM;
}

void ccm_sbuf_add(struct ccm_sbuf *s, const void *text, size_t bytes)
{
	if (ccm_sbuf_reserve(s, bytes) < 0)
		return;
	if (bytes)
		memcpy(s->text + s->bytes, text, bytes);
	s->bytes += bytes;
	s->text[s->bytes] = '\0';
}

void ccm_sbuf_adds(struct ccm_sbuf *s, const char *text)
{
	ccm_sbuf_add(s, text, strlen(text));
}

void ccm_sbuf_addc(struct ccm_sbuf *s, char c)
{
	ccm_sbuf_add(s, &c, 1);
}

void ccm_sbuf_addf(struct ccm_sbuf *s, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0) {
		s->failed = true;
		return;
	}
	if (ccm_sbuf_reserve(s, (size_t)n) < 0)
		return;
	va_start(ap, format);
	vsnprintf(s->text + s->bytes, (size_t)n + 1, format, ap);
	va_end(ap);
	s->bytes += (size_t)n;
}

int ccm_sbuf_error(const struct ccm_sbuf *s)
{
	return s->failed ? -ENOMEM : 0;
}

const char *ccm_sbuf_str(const struct ccm_sbuf *s)
{
	return s->text && s->bytes ? s->text : "";
}

char *ccm_sbuf_take(struct ccm_sbuf *s)
{
	char *text = NULL;

	if (ccm_sbuf_reserve(s, 0) == 0) {
		s->text[s->bytes] = '\0';
		text = TAKE_PTR(s->text);
	}
	ccm_sbuf_done(s);
	return text;
}

void ccm_sbuf_clear(struct ccm_sbuf *s)
{
	s->bytes = 0;
	s->failed = false;
	if (s->text)
		s->text[0] = '\0';
}

void ccm_sbuf_done(struct ccm_sbuf *s)
{
	free(s->text);
	*s = (struct ccm_sbuf){ 0 };
}
