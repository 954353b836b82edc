/* SPDX-License-Identifier: ISC */
/*
 * sync: senders that wait for the end of their message (sync.c, settle.c settle_gone, wake.c wake_end, displace.c).
 *
 * NS senders of a message each: those in the mask SYNC wait for its end, the others just send.  A message is a segment of its own, which goes
 * once its message has and a newer one is there: then nobody can read any more how it ended (known).  With OLDEST a
 * mailbox of CAP that is full drops its first ready message for the next one, and may let the lock go after each (PIECES);
 * without, it has room.  A receiver for ever
 * (STILL: none).
 * The table of wants has WANTS places: who finds none does not send (ENOSPC), for nobody could tell him.
 * Who ends a message rings and writes how into the mark of its sender's want, writes the state, removes the segment, commits.
 * Whoever reads that it was dropped believes it if it is not there any more: else who wrote the mark was killed before the
 * state.  Received it was, even so.
 * A ring is an open in the section and a close after it, by death too.  A look without a ring (TICK) is possible only
 * where mbox_moved says yes: ctl was written since, or messages are claimed.
 * KILLR, KILLS: the receiver, a sender killed at any step; QUIT: a sender's time is over, it takes its message back if
 * nobody has it.
 *
 * Asserted: who says "received" (0) was, who says "dropped" (74) or withdrew never is, but for deaths; at each delivery
 * not more than 1 + deaths; ctl's count is true at each commit.  When nobody can move: no sender sleeps whose message is
 * not there, no want of the living is left.
 *
 * Mutants: TRUST a mark is believed as it is; STATEFIRST the state is written before the mark; LATEPOST the want is posted in a
 * section of its own; NOPLACE who finds no place sends all the same; LATEOPEN rings after the commit; UNLOCKED withdraws
 * by what it saw a section before; WITHDRAWCLAIMED
 */
#ifndef NS
#define NS 2
#endif
#ifndef SYNC
#define SYNC 1
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef WANTS
#define WANTS NS
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef QUIT
#define QUIT 0
#endif
#define NP (NS + 1)
#define R NS
#define NONE 9
#define READY 0
#define CLAIMED 1
#define DONE 3
#define DROPPED 4
#define OK 1            /* what a sender says in the end */
#define GONE 2          /* 74 */
#define TIMEOUT 3
#define NOROOM 4
#define BIT(v,i) (((v) >> (i)) & 1)
/* messages are numbered in the order of their appends: id_of is the sender's, who the message's */
byte lk, next, c_next, live, c_live, st[NS], who[NS], out[NS], seg, says[NS], extra, killr = KILLR, kills = KILLS, quits = QUIT;
bool busy, changing, claims, mark[NP], dead[NP], moved[NS], withdrawn[NS];
/* wants, by sender: up, for which message, marked how; rung: the bell has hung up; hold: bells that p has open */
byte object[NS], how[NS], hold[NP];
bool up[NS], rung[NS];
hidden byte h, k, n;
#define GONEST(x) (st[x] >= DONE)
#define HERE(x) (st[x] < DONE)

