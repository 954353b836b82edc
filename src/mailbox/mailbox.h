/* SPDX-License-Identifier: ISC */
/*
 * mailbox: all that a mailbox can do, for everything outside this folder.
 *
 *     life        make, remove, and look at the settings of a mailbox
 *     send        struct sender: messages into one mailbox
 *     receive     struct receiver and struct run: messages out of one mailbox, claimed until they are settled
 *     in flight   struct inflight: claimed messages that are settled by themselves, each in its own time
 *     request     what became of a message that asks for an answer
 *     look        struct snapshot: what is in a mailbox and what waits there
 *
 * How a mailbox does it nobody outside needs to know: letterbox(5) has the files, letterbox(7) the promises.
 *
 * Functions that can fail return -1 with errno, and say so here where it is more than errno of a system call.  Of all
 * that take the mailbox's lock:
 *     EIDRM       the mailbox was removed
 *     EBUSY       another process kept it locked until the deadline (reclock.h: reclock_missed)
 *     EINTR       a signal asked to stop (io_stop)
 *     EUCLEAN     its counters are damaged;  EBADMSG  another of its files is
 *     EPROTO      it is of another version
 * Deadlines are of CLOCK_MONOTONIC, in nanoseconds; names in messages are slices that stay the caller's.
 */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame/filter.h"
#include "frame/message.h"
#include "mailbox/mode.h"

#define MAILBOX_UNBOUNDED UINT64_MAX    /* a bound in messages or bytes that is none */
#define MAILBOX_FOREVER UINT64_MAX      /* a patience without end, */
#define MAILBOX_NOT_AT_ALL 0            /* and none */

enum {
	MAILBOX_INLINE = 64 * 1024,     /* bytes of the largest payload that is gathered in memory */
	MAILBOX_TRIES_MAX = 255,        /* no more tries of a message are counted */
};

/* Tells the user something of the mailbox that is called name. */
typedef void mailbox_tell(const char *name);

/* Messages found damaged, and set aside in the mailbox: to be told to the user, and n set to 0. */
struct damage {
	uint64_t n;                     /* messages, */
	uint64_t first, last;           /* between these numbers */
	bool kept;                      /* something of them was set aside, */
	bool kept_frames;               /* frames, in the file of this number */
	uint64_t frames;
};

/* ---- life ---- */

/* What happens when there is no room. */
enum mailbox_policy {
	MAILBOX_BLOCK,                  /* the sender waits */
	MAILBOX_OLDEST,                 /* the oldest message that nobody has claimed goes */
	MAILBOX_LATEST,                 /* always: a message takes the place of the one of its tag */
};

struct mailbox_settings {
	uint64_t cap_messages, cap_bytes;       /* MAILBOX_UNBOUNDED; no messages: each is handed over */
	unsigned mode;                          /* permission bits, see mode.h */
	enum mailbox_policy policy;
	bool durable;                           /* what was sent survives loss of power */
};

/*
 * mailbox_make -- make a mailbox at path, whole or not at all.
 * Returns 0, or -1: EEXIST where something else stands there, EPERM where the maker may not share it with its group,
 * EREMOTE, ENOLCK or EOPNOTSUPP where the file system is no place for one.
 */
int mailbox_make(const char *path, const struct mailbox_settings *settings);

/* mailbox_sync -- have the mailbox at path, as it was made, on stable storage, with its name in the directory above. */
int mailbox_sync(const char *path);

/*
 * mailbox_remove -- remove the mailbox at path and what is in it; all that wait there are woken.
 * force: messages or not.  locked: may be NULL.
 * Returns 0, or -1: ENOTEMPTY where it holds messages, EPERM where it is another user's, ENODEV where it is none.
 */
int mailbox_remove(const char *path, bool force, uint64_t deadline_ns, mailbox_tell *locked);

/*
 * mailbox_look -- the settings of the mailbox at path, waiting a second at most for its lock.
 * damage: gets what the look found.
 */
