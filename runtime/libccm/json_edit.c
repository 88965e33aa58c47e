/* SPDX-License-Identifier: MIT */
#include "json_edit.h"

#include <errno.h>
#include <string.h>

#include "error.h"

/* How deep the search for the text's habits goes. */
#define STYLE_DEPTH 6

struct span {
	const char *text;    /* NULL: none seen yet */
	size_t bytes;
};
#define SPAN(literal) (struct span){ literal, sizeof(literal) - 1 }

/* The habits of a text. */
struct style {
	struct span newline;
	struct span unit;            /* one step of indentation */
	struct span colon;           /* from a key to its value */
	struct span comma;           /* behind a comma that does not end its line */
	struct span pad;             /* inside the braces of an object on one line */
};

/* Walks over a container's members or elements. */
struct walk {
	struct ccm_json_iter it;
	const char *at;              /* behind the opening bracket, or behind the item before */
	struct ccm_json key, value;
	const char *start, *end;     /* the item: from its key, if it has one, to the end of its value */
	struct span lead;            /* the white space before it, behind the bracket or comma */
	size_t count;                /* items so far */
};

static void walk_begin(struct walk *w, const struct ccm_json *container)
{
	*w = (struct walk){ .at = container->text + 1 };
	ccm_json_iter_value(&w->it, container);
}

static bool walk_next(struct walk *w)
{
	struct ccm_json key, value;

	if (ccm_json_next(&w->it, &key, &value) <= 0)
		return false;
	w->key = key;
	w->value = value;
	w->start = key.text ? key.text : value.text;
	if (w->count++) {
		w->at = w->end;
		while (*w->at != ',')
			w->at++;
		w->at++;
	}
	w->lead = (struct span){ w->at, (size_t)(w->start - w->at) };
	w->end = value.text + value.bytes;
	return true;
}

static bool has_newline(struct span s)
{
	return s.bytes && memchr(s.text, '\n', s.bytes);
}

static bool is_same(struct span a, struct span b)
{
	return a.bytes == b.bytes && (!a.bytes || memcmp(a.text, b.text, a.bytes) == 0);
}

static struct span span_of(const struct ccm_json *v)
{
	return (struct span){ v->text, v->bytes };
}

static void add(struct ccm_sbuf *out, struct span s)
{
	ccm_sbuf_add(out, s.text, s.bytes);
}

static bool is_container(const struct ccm_json *v)
{
	return v->type == CCM_JSON_OBJECT || v->type == CCM_JSON_ARRAY;
}

/* The white space that the line with p on it begins with. */
static struct span line_indent(const struct ccm_sbuf *doc, const char *p)
{
	const char *start = p, *end;

	while (start > doc->text && start[-1] != '\n')
		start--;
	if (start == doc->text)
		start += ccm_json_bom(doc->text, doc->bytes);
	for (end = start; end < p && (*end == ' ' || *end == '\t'); end++)
		;
	return (struct span){ start, (size_t)(end - start) };
}

static struct span after_newline(struct span s)
{
	const char *p = s.text + s.bytes;

	while (p > s.text && p[-1] != '\n')
		p--;
	return (struct span){ p, (size_t)(s.text + s.bytes - p) };
}

/* Takes from one item what is not known yet. */
static void learn_item(const struct ccm_sbuf *doc, const struct ccm_json *container, const struct walk *w,
		       struct style *s)
{
	bool object = container->type == CCM_JSON_OBJECT;

	if (object && !s->colon.text) {
		const char *after = w->key.text + w->key.bytes;
		struct span colon = { after, (size_t)(w->value.text - after) };

		if (!has_newline(colon))
			s->colon = colon;
	}
	if (has_newline(w->lead)) {
		struct span outer = line_indent(doc, container->text), inner = after_newline(w->lead);

		if (!s->unit.text && inner.bytes >= outer.bytes &&
		    is_same((struct span){ inner.text, outer.bytes }, outer))
			s->unit = (struct span){ inner.text + outer.bytes, inner.bytes - outer.bytes };
	} else if (w->count > 1) {
		if (!s->comma.text && w->lead.bytes <= 1)
			s->comma = w->lead;
	} else if (object && !s->pad.text && w->lead.bytes <= 1) {
		s->pad = w->lead;
	}
}

static void learn_container(const struct ccm_sbuf *doc, const struct ccm_json *container, struct style *s, int depth)
{
	struct walk w;

	walk_begin(&w, container);
	while (walk_next(&w)) {
		learn_item(doc, container, &w, s);
		if (is_container(&w.value) && depth < STYLE_DEPTH)
			learn_container(doc, &w.value, s, depth + 1);
	}
}

