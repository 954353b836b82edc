/* SPDX-License-Identifier: ISC */
/* reply: see reply.h.  After a crash before the request is settled it is answered twice, never not at all. */
#include "deliver/reply.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/users.h"

bool
reply_note(struct reply *r, const struct message *request, const struct receiver *box, const char *place)
{
	struct slice path, call;
	long n;

	if (!frame_header(request->extra, "reply", &path))
		return false;
	n = frame_decode(r->text, path);
	/* one in the mailbox that it came from has its place by now (inlet_place), unless the header line has no room for it */
	if (n <= 0 || (r->text[0] != '/' && (n < 2 || memcmp(r->text, "./", 2) != 0))
	    || memchr(r->text, '\0', (size_t)n) != NULL)
		return false;
	r->text[n] = '\0';
	r->path_len = (size_t)n;
	frame_header(request->extra, "call", &call);
	r->call_len = call.len;
	r->tag_len = request->tag.len;
	/* all of it came from one header line */
	if (r->path_len + 1 + r->call_len + r->tag_len > sizeof r->text)
		return false;
	if (call.len > 0)
		memcpy(r->text + r->path_len + 1, call.p, call.len);
	memcpy(r->text + r->path_len + 1 + call.len, request->tag.p, request->tag.len);
	r->id = request->id;
	r->uid = request->uid;
	r->box = box;
	r->place = box != NULL ? place : NULL;
	return true;
}

/*
 * is_requesters -- whether a mailbox belongs to the requester: the user that the kernel named, else our own or a member
 * of the mailbox that the request came from.  The mailbox of an unknown user can only be a member's.
 */
static bool
is_requesters(const struct reply *r, const struct stat *st)
{
	bool known = st->st_uid != users_unknown();

	if (r->uid >= 0)
		return known && st->st_uid == (uint64_t)r->uid;
	return (known && st->st_uid == geteuid())
	    || (r->box != NULL && receiver_is_member(r->box, st->st_uid, st->st_gid));
}

/*
 * is_gone -- whether an errno says that the mailbox is not there any more, or closed, so that none waits for an answer.
 * ENODEV: its directory is there, half removed.
 */
static bool
is_gone(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EIDRM || err == ENODEV || err == ESHUTDOWN;
}

/*
 * caller_left -- whether it is certain that a mailbox which is not there has been removed: where we see the directory
 * that it stood in.  Elsewhere it may be only out of our sight, as in the /tmp of another.
 */
static bool
caller_left(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	size_t n = (size_t)(strrchr(path, '/') - path) + 1;

	memcpy(dir, path, n);
	dir[n] = '\0';
	return stat(dir, &st) == 0;
}

/*
 * find_box -- get the path of the mailbox for the answer.  path: PATH_MAX bytes.
 * Returns 0, or -1 with ENOENT: it is ./NAME, and the mailbox that this is in is not where it was.
 */
static int
find_box(const struct reply *r, char *path)
{
	const bool inside = r->text[0] != '/';
	int n;

	errno = ENOENT;
	if (inside && (r->place == NULL || strchr(r->text + 2, '/') != NULL || !receiver_is_at(r->box, r->place)))
		return -1;
	n = snprintf(path, PATH_MAX, "%s%s", inside ? r->place : "", inside ? r->text + 1 : r->text);
	return n > 0 && n < PATH_MAX ? 0 : -1;
}

/* open_reply -- open the mailbox for the answer, at path, where it is the requester's.  Returns as reply_send. */
static int
open_reply(struct sink *s, const struct reply *r, const char *path, uint64_t timeout_ns)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		if (errno == ENOENT && caller_left(path))
			return 0;
		errno = errno == EACCES ? EACCES : ENOENT;
		return -1;
	}
	if (S_ISDIR(st.st_mode) && is_requesters(r, &st)) {
		/* the answer must be read in time, not only taken */
		s->sender.end_ns = clock_after(timeout_ns);
		if (sink_open(s, path, path, false, timeout_ns) == -1 && errno != EALREADY)
			return is_gone(errno) ? 0 : -1;
		/* another may have taken its place since */
		if (s->sender.dir_fd != -1 && fstat(s->sender.dir_fd, &st) == 0 && is_requesters(r, &st))
			return 1;
	}
	errno = EPERM;
	return -1;
}

/* make_answer -- the file fd under the answer's headers.  extra: FRAME_HEADER_MAX bytes.  Returns 0, or -1. */
static int
make_answer(struct message *m, const struct reply *r, int fd, int status, const char *source, char *extra)
{
	struct stat st;
	const char *call = r->text + r->path_len + 1;
	int n = snprintf(extra, FRAME_HEADER_MAX, "%s%.*s%sstatus=%d", r->call_len > 0 ? "call=" : "", (int)r->call_len,
	    call, r->call_len > 0 ? " " : "", status);

	if (r->id != 0 && n < FRAME_HEADER_MAX)
		n += snprintf(extra + n, (size_t)(FRAME_HEADER_MAX - n), " re=%llu", (unsigned long long)r->id);
	if (n >= FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	*m = (struct message){
		.tag = { call + r->call_len, r->tag_len },
		.source = slice_of(source),
		.extra = { extra, (size_t)n },
		.uid = -1,
		.len = (uint64_t)st.st_size,
		.fd = fd,
	};
	return 0;
}

int
reply_send(const struct reply *r, int fd, int status, const char *source, uint64_t timeout_ns)
{
	struct sink s = { .fd = -1 };
	char extra[FRAME_HEADER_MAX], path[PATH_MAX];
	struct message m;
	int sent = find_box(r, path) == -1 ? -1 : open_reply(&s, r, path, timeout_ns), err;

	if (sent == 1 && (make_answer(&m, r, fd, status, source, extra) == -1 || sink_message(&s, &m) == -1))
		sent = is_gone(errno) ? 0 : -1;
	err = errno;
	sink_close(&s);
	errno = err;
	return sent;
}