int mailbox_look(const char *path, struct mailbox_settings *settings, struct damage *damage);

/* mailbox_check -- whether a mailbox stands at path that can be opened, if only for looking.  Returns 0, or -1. */
int mailbox_check(const char *path);

/* mailbox_retry_us -- how long a message that has failed so many times is kept back. */
uint64_t mailbox_retry_us(unsigned tries);

/* ---- send ---- */

enum sender_kind {
	SENDER_KEEPS,                   /* the mailbox keeps messages until they are received */
	SENDER_HANDS_OVER,              /* it has capacity 0: a message goes from its sender straight to its receiver */
	SENDER_LEAVES,                  /* we may only send there: nobody can tell us whether there is room, and no id */
};

/* One mailbox to send to.  Zeros, but for what the caller sets before sender_open. */
struct sender {
	const char *name;               /* as the user typed it */
	mailbox_tell *locked;           /* called once its lock has been waited for at a terminal for long; may be NULL */
	bool sync;                      /* a message counts as sent once it has been received */
	bool while_served;              /* handed over, one that a receiver has failed at waits only while another serves */
	uint64_t end_ns;                /* a message in a receiver's hands is waited for until then; 0: for ever */
	uint64_t timeout_ns;           /* how long a message waits for room; may be changed at any time */

	enum sender_kind kind;          /* set by sender_open */
	int dir_fd;                     /* the mailbox's directory, for fstat(2); -1 closed */
	struct damage *damage;          /* what has been found damaged so far */

	uint64_t first_id, last_id;     /* set by flush, end and handing over: what was sent then; 0 none */
	struct sending *in;             /* the rest is the mailbox's own */
};

/*
 * sender_open -- open the mailbox at path for sending.
 * Returns 0, or -1: EACCES where we may not send, EALREADY where this process has it open (its locks are the
 * process's: a second opening could not be closed without losing them).
 */
int sender_open(struct sender *s, const char *path);

/* sender_close -- give up what has been begun or gathered, and let go. */
void sender_close(struct sender *s);

/*
 * sender_put -- send a message whose payload of at most MAILBOX_INLINE bytes is in memory; where it is handed over, of
 * any length.  A mailbox that keeps messages has it gathered: sender_flush sends it.  head's names are copied.
 * Returns 0, or -1: EAGAIN no room (or nobody to hand it to) and no patience, ETIMEDOUT, EMSGSIZE a header line that is
 * too long, ECANCELED (sync, or handed over) it left the mailbox without being received, EPIPE its receiver failed,
 * EOWNERDEAD that too, and nobody else serves (while_served).
 */
int sender_put(struct sender *s, const struct message *head, const char *data, size_t len);

/*
 * sender_put_records -- of SENDER_KEEPS: put the records that end in mark and begin at *data, each without its mark;
 * moves *data to where it stopped: at what has no mark before limit, or at a record longer than MAILBOX_INLINE.
 * Returns 1 where that is such a record, else as sender_put.
 */
int sender_put_records(struct sender *s, const struct message *head, const char **data, const char *limit, char mark);

/* sender_flush -- send what was gathered.  Returns as sender_put; what was not sent stays gathered. */
int sender_flush(struct sender *s);

/* sender_waiting -- how many messages are gathered.  sender_drop_first -- forget the first of them. */
uint32_t sender_waiting(const struct sender *s);
void sender_drop_first(struct sender *s);

/*
 * sender_begin, sender_data, sender_end -- send one message of any length, in pieces; it exists from the end on.
 * Return as sender_put.
 */
int sender_begin(struct sender *s, const struct message *head);
int sender_data(struct sender *s, const char *data, size_t len);
int sender_end(struct sender *s);

/*
 * sender_feed -- all that the descriptor in still has, as pieces of the message begun, whose length is unknown.
 * Returns 1 at its end; 0 where it does not go this way: read on and use sender_data; or -1 as sender_put.
 */
int sender_feed(struct sender *s, int in);

/* sender_length -- payload bytes of the message begun, so far. */
uint64_t sender_length(const struct sender *s);

