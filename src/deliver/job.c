/* SPDX-License-Identifier: ISC */
/* job: see job.h.  A crash leaves a command that goes on, and its messages claimed by a dead process. */
#include "deliver/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "deliver/command.h"
#include "frame/tmpfile.h"

/* ---- in flight ---- */

int
job_settle(struct job *job, uint32_t from, uint32_t n, enum receiver_end end, uint64_t delay_us)
{
	return n == 0 ? 0 : inflight_settle(&job->inflight, &job->from->receiver, from, n, end, delay_us);
}

void
job_cut(struct job *job, int err, const struct reader *from)
{
	job->cut = err;
	job->stalled = from->stalled;
	job->cut_reason = from->reason;
	job->cut_offset = from->offset;
}

void
job_drop(struct job *job)
{
	inflight_drop(&job->inflight);
	io_close(job->part.fd);
	job->part.fd = -1;
	job->part.first = job->part.n = job->part.bad = 0;
}

int
job_failed(struct jobs *j, struct job *job, const char *at, const char *on)
{
	int err = errno;
	uint32_t n = job->inflight.n;
	bool offer = n > job->part.first && inflight_look(&job->inflight, n - 1).offer;

	j->deliver->cut = err == EBADMSG && (n == 0 || offer);
	if (job->cut == 0 && job->from->reader != NULL)
		job_cut(job, err, job->from->reader);
	j->deliver->cut_reason = job->cut_reason;
	j->deliver->cut_offset = job->cut_offset;
	if (j->deliver->cut && offer && !job->stalled)
		job_settle(job, --n, 1, RECEIVER_DROPPED, 0);
	job_settle(job, job->part.first, n - job->part.first, RECEIVER_BACK, 0);
	job_drop(job);
	errno = err;
	return deliver_failed(j->deliver, at, on);
}

/*
 * take_over -- add what is in the run, and the FIFO of an offer, to the job's messages in flight; the run stays in
 * hand until the job has begun.  A stream's message is not in flight: it cannot be settled.
 * The payload of an offer at which the command may fail for the last time is kept, for the dead letter.
 * Returns 0, or -1, failed.
 */
static int
take_over(struct jobs *j, struct job *job)
{
	struct select *s = j->deliver->sources;
	uint32_t max = j->deliver->max_tries;
	int fd, err;

	if (s->from->kind != CHANNEL_MAILBOX)
		return 0;
	if (inflight_add(&job->inflight, &s->from->receiver, &s->run) == 0) {
		job->keep = s->run.offer && max != 0 && inflight_look(&job->inflight, job->inflight.n - 1).tries + 1 >= max;
		if (!job->keep || (j->batch == 0 && s->message.reader != NULL))
			return 0;
		deliver_begun(&s->message);
		fd = tmpfile_keep(&s->message);
		inflight_keep(&job->inflight, fd);
		if (fd != -1)
			return 0;
	}
	err = errno;
	if (err != EBADMSG)
		select_settle(s, 0, RECEIVER_BACK, 0);
	s->run.n = 0;           /* settled, or the job's */
	errno = err;
	return err == EBADMSG ? job_failed(j, job, "read", job->from->name)
	    : job_failed(j, job, "keep the payload for", j->command[0]);
}

/* ---- start ---- */

/* launch -- start the command; m: its message, NULL for n of a batch, in the file in_fd.  Returns 0, or -1. */
static int
launch(struct jobs *j, struct job *job, const struct message *m, uint32_t n, int in_fd)
{
	struct command h = { .argv = j->command, .channel = job->from->name, .message = m, .count = m == NULL ? n : 0,
		.max_tries = j->deliver->max_tries, .in_fd = in_fd, .out_fd = -1 };
	const struct receiver *box = job->from->kind == CHANNEL_MAILBOX ? &job->from->receiver : NULL;

	job->out_fd = -1;
	job->told = (struct told){ .n = n };
	job->part.n = job->inflight.n > 0 ? n : 0;
	if (m != NULL)
		deliver_note(&job->told, m, job->tag);
	else if (job->inflight.n > 0)
		job->told.id = inflight_look(&job->inflight, job->part.first).id;
	if (m != NULL && j->reply && reply_note(&job->reply, m, box, job->from->path)) {
		/* in a frame from a pipe, or by rendezvous, uid is only the sender's claim: ignore it */
		if (m->reader != NULL || job->inflight.n == 0)
			job->reply.uid = -1;
		job->out_fd = h.out_fd = tmpfile_open();
		if (job->out_fd == -1)
			return job_failed(j, job, "open a temporary file for", j->command[0]);
	}
	if (command_start(&h, &job->pid) == 0) {
		j->running++;
		return 0;
	}
	job->pid = 0;
	io_close(job->out_fd);
	j->cannot = command_cannot(errno);
	return job_failed(j, job, "run", j->command[0]);
}

