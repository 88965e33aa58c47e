/* SPDX-License-Identifier: MIT */
/* gen-events - turns schema/events/NAME.json into the C table of runtime/libccm/host.c.
 *
 * Usage: gen-events FILE... >events.inc
 *
 * A file says of one event of the host:
 *     event       its hook_event_name
 *     summary     when it comes, in one line
 *     registered  true: `ccm-hook install` registers it by default
 *     since       may be left out: the client's version that brought the event. Older ones complain of it in a
 *                 settings file at each start, so it is registered only where its name is given
 *     timeout_s   the timeout it is registered with, in seconds
 *     matcher     the field a `Match:` line is compared with; "": Match does not apply
 *     required    field: type, for each field that must be there; type is a JSON type or "any"
 *     answer      what the host honours in return:
 *         verdict     none | permission | block | request | exit | elicit (see runtime/libccm/host.h)
 *         document    false: anything printed does harm, except a block
 *         context     hookSpecificOutput.additionalContext
 *         plain_text  what becomes of text that is not JSON: ignored | context | path
 *         fields      further fields of hookSpecificOutput, with their types
 * Anything else in a file is an error, so that a slip cannot pass unseen.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *file;

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "%s: %s '%s'\n", file, what, name);
	exit(1);
}

static json_t *get(json_t *object, const char *name, json_type type)
{
	json_t *v = json_object_get(object, name);

	/* true and false are two types in jansson */
	if (!v || (json_typeof(v) != type && !(type == JSON_TRUE && json_is_boolean(v))))
		fail("missing or of the wrong type:", name);
	return v;
}

static const char *word(json_t *object, const char *name, const char *const *allowed)
{
	const char *s = json_string_value(get(object, name, JSON_STRING));

	for (; *allowed; allowed++)
		if (strcmp(*allowed, s) == 0)
			return s;
	fail("unknown word for", name);
	return NULL;
}

static void only(json_t *object, const char *const *allowed)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		const char *const *a = allowed;

		while (*a && strcmp(*a, name) != 0)
			a++;
		if (!*a)
			fail("unknown key", name);
	}
}

static const char *type_bits(const char *type)
{
	static const struct { const char *name, *bits; } types[] = {
		{ "string", "CCM_JSON_STRING" }, { "object", "CCM_JSON_OBJECT" }, { "array", "CCM_JSON_ARRAY" },
		{ "number", "CCM_JSON_NUMBER" }, { "boolean", "CCM_JSON_BOOLEAN" }, { "any", "CCM_HOST_ANY" },
	};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, type) == 0)
			return types[i].bits;
	fail("unknown type", type);
	return NULL;
}

static void print_fields(const char *event, const char *what, json_t *fields)
{
	const char *name;
	json_t *type;

	printf("static const struct ccm_host_field %s_%s[] = {", event, what);
	json_object_foreach(fields, name, type)
		printf("\n\t{ \"%s\", %s },", name, type_bits(json_string_value(type)));
	printf("\n\t{ NULL, 0 }\n};\n");
}

static const char *boolean(json_t *object, const char *name)
{
	return json_is_true(get(object, name, JSON_TRUE)) ? "true" : "false";
}

/* A C string literal, or NULL. */
static const char *optional(json_t *object, const char *name)
{
	static char literal[64];

	if (!json_object_get(object, name))
		return "NULL";
	snprintf(literal, sizeof literal, "\"%s\"", json_string_value(get(object, name, JSON_STRING)));
	return literal;
}

int main(int argc, char **argv)
{
	static const char *const keys[] = { "event", "summary", "registered", "since", "timeout_s", "matcher",
					    "required", "answer", NULL };
	static const char *const answer_keys[] = { "verdict", "document", "specific", "context", "plain_text", "fields", NULL };
	static const char *const verdicts[] = { "none", "permission", "block", "request", "exit", "elicit", NULL };
	static const char *const plain[] = { "ignored", "context", "path", NULL };
	json_t *rows = json_array();

	printf("/* Made by gen-events: edit schema/events instead. */\n");
	for (int i = 1; i < argc; i++) {
		json_error_t error;
		json_t *e, *answer;
		const char *name;
		char row[1024];

		file = argv[i];
		e = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
		if (!e) {
			fprintf(stderr, "%s:%d:%d: %s\n", file, error.line, error.column, error.text);
			return 1;
		}
		only(e, keys);
		answer = get(e, "answer", JSON_OBJECT);
		only(answer, answer_keys);
		name = json_string_value(get(e, "event", JSON_STRING));
		print_fields(name, "required", get(e, "required", JSON_OBJECT));
		print_fields(name, "answer", get(answer, "fields", JSON_OBJECT));
		snprintf(row, sizeof row,
			 "\t{ \"%s\", \"%s\", \"%s\", %s, %s, %lld, %s_required, %s_answer,\n"
			 "\t  CCM_VERDICT_BY_%s, CCM_PLAIN_%s, %s, %s, %s },\n",
			 name, json_string_value(get(e, "summary", JSON_STRING)),
			 json_string_value(get(e, "matcher", JSON_STRING)), boolean(e, "registered"), optional(e, "since"),
			 (long long)json_integer_value(get(e, "timeout_s", JSON_INTEGER)), name, name,
			 word(answer, "verdict", verdicts), word(answer, "plain_text", plain),
			 boolean(answer, "document"), boolean(answer, "specific"), boolean(answer, "context"));
		json_array_append_new(rows, json_string(row));
		json_decref(e);
	}
	printf("static const struct ccm_host_event host_events[] = {\n");
	for (size_t i = 0; i < json_array_size(rows); i++)
		fputs(json_string_value(json_array_get(rows, i)), stdout);
	printf("};\n");
	json_decref(rows);
	return ferror(stdout) || fflush(stdout) != 0;
}
