/* SPDX-License-Identifier: ISC */
/*
 * progress: see progress.h.
 *
 * Handlers restart what they interrupt (SA_RESTART).  What no kernel restarts, poll(2) and its kin, is made again by its
 * callers, since it ends with EINTR for other reasons, too (signal(7)).
 */
#include "tool/progress.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/signals.h"
#include "base/waiting.h"
#include "tool/line.h"
#include "tool/waits.h"
#include "tool/words.h"

enum {
	FIRST_S = 1,                    /* what takes less is over before it is read */
	AGAIN_NS = 500 * 1000 * 1000,
	SAMPLES = 10,                   /* rates are those of so many times AGAIN_NS */
};

/* How far it was at some time. */
struct sample {
	uint64_t ms;                    /* since this process was started; 0 not known */
	uint64_t bytes, messages;
	uint64_t done, all;             /* of that whose end is known; all: 0 not known */
};

/* What is told. */
static struct {
	enum tally bytes, messages;
	const char *of;                 /* what the bytes are of, such as " of the answer"; NULL: messages are told */
	int fd;
	uint64_t count;
} told;
static LARGE struct sample samples[SAMPLES];
static unsigned samples_n;              /* taken so far */
static uint64_t since_ns;               /* when what is told began; 0: with the process */
static timer_t timer;
static bool total, has_timer;
static volatile sig_atomic_t draws;     /* the timer has lines drawn */
static volatile sig_atomic_t seen;      /* a line has been drawn */

/* ---- what is told ---- */

/* take -- how far it is now. */
static void
take(struct sample *s)
{
	const uint64_t end = told.bytes == TALLY_WRITTEN ? tally_of(TALLY_END) : 0;
	struct stat st;
	off_t at;

	*s = (struct sample){ .ms = process_age_ms(), .bytes = tally_of(told.bytes), .messages = tally_of(told.messages) };
	if (told.count > 1) {
		s->done = s->messages;
		s->all = told.count;
	} else if (told.fd != -1 && fstat(told.fd, &st) == 0 && S_ISREG(st.st_mode)) {
		at = lseek(told.fd, 0, SEEK_CUR);
		s->done = tally_of(TALLY_READ);
		s->all = s->done + (uint64_t)(at != -1 && st.st_size > at ? st.st_size - at : 0);
	} else if (end > s->bytes) {
		s->done = s->bytes;
		s->all = end;
	}
}

static void
put_unit(struct words *t, double n, const char *one, const char *many)
{
	words_number(t, (uint64_t)n);
	words_add(t, (uint64_t)n == 1 ? one : many);
}

/* put_size -- bytes, as mstat has them. */
static void
put_size(struct words *t, double n)
{
	static const char units[][2] = { "K", "M", "G", "T", "P", "E" };
	int i = -1;

	for (; n >= 1024; i++)
		n /= 1024;
	if (i == -1) {
		put_unit(t, n, " byte", " bytes");
		return;
	}
	words_number(t, (uint64_t)n);
	if (n < 10) {
		words_add(t, ".");
		words_number(t, (uint64_t)(n * 10) % 10);
	}
	words_add(t, units[i]);
}

/* put_time -- seconds, as H:MM:SS or M:SS. */
static void
put_time(struct words *t, uint64_t s)
{
	if (s >= 3600) {
		words_number(t, s / 3600);
		words_add(t, s / 60 % 60 < 10 ? ":0" : ":");
	}
	words_number(t, s / 60 % 60);
	words_add(t, s % 60 < 10 ? ":0" : ":");
	words_number(t, s % 60);
}

/* put_rates -- how fast it went from one sample to the other, and, unless this is the end, how long the rest takes. */
static void
put_rates(struct words *t, const struct sample *then, const struct sample *now, bool last)
{
	const double s = (double)(now->ms - then->ms) / 1000;

	if (now->ms <= then->ms)
		return;
	if (told.bytes != TALLY_NOTHING) {
		words_add(t, ", ");
		put_size(t, (double)(now->bytes - then->bytes) / s);
		words_add(t, "/s");
	}
	if (now->messages > 1) {
		words_add(t, ", ");
		put_unit(t, (double)(now->messages - then->messages) / s, " message/s", " messages/s");
	}
	if (last || now->all <= now->done || now->done <= then->done)
		return;
	words_add(t, ", ");
	put_time(t, (uint64_t)((double)(now->all - now->done) * s / (double)(now->done - then->done)));
	words_add(t, " left");
}

