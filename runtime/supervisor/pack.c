/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "libccm/io.h"
#include "sha1.h"

#define HEADER_BYTES 12
#define PENDING_MAX_BYTES (1024 * 1024)
#define LARGE_OFFSET 0x80000000u         /* an offset that needs more than 31 bits stands in a table of its own */

static void add_number(struct ccm_sbuf *out, uint32_t n)
{
	const char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	ccm_sbuf_add(out, bytes, sizeof bytes);
}

int pack_begin(struct pack *p, const char *folder)
{
	*p = (struct pack){ .fd = -1 };
	p->folder = strdup(folder);
	if (!p->folder || asprintf(&p->tmp, "%s/new.XXXXXX", folder) < 0)
		return -ENOMEM;
	p->fd = mkostemp(p->tmp, O_CLOEXEC);
	if (p->fd < 0)
		return -errno;
	/* The number of objects is known at the end. */
	ccm_sbuf_add(&p->pending, "PACK", 4);
	add_number(&p->pending, 2);
	add_number(&p->pending, 0);
	return 0;
}

static void write_pending(struct pack *p)
{
	if (p->error == 0)
		p->error = ccm_sbuf_error(&p->pending);
	if (p->error == 0)
		p->error = ccm_write_all(p->fd, p->pending.text, p->pending.bytes);
	p->offset += p->pending.bytes;
	ccm_sbuf_clear(&p->pending);
}

/* The type and the length: four bits of it, then seven in each further byte. */
static void add_header(struct ccm_sbuf *out, git_object_t type, size_t bytes)
{
	unsigned char c = (unsigned char)((unsigned)type << 4 | (bytes & 15));

	for (bytes >>= 4; bytes; bytes >>= 7) {
		ccm_sbuf_addc(out, (char)(c | 0x80));
		c = bytes & 0x7f;
	}
	ccm_sbuf_addc(out, (char)c);
}

static struct pack_entry *new_entry(struct pack *p)
{
	if (p->count == p->allocated) {
		size_t allocated = p->allocated ? p->allocated * 2 : 64;
		struct pack_entry *entries = reallocarray(p->entries, allocated, sizeof *entries);

		if (!entries)
			return NULL;
		p->entries = entries;
		p->allocated = allocated;
	}
	return &p->entries[p->count++];
}

void pack_add(struct pack *p, const git_oid *oid, git_object_t type, const void *data, size_t bytes)
{
	struct pack_entry *entry;
	uLongf room = compressBound(bytes);
	size_t begin;

	if (p->error)
		return;
	if (p->pending.bytes > PENDING_MAX_BYTES)
		write_pending(p);
	entry = new_entry(p);
	begin = p->pending.bytes;
	add_header(&p->pending, type, bytes);
	if (!entry || ccm_sbuf_reserve(&p->pending, room + 1) < 0) {
		p->error = -ENOMEM;
		return;
	}
	if (compress2((Bytef *)p->pending.text + p->pending.bytes, &room, data, bytes, Z_BEST_SPEED) != Z_OK) {
		p->error = -ENOMEM;
		return;
	}
	p->pending.bytes += room;
	*entry = (struct pack_entry){
		.oid = *oid, .offset = p->offset + begin,
		.crc = (uint32_t)crc32(0, (const Bytef *)p->pending.text + begin, (uInt)(p->pending.bytes - begin)),
	};
}

/* ---- the end of the pack */

