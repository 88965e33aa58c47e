/* SPDX-License-Identifier: MIT */
#include "hours.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MINUTES (24 * 60)

struct hours {
	int from, to;                /* minutes of the day */
};

static int parse(const char *text, struct hours *ret)
{
	unsigned h1, m1, h2, m2, end = 0;

	/* %u takes signs and blanks, too. */
	if (text[strspn(text, "0123456789:-")] || text[0] == '-' || strchr(text, '-') != strrchr(text, '-') ||
	    sscanf(text, "%2u:%2u-%2u:%2u%n", &h1, &m1, &h2, &m2, &end) != 4 || text[end] || m1 > 59 || m2 > 59)
		return -EINVAL;
	*ret = (struct hours){ (int)(h1 * 60 + m1), (int)(h2 * 60 + m2) };
	/* Between 7:00 and 7:00 may be no time or all day. */
	return ret->from > DAY_MINUTES || ret->to > DAY_MINUTES || ret->from == ret->to ? -EINVAL : 0;
}

int ccm_hours_check(const char *text)
{
	struct hours hours;

	return parse(text, &hours);
}

static bool local(int64_t ms, struct tm *tm)
{
	time_t t = (time_t)(ms / 1000);

	return localtime_r(&t, tm) != NULL;
}

/* The next time after ms at which the clock shows so many minutes. */
static int64_t next_at(int64_t ms, int minutes)
{
	struct tm tm;
	time_t t;

	if (!local(ms, &tm))
		return ms;
	if (minutes <= tm.tm_hour * 60 + tm.tm_min)
		tm.tm_mday++;
	tm.tm_hour = 0;
	tm.tm_min = minutes;         /* mktime() makes hours and days of them */
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	/* An hour that the clock shows twice: the later one. */
	return (int64_t)t * 1000 > ms ? (int64_t)t * 1000 : ms + 60000;
}

static int64_t end_once(const struct ccm_setting_list *list, int64_t ms, const char **ret_bad)
{
	int64_t end_ms = 0, at_ms;
	struct hours h;
	struct tm tm;
	int now;

	if (!local(ms, &tm))
		return 0;
	now = tm.tm_hour * 60 + tm.tm_min;
	for (size_t i = 0; i < list->count; i++) {
		if (parse(list->items[i].text, &h) < 0) {
			if (!*ret_bad)
				*ret_bad = list->items[i].text;
			continue;
		}
		if (h.from <= h.to ? now < h.from || now >= h.to : now < h.from && now >= h.to)
			continue;
		at_ms = next_at(ms, h.to);
		if (at_ms > end_ms)
			end_ms = at_ms;
	}
	return end_ms;
}

int64_t ccm_hours_end(const struct ccm_setting_list *list, int64_t ms, const char **ret_bad)
{
	int64_t end_ms = end_once(list, ms, ret_bad), next_ms;

	/* One may begin where the other ends; all day long is all day long. */
	for (size_t i = 0; end_ms && i < list->count; i++) {
		next_ms = end_once(list, end_ms, ret_bad);
		if (!next_ms)
			break;
		end_ms = next_ms;
	}
	return end_ms;
}
