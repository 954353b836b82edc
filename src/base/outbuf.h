/* SPDX-License-Identifier: ISC */
/*
 * outbuf: bytes gathered in memory on their way to a descriptor.
 *
 * The first failure is kept in `error`, and nothing is added until the caller clears it: so one check after a whole
 * text is enough.
 */
#ifndef BASE_OUTBUF_H
#define BASE_OUTBUF_H

#include <stdint.h>

#include "base/bytes.h"

enum { OUTBUF_SIZE = 128 * 1024 };

struct outbuf {
	int fd;
	int error;              /* errno of the first failure; 0 none */
	uint64_t out;           /* bytes written */
	size_t used;            /* bytes gathered in buf */
	char buf[OUTBUF_SIZE];
};

void outbuf_init(struct outbuf *b, int fd);

/*
 * outbuf_flush -- write what is gathered.
 * Returns 0, or -1 with errno of write(2), which is kept in error too; what could not be written stays gathered.
 */
int outbuf_flush(struct outbuf *b);

/* outbuf_end -- the value of `out` once everything gathered is written. */
static inline uint64_t
outbuf_end(const struct outbuf *b)
{
	return b->out + b->used;
}

/* outbuf_fail -- keep error, unless an earlier one is kept. */
void outbuf_fail(struct outbuf *b, int error);

/* outbuf_result -- returns 0, or -1 with errno of the failure that is kept. */
int outbuf_result(const struct outbuf *b);

/* outbuf_bytes, outbuf_printf -- add n bytes; add what printf(3) makes, at most 511 bytes. */
void outbuf_bytes(struct outbuf *b, const char *p, size_t n);
void outbuf_printf(struct outbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* outbuf_slice -- add a run of bytes. */
static inline void
outbuf_slice(struct outbuf *b, struct slice s)
{
	outbuf_bytes(b, s.p, s.len);
}

/* outbuf_text -- add a C string. */
static inline void
outbuf_text(struct outbuf *b, const char *s)
{
	outbuf_slice(b, slice_of(s));
}

#endif
