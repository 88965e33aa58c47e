/* SPDX-License-Identifier: MIT */
/* no_search - a statically linked program of ours has SQLite without its search modules.
 *
 * Each connection that is opened registers the full-text and R-tree modules with all their functions, where libsqlite3.a
 * has them: 30,000 of a hook's 607,000 instructions, and a ninth of its size, for tables that no database of ours has.
 * Nothing in SQLite's interface turns them off; but where the archive consists of one object for each of SQLite's sources,
 * as Debian's does, the program is linked with --wrap for what registers them, and SQLite finds these. Where it is one
 * object, it keeps its own: slower, else the same.
 */
#include <sqlite3.h>

int __wrap_sqlite3Fts3Init(sqlite3 *db);
int __wrap_sqlite3Fts5Init(sqlite3 *db);
int __wrap_sqlite3RtreeInit(sqlite3 *db);

int __wrap_sqlite3Fts3Init(sqlite3 *db)
{
	(void)db;
	return SQLITE_OK;
}

int __wrap_sqlite3Fts5Init(sqlite3 *db)
{
	(void)db;
	return SQLITE_OK;
}

int __wrap_sqlite3RtreeInit(sqlite3 *db)
{
	(void)db;
	return SQLITE_OK;
}