/*
 * sender_head, sender_share -- both of SENDER_KEEPS: send a message of any length whose payload goes to `from` as well:
 * sender_head instead of sender_begin, sender_share instead of sender_data once `from` has all of it and has not ended.
 * The payload is one file then, where that can be linked to, else it is copied.
 */
int sender_head(struct sender *s, const struct message *head);
int sender_share(struct sender *s, const struct sender *from);

/*
 * sender_again -- sender_data or sender_end has failed with EPIPE: handed over, the message is offered again, and its
 * payload is to be given from its first byte.  Returns as sender_begin; EPIPE where that is not possible.
 */
int sender_again(struct sender *s, const struct message *head);

/* sender_head_fits -- whether a message's header line leaves the room that a mailbox needs in it. */
bool sender_head_fits(const struct message *head);

/* sender_done -- whether the message begun has been received, whatever there is more of its payload. */
bool sender_done(const struct sender *s);

/* sender_abort -- give up the message begun: it does not exist.  errno stays. */
void sender_abort(struct sender *s);

/*
 * sender_room -- how many bytes there is room for now, UINT64_MAX any: in an empty mailbox, or where a message is handed
 * over and a receiver waits for one with this tag and source.
 */
int sender_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room);

/* ---- receive ---- */

enum {
	RUN_MESSAGES = 2048,            /* messages claimed together, at most */
	RUN_BYTES = 128 * 1024,         /* bytes of frames that they may span, unless one message is longer */
};

/* Messages in hand, all from one mailbox.  Zeros; run_make comes first. */
struct run {
	uint32_t n;                     /* how many */
	uint32_t rank;                  /* how soon their tag and source are wanted (filter.h): all the same */
	uint32_t delivered;             /* set by the caller: so many are done, should they still be in hand at the close */
	bool expired;                   /* it is one message, and it has expired */
	bool offer;                     /* it is one message that is handed over: its payload is still its sender's */
	struct run_body *in;
};

/* run_make -- memory for messages in hand.  Returns 0, or -1 with ENOMEM. */
int run_make(struct run *run);
void run_free(struct run *run);

/* run_id, run_time_us, run_tries -- of message i: its number, when it was sent, deliveries of it that failed. */
uint64_t run_id(const struct run *run, uint32_t i);
uint64_t run_time_us(const struct run *run, uint32_t i);
unsigned run_tries(const struct run *run, uint32_t i);

/* run_payload -- the payload of message i, where it is in memory.  Returns whether it is. */
bool run_payload(const struct run *run, uint32_t i, struct slice *payload);

/* One mailbox to receive from.  Zeros, but for what the caller sets before receiver_open. */
struct receiver {
	const char *name;               /* as the user typed it */
	mailbox_tell *locked;           /* as of a sender */
	mailbox_tell *tell_unjudged;    /* called once where something in drop/ stays, as `unjudged' says; may be NULL */
	const struct filter *filter;    /* which messages; copied */
	uint64_t id;                    /* only the message with this number; 0 any */
	bool peek;                      /* take nothing */
	bool all;                       /* only what is there at the first look */
	bool brief;                     /* its messages are nobody's work: settling does not wait long for the lock */
	bool take_expired;              /* expired messages too: run->expired says which */
	uint64_t timeout_ns;           /* how long to wait for the lock where nothing is to be settled, a second at least */

	bool ended;                     /* set by receiver_next: nothing will come any more (all; id) */
	bool unjudged;                  /* and: something in drop/ stays, for its sender has no number here (users.h) */
	bool hands_over;                /* set by receiver_open: it has capacity 0 */
	dev_t dev;                      /* which directory */
	ino_t ino;
	struct damage *damage;          /* what has been found damaged so far */
	struct reader *reader;          /* of the payload that is handed over: where a bad frame stands; NULL none yet */
	struct receiving *in;           /* the rest is the mailbox's own */
};

