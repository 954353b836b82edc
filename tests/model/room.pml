/* SPDX-License-Identifier: ISC */
/*
 * room: senders that wait for room (wake.c wake_room, wake_ahead, wait_sleep; post.c enter, append).
 *
 * NS senders; sender 0 sends messages of BIG units, the others of 1; those in the mask LOOP send two, one after the
 * other.  CAP units fit, and one message always in an empty mailbox.  A receiver for ever (STILL: none; TAKES: so many
 * messages), whose own waiting is another model's.  A want's mark: 0 asleep, 1 woken, AWAKE; the queue is in the order of
 * tickets; a woken sender keeps its place, one that is posted again after it was AWAKE goes to the end.
 * The receiver's done is begun (busy) and committed; who finds busy recounts.  KILLS senders, KILLR the receiver killed
 * anywhere, QUIT a sender's time is over, STOPC stopped for ever between unlock and close, STOPH stopped asleep:
 * `silent` once it has not looked for two seconds.
 * A sleeper's own look (-DTICK) is possible only when it would find room, and ctl was written since or it stood behind
 * another: whether that one died or is silent no byte of ctl tells.
 *
 * With -DORDER: nobody sends while a living sender that is not silent waits before it.  When nobody can move: no
 * living sender sleeps that fits, with nobody before it who lives and runs; and used is what is inside.
 *
 * LATE: the last sender comes when the killing is over.
 *
 * Mutants: NONEXT who is admitted does not wake the next; MUTELEAVE; BARGE newcomers do not queue; LATEOPEN the
 * receiver opens after its commit; NOBUSY; GENERATION looks only when ctl was written; MUTEAHEAD who finds another ahead
 * does not wake it
 */
#include "fifo.h"
#ifndef NS
#define NS 3
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef BIG
#define BIG 2
#endif
#ifndef LOOP
#define LOOP 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef QUIT
#define QUIT 0
#endif
#ifndef STOPC
#define STOPC 0
#endif
#ifndef STOPH
#define STOPH 0
#endif
#ifndef TAKES
#define TAKES 99
#endif
#define NR 1
#define NP (NS + NR)
#define AWAKE 2
#define BIT(v,i) (((v) >> (i)) & 1)
#define CLRBIT(v,i) v = v & (255 - (1 << (i)))
#define SZ(p) ((p) == 0 -> BIG : 1)
fifo F[NS];
byte lk, used, c_used, nq, q[NS], wok[NS], wh[NP], in[NS];     /* q: the queue; in: messages inside, per sender */
bool busy, posted[NS], rop[NS], moved[NS], ahead[NS], mark[NP], dead[NP], stopped[NP], silent[NP], fin[NS];
byte kills = KILLS, killr = KILLR, quits = QUIT, stopc = STOPC, stoph = STOPH;
hidden byte h1, h2;
#define FITS(p) (c_used == 0 || c_used + SZ(p) <= CAP)
#define TELL h1 = 0; do :: h1 < NS -> moved[h1] = 1; h1++ :: else -> break od; h1 = 0

