/* SPDX-License-Identifier: ISC */
/* reply: a crash before the request is settled has it answered twice, never not at all. */
#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "io.h"
#include "mode.h"
#include "users.h"

int
reply_note(struct reply *r, const struct message *request, const struct mbox *box)
{
	struct slice path, call = { NULL, 0 };
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

/* is_open -- whether the directory is that of a mailbox which this process has open. */
static bool
is_open(const struct stat *st, const struct source *busy, uint32_t n, const struct sink *dead)
{
	for (uint32_t i = 0; i < n; i++)
		if (busy[i].kind == CHANNEL_MAILBOX && busy[i].m.dev == st->st_dev && busy[i].m.ino == st->st_ino)
			return true;
	return dead != NULL && dead->m.dev == st->st_dev && dead->m.ino == st->st_ino;
}

/*
 * is_requesters -- whether a mailbox belongs to who asked: whom the kernel named, else a member of the mailbox that the
 * request came from: ourselves, its owner, root; in one for all anybody; in one for a group, who has given his mailbox
 * to that group, as nobody can who is not in it.
 */
static bool
is_requesters(const struct reply *r, const struct stat *st)
{
	unsigned members = r->box != NULL ? mode_members(r->box->ctl.mode) : 0;

	int64_t unknown = users_unknown();

	if (r->uid >= 0)
		return st->st_uid == (uint64_t)r->uid && st->st_uid != unknown;
	if ((st->st_uid == geteuid() && st->st_uid != unknown) || (members & 0006) != 0)
		return true;
	return r->box != NULL && ((st->st_uid == r->box->uid && st->st_uid != unknown) || st->st_uid == 0
	    || ((members & 0060) != 0 && st->st_gid == r->box->gid && st->st_gid != unknown));
}

/* is_gone -- whether an errno says that the mailbox is not there any more; ENODEV: its directory, half removed, still is. */
static bool
is_gone(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EIDRM || err == ENODEV;
}

/* open_reply -- open the mailbox for the answer, if it may be answered to.  Returns as reply_send. */
static int
open_reply(struct sink *s, const struct reply *r, uint64_t patience_ns, const struct source *busy, uint32_t n,
    const struct sink *dead)
{
	struct stat st;

	if (stat(r->text, &st) == -1)
		return is_gone(errno) ? 0 : -1;
	if (!S_ISDIR(st.st_mode) || !is_requesters(r, &st) || is_open(&st, busy, n, dead)) {
		errno = EPERM;
		return -1;
	}
	if (sink_open(s, r->text, r->text, false, patience_ns) == -1)
		return is_gone(errno) ? 0 : -1;
	/* it is not only to be taken in time, but read */
	s->meet.end_ns = clock_after(patience_ns);
	if (sink_dir(s) != -1 && fstat(sink_dir(s), &st) == 0 && is_requesters(r, &st)) {
		if (s->kind == CHANNEL_DROP || !is_open(&st, busy, n, dead))
			return 1;
		/* it was put in place just now: to close it would drop the locks that we hold there */
		s->m = (struct mbox)MBOX_CLOSED;
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
	char piece[BATCH_INLINE];
	uint64_t at = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -1;
	m->len = (uint64_t)st.st_size;
	if (m->len <= BATCH_INLINE) {
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
reply_send(const struct reply *r, int fd, int status, const char *source, uint64_t patience_ns,
    const struct source *busy, uint32_t n, const struct sink *dead)
{
	struct sink s = { .m = MBOX_CLOSED, .fd = -1 };
	char extra[FRAME_HEADER_MAX];
	struct message m;
	int sent, err;

	sent = open_reply(&s, r, patience_ns, busy, n, dead);
	if (sent == 1 && (head(&m, r, status, source, extra) == -1 || copy(&s, &m, fd) == -1))
		sent = is_gone(errno) ? 0 : -1;
	err = errno;
	if (sink_dir(&s) != -1)
		sink_close(&s);
	else if (s.fd != -1)
		close(s.fd);
	free(s.batch);
	free(s.writer);
	errno = err;
	return sent;
}