/*
 * receiver_open -- open the mailbox at path for receiving; with peek, for looking where no more is permitted.
 * Returns 0, or -1: EALREADY where this process has it open.
 */
int receiver_open(struct receiver *r, const char *path);

/* receiver_close -- take our want down and let go; what is in hand is settled before. */
void receiver_close(struct receiver *r);

/* What is asked of a mailbox. */
struct receiver_ask {
	uint32_t messages;              /* at most, from 1 on */
	uint32_t bytes;                 /* of frames, unless the first message is longer */
	uint64_t deadline_ns;           /* for the lock */
	uint64_t until_us;              /* after the first message only those sent until then; 0: any */
	bool wait;                      /* nothing there: post our want, for we shall sleep */
	bool probe;                     /* only see what comes next: run tells of it, and nothing is claimed */
};

/*
 * receiver_next -- in one locked section: what is in run is done, and run gets what comes next.
 * m: gets the message that is handed over, its payload still to be read, where run->offer is set.
 * Returns 1 with messages in run, 0 with none, or -1 (EBADMSG: handed over, its sender cut it short; r->reader).
 */
int receiver_next(struct receiver *r, struct run *run, const struct receiver_ask *ask, struct message *m);

/*
 * receiver_message -- message i of run.  It points into run and scratch (FRAME_HEADER_MAX bytes), and for a large
 * payload to an open file (m->fd), which the caller closes.
 * Returns 0, or -1: ENOENT where we only look, and the payload has gone.
 */
int receiver_message(struct receiver *r, struct run *run, uint32_t i, struct message *m, char *scratch);

/* What becomes of messages in hand. */
enum receiver_end {
	RECEIVER_DONE,                  /* received */
	RECEIVER_DROPPED,               /* gone without being received */
	RECEIVER_BACK,                  /* put back as they were */
	RECEIVER_FAILED,                /* put back, with a try counted */
};

/*
 * receiver_settle -- the messages of run, from message `from` on, are done or put back; run->n becomes `from`.
 * delay_us: with RECEIVER_FAILED, not to be given again before so long from now.
 */
int receiver_settle(struct receiver *r, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us);

/* receiver_has -- whether message id is in the mailbox, claimed or not, and wanted (true where that cannot be told). */
bool receiver_has(struct receiver *r, uint64_t id);

/* receiver_park -- nothing is to be taken from here at present: another waiter is woken instead of us. */
int receiver_park(struct receiver *r);

/* receiver_changed -- once a second, asleep: whether there may be something now.  Returns 1, 0 or -1. */
int receiver_changed(struct receiver *r);

/* receiver_watch -- what to poll for POLLIN while asleep.  fds: room for 2; -1 none. */
void receiver_watch(const struct receiver *r, int *fds);

/* receiver_due_us -- when the next delayed message falls due (clock_wall_us); 0 none. */
uint64_t receiver_due_us(const struct receiver *r);

/*
 * receiver_is_member -- whether a file of this owner and group, which asks for something in a request that the kernel did
 * not vouch for, is a member's of the mailbox: its owner's, root's, anybody's in one for all, and in one for a group
 * that of a user who is in it, for nobody else can give a file to that group.
 */
bool receiver_is_member(const struct receiver *r, uid_t uid, gid_t gid);

/* ---- in flight ---- */

/* Messages claimed and settled one by one, whatever becomes of the run that they came in.  Zeros to begin with. */
struct inflight {
	struct held *list;
	uint32_t n, room;
};

/*
 * inflight_add -- hold what is in run, of r, too; the caller then empties the run.  Of a message that is handed over the
 * FIFO goes along, and is closed once it has been settled.
 * Returns 0, or -1 with ENOMEM.
 */
int inflight_add(struct inflight *h, struct receiver *r, const struct run *run);

/* inflight_keep -- fd, whose descriptor it is from now on, has the payload of the last message: receiver_message finds it. */
void inflight_keep(struct inflight *h, int fd);

