/* SPDX-License-Identifier: MIT */
#include "term.h"

#include <string.h>
#include <sys/ioctl.h>

#include "utf8.h"

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t c)
{
	while (count) {
		size_t middle = count / 2;

		if (c < ranges[middle].first) {
			count = middle;
		} else if (c > ranges[middle].last) {
			ranges += middle + 1;
			count -= middle + 1;
		} else {
			return true;
		}
	}
	return false;
}

/* Marks that reorder text, hide in it or carry data unseen: soft hyphen, fillers, zero-width
 * characters, bidirectional controls, line and paragraph separators, annotations, tags and the
 * supplementary variation selectors. */
static bool is_deceptive(uint32_t c)
{
	static const struct range marks[] = {
		{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x061c, 0x061c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
		{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff9, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	};

	return is_in(marks, ARRAY_SIZE(marks), c);
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static void add_shown(struct ccm_sbuf *out, uint32_t c)
{
	switch (c) {
	case 0x1b:
		ccm_sbuf_adds(out, "\\e");
		break;
	case '\n':
		ccm_sbuf_adds(out, "\\n");
		break;
	case '\r':
		ccm_sbuf_adds(out, "\\r");
		break;
	case '\t':
		ccm_sbuf_adds(out, "\\t");
		break;
	default:
		ccm_sbuf_addf(out, c < 0x80 ? "\\x%02x" : "<U+%04X>", c);
	}
}

void ccm_term_clean(struct ccm_sbuf *out, const char *text, size_t bytes, enum ccm_clean how)
{
	size_t step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(text + i, bytes - i, &step);

		if (c == CCM_UTF8_BAD && step == 1)
			ccm_sbuf_addf(out, "\\x%02x", (unsigned char)text[i]);
		else if (how == CCM_CLEAN_LINES && (c == '\n' || c == '\t'))
			ccm_sbuf_addc(out, (char)c);
		else if (is_control(c) || is_deceptive(c))
			add_shown(out, c);
		else
			ccm_sbuf_add(out, text + i, step);
	}
}

void ccm_term_json(struct ccm_sbuf *out, const char *json, size_t bytes)
{
	size_t step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(json + i, bytes - i, &step);
		bool space = c == '\n' || c == '\t';

		if (c == '\r')      /* white space between values; here it would let text overwrite text */
			ccm_sbuf_addc(out, ' ');
		else if ((c == CCM_UTF8_BAD && step == 1) || (is_control(c) && !space) || (is_deceptive(c) && c < 0x10000))
			ccm_sbuf_addf(out, "\\u%04x", c);
		else if (is_deceptive(c))
			ccm_sbuf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
		else
			ccm_sbuf_add(out, json + i, step);
	}
}

static bool is_combining(uint32_t c)
{
	static const struct range marks[] = {
		{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
		{ 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1160, 0x11ff }, { 0x1ab0, 0x1aff },
		{ 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f },
		{ 0xfe20, 0xfe2f },
	};

	return is_in(marks, ARRAY_SIZE(marks), c);
}

/* Source: East_Asian_Width W and F (Unicode 15, EastAsianWidth.txt), scripts of the past left out. */
static bool is_wide(uint32_t c)
{
	static const struct range wide[] = {
		{ 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2329, 0x232a }, { 0x23e9, 0x23ec }, { 0x23f0, 0x23f0 },
		{ 0x23f3, 0x23f3 }, { 0x25fd, 0x25fe }, { 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267f, 0x267f },
		{ 0x2693, 0x2693 }, { 0x26a1, 0x26a1 }, { 0x26aa, 0x26ab }, { 0x26bd, 0x26be }, { 0x26c4, 0x26c5 },
		{ 0x26ce, 0x26ce }, { 0x26d4, 0x26d4 }, { 0x26ea, 0x26ea }, { 0x26f2, 0x26f3 }, { 0x26f5, 0x26f5 },
		{ 0x26fa, 0x26fa }, { 0x26fd, 0x26fd }, { 0x2705, 0x2705 }, { 0x270a, 0x270b }, { 0x2728, 0x2728 },
		{ 0x274c, 0x274c }, { 0x274e, 0x274e }, { 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2795, 0x2797 },
		{ 0x27b0, 0x27b0 }, { 0x27bf, 0x27bf }, { 0x2b1b, 0x2b1c }, { 0x2b50, 0x2b50 }, { 0x2b55, 0x2b55 },
		{ 0x2e80, 0x303e }, { 0x3041, 0x3247 }, { 0x3250, 0x4dbf }, { 0x4e00, 0xa4cf }, { 0xa960, 0xa97f },
		{ 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e },
		{ 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c },
		{ 0x1f37e, 0x1f393 }, { 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 },
		{ 0x1f3f4, 0x1f3f4 }, { 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc },
		{ 0x1f4ff, 0x1f53d }, { 0x1f54b, 0x1f54e }, { 0x1f550, 0x1f567 }, { 0x1f57a, 0x1f57a },
		{ 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 }, { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 },
		{ 0x1f6cc, 0x1f6cc }, { 0x1f6d0, 0x1f6d2 }, { 0x1f6d5, 0x1f6df }, { 0x1f6eb, 0x1f6ef },
		{ 0x1f6f4, 0x1f6ff }, { 0x1f7e0, 0x1f7f0 }, { 0x1f90c, 0x1f93a }, { 0x1f93c, 0x1f945 },
		{ 0x1f947, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
	};

	return is_in(wide, ARRAY_SIZE(wide), c);
}

static size_t char_width(uint32_t c)
{
	if (c < 0x300)
		return 1;
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
	} else if (columns) {
		for (size_t i = 0; i < bytes; i += step) {
			size_t w = char_width(ccm_utf8_next(text + i, bytes - i, &step));

			if (used + w + 1 > columns)
				break;
			ccm_sbuf_add(out, text + i, step);
			used += w;
		}
		ccm_sbuf_adds(out, "…");
		used++;
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

	return isatty(fd) && !(no_color && no_color[0]) && term && term[0] && strcmp(term, "dumb") != 0;
}