static void learn(const struct ccm_sbuf *doc, const struct ccm_json *root, struct style *ret)
{
	struct style s = { 0 };
	const char *newline = doc->bytes ? memchr(doc->text, '\n', doc->bytes) : NULL;

	if (root && is_container(root))
		learn_container(doc, root, &s, 0);
	s.newline = newline && newline > doc->text && newline[-1] == '\r' ? SPAN("\r\n") : SPAN("\n");
	if (!s.unit.text)
		s.unit = SPAN("  ");
	if (!s.colon.text)
		s.colon = SPAN(": ");
	if (!s.comma.text)
		s.comma = s.colon.text[s.colon.bytes - 1] == ':' ? SPAN("") : SPAN(" ");
	if (!s.pad.text)
		s.pad = SPAN("");
	*ret = s;
}

static void new_line(struct ccm_sbuf *out, const struct style *s, struct span base, int depth)
{
	add(out, s->newline);
	add(out, base);
	while (depth-- > 0)
		add(out, s->unit);
}

static bool holds_containers(const struct ccm_json *v)
{
	struct walk w;

	walk_begin(&w, v);
	while (walk_next(&w))
		if (is_container(&w.value))
			return true;
	return false;
}

/* Lays value out anew. On lines: each item of an object, and of an array that holds containers, gets
 * its own, indented by base and one unit a level. */
static void render(struct ccm_sbuf *out, const struct style *s, const struct ccm_json *value, bool on_lines,
		   struct span base, int depth)
{
	bool object = value->type == CCM_JSON_OBJECT;
	struct walk w;

	if (!is_container(value)) {
		add(out, span_of(value));
		return;
	}
	on_lines = on_lines && (object || holds_containers(value));
	ccm_sbuf_addc(out, object ? '{' : '[');
	walk_begin(&w, value);
	while (walk_next(&w)) {
		if (w.count > 1)
			ccm_sbuf_addc(out, ',');
		if (on_lines)
			new_line(out, s, base, depth + 1);
		else if (w.count > 1)
			add(out, s->comma);
		else if (object)
			add(out, s->pad);
		if (object) {
			add(out, span_of(&w.key));
			add(out, s->colon);
		}
		render(out, s, &w.value, on_lines, base, depth + 1);
	}
	if (w.count && on_lines)
		new_line(out, s, base, depth);
	else if (w.count && object)
		add(out, s->pad);
	ccm_sbuf_addc(out, object ? '}' : ']');
}

static int splice(struct ccm_sbuf *doc, const char *at, size_t remove_bytes, struct span text)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	size_t offset = (size_t)(at - doc->text);

	ccm_sbuf_add(&out, doc->text, offset);
	add(&out, text);
	ccm_sbuf_add(&out, at + remove_bytes, doc->bytes - offset - remove_bytes);
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	ccm_sbuf_done(doc);
	*doc = out;
	out = (struct ccm_sbuf){ 0 };
	return 0;
}

