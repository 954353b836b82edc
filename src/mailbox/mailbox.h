/* SPDX-License-Identifier: ISC */
/*
 * mailbox: all that a mailbox can do, for everything outside this folder.
 *
 *     life        make, change and remove a mailbox, look at its settings
 *     send        struct sender: messages into one mailbox
 *                     sender_open; sender_put ...; sender_flush; sender_close
 *                     for one message of any length: sender_begin; sender_data ...; sender_end
 *     receive     struct receiver, struct run: messages out of one mailbox, claimed until they are settled
 *                     run_make; receiver_open; receiver_next, receiver_message ..., receiver_settle; receiver_close
 *     in flight   struct inflight: claimed messages that are settled one by one, each in its own time
 *     request     what became of a message that asks for an answer
 *     look        struct snapshot: what is in a mailbox, and which processes wait there
 *     links       struct mailbox_link: what carries messages between it and other machines
 *
 * letterbox(5) has the files, letterbox(7) the promises.
 *
 * A mailbox is of one of three kinds (enum sender_kind).  Where its capacity is 0, a message is an offer until its
 * receiver takes it, and its payload goes from process to process.
 *
 * A function that can fail returns -1 with errno.  Each names the errors of its own; besides these, system calls have
 * theirs, and all that take the mailbox's lock have
 *     EIDRM       the mailbox was removed
 *     ESHUTDOWN   the mailbox is closed, and was to be sent to
 *     EBUSY       another process kept it locked until the deadline (reclock.h: reclock_missed)
 *     EINTR       a signal asked to stop (io_stop)
 *     EUCLEAN     its counters are damaged;  EBADMSG  another of its files is
 *     EPROTO      it is of another version;  EPROTONOSUPPORT  of a machine of the other byte order
 *     EXDEV       it is in use on another file system, whose locks are not seen here
 *     ESTALE      to send: since it was opened its capacity has become 0, or is not 0 any more
 * Deadlines are of CLOCK_MONOTONIC, in nanoseconds.  The caller keeps what slices point to.
 */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame/filter.h"
#include "frame/message.h"
#include "mailbox/look.h"
#include "mailbox/mode.h"
#include "mailbox/settings.h"

#define MAILBOX_FOREVER UINT64_MAX      /* a timeout that never passes */
#define MAILBOX_NOT_AT_ALL 0            /* a timeout: do not wait */
#define MAILBOX_ASK (UINT64_MAX - 1)    /* a timeout: EAGAIN in place of a wait; see sender_asked_fd */

enum {
	MAILBOX_INLINE = 64 * 1024,     /* bytes of the largest payload that is gathered in memory */
	MAILBOX_TRIES_MAX = 255,        /* a message's tries are counted up to this */
};

/* Microseconds, for clock_backoff: how long a message that failed is kept back. */
#define MAILBOX_BACKOFF_US UINT64_C(200000)
#define MAILBOX_BACKOFF_MOST_US UINT64_C(60000000)
#define MAILBOX_DELAY_MAX_US ((UINT64_C(1) << 48) - 1)  /* no delay is longer: almost nine years */

/* Tells the user something of the mailbox called name. */
typedef void mailbox_tell(const char *name);

/* Tells the user why a message in that mailbox can not be had now. */
typedef void mailbox_tell_why(const char *name, const struct snapshot_message *message);

/* ---- life ---- */

/*
 * mailbox_make -- make a mailbox at path, whole or not at all.
 * Returns 0, or -1: EEXIST where something else stands there, EPERM where the maker may not share it with its group,
 * EREMOTE, ENOLCK or EOPNOTSUPP where the file system can not hold one.
 */
int mailbox_make(const char *path, const struct mailbox_settings *settings);

/* mailbox_sync -- have a new mailbox, and its name in the directory above, on stable storage. */
int mailbox_sync(const char *path);

/* What is changed of a mailbox, as bits. */
enum {
	MAILBOX_BYTES = 1, MAILBOX_MESSAGES = 2, MAILBOX_POLICY = 4, MAILBOX_PAUSED = 8, MAILBOX_CLOSED = 16,
	MAILBOX_MODE = 32, MAILBOX_GROUP = 64,
};

