/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

extern char **environ;

#define END_MARGIN_MS (CCM_PROC_GRACE_MS + CCM_PROC_LINGER_MS)

void ccm_run_done(struct ccm_run *run)
{
	ccm_proc_result_done(&run->result);
	ccm_answer_done(&run->answer);
}

/* "NAME=value" strings one after the other; pointers are made when all of them stand. */
struct env {
	struct ccm_sbuf text;
	struct ccm_sbuf omitted;
	size_t count;
};

static void env_add(struct env *env, const char *name, const char *value)
{
	if (!value)
		return;
	if (strlen(value) > CCM_STAGE_VALUE_MAX) {
		ccm_sbuf_addf(&env->omitted, "%s%s", env->omitted.bytes ? " " : "", name);
		return;
	}
	ccm_sbuf_adds(&env->text, name);
	ccm_sbuf_addc(&env->text, '=');
	ccm_sbuf_add(&env->text, value, strlen(value) + 1);
	env->count++;
}

/* What an outer hook has set must not be taken for this event's. */
static bool is_stale(const char *variable)
{
	return strncmp(variable, "CCM_", 4) == 0 && strncmp(variable, "CCM_DATA_DIR=", 13) != 0 &&
	       strncmp(variable, "CCM_LIBEXEC_DIR=", 16) != 0 && strncmp(variable, "CCM_TASK_DIR=", 13) != 0;
}

