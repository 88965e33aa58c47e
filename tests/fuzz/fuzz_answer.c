/* SPDX-License-Identifier: MIT */
/* Answers of automations, merged and rendered: the host must take what comes out.
 *
 * The input is readable: the event's name on the first line, then one record for each automation, the
 * records divided by the byte RS (0x1e). A record is
 *     [|] HOW STDOUT [US STDERR]
 * `|` begins a new stage; HOW is its exit status as one digit, or T (timed out), I (interrupted),
 * S (ended by a signal), E (could not be started), C (its output was cut); US is the byte 0x1f. */
#include "fuzz.h"

#include <errno.h>

#include "libccm/answer.h"
#include "libccm/json.h"
#include "libccm/macros.h"
#include "libccm/utf8.h"
#include "tests/host_rules.h"

#define RECORDS_MAX 12

struct record {
	const char *text;
	size_t bytes;
};

static void end_as(char how, struct ccm_proc_result *p)
{
	p->exit_status = -1;
	switch (how) {
	case 'T':
		p->timed_out = true;
		p->signal = 15;
		break;
	case 'I':
		p->interrupted = true;
		p->signal = 15;
		break;
	case 'S':
		p->signal = 11;
		break;
	case 'E':
		p->error = -ENOENT;
		break;
	default:
		p->exit_status = how >= '0' && how <= '9' ? how - '0' : 0;
	}
}

static void read_record(const char *event, const struct ccm_host_event *spec, struct record r, struct ccm_answer *ret)
{
	struct ccm_proc_result p = { 0 };
	const char *stderr_at;
	char how = r.bytes ? *r.text : '0';

	if (r.bytes) {
		r.text++;
		r.bytes--;
	}
	end_as(how, &p);
	stderr_at = memchr(r.text, 0x1f, r.bytes);
	ccm_sbuf_add(&p.out, r.text, stderr_at ? (size_t)(stderr_at - r.text) : r.bytes);
	if (stderr_at)
		ccm_sbuf_add(&p.err, stderr_at + 1, r.bytes - (size_t)(stderr_at + 1 - r.text));
	p.out_bytes = p.out.bytes + (how == 'C');
	p.err_bytes = p.err.bytes;
	MUST(ccm_answer_read(event, spec, &p, ret) == 0);
	MUST(!ret->failed || ret->problem);
	if (ret->updated_input) {
		struct ccm_json v;

		MUST(ccm_json_parse(ret->updated_input, strlen(ret->updated_input), &v, NULL) == 0);
		MUST(v.type == CCM_JSON_OBJECT);
	}
	/* Exit status 2 blocks, whatever else was said. */
	if (p.exit_status == 2)
		MUST(ret->verdict == CCM_VERDICT_DENY && ret->reason);
	if (p.timed_out || p.error || p.interrupted)
		MUST(ret->failed && ret->verdict == CCM_VERDICT_NONE && !ret->context && !ret->stop);
	ccm_proc_result_done(&p);
}

static void check_outcome(struct ccm_outcome *o, const char *event)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, err = { 0 };
	int status = ccm_outcome_render(o, "42", &out, &err);
	const char *words;

	MUST(status == 0 || status == 2);
	MUST(ccm_utf8_valid(ccm_sbuf_str(&out), out.bytes));
	words = host_check(event, ccm_sbuf_str(&out), out.bytes, status);
	if (words)
		fprintf(stderr, "%s: %s\n%s\n", event, words, ccm_sbuf_str(&out));
	MUST(!words);
	if (ccm_outcome_verdict(o) == CCM_VERDICT_DENY && !o->stop)
		MUST(out.bytes || status == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[RECORDS_MAX] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l" };
	struct ccm_answer answers[RECORDS_MAX] = { 0 };
	_cleanup_free_ char *text = fuzz_copy(data, size);
	const char *end = text + size, *newline = memchr(text, '\n', size), *p;
	_cleanup_free_ char *event = newline ? strndup(text, (size_t)(newline - text)) : NULL;
	const struct ccm_host_event *spec = event ? ccm_host_event(event) : NULL;
	struct ccm_outcome o = { .event = event, .spec = spec };
	size_t n = 0, first = 0;

	if (!newline)
		return 0;
	for (p = newline + 1; p <= end && n < RECORDS_MAX; n++) {
		const char *to = memchr(p, 0x1e, (size_t)(end - p));
		struct record r = { p, (size_t)((to ? to : end) - p) };

		if (r.bytes && *r.text == '|') {
			MUST(ccm_outcome_add_stage(&o, names + first, answers + first, n - first) == 0);
			first = n;
			r.text++;
			r.bytes--;
		}
		read_record(event, spec, r, &answers[n]);
		p = (to ? to : end) + 1;
	}
	MUST(ccm_outcome_add_stage(&o, names + first, answers + first, n - first) == 0);
	check_outcome(&o, event);
	for (size_t i = 0; i < n; i++)
		ccm_answer_done(&answers[i]);
	ccm_outcome_done(&o);
	return 0;
}