struct mailbox_change {
	unsigned what;                  /* which settings */
	struct mailbox_settings to;     /* what they become; then all settings as they are, or as EINVAL refuses them */
	struct damage damage;           /* found meanwhile */
};

/*
 * mailbox_change -- change settings of the mailbox at path, all at one moment, while others use it: those that this
 * gives room, or messages, are woken, and what waits there stays.  It waits for the lock as long as that takes.
 * Returns 0, or -1 with nothing changed: EINVAL the settings do not go together (mailbox_wrong), EINPROGRESS its
 * capacity becomes 0, or is 0, and something waits there, a message or a process, EPERM mode or group are not ours to
 * change, ENOTEMPTY send-only access is taken away, and what was left there has not come in.
 */
int mailbox_change(const char *path, struct mailbox_change *ask);

/*
 * mailbox_remove -- remove the mailbox at path and what is in it; processes that wait there wake.
 * force: also where it holds messages.  damage, which may be NULL: gets what was found.
 * Returns 0, or -1: ENOTEMPTY where it holds messages, or did until that was found damaged now, EINPROGRESS where callers await answers there, EPERM where it
 * is another user's, ENODEV where it is none, EINVAL where path ends in "." or "..", ELOOP where path is a symbolic link,
 * EEXIST where something is there that cannot be removed: a directory, or a hidden file, that is not the mailbox's.
 */
int mailbox_remove(const char *path, bool force, uint64_t deadline_ns, struct damage *damage);

/* mailbox_look -- get a mailbox's settings, and the damage that was found; waits a second at most for its lock. */
int mailbox_look(const char *path, struct mailbox_settings *settings, struct damage *damage);

/* mailbox_check -- whether the mailbox at path can be opened, if only to look.  Returns 0, or -1. */
int mailbox_check(const char *path);

/* ---- send ---- */

enum sender_kind {
	SENDER_KEEPS,                   /* the mailbox keeps messages until they are received */
	SENDER_HANDS_OVER,              /* its capacity is 0: a message goes straight from its sender to its receiver */
	SENDER_SENDS_ONLY,                  /* we may only send, through drop/: nothing tells ids, or whether there is room */
};

enum { SENDER_SCOPE = 64 };             /* bytes of a scope, at most */

/* One mailbox to send to.  Zeros, but for what the caller sets before sender_open. */
struct sender {
	const char *name;               /* as the user typed it */
	bool sync;                      /* a message counts as sent once it has been received */
	bool while_served;              /* handed over: after a receiver has failed, wait only while another serves */
	uint64_t end_ns;                /* handed over: deadline for the receiver that took it; 0: none */
	uint64_t timeout_ns;            /* how long a message waits for room, or a receiver; may change at any time */
	bool soon;                      /* a message, in memory, is put and flushed next, and nothing waited for until then */
	bool closes;                    /* before sender_close: the mailbox is to be closed to all senders, ... */
	bool ends;                      /* ... the process ends, with which files and memory go */
	/*
	 * Called when messages are in the mailbox to stay: on the disk where it is durable, with sync received; own_id: of
	 * the last of them, in the order in which they were put.  Returns 0, or -1 with errno to fail the call; may be NULL.
	 */
	int (*committed)(uint64_t own_id);
	int told_fd;                    /* where that writes: once nobody reads it, a wait for room ends with EPIPE; 0 none */
	uint64_t own_id;                /* the caller's number of the message that is put, or begun, next */
	/*
	 * Each message is sent once for this scope, SENDER_SCOPE bytes at most: one whose name `once' is remembered there
	 * is in the mailbox, or was, and counts as sent.  NULL: whatever its name.  Only of SENDER_KEEPS, without sync.
	 */
	const char *scope;
	struct once once;               /* the name of the message that is put, or begun, next */

	enum sender_kind kind;          /* set by sender_open */
	bool at_once;                   /* set by sender_open: no message waits there until it is due */
	int dir_fd;                     /* set by sender_open: the mailbox's directory, for fstat(2); -1 closed */
	struct damage *damage;          /* found so far, at the close too */
	struct damage at_close;

	uint64_t first_id, last_id;     /* numbers of what flush, end or handing over sent last; first_id 0: none */
	struct sending *in;             /* the mailbox's own */
};