inline tell() { h = 0; do :: h < NS -> moved[h] = 1; h++ :: else -> break od; h = 0 }
inline count() { k = 0; h = 0; do :: h < c_next -> if :: HERE(h) -> k++ :: else fi; h++ :: else -> break od; h = 0 }
inline begin() { if :: !changing -> d_step { busy = 1; changing = 1; tell() } :: else fi }
inline commit() { d_step { count(); assert(k == c_live); k = 0; live = c_live; next = c_next; busy = 0; changing = 0; tell() } }
/* segments of what is gone, but for the newest, go */
inline reclaim() { d_step { h = 0; do :: h + 1 < c_next -> if :: GONEST(h) -> seg = seg & (255 - (1 << h)) :: else fi; h++ :: else -> break od; h = 0 } }
inline lock(p) {
	atomic { lk == 0 -> lk = p + 1; c_next = next; c_live = live; changing = 0 };
	if
	:: busy ->
		d_step { count(); c_live = k; k = 0 };
		reclaim();
		d_step { h = 0; do :: h < NS -> if :: dead[h] -> up[h] = 0 :: else fi; h++ :: else -> break od; h = 0 };
		commit()
	:: else
	fi
}
inline unlock() { d_step { lk = 0; changing = 0; c_next = 0; c_live = 0 } }
inline closeall(p) { d_step { h = 0; do :: h < NS -> if :: BIT(hold[p], h) -> rung[h] = 1 :: else fi; h++ :: else -> break od; h = 0; hold[p] = 0 } }
inline ring(p, x) { if :: who[x] != NONE && up[who[x]] && object[who[x]] == x -> hold[p] = hold[p] | (1 << who[x]) :: else fi }
/* message x ends by `end' */
inline gone(p, x, end) {
	begin();
#ifdef STATEFIRST
	d_step { if :: st[x] == CLAIMED -> claims = 0 :: else fi; st[x] = end };
	d_step { if :: up[who[x]] && object[who[x]] == x -> how[who[x]] = end :: else fi;
		ring(p, x) };
#else
	d_step {
#ifndef LATEOPEN
		ring(p, x);
#endif
		if :: up[who[x]] && object[who[x]] == x -> how[who[x]] = end :: else fi };
	d_step { if :: st[x] == CLAIMED -> claims = 0 :: else fi; st[x] = end };
#endif
	c_live--;
	reclaim();
	if :: c_live == 0 -> seg = 0 :: true fi      /* its log may be long enough for the newest to go too */
}
/* how message x ended, as its sender sees it: NONE while it is there */
inline outcome(s) {
	d_step {
		if
#ifdef TRUST
		:: up[s] && how[s] != 0 -> e = how[s]
#else
		:: up[s] && (how[s] == DONE || (how[s] == DROPPED && GONEST(x))) -> e = how[s]
#endif
		:: else ->
			if
			:: HERE(x) -> e = NONE
			:: GONEST(x) && BIT(seg, x) -> e = st[x]
			:: GONEST(x) && !BIT(seg, x) -> e = DONE       /* so it was taken */
			fi
		fi
	}
}
#if NS > 2
#define SOME (busy || (next > 0 && st[0] == READY) || (next > 1 && st[1] == READY) || (next > 2 && st[2] == READY))
#else
#define SOME (busy || (next > 0 && st[0] == READY) || (next > 1 && st[1] == READY))
#endif
proctype sender(byte s)
{
	byte x, e;
	{
		lock(s);
#ifdef OLDEST
		do
		:: c_live >= CAP ->
			d_step { e = 0; do :: e < c_next && st[e] != READY -> e++ :: else -> break od };
			if
			:: e == c_next -> break         /* all are claimed: it waits, which is another model's */
			:: else -> x = e; gone(s, x, DROPPED);
#ifdef PIECES
				if :: true :: commit(); unlock(); closeall(s); lock(s) fi
#endif
			fi
		:: else -> break
		od;
		if :: c_live >= CAP -> e = 0; if :: changing -> commit() :: else fi; unlock(); closeall(s); says[s] = NOROOM; goto fin :: else fi;
#endif
		if
		:: BIT(SYNC, s) ->
			d_step { h = 0; k = 0; do :: h < NS -> k = k + up[h]; h++ :: else -> break od; e = k; h = 0; k = 0 };
#ifndef NOPLACE
			if :: e >= WANTS -> e = 0; x = 0; begin(); unlock(); closeall(s); says[s] = NOROOM; goto fin :: else fi
#else
			skip
#endif
		:: else
		fi;
		x = c_next;
		d_step { st[x] = READY; who[x] = s; seg = seg | (1 << x) };
#ifndef LATEPOST
		if :: BIT(SYNC, s) && e < WANTS -> begin(); d_step { up[s] = 1; object[s] = x; how[s] = 0; rung[s] = 0 } :: else fi;
#endif
		d_step { e = 0; c_next++; c_live++ };
		reclaim();
		commit();
		d_step { moved[s] = 0; lk = 0; changing = 0; c_next = 0; c_live = 0 };
		closeall(s);
#ifdef LATEPOST
		if :: BIT(SYNC, s) -> lock(s); begin(); d_step { up[s] = 1; object[s] = x; how[s] = 0; rung[s] = 0 }; commit(); unlock() :: else fi;
#endif
		if :: !BIT(SYNC, s) -> says[s] = NOROOM; goto fin :: else fi;
sleep:	if
		:: rung[s] && up[s]
#ifdef TICK
		:: (moved[s] || claims) && (GONEST(x) || how[s] != 0)
#endif
		:: atomic { quits > 0 -> quits--; says[s] = TIMEOUT }
		fi;
#ifdef UNLOCKED
		lock(s); outcome(s); unlock();
#endif
		lock(s);
#ifndef UNLOCKED
		outcome(s);
#endif
		if
		:: e == NONE && says[s] == TIMEOUT ->
#ifdef UNLOCKED
			if :: true -> gone(s, x, DROPPED); withdrawn[x] = 1 fi
#else
#ifdef WITHDRAWCLAIMED
			if :: HERE(x) -> gone(s, x, DROPPED); withdrawn[x] = 1 :: else fi
#else
			if :: st[x] == READY -> gone(s, x, DROPPED); withdrawn[x] = 1 :: else fi
#endif
#endif
		:: e == NONE && says[s] != TIMEOUT ->
			/* posts again, and is armed anew: a bell that somebody holds is made anew */
			d_step { how[s] = 0; rung[s] = 0; moved[s] = 0; h = 0; do :: h < NP -> hold[h] = hold[h] & (255 - (1 << s)); h++ :: else -> break od; h = 0; e = 0 };
			unlock();
			goto sleep
		:: else -> says[s] = (e == DONE -> OK : GONE)
		fi;
		begin();
		up[s] = 0;
		commit();
		unlock();
		closeall(s);
		d_step { assert(says[s] != OK || out[x] > 0); assert(says[s] != GONE || out[x] <= extra) };
fin:	x = 0; e = 0
	} unless { mark[s] -> d_step { dead[s] = 1; if :: lk == s + 1 -> lk = 0 :: else fi }; closeall(s) }
}
proctype receiver()
{
	byte x = NONE;
	{
	skip;
again:	lock(R);
		if :: x != NONE -> gone(R, x, DONE) :: else fi;
		d_step { x = 0; do :: x < c_next && st[x] != READY -> x++ :: else -> break od };
		if
		:: x == c_next -> x = NONE
		:: else -> begin(); d_step { st[x] = CLAIMED; claims = 1 }
		fi;
		if :: changing -> commit() :: else fi;
		unlock();
#ifdef LATEOPEN
		d_step { h = 0; do :: h < next -> if :: GONEST(h) -> ring(R, h) :: else fi; h++ :: else -> break od; h = 0 };
#endif
		closeall(R);
		if
		:: x != NONE -> d_step { out[x]++; assert(out[x] <= 1 + extra); assert(!withdrawn[x]); assert(says[who[x]] != GONE) }
		:: x == NONE -> SOME
		fi;
		goto again
	} unless { mark[R] -> d_step { dead[R] = 1; if :: lk == R + 1 -> lk = 0 :: else fi; claims = 0;
		x = 0; do :: x < NS -> if :: st[x] == CLAIMED -> st[x] = READY :: else fi; x++ :: else -> break od; x = 0 }; closeall(R);
		run receiver2() }
}
/* another one, once the first has died: what that had is ready again (give_back_dead) */
proctype receiver2()
{
	byte x = NONE;
again:  lock(R);
	if :: x != NONE -> gone(R, x, DONE) :: else fi;
	d_step { x = 0; do :: x < c_next && st[x] != READY -> x++ :: else -> break od };
	if
	:: x == c_next -> x = NONE
	:: else -> begin(); d_step { st[x] = CLAIMED; claims = 1 }
	fi;
	if :: changing -> commit() :: else fi;
	unlock();
	closeall(R);
	if
	:: x != NONE -> d_step { out[x]++; assert(out[x] <= 1 + extra); assert(!withdrawn[x]); assert(says[who[x]] != GONE) }
	:: x == NONE -> SOME
	fi;
	goto again
}
#if KILLR || KILLS
active proctype fate()
{
	byte w;
	do
	:: atomic { killr > 0 -> killr--; mark[R] = 1; extra++ }
	:: atomic { kills > 0 -> kills--; select(w : 0 .. (NS - 1)); mark[w] = 1; w = 0 }
	:: break
	od
}
#endif
init { atomic { h = 0; do :: h < NS -> who[h] = NONE; h++ :: else -> break od; h = 0;
	byte p = 0; do :: p < NS -> run sender(p); p++ :: else -> break od;
#ifndef STILL
	run receiver()
#endif
	} }
active proctype monitor()
{
	timeout -> assert(lk == 0);
	d_step { h = 0; do :: h < NS ->
		assert(!BIT(SYNC, h) || dead[h] || says[h] != 0 || (up[h] && HERE(object[h])));
		assert(dead[h] || says[h] == 0 || !up[h]); h++ :: else -> break od }
}
