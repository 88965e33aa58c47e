/* SPDX-License-Identifier: MIT */
/* host_rules - would the host take this answer as it is meant?
 *
 * Written from the host's side, apart from the code under test: its table is not the one in
 * schema/events. Stricter than the host where that tells a mistake: it ignores unknown keys, but we
 * have no business to print them.
 *
 * Source: the host's hook reference; what its 2.1.197 was seen to accept.
 */
#ifndef CCM_TEST_HOST_RULES_H
#define CCM_TEST_HOST_RULES_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	HOST_BLOCK     = 1 << 0,     /* decision: block */
	HOST_STOP      = 1 << 1,     /* continue, stopReason, systemMessage, terminalSequence */
	HOST_SPECIFIC  = 1 << 2,     /* hookSpecificOutput */
	HOST_CONTEXT   = 1 << 3,     /* ... with additionalContext */
	HOST_EXIT      = 1 << 4,     /* exit status 2 is how it is stopped */
	HOST_PATH      = 1 << 5,     /* stdout is a path, not a document */
};

static const struct host_rule {
	const char *event;
	unsigned allows;
	const char *fields;          /* in hookSpecificOutput: "name:type name:type"; * is any type */
} host_rules[] = {
	{ "ConfigChange", HOST_BLOCK | HOST_STOP, "" },
	{ "CwdChanged", HOST_STOP | HOST_SPECIFIC, "watchPaths:strings" },
	{ "DirectoryAdded", HOST_STOP, "" },
	{ "Elicitation", HOST_STOP | HOST_SPECIFIC, "action:action content:object" },
	{ "ElicitationResult", HOST_STOP | HOST_SPECIFIC, "action:action content:object" },
	{ "FileChanged", HOST_STOP | HOST_SPECIFIC, "watchPaths:strings" },
	{ "InstructionsLoaded", 0, "" },
	{ "MessageDisplay", HOST_STOP | HOST_SPECIFIC, "displayContent:string" },
	{ "Notification", 0, "" },
	{ "PermissionDenied", HOST_STOP | HOST_SPECIFIC, "retry:boolean" },
	{ "PermissionRequest", HOST_STOP | HOST_SPECIFIC, "decision:decision" },
	{ "PostCompact", 0, "" },
	{ "PostModelSwitch", HOST_STOP, "" },
	{ "PostToolBatch", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "PostToolUse", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT,
	  "updatedToolOutput:* updatedMCPToolOutput:*" },
	{ "PostToolUseFailure", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "PreCompact", HOST_BLOCK, "" },
	{ "PreModelSwitch", HOST_STOP, "" },
	{ "PreToolUse", HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT,
	  "permissionDecision:permission permissionDecisionReason:string updatedInput:object" },
	{ "SessionEnd", 0, "" },
	{ "SessionStart", HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT,
	  "initialUserMessage:string reloadSkills:boolean sessionTitle:string watchPaths:strings" },
	{ "Setup", HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "Stop", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "StopFailure", 0, "" },
	{ "SubagentStart", HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "SubagentStop", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "TaskCompleted", HOST_BLOCK | HOST_STOP, "" },
	{ "TaskCreated", HOST_BLOCK | HOST_STOP, "" },
	{ "TeammateIdle", HOST_EXIT, "" },
	{ "UserPromptExpansion", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT, "" },
	{ "UserPromptSubmit", HOST_BLOCK | HOST_STOP | HOST_SPECIFIC | HOST_CONTEXT,
	  "sessionTitle:string suppressOriginalPrompt:boolean" },
	{ "WorktreeCreate", HOST_PATH | HOST_EXIT, "" },
	{ "WorktreeRemove", 0, "" },
	{ NULL, HOST_EXIT, "" },     /* an event that nobody knows yet */
};

static char host_words[512];

__attribute__((format(printf, 1, 2))) static inline const char *host_refuses(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(host_words, sizeof host_words, format, ap);
	va_end(ap);
	return host_words;
}

static inline const struct host_rule *host_rule(const char *event)
{
	const struct host_rule *r = host_rules;

	while (r->event && (!event || strcmp(r->event, event) != 0))
		r++;
	return r;
}

static inline bool host_is(const char *type, const json_t *v);

static inline bool host_is_one_of(const char *words, const json_t *v)
{
	char word[32];
	const char *text = json_string_value(v);

	if (!text || strlen(text) > sizeof word - 3)
		return false;
	snprintf(word, sizeof word, " %s ", text);
	return strstr(words, word) != NULL;
}

static inline bool host_is_strings(const json_t *v)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)(size_t)v, i, item)
		if (!json_is_string(item))
			return false;
	return json_is_array(v);
}

/* A known member may be missing, but never null or of another type. */
static inline bool host_may(const json_t *object, const char *name, const char *type)
{
	const json_t *v = json_object_get(object, name);

	return !v || host_is(type, v);
}