/*
 * sender_open -- open the mailbox at path for sending.
 * Returns 0, or -1: ENOTDIR what is there is no directory, and nothing was opened; EACCES where we may not send, EALREADY where this process has it open: closing one of two would
 * lose the locks of both (fcntl(2)).
 */
int sender_open(struct sender *s, const char *path);

/*
 * sender_close -- give up what has been begun or gathered, and let go.
 * Returns 0, or -1 where with s->closes the mailbox could not be closed: EACCES where we may only send.
 */
int sender_close(struct sender *s);

/*
 * sender_put -- send a message whose payload is in memory: of at most MAILBOX_INLINE bytes, or of any length unless the
 * mailbox keeps messages.  That one gathers them until sender_flush.  What head points to is copied.
 * Returns 0, or -1: EAGAIN no room, or no receiver, and no timeout; ETIMEDOUT; EMSGSIZE the header line is too long;
 * of a message that is handed over, or sent with sync: ECANCELED it left the mailbox unreceived; EPIPE its receiver
 * failed; EOWNERDEAD it failed, and no other serves (while_served).
 */
int sender_put(struct sender *s, const struct message *head, const char *data, size_t len);

/*
 * sender_put_records -- of SENDER_KEEPS: put the records that end in mark and begin at *data, each without its mark.
 * Moves *data to where it stopped: at what has no mark before limit, or at a record longer than MAILBOX_INLINE.
 * Returns 1 at such a record, 0, or -1 as sender_put.
 */
int sender_put_records(struct sender *s, const struct message *head, const char **data, const char *limit, char mark);

/* sender_flush -- send what was gathered.  Returns as sender_put; what was not sent stays gathered. */
int sender_flush(struct sender *s);

/* sender_waiting -- how many messages are gathered.  sender_drop_first -- forget the first of them. */
uint32_t sender_waiting(const struct sender *s);
void sender_drop_first(struct sender *s);

/*
 * sender_begin, sender_data, sender_end -- send one message of any length in pieces; it exists from the end on.
 * Return as sender_put.
 */
int sender_begin(struct sender *s, const struct message *head);
int sender_data(struct sender *s, const char *data, size_t len);
int sender_end(struct sender *s);

/*
 * sender_feed -- in place of sender_data: the rest of descriptor fd, moved without a copy of our own.
 * Returns 1 at its end; 0 where this way goes no further: read on, and use sender_data; or -1 as sender_put.
 */
int sender_feed(struct sender *s, int fd);

/*
 * sender_asked_fd -- with the timeout MAILBOX_ASK: a call that would wait, for room, for a receiver or for what becomes
 * of a message, returns EAGAIN, and a process that changes that wakes us: this descriptor can be read; -1: look once a
 * second.  The same call again goes on where it stopped.  In the queue for room we are passed after two seconds without
 * one.
 * sender_give_fd -- of SENDER_HANDS_OVER: the descriptor that takes the payload; -1: none.  events: gets what poll(2)
 * is to look for there.
 * sender_give -- with MAILBOX_ASK, in place of sender_data: as much of data as goes without a wait.
 * Returns how many bytes, or -1 as sender_put; EAGAIN where what went before is not taken yet.
 */
int sender_asked_fd(const struct sender *s);
int sender_give_fd(const struct sender *s, short *events);
ssize_t sender_give(struct sender *s, const char *data, size_t len);

/* sender_length -- payload bytes of the message begun, so far. */
uint64_t sender_length(const struct sender *s);

/*
 * sender_head, sender_share -- of SENDER_KEEPS, in place of sender_begin and sender_data, where `from` sends the same
 * payload to another mailbox: sender_share once `from` has all of it, and before its sender_end.  The two mailboxes
 * share one file, where that can be linked to.
 */
int sender_head(struct sender *s, const struct message *head);
int sender_share(struct sender *s, const struct sender *from);

/*
 * sender_again -- after EPIPE from sender_data or sender_end: offer the message again, then give its payload from the
 * first byte.  Returns as sender_begin; EPIPE where it can not be offered again.
 */
int sender_again(struct sender *s, const struct message *head);

/* sender_head_fits -- whether a header line leaves the room that a mailbox needs in it. */
bool sender_head_fits(const struct message *head);

/* sender_done -- whether the message begun has been received, even if there is more of its payload. */
bool sender_done(const struct sender *s);