static int build_env(const struct ccm_stage *stage, const struct ccm_event *e, struct env *env)
{
	const struct { const char *name, *value; } fields[] = {
		{ "CCM_HOME", stage->paths->home },
		{ "CCM_LIB_SH", stage->paths->lib_sh },
		{ "CCM_LIBEXEC", stage->paths->libexec },
		{ "CCM_HOOK", stage->self },
		{ "CCM_EVENT", e->name },
		{ "CCM_EVENT_ID", stage->event_id },
		{ "CCM_TRIAL", stage->trial ? "1" : NULL },
		{ "CCM_SESSION_ID", e->session_id },
		{ "CCM_AGENT_ID", e->agent_id },
		{ "CCM_AGENT_TYPE", e->agent_type },
		{ "CCM_PERMISSION_MODE", e->permission_mode },
		{ "CCM_CWD", e->cwd },
		{ "CCM_PROJECT", e->project },
		{ "CCM_TRANSCRIPT", e->transcript_path },
		{ "CCM_MATCH", e->match },
		{ "CCM_TOOL", e->tool_name },
		{ "CCM_TOOL_USE_ID", e->tool_use_id },
		{ "CCM_TOOL_COMMAND", e->tool_command },
		{ "CCM_TOOL_FILE", e->tool_file },
		{ "CCM_PROMPT", e->prompt },
		{ "CCM_TRUNCATED", e->truncated ? "1" : NULL },
	};

	for (char **v = environ; *v; v++) {
		if (is_stale(*v))
			continue;
		ccm_sbuf_add(&env->text, *v, strlen(*v) + 1);
		env->count++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		env_add(env, fields[i].name, fields[i].value);
	if (env->omitted.bytes)
		env_add(env, "CCM_OMITTED", env->omitted.text);
	return ccm_sbuf_error(&env->text) < 0 || ccm_sbuf_error(&env->omitted) < 0 ? -ENOMEM : 0;
}

/* Pointers to the strings, a place for CCM_AUTOMATION, and the closing NULL. */
static const char **env_vector(const struct env *env, const char *automation_variable)
{
	const char **v = calloc(env->count + 2, sizeof *v);
	const char *p = env->text.text;

	if (!v)
		return NULL;
	for (size_t i = 0; i < env->count; i++, p += strlen(p) + 1)
		v[i] = p;
	v[env->count] = automation_variable;
	return v;
}

#define WORDS_MAX 8

/* How one automation is started. */
struct start {
	const char *words[WORDS_MAX + 1];
	char variable[300];                  /* CCM_AUTOMATION */
	const char **env;
	char *program;                       /* what words are parts of; NULL: words[0] is the automation itself */
};

/* The program of ours that the script would only hand over to: a shell takes as long to start as the guard takes to judge.
 * Where it is missing, the script may say so. -ENOMEM, or 0. */
static int find_program(const struct ccm_stage *stage, const struct ccm_automation *a, struct start *s)
{
	struct ccm_sbuf text = { 0 };
	size_t count = 0;

	s->words[0] = a->path;
	if (!a->manifest.libexec)
		return 0;
	ccm_sbuf_addf(&text, "%s/%s", stage->paths->libexec, a->manifest.libexec);
	s->program = ccm_sbuf_take(&text);
	if (!s->program)
		return -ENOMEM;
	for (char *at = s->program + strlen(stage->paths->libexec); at && count < WORDS_MAX; at = strchr(at, ' ')) {
		if (count)
			*at++ = '\0';
		s->words[count++] = at;
	}
	s->words[0] = s->program;
	if (count < WORDS_MAX && access(s->program, X_OK) == 0)
		return 0;
	free(TAKE_PTR(s->program));
	s->words[0] = a->path;
	s->words[1] = NULL;
	return 0;
}

static void starts_free(struct start *starts, size_t count)
{
	for (size_t i = 0; starts && i < count; i++) {
		free(starts[i].env);
		free(starts[i].program);
	}
	free(starts);
}

static int64_t deadline_ms(const struct ccm_stage *stage, const struct ccm_automation *a)
{
	int64_t own = a->manifest.timeout_ms ? a->manifest.timeout_ms : stage->settings->timeout_ms;
	int64_t left = stage->budget_ms - END_MARGIN_MS;

	if (own > left)
		own = left;
	return own > 0 ? own : 1;
}

/* A failure that must not pass becomes a refusal. */
static int close_on_failure(const struct ccm_event *e, struct ccm_run *run)
{
	struct ccm_answer *a = &run->answer;
	struct ccm_sbuf words = { 0 };

	if (!a->failed || !run->automation->manifest.closed || strcmp(e->name, "PreToolUse") != 0)
		return 0;
	ccm_sbuf_addf(&words, "%s; it refuses when it fails (On-failure: closed)", a->problem);
	free(a->reason);
	a->reason = ccm_sbuf_take(&words);
	a->verdict = CCM_VERDICT_DENY;
	return a->reason ? 0 : -ENOMEM;
}

static int read_answer(const struct ccm_event *e, struct ccm_run *run)
{
	int r;

	run->started_ms = run->started ? run->result.started_ms : ccm_now_ms();
	if (run->started) {
		r = ccm_answer_read(e->name, e->spec, &run->result, &run->answer);
		if (r < 0)
			return r;
	} else {
		run->result.exit_status = -1;
		run->answer.failed = true;
		run->answer.problem = strdup(run->automation->problem);
		if (!run->answer.problem)
			return -ENOMEM;
	}
	return close_on_failure(e, run);
}

int ccm_stage_run(const struct ccm_stage *stage, const struct ccm_event *e,
		  const struct ccm_automation *const *list, size_t count, struct ccm_run *runs)
{
	_cleanup_free_ struct ccm_proc_spec *specs = calloc(count, sizeof *specs);
	_cleanup_free_ struct ccm_proc_result *results = calloc(count, sizeof *results);
	struct start *starts = calloc(count, sizeof *starts);
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };
	struct ccm_proc_runs *started = NULL;
	struct env env = { 0 };
	size_t n = 0;
	int r = -ENOMEM;

	/* One line, as the host sends it: `read -r line` fails at an end without a newline. */
	ccm_sbuf_add(&input, ccm_sbuf_str(ccm_event_input(e)), ccm_event_input(e)->bytes);
	ccm_sbuf_addc(&input, '\n');
	if (!specs || !results || !starts || ccm_sbuf_error(&input) < 0 || build_env(stage, e, &env) < 0)
		goto out;
	for (size_t i = 0; i < count; i++) {
		const struct ccm_automation *a = list[i];

		runs[i] = (struct ccm_run){ .automation = a, .started = !a->problem };
		if (a->problem)
			continue;
		snprintf(starts[n].variable, sizeof starts[n].variable, "CCM_AUTOMATION=%s", a->name);
		starts[n].env = env_vector(&env, starts[n].variable);
		if (!starts[n].env || find_program(stage, a, &starts[n]) < 0)
			goto out;
		specs[n] = (struct ccm_proc_spec){
			.path = starts[n].words[0], .argv = starts[n].words, .envp = starts[n].env,
			.input = input.text, .input_bytes = input.bytes,
			.output_max_bytes = (size_t)stage->settings->max_output_bytes,
			.timeout_ms = deadline_ms(stage, a),
		};
		n++;
	}
	r = ccm_proc_begin_all(specs, n, results, &started);
	if (r < 0)
		goto out;
	if (stage->meanwhile)
		stage->meanwhile(stage->user);
	r = ccm_proc_end_all(started);
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (runs[i].started)
			runs[i].result = results[n++];
		if (r == 0)
			r = read_answer(e, &runs[i]);
	}
out:
	starts_free(starts, count);
	ccm_sbuf_done(&env.text);
	ccm_sbuf_done(&env.omitted);
	return r;
}
