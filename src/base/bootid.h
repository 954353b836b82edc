/* SPDX-License-Identifier: ISC */
/*
 * bootid: which boot of the machine this is, and which file a descriptor is.  They tell a mailbox that went through a
 * boot, or is a copy.
 */
#ifndef BASE_BOOTID_H
#define BASE_BOOTID_H

#include <stdbool.h>
#include <stdint.h>

/*
 * bootid_get -- a number for this boot of the machine, the same in all its processes.
 * Returns 0 where it is unknown (no /proc): compare nothing with that.
 */
uint64_t bootid_get(void);

/*
 * Where a file is: its number in its file system, which that is, of what kind (fstatfs(2); 0 not known), and a sum of
 * when the file was made (statx(2); 0 not known): a number is given again once its file was removed.
 */
struct bootid_place { uint64_t ino, dev; uint32_t kind, born; };

/* bootid_same -- whether one file has been at both places. */
bool bootid_same(const struct bootid_place *a, const struct bootid_place *b);

/* bootid_place -- where the file fd is.  Returns 0, or -1 with errno of fstat(2). */
int bootid_place(int fd, struct bootid_place *place);

/*
 * bootid_views -- whether two places, of one boot, are views of one file between which locks do not meet: it has the
 * same number on a file system made of a process (FUSE), and on one that is not.
 * Source: bindfs and its like show the numbers of the files behind them; fuse(4).
 */
bool bootid_views(const struct bootid_place *a, const struct bootid_place *b);

/*
 * bootid_mark -- mark the file fd.  The mark lasts until the machine stops, at most, and no copy has it.
 * bootid_marked -- whether the mark is there: never where marks are not supported.
 * Source: fs/fcntl.c keeps the write hint of F_SET_RW_HINT in the kernel's inode, and no file system stores it.  It is
 * one system call, where bootid_get makes three and takes ten times as long (measured).
 */
void bootid_mark(int fd);
bool bootid_marked(int fd);

#endif
