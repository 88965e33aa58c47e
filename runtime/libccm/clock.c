/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS (24LL * 60 * 60 * 1000)
#define YEAR_MS (DAY_MS * 1461 / 4)          /* 365.25 days, as systemd.time(7) has it */
#define DURATION_MAX_MS (366 * DAY_MS)
#define AGO_MAX_MS (1000 * YEAR_MS)

int64_t ccm_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t ccm_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 }, { "msec", 1 },
	{ "s", 1000 }, { "sec", 1000 }, { "second", 1000 }, { "seconds", 1000 },
	{ "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
	{ "h", 3600000 }, { "hr", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 },
	{ "d", DAY_MS }, { "day", DAY_MS }, { "days", DAY_MS },
	{ "w", 7 * DAY_MS }, { "week", 7 * DAY_MS }, { "weeks", 7 * DAY_MS },
	{ "M", YEAR_MS / 12 }, { "month", YEAR_MS / 12 }, { "months", YEAR_MS / 12 },
	{ "y", YEAR_MS }, { "year", YEAR_MS }, { "years", YEAR_MS },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A decimal number without sign or exponent at *text, which moves behind it: digits, perhaps a point
 * and digits, of which six count. The C library's would take inf, 0x10, 1e9 and the locale's comma. */
struct decimal {
	int64_t whole, millionths;
};

static int scan_decimal(const char **text, struct decimal *ret)
{
	const char *p = *text;
	int64_t scale = 100000;

	*ret = (struct decimal){ 0 };
	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (ret->whole > 100000000000000LL)
			return -EINVAL;
		ret->whole = ret->whole * 10 + (*p - '0');
	}
	if (*p == '.') {
		if (!is_digit(p[1]))
			return -EINVAL;
		for (p++; is_digit(*p); p++, scale /= 10)
			ret->millionths += (*p - '0') * scale;
	}
	*text = p;
	return 0;
}

/* -EINVAL: more than max_ms. */
static int times_unit(const struct decimal *n, int64_t unit_ms, int64_t max_ms, int64_t *ret_ms)
{
	int64_t ms;

	if (__builtin_mul_overflow(n->whole, unit_ms, &ms) || ms > max_ms)
		return -EINVAL;
	ms += (n->millionths * unit_ms + 500000) / 1000000;
	if (ms > max_ms)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

/* One number with its unit at *text, which moves behind both. */
static int scan_span(const char **text, int64_t max_ms, int64_t *ret_ms)
{
	const char *p = *text;
	struct decimal n;
	size_t letters;

	if (scan_decimal(&p, &n) < 0)
		return -EINVAL;
	while (*p == ' ')
		p++;
	for (letters = 0; is_letter(p[letters]); letters++)
		;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != letters || strncmp(units[i].name, p, letters) != 0)
			continue;
		*text = p + letters;
		return times_unit(&n, units[i].ms, max_ms, ret_ms);
	}
	return -EINVAL;
}

