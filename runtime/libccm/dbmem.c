/* SPDX-License-Identifier: MIT */
#include "dbmem.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

#define UNIT 16                          /* sizes are multiples of it, and every piece is aligned to it */
#define SMALL_MAX 8192                   /* up to here a list for every size, above for every power of two */
#define BLOCK_BYTES (256 * 1024)
#define LISTS (SMALL_MAX / UNIT + 32)

/* Stands before each piece. */
struct head {
	size_t bytes;                    /* that the piece can hold */
	struct head *next;               /* while it waits in a list */
};
_Static_assert(sizeof(struct head) % UNIT == 0, "pieces would not be aligned");

/* Costs nothing until it is touched, page by page: side by side the two touch one page less. */
static struct {
	struct head *lists[LISTS];
	_Alignas(UNIT) char block[BLOCK_BYTES];
} first;
static struct head **const lists = first.lists;
static char *block = first.block;
static size_t block_left = BLOCK_BYTES;

static int round_up(int bytes)
{
	uint32_t n = bytes > 0 ? (uint32_t)bytes : 1;

	if (n <= SMALL_MAX)
		return (int)((n + UNIT - 1) / UNIT * UNIT);
	if (n > 1u << 30)
		return bytes;
	return 1 << (32 - __builtin_clz(n - 1));
}

static size_t list_of(size_t bytes)
{
	if (bytes <= SMALL_MAX)
		return bytes / UNIT - 1;
	return SMALL_MAX / UNIT + (size_t)(31 - __builtin_clz((uint32_t)bytes)) - 13;
}

static void *take(int bytes)
{
	size_t size = (size_t)round_up(bytes), need = size + sizeof(struct head);
	struct head **list = &lists[list_of(size)], *h = *list;

	if (h) {
		*list = h->next;
		return h + 1;
	}
	if (need > BLOCK_BYTES / 4) {
		h = malloc(need);
	} else {
		if (need > block_left) {
			block = malloc(BLOCK_BYTES);
			block_left = block ? BLOCK_BYTES : 0;
		}
		h = block_left ? (struct head *)(void *)block : NULL;
		if (h) {
			block += need;
			block_left -= need;
		}
	}
	if (!h)
		return NULL;
	h->bytes = size;
	return h + 1;
}

static void give_back(void *p)
{
	struct head *h = (struct head *)p - 1;
	struct head **list = &lists[list_of(h->bytes)];

	h->next = *list;
	*list = h;
}

static int size_of(void *p)
{
	return p ? (int)((struct head *)p - 1)->bytes : 0;
}

static void *resize(void *p, int bytes)
{
	int had = size_of(p);
	void *to;

	if (round_up(bytes) == had)
		return p;
	to = take(bytes);
	if (!to)
		return NULL;
	memcpy(to, p, (size_t)(had < bytes ? had : bytes));
	give_back(p);
	return to;
}

static int start(void *unused)
{
	(void)unused;
	return SQLITE_OK;
}

static void stop(void *unused)
{
	(void)unused;
}

void ccm_dbmem_install(void)
{
	static const sqlite3_mem_methods methods = { take, give_back, resize, size_of, round_up, start, stop, NULL };

	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	/* No stock of cache pages in advance: it would write into each of thirty, and a hook needs ten. */
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	/* Sanitizers and valgrind watch malloc(); behind these lists they would see nothing. */
#ifndef CCM_WATCHED
	sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
#else
	(void)methods;
#endif
}
