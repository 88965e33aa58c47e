/* SPDX-License-Identifier: MIT */
#include "term.h"

#include <string.h>
#include <sys/ioctl.h>

#include "utf8.h"

/* Marks that reorder or hide text: bidirectional controls, zero-width and tag characters. */
static bool is_deceptive(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || c == 0x061c || c == 0x2028 || c == 0x2029 || (c >= 0xe0000 && c <= 0xe007f);
}

void ccm_term_clean(struct ccm_sbuf *out, const char *text, size_t bytes, enum ccm_clean how)
{
	size_t step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(text + i, bytes - i, &step);

		if (c == '\n' || c == '\t') {
			if (how == CCM_CLEAN_LINES)
				ccm_sbuf_addc(out, (char)c);
			else
				ccm_sbuf_adds(out, c == '\n' ? "\\n" : "\\t");
		} else if (c == 0x1b) {
			ccm_sbuf_adds(out, "\\e");
		} else if (c == '\r') {
			ccm_sbuf_adds(out, "\\r");
		} else if (c < 0x20 || c == 0x7f) {
			ccm_sbuf_addf(out, "\\x%02x", c);
		} else if (c == CCM_UTF8_BAD && step == 1) {
			ccm_sbuf_addf(out, "\\x%02x", (unsigned char)text[i]);
		} else if ((c >= 0x80 && c < 0xa0) || is_deceptive(c)) {
			ccm_sbuf_addf(out, "<U+%04X>", c);
		} else {
			ccm_sbuf_add(out, text + i, step);
		}
	}
}

static bool is_combining(uint32_t c)
{
	return (c >= 0x0300 && c <= 0x036f) || (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x20d0 && c <= 0x20ff) ||
	       (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xfe20 && c <= 0xfe2f);
}

static bool is_wide(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
	       (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	       (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
}

static size_t char_width(uint32_t c)
{
	return is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
}

size_t ccm_term_width(const char *text, size_t bytes)
{
	size_t width = 0, step;

	for (size_t i = 0; i < bytes; i += step)
		width += char_width(ccm_utf8_next(text + i, bytes - i, &step));
	return width;
}

void ccm_term_fit(struct ccm_sbuf *out, const char *text, size_t bytes, size_t columns, bool pad)
{
	size_t width = ccm_term_width(text, bytes), used = 0, step;

	if (width <= columns) {
		ccm_sbuf_add(out, text, bytes);
		used = width;
	} else {
		for (size_t i = 0; i < bytes; i += step) {
			size_t w = char_width(ccm_utf8_next(text + i, bytes - i, &step));

			if (used + w + 1 > columns)
				break;
			ccm_sbuf_add(out, text + i, step);
			used += w;
		}
		if (columns) {
			ccm_sbuf_adds(out, "…");
			used++;
		}
	}
	for (; pad && used < columns; used++)
		ccm_sbuf_addc(out, ' ');
}

size_t ccm_term_columns(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;
	int n = columns ? atoi(columns) : 0;

	if (n > 0 && n < 10000)
		return (size_t)n;
	if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return 100;
}

bool ccm_term_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
}