/* Writes the number of objects into the header, and behind everything the checksum of it all. */
static int finish_pack(struct pack *p, unsigned char sum[SHA1_BYTES])
{
	_cleanup_sbuf_ struct ccm_sbuf number = { 0 };
	char buf[65536];
	struct sha1 sha;
	ssize_t n;
	int r = 0;

	add_number(&number, (uint32_t)p->count);
	if (ccm_sbuf_error(&number))
		return -ENOMEM;
	if (pwrite(p->fd, number.text, number.bytes, HEADER_BYTES - 4) != (ssize_t)number.bytes)
		return -errno;
	if (lseek(p->fd, 0, SEEK_SET) < 0)
		return -errno;
	sha1_begin(&sha);
	while ((n = read(p->fd, buf, sizeof buf)) > 0)
		sha1_add(&sha, buf, (size_t)n);
	if (n < 0)
		return -errno;
	sha1_end(&sha, sum);
	r = ccm_write_all(p->fd, sum, SHA1_BYTES);
	if (r == 0 && fchmod(p->fd, 0444) < 0)
		r = -errno;
	return r;
}

static int by_oid(const void *a, const void *b)
{
	return git_oid_cmp(&((const struct pack_entry *)a)->oid, &((const struct pack_entry *)b)->oid);
}

static void make_index(const struct pack *p, const unsigned char sum[SHA1_BYTES], struct ccm_sbuf *out)
{
	unsigned char index_sum[SHA1_BYTES];
	struct sha1 sha;
	size_t at = 0;
	uint32_t large = 0;

	ccm_sbuf_add(out, "\377tOc", 4);
	add_number(out, 2);
	for (unsigned first = 0; first < 256; first++) {
		while (at < p->count && p->entries[at].oid.id[0] <= first)
			at++;
		add_number(out, (uint32_t)at);
	}
	for (size_t i = 0; i < p->count; i++)
		ccm_sbuf_add(out, p->entries[i].oid.id, GIT_OID_RAWSZ);
	for (size_t i = 0; i < p->count; i++)
		add_number(out, p->entries[i].crc);
	for (size_t i = 0; i < p->count; i++)
		add_number(out, p->entries[i].offset < LARGE_OFFSET ? (uint32_t)p->entries[i].offset : LARGE_OFFSET | large++);
	for (size_t i = 0; i < p->count; i++) {
		if (p->entries[i].offset < LARGE_OFFSET)
			continue;
		add_number(out, (uint32_t)(p->entries[i].offset >> 32));
		add_number(out, (uint32_t)p->entries[i].offset);
	}
	ccm_sbuf_add(out, sum, SHA1_BYTES);
	if (ccm_sbuf_error(out))
		return;
	sha1_begin(&sha);
	sha1_add(&sha, out->text, out->bytes);
	sha1_end(&sha, index_sum);
	ccm_sbuf_add(out, index_sum, SHA1_BYTES);
}

static int write_index(const struct pack *p, const unsigned char sum[SHA1_BYTES], const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf index = { 0 }, path = { 0 };

	make_index(p, sum, &index);
	ccm_sbuf_addf(&path, "%s/%s.idx", p->folder, name);
	if (index.failed || path.failed)
		return -ENOMEM;
	return ccm_write_file(path.text, index.text, index.bytes, 0444, false);
}

int pack_end(struct pack *p, char name[PACK_NAME_CHARS + 1])
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	unsigned char sum[SHA1_BYTES];
	git_oid oid;
	int r;

	write_pending(p);
	r = p->error;
	if (r == 0)
		r = finish_pack(p, sum);
	if (r < 0)
		return r;
	qsort(p->entries, p->count, sizeof *p->entries, by_oid);
	git_oid_fromraw(&oid, sum);
	strcpy(name, "pack-");
	git_oid_tostr(name + 5, GIT_OID_HEXSZ + 1, &oid);
	ccm_sbuf_addf(&path, "%s/%s.pack", p->folder, name);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	if (rename(p->tmp, path.text) < 0)
		return -errno;
	free(p->tmp);
	p->tmp = NULL;
	return write_index(p, sum, name);
}

void pack_done(struct pack *p)
{
	if (p->tmp && p->fd >= 0)
		unlink(p->tmp);
	if (p->fd >= 0)
		close(p->fd);
	free(p->tmp);
	free(p->folder);
	free(p->entries);
	ccm_sbuf_done(&p->pending);
	*p = (struct pack){ .fd = -1 };
}
