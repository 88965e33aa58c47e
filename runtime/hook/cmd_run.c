/* SPDX-License-Identifier: MIT */
/* What the agent's client calls at every step: one event in, one answer out.
 *
 * Get ready, read, take apart, store (committed before anything else runs), run the automations stage by
 * stage, print the merged answer, store what became of it. Whatever happens to storage, the
 * automations run and their verdict counts. */
#include <errno.h>
#include <string.h>

#include "approval.h"
#include "ctx.h"
#include "halt.h"
#include "libccm/automation.h"
#include "libccm/clock.h"
#include "libccm/dbmem.h"
#include "libccm/event.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/record.h"
#include "libccm/stage.h"
#include "libccm/store.h"
#include "libccm/tidy.h"
#include "urgent.h"

#define INGEST_MAX_MS (50 * CCM_SLOWNESS)

struct work {
	struct ctx *ctx;
	int64_t start_us, read_us;               /* when it began, and when the event had been read */
	int64_t budget_ms;
	struct ccm_event event;
	struct ccm_automations automations;
	const struct ccm_automation **wanted;    /* in the order of their stages */
	size_t wanted_count;
	struct ccm_run *runs;
	size_t run_count;
	struct ccm_store store;
	struct ccm_record record;
	struct ccm_outcome outcome;
	bool taken_in;                           /* events that an earlier run had to spool */
	bool told;                               /* what is urgent is being delivered */
	char *halt;                              /* why the session is halted; NULL: it is not */
	struct ccm_sbuf out, err, notes;
	int exit_status;
};

/* A late answer is worth nothing: the client drops it and goes on. So all is over well before. */
static int64_t budget_ms(int64_t timeout_s)
{
	int64_t ms = timeout_s * 1000, margin = ms / 10;

	return ms - (margin > 2000 ? 2000 : margin);
}

static int64_t left_ms(const struct work *w)
{
	return w->budget_ms - (ccm_mono_us() - w->start_us) / 1000;
}

static void note(struct work *w, const char *text)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (w->notes.bytes)
			ccm_sbuf_addc(&w->notes, '\n');
		ccm_sbuf_add(&w->notes, p, strcspn(p, "\n"));
		ccm_warn("%.*s", (int)strcspn(p, "\n"), p);
	}
}

/* The client starts a hook and then writes the event, up to half a millisecond later: time for all that needs no event. */
static int get_ready(struct work *w)
{
	ccm_store_open(&w->store, &w->ctx->paths, &w->ctx->settings);
	ccm_store_get_ready(&w->store);
	return w->ctx->paths.problem ? 0 : ccm_automations_load(w->ctx->paths.enabled, &w->automations);
}

static int pick_automations(struct work *w)
{
	w->wanted = calloc(w->automations.count + 1, sizeof *w->wanted);
	if (!w->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < w->automations.count; i++) {
		if (!ccm_automation_wants(&w->automations.items[i], &w->event))
			continue;
		ccm_automation_check_place(&w->automations.items[i]);
		w->wanted[w->wanted_count++] = &w->automations.items[i];
	}
	w->runs = calloc(w->wanted_count + 1, sizeof *w->runs);
	return w->runs ? 0 : -ENOMEM;
}

/* At these the person is there to read; at every tool call it would be a nuisance. */
static bool person_is_near(const struct ccm_event *e)
{
	return e->name && (strcmp(e->name, "SessionStart") == 0 || strcmp(e->name, "UserPromptSubmit") == 0);
}

/* What is wrong with our own set-up must not stay in a log that nobody reads. */
static void tell_troubles(struct work *w)
{
	struct ccm_sbuf *message = &w->outcome.message;
	size_t before = message->bytes;

	if (w->ctx->settings.problems.bytes)
		note(w, w->ctx->settings.problems.text);
	if (w->automations.problem)
		note(w, w->automations.problem);
	for (size_t i = 0; person_is_near(&w->event) && i < w->automations.count; i++) {
		const struct ccm_automation *a = &w->automations.items[i];

		if (a->problem)
			ccm_sbuf_addf(message, "%sccm: automation %s cannot run: %s", message->bytes ? "\n" : "", a->name,
				      a->problem);
	}
	if (w->store.set_aside || (person_is_near(&w->event) && w->notes.bytes))
		ccm_sbuf_addf(message, "%sccm: %s", message->bytes ? "\n" : "", ccm_sbuf_str(&w->notes));
	if (message->bytes > before)
		ccm_sbuf_adds(message, " (ccm-hook doctor tells more)");
}

