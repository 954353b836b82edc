/* SPDX-License-Identifier: ISC */
/* jobs: see jobs.h.  A crash leaves commands that go on, and their messages claimed by a dead process. */
#include "deliver/jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "deliver/command.h"

enum {
	LOOK_MS = 1000,                         /* a signal that came just before poll(2) is seen after this time */
	STATUS_OWN_FAILURE = 125,               /* a failure of mrecv's own, not of the command */
};

#define PAUSE_NS UINT64_C(100000000)            /* after a command that put its message back, before the next */
#define ANSWER_NS UINT64_C(1000000000)          /* how long an answer waits for room */

/* feeding -- whether the job's payload is being fed. */
static bool
feeding(const struct job *job)
{
	return job->feed.from != NULL && !job->fed_up;
}

/* tend -- after poll(2): feed what can be fed.  Returns whether a command has ended, or a payload is at its end. */
static bool
tend(struct also *also)
{
	struct jobs *j = also->of;
	const struct pollfd *polled = also->polled + 1;
	bool look = also->polled[0].revents != 0;
	int r;

	for (struct job *job = j->list; j->fed > 0 && job < j->list + j->limit; job++) {
		if (!feeding(job))
			continue;
		r = feed_move(&job->feed, polled);
		polled += FEED_POLLED;
		if (r == 1)
			continue;
		if (r == -1)
			job_cut(job, errno, job->feed.from);
		job->fed_up = look = true;
	}
	jobs_watch(j);
	return look;
}

void
jobs_watch(struct jobs *j)
{
	struct also *also = &j->also;

	also->polled[0] = (struct pollfd){ .fd = j->event_fd, .events = POLLIN };
	also->n = 1;
	for (const struct job *job = j->list; j->fed > 0 && job < j->list + j->limit; job++) {
		if (!feeding(job))
			continue;
		feed_watch(&job->feed, also->polled + also->n);
		also->n += FEED_POLLED;
	}
}

int
jobs_init(struct jobs *j, uint32_t channels)
{
	j->list = calloc(j->limit, sizeof *j->list);
	for (uint32_t i = 0; j->list != NULL && i < j->limit; i++)
		j->list[i].part.fd = -1;
	j->frames = j->batch > 0 ? malloc(sizeof *j->frames) : NULL;
	j->also.polled = calloc(1 + (size_t)FEED_POLLED * j->limit + SELECT_POLLED(channels), sizeof *j->also.polled);
	if (j->list == NULL || (j->batch > 0 && j->frames == NULL) || j->also.polled == NULL)
		return -1;
	j->also.tend = tend;
	j->also.of = j;
	j->event_fd = command_events();
	return j->event_fd == -1 ? -1 : 0;
}

void
jobs_free(struct jobs *j)
{
	for (uint32_t i = 0; j->list != NULL && i < j->limit; i++) {
		job_drop(&j->list[i]);
		inflight_free(&j->list[i].inflight);
		free(j->list[i].part.ends);
		memory_free(j->list[i].reader);
	}
	free(j->list);
	free(j->also.polled);
	free(j->frames);
}

int
jobs_start(struct jobs *j, uint32_t most, uint64_t *n)
{
	struct job *job = j->list;

	while (job->pid != 0)
		job++;
	return job_start(j, job, most, n);
}

/* ---- end ---- */

/* bury -- send message i of the job to the dead letters. */
static int
bury(struct jobs *j, struct job *job, uint32_t i, int status)
{
	struct select *s = j->deliver->sources;

	if (inflight_recall(&job->inflight, &job->from->receiver, i, &s->run) == -1) {
		s->run.n = 0;
		return deliver_failed(j->deliver, "receive from", job->from->name);
	}
	s->from = job->from;
	s->streamed = false;
	return deliver_bury(j->deliver, status) == -1 ? -1 : 0;
}

/* tell -- tell the user what has become of the job's messages. */
static void
tell(const struct jobs *j, struct job *job, enum told_end end)
{
	if (j->deliver->tell != NULL)
		j->deliver->tell(j->deliver, job->from->name, end, &job->told);
}

