/* SPDX-License-Identifier: MIT */
#include "diff.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define CONTEXT 3
/* The search keeps about the square of this many numbers; beyond, the rest counts as changed. */
#define MAX_CHANGES 2000

struct line {
	const char *text;
	size_t bytes;        /* with its line end, which the last one may lack */
};

struct lines {
	struct line *items;
	size_t count;
	bool *changed;       /* taken away from the old text, or new in the new one */
};

static void lines_done(struct lines *l)
{
	free(l->items);
	free(l->changed);
}

static int split(const char *text, size_t bytes, struct lines *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += text[i] == '\n' || i + 1 == bytes;
	ret->items = calloc(count + 1, sizeof *ret->items);
	ret->changed = calloc(count + 1, sizeof *ret->changed);
	if (!ret->items || !ret->changed)
		return -ENOMEM;
	while (bytes) {
		const char *newline = memchr(text, '\n', bytes);
		size_t n = newline ? (size_t)(newline - text) + 1 : bytes;

		ret->items[ret->count++] = (struct line){ text, n };
		text += n;
		bytes -= n;
	}
	return 0;
}

static bool is_same(const struct line *a, const struct line *b)
{
	return a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0;
}

/* The part of the two texts that differs, without the lines that they begin and end with alike. */
struct middle {
	const struct line *a, *b;
	int a_count, b_count;
	bool *a_changed, *b_changed;
};

/* A place that cannot be reached. */
#define NOWHERE (-(1 << 30))

/* How far each diagonal k = x - y is reached with d changes; row d holds -d..d, at d * d + d + k. */
static int *row(int *rows, int d)
{
	return rows + d * d + d;
}

static int within(const struct middle *m, int x, int k)
{
	return x >= 0 && x <= m->a_count && x - k >= 0 && x - k <= m->b_count ? x : NOWHERE;
}

/* The furthest x on diagonal k with d changes, from the row before; *ret_added: the last change is a
 * line of b more, else a line of a less. */
static int step(const struct middle *m, const int *before, int d, int k, bool *ret_added)
{
	int added = k < d ? within(m, before[k + 1], k) : NOWHERE;
	int taken = k > -d ? within(m, before[k - 1] + 1, k) : NOWHERE;

	*ret_added = added > taken;
	return added > taken ? added : taken;
}

/* The least number of changes, with *rows filled up to it; -E2BIG: more than MAX_CHANGES. */
static int search(const struct middle *m, int **rows)
{
	size_t room = 0;

	for (int d = 0; d <= MAX_CHANGES; d++) {
		size_t need = ((size_t)d + 1) * ((size_t)d + 1);
		bool added;

		if (need > room) {
			int *grown = realloc(*rows, (room = 2 * need + 64) * sizeof *grown);

			if (!grown)
				return -ENOMEM;
			*rows = grown;
		}
		for (int k = -d; k <= d; k += 2) {
			int x = d ? step(m, row(*rows, d - 1), d, k, &added) : 0;

			while (x >= 0 && x < m->a_count && x - k < m->b_count && is_same(&m->a[x], &m->b[x - k]))
				x++;
			row(*rows, d)[k] = x;
			if (x == m->a_count && x - k == m->b_count)
				return d;
		}
	}
	return -E2BIG;
}

/* Walks back from the end through the rows; each row but the first is one change. */
static void mark(const struct middle *m, int *rows, int d)
{
	int k = m->a_count - m->b_count;

	for (; d > 0; d--) {
		bool added;
		int x = step(m, row(rows, d - 1), d, k, &added);

		if (added) {
			m->b_changed[x - k - 1] = true;
			k++;
		} else {
			m->a_changed[x - 1] = true;
			k--;
		}
	}
}

static int compare(struct lines *a, struct lines *b)
{
	_cleanup_free_ int *rows = NULL;
	size_t head = 0, tail = 0;
	struct middle m;
	int d;

	while (head < a->count && head < b->count && is_same(&a->items[head], &b->items[head]))
		head++;
	while (tail < a->count - head && tail < b->count - head &&
	       is_same(&a->items[a->count - tail - 1], &b->items[b->count - tail - 1]))
		tail++;
	m = (struct middle){ a->items + head, b->items + head, (int)(a->count - head - tail),
			     (int)(b->count - head - tail), a->changed + head, b->changed + head };
	d = search(&m, &rows);
	if (d >= 0)
		mark(&m, rows, d);
	if (d == -E2BIG) {
		memset(m.a_changed, true, (size_t)m.a_count);
		memset(m.b_changed, true, (size_t)m.b_count);
	}
	return d == -ENOMEM ? d : 0;
}

