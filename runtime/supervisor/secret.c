/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libsecret/secret.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "libccm/alert.h"
#include "libccm/redact.h"

#define PART_MIN_BYTES 8                 /* a shorter run of characters tells nobody anything */

void secret_protect_process(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* What stands behind the scheme, or NULL. */
static const char *behind(const char *text, const char *scheme)
{
	size_t bytes = strlen(scheme);

	return strncmp(text, scheme, bytes) == 0 && text[bytes] ? text + bytes : NULL;
}

/* SERVICE/ACCOUNT, neither of them empty. */
static const char *account_of(const char *key)
{
	const char *slash = strchr(key, '/');

	return slash && slash > key && slash[1] ? slash + 1 : NULL;
}

bool secret_is_variable(const struct ccm_settings *settings, const char *pair)
{
	const struct ccm_setting_list *const lists[] = {
		&settings->telegram_token, &settings->slack_url, &settings->webhook_url, &settings->webhook_secret,
	};
	size_t bytes = strcspn(pair, "=");

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *text = ccm_settings_text(lists[i]), *name = text ? behind(text, "env:") : NULL;

		if (name && strncmp(name, pair, bytes) == 0 && !name[bytes])
			return true;
	}
	return false;
}

int secret_of(const char *text, struct secret *ret)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	*ret = (struct secret){ .text = copy, .bytes = strlen(text) };
	return 0;
}

void secret_done(struct secret *s)
{
	if (s->text)
		explicit_bzero(s->text, s->bytes);
	free(s->text);
	*s = (struct secret){ 0 };
}

/* One line, which may end in a newline. What else is in it would end up in headers and URLs. */
static int take(const char *reference, const char *text, size_t bytes, struct secret *ret, struct ccm_diag *diag)
{
	while (bytes && isspace((unsigned char)text[bytes - 1]))
		bytes--;
	while (bytes && isspace((unsigned char)*text)) {
		text++;
		bytes--;
	}
	if (!bytes)
		return ccm_diag_set(diag, -CCM_E_CONFIG, "'%s' is empty", reference);
	if (bytes > SECRET_MAX_BYTES)
		return ccm_diag_set(diag, -CCM_E_CONFIG, "'%s' is longer than %d bytes", reference, SECRET_MAX_BYTES);
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return ccm_diag_set(diag, -CCM_E_CONFIG, "'%s' is not one line of text", reference);
	ret->text = strndup(text, bytes);
	if (!ret->text)
		return -ENOMEM;
	ret->bytes = bytes;
	return 0;
}

static int get_variable(const char *reference, const char *name, struct secret *ret, struct ccm_diag *diag)
{
	const char *value = getenv(name);

	if (!value)
		return ccm_diag_set(diag, -ENOENT, "'%s' is not set in the environment that this runs in (a daemon has its own: "
				    "file:PATH or keyring: work everywhere)", reference);
	return take(reference, value, strlen(value), ret, diag);
}

static int check_file(const char *path, const struct stat *st, struct ccm_diag *diag)
{
	if (!S_ISREG(st->st_mode))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is not a regular file", path);
	if (st->st_uid != geteuid())
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' belongs to another user; it must be yours", path);
	if (st->st_mode & 077)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' can be read or changed by others (mode %04o): chmod 600 '%s'", path,
				    (unsigned)(st->st_mode & 07777), path);
	return 0;
}

static int get_file(const char *reference, const char *path, struct secret *ret, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf full = { 0 };
	_cleanup_close_ int fd = -1;
	char text[SECRET_MAX_BYTES + 3];
	const char *home = getenv("HOME");
	struct stat st;
	size_t used = 0;
	ssize_t n;
	int r;

	if (strncmp(path, "~/", 2) == 0 && home)
		ccm_sbuf_adds(&full, home);
	ccm_sbuf_adds(&full, full.bytes ? path + 1 : path);
	if (ccm_sbuf_error(&full))
		return -ENOMEM;
	if (full.text[0] != '/')
		return ccm_diag_set(diag, -CCM_E_CONFIG, "'%s' is not an absolute path", reference);
	/* Not waited for, should it be a pipe. */
	fd = open(full.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		return ccm_diag_set(diag, r, "cannot read '%s': %s", full.text, strerror(-r));
	}
	r = check_file(full.text, &st, diag);
	if (r < 0)
		return r;
	while (used < sizeof text && (n = read(fd, text + used, sizeof text - used)) > 0)
		used += (size_t)n;
	r = take(reference, text, used, ret, diag);
	explicit_bzero(text, sizeof text);
	return r;
}

/* ---- the keyring */