/* The event as later stages see it. */
static int apply_input(struct work *w, const char *before)
{
	const char *input = w->outcome.updated_input;

	if (!input || (before && strcmp(before, input) == 0))
		return 0;
	return ccm_event_set_tool_input(&w->event, input, strlen(input));
}

static int run_stage(struct work *w, const struct ccm_stage *stage, size_t first, size_t count)
{
	_cleanup_free_ const char **names = calloc(count, sizeof *names);
	_cleanup_free_ struct ccm_answer *answers = calloc(count, sizeof *answers);
	_cleanup_free_ char *before = w->outcome.updated_input ? strdup(w->outcome.updated_input) : NULL;
	int r;

	if (!names || !answers)
		return -ENOMEM;
	w->run_count += count;
	r = ccm_stage_run(stage, &w->event, w->wanted + first, count, w->runs + first);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		names[i] = w->wanted[first + i]->name;
		answers[i] = w->runs[first + i].answer;
	}
	r = ccm_outcome_add_stage(&w->outcome, names, answers, count);
	return r < 0 ? r : apply_input(w, before);
}

/* While the first automations run, another processor may have nothing to do. */
static void meanwhile(void *user)
{
	struct work *w = user;

	ccm_store_foresee_finish(&w->store);
}

/* Equal order numbers together, different ones in turn; a deny ends it. */
static int run_automations(struct work *w)
{
	struct ccm_stage stage = {
		.paths = &w->ctx->paths, .settings = &w->ctx->settings, .self = w->ctx->self, .event_id = w->event.uuid,
		.meanwhile = meanwhile, .user = w,
	};
	int r = 0;

	for (size_t first = 0, next; r == 0 && first < w->wanted_count; first = next) {
		if (w->outcome.verdict == CCM_VERDICT_DENY)
			break;
		for (next = first; next < w->wanted_count && w->wanted[next]->stage == w->wanted[first]->stage; next++)
			;
		stage.budget_ms = left_ms(w);
		r = run_stage(w, &stage, first, next - first);
	}
	return r;
}

/* Why it is not known which automations should have run; NULL: it is. */
static const char *blind(const struct work *w)
{
	if (w->ctx->paths.problem)
		return w->ctx->paths.problem;
	return w->automations.unreadable ? w->automations.problem : NULL;
}

/* A guard that stood there must not be gone unnoticed. */
static int ask_instead(struct work *w)
{
	static const char *const name = "ccm";
	_cleanup_sbuf_ struct ccm_sbuf reason = { 0 };
	struct ccm_answer a = { .verdict = CCM_VERDICT_ASK };

	if (!blind(w) || !w->event.name || strcmp(w->event.name, "PreToolUse") != 0)
		return 0;
	ccm_sbuf_addf(&reason, "no automation could look at this call: %s", blind(w));
	if (ccm_sbuf_error(&reason))
		return -ENOMEM;
	a.reason = reason.text;
	return ccm_outcome_add_stage(&w->outcome, &name, &a, 1);
}

/* By a program of its own, off the client's path. */
static void tell_urgent(struct work *w)
{
	if (w->told || !urgent_is(&w->ctx->settings, &w->event, &w->outcome, w->store.set_aside || w->taken_in))
		return;
	w->told = true;
	urgent_deliver(w->ctx);
}

/* What is left to the person may be answered from afar. */
static int ask_from_afar(struct work *w)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int r;

	if (blind(w))
		return 0;
	/* It may take minutes, and the person may be near another channel. */
	if (approval_matters(w->ctx, &w->event))
		tell_urgent(w);
	r = approval_ask(w->ctx, &w->event, left_ms(w), &w->outcome, &words);
	if (r == 0 && ccm_sbuf_error(&words))
		r = -ENOMEM;
	if (r == 0 && words.bytes)
		note(w, words.text);
	return r;
}

