/* SPDX-License-Identifier: ISC */
/* outbuf: see outbuf.h.  A crash loses what was gathered; what counts on its being written flushes before. */
#include "base/outbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"
#include "base/num.h"

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
	if (b->error == 0)
		return 0;
	errno = b->error;
	return -1;
}

/* put -- write n bytes; done gets how many were.  Returns 0, or -1 with errno, which is kept. */
static int
put(struct outbuf *b, const char *p, size_t n, size_t *done)
{
	int r = io_write_counted(b->fd, p, n, done);

	b->out += *done;
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

/* spill -- outbuf_bytes where the buffer has no room for n bytes. */
static void
spill(struct outbuf *b, const char *p, size_t n)
{
	size_t done;

	if (outbuf_flush(b) == -1)
		return;
	if (n > OUTBUF_SIZE) {
		put(b, p, n, &done);
		return;
	}
	memcpy(b->buf, p, n);
	b->used = n;
}

void
outbuf_bytes(struct outbuf *b, const char *p, size_t n)
{
	if (n == 0 || b->error != 0)
		return;
	if (n > OUTBUF_SIZE - b->used) {
		spill(b, p, n);
		return;
	}
	memcpy(b->buf + b->used, p, n);
	b->used += n;
}

void
outbuf_slice(struct outbuf *b, struct slice s)
{
	outbuf_bytes(b, s.p, s.len);
}

void
outbuf_text(struct outbuf *b, const char *s)
{
	outbuf_bytes(b, s, strlen(s));
}

void
outbuf_number(struct outbuf *b, uint64_t n)
{
	char text[20];

	outbuf_bytes(b, text, num_decimal(text, n));
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
