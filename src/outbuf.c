/* SPDX-License-Identifier: ISC */
/* outbuf: see outbuf.h.  A crash loses what was gathered; what counts on its being written flushes before. */
#include "outbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "frame.h"
#include "io.h"

void
outbuf_init(struct outbuf *b, int fd)
{
	b->fd = fd;
	b->error = 0;
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

int
outbuf_flush(struct outbuf *b)
{
	if (b->used > 0 && io_write(b->fd, b->buf, b->used) == -1) {
		outbuf_fail(b, errno);
		return -1;
	}
	b->used = 0;
	return 0;
}

/* spill -- outbuf_bytes where the buffer has no room for n bytes. */
static void
spill(struct outbuf *b, const char *p, size_t n)
{
	if (outbuf_flush(b) == -1)
		return;
	if (n > OUTBUF_SIZE) {
		if (io_write(b->fd, p, n) == -1)
			outbuf_fail(b, errno);
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

	outbuf_bytes(b, text, frame_number(text, n));
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
