/* SPDX-License-Identifier: ISC */
/* send: the drivers of senders: msend with frames, or with a payload, for a run of messages. */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUN_KILLED = 500 };              /* what a sender that is to be killed is given at a time, at most */

struct out {
	int fd;
	bool broken;                    /* the tool is gone */
	size_t used;
	char buf[PIECE];
};

static void
push(struct out *o)
{
	size_t at = 0;
	ssize_t n;

	while (!o->broken && at < o->used) {
		n = write(o->fd, o->buf + at, o->used - at);
		if (n == -1 && errno != EINTR)
			o->broken = true;
		else if (n > 0)
			at += (size_t)n;
	}
	o->used = 0;
}

static void __attribute__((format(printf, 2, 3)))
put_text(struct out *o, const char *format, ...)
{
	va_list args;

	if (o->used > PIECE - 256)
		push(o);
	va_start(args, format);
	o->used += (size_t)vsnprintf(o->buf + o->used, 256, format, args);
	va_end(args);
}

static void
put_payload(struct out *o, uint64_t from, uint64_t to, uint64_t key)
{
	while (from < to && !o->broken) {
		size_t n = PIECE - o->used;

		if (n > to - from)
			n = (size_t)(to - from);
		fill(o->buf + o->used, n, from, key);
		o->used += n;
		from += n;
		if (o->used == PIECE)
			push(o);
	}
}

/* put_frame -- a message as a frame; some in chunks. */
static void
put_frame(struct out *o, unsigned seq)
{
	uint64_t len = length_of(driver, seq), key = key_of(driver, seq), chunk = len, due;
	struct timespec now;

	if (key % 16 == 0)
		chunk = (key >> 8) % (len + 1);
	put_text(o, "M1 %llu%s %s s%u reply=%u.%u", (unsigned long long)chunk, key % 16 == 0 ? "+" : "",
	    tag_of(driver, seq), driver, driver, seq);
	if (delay_of(driver, seq) > 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		due = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + delay_of(driver, seq);
		put_text(o, " due=%llu.%03llu000", (unsigned long long)due / 1000, (unsigned long long)due % 1000);
	}
	put_text(o, "\n");
	put_payload(o, 0, chunk, key);
	if (key % 16 == 0) {
		put_text(o, "\nM1 %llu\n", (unsigned long long)(len - chunk));
		put_payload(o, chunk, len, key);
	}
	put_text(o, "\n");
}

/* note_acks -- the ids that msend -v printed, of messages from seq on. */
static void
note_acks(int fd, uint32_t instance, unsigned seq)
{
	FILE *f = fdopen(fd, "r");
	char line[64];

	rewind(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (strchr(line, '\n') != NULL)
			note((struct note){ .kind = NOTE_ACK, .instance = instance, .sender = driver, .seq = seq++,
			    .id = strtoull(line, NULL, 10) });
	fclose(f);
}

/* feed -- give n messages from seq on to msend: as frames, or a single one as it is. */
static void
feed(int fd, unsigned seq, unsigned n, bool frames)
{
	static struct out o;

	o.fd = fd;
	o.used = 0;
	o.broken = false;
	for (unsigned i = 0; i < n && !o.broken; i++) {
		if (frames)
			put_frame(&o, seq + i);
		else
			put_payload(&o, 0, length_of(driver, seq), key_of(driver, seq));
		if (roll(16) == 0)
			push(&o);
	}
	push(&o);
	close(fd);
}

static void
send_run(unsigned seq, unsigned n, bool frames, uint32_t instance)
{
	char source[32], reply[64], delay[16], acks[64];
	const char *with_frames[] = { "msend", "-vF", set.box, NULL };
	const char *alone[] = { "msend", "-v", "-s", source, "-t", tag_of(driver, seq), "-H", reply, set.box, NULL, NULL,
		NULL };
	int ends[2], out, status;
	pid_t pid;

	snprintf(source, sizeof source, "s%u", driver);
	snprintf(reply, sizeof reply, "reply=%u.%u", driver, seq);
	snprintf(delay, sizeof delay, "-d0.%03u", delay_of(driver, seq));
	if (delay_of(driver, seq) > 0) {
		alone[8] = delay;
		alone[9] = set.box;
	}
	snprintf(acks, sizeof acks, "%s/acks.%u", set.dir, driver);
	out = open(acks, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (out == -1 || pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(frames ? with_frames : alone, ends[0], out, ends[1]);
	close(ends[0]);
	feed(ends[1], seq, n, frames);
	status = finish(pid);
	if (status > 0 && !(set.zero && status == 74))
		wrong(FAULTS_OTHER, "msend of %u messages from %u on: status %d", n, seq, status);
	note((struct note){ .kind = NOTE_RUN, .killed = status != 0, .instance = instance, .sender = driver, .seq = seq,
	    .n = n });
	note_acks(out, instance, seq);
}

void
send_all(void)
{
	unsigned seq = 0, total = set.messages / set.senders, n;
	bool alone = driver % 4 == 3;

	for (uint32_t instance = 0; seq < total; instance++, seq += n) {
		n = alone && roll(64) > 0 ? 1 : 1 + roll(1 + roll(set.kill_ms > 0 ? RUN_KILLED : total));
		if (n > total - seq)
			n = total - seq;
		send_run(seq, n, n > 1, instance);
	}
}
