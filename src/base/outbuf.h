/* SPDX-License-Identifier: ISC */
/*
 * outbuf: bytes gathered in memory on their way to a descriptor.
 *
 * A failure is kept in `error` and nothing is added any more until somebody clears that, so that a whole text may be
 * written before anybody asks.
 */
#ifndef BASE_OUTBUF_H
#define BASE_OUTBUF_H

#include <stdint.h>

#include "base/bytes.h"

enum { OUTBUF_SIZE = 128 * 1024 };

struct outbuf {
	int fd;
	int error;              /* errno of what failed; 0 */
	uint64_t out;           /* bytes that were written */
	size_t used;
	char buf[OUTBUF_SIZE];
};

void outbuf_init(struct outbuf *b, int fd);

/*
 * outbuf_flush -- write out what was gathered.
 * Returns 0, or -1 with errno of write(2), which is kept in error too; what was not written stays gathered.
 */
int outbuf_flush(struct outbuf *b);

/* outbuf_end -- what `out` will be when all that has been added is written. */
static inline uint64_t
outbuf_end(const struct outbuf *b)
{
	return b->out + b->used;
}

/* outbuf_fail -- the first failure is the one that is kept. */
void outbuf_fail(struct outbuf *b, int error);

/* outbuf_result -- 0, or -1 with errno of what failed. */
int outbuf_result(const struct outbuf *b);

/* outbuf_*: add bytes, a run of them, a C string, a number, what printf(3) makes of it (511 bytes at most). */
void outbuf_bytes(struct outbuf *b, const char *p, size_t n);
void outbuf_slice(struct outbuf *b, struct slice s);
void outbuf_text(struct outbuf *b, const char *s);
void outbuf_number(struct outbuf *b, uint64_t n);
void outbuf_printf(struct outbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
