/* SPDX-License-Identifier: MIT */
/* dbmem - memory for SQLite in a process that makes a few statements and ends.
 *
 * Half of what a hook's SQLite does is asking malloc() for small pieces and giving them back, with
 * a lock and a statistic each time. Here pieces come off the end of a block and, once given back,
 * wait in a list by size for the next request of that size. Blocks are never returned: the process
 * ends in a millisecond.
 */
#ifndef CCM_DBMEM_H
#define CCM_DBMEM_H

/* To be called before the first database is opened, in a process of one thread. A failure only
 * means that SQLite uses malloc(). */
void ccm_dbmem_install(void);

#endif
