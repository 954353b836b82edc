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
 * boot_id -- a number for this boot of the machine, the same for all its processes.
 * Returns it, or 0 where it cannot be told (no /proc): that is no boot that anything may be compared with.
 */
uint64_t boot_id(void);

/* boot_place -- a number for the file fd, by its device and inode.  Returns 0, or -1 with errno of fstat(2). */
int boot_place(int fd, uint64_t *place);

/*
 * boot_mark -- leave a mark on the file fd that lasts at most until the machine stops, and goes to no copy.
 * boot_marked -- whether it is there.  Where marks cannot be left it never is.
 * Source: fs/fcntl.c keeps the write hint of F_SET_RW_HINT in the kernel's inode, and no file system stores it; one
 * call, where the number of the boot takes three and ten times as long (measured).
 */
void boot_mark(int fd);
bool boot_marked(int fd);

#endif
