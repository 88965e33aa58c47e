/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <string.h>

#include "libccm/macros.h"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("_-./:=@%+,", c) || (unsigned char)c >= 0x80;
}

static bool is_mark(char c)
{
	return c == GUARD_UNKNOWN || c == GUARD_STAR || c == GUARD_ONE;
}

/* The stretch of bytes up to the next mark, quoted if any of them needs it. */
static size_t print_stretch(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	size_t n = 0;
	bool plain = true;

	for (; n < bytes && !is_mark(text[n]); n++)
		plain = plain && text[n] && is_plain(text[n]);
	if (plain) {
		ccm_sbuf_add(out, text, n);
		return n;
	}
	ccm_sbuf_addc(out, '\'');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\'')
			ccm_sbuf_adds(out, "'\\''");
		else if (c == '\n')
			ccm_sbuf_adds(out, "'$'\\n''");
		else if (c < 0x20 || c == 0x7f)
			ccm_sbuf_addf(out, "'$'\\x%02x''", c);
		else
			ccm_sbuf_addc(out, text[i]);
	}
	ccm_sbuf_addc(out, '\'');
	return n;
}

void guard_print_value(struct ccm_sbuf *out, const struct guard_value *v)
{
	if (v->bytes == 0)
		ccm_sbuf_adds(out, "''");
	for (size_t i = 0; i < v->bytes;) {
		switch (v->text[i]) {
		case GUARD_UNKNOWN:
			ccm_sbuf_adds(out, "${?}");
			i++;
			break;
		case GUARD_STAR:
			ccm_sbuf_addc(out, '*');
			i++;
			break;
		case GUARD_ONE:
			ccm_sbuf_addc(out, '?');
			i++;
			break;
		default:
			i += print_stretch(out, v->text + i, v->bytes - i);
		}
	}
}

static void print_redirect(struct ccm_sbuf *out, const struct guard_redirect *r)
{
	static const char *const operators[] = {
		[GUARD_READ] = "<", [GUARD_WRITE] = ">", [GUARD_APPEND] = ">>", [GUARD_READ_WRITE] = "<>",
		[GUARD_DUP] = ">&", [GUARD_HEREDOC] = "<<<",
	};
	int usual = r->kind == GUARD_READ || r->kind == GUARD_READ_WRITE || r->kind == GUARD_HEREDOC ? 0 : 1;

	ccm_sbuf_addc(out, ' ');
	if (r->fd == -1)
		ccm_sbuf_addc(out, '&');
	else if (r->fd != usual)
		ccm_sbuf_addf(out, "%d", r->fd);
	ccm_sbuf_adds(out, operators[r->kind]);
	guard_print_value(out, &r->target);
}

void guard_print_command(struct ccm_sbuf *out, const struct guard_command *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (i > 0)
			ccm_sbuf_addc(out, ' ');
		guard_print_value(out, &c->words[i]);
	}
	for (size_t i = 0; i < c->redirect_count; i++)
		print_redirect(out, &c->redirects[i]);
}

static void print_names(struct ccm_sbuf *out, unsigned set, const char *const *names, size_t count)
{
	const char *comma = "";

	for (size_t i = 0; i < count; i++)
		if (set & (1u << i)) {
			ccm_sbuf_adds(out, comma);
			ccm_sbuf_adds(out, names[i]);
			comma = ",";
		}
}

void guard_print_flags(struct ccm_sbuf *out, unsigned flags)
{
	static const char *const names[] = { "root", "remote", "container", "background", "maybe", "from-code", "args-open",
					     "dry-run", "ccm-process" };

	print_names(out, flags, names, ARRAY_SIZE(names));
}

void guard_print_taint(struct ccm_sbuf *out, unsigned taint)
{
	static const char *const names[] = { "network", "secret", "decoded", "env" };

	print_names(out, taint, names, ARRAY_SIZE(names));
}
