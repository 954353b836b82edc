/* SPDX-License-Identifier: ISC */
/* output: see output.h.  The forms that tell of the message, not only its bytes, are render's. */
#include "deliver/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/tally.h"
#include "deliver/render.h"

enum {
	PIPE_SIZE = 65536,              /* of a pipe whose size cannot be asked for */
	CHUNK = OUTBUF_SIZE / 2,        /* of a message of unknown length */
	MEMORY_DEVICES = 1,             /* major number of /dev/null */
};

int
output_init(struct output *o, int fd, enum output_form form, const char *format)
{
	struct stat st;

	o->fd = fd;
	o->form = form;
	o->format = format;
	if (fstat(fd, &st) == -1)
		st.st_mode = 0;
	o->file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	o->prompt = o->file || (S_ISCHR(st.st_mode) && major(st.st_rdev) == MEMORY_DEVICES);
	if (o->prompt && !S_ISBLK(st.st_mode))
		io_hold_for(fd);
	o->pipe = S_ISFIFO(st.st_mode);
	o->socket = S_ISSOCK(st.st_mode);
	o->screen = form == OUTPUT_FORMAT && isatty(fd);
	outbuf_init(&o->to, fd);
	errno = EINVAL;
	return form == OUTPUT_FORMAT && render_format_count(format, 'p') == -1 ? -1 : 0;
}

bool
output_needs_payload(const struct output *o)
{
	return o->form != OUTPUT_JSON && (o->form != OUTPUT_FORMAT || render_format_count(o->format, 'p') > 0);
}

size_t
output_room(const struct output *o)
{
	int size = -1, used, room;

	if (!o->pipe || ioctl(o->fd, FIONREAD, &used) == -1)
		return OUTBUF_SIZE;
#ifdef F_GETPIPE_SZ
	size = fcntl(o->fd, F_GETPIPE_SZ);
#endif
	room = (size == -1 ? PIPE_SIZE : size) - used;
	return room < PIPE_BUF ? PIPE_BUF : room < OUTBUF_SIZE ? (size_t)room : OUTBUF_SIZE;
}

int
output_flush(struct output *o)
{
	if (outbuf_flush(&o->to) == -1)
		return -1;
	return o->socket ? io_taken(o->fd) : 0;
}

uint64_t
output_read(const struct output *o)
{
	int unread = 0;

	if (!o->pipe || ioctl(o->fd, FIONREAD, &unread) == -1 || (uint64_t)unread > o->to.out)
		unread = 0;
	return o->to.out - (uint64_t)unread;
}

int
output_cut(struct output *o, uint64_t end)
{
	struct outbuf *b = &o->to;

	b->error = 0;
	if (b->out > end) {
		if (ftruncate(b->fd, (off_t)end) == -1)
			return -1;
		b->out = end;
	}
	b->used = (size_t)(end - b->out);
	return 0;
}

/* put_end -- add what the form has behind a payload.  last: its last byte, '\0' for an empty one. */
static void
put_end(struct output *o, char last)
{
	if (o->form == OUTPUT_NULS)
		outbuf_bytes(&o->to, "", 1);
	else if (o->form == OUTPUT_FRAMES || (o->form == OUTPUT_LINES && last != '\n'))
		outbuf_bytes(&o->to, "\n", 1);
}

static void
put_bytes(struct output *o, const char *data, size_t len)
{
	outbuf_bytes(&o->to, data, len);
	put_end(o, len > 0 ? data[len - 1] : '\0');
}

int
output_bytes(struct output *o, const char *data, size_t len)
{
	o->to.error = 0;
	put_bytes(o, data, len);
	return outbuf_result(&o->to);
}

/* put_payload -- add the payload, wherever it is, and its end. */
static void
put_payload(struct output *o, struct message *m)
{
	struct outbuf *b = &o->to;
	char last = '\0';
	ssize_t n;

	if (m->reader == NULL && m->fd == -1) {
		put_bytes(o, m->data, m->data != NULL ? (size_t)m->len : 0);
		return;
	}
	tally_payload(m->len);
	while (b->error == 0) {
		/* a stream may keep us waiting: what there is goes out first */
		if ((m->reader != NULL || b->used > OUTBUF_SIZE / 2) && outbuf_flush(b) == -1)
			return;
		n = io_go_on() ? message_read(m, b->buf + b->used, OUTBUF_SIZE - b->used) : -1;
		if (n == -1)
			outbuf_fail(b, errno);
		if (n <= 0)
			break;
		b->used += (size_t)n;
		last = b->buf[b->used - 1];
	}
	put_end(o, last);
}

/* put_head -- add a header line of len bytes; 0: it would be too long. */
static void
put_head(struct output *o, const char *head, size_t len)
{
	if (len == 0)
		outbuf_fail(&o->to, EMSGSIZE);
	outbuf_bytes(&o->to, head, len);
}

/* put_chunks -- add a stream's message, which may yet be cut short, in chunks: each goes out as soon as it is there. */
static void
put_chunks(struct output *o, struct message *m)
{
	char head[FRAME_HEADER_MAX], piece[CHUNK];
	bool first = true;
	ssize_t n = 1;

	while (n > 0 && o->to.error == 0 && outbuf_flush(&o->to) == 0) {
		n = io_go_on() ? message_read(m, piece, sizeof piece) : -1;
		if (n == -1) {
			outbuf_fail(&o->to, errno);
			return;
		}
		put_head(o, head, first ? message_head(head, m, (uint64_t)n, n > 0)
		    : frame_continuation(head, (uint64_t)n, n > 0));
		outbuf_bytes(&o->to, piece, (size_t)n);
		put_end(o, '\0');
		first = false;
	}
}

/* end_cut -- end what was written of a message that is cut short, lest what comes next pass for its rest. */
static void
end_cut(struct output *o)
{
	o->to.error = 0;
	if (o->form == OUTPUT_JSON)
		outbuf_bytes(&o->to, "\n", 1);
	else if (o->form != OUTPUT_FRAMES)      /* its chunks are whole */
		put_end(o, '\0');
	o->to.error = EBADMSG;
}

int
output_message(struct output *o, const char *channel, struct message *m)
{
	uint64_t began = outbuf_end(&o->to);
	char head[FRAME_HEADER_MAX];

	o->to.error = 0;
	if (o->form > OUTPUT_FRAMES) {
		render_message(&o->to, o->form == OUTPUT_JSON ? RENDER_JSON : o->form == OUTPUT_ENV ? RENDER_ENV
		    : o->screen ? RENDER_SCREEN : RENDER_FORMAT, o->format, channel, m);
	} else if (o->form == OUTPUT_FRAMES && m->reader != NULL) {
		put_chunks(o, m);
	} else {
		if (o->form == OUTPUT_FRAMES)
			put_head(o, head, message_head(head, m, m->len, false));
		put_payload(o, m);
	}
	if (o->to.error == EBADMSG && outbuf_end(&o->to) > began)
		end_cut(o);
	return outbuf_result(&o->to);
}
