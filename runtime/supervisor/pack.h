/* SPDX-License-Identifier: MIT */
/* pack - write a git pack quickly: each object by itself, compressed a little.
 *
 * libgit2's own writer searches for differences between the objects first, which takes longer than everything else about
 * a checkpoint. That is done later, off the way, by objects_tidy() or by the user's gc.
 *
 *     pack_begin(&p, "/repo/.git/ccm/s/tmp");
 *     pack_add(&p, &oid, GIT_OBJECT_BLOB, data, bytes);
 *     pack_end(&p, name);                               // name.pack and name.idx are in the folder
 *
 * Ownership: pack_done() releases all, and removes what was not ended.
 * Errors:    negative errno. One that happens while objects are added is told by pack_end().
 * Source:    gitformat-pack(5), version 2 of both files; FIPS 180-4 for SHA-1, which is what git means by a checksum.
 */
#ifndef CCM_SUPERVISOR_PACK_H
#define CCM_SUPERVISOR_PACK_H

#include <git2.h>

#include "libccm/sbuf.h"

struct pack_entry {
	git_oid oid;
	uint32_t crc;
	uint64_t offset;
};

struct pack {
	char *folder, *tmp;
	int fd;
	struct ccm_sbuf pending;     /* not written yet */
	uint64_t offset;             /* where pending begins */
	struct pack_entry *entries;
	size_t count, allocated;
	int error;
};

#define PACK_NAME_CHARS (5 + GIT_OID_HEXSZ)

int pack_begin(struct pack *p, const char *folder);
void pack_add(struct pack *p, const git_oid *oid, git_object_t type, const void *data, size_t bytes);
int pack_end(struct pack *p, char name[PACK_NAME_CHARS + 1]);
void pack_done(struct pack *p);
#define _cleanup_pack_ _cleanup_(pack_done)

#endif
