/* SPDX-License-Identifier: ISC */
/*
 * boot: which boot of the machine this is, and which file a descriptor is: so that a mailbox is known that went
 * through a boot, or is a copy.
 */
#ifndef BASE_BOOTID_H
#define BASE_BOOTID_H

#include <stdbool.h>
#include <stdint.h>

/*
 * bootid_get -- a number for this boot of the machine, the same for all its processes.
 * Returns it, or 0 where it cannot be told (no /proc): that is no boot that anything may be compared with.
 */
uint64_t bootid_get(void);

/* bootid_place -- a number for the file fd, by its device and inode.  Returns 0, or -1 with errno of fstat(2). */
int bootid_place(int fd, uint64_t *place);

/*
 * bootid_mark -- leave a mark on the file fd that lasts at most until the machine stops, and goes to no copy.
 * bootid_marked -- whether it is there.  Where marks cannot be left it never is.
 * Source: fs/fcntl.c keeps the write hint of F_SET_RW_HINT in the kernel's inode, and no file system stores it; one
 * call, where the number of the boot takes three and ten times as long (measured).
 */
void bootid_mark(int fd);
bool bootid_marked(int fd);

#endif
