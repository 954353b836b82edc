/* SPDX-License-Identifier: ISC */
/*
 * linkfile: NUMBER.link in a mailbox: the link that the process of that number keeps between it and somewhere else
 * (mlink(1)).
 *
 * A crash leaves it; it is void once no process has the number.  What that process has started may still run then, and
 * have messages: it inherits the open file, and with it the file's lock (flock(2)).
 *
 * It is written as a whole, by one pwrite(2); one that is read half written has a wrong checksum, and counts as none.
 */
#ifndef MAILBOX_DISK_LINKFILE_H
#define MAILBOX_DISK_LINKFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	LINKFILE_NAME_MAX = 32,
	LINKFILE_TEXT = 4064,           /* bytes of target and name, together, at most */
};

#define LINKFILE_MAGIC UINT64_C(0x316b6e696c786f62)     /* "boxlink1" */

struct linkfile {
	uint64_t magic;
	uint64_t since_us;              /* since when it is in this state */
	uint32_t sum;                   /* of all else, as if this were 0 */
	int32_t pid;
	uint8_t state;                  /* enum link_state */
	uint8_t inward;                 /* it brings messages here */
	uint16_t target_len, name_len;
	uint8_t reserved[2];
	char text[LINKFILE_TEXT];       /* the target, then the name */
};

_Static_assert(sizeof(struct linkfile) == 4096, "what is written");

/* linkfile_name -- the name of the file of process number.  name: LINKFILE_NAME_MAX. */
void linkfile_name(char *name, uint64_t number);

/* linkfile_parse -- whether this is the name of such a file, and whose. */
bool linkfile_parse(const char *name, uint64_t *number);

/* linkfile_fill -- set target and name.  Returns 0, or -1: ENAMETOOLONG. */
int linkfile_fill(struct linkfile *l, struct slice target, struct slice name);

/*
 * linkfile_make -- make an empty one for process number, with this mode, and lock it.
 * Returns its descriptor, which programs inherit, or -1.
 */
int linkfile_make(int dir_fd, uint64_t number, unsigned mode);

/* linkfile_write -- write it.  Returns 0, or -1. */
int linkfile_write(int fd, struct linkfile *l);

/* linkfile_held -- whether its process, or what that has started, holds the lock of the file of this name. */
bool linkfile_held(int dir_fd, const char *name);

/* linkfile_read -- read the file of this name.  Returns 1, 0 it is none, or not whole, or -1 with errno. */
int linkfile_read(int dir_fd, const char *name, struct linkfile *l);

/* linkfile_remove -- remove the file of process number. */
void linkfile_remove(int dir_fd, uint64_t number);

/* linkfile_target, linkfile_its_name -- the two texts. */
struct slice linkfile_target(const struct linkfile *l);
struct slice linkfile_its_name(const struct linkfile *l);

#endif