size_t ccm_json_bom(const char *text, size_t bytes)
{
	return bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int ccm_json_document(const struct ccm_sbuf *doc, struct ccm_json *ret_root, struct ccm_json_error *error)
{
	const char *text = ccm_sbuf_str(doc);
	size_t bom = ccm_json_bom(text, doc->bytes);

	return ccm_json_parse(text + bom, doc->bytes - bom, ret_root, error);
}

bool ccm_json_is_blank(const struct ccm_sbuf *doc)
{
	const char *text = ccm_sbuf_str(doc);

	for (size_t i = ccm_json_bom(text, doc->bytes); i < doc->bytes; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			return false;
	return true;
}

int ccm_json_start(struct ccm_sbuf *doc, const char *value)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_json v;
	struct style style;
	int r;

	r = ccm_json_parse(value, strlen(value), &v, NULL);
	if (r < 0)
		return r;
	learn(doc, NULL, &style);
	render(&out, &style, &v, true, SPAN(""), 0);
	ccm_sbuf_add(doc, ccm_sbuf_str(&out), out.bytes);
	return ccm_sbuf_error(&out) ? -ENOMEM : ccm_sbuf_error(doc);
}

/* Behind the last item, in the way that it follows the one before. */
static void render_behind(struct ccm_sbuf *out, const struct style *s, const struct ccm_sbuf *doc,
			  const struct ccm_json *container, const struct walk *last, struct span key,
			  const struct ccm_json *value)
{
	struct span base = line_indent(doc, last->start);

	ccm_sbuf_addc(out, ',');
	if (has_newline(last->lead)) {
		add(out, s->newline);
		add(out, base);
	} else {
		add(out, s->comma);
	}
	add(out, key);
	render(out, s, value, has_newline(span_of(container)), base, 0);
}

/* Into an empty pair of brackets, behind the opening one. The white space between them, interior, will
 * stand behind the item; the white space before it is chosen so that the two ends are not alike. */
static void render_inside(struct ccm_sbuf *out, const struct style *s, const struct ccm_sbuf *doc,
			  const struct ccm_json *root, const struct ccm_json *container, struct span key,
			  const struct ccm_json *value)
{
	struct span interior = { container->text + 1, container->bytes - 2 };
	struct span pad = container->type == CCM_JSON_OBJECT ? s->pad : SPAN("");
	bool on_lines = container->text == root->text || has_newline(span_of(root));
	struct span base = line_indent(doc, container->text);

	if (on_lines && !has_newline(interior)) {
		new_line(out, s, base, 1);
		add(out, key);
		render(out, s, value, true, base, 1);
		return;
	}
	if (is_same(pad, interior))
		pad = interior.bytes ? SPAN("") : SPAN(" ");
	add(out, on_lines ? SPAN("") : pad);
	add(out, key);
	render(out, s, value, on_lines, base, 0);
}

int ccm_json_insert(struct ccm_sbuf *doc, const struct ccm_json *container, const char *key, const char *value)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, head = { 0 };
	struct ccm_json root, v;
	struct style style;
	struct walk w;
	struct span member;
	int r;

	if (!is_container(container))
		return -EINVAL;
	r = ccm_json_parse(value, strlen(value), &v, NULL);
	if (r == 0)
		r = ccm_json_document(doc, &root, NULL);
	if (r < 0)
		return r;
	learn(doc, &root, &style);
	if (key) {
		ccm_json_quote(&head, key, strlen(key));
		add(&head, style.colon);
	}
	member = (struct span){ ccm_sbuf_str(&head), head.bytes };
	walk_begin(&w, container);
	while (walk_next(&w))
		;
	if (w.count)
		render_behind(&out, &style, doc, container, &w, member, &v);
	else
		render_inside(&out, &style, doc, &root, container, member, &v);
	if (ccm_sbuf_error(&out) || ccm_sbuf_error(&head))
		return -ENOMEM;
	return splice(doc, w.count ? w.end : container->text + 1, 0, (struct span){ out.text, out.bytes });
}

int ccm_json_remove(struct ccm_sbuf *doc, const struct ccm_json *container, const struct ccm_json *value)
{
	const char *from = container->text + 1, *start = NULL, *end = NULL;
	bool first = true;
	struct walk w;

	walk_begin(&w, container);
	while (walk_next(&w)) {
		if (end)             /* not the last: what follows moves into its place */
			return splice(doc, start, (size_t)(w.start - start), SPAN(""));
		if (w.value.text == value->text) {
			start = w.start;
			end = w.end;
		} else {
			from = w.end;
			first = false;
		}
	}
	if (!end)
		return -ENOENT;
	return splice(doc, first ? container->text + 1 : from, (size_t)(end - from), SPAN(""));
}

int ccm_json_replace(struct ccm_sbuf *doc, const struct ccm_json *value, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_json root, v;
	struct style style;
	int r;

	r = ccm_json_parse(text, strlen(text), &v, NULL);
	if (r == 0)
		r = ccm_json_document(doc, &root, NULL);
	if (r < 0)
		return r;
	learn(doc, &root, &style);
	render(&out, &style, &v, false, SPAN(""), 0);
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	return splice(doc, value->text, value->bytes, (struct span){ out.text, out.bytes });
}

size_t ccm_json_count(const struct ccm_json *container)
{
	struct walk w;

	walk_begin(&w, container);
	while (walk_next(&w))
		;
	return w.count;
}

bool ccm_json_is_made(const struct ccm_json *container)
{
	struct span tail;
	struct walk w;

	walk_begin(&w, container);
	while (walk_next(&w))
		;
	if (w.count != 1)
		return false;
	tail = (struct span){ w.end, (size_t)(container->text + container->bytes - 1 - w.end) };
	if (has_newline(w.lead) || has_newline(tail))
		return has_newline(w.lead) && has_newline(tail);
	return is_same(w.lead, tail);
}
