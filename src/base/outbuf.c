/* SPDX-License-Identifier: ISC */
/* outbuf: see outbuf.h.  A crash loses the gathered bytes: a caller that relies on them flushes first. */
#include "base/outbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/io.h"
#include "base/tally.h"

void
outbuf_init(struct outbuf *b, int fd)
{
	b->fd = fd;
	b->error = 0;
	b->out = 0;
	b->used = 0;
}

void
outbuf_fail(struct outbuf *b, int error)
{
	if (b->error == 0)
		b->error = error;
}

int
outbuf_result(const struct outbuf *b)
{
	return b->error == 0 ? 0 : fail_with(b->error);
}

/* put -- write n bytes; *done is how many were written.  Returns 0, or -1 with errno, which is kept in error too. */
static int
put(struct outbuf *b, const char *p, size_t n, size_t *done)
{
	int r = io_write_counted(b->fd, p, n, done);

	b->out += *done;
	tally_add(TALLY_WRITTEN, *done);
	if (r == -1)
		outbuf_fail(b, errno);
	return r;
}

int
outbuf_flush(struct outbuf *b)
{
	size_t done;
	int r = put(b, b->buf, b->used, &done);

	b->used -= done;
	if (r == -1)
		memmove(b->buf, b->buf + done, b->used);
	return r;
}

void
outbuf_bytes(struct outbuf *b, const char *p, size_t n)
{
	size_t done;

	if (n == 0 || b->error != 0 || (n > OUTBUF_SIZE - b->used && outbuf_flush(b) == -1))
		return;
	if (n > OUTBUF_SIZE) {
		put(b, p, n, &done);
		return;
	}
	memcpy(b->buf + b->used, p, n);
	b->used += n;
}

void
outbuf_printf(struct outbuf *b, const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (len > 0)
		outbuf_bytes(b, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}