/* Nothing is judged any more, and nothing runs. */
static int stay_halted(struct work *w)
{
	const char *name = "ccm";
	_cleanup_sbuf_ struct ccm_sbuf reason = { 0 };
	struct ccm_answer a = { .stop = true, .stop_reason = w->halt };

	if (strcmp(w->event.name, "PreToolUse") == 0) {
		ccm_sbuf_addf(&reason, "this session is halted until the person's next prompt: %s", w->halt);
		if (ccm_sbuf_error(&reason))
			return -ENOMEM;
		a.verdict = CCM_VERDICT_DENY;
		a.reason = reason.text;
	}
	return ccm_outcome_add_stage(&w->outcome, &name, &a, 1);
}

/* The client may lose a stop that comes with a refusal. */
static void remember_halt(struct work *w)
{
	const char *reason = w->outcome.stop_reason ? w->outcome.stop_reason : "an automation ended the turn";

	if (w->halt || !w->event.name || !w->outcome.stop || w->outcome.verdict != CCM_VERDICT_DENY ||
	    strcmp(w->event.name, "PreToolUse") != 0)
		return;
	if (halt_begin(w->store.db, &w->event, reason) < 0)
		note(w, "the halt of this session could not be kept");
}

static void answer(struct work *w)
{
	char id[32];
	int r;

	if (w->store.event_id)
		snprintf(id, sizeof id, "%lld", (long long)w->store.event_id);
	r = ccm_outcome_render(&w->outcome, w->store.event_id ? id : w->event.uuid, &w->out, &w->err);
	if (r < 0) {
		/* No document can be built. A block still gets through, by exit status and an empty stdout. */
		ccm_sbuf_done(&w->out);
		r = w->outcome.verdict == CCM_VERDICT_DENY ? CCM_EXIT_BLOCK : CCM_EXIT_FAILURE;
		ccm_error("cannot build the answer: out of memory");
	}
	w->exit_status = r;
	if (w->err.bytes)
		ccm_write_all(STDERR_FILENO, w->err.text, w->err.bytes);
	if (w->out.bytes)
		ccm_write_all(STDOUT_FILENO, w->out.text, w->out.bytes);
}

/* WorktreeCreate replaces what the client does itself; without a path it cannot go on. */
static void check_path(struct work *w)
{
	if (!w->event.spec || w->event.spec->plain != CCM_PLAIN_path || w->out.bytes || w->exit_status != CCM_EXIT_OK)
		return;
	ccm_error("no automation printed the path of a worktree; remove the %s hook to let the client make it",
		  w->event.name);
	w->exit_status = CCM_EXIT_FAILURE;
}

static int finish_record(struct work *w)
{
	const struct ccm_settings *s = &w->ctx->settings;
	struct ccm_finish f = {
		.verdict = ccm_verdict_name(ccm_outcome_verdict(&w->outcome)),
		.reason = w->outcome.reason.bytes ? w->outcome.reason.text : NULL,
		.answer = w->out.bytes ? w->out.text : NULL,
		.note = w->notes.bytes ? w->notes.text : NULL,
		.stop = w->outcome.stop,
		.exit_status = w->exit_status,
		.took_us = ccm_mono_us() - w->read_us,
	};
	int64_t kept = w->outcome.context_cut ? s->max_output_bytes : s->stored_output_bytes;

	return ccm_record_finish(&w->record, &f, w->runs, w->run_count, (size_t)kept);
}

/* Nothing to run and nothing to say: the event can be written once, together with its end. */
static bool is_quiet(const struct work *w)
{
	bool troubles = w->automations.problem || w->ctx->settings.problems.bytes;

	if (blind(w) || w->halt || approval_matters(w->ctx, &w->event))
		return false;
	for (size_t i = 0; i < w->automations.count; i++)
		troubles = troubles || w->automations.items[i].problem;
	return !w->wanted_count && !(w->event.spec && w->event.spec->plain == CCM_PLAIN_path) &&
	       !(troubles && person_is_near(&w->event));
}

static void note_store(struct work *w)
{
	if (w->store.trouble.bytes)
		note(w, w->store.trouble.text);
	ccm_sbuf_clear(&w->store.trouble);
}