int ccm_duration_parse(const char *text, int64_t *ret_ms)
{
	const char *p = text;
	struct decimal seconds;
	int64_t ms;

	if (scan_decimal(&p, &seconds) == 0 && !*p)
		return times_unit(&seconds, 1000, DURATION_MAX_MS, ret_ms);
	p = text;
	if (scan_span(&p, DURATION_MAX_MS, &ms) < 0 || *p)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

const char *ccm_duration_format(int64_t ms, char *buf, size_t bytes)
{
	static const struct unit shown[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };
	size_t i = 0;

	while (i < ARRAY_SIZE(shown) - 1 && (!ms || ms % shown[i].ms))
		i++;
	snprintf(buf, bytes, "%lld%s", (long long)(ms / shown[i].ms), shown[i].name);
	return buf;
}

static int local_ms(struct tm *tm, int64_t *ret_ms)
{
	time_t t;

	tm->tm_isdst = -1;
	tm->tm_wday = -1;
	t = mktime(tm);
	/* -1 is also a second before 1970; then the day of the week was filled in. */
	if (t == (time_t)-1 && tm->tm_wday == -1)
		return -EINVAL;
	*ret_ms = (int64_t)t * 1000;
	return 0;
}

/* The day that now_ms lies in, moved by days, at that time of the clock. */
static int local_day(int64_t now_ms, int days, int hour, int minute, int second, int64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	tm.tm_mday += days;
	return local_ms(&tm, ret_ms);
}

/* A whole number of min to max digits at *text, which moves behind it. */
static bool scan_digits(const char **text, int min, int max, int *ret)
{
	int digits = 0;

	for (*ret = 0; digits < max && is_digit(**text); digits++)
		*ret = *ret * 10 + (*(*text)++ - '0');
	return digits >= min && !is_digit(**text);
}

static bool scan_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

struct clock_time {
	int hour, minute, second, ms;
};

/* "10:30", "10:30:15", "10:30:15.25"; midnight may be 24:00 of the day before, and a minute may hold
 * its leap second. */
static bool scan_clock(const char **text, struct clock_time *ret)
{
	int scale = 100;

	*ret = (struct clock_time){ 0 };
	if (!scan_digits(text, 1, 2, &ret->hour) || !scan_char(text, ':') || !scan_digits(text, 2, 2, &ret->minute))
		return false;
	if (scan_char(text, ':')) {
		if (!scan_digits(text, 2, 2, &ret->second))
			return false;
		if (**text == '.') {
			if (!is_digit((*text)[1]))
				return false;
			for ((*text)++; is_digit(**text); (*text)++, scale /= 10)
				ret->ms += (**text - '0') * scale;
		}
	}
	if (ret->hour == 24)
		return ret->minute == 0 && ret->second == 0 && ret->ms == 0;
	return ret->hour < 24 && ret->minute < 60 && ret->second <= 60;
}

/* "Z", "UTC", "+02:00", "-0530", "+02", perhaps behind a blank; nothing: *ret_given is false. */
static bool scan_zone(const char *p, bool *ret_given, int *ret_offset_s)
{
	int hours, minutes = 0, sign;

	*ret_offset_s = 0;
	*ret_given = *p;
	if (!*p)
		return true;
	if (*p == ' ')
		p++;
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0 || strcmp(p, "UTC") == 0)
		return true;
	if (*p != '+' && *p != '-')
		return false;
	sign = *p++ == '-' ? -1 : 1;
	for (hours = 0; hours < 2; hours++)
		if (!is_digit(p[hours]))
			return false;
	hours = (p[0] - '0') * 10 + (p[1] - '0');
	p += 2;
	if (*p) {
		scan_char(&p, ':');
		if (!scan_digits(&p, 2, 2, &minutes) || *p)
			return false;
	}
	*ret_offset_s = sign * (hours * 60 + minutes) * 60;
	return hours <= 14 && minutes < 60;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* A calendar date, perhaps with a time of day, perhaps with a zone. */
static int parse_calendar(const char *p, int64_t *ret_ms)
{
	struct clock_time clock = { 0 };
	int year, month, day, offset_s;
	struct tm tm = { 0 };
	bool zone;

	if (!scan_digits(&p, 4, 4, &year) || !scan_char(&p, '-') || !scan_digits(&p, 1, 2, &month) ||
	    !scan_char(&p, '-') || !scan_digits(&p, 1, 2, &day))
		return -EINVAL;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
		return -EINVAL;
	if ((*p == 'T' || *p == 't' || *p == ' ') && is_digit(p[1])) {
		p++;
		if (!scan_clock(&p, &clock))
			return -EINVAL;
	}
	if (!scan_zone(p, &zone, &offset_s))
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = clock.hour;
	tm.tm_min = clock.minute;
	tm.tm_sec = clock.second;
	if (zone)
		*ret_ms = ((int64_t)timegm(&tm) - offset_s) * 1000;
	else if (local_ms(&tm, ret_ms) < 0)
		return -EINVAL;
	*ret_ms += clock.ms;
	return 0;
}

static int parse_clock(const char *p, int64_t now_ms, int64_t *ret_ms)
{
	struct clock_time clock;
	int r;

	if (!scan_clock(&p, &clock) || *p)
		return -EINVAL;
	r = local_day(now_ms, 0, clock.hour, clock.minute, clock.second, ret_ms);
	if (r == 0)
		*ret_ms += clock.ms;
	return r;
}

/* "2h ago", "1d 3h ago", "5 minutes ago", "-2h", and "+2h" for what is to come. */
static int parse_ago(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	const char *p = text;
	int64_t total = 0, ms;
	bool sign = *p == '-' || *p == '+', ago = false;

	if (sign)
		p++;
	do {
		if (scan_span(&p, AGO_MAX_MS, &ms) < 0)
			return -EINVAL;
		total += ms;
		if (total > AGO_MAX_MS)
			return -EINVAL;
		while (*p == ' ')
			p++;
		if (strcmp(p, "ago") == 0) {
			ago = true;
			break;
		}
	} while (*p);
	if (sign == ago)
		return -EINVAL;
	*ret_ms = text[0] == '+' ? now_ms + total : now_ms - total;
	return 0;
}

static int parse_epoch(const char *p, int64_t *ret_ms)
{
	struct decimal seconds;

	if (scan_decimal(&p, &seconds) < 0 || *p)
		return -EINVAL;
	return times_unit(&seconds, 1000, 100000000000000LL, ret_ms);
}

int ccm_time_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct ccm_diag *diag)
{
	static const struct { const char *word; int days; } words[] = {
		{ "yesterday", -1 }, { "today", 0 }, { "tomorrow", 1 },
	};
	int64_t ms = now_ms;
	int r = -EINVAL;

	if (strcmp(text, "now") == 0)
		r = 0;
	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(words); i++)
		if (strcmp(text, words[i].word) == 0)
			r = local_day(now_ms, words[i].days, 0, 0, 0, &ms);
	if (r < 0 && text[0] == '@')
		r = parse_epoch(text + 1, &ms);
	if (r < 0)
		r = parse_calendar(text, &ms);
	if (r < 0)
		r = parse_clock(text, now_ms, &ms);
	if (r < 0)
		r = parse_ago(text, now_ms, &ms);
	if (r < 0)
		return ccm_diag_set(diag, r,
				    "'%s' is not a time: try '2h ago', yesterday, 10:30, 2026-07-01, "
				    "'2026-07-01 10:30' or @1782900000", text);
	*ret_ms = ms;
	return 0;
}

const char *ccm_time_format(int64_t ms, bool iso, char *buf, size_t bytes)
{
	int rest = (int)(ms % 1000);
	time_t t = (time_t)(ms / 1000 - (rest < 0));
	struct tm tm;
	char zone[8];
	size_t n = 0;

	if (localtime_r(&t, &tm) && tm.tm_year >= 0 && tm.tm_year < 10000 - 1900)
		n = strftime(buf, bytes, iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	if (!n)
		snprintf(buf, bytes, "@%lld", (long long)(ms / 1000));
	else if (iso && strftime(zone, sizeof zone, "%z", &tm))
		snprintf(buf + n, bytes - n, ".%03d%.3s:%.2s", rest < 0 ? rest + 1000 : rest, zone, zone + 3);
	return buf;
}
