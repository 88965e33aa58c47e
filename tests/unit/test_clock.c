/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "libccm/clock.h"

#include "check.h"

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

/* 2026-07-01 10:30:15.250 UTC */
#define NOW_MS 1782901815250LL
#define HOUR 3600000LL
#define DAY (24 * HOUR)

static void durations(void)
{
	static const struct { const char *text; long long ms; } good[] = {
		{ "90s", 90000 }, { "5m", 300000 }, { "2h", 2 * HOUR }, { "1.5s", 1500 }, { "250ms", 250 },
		{ "3d", 3 * DAY }, { "1w", 7 * DAY }, { "366d", 366 * DAY }, { "10", 10000 }, { "0", 0 },
		{ "0.25", 250 }, { "2 hours", 2 * HOUR }, { "1 minute", 60000 }, { "0.0005s", 1 }, { "0.1234567s", 123 },
		{ "1y", 365 * DAY + 6 * HOUR },
	};
	static const char *const bad[] = {
		"", " ", "s", "-5s", "+5s", "5x", "5 s ", " 5s", "1.2.3", "1.", ".5", "1.s", "0x10", "1e3", "1e3s", "inf",
		"nan", "367d", "99999999999999999999s", "99999999999999999999", "9223372036854775807w", "5s5s", "5S",
		"1,5s", "5s\n", "2h ago",
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		check_case = good[i].text;
		CHECK(ccm_duration_parse(good[i].text, &ms) == 0);
		CHECK_INT(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		check_case = bad[i];
		ms = -7;
		CHECK(ccm_duration_parse(bad[i], &ms) < 0);
		CHECK(ms == -7);
	}
}

static void durations_shown(void)
{
	static const struct { long long ms; const char *text; } shown[] = {
		{ 0, "0ms" }, { 1, "1ms" }, { 999, "999ms" }, { 1000, "1s" }, { 1500, "1500ms" }, { 90000, "90s" },
		{ 120000, "2m" }, { 7200000, "2h" },
	};
	char buf[32];
	int64_t ms;

	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
		CHECK_STR(ccm_duration_format(shown[i].ms, buf, sizeof buf), shown[i].text);
		CHECK(ccm_duration_parse(buf, &ms) == 0 && ms == shown[i].ms);
	}
}

struct time_row {
	const char *text;
	long long ms;
};

static void check_times(const struct time_row *rows, size_t count)
{
	struct ccm_diag diag = { 0 };
	int64_t ms;

	for (size_t i = 0; i < count; i++) {
		check_case = rows[i].text;
		CHECK(ccm_time_parse(rows[i].text, NOW_MS, &ms, &diag) == 0);
		CHECK_INT(ms, rows[i].ms);
		CHECK(!diag.text[0]);
	}
}

static void times(void)
{
	const long long midnight = NOW_MS - 10 * HOUR - 30 * 60000 - 15250;
	const struct time_row rows[] = {
		{ "now", NOW_MS },
		{ "today", midnight },
		{ "yesterday", midnight - DAY },
		{ "tomorrow", midnight + DAY },
		{ "2h ago", NOW_MS - 2 * HOUR },
		{ "2 hours ago", NOW_MS - 2 * HOUR },
		{ "1d 3h ago", NOW_MS - DAY - 3 * HOUR },
		{ "1d3h ago", NOW_MS - DAY - 3 * HOUR },
		{ "1 week ago", NOW_MS - 7 * DAY },
		{ "0.5h ago", NOW_MS - HOUR / 2 },
		{ "2 months ago", NOW_MS - (365 * DAY + 6 * HOUR) / 6 },
		{ "-2h", NOW_MS - 2 * HOUR },
		{ "+2h", NOW_MS + 2 * HOUR },
		{ "-90s", NOW_MS - 90000 },
		{ "08:05", midnight + 8 * HOUR + 5 * 60000 },
		{ "8:05", midnight + 8 * HOUR + 5 * 60000 },
		{ "23:59:59", midnight + DAY - 1000 },
		{ "10:30:15.5", NOW_MS + 250 },
		{ "2026-07-01", midnight },
		{ "2026-7-1", midnight },
		{ "2026-07-01 10:30", NOW_MS - 15250 },
		{ "2026-07-01 10:30:15", NOW_MS - 250 },
		{ "2026-07-01T10:30:15.25", NOW_MS },
		{ "2026-07-01T10:30:15.250Z", NOW_MS },
		{ "2026-07-01t10:30:15.2509999z", NOW_MS },
		{ "2026-07-01 10:30:15.250 UTC", NOW_MS },
		{ "2026-07-01T12:30:15.250+02:00", NOW_MS },
		{ "2026-07-01T05:00:15.250-0530", NOW_MS },
		{ "2026-07-01T12:30:15.250+02", NOW_MS },
		{ "2026-07-01 12:30:15.250 +02:00", NOW_MS },
		{ "2026-06-30T24:00", midnight },
		{ "2024-02-29", 1709164800000LL },
		{ "2016-12-31T23:59:60Z", 1483228800000LL },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "@0", 0 },
		{ "@1782901815", NOW_MS - 250 },
		{ "@1782901815.25", NOW_MS },
	};

	zone("UTC");
	check_times(rows, sizeof rows / sizeof rows[0]);
}