static inline bool host_is(const char *type, const json_t *v)
{
	if (strcmp(type, "*") == 0)
		return !json_is_null(v);
	if (strcmp(type, "string") == 0)
		return json_is_string(v);
	if (strcmp(type, "strings") == 0)
		return host_is_strings(v);
	if (strcmp(type, "array") == 0)
		return json_is_array(v);
	if (strcmp(type, "object") == 0)
		return json_is_object(v);
	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(v);
	if (strcmp(type, "permission") == 0)
		return host_is_one_of(" allow deny ask defer ", v);
	if (strcmp(type, "action") == 0)
		return host_is_one_of(" accept decline cancel ", v);
	if (strcmp(type, "decision") == 0)
		return json_is_object(v) && host_is_one_of(" allow deny ", json_object_get(v, "behavior")) &&
		       host_may(v, "updatedInput", "object") && host_may(v, "updatedPermissions", "array") &&
		       host_may(v, "message", "string") && host_may(v, "interrupt", "boolean");
	return false;
}

/* Length in UTF-16 units, as the host counts. */
static inline size_t host_length(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 + ((unsigned char)*text >= 0xf0) : 0;
	return n;
}

static inline const char *host_check_specific(const struct host_rule *rule, json_t *specific)
{
	const char *name;
	json_t *v;

	if (!(rule->allows & HOST_SPECIFIC))
		return host_refuses("%s has no hookSpecificOutput", rule->event);
	if (!json_is_object(specific))
		return host_refuses("hookSpecificOutput is no object");
	if (json_object_size(specific) < 2)
		return host_refuses("hookSpecificOutput says nothing");
	v = json_object_get(specific, "hookEventName");
	if (!json_is_string(v) || strcmp(json_string_value(v), rule->event) != 0)
		return host_refuses("hookEventName is not %s", rule->event);
	json_object_foreach(specific, name, v) {
		char want[64];
		const char *at;

		if (strcmp(name, "hookEventName") == 0)
			continue;
		if (strcmp(name, "additionalContext") == 0 && (rule->allows & HOST_CONTEXT)) {
			if (!json_is_string(v) || host_length(json_string_value(v)) > 10000)
				return host_refuses("additionalContext is no text of at most 10000 characters");
			continue;
		}
		snprintf(want, sizeof want, "%s:", name);
		at = strstr(rule->fields, want);
		if (!at || (at > rule->fields && at[-1] != ' '))
			return host_refuses("%s has no '%s' in hookSpecificOutput", rule->event, name);
		snprintf(want, sizeof want, "%.*s", (int)strcspn(at + strlen(name) + 1, " "), at + strlen(name) + 1);
		if (!host_is(want, v))
			return host_refuses("'%s' in hookSpecificOutput must be: %s", name, want);
	}
	return NULL;
}

static inline const char *host_check_document(const struct host_rule *rule, json_t *document)
{
	static const struct { const char *name, *type; } stop[] = {
		{ "continue", "boolean" }, { "stopReason", "string" }, { "systemMessage", "string" },
		{ "terminalSequence", "string" },
	};
	const char *name, *words;
	json_t *v;

	json_object_foreach(document, name, v) {
		bool known = false;

		for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++) {
			if (strcmp(name, stop[i].name) != 0)
				continue;
			known = rule->allows & HOST_STOP;
			if (!host_is(stop[i].type, v))
				return host_refuses("'%s' must be: %s", name, stop[i].type);
		}
		if (strcmp(name, "systemMessage") == 0 && host_length(json_string_value(v)) > 10000)
			return host_refuses("systemMessage has over 10000 characters");
		if (strcmp(name, "hookSpecificOutput") == 0) {
			words = host_check_specific(rule, v);
			if (words)
				return words;
			known = true;
		}
		if (strcmp(name, "decision") == 0 || strcmp(name, "reason") == 0) {
			known = rule->allows & HOST_BLOCK;
			if (!host_is_one_of(" block ", json_object_get(document, "decision")))
				return host_refuses("'decision' must be block");
			if (!json_is_string(json_object_get(document, "reason")))
				return host_refuses("a block needs a 'reason'");
		}
		if (!known)
			return host_refuses("%s does not know '%s'", rule->event, name);
	}
	return json_object_size(document) ? NULL : host_refuses("the document says nothing");
}

/* event: the name, or NULL. NULL: the host takes it; else why not, valid until the next call. */
static inline const char *host_check(const char *event, const char *out, size_t bytes, int exit_status)
{
	const struct host_rule *rule = host_rule(event);
	json_error_t error;
	json_t *document;
	const char *words;

	if (exit_status == 2) {
		if (bytes)
			return host_refuses("exit status 2 with something on stdout");
		return rule->allows & HOST_EXIT ? NULL : host_refuses("exit status 2 where a document can be printed");
	}
	if (!bytes)
		return NULL;
	if (exit_status != 0)
		return host_refuses("exit status %d with an answer", exit_status);
	if (rule->allows & HOST_PATH) {
		if (memchr(out, '\n', bytes) != out + bytes - 1 || bytes < 2 || memchr(out, '\0', bytes))
			return host_refuses("stdout is not one line");
		return NULL;
	}
	if (!(rule->allows & (HOST_STOP | HOST_BLOCK)))
		return host_refuses("nothing may be printed at this event");
	if (out[0] != '{')
		return host_refuses("stdout does not begin with {");
	document = json_loadb(out, bytes, JSON_ALLOW_NUL, &error);
	/* jansson's own limits are not the host's. */
	if (!document && (json_error_code(&error) == json_error_stack_overflow ||
			  json_error_code(&error) == json_error_numeric_overflow))
		return NULL;
	if (!document)
		return host_refuses("not JSON: %s (byte %d)", error.text, error.position);
	words = host_check_document(rule, document);
	json_decref(document);
	return words;
}

#endif