/* sender_abort -- give up the message begun: it does not exist.  errno stays. */
void sender_abort(struct sender *s);

/* sender_room -- get how many bytes have room; UINT64_MAX: any, as it is empty, or a receiver waits for such an offer. */
int sender_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room);

/* ---- receive ---- */

enum {
	RUN_HOPS_MAX = 16,              /* mailboxes that a message comes through from link to link, at most */
	RUN_MESSAGES = 4096,            /* messages claimed together, at most */
	RUN_BYTES = 256 * 1024,         /* bytes of frames that they span, at most, unless the first is longer */
};

/* Messages in hand, all from one mailbox.  Zeros; run_make comes first. */
struct run {
	uint32_t n;                     /* how many */
	uint32_t rank;                  /* how soon their tag and source are wanted (filter.h): all the same */
	uint32_t delivered;             /* the caller's: how many are done, should they be in hand at the close */
	bool expired;                   /* it is one message, and a dead letter: it has expired, */
	enum run_stray {                /* or may go on no further, as a message with a name: */
		RUN_ON_ITS_WAY,
		RUN_LOOP,               /* it came through this mailbox before, */
		RUN_HOPS,               /* or through RUN_HOPS_MAX others, */
		RUN_LONG,               /* or its headers leave no room for what is added on the way */
	} stray;
	bool offer;                     /* it is one offer: its sender still has the payload */
	bool full;                      /* there is nothing, for what comes next would be more than receiver_ask.most */
	struct run_body *in;            /* the mailbox's own */
};

/* run_make -- allocate what is missing.  Returns 0, or -1 with ENOMEM.  run_free -- free it. */
int run_make(struct run *run);
void run_free(struct run *run);

/* run_id, run_time_us, run_tries -- of message i: its number, when it was sent, how many deliveries failed. */
uint64_t run_id(const struct run *run, uint32_t i);
uint64_t run_time_us(const struct run *run, uint32_t i);
unsigned run_tries(const struct run *run, uint32_t i);

/* run_payload -- get the payload of message i, if it is in memory.  Returns whether it is. */
bool run_payload(const struct run *run, uint32_t i, struct slice *payload);

/*
 * One mailbox to receive from.  Zeros, but for what the caller sets before receiver_open; it stays where it is, and so
 * does the filter, until receiver_close.
 */
struct receiver {
	const char *name;               /* as the user typed it */
	mailbox_tell *tell_unjudged;    /* called once where `unjudged' is set; may be NULL */
	mailbox_tell_why *tell_why;     /* called once where the one with this id is there, and not to be had; may be NULL */
	const struct filter *filter;    /* which messages */
	uint64_t id;                    /* only the message with this number; 0 any */
	bool peek;                      /* take nothing */
	bool all;                       /* only what is there at the first receiver_next, and ... */
	unsigned all_tries;             /* ... of what has been put back since, for a while, only what failed less often */
	bool brief;                     /* no other process wants its messages: settling waits for the lock as below */
	bool take_expired;              /* expired messages too (run->expired) */
	bool once;                      /* messages get their names (message.h), to be sent on once; never a stray one */
	uint64_t timeout_ns;            /* how long to wait for the lock, but to settle; at least a second */

	bool ended;                     /* set by receiver_next: nothing more will come (all, id; or it is closed, and drained) */
	bool paused;                    /* set by receiver_next: receivers take nothing there */
	bool unjudged;                  /* set by receiver_next: a drop stays: its sender has no number here (users.h) */
	uint64_t stray_id;              /* set by receiver_next, with ELOOP */
	bool hands_over;                /* set by receiver_open, with peek: it has capacity 0, and no payloads to look at */
	bool ends;                      /* before receiver_close: as of a sender */
	struct damage *damage;          /* found so far */
	struct reader *reader;          /* of the offer in hand: where a bad frame stands; NULL none yet */
	struct claim *in;               /* the mailbox's own */
};

/*
 * receiver_open -- open the mailbox at path for receiving; with peek, for looking where no more is permitted.
 * Returns 0, or -1: ENOTDIR, EALREADY as of sender_open.
 */
int receiver_open(struct receiver *r, const char *path);