struct op {
	char sign;           /* ' ', '-' or '+' */
	const struct line *line;
};

static size_t make_ops(const struct lines *a, const struct lines *b, struct op *ops)
{
	size_t i = 0, j = 0, n = 0;

	while (i < a->count || j < b->count) {
		if (i < a->count && a->changed[i]) {
			ops[n++] = (struct op){ '-', &a->items[i++] };
		} else if (j < b->count && b->changed[j]) {
			ops[n++] = (struct op){ '+', &b->items[j++] };
		} else {
			ops[n++] = (struct op){ ' ', &a->items[i++] };
			j++;
		}
	}
	return n;
}

/* Where a hunk that starts with the change at `first` ends: behind its last change and context. */
static size_t hunk_end(const struct op *ops, size_t count, size_t first)
{
	size_t end = first + 1;

	for (size_t i = first; i < count && i <= end + 2 * CONTEXT; i++)
		if (ops[i].sign != ' ')
			end = i + 1;
	return count - end < CONTEXT ? count : end + CONTEXT;
}

/* A range of no lines names the line before it. */
static void add_range(struct ccm_sbuf *out, char sign, size_t before, size_t count)
{
	ccm_sbuf_addf(out, "%c%zu", sign, count ? before + 1 : before);
	if (count != 1)
		ccm_sbuf_addf(out, ",%zu", count);
}

static void add_hunk(struct ccm_sbuf *out, const struct op *ops, size_t start, size_t end, size_t a_before,
		     size_t b_before)
{
	size_t a_count = 0, b_count = 0;

	for (size_t i = start; i < end; i++) {
		a_count += ops[i].sign != '+';
		b_count += ops[i].sign != '-';
	}
	ccm_sbuf_adds(out, "@@ ");
	add_range(out, '-', a_before, a_count);
	ccm_sbuf_addc(out, ' ');
	add_range(out, '+', b_before, b_count);
	ccm_sbuf_adds(out, " @@\n");
	for (size_t i = start; i < end; i++) {
		const struct line *l = ops[i].line;

		ccm_sbuf_addc(out, ops[i].sign);
		ccm_sbuf_add(out, l->text, l->bytes);
		if (l->text[l->bytes - 1] != '\n')
			ccm_sbuf_adds(out, "\n\\ No newline at end of file\n");
	}
}

static void add_hunks(struct ccm_sbuf *out, const struct op *ops, size_t count)
{
	size_t a = 0, b = 0, done = 0;

	for (size_t i = 0; i < count;) {
		size_t start, end;

		if (ops[i].sign == ' ') {
			i++;
			continue;
		}
		start = i - done < CONTEXT ? done : i - CONTEXT;
		end = hunk_end(ops, count, i);
		a += start - done;
		b += start - done;
		add_hunk(out, ops, start, end, a, b);
		for (size_t j = start; j < end; j++) {
			a += ops[j].sign != '+';
			b += ops[j].sign != '-';
		}
		i = done = end;
	}
}

int ccm_diff_unified(const char *old_name, const char *old_text, size_t old_bytes,
		     const char *new_name, const char *new_text, size_t new_bytes, struct ccm_sbuf *out)
{
	_cleanup_(lines_done) struct lines a = { 0 }, b = { 0 };
	_cleanup_free_ struct op *ops = NULL;
	int r;

	if (old_bytes == new_bytes && (!old_bytes || memcmp(old_text, new_text, old_bytes) == 0) &&
	    !old_name == !new_name)
		return 0;
	r = split(old_text, old_bytes, &a);
	if (r == 0)
		r = split(new_text, new_bytes, &b);
	if (r == 0)
		r = compare(&a, &b);
	if (r < 0)
		return r;
	ops = calloc(a.count + b.count + 1, sizeof *ops);
	if (!ops)
		return -ENOMEM;
	ccm_sbuf_addf(out, "--- %s\n+++ %s\n", old_name ? old_name : "/dev/null", new_name ? new_name : "/dev/null");
	add_hunks(out, ops, make_ops(&a, &b, ops));
	return ccm_sbuf_error(out);
}