/* inflight_tries -- deliveries of message i that failed before.  inflight_is_offer -- whether it is handed over. */
unsigned inflight_tries(const struct inflight *h, uint32_t i);
bool inflight_is_offer(const struct inflight *h, uint32_t i);

/*
 * inflight_settle -- n messages held, from `from` on, are done, or put back, all in one locked section, as
 * receiver_settle; a signal to stop does not keep it from that.  They stay in the list.
 */
int inflight_settle(struct inflight *h, struct receiver *r, uint32_t from, uint32_t n, enum receiver_end end,
    uint64_t delay_us);

/* inflight_recall -- have message i that is held in run, which was empty.  Returns 0, or -1. */
int inflight_recall(const struct inflight *h, struct receiver *r, uint32_t i, struct run *run);

/* inflight_drop -- let go of what is held, settled or not.  inflight_free -- and of the list. */
void inflight_drop(struct inflight *h);
void inflight_free(struct inflight *h);

/* ---- request ---- */

enum request_state {
	REQUEST_WAITS,                  /* it waits, or a receiver has it */
	REQUEST_GONE,                   /* it has left the mailbox */
	REQUEST_LOST,                   /* the receiver that had it died, and no other is there: it is withdrawn */
};

/*
 * request_look -- see what has become of s's last message, whose tag and source these are; not of SENDER_LEAVES.
 * Returns an enum request_state, or -1.
 */
int request_look(struct sender *s, struct slice tag, struct slice source);

/* request_withdraw -- take s's last message back, unless a living receiver has it.  Returns 1, 0 it has, or -1. */
int request_withdraw(struct sender *s);

/* ---- look ---- */

#define SNAPSHOT_UNKNOWN UINT64_MAX
#define SNAPSHOT_EMPTY UINT64_MAX       /* oldest_us where there is no message */

enum { SNAPSHOT_WAITERS = 1024 };

/* What a process waits for. */
enum snapshot_wait {
	SNAPSHOT_MESSAGE,               /* a message of the filter's */
	SNAPSHOT_PEEK,                  /* the same, and will leave it */
	SNAPSHOT_ROOM,                  /* room for a message of `bytes` */
	SNAPSHOT_END,                   /* the end of message `id` */
};

struct snapshot_waiter {
	enum snapshot_wait what;
	uint64_t object;                /* bytes or id */
	struct filter filter;
};

/* What the messages of one tag come to. */
struct snapshot_tag {
	char *tag;
	uint64_t messages, bytes;
	uint64_t oldest_us;             /* when the oldest was sent */
};

struct snapshot {
	struct mailbox_settings settings;
	struct damage damage;           /* found by the look, to be told */
	uint64_t identity;              /* which mailbox this is */
	uint64_t now_us, now_ns;        /* the moment: since the epoch, and CLOCK_MONOTONIC */
	uint64_t messages, bytes;       /* that wait, claimed ones included */
	uint64_t claimed;
	uint64_t sent, received;        /* so far: received is what neither waits, nor was dropped or damaged */
	uint64_t dropped, damaged, refused;     /* refused: files left in drop/ that were no messages */
	uint64_t outside;               /* messages in drop/; SNAPSHOT_UNKNOWN: none is there, or it may not be listed */
	uint64_t oldest_us;             /* when the oldest message was sent */
	unsigned receivers, senders, waiters_n;
	struct snapshot_waiter waiters[SNAPSHOT_WAITERS];
	struct snapshot_tag *tags;      /* sorted by tag */
	size_t tags_n, tags_room;
};

/*
 * snapshot_look -- what is in the mailbox at path and what waits there, as it was at one moment under the lock.
 * A user who may only look takes no lock: all of it is of one moment too, unless something changes all the time; then
 * the counts are of one, and the oldest message and the tags may be of another.
 * s: zeros, or as of the last look, whose tags are forgotten.  tags: count by tag too.
 * Returns 0, or -1: EBUSY where another process kept the mailbox locked for a second.
 */
int snapshot_look(struct snapshot *s, const char *path, bool tags);

#endif
