/* SPDX-License-Identifier: ISC */
/* jobs: see jobs.h.  A crash leaves commands that go on, and their messages claimed by a dead process. */
#include "deliver/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "deliver/command.h"
#include "deliver/tmpfile.h"

enum {
	LOOK_MS = 1000,                         /* a signal that came just before poll(2) is seen after this time */
	STATUS_OWN_FAILURE = 125,               /* a failure of mrecv's own, not of the command */
};

#define PAUSE_NS UINT64_C(100000000)            /* after a command that put its message back, before the next */
#define ANSWER_NS UINT64_C(1000000000)          /* how long an answer waits for room */

/* A command at work. */
struct job {
	pid_t pid;                      /* 0: a free slot */
	struct inlet *from;
	struct inflight inflight;       /* its messages, of a mailbox */
	int cut;                        /* errno of what cut its input short; 0 none */
	int out_fd;                     /* its output, where that is an answer; else -1 */
	struct reply reply;
};

/* The writing end of event_fd, for the handler. */
static volatile sig_atomic_t event_write_fd = -1;

static void
on_child(int signal)
{
	int err = errno;

	(void)signal;
	/* where the pipe is full, it can be read already */
	if (write((int)event_write_fd, "", 1) == -1)
		errno = err;
}

int
jobs_init(struct jobs *j)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART };
	sigset_t child;
	int ends[2];

	j->list = calloc(j->limit, sizeof *j->list);
	j->frames = j->batch > 0 ? malloc(sizeof *j->frames) : NULL;
	if (j->list == NULL || (j->batch > 0 && j->frames == NULL) || pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	j->event_fd = ends[0];
	event_write_fd = ends[1];
	sigemptyset(&action.sa_mask);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (sigaction(SIGCHLD, &action, NULL) == -1)
		return -1;
	return sigprocmask(SIG_UNBLOCK, &child, NULL);
}

void
jobs_free(struct jobs *j)
{
	for (uint32_t i = 0; j->list != NULL && i < j->limit; i++)
		inflight_free(&j->list[i].inflight);
	free(j->list);
	free(j->frames);
}

/* ---- in flight ---- */

/* settle_some -- settle n of the job's messages in flight. */
static int
settle_some(struct job *job, uint32_t from, uint32_t n, enum receiver_end end, uint64_t delay_us)
{
	return n == 0 ? 0 : inflight_settle(&job->inflight, &job->from->receiver, from, n, end, delay_us);
}

/*
 * failed -- note what failed.  The job's messages are put back, but one that its sender has cut short, the last.
 * Returns as deliver_failed.
 */
static int
failed(struct jobs *j, struct job *job, const char *at, const char *on)
{
	int err = errno;
	uint32_t n = job->inflight.n;
	bool offer = n > 0 && inflight_is_offer(&job->inflight, n - 1);

	j->deliver->cut = err == EBADMSG && (n == 0 || offer);
	if (j->deliver->cut && offer)
		settle_some(job, --n, 1, RECEIVER_DROPPED, 0);
	settle_some(job, 0, n, RECEIVER_BACK, 0);
	inflight_drop(&job->inflight);
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
		if (!s->run.offer || max == 0 || inflight_tries(&job->inflight, job->inflight.n - 1) + 1 < max)
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
	return err == EBADMSG ? failed(j, job, "read", job->from->name)
	    : failed(j, job, "keep the payload for", j->command[0]);
}

/* ---- start ---- */

/* launch -- start the command; m: its message, NULL for a batch of n in the file in_fd.  Returns 0, or -1. */
static int
launch(struct jobs *j, struct job *job, const struct message *m, uint32_t n, int in_fd)
{
	struct command h = { .argv = j->command, .channel = job->from->name, .message = m, .count = n,
		.in_fd = in_fd, .out_fd = -1 };
	const struct receiver *box = job->from->kind == CHANNEL_MAILBOX ? &job->from->receiver : NULL;

	job->out_fd = -1;
	if (m != NULL && j->reply && reply_note(&job->reply, m, box)) {
		/* in a frame from a pipe, or by rendezvous, uid is only the sender's claim: ignore it */
		if (m->reader != NULL || job->inflight.n == 0)
			job->reply.uid = -1;
		job->out_fd = h.out_fd = tmpfile_open();
		if (job->out_fd == -1)
			return failed(j, job, "open a temporary file for", j->command[0]);
	}
	if (command_start(&h, &job->pid) == 0) {
		j->running++;
		return 0;
	}
	job->pid = 0;
	io_close(job->out_fd);
	j->cannot = command_cannot(errno);
	return failed(j, job, "run", j->command[0]);
}