/* Items by whatever schema they were stored, as secret-tool does it. */
static const SecretSchema any_schema = {
	.name = "org.freedesktop.Secret.Generic", .flags = SECRET_SCHEMA_DONT_MATCH_NAME,
	.attributes = { { "service", SECRET_SCHEMA_ATTRIBUTE_STRING }, { "account", SECRET_SCHEMA_ATTRIBUTE_STRING } },
};

/* Nobody is asked to unlock anything: whoever sends alerts may run where no person is. */
static int get_item(const char *reference, const char *service, const char *account, struct secret *ret, struct ccm_diag *diag)
{
	GError *error = NULL;
	GList *items = secret_password_search_sync(&any_schema, SECRET_SEARCH_LOAD_SECRETS, NULL, &error, "service", service,
						   "account", account, NULL);
	SecretValue *value = NULL;
	const char *text;
	gsize bytes = 0;
	int r;

	if (error)
		r = ccm_diag_set(diag, -EAGAIN, "'%s': the keyring does not answer: %s", reference, error->message);
	else if (!items)
		r = ccm_diag_set(diag, -ENOENT, "'%s' is not in the keyring: secret-tool store --label=ccm service '%s' account '%s'",
				 reference, service, account);
	else if (!(value = secret_retrievable_retrieve_secret_sync(items->data, NULL, NULL)))
		r = ccm_diag_set(diag, -EAGAIN, "'%s': the keyring is locked; unlock it, or use file:PATH", reference);
	else {
		text = secret_value_get(value, &bytes);
		r = take(reference, text, bytes, ret, diag);
	}
	if (value)
		secret_value_unref(value);
	g_list_free_full(items, g_object_unref);
	g_clear_error(&error);
	return r;
}

static int get_from_keyring(const char *reference, const char *key, struct secret *ret, struct ccm_diag *diag)
{
	const char *account = account_of(key);
	_cleanup_free_ char *service = account ? strndup(key, (size_t)(account - 1 - key)) : NULL;

	if (!service)
		return -ENOMEM;
	if (!ccm_session_bus_is_there())
		return ccm_diag_set(diag, -EAGAIN, "'%s': there is no session bus here, so no keyring; use file:PATH", reference);
	return get_item(reference, service, account, ret, diag);
}

int secret_get(const char *reference, struct secret *ret, struct ccm_diag *diag)
{
	const char *rest;

	if (ccm_reference_check(reference) < 0)
		return ccm_diag_set(diag, -CCM_E_CONFIG, "a secret is not written into config.ini: give env:NAME, file:PATH or "
				    "keyring:SERVICE/ACCOUNT");
	if ((rest = behind(reference, "env:")))
		return get_variable(reference, rest, ret, diag);
	if ((rest = behind(reference, "file:")))
		return get_file(reference, rest, ret, diag);
	return get_from_keyring(reference, behind(reference, "keyring:"), ret, diag);
}

/* ---- keeping them unsaid */

static void replace_all(struct ccm_sbuf *text, const char *what, size_t bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *at = ccm_sbuf_str(text), *end = at + text->bytes, *hit;

	if (!bytes || !(hit = memmem(at, (size_t)(end - at), what, bytes)))
		return;
	for (; hit; at = hit + bytes, hit = memmem(at, (size_t)(end - at), what, bytes)) {
		ccm_sbuf_add(&out, at, (size_t)(hit - at));
		ccm_sbuf_adds(&out, "[redacted]");
	}
	ccm_sbuf_add(&out, at, (size_t)(end - at));
	ccm_sbuf_clear(text);
	ccm_sbuf_add(text, ccm_sbuf_str(&out), out.bytes);
	if (ccm_sbuf_error(&out))
		text->failed = true;
}

static bool is_part_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Who answers us may quote a token in escapes of their own: %3A for a colon, \/ for a slash. Its parts stay what they are. */
static void replace_parts(struct ccm_sbuf *text, const struct secret *s)
{
	for (size_t i = 0, n; i < s->bytes; i += n ? n : 1) {
		for (n = 0; i + n < s->bytes && is_part_char(s->text[i + n]); n++)
			;
		if (n >= PART_MIN_BYTES)
			replace_all(text, s->text + i, n);
	}
}

void secret_redact(struct ccm_sbuf *out, const char *text, size_t bytes, const struct secret *secrets, size_t count)
{
	_cleanup_sbuf_ struct ccm_sbuf work = { 0 };

	ccm_sbuf_add(&work, text, bytes);
	for (size_t i = 0; i < count; i++)
		replace_all(&work, secrets[i].text, secrets[i].bytes);
	for (size_t i = 0; i < count; i++)
		replace_parts(&work, &secrets[i]);
	if (ccm_sbuf_error(&work))
		out->failed = true;
	else
		ccm_redact(out, ccm_sbuf_str(&work), work.bytes);
}