/* receiver_close -- wait no more, and close; the caller has settled what is in hand. */
void receiver_close(struct receiver *r);

/* How what is received will be settled: message by message; all of it together; or that at once, where it is few bytes.
 * So it is noted since when they are claimed: of each; of the first of those side by side; of none. */
enum run_end { RUN_APART, RUN_TOGETHER, RUN_PROMPT };

/* What is asked of a mailbox. */
struct receiver_ask {
	uint32_t messages;              /* at most, from 1 on */
	uint32_t bytes;                 /* of frames, at most, unless the first message is longer */
	uint64_t had, most;             /* bytes of payloads that these are to join, and with them at most, unless one alone
	                                 * is longer; offers are not counted.  most 0: any */
	uint64_t deadline_ns;           /* for the lock, where nothing is in hand */
	uint64_t until_us;              /* after the first message, only those sent until then; 0: any */
	bool wait;                      /* where there is nothing, have us woken for what comes: we shall sleep */
	struct run *before;             /* runs in hand besides the given one, older ones first, ... */
	uint32_t before_n;              /* ... and how many: they are settled as done with it, but where all failed */
	bool probe;                     /* claim nothing: run tells of the first message that comes next */
	enum run_end ends;              /* how it will be settled */
};

/*
 * receiver_next -- in one locked section: what is in run is done, and run gets what comes next.
 * Damaged messages leave the mailbox and are set aside.
 * m: of an offer (run->offer), gets the message, its payload still to be read.
 * Returns 1 with messages in run, 0 with none, or -1: EBADMSG too where the sender cut an offer short (r->reader); ELOOP
 * the one that comes next is stray (run->stray), with number r->stray_id, and is not to be a dead letter (take_expired).
 */
int receiver_next(struct receiver *r, struct run *run, const struct receiver_ask *ask, struct message *m);

/*
 * receiver_message -- get message i of run.  It points into run and scratch (FRAME_HEADER_MAX bytes); a large payload
 * is an open file, m->fd, which the caller closes.
 * Returns 0, or -1: ENOENT where we only look, and the payload has gone.
 */
int receiver_message(struct receiver *r, struct run *run, uint32_t i, struct message *m, char *scratch);

/* What becomes of messages in hand. */
enum receiver_end {
	RECEIVER_DONE,                  /* received */
	RECEIVER_DROPPED,               /* gone without being received */
	RECEIVER_BURIED,                /* gone as dead letters, to another mailbox */
	RECEIVER_BACK,                  /* put back as they were */
	RECEIVER_FAILED,                /* put back, with a try counted */
};

/*
 * receiver_settle -- settle the messages of run, from message `from` on; run->n becomes `from`.
 * Unless r->brief, this waits for the lock as long as that takes; two signals to stop end the wait.
 * delay_us: with RECEIVER_BACK or _FAILED, how long from now they are not delivered again; MAILBOX_DELAY_MAX_US at most.
 * An offer goes back to its sender, which keeps it back by itself.
 */
int receiver_settle(struct receiver *r, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us);

/* receiver_has -- whether message id is in the mailbox, claimed or not, and wanted; true where that can not be told. */
bool receiver_has(struct receiver *r, uint64_t id);

/* receiver_park -- nothing is taken from here until the next wait: another process is woken in our place. */
int receiver_park(struct receiver *r);

/* receiver_changed -- once a second, asleep: whether there may be something now.  Returns 1, 0 or -1. */
int receiver_changed(struct receiver *r);

/* receiver_watch -- the descriptors to poll for POLLIN while asleep.  fds: gets two; -1 none. */
void receiver_watch(const struct receiver *r, int *fds);

/* receiver_due_us -- when to look again, asleep, for what is due then (clock_wall_us); 0: it need not. */
uint64_t receiver_due_us(const struct receiver *r);

/*
 * receiver_is_member -- whether a file of this owner and group, which a request names but the kernel does not vouch
 * for, is a member's of the mailbox: its owner's, root's, any user's in a mailbox for all; in one for a group, that of
 * a user in it, for no other can give a file to that group.
 */
bool receiver_is_member(const struct receiver *r, uid_t uid, gid_t gid);

/* receiver_is_at -- whether this is still the mailbox at path. */
bool receiver_is_at(const struct receiver *r, const char *path);