/* start_piped -- start the command on a payload that is still in a stream. */
static int
start_piped(struct jobs *j, struct job *job, struct message *m)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return failed(j, job, "run", j->command[0]);
	r = launch(j, job, m, 1, ends[0]);
	close(ends[0]);
	if (r == 0) {
		deliver_begun(m);
		if (command_feed(ends[1], m) == -1) {
			job->cut = errno;
			kill(job->pid, SIGTERM);        /* before it takes this for the payload's end */
		}
	}
	close(ends[1]);
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

	if (!s->streamed && receiver_message(&s->from->receiver, &s->run, 0, m, scratch) == -1)
		return failed(j, job, "read", s->from->name);
	if (m->fd == -1 && m->data == NULL)
		return start_piped(j, job, m);
	if (m->fd == -1 && (m->fd = tmpfile_input(m->data, (size_t)m->len)) == -1)
		return failed(j, job, "run", j->command[0]);
	r = launch(j, job, m, 1, m->fd);
	close(m->fd);
	return r;
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
			job->cut = errno;
			r = output_cut(j->frames, before);
		}
		*n += job->cut == 0;
	}
	for (uint32_t i = 0; i < s->run.n && r == 0 && !s->streamed; i++) {
		if (receiver_message(&s->from->receiver, &s->run, i, &m, scratch) == -1)
			return failed(j, job, "read", s->from->name);
		r = output_message(j->frames, s->from->name, &m);
		io_close(m.fd);
		*n += 1;
	}
	if (r == -1 && errno == EBADMSG)
		return failed(j, job, "read", s->from->name);
	return r == -1 ? failed(j, job, "write a temporary file for", j->command[0]) : 0;
}

/* gather -- write what is in hand, and what more there is now, to the file of a batch. */
static int
gather(struct jobs *j, struct job *job, uint32_t most, uint64_t *n)
{
	struct select *s = j->deliver->sources;
	int r = 0;

	do {
		if (!s->streamed && s->run.expired) {
			if (deliver_bury(j->deliver, "expired", run_tries(&s->run, 0)) == -1)
				return failed(j, job, j->deliver->failed_at, j->deliver->failed_on);
		} else if (add_frames(j, job, n) == -1) {
			return -1;
		}
		s->run.n = 0;
		if (*n >= most || job->cut != 0)
			break;
		r = select_more(s, most - (uint32_t)*n, RUN_BYTES);
		if (r == 1 && !(s->run.expired && !s->streamed) && take_over(j, job) == -1)
			return -1;
	} while (r == 1);
	if (*n < most && r == -1 && errno != ETIMEDOUT && errno != EBUSY) {
		if (*n == 0 || job->inflight.n > 0)
			return failed(j, job, "receive from", s->from->name);
		job->cut = errno;       /* what came before it from a stream cannot be put back */
	}
	return output_flush(j->frames) == -1 ? failed(j, job, "write a temporary file for", j->command[0]) : 0;
}

static int
start_batch(struct jobs *j, struct job *job, uint32_t most, uint64_t *n)
{
	int fd = tmpfile_open(), r;

	if (fd == -1)
		return failed(j, job, "open a temporary file for", j->command[0]);
	output_init(j->frames, fd, OUTPUT_FRAMES, NULL);
	r = gather(j, job, most, n);
	if (r == 0 && *n > 0)
		r = lseek(fd, 0, SEEK_SET) == -1 ? failed(j, job, "run", j->command[0])
		    : launch(j, job, NULL, (uint32_t)*n, fd);
	close(fd);
	return r;
}