/* back_off -- put message i of the job back for a while.  Returns 0, or -1. */
static int
back_off(struct jobs *j, struct job *job, uint32_t i, struct inflight_look look)
{
	const struct deliver *d = j->deliver;
	struct told *t = &job->told;

	t->again_us = clock_backoff(d->backoff_us, d->backoff_most_us, look.tries + 1);
	if (job_settle(job, i, 1, RECEIVER_FAILED, t->again_us) == -1)
		return deliver_failed(j->deliver, "put back to", job->from->name);
	t->id = look.id;
	t->n = 1;
	t->tries = look.tries + 1;
	tell(j, job, look.offer ? TOLD_SENDER : TOLD_AGAIN);
	return 0;
}

/*
 * give_back -- put back what has not failed by itself of a batch, from message i on, as it was.  Where all that was there
 * is to be received, that is there again.
 */
static int
give_back(struct jobs *j, struct job *job, uint32_t i)
{
	if (job_settle(job, i, job->inflight.n - i, RECEIVER_BACK, 0) == -1)
		return deliver_failed(j->deliver, "put back to", job->from->name);
	if (j->deliver->sources->all)
		job->from->ended = job->from->receiver.ended = false;
	j->again = true;
	/* where the command fails on anything at present, not all are tried at once */
	j->pause_ns = clock_after(PAUSE_NS);
	return 0;
}

/* try_again -- count a try of the job's message: put it back for later, or bury it if it had the last. */
static int
try_again(struct jobs *j, struct job *job, int status)
{
	uint32_t max = j->deliver->max_tries, i = job->part.first, rest = job->inflight.n - i;
	struct inflight_look look;
	int r = 0, err;

	if (rest == 0) {
		tell(j, job, TOLD_DROPPED);
		return 0;
	}
	look = inflight_look(&job->inflight, i);
	if ((max > 0 && look.tries + 1 >= max ? bury(j, job, i, status) : back_off(j, job, i, look)) == -1)
		r = -1;
	err = errno;
	/* a second signal that ends the wait for one ends it for all */
	if (rest > 1 && !(r == -1 && err == EINTR) && give_back(j, job, i + 1) == -1 && r == 0)
		return -1;
	errno = err;
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
	case EACCES: case EBADMSG: case ELOOP: case EMSGSIZE: case ENOENT: case ENOTDIR: case EPERM: case EPROTO:
	case EREMOTE:
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
	struct part *part = &job->part;

	job->told.status = status;
	if (end == COMMAND_FAILED && part->n > 1) {
		tell(j, job, TOLD_HALVED);
		return job_halve(j, job) == -1 ? -1 : 1;
	}
	/* a worker that goes on is not told by one of its messages */
	if (status != 0 && !j->follow)
		d->status = status;
	if (end == COMMAND_FAILED)
		return try_again(j, job, status) == -1 ? -1 : 1;
	if (end == COMMAND_DONE && job_settle(job, part->first, part->n, RECEIVER_DONE, 0) == -1)
		return deliver_failed(d, "receive from", job->from->name);
	if (end == COMMAND_DONE) {
		tell(j, job, TOLD_DONE);
		return job_rest(j, job) == -1 ? -1 : 1;
	}
	if (job_settle(job, part->first, job->inflight.n - part->first, RECEIVER_BACK, 0) == -1)
		return deliver_failed(d, "put back to", job->from->name);
	tell(j, job, job->inflight.n == 0 ? TOLD_DROPPED : TOLD_BACK);
	/* it will be given again at once: leave a moment for what the command waits for */
	j->pause_ns = clock_after(PAUSE_NS);
	return j->follow ? 1 : 0;
}