inline count() { c_used = 0; h1 = 0; do :: h1 < NS -> c_used = c_used + in[h1] * SZ(h1); h1++ :: else -> break od; h1 = 0 }
inline lock(p) {
	atomic { lk == 0 -> lk = p + 1; c_used = used };
	if :: busy -> d_step { count(); used = c_used; busy = 0; TELL } :: else fi
}
inline begin() {
#ifndef NOBUSY
	d_step { busy = 1; TELL }
#else
	skip
#endif
}
inline commit() { d_step { used = c_used; busy = 0; TELL } }
inline unlock() { d_step { lk = 0; c_used = 0 } }
inline qdel(p) {
	h1 = 0; h2 = 0;
	do :: h1 < nq -> if :: q[h1] != p -> q[h2] = q[h1]; h2++ :: else fi; h1++ :: else -> break od;
	nq = h2; do :: h2 < NS -> q[h2] = 0; h2++ :: else -> break od;
	posted[p] = 0; wok[p] = 0; h1 = 0; h2 = 0
}
/* wake_room, by process p */
inline wake_room(p) {
	j = 0;
	do
	:: j < nq && (wok[q[j]] == AWAKE || q[j] == p) -> j++
	:: j < nq && wok[q[j]] == 0 && q[j] != p && !FITS(q[j]) -> break
	:: j < nq && wok[q[j]] == 0 && q[j] != p && FITS(q[j]) ->
		v = q[j];
		d_step { F_WOPEN(F[v], ok); if :: ok -> wh[p] = wh[p] | (1 << v) :: else fi };
		if
		:: ok -> wok[v] = 1; v = 0; break
		:: !ok && dead[v] -> d_step { qdel(v) }; v = 0
		:: !ok && !dead[v] -> v = 0; j++
		fi
	:: j < nq && wok[q[j]] == 1 && q[j] != p && !dead[q[j]] -> break
	:: j < nq && wok[q[j]] == 1 && q[j] != p && dead[q[j]] -> d_step { v = q[j]; qdel(v); v = 0 }
	:: else -> break
	od; j = 0; v = 0; ok = 0
}
/* wake_ahead, by sender p: ahead[p] */
inline wake_ahead(p) {
	d_step {
		h1 = 0; h2 = 0; ahead[p] = 0;
		do
		:: h1 < nq && wok[q[h1]] == AWAKE -> h1++
		:: h1 < nq && wok[q[h1]] != AWAKE && q[h1] == p -> break
		:: h1 < nq && wok[q[h1]] != AWAKE && q[h1] != p && dead[q[h1]] -> v = q[h1]; j = h1; qdel(v); v = 0; h1 = j; j = 0
		:: h1 < nq && wok[q[h1]] != AWAKE && q[h1] != p && !dead[q[h1]] && silent[q[h1]] -> h1++
		:: h1 < nq && wok[q[h1]] != AWAKE && q[h1] != p && !dead[q[h1]] && !silent[q[h1]] ->
			ahead[p] = 1;
#ifndef MUTEAHEAD
			if
			:: wok[q[h1]] == 0 && FITS(q[h1]) ->
				F_WOPEN(F[q[h1]], ok);
				if :: ok -> wh[p] = wh[p] | (1 << q[h1]); wok[q[h1]] = 1 :: else fi;
				ok = 0
			:: else
			fi;
#endif
			break
		:: else -> break
		od; h1 = 0; h2 = 0
	}
}
inline closeall(p) {
	do
	:: d_step { wh[p] -> h1 = 0; do :: !BIT(wh[p],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[p],h1); h1 = 0 }
	:: atomic { wh[p] && stopc > 0 -> stopc--; stopped[p] = 1 }; false
	:: else -> break
	od; skip
}
/* does nobody who lives and is not silent wait before p?  (LIVELY(x): stands before p in the queue) */
#define GOES(x)     (dead[x] || stopped[x] || wok[x] == AWAKE)
#define NOAHEAD(p)  (nq == 0 || q[0] == p || (GOES(q[0]) && (nq == 1 || q[1] == p || (GOES(q[1]) && (nq == 2 || q[2] == p)))))
#define QUIET(x)    (dead[x] || silent[x] || wok[x] == AWAKE)
#define MAYPASS(p)  (nq == 0 || q[0] == p || (QUIET(q[0]) && (nq == 1 || q[1] == p || (QUIET(q[1]) && (nq == 2 || q[2] == p)))))
#define DYING(x)    (mark[x] && !dead[x] && !fin[x])
#define ROOM(p)     (used == 0 || used + SZ(p) <= CAP)