static int process(struct work *w)
{
	bool quiet;
	int r;

	r = ccm_event_parse(&w->event, getenv("CLAUDE_PROJECT_DIR"));
	if (r == 0)
		r = pick_automations(w);
	if (r == 0)
		r = ccm_record_begin(&w->record, &w->event, &w->ctx->settings);
	if (r < 0)
		return r;
	if (!w->event.valid)
		ccm_warn("the event is not valid: %s", ccm_sbuf_str(&w->event.problem));
	w->outcome.event = w->event.name;
	w->outcome.spec = w->event.spec;
	if (halt_matters(&w->event)) {
		r = halt_look(ccm_store_db(&w->store), &w->event, &w->halt);
		/* What is wrong with the database is told when the event is stored. */
		if (r == -ENOMEM)
			return r;
	}
	quiet = is_quiet(w);
	if (quiet)
		r = finish_record(w);
	if (r < 0)
		return r;
	ccm_store_begin(&w->store, &w->record);
	if (quiet && !w->store.trouble.bytes)
		return 0;
	note_store(w);
	r = w->halt ? stay_halted(w) : run_automations(w);
	if (r == 0)
		r = ask_instead(w);
	if (r == 0)
		r = ask_from_afar(w);
	if (r < 0)
		return r;
	tell_troubles(w);
	answer(w);
	remember_halt(w);
	check_path(w);
	r = finish_record(w);
	if (r == 0)
		ccm_store_finish(&w->store, &w->record);
	note_store(w);
	return r;
}

/* By a program of its own, off the client's path; see ccm_db_defer_checkpoint(). */
static void start_tidy(const struct work *w)
{
	const char *const argv[] = { w->ctx->self, "tidy", "--stay", NULL };
	int r = ccm_proc_detach(w->ctx->self, argv);

	if (r < 0)
		ccm_warn("cannot start '%s tidy': %s", w->ctx->self, ccm_strerror(r));
}

static void release(struct work *w)
{
	int pages;

	for (size_t i = 0; i < w->run_count; i++)
		ccm_run_done(&w->runs[i]);
	free(w->runs);
	free(w->wanted);
	free(w->halt);
	pages = w->store.db ? ccm_db_wal_pages(w->store.db) : 0;
	if (ccm_store_close(&w->store) && !ccm_tidy_is_at_hand(&w->ctx->paths, pages))
		start_tidy(w);
	ccm_record_done(&w->record);
	ccm_outcome_done(&w->outcome);
	ccm_automations_done(&w->automations);
	ccm_event_done(&w->event);
	ccm_sbuf_done(&w->out);
	ccm_sbuf_done(&w->err);
	ccm_sbuf_done(&w->notes);
}

int cmd_run(struct ctx *ctx, int argc, char **argv)
{
	int64_t timeout_s = 60;
	const struct ccm_opt opts[] = {
		OPT_INT("timeout", 0, "SECONDS", &timeout_s, 1, 7200,
			"the timeout it is registered with; it ends well before"),
		OPT_END
	};
	struct work w = { .ctx = ctx, .start_us = ccm_mono_us() };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (isatty(STDIN_FILENO)) {
		ccm_error("run: it reads a hook event from standard input; 'ccm-hook test' tries an automation by hand");
		return -CCM_E_USAGE;
	}
	ccm_dbmem_install();
	/* The client ends a hook with SIGTERM: the automations are ended and what they did is stored. */
	ccm_proc_catch_signals();
	w.budget_ms = budget_ms(timeout_s);
	r = get_ready(&w);
	if (r == 0)
		r = ccm_event_read(STDIN_FILENO, (size_t)ctx->settings.max_event_bytes, &w.event);
	w.read_us = ccm_mono_us();
	if (r == 0)
		r = process(&w);
	if (r == 0) {
		w.taken_in = ccm_store_ingest(&w.store, INGEST_MAX_MS) > 0;
		note_store(&w);
		tell_urgent(&w);
	}
	/* Nothing was judged: the client shows it to the person as a failed hook. */
	if (r == 0 && !w.event.name && w.exit_status == CCM_EXIT_OK)
		w.exit_status = CCM_EXIT_FAILURE;
	release(&w);
	return r < 0 ? r : w.exit_status;
}
