/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libccm/clock.h"
#include "libccm/hours.h"

#include "check.h"

static int64_t at(const char *text)
{
	int64_t ms = 0;

	CHECK_OR_DIE(ccm_time_parse(text, 0, &ms, NULL) == 0);
	return ms;
}

/* The end that these hours have at the time, as a local time; "": it is not quiet. */
static const char *end_of(const char *const *texts, size_t count, const char *time)
{
	struct ccm_setting_item items[4] = { { 0 } };
	const struct ccm_setting_list list = { items, count };
	static char buf[32];
	const char *bad = NULL;
	int64_t ms;

	for (size_t i = 0; i < count; i++)
		items[i].text = strdup(texts[i]);
	ms = ccm_hours_end(&list, at(time), &bad);
	for (size_t i = 0; i < count; i++)
		free(items[i].text);
	CHECK(!bad);
	return ms ? ccm_time_format(ms, false, buf, sizeof buf) : "";
}

static void ends(void)
{
	static const struct { const char *hours[2], *time, *end; } rows[] = {
		{ { "22:00-07:00" }, "2026-07-01 21:59", "" },
		{ { "22:00-07:00" }, "2026-07-01 22:00", "2026-07-02 07:00:00" },
		{ { "22:00-07:00" }, "2026-07-01 06:59:59", "2026-07-01 07:00:00" },
		{ { "22:00-07:00" }, "2026-07-01 07:00", "" },
		{ { "12:00-13:30" }, "2026-07-01 13:29", "2026-07-01 13:30:00" },
		{ { "20:00-24:00" }, "2026-07-01 23:59", "2026-07-02 00:00:00" },
		/* One begins where the other ends, on either side of midnight. */
		{ { "20:00-24:00", "00:00-06:00" }, "2026-07-01 20:00", "2026-07-02 06:00:00" },
		{ { "00:00-06:00", "20:00-24:00" }, "2026-07-01 20:00", "2026-07-02 06:00:00" },
		{ { "20:00-23:00", "22:00-08:00" }, "2026-07-01 20:30", "2026-07-02 08:00:00" },
		/* The night in which the clocks go on, 02:00 to 03:00, and that in which they go back. */
		{ { "22:00-07:00" }, "2026-03-28 23:00", "2026-03-29 07:00:00" },
		{ { "22:00-02:30" }, "2026-03-28 23:00", "2026-03-29 03:30:00" },
		{ { "22:00-07:00" }, "2026-10-24 23:00", "2026-10-25 07:00:00" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		check_case = rows[i].time;
		CHECK_STR(end_of(rows[i].hours, rows[i].hours[1] ? 2 : 1, rows[i].time), rows[i].end);
	}
}

static void all_day(void)
{
	static const char *const hours[] = { "00:00-24:00" };

	/* It ends some day; who looks then finds that it goes on. */
	CHECK_STR(end_of(hours, 1, "2026-07-01 12:00"), "2026-07-03 00:00:00");
}

static void texts(void)
{
	static const char *const good[] = { "22:00-07:00", "0:00-24:00", "7:5-8:05" };
	static const char *const bad[] = { "", "22-07", "22:00", "22:00-07:60", "25:00-07:00", "24:01-07:00", "22:00-07:00 ",
					   "-1:00-07:00", "07:00-7:00", "22:00-07:00:00", "x" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		check_case = good[i];
		CHECK(ccm_hours_check(good[i]) == 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		check_case = bad[i];
		CHECK(ccm_hours_check(bad[i]) < 0);
	}
}

int main(void)
{
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	ends();
	all_day();
	texts();
	return 0;
}
