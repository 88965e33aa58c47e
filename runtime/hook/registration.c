/* SPDX-License-Identifier: MIT */
#include "registration.h"

#include <errno.h>
#include <string.h>

#include "libccm/io.h"

#define FILE_MAX_BYTES ((size_t)32 * 1024 * 1024)

void registration_done(struct registration *r)
{
	for (size_t i = 0; i < REGISTRATION_FILES; i++) {
		free(r->files[i].path);
		free(r->files[i].problem);
	}
	for (size_t i = 0; i < r->count; i++) {
		free(r->entries[i].event);
		free(r->entries[i].command);
	}
	free(r->entries);
	*r = (struct registration){ 0 };
}

struct collector {
	struct registration *registration;
	const struct registration_file *file;
};

static int collect(void *user, const struct ccm_host_entry *e)
{
	struct collector *c = user;
	struct registration *r = c->registration;
	struct registration_entry *new;

	if (r->count == r->allocated) {
		size_t n = r->allocated ? r->allocated * 2 : 16;

		new = realloc(r->entries, n * sizeof *new);
		if (!new)
			return -ENOMEM;
		r->entries = new;
		r->allocated = n;
	}
	new = &r->entries[r->count++];
	*new = (struct registration_entry){ .file = c->file, .event = strdup(e->event), .command = strdup(e->command),
					    .exec_form = e->exec_form, .limited = e->limited,
					    .timeout_s = e->timeout_s };
	return new->event && new->command ? 0 : -ENOMEM;
}

static int set_problem(struct registration_file *f, const char *words)
{
	f->problem = strdup(words);
	return f->problem ? 0 : -ENOMEM;
}

static int load_file(struct registration *reg, struct registration_file *f)
{
	struct collector c = { reg, f };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	r = ccm_read_file(f->path, FILE_MAX_BYTES, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == -ENOMEM)
		return r;
	f->exists = true;
	if (r < 0)
		return set_problem(f, ccm_strerror(r));
	if (ccm_host_settings_check(&text, &diag) < 0)
		return set_problem(f, ccm_diag_text(&diag, -CCM_E_JSON));
	return ccm_host_entries(&text, &f->switches, collect, &c);
}

int registration_load(struct registration *ret)
{
	static const enum ccm_host_scope scopes[REGISTRATION_FILES] = {
		CCM_HOST_USER, CCM_HOST_PROJECT, CCM_HOST_LOCAL, CCM_HOST_MANAGED,
	};
	struct ccm_diag diag = { 0 };
	int r = 0;

	*ret = (struct registration){ 0 };
	for (size_t i = 0; i < REGISTRATION_FILES && r == 0; i++) {
		struct registration_file *f = &ret->files[scopes[i]];

		r = ccm_host_settings_path(scopes[i], &f->path, &diag);
		if (r == 0)
			r = load_file(ret, f);
		else if (r != -ENOMEM)
			r = set_problem(f, ccm_diag_text(&diag, r));
	}
	return r;
}

bool registration_has(const struct registration *r, const char *event, bool limited)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->entries[i].event, event) == 0 && (limited || !r->entries[i].limited))
			return true;
	return false;
}

bool registration_next_missing(const struct registration *r, const char **at, char event[REGISTRATION_EVENT_MAX])
{
	while (*at && **at && r->count) {
		size_t bytes = strcspn(*at, " ");

		snprintf(event, REGISTRATION_EVENT_MAX, "%.*s", (int)bytes, *at);
		*at += bytes + ((*at)[bytes] == ' ');
		if (!registration_has(r, event, true))
			return true;
	}
	return false;
}

static char *find_in_path(const char *name)
{
	const char *path = getenv("PATH");
	size_t bytes;

	for (const char *p = path ? path : ""; *p; p += bytes, p += *p == ':') {
		struct ccm_sbuf file = { 0 };
		char *found;

		bytes = strcspn(p, ":");
		ccm_sbuf_addf(&file, "%.*s/%s", (int)bytes, p, name);
		found = ccm_sbuf_take(&file);
		if (found && access(found, X_OK) == 0)
			return found;
		free(found);
	}
	return NULL;
}

char *registration_program(const struct registration_entry *e)
{
	if (!strchr(e->command, '/'))
		return find_in_path(e->command);
	return access(e->command, X_OK) == 0 ? strdup(e->command) : NULL;
}