/*
 * source_of -- the reader of the message in hand, for the job's feed: of a stream, which is busy from now on; or of an
 * offer, whose reader becomes the job's.
 */
static struct reader *
source_of(struct jobs *j, struct job *job)
{
	struct inlet *from = job->from;
	struct reader *source = from->reader;

	if (from->kind != CHANNEL_MAILBOX) {
		from->busy = true;
		j->streams++;
		return source;
	}
	from->reader = from->receiver.reader = job->reader;
	job->reader = source;
	return source;
}

/* start_fed -- start the command on a payload that is still in a stream, or first keep that. */
static int
start_fed(struct jobs *j, struct job *job, const struct message *m)
{
	int ends[2] = { -1, -1 }, r = 0;

	if (job->keep) {
		ends[1] = tmpfile_open();
		if (ends[1] == -1)
			return job_failed(j, job, "keep the payload for", j->command[0]);
		job->pid = -1;
		j->running++;
	} else {
		if (pipe2(ends, O_CLOEXEC) == -1 || fcntl(ends[1], F_SETFL, O_NONBLOCK) == -1)
			r = job_failed(j, job, "run", j->command[0]);
		else
			r = launch(j, job, m, 1, ends[0]);
		io_close(ends[0]);
	}
	if (r == -1) {
		io_close(ends[1]);
		return -1;
	}
	job->message = *m;
	feed_begin(&job->feed, source_of(j, job), ends[1]);
	j->fed++;
	return 0;
}

void
job_unfeed(struct jobs *j, struct job *job)
{
	feed_end(&job->feed);
	job->fed_up = false;
	j->fed--;
	if (job->from->kind != CHANNEL_MAILBOX) {
		job->from->busy = false;
		j->streams--;
	}
}

int
job_kept(struct jobs *j, struct job *job)
{
	struct message *m = &job->message;
	int fd = fcntl(job->feed.to, F_DUPFD_CLOEXEC, 0), kept = fcntl(job->feed.to, F_DUPFD_CLOEXEC, 0), r;
	off_t end = lseek(job->feed.to, 0, SEEK_END);

	job_unfeed(j, job);
	job->pid = 0;
	j->running--;
	if (kept != -1)
		inflight_keep(&job->inflight, kept);
	if (fd == -1 || kept == -1 || end == -1 || lseek(fd, 0, SEEK_SET) == -1) {
		r = job_failed(j, job, "keep the payload for", j->command[0]);
	} else {
		m->reader = NULL;
		m->fd = fd;
		m->len = (uint64_t)end;
		r = launch(j, job, m, 1, fd);
	}
	io_close(fd);
	return r;
}

/* start_one -- start the command on the one message in hand. */
static int
start_one(struct jobs *j, struct job *job)
{
	struct select *s = j->deliver->sources;
	struct message taken = { .fd = -1 }, *m = s->streamed ? &s->message : &taken;
	char scratch[FRAME_HEADER_MAX];
	int r;

	if (!s->streamed && select_message(s, 0, m, scratch) == -1)
		return job_failed(j, job, "read", s->from->name);
	if (m->fd == -1 && m->data == NULL)
		return start_fed(j, job, m);
	if (m->fd == -1 && (m->fd = tmpfile_input(m->data, (size_t)m->len)) == -1)
		return job_failed(j, job, "run", j->command[0]);
	r = launch(j, job, m, 1, m->fd);
	close(m->fd);
	return r;
}

/* note_end -- of message i of a mailbox's batch: its frame ends at `end`.  Returns 0, or -1 with ENOMEM. */
static int
note_end(struct job *job, uint64_t i, uint64_t end)
{
	struct part *part = &job->part;
	uint32_t room = part->room > 0 ? part->room * 2 : 64;
	uint64_t *more;

	if (job->inflight.n == 0)
		return 0;
	if (i == part->room) {
		more = realloc(part->ends, room * sizeof *more);
		if (more == NULL)
			return -1;
		part->ends = more;
		part->room = room;
	}
	part->ends[i] = end;
	return 0;
}

/* add_frames -- write the messages in hand as frames.  n: is raised by how many.  Returns 0, or -1. */
static int
add_frames(struct jobs *j, struct job *job, uint64_t *n)
{
	struct select *s = j->deliver->sources;
	struct message m;
	char scratch[FRAME_HEADER_MAX];
	uint64_t before = outbuf_end(&j->frames->to);
	int r = 0;

	if (s->streamed) {
		deliver_begun(&s->message);
		r = output_message(j->frames, s->from->name, &s->message);
		io_close(s->message.fd);
		/* what came before it from a stream cannot be put back: it is the batch */
		if (r == -1 && *n > 0 && job->inflight.n == 0) {
			job_cut(job, errno, s->message.reader != NULL ? s->message.reader : s->from->reader);
			r = output_cut(j->frames, before);
		}
		if (r == 0)
			r = note_end(job, *n, outbuf_end(&j->frames->to));
		*n += job->cut == 0;
		s->had += outbuf_end(&j->frames->to) - before;
	}
	for (uint32_t i = 0; i < s->run.n && r == 0 && !s->streamed; i++) {
		if (select_message(s, i, &m, scratch) == -1)
			return job_failed(j, job, "read", s->from->name);
		r = output_message(j->frames, s->from->name, &m);
		io_close(m.fd);
		if (r == 0)
			r = note_end(job, *n, outbuf_end(&j->frames->to));
		*n += 1;
		s->had += m.len;
	}
	if (r == -1 && errno == EBADMSG)
		return job_failed(j, job, "read", s->from->name);
	return r == -1 ? job_failed(j, job, "write a temporary file for", j->command[0]) : 0;
}

