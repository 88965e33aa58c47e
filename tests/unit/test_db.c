/* SPDX-License-Identifier: MIT */
/* Each query by itself: what embed.awk says of it is enough to prepare it on a connection that has asked for nothing else. */
#include <sys/stat.h>

#include "check.h"
#include "libccm/db.h"
#include "libccm/macros.h"

static const char *const names[] = {
#define X(name, needs_state, parameters, sql) #name,
	CCM_QUERIES(X)
#undef X
};

static void prepares(const char *path, enum ccm_query q)
{
	_cleanup_db_ struct ccm_db *db = NULL;
	_cleanup_rows_ struct ccm_rows rows = { 0 };

	check_case = names[q];
	CHECK_OR_DIE(ccm_db_open(path, CCM_DB_WRITE, 1000, &db, NULL) == 0);
	CHECK_INT(ccm_db_enable_regexp(db, false), 0);
	CHECK_INT(ccm_db_query(db, q, NULL, &rows), 0);
}

int main(void)
{
	static const char *const files[] = { "ccm.db", "ccm.db-wal", "ccm.db-shm", "state.db", "state.db-wal", "state.db-shm" };
	const char *tmp = getenv("TMPDIR");
	char dir[256], path[300];

	snprintf(dir, sizeof dir, "%s/ccm-db-XXXXXX", tmp ? tmp : "/tmp");
	CHECK_OR_DIE(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/ccm.db", dir);
	for (enum ccm_query q = 0; q < CCM_QUERY_COUNT; q++)
		/* These two need a third file. */
		if (q != Q_CARRY_STATE && q != Q_CARRY_ALERTS)
			prepares(path, q);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		unlink(path);
	}
	CHECK(rmdir(dir) == 0);
	return 0;
}