proctype sender(byte p)
{
	byte v, j, sv, sent;
	bool ok;
	{
#ifdef LATE
		p < NS - 1 || (kills == 0 && !DYING(0) && !DYING(1));
#else
		skip;
#endif
again:		lock(p);
		d_step { moved[p] = 0 };
		wake_ahead(p);
		if
		:: FITS(p) && (!ahead[p]
#ifdef BARGE
		    || !posted[p]
#endif
		    ) ->
#ifdef ORDER
			assert(MAYPASS(p));
#endif
			c_used = c_used + SZ(p);
			if :: posted[p] -> wok[p] = AWAKE :: else fi;
#ifndef NONEXT
			wake_room(p);
#endif
			/* the commit makes the message exist */
			d_step { in[p]++; used = c_used; busy = 0; TELL };
			unlock();
			closeall(p);
			sent++;
			if :: BIT(LOOP,p) && sent < 2 -> goto again :: else fi;
			goto leave
		:: else ->
			d_step {
				if :: posted[p] && wok[p] == AWAKE -> qdel(p) :: else fi;
				if :: !posted[p] -> q[nq] = p; nq++; posted[p] = 1 :: else fi; wok[p] = 0; silent[p] = 0
			};
			/* armed anew; a FIFO that somebody still holds is replaced */
			d_step {
				if :: rop[p] -> F_RCLOSE(F[p]) :: else fi;
				F_ROPEN(F[p], sv); rop[p] = 1;
				if
				:: F[p].w > 0 ->
					h1 = 0; do :: h1 < NP -> CLRBIT(wh[h1], p); h1++ :: else -> break od;
					F[p].w = 0; F[p].wc = 0; sv = 0; h1 = 0
				:: else
				fi
			};
			unlock();
			closeall(p)
		fi;
		if
		:: HUP(F[p], sv) -> goto again
#ifdef TICK
#ifdef GENERATION
		:: ROOM(p) && MAYPASS(p) && (moved[p] || busy) -> goto again
#else
		:: ROOM(p) && MAYPASS(p) && (moved[p] || busy || ahead[p]) -> goto again
#endif
		:: KILLR && busy -> goto again
#endif
		:: atomic { stoph > 0 -> stoph--; stopped[p] = 1 }; false
		:: atomic { quits > 0 -> quits-- }
		fi;
leave:		if
		:: posted[p] ->
			lock(p); begin();
#ifndef MUTELEAVE
			if :: wok[p] != AWAKE -> wok[p] = AWAKE; wake_room(p) :: else fi;
#endif
			d_step { qdel(p) }; commit(); unlock(); closeall(p)
		:: else
		fi;
		if :: rop[p] -> d_step { F_RCLOSE(F[p]); rop[p] = 0 } :: else fi;
		d_step { fin[p] = 1; sv = 0; ok = 0; sent = 0; ahead[p] = 0 }
	} unless { mark[p] ->
		d_step { dead[p] = 1; if :: lk == p + 1 -> lk = 0 :: else fi };
		do
		:: d_step { wh[p] -> h1 = 0; do :: !BIT(wh[p],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[p],h1); h1 = 0 }
		:: else -> break
		od; skip;
		if :: rop[p] -> d_step { F_RCLOSE(F[p]); rop[p] = 0 } :: else fi }
}

#define INSIDE (in[0] || in[1] || in[NS-1])
proctype receiver(byte r)
{
	byte v, m, j, took;
	bool ok;
	{
		skip;
end:		do
		:: INSIDE && took < TAKES ->
			lock(r);
			if
			:: INSIDE ->
				d_step { m = 0; do :: !in[m] -> m++ :: else -> break od };
				begin();
				in[m]--;                /* its state */
				c_used = c_used - SZ(m);
#ifdef LATEOPEN
				commit(); wake_room(r);
#else
				wake_room(r); commit();
#endif
				m = 0
			:: else
			fi;
			unlock(); closeall(r);
#if TAKES < 99
			took++
#endif
		od
	} unless { mark[r] ->
		d_step { dead[r] = 1; if :: lk == r + 1 -> lk = 0 :: else fi };
		do
		:: d_step { wh[r] -> h1 = 0; do :: !BIT(wh[r],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[r],h1); h1 = 0 }
		:: else -> break
		od }
}

active proctype fate()
{
	byte w;
	do
	:: atomic { kills > 0 -> kills--; select(w : 0 .. (NS - 1)); if :: !fin[w] -> mark[w] = 1 :: else fi; w = 0 }
	:: atomic { killr > 0 -> killr--; mark[NS] = 1 }
#ifdef LATE
	:: kills == 0 -> break
#else
	:: break
#endif
	od
}
#if STOPH
active proctype clock()
{
end:	do
	:: d_step { stopped[0] && !silent[0] -> silent[0] = 1 }
	:: d_step { stopped[1] && !silent[1] -> silent[1] = 1 }
	:: d_step { stopped[NS-1] && !silent[NS-1] -> silent[NS-1] = 1 }
	od
}
#endif
init { atomic { byte n = 0;
	do :: n < NS -> run sender(n); n++ :: else -> break od;
#ifndef STILL
	run receiver(NS);
#endif
	n = 0 } }

#define UP(p)    (!fin[p] && !dead[p] && !stopped[p])
#define STUCK(p) (UP(p) && ROOM(p) && NOAHEAD(p))
active proctype monitor()
{
	timeout -> assert(lk == 0);
	d_step { count(); assert(busy || used == c_used); c_used = 0 };
	assert(!STUCK(0) && !STUCK(1) && !STUCK(NS-1))
}
