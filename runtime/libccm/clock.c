/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define DAY_MS (24LL * 60 * 60 * 1000)
#define DURATION_MAX_MS (366 * DAY_MS)

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
	{ "ms", 1 },
	{ "s", 1000 }, { "sec", 1000 }, { "second", 1000 }, { "seconds", 1000 },
	{ "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
	{ "h", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 },
	{ "d", DAY_MS }, { "day", DAY_MS }, { "days", DAY_MS },
	{ "w", 7 * DAY_MS }, { "week", 7 * DAY_MS }, { "weeks", 7 * DAY_MS },
};

/* One number with its unit at *text, which moves behind both. */
static int parse_span(const char **text, int64_t *ret_ms)
{
	const char *p = *text;
	size_t letters;
	double n;
	char *rest;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	if (p[0] == '0' && (p[1] | 0x20) == 'x')
		return -EINVAL;
	n = strtod(p, &rest);
	p = rest;
	while (*p == ' ')
		p++;
	for (letters = 0; isalpha((unsigned char)p[letters]); letters++)
		;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != letters || strncmp(units[i].name, p, letters) != 0)
			continue;
		n *= (double)units[i].ms;
		if (!(n <= (double)DURATION_MAX_MS * 100))
			return -EINVAL;
		*ret_ms = (int64_t)(n + 0.5);
		*text = p + letters;
		return 0;
	}
	return -EINVAL;
}

int ccm_duration_parse(const char *text, int64_t *ret_ms)
{
	int64_t ms;
	size_t digits = strspn(text, "0123456789.");

	if (digits && !text[digits]) {
		char *rest;
		double seconds = strtod(text, &rest);

		if (*rest || !(seconds * 1000 <= (double)DURATION_MAX_MS))
			return -EINVAL;
		*ret_ms = (int64_t)(seconds * 1000 + 0.5);
		return 0;
	}
	if (parse_span(&text, &ms) < 0 || *text || ms > DURATION_MAX_MS)
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
	t = mktime(tm);
	if (t == (time_t)-1)
		return -EINVAL;
	*ret_ms = (int64_t)t * 1000;
	return 0;
}

/* Midnight of the day now_ms lies in, moved by days. */
static int midnight(int64_t now_ms, int days, int64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	return local_ms(&tm, ret_ms);
}

/* "Z", "+02:00", "-0530" or nothing: *ret_offset_s, and whether one was given. */
static int parse_zone(const char *p, bool *ret_given, int *ret_offset_s)
{
	int hours, minutes, n = 0;
	char sign;

	*ret_given = false;
	*ret_offset_s = 0;
	if (!*p)
		return 0;
	*ret_given = true;
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0 || strcmp(p, " UTC") == 0)
		return 0;
	if ((sscanf(p, "%c%2d:%2d%n", &sign, &hours, &minutes, &n) == 3 && !p[n]) ||
	    (n = 0, sscanf(p, "%c%2d%2d%n", &sign, &hours, &minutes, &n) == 3 && !p[n])) {
		if ((sign != '+' && sign != '-') || hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
			return -EINVAL;
		*ret_offset_s = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
		return 0;
	}
	return -EINVAL;
}