/* gather -- write what is in hand, and what more there is now, to the file of a batch. */
static int
gather(struct jobs *j, struct job *job, uint32_t most, uint64_t *n)
{
	struct select *s = j->deliver->sources;
	int r = 0;

	do {
		if (!s->streamed && s->run.expired) {
			if (deliver_bury(j->deliver, DELIVER_EXPIRED) == -1)
				return job_failed(j, job, j->deliver->failed_at, j->deliver->failed_on);
		} else if (add_frames(j, job, n) == -1) {
			return -1;
		}
		s->run.n = 0;
		if (*n >= most || s->had >= s->most || job->cut != 0)
			break;
		r = select_more(s, most - (uint32_t)*n, RUN_BYTES);
		if (r == 1 && !(s->run.expired && !s->streamed) && take_over(j, job) == -1)
			return -1;
	} while (r == 1);
	if (*n < most && r == -1 && errno != ETIMEDOUT && errno != EBUSY) {
		if (*n == 0 || job->inflight.n > 0)
			return job_failed(j, job, "receive from", s->from->name);
		job_cut(job, errno, s->from->reader);   /* what came before it from a stream cannot be put back */
	}
	return output_flush(j->frames) == -1 ? job_failed(j, job, "write a temporary file for", j->command[0]) : 0;
}

static int
start_batch(struct jobs *j, struct job *job, uint32_t most, uint64_t *n)
{
	int fd = tmpfile_open(), r;

	if (fd == -1)
		return job_failed(j, job, "open a temporary file for", j->command[0]);
	output_init(j->frames, fd, OUTPUT_FRAMES, NULL);
	r = gather(j, job, most, n);
	j->deliver->sources->had = 0;
	if (r == 0 && *n > 0)
		r = lseek(fd, 0, SEEK_SET) == -1 ? job_failed(j, job, "run", j->command[0])
		    : launch(j, job, NULL, (uint32_t)*n, fd);
	if (r == 0 && job->inflight.n > 1)
		job->part.fd = fd;
	else
		close(fd);
	return r;
}

/* start_part -- start the command on n messages of a batch, from the first that is not settled on. */
static int
start_part(struct jobs *j, struct job *job, uint32_t n)
{
	const struct part *part = &job->part;
	uint64_t from = part->first > 0 ? part->ends[part->first - 1] : 0;
	int fd = tmpfile_part(part->fd, from, part->ends[part->first + n - 1]), r;

	if (fd == -1)
		return job_failed(j, job, "write a temporary file for", j->command[0]);
	r = launch(j, job, NULL, n, fd);
	close(fd);
	return r;
}

int
job_halve(struct jobs *j, struct job *job)
{
	job->part.bad = job->part.first + job->part.n;
	return start_part(j, job, job->part.n / 2);
}

int
job_rest(struct jobs *j, struct job *job)
{
	struct part *part = &job->part;
	uint32_t left, bad;

	part->first += part->n;
	left = job->inflight.n - part->first;
	if (left == 0)
		return 0;
	/* a signal to stop: no more commands are started */
	if (io_stops > 0)
		return job_settle(job, part->first, left, RECEIVER_BACK, 0) == 0 ? 0
		    : deliver_failed(j->deliver, "put back to", job->from->name);
	bad = part->bad > part->first ? part->bad - part->first : 0;
	return start_part(j, job, bad > 1 ? bad / 2 : bad == 1 ? 1 : left);
}

int
job_start(struct jobs *j, struct job *job, uint32_t most, uint64_t *n)
{
	struct select *s = j->deliver->sources;
	int r;

	*n = 0;
	job->from = s->from;
	job_drop(job);
	job->cut = 0;
	job->stalled = job->keep = false;
	job->cut_reason = NULL;
	if (!s->streamed && s->run.expired) {
		if (j->batch == 0)
			return deliver_bury(j->deliver, DELIVER_EXPIRED);
	} else if (take_over(j, job) == -1) {
		return -1;
	}
	if (j->batch > 0) {
		r = start_batch(j, job, most, n);
	} else {
		r = start_one(j, job);
		*n = 1;
	}
	s->run.n = 0;
	return r == -1 ? -1 : 1;
}
