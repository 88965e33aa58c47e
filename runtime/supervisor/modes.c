/* SPDX-License-Identifier: MIT */
#include "modes.h"

#include <string.h>

#include "libccm/macros.h"

/* draws: a program that changed it draws its screen itself. */
static const struct { int number; bool at_first, draws; } table[MODES_COUNT] = {
	{ 1, false, false }, { 9, false, true }, { 25, true, true }, { 47, false, true }, { 1047, false, true },
	{ 1049, false, true }, { 1000, false, true }, { 1002, false, true }, { 1003, false, true }, { 1004, false, false },
	{ 1005, false, false }, { 1006, false, false }, { 1015, false, false }, { 2004, false, false }, { 2031, false, false },
};

static void forget(struct modes *m)
{
	memset(m->changed, 0, sizeof m->changed);
	m->keypad = m->margins = m->shape = false;
	m->keys_pushed = m->keys_flags = m->other_keys = 0;
}

/* Far above what means anything, and far below what overflows. */
#define PARAMETER_MAX 9999

/* A parameter of a sequence, at most PARAMETER_MAX. */
static int parameter(const char *digits)
{
	int n = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		n = n > PARAMETER_MAX / 10 ? PARAMETER_MAX : n * 10 + *digits - '0';
	return n;
}

/* ?1;25;1049h */
static void set_private(struct modes *m, const char *numbers, bool on)
{
	for (const char *at = numbers; *at; at += strcspn(at, ";"), at += *at == ';') {
		int number = parameter(at);

		for (size_t i = 0; i < ARRAY_SIZE(table); i++)
			if (table[i].number == number)
				m->changed[i] = on != table[i].at_first;
	}
}

static void on_control(struct modes *m, char final)
{
	const char *s = m->sequence;
	int n = parameter(s + (*s == '?' || *s == '>' || *s == '<' || *s == '='));

	if (*s == '?' && (final == 'h' || final == 'l'))
		set_private(m, s + 1, final == 'h');
	else if (*s == '>' && final == 'u')
		m->keys_pushed += m->keys_pushed < PARAMETER_MAX, m->keys_flags = n;
	else if (*s == '=' && final == 'u' && m->keys_pushed)
		m->keys_flags = n;
	else if (*s == '<' && final == 'u')
		m->keys_pushed = m->keys_pushed > (n ? n : 1) ? m->keys_pushed - (n ? n : 1) : 0;
	else if (*s == '>' && final == 'm' && n == 4)
		m->other_keys = strchr(s, ';') ? parameter(strchr(s, ';') + 1) : 0;
	else if (final == 'r' && *s != '?')
		m->margins = *s != '\0';
	else if (final == 'q' && m->bytes && s[m->bytes - 1] == ' ')
		m->shape = n > 0;
	else if (final == 'p' && *s == '!')
		forget(m);
}

static void add_plain(struct modes *m, char c, struct ccm_sbuf *plain)
{
	/* One alone goes back over what stands there: a line of its own, here. */
	if (m->carriage && c != '\n' && c != '\r')
		ccm_sbuf_addc(plain, '\n');
	m->carriage = c == '\r';
	if (c == '\n' || c == '\t' || (unsigned char)c >= ' ')
		ccm_sbuf_addc(plain, c);
}

static void on_escape(struct modes *m, char c)
{
	m->state = MODES_TEXT;
	if (c == '[') {
		m->state = MODES_CONTROL;
		m->bytes = 0;
	} else if (strchr("]PX^_", c)) {
		m->state = MODES_STRING;
	} else if (c >= ' ' && c <= '/') {
		m->state = MODES_SHORT;
	} else if (c == '=' || c == '>') {
		m->keypad = c == '=';
	} else if (c == 'c') {
		forget(m);
	}
}

static void on_byte(struct modes *m, char c, struct ccm_sbuf *plain)
{
	if (c == '\033') {
		/* Also in the middle of another, which ends by that. */
		m->state = MODES_ESCAPE;
		return;
	}
	switch (m->state) {
	case MODES_TEXT:
		if (plain)
			add_plain(m, c, plain);
		break;
	case MODES_ESCAPE:
		if (c)
			on_escape(m, c);
		break;
	case MODES_SHORT:
		if (c < ' ' || c > '/')
			m->state = MODES_TEXT;
		break;
	case MODES_CONTROL:
		if (c >= '@' && c <= '~') {
			m->sequence[m->bytes] = '\0';
			on_control(m, c);
			m->state = MODES_TEXT;
		} else if (m->bytes < sizeof m->sequence - 1) {
			m->sequence[m->bytes++] = c;
		}
		break;
	case MODES_STRING:
		if (c == '\a')
			m->state = MODES_TEXT;
		break;
	}
}

void modes_scan(struct modes *m, const char *text, size_t bytes, struct ccm_sbuf *plain)
{
	for (size_t i = 0; i < bytes; i++)
		on_byte(m, text[i], plain);
}

bool modes_draw(const struct modes *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (m->changed[i] && table[i].draws)
			return true;
	return false;
}

void modes_print_on(const struct modes *m, struct ccm_sbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (m->changed[i])
			ccm_sbuf_addf(out, "\033[?%d%c", table[i].number, table[i].at_first ? 'l' : 'h');
	if (m->keypad)
		ccm_sbuf_adds(out, "\033=");
	if (m->keys_pushed)
		ccm_sbuf_addf(out, "\033[>%du", m->keys_flags);
	if (m->other_keys)
		ccm_sbuf_addf(out, "\033[>4;%dm", m->other_keys);
}

void modes_print_off(const struct modes *m, struct ccm_sbuf *out)
{
	if (m->keys_pushed)
		ccm_sbuf_addf(out, "\033[<%du", m->keys_pushed);
	if (m->other_keys)
		ccm_sbuf_adds(out, "\033[>4m");
	if (m->keypad)
		ccm_sbuf_adds(out, "\033>");
	if (m->margins)
		ccm_sbuf_adds(out, "\0337\033[r\0338");
	if (m->shape)
		ccm_sbuf_adds(out, "\033[0 q");
	/* A sequence that was cut short must not eat what comes now; then plain letters in plain colours. */
	ccm_sbuf_adds(out, "\033\\\033(B\033[0m");
	for (size_t i = ARRAY_SIZE(table); i-- > 0;)
		if (m->changed[i])
			ccm_sbuf_addf(out, "\033[?%d%c", table[i].number, table[i].at_first ? 'h' : 'l');
}
