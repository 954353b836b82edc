/* SPDX-License-Identifier: ISC */
/*
 * storm: many senders, receivers, handlers, callers and servers at work by the real tools, and each message accounted
 * for.
 *
 *     storm [OPTION...] DIRECTORY [mkmbox options]
 *
 *     -n N   messages         -S N  senders          -R N  receivers        -s N  seed
 *     -m N   of 2 to 6 MB     -H N  of 50 MB         -C N  callers          -V N  servers        -r N  calls each
 *     -k MS  kill each tool with SIGKILL after a random time, this long on average (now and then it is stopped for a
 *            while instead)
 *     -d MS  a quarter of the messages is sent for later, up to so long (below 1000); not where the clock is set,
 *            nor with mkmbox -o latest, which delays nothing
 *     -e     the mailbox is closed once all is sent, and every receiver goes on until it is told the end
 *     -l S   the limit for all, after which it has failed
 *
 * What a message is follows from the seed, its sender and its number: length, tag and every byte.  So whoever sees it
 * knows what it must be.  A driver for each sender, receiver, caller and server runs the tools one after another and
 * writes down what happened (struct note); in the end all notes are held against each other (judge.c).
 *
 * What must hold:
 *   - what msend acknowledged (exit status 0, or an id by -v) is received; of what a killed msend was given, the first
 *     so many are received, and none behind those;
 *   - each message is received once.  Where a receiver was killed, others may get again what it got last;
 *   - no payload and no frame is torn; the ids of a sender's messages stand in the order in which it sent them;
 *   - with mkmbox -o latest a message that was acknowledged may be missing where a later one of its tag came;
 *   - a receiver without preferences gets messages in the order of their ids, unless they had been put back or delayed;
 *   - no delayed message comes before its time;
 *   - where the mailbox is closed, no receiver ends before that, each ends with 0 (mrecv -f) or 1, and nothing is left;
 *   - every caller gets its own answer, or is told that the server died;
 *   - in the end the mailboxes are empty, and as small as they were, and nothing is left of the callers.
 * In a mailbox of capacity 0 (mkmbox -c 0) a send may also fail with 74: a receiver that was killed, or whose command
 * failed, had a part of a payload that comes through a pipe.  Then what was sent up to there is acknowledged.
 */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PIECE = 64 * 1024,
	HEAD_MAX = 4096,
	PATH_LEN = 4096,
	TRIES = 3,                      /* after so many failures a command's message is a dead letter */
};

struct settings {
	uint64_t seed;
	unsigned messages, senders, receivers, medium, huge, kill_ms, limit_s;
	unsigned callers, servers, calls, delay_ms;
	const char *dir, *box, *dead, *desk;    /* where messages go, failed ones, and requests */
	char *self;
	char **mkmbox;
	bool zero;                      /* the mailbox has capacity 0 */
	bool latest;                    /* it keeps the last value of each tag */
	bool closes;                    /* it is closed in the end */
};

/* What may be wrong, counted apart. */
enum fault { LOST, TORN, DISORDER, REPEATED, FAULTS_OTHER, FAULTS };

/* What drivers tell each other and the judge, in shared memory. */
struct shared {
	volatile bool sent;             /* all senders have come to their end */
	volatile bool called;           /* all callers have, and with -e all receivers; until both, tools are killed */
	volatile unsigned faults[FAULTS], kills, stops;
	volatile unsigned answers, deaths;      /* calls that were answered, and that were told of a death */
};

enum note_kind { NOTE_RUN = 1, NOTE_ACK, NOTE_RECEIVED, NOTE_RECEIVER };

struct note {
	uint8_t kind;                   /* enum note_kind */
	uint8_t killed;                 /* NOTE_RUN, NOTE_RECEIVER */
	uint16_t driver;
	uint32_t instance;              /* of the driver's tools, the how manieth */
	uint32_t sender, seq;           /* NOTE_RUN: its first message; not with NOTE_RECEIVER */
	uint32_t n;                     /* NOTE_RUN: messages given; NOTE_RECEIVED: which try */
	uint32_t ordered;               /* NOTE_RECEIVER */
	uint64_t id;
};

extern struct settings set;
extern struct shared *shared;
extern unsigned driver;                 /* which one this process is */

/* content.c -- what follows from the seed; roll is for when and how, never for what. */
uint64_t mix(uint64_t x);
void seed_dice(uint64_t seed);
unsigned roll(unsigned below);
uint64_t key_of(unsigned sender, unsigned seq);
uint64_t length_of(unsigned sender, unsigned seq);
enum { TAGS = 9 + 6000 };
unsigned tag_number(unsigned sender, unsigned seq);     /* below TAGS */
const char *tag_of(unsigned sender, unsigned seq);
unsigned delay_of(unsigned sender, unsigned seq);       /* milliseconds, 0 none */
void fill(char *out, size_t n, uint64_t at, uint64_t key);      /* n bytes of a payload, from at on */

/* tool.c -- telling, and running a tool that may meet a violent end. */
void wrong(enum fault what, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void die(const char *what);
void note(struct note n);
void begin_driver(unsigned number);     /* in its process: its dice, its notes */
int end_driver(void);                   /* closes the notes.  0, or -1 */
pid_t start(const char *const *argv, int in, int out, int close_fd);
int finish(pid_t pid);                  /* its exit status, or -1 where it was killed */

/* The drivers. */
void send_all(void);
void receive_all(unsigned which);       /* which way */
bool receive_run(unsigned which, uint32_t instance);    /* one mrecv.  Whether there was nothing for it */
void receive_dead(uint32_t instance);   /* what is in the dead letters */
void call_all(void);
void serve_all(void);

/* What mrecv runs. */
int command(const char *seed, const char *backs);
int batch(const char *seed, const char *backs);
int answer(const char *seed);

/* What a call is, and with which status it is answered, follows from this. */
static inline uint64_t
call_key(uint64_t seed, unsigned caller, unsigned call)
{
	return mix(seed ^ mix((uint64_t)caller << 40 | call));
}

static inline int
answer_status(uint64_t key)
{
	return key % 5 == 0 ? 3 : 0;
}

enum { WAYS = 10 };                     /* of receiving */

/* judge.c */
void judge(void);
void judge_box(const char *box, unsigned long before_kb);
unsigned long kb_of(const char *box);

#endif