/* A calendar date, perhaps with a time of day, perhaps with a zone. */
static int parse_calendar(const char *text, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	int year, month, day, hour = 0, minute = 0, second = 0, offset_s, n = 0, m = 0;
	int64_t fraction_ms = 0;
	const char *p = text;
	bool zone;

	if (sscanf(p, "%4d-%2d-%2d%n", &year, &month, &day, &n) != 3 || !n)
		return -EINVAL;
	p += n;
	if ((*p == 'T' || *p == ' ') && isdigit((unsigned char)p[1])) {
		if (sscanf(p + 1, "%2d:%2d%n", &hour, &minute, &m) != 2 || !m)
			return -EINVAL;
		p += 1 + m;
		if (*p == ':') {
			m = 0;
			if (sscanf(p + 1, "%2d%n", &second, &m) != 1 || !m)
				return -EINVAL;
			p += 1 + m;
		}
		if (*p == '.') {
			int64_t scale = 100;

			for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
				fraction_ms += (*p - '0') * scale;
		}
	}
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 24 || minute < 0 ||
	    minute > 59 || second < 0 || second > 60 || parse_zone(p, &zone, &offset_s) < 0)
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	if (zone)
		*ret_ms = ((int64_t)timegm(&tm) - offset_s) * 1000;
	else if (local_ms(&tm, ret_ms) < 0)
		return -EINVAL;
	/* 2026-02-31 would otherwise quietly become the third of March. */
	if (tm.tm_mday != day && hour < 24 && second < 60)
		return -EINVAL;
	*ret_ms += fraction_ms;
	return 0;
}

static int parse_clock(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int hour, minute, second = 0, n = 0;

	if (sscanf(text, "%2d:%2d%n", &hour, &minute, &n) != 2 || !n)
		return -EINVAL;
	if (text[n] == ':') {
		int m = 0;

		if (sscanf(text + n + 1, "%2d%n", &second, &m) != 1 || !m)
			return -EINVAL;
		n += 1 + m;
	}
	if (text[n] || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -EINVAL;
	if (midnight(now_ms, 0, ret_ms) < 0)
		return -EINVAL;
	*ret_ms += ((int64_t)hour * 3600 + minute * 60 + second) * 1000;
	return 0;
}

/* "2h", "1d 3h", "5 minutes", with "ago" or a minus sign around it. */
static int parse_ago(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	const char *p = text;
	int64_t total = 0, ms;
	bool minus = *p == '-', ago = false;

	if (minus)
		p++;
	do {
		if (parse_span(&p, &ms) < 0)
			return -EINVAL;
		total += ms;
		while (*p == ' ')
			p++;
		if (strcmp(p, "ago") == 0) {
			ago = true;
			break;
		}
	} while (*p);
	if (minus == ago)
		return -EINVAL;
	*ret_ms = now_ms - total;
	return 0;
}

int ccm_time_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct ccm_diag *diag)
{
	int r;

	if (strcmp(text, "now") == 0) {
		*ret_ms = now_ms;
		return 0;
	}
	if (strcmp(text, "today") == 0)
		return midnight(now_ms, 0, ret_ms);
	if (strcmp(text, "yesterday") == 0)
		return midnight(now_ms, -1, ret_ms);
	if (text[0] == '@') {
		char *rest;
		double seconds = strtod(text + 1, &rest);

		if (rest > text + 1 && !*rest && seconds >= 0 && seconds < 1e11) {
			*ret_ms = (int64_t)llround(seconds * 1000);
			return 0;
		}
		r = -EINVAL;
	} else {
		r = parse_calendar(text, ret_ms);
		if (r < 0)
			r = parse_clock(text, now_ms, ret_ms);
		if (r < 0)
			r = parse_ago(text, now_ms, ret_ms);
	}
	if (r < 0)
		return ccm_diag_set(diag, r,
				    "'%s' is not a time: try '2h ago', yesterday, 10:30, 2026-07-01, "
				    "'2026-07-01 10:30' or @1782900000", text);
	return 0;
}

const char *ccm_time_format(int64_t ms, bool iso, char *buf, size_t bytes)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char zone[8];
	size_t n;

	if (!localtime_r(&t, &tm)) {
		snprintf(buf, bytes, "@%lld", (long long)(ms / 1000));
		return buf;
	}
	n = strftime(buf, bytes, iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	if (iso) {
		strftime(zone, sizeof zone, "%z", &tm);
		snprintf(buf + n, bytes - n, ".%03d%.3s:%.2s", (int)(ms % 1000), zone, zone + 3);
	}
	return buf;
}