int
jobs_start(struct jobs *j, uint32_t most, uint64_t *n)
{
	struct select *s = j->deliver->sources;
	struct job *job = j->list;
	int r;

	*n = 0;
	while (job->pid != 0)
		job++;
	job->from = s->from;
	inflight_drop(&job->inflight);
	job->cut = 0;
	if (!s->streamed && s->run.expired) {
		if (j->batch == 0)
			return deliver_bury(j->deliver, "expired", run_tries(&s->run, 0));
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

/* ---- end ---- */

/* bury -- send message i of the job to the dead letters. */
static int
bury(struct jobs *j, struct job *job, uint32_t i, int status)
{
	struct select *s = j->deliver->sources;
	char why[16];

	if (inflight_recall(&job->inflight, &job->from->receiver, i, &s->run) == -1) {
		s->run.n = 0;
		return deliver_failed(j->deliver, "receive from", job->from->name);
	}
	s->from = job->from;
	s->streamed = false;
	snprintf(why, sizeof why, "%d", status);
	return deliver_bury(j->deliver, why, inflight_tries(&job->inflight, i) + 1) == -1 ? -1 : 0;
}

/* try_again -- count a try of the job's messages: put them back for later, or bury those that had the last. */
static int
try_again(struct jobs *j, struct job *job, int status)
{
	uint32_t max = j->deliver->max_tries;
	unsigned tries;
	int r = 0;

	/* a second signal that ends the wait for one ends it for all */
	for (uint32_t i = 0; i < job->inflight.n && !(r == -1 && errno == EINTR); i++) {
		tries = inflight_tries(&job->inflight, i) + 1;
		if (max > 0 && tries >= max) {
			if (bury(j, job, i, status) == -1)
				r = -1;
		} else if (settle_some(job, i, 1, RECEIVER_FAILED, mailbox_retry_us(tries)) == -1) {
			r = deliver_failed(j->deliver, "put back to", job->from->name);
		}
	}
	inflight_drop(&job->inflight);
	return r;
}

/* answer -- send the command's output as the answer.  Returns what becomes of the request. */
static enum command_end
answer(struct jobs *j, struct job *job, int *status)
{
	int r, tries = 0;

	do
		r = reply_send(&job->reply, job->out_fd, *status, j->source, ANSWER_NS);
	while (r == -1 && errno == EINTR && ++tries < 3);
	if (r != -1)
		return COMMAND_DONE;
	if (errno == EINTR)
		return COMMAND_BACK;
	if (*status == 0)
		*status = STATUS_OWN_FAILURE;   /* the command went well, its answer did not get through */
	j->warn("answer to", job->reply.text);
	switch (errno) {
	case EACCES: case EBADMSG: case ELOOP: case EMSGSIZE: case EPERM: case EPROTO: case EREMOTE:
		return COMMAND_DONE;    /* another try would fail too */
	default:
		return COMMAND_FAILED;
	}
}

/* settle -- settle the messages of a command that has ended.  Returns as jobs_reap. */
static int
settle(struct jobs *j, struct job *job, enum command_end end, int status)
{
	struct deliver *d = j->deliver;

	if (status != 0)
		d->status = status;
	if (end == COMMAND_FAILED)
		return try_again(j, job, status) == -1 ? -1 : 1;
	if (settle_some(job, 0, job->inflight.n, end == COMMAND_DONE ? RECEIVER_DONE : RECEIVER_BACK, 0) == -1)
		return deliver_failed(d, end == COMMAND_DONE ? "receive from" : "put back to", job->from->name);
	if (end == COMMAND_DONE)
		return 1;
	/* it will be given again at once: leave a moment for what the command waits for */
	j->pause_ns = clock_after(PAUSE_NS);
	return j->follow ? 1 : 0;
}

/* ended -- see to a job whose command has ended.  Returns as jobs_reap. */
static int
ended(struct jobs *j, struct job *job, int waited)
{
	int status;
	enum command_end end = command_ended(waited, &status);

	job->pid = 0;
	j->running--;
	if (end == COMMAND_FAILED && io_stops > 1)
		end = COMMAND_BACK;     /* we asked it to end */
	if (job->out_fd != -1) {
		if (end != COMMAND_BACK && status != 126 && status != 127 && job->cut == 0)
			end = answer(j, job, &status);
		close(job->out_fd);
	}
	if (job->cut != 0) {
		errno = job->cut;
		return failed(j, job, "read", job->from->name);
	}
	return settle(j, job, end, status);
}

/* pass_on -- let commands finish after the first signal to stop, pass on the second, kill them at the third. */
static void
pass_on(struct jobs *j)
{
	if (io_stops <= j->passed)
		return;
	for (uint32_t i = 0; io_stops > 1 && i < j->limit; i++)
		if (j->list[i].pid != 0)
			kill(j->list[i].pid, io_stops == 2 ? (int)io_stop : SIGKILL);
	j->passed = io_stops;
}

int
jobs_reap(struct jobs *j)
{
	char drain[64];
	int waited, r, result = 1, err = 0;
	uint32_t i;
	pid_t pid;

	pass_on(j);
	while (read(j->event_fd, drain, sizeof drain) > 0)
		;
	while ((pid = waitpid(-1, &waited, WNOHANG)) > 0) {
		for (i = 0; i < j->limit && j->list[i].pid != pid; i++)
			;
		if (i == j->limit)
			continue;       /* a child from before this program was executed */
		r = ended(j, &j->list[i], waited);
		if (r == -1)
			err = errno;
		if (r < result)
			result = r;
	}
	errno = err;
	return result;
}

void
jobs_wait(struct jobs *j, uint64_t deadline_ns)
{
	struct pollfd event = { .fd = j->event_fd, .events = POLLIN };

	/* the caller looks, whatever ended it */
	if (io_stops <= j->passed)
		(void)poll(&event, 1, clock_left_ms(deadline_ns, LOOK_MS));
}
