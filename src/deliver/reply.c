/* SPDX-License-Identifier: ISC */
/* reply: a crash before the request is settled has it answered twice, never not at all. */
#include "deliver/reply.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/users.h"

int
reply_note(struct reply *r, const struct message *request, const struct receiver *box)
{
	struct slice path, call;
	long n;

	if (!frame_header(request->extra, "reply", &path))
		return 0;
	n = frame_decode(r->text, path);
	if (n <= 0 || r->text[0] != '/' || memchr(r->text, '\0', (size_t)n) != NULL)
		return 0;
	r->text[n] = '\0';
	r->path_len = (size_t)n;
	frame_header(request->extra, "call", &call);
	r->call_len = call.len;
	r->tag_len = request->tag.len;
	/* all of it came from one header line */
	if (r->path_len + 1 + r->call_len + r->tag_len > sizeof r->text)
		return 0;
	if (call.len > 0)
		memcpy(r->text + r->path_len + 1, call.p, call.len);
	memcpy(r->text + r->path_len + 1 + call.len, request->tag.p, request->tag.len);
	r->id = request->id;
	r->uid = request->uid;
	r->box = box;
	return 1;
}

const char *
reply_path(const struct reply *r)
{
	return r->text;
}

/*
 * is_requesters -- whether a mailbox belongs to the requester: the user that the kernel named, else ourselves or a member
 * of the mailbox that the request came from.
 */
static bool
is_requesters(const struct reply *r, const struct stat *st)
{
	const int64_t unknown = users_unknown();

	if (st->st_uid == unknown)
		return r->uid < 0 && r->box != NULL && receiver_is_member(r->box, st->st_uid, st->st_gid);
	if (r->uid >= 0)
		return st->st_uid == (uint64_t)r->uid;
	return st->st_uid == geteuid() || (r->box != NULL && receiver_is_member(r->box, st->st_uid, st->st_gid));
}

/* is_gone -- whether an errno says that the mailbox is not there any more; ENODEV: its directory, half removed, still is. */
static bool
is_gone(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EIDRM || err == ENODEV;
}

/* open_reply -- open the mailbox for the answer, if it may be answered to.  Returns as reply_send. */
static int
open_reply(struct sink *s, const struct reply *r, uint64_t timeout_ns)
{
	struct stat st;

	if (stat(r->text, &st) == -1)
		return is_gone(errno) ? 0 : -1;
	if (S_ISDIR(st.st_mode) && is_requesters(r, &st)) {
		/* it is not only to be taken in time, but read */
		s->sender.end_ns = clock_after(timeout_ns);
		if (sink_open(s, r->text, r->text, false, timeout_ns) == -1 && errno != EALREADY)
			return is_gone(errno) ? 0 : -1;
		/* another may have been put in its place just now */
		if (s->sender.dir_fd != -1 && fstat(s->sender.dir_fd, &st) == 0 && is_requesters(r, &st))
			return 1;
	}
	errno = EPERM;
	return -1;
}

/* head -- the headers of the answer.  extra: FRAME_HEADER_MAX bytes.  Returns 0, or -1 with EMSGSIZE. */
static int
head(struct message *m, const struct reply *r, int status, const char *source, char *extra)
{
	int n = snprintf(extra, FRAME_HEADER_MAX, "%s%.*s status=%d", r->call_len > 0 ? "call=" : "", (int)r->call_len,
	    r->text + r->path_len + 1, status);

	if (r->id != 0 && n > 0 && n < FRAME_HEADER_MAX)
		n += snprintf(extra + n, (size_t)(FRAME_HEADER_MAX - n), " re=%llu", (unsigned long long)r->id);
	if (n < 0 || n >= FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	*m = (struct message){
		.tag = { r->text + r->path_len + 1 + r->call_len, r->tag_len },
		.source = slice_of(source),
		.uid = -1,
		.fd = -1,
	};
	m->extra = extra[0] == ' ' ? (struct slice){ extra + 1, (size_t)n - 1 } : (struct slice){ extra, (size_t)n };
	return 0;
}

/* copy -- send the file fd under the head m. */
static int
copy(struct sink *s, struct message *m, int fd)
{
	char piece[MAILBOX_INLINE];
	uint64_t at = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -1;
	m->len = (uint64_t)st.st_size;
	if (m->len <= MAILBOX_INLINE) {
		n = io_pread(fd, piece, sizeof piece, 0);
		return n == -1 || sink_put(s, m, piece, (size_t)n) == -1 ? -1 : sink_flush(s);
	}
	if (sink_begin(s, m) == -1)
		return -1;
	while ((n = io_pread(fd, piece, sizeof piece, at)) > 0 && sink_data(s, piece, (size_t)n) == 0)
		at += (uint64_t)n;
	if (n == 0 && sink_end(s) == 0)
		return 0;
	sink_abort(s);
	return -1;
}

int
reply_send(const struct reply *r, int fd, int status, const char *source, uint64_t timeout_ns)
{
	struct sink s = { .fd = -1 };
	char extra[FRAME_HEADER_MAX];
	struct message m;
	int sent, err;

	sent = open_reply(&s, r, timeout_ns);
	if (sent == 1 && (head(&m, r, status, source, extra) == -1 || copy(&s, &m, fd) == -1))
		sent = is_gone(errno) ? 0 : -1;
	err = errno;
	sink_close(&s);
	errno = err;
	return sent;
}