/* put_text -- how far it is.  recent: rates are those of the last seconds; last: this is the end. */
static void
put_text(struct words *t, bool recent, bool last)
{
	struct sample now, then = { .ms = 0 };
	struct waiting w;

	take(&now);
	if (recent && samples_n > 0)
		then = samples[samples_n < SAMPLES ? 0 : samples_n % SAMPLES];
	else if (since_ns > 0)
		then.ms = now.ms - (clock_mono_ns() - since_ns) / 1000000;
	if (recent)
		samples[samples_n++ % SAMPLES] = now;
	words_begin(t);
	if (told.bytes != TALLY_NOTHING)
		put_size(t, (double)now.bytes);
	if (told.of != NULL)
		words_add(t, told.of);
	else if (told.bytes != TALLY_NOTHING && now.messages > 0)
		words_add(t, " in ");
	if (told.of == NULL && (told.bytes == TALLY_NOTHING || now.messages > 0))
		put_unit(t, (double)now.messages, " message", " messages");
	if (now.ms > 0) {
		words_add(t, ", ");
		put_time(t, now.ms / 1000);
	}
	if (!last && waiting_now(&w)) {
		words_add(t, ", ");
		waits_words(t, &w);
	} else if (now.ms > 0) {
		put_rates(t, &then, &now, last);
	}
}

/* ---- when it is told ---- */

static void
on_asked(int signal)
{
	struct words text;
	int err = errno;

	if (line_is_held(signal))
		return;
	put_text(&text, false, false);
	line_draw(text.of, true);
	errno = err;
}

static void
on_tick(int signal)
{
	struct words text;
	int err = errno;

	(void)signal;
	if (!draws || line_is_held(0))
		return;
	put_text(&text, true, false);
	if (line_draw(text.of, false))
		seen = 1;
	errno = err;
}

void
progress_begin(enum tally bytes, enum tally messages, int fd)
{
	told.bytes = bytes;
	told.messages = messages;
	told.fd = fd;
	signals_ask_later(SIGUSR1, on_asked, SA_RESTART);
#ifdef SIGINFO
	signals_ask(SIGINFO, on_asked, SA_RESTART);
#endif
}

void
progress_ends(int fd, uint64_t count)
{
	told.fd = fd;
	told.count = count == UINT64_MAX ? 0 : count;
}

/* tell_lock -- while a line is drawn it says what is waited for, but for a lock that another process keeps too long. */
static void
tell_lock(const struct waiting *w)
{
	if (w->kind == WAITING_LOCK)
		waits_tell(w);
}

void
progress_show(bool draw, bool total_too)
{
	const int signal = SIGRTMIN + 1;
	const struct itimerspec ticks = { .it_value = { FIRST_S, 0 }, .it_interval = { 0, AGAIN_NS } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };

	total = total_too;
	if (!draw || !waiting_watched())
		return;
	/* a signal to stop ends the line, too */
	io_catch_stop();
	if (signals_catch(signal, on_tick, SA_RESTART) == -1 || timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		return;
	has_timer = true;
	draws = 1;
	waiting_teller(tell_lock);
	timer_settime(timer, 0, &ticks, NULL);
}

void
progress_next(enum tally bytes, const char *what, bool draw)
{
	line_hold();
	since_ns = clock_mono_ns();
	samples_n = 0;
	told.bytes = bytes;
	told.of = what;
	told.fd = -1;
	draws = draws && draw;
	line_go_on();
}

/* show_last -- draw the line a last time, and leave it. */
static COLD OUT_OF_LINE void
show_last(void)
{
	struct words text;

	put_text(&text, false, true);
	line_warn("%s", text.of);
}

void
progress_end(void)
{
	int err = errno;

	if (has_timer)
		timer_delete(timer);
	has_timer = false;
	draws = 0;
	if (total || seen)
		show_last();
	total = false;
	seen = 0;
	errno = err;
}
