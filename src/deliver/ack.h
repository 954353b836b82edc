/* SPDX-License-Identifier: ISC */
/*
 * ack: the lines by which whoever gets frames says what has become of them.
 *
 *     ID      that message is done        ID+     that one is, and all that were written before it
 *     -ID     it is refused
 */
#ifndef DELIVER_ACK_H
#define DELIVER_ACK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

enum ack_kind { ACK_ONE, ACK_ALL, ACK_REFUSED };

struct ack {
	enum ack_kind kind;
	uint64_t id;
};

enum { ACK_TEXT = 32 * 1024 };          /* bytes of lines in memory */

/* Lines on their way.  Zeros to begin with. */
struct ack_lines {
	uint32_t at, end;               /* text[at] is the first byte that was not taken apart */
	struct slice wrong;             /* after EBADMSG: the line, or its beginning */
	char text[ACK_TEXT];
};

/*
 * ack_read -- read what there is, once; those in memory have been taken apart.
 * Returns the bytes, 0 at the end, or -1 with errno of read(2).
 */
ssize_t ack_read(struct ack_lines *l, int fd);

/*
 * ack_next -- take the next whole line apart.  A line without its newline, as a writer that was killed leaves it, says
 * nothing.
 * Returns 1; 0 where there is none in memory; or -1 with EBADMSG: it is none of these, and the end of all.
 */
int ack_next(struct ack_lines *l, struct ack *ack);

#endif