/* ---- in flight ---- */

/* Messages claimed and settled one by one, whatever becomes of the run that they came in.  Zeros to begin with. */
struct inflight {
	struct inflight_message *list;
	uint32_t n, room;
	const bool *which;              /* the caller's: of n messages, which are settled, or forgotten; NULL: all */
	bool more;                      /* the caller's: what comes behind the last is received too (claim_settle) */
};

/*
 * inflight_add -- add the messages of run, which r received; the caller then empties the run, with run->n = 0.  An
 * offer's FIFO goes along, and is closed once the offer has been settled.
 * Returns 0, or -1 with ENOMEM.
 */
int inflight_add(struct inflight *h, struct receiver *r, const struct run *run);

/* inflight_keep -- the file fd, closed with the message, has the payload of the last: receiver_message finds it. */
void inflight_keep(struct inflight *h, int fd);

/* inflight_look -- message i: its number, deliveries that failed before, whether it is an offer. */
struct inflight_look {
	uint64_t id;
	unsigned tries;
	bool offer;
};

struct inflight_look inflight_look(const struct inflight *h, uint32_t i);

/*
 * inflight_settle -- receiver_settle for n messages from `from` on, or those of them that `which' says, all in one
 * locked section, or a few where they are very many.  They stay in the list.
 */
int inflight_settle(struct inflight *h, struct receiver *r, uint32_t from, uint32_t n, enum receiver_end end,
    uint64_t delay_us);

/* inflight_recall -- have message i in run, which was empty.  Returns 0, or -1. */
int inflight_recall(const struct inflight *h, struct receiver *r, uint32_t i, struct run *run);

/* inflight_drop -- forget all messages, settled or not; or those of `which'.  inflight_free -- all, and free the list. */
void inflight_drop(struct inflight *h);
void inflight_free(struct inflight *h);

/* ---- request ---- */

enum { REQUEST_BOX_NAME = 32 };

enum request_state {
	REQUEST_WAITS,                  /* it waits, or a receiver has it */
	REQUEST_GONE,                   /* it has left the mailbox, received as far as that is known */
	REQUEST_DROPPED,                /* it has left the mailbox, and was not received */
	REQUEST_LOST,                   /* its receiver died, or failed with no back-off, and no other is there: withdrawn */
};

/*
 * request_look -- see what has become of s's last message, whose tag and source these are; not of SENDER_SENDS_ONLY.
 * Returns an enum request_state, or -1.
 */
int request_look(struct sender *s, struct slice tag, struct slice source);

/*
 * request_box -- make a mailbox within s's, for the members of that, in which the answer to a request is to come; those
 * that dead callers have left are removed.  Not of SENDER_SENDS_ONLY.
 * name: REQUEST_BOX_NAME bytes, gets its name there.  Returns 0, or -1.
 * request_unbox -- remove it with all that is in it.
 */
int request_box(struct sender *s, char *name);
void request_unbox(struct sender *s);

/* request_withdraw -- take s's last message back, unless a living receiver has it.  Returns 1, 0 it has, or -1. */
int request_withdraw(struct sender *s);

/* ---- links ---- */

/*
 * link_post -- have others see the link at the mailbox at path, as it is now, until this process ends.  The mailbox
 * stays open; where it has been removed, the one that is there now is opened.
 * Returns 0, or -1: EEXIST where another process keeps the same link;  ECHILD where one that did is dead, and something
 * that it has started still runs.
 */
int link_post(struct mailbox_link *l, const char *path);

/* link_gone -- whether the mailbox that is open was removed. */
bool link_gone(const struct mailbox_link *l);

/* ---- look ---- */

/*
 * snapshot_look -- see what is in the mailbox at path and what waits there, all at one moment under the lock.
 * A user who may only look takes no lock: all of it is of one moment too, unless something changes all the time; then
 * the counts are of one, and the oldest message and the tags may be of another.
 * s: zeros but for `list', or as of the last look, whose tags, waiters and links are forgotten.  tags: count by tag too.
 * What is on the list was sent before the look; each message was so at a moment of its own.  Few are locked at a time.
 * Returns 0, or -1: EBUSY where another process kept the mailbox locked for a second.
 */
int snapshot_look(struct snapshot *s, const char *path, bool tags);

#endif