/* ended -- see to a job whose command has ended.  Returns as jobs_reap. */
static int
ended(struct jobs *j, struct job *job, int waited)
{
	int status, r;
	enum command_end end = command_ended(waited, &status);

	job->pid = 0;
	job->told.killed = WIFSIGNALED(waited);
	job->told.status = status;
	j->running--;
	if (job->feed.from != NULL) {
		/* it wanted no more; but what a signal has kept from it was not received */
		if (feeding(job) && io_stops > 1)
			job_cut(job, EINTR, job->feed.from);
		job_unfeed(j, job);
	}
	/* we asked it to end; or it was ended with us; or no command is started any more on half of its messages */
	if (end == COMMAND_FAILED && (io_stops > 1 || (io_stops > 0 && (job->told.killed || job->part.n > 1))))
		end = COMMAND_BACK;
	if (job->out_fd != -1) {
		if (end != COMMAND_BACK && status != 126 && status != 127 && job->cut == 0)
			end = answer(j, job, &status);
		job->told.answered = end == COMMAND_DONE;
		close(job->out_fd);
	}
	if (job->cut != 0) {
		tell(j, job, TOLD_CUT);
		errno = job->cut;
		return job_failed(j, job, "read", job->from->name);
	}
	r = settle(j, job, end, status);
	if (job->pid == 0)
		job_drop(job);
	return r;
}

/* fed -- the payload is fed no more: the command has it, or can begin on it, or it is cut short.  As jobs_reap. */
static int
fed(struct jobs *j, struct job *job)
{
	bool kept = job->pid == -1;

	if (kept && job->cut == 0)
		return job_kept(j, job) == -1 ? -1 : 1;
	if (!kept && job->cut != 0)
		kill(job->pid, SIGTERM);        /* before it takes this for the payload's end */
	job_unfeed(j, job);
	if (!kept)
		return 1;
	job->pid = 0;
	j->running--;
	errno = job->cut;
	return job_failed(j, job, "read", job->from->name);
}

/*
 * pass_on -- let commands finish after the first signal to stop, but begin none; pass on the second, which ends what is
 * fed, too; kill them at the third.
 */
static void
pass_on(struct jobs *j)
{
	if (io_stops <= j->passed)
		return;
	for (struct job *job = j->list; job < j->list + j->limit; job++) {
		if (feeding(job) && (io_stops > 1 || job->pid == -1)) {
			job_cut(job, EINTR, job->feed.from);
			job->fed_up = true;
		}
		if (io_stops > 1 && job->pid > 0)
			kill(job->pid, io_stops == 2 ? (int)io_stop : SIGKILL);
	}
	j->passed = io_stops;
}

/* worse -- the worse of two results of jobs_reap, and its errno, which is in *err. */
static int
worse(int result, int r, int *err)
{
	if (r == -1)
		*err = errno;
	return r < result ? r : result;
}

/* look_now -- feed what can be fed at once. */
static void
look_now(struct jobs *j)
{
	int n;

	jobs_watch(j);
	do
		n = poll(j->also.polled, j->also.n, 0);
	while (n == -1 && errno == EINTR);
	if (n != -1)
		(void)tend(&j->also);
}

int
jobs_reap(struct jobs *j)
{
	char drain[64];
	int waited, result = 1, err = 0;
	uint32_t i;
	pid_t pid;

	/* what a command has got, or did not want, before the signal counts */
	if (j->fed > 0 && io_stops > j->passed)
		look_now(j);
	while (read(j->event_fd, drain, sizeof drain) > 0)
		;
	while ((pid = waitpid(-1, &waited, WNOHANG)) > 0) {
		for (i = 0; i < j->limit && j->list[i].pid != pid; i++)
			;
		if (i == j->limit)
			continue;       /* a child from before this program was executed */
		result = worse(result, ended(j, &j->list[i], waited), &err);
	}
	pass_on(j);
	for (struct job *job = j->list; j->fed > 0 && job < j->list + j->limit; job++)
		if (job->fed_up)
			result = worse(result, fed(j, job), &err);
	errno = err;
	return result;
}

void
jobs_wait(struct jobs *j, uint64_t deadline_ns)
{
	int n = 1;

	jobs_watch(j);
	/* the caller looks, whatever ended it */
	while (n > 0 && io_stops <= j->passed) {
		n = poll(j->also.polled, j->also.n, clock_left_ms(deadline_ns, LOOK_MS));
		if (n != -1 && (tend(&j->also) || (deadline_ns != CLOCK_NEVER && clock_mono_ns() >= deadline_ns)))
			break;
	}
}