static void no_times(void)
{
	static const char *const bad[] = {
		"", " ", "foo", "2h", "2", "h ago", "ago", "2h  agoo", "2hago", "-2h ago", "+2h ago", "-", "- 2h", "--2h",
		"2x ago", "-5", "yesterday ", "Today",
		"10", "10:", "10:3", "10:300", "24:01", "24:00:01", "25:00", "10:60", "10:30:61", "10:30:5", "10:30:15.",
		"-1:30", "+1:30", " 10:30", "10:30 ", "10:30Z",
		"2026", "2026-07", "2026-13-01", "2026-00-01", "2026-07-00", "2026-07-32", "2026-02-29", "2026-02-31",
		"1900-02-29", "1969-12-31", "26-07-01", "12026-07-01", "2026-007-01", "2026- 7-1", "2026--7-1", "+026-07-01",
		"2026-07-01T", "2026-07-01T10", "2026-07-01T25:00", "2026-07-01T24:30", "2026-07-01  10:30",
		"2026-07-01T10:30+2", "2026-07-01T10:30+15:00", "2026-07-01T10:30+02:60", "2026-07-01T10:30+02:0",
		"2026-07-01T10:30+-2:00", "2026-07-01T10:30 CET", "2026-07-01T10:30ZZ", "2026-07-01T10:30:15.250+02:00x",
		"@", "@-1", "@ 5", "@1e3", "@0x10", "@inf", "@nan", "@1.", "@99999999999999999999", "@5s",
		"999999999999 years ago", "1500 years ago",
	};
	struct ccm_diag diag;
	int64_t ms;

	zone("UTC");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		check_case = bad[i];
		ms = -7;
		diag.text[0] = '\0';
		CHECK(ccm_time_parse(bad[i], NOW_MS, &ms, &diag) < 0);
		CHECK(ms == -7);
		CHECK(strstr(diag.text, "is not a time"));
		CHECK(ccm_time_parse(bad[i], NOW_MS, &ms, NULL) < 0);
	}
}

/* Days on which the clock is changed have 23 or 25 hours. */
static void daylight_saving(void)
{
	const long long change_ms = 1774746000000LL;     /* 2026-03-29 01:00 UTC, 02:00 becomes 03:00 in Berlin */
	int64_t ms;

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	CHECK(ccm_time_parse("2026-03-29 03:30", 0, &ms, NULL) == 0 && ms == change_ms + HOUR / 2);
	CHECK(ccm_time_parse("12:00", change_ms + 12 * HOUR, &ms, NULL) == 0 && ms == change_ms + 9 * HOUR);
	CHECK(ccm_time_parse("today", change_ms + 12 * HOUR, &ms, NULL) == 0 && ms == change_ms - 2 * HOUR);
	CHECK(ccm_time_parse("tomorrow", change_ms, &ms, NULL) == 0 && ms == change_ms + 21 * HOUR);
	CHECK(ccm_time_parse("yesterday", change_ms + 24 * HOUR, &ms, NULL) == 0 && ms == change_ms - 2 * HOUR);
	CHECK(ccm_time_parse("2026-07-01T10:30:15Z", 0, &ms, NULL) == 0 && ms == NOW_MS - 250);
	CHECK(ccm_time_parse("1970-01-01 00:59:59", 0, &ms, NULL) == 0 && ms == -1000);
}

static void shown(void)
{
	char buf[32];
	int64_t ms;

	zone("UTC");
	CHECK_STR(ccm_time_format(NOW_MS, false, buf, sizeof buf), "2026-07-01 10:30:15");
	CHECK_STR(ccm_time_format(NOW_MS, true, buf, sizeof buf), "2026-07-01T10:30:15.250+00:00");
	CHECK_STR(ccm_time_format(-1, true, buf, sizeof buf), "1969-12-31T23:59:59.999+00:00");
	CHECK_STR(ccm_time_format(0, false, buf, sizeof buf), "1970-01-01 00:00:00");
	zone("XXX+3:30");
	CHECK_STR(ccm_time_format(NOW_MS, true, buf, sizeof buf), "2026-07-01T07:00:15.250-03:30");
	CHECK(ccm_time_parse(buf, 0, &ms, NULL) == 0 && ms == NOW_MS);
	CHECK(ccm_time_format(INT64_MAX, true, buf, sizeof buf)[0] == '@');
	CHECK(ccm_time_format(INT64_MIN, false, buf, sizeof buf)[0] == '@');
	CHECK(strlen(ccm_time_format(253402300799999LL, true, buf, sizeof buf)) < sizeof buf);
}

static void clocks_run(void)
{
	int64_t before = ccm_mono_us();

	CHECK(ccm_now_ms() > 1600000000000LL);
	CHECK(ccm_mono_us() >= before);
}

int main(void)
{
	durations();
	durations_shown();
	times();
	no_times();
	daylight_saving();
	shown();
	clocks_run();
	return 0;
}
