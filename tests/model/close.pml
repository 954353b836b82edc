/* SPDX-License-Identifier: ISC */
/*
 * close: a mailbox is closed while others send, wait for room, receive, fail and die (shut.c, end.c, settle.c
 * tell_receivers, append.c may_send).
 *
 * Two senders send a message each into a mailbox with room for CAP, and wait for room; two receivers take what they
 * select (SELA, SELB: masks of messages; 0: all, without a filter), until they end; one process closes it at any moment.
 * FAIL messages are put back; KILLR receivers are killed with a message in hand or before they look; KILLE in the section
 * in which they settle; KILLC: who closes is killed at any write.  TICK: when nothing moves any more, everybody looks
 * once, as after a second.  DROP: the last message is a drop: a file in drop/, told to be kept once it is there.
 * A bell that is open rings at the unlock, or at the death of who opened it.  What is woken for a message is wants.pml's:
 * here all that want it.
 *
 * Asserted: no receiver ends while something that it selects is there, whoever has it, or may come; what was told to be
 * kept is received, unless all that select it are dead; and when nothing moves any more nobody sleeps in a closed mailbox,
 * neither a sender nor a receiver for which nothing is left.
 *
 * Mutants: MUTECLOSE who closes wakes nobody; MUTELAST nobody is woken for the end; LASTONLY only the last message of
 * all wakes for it; LATEOPEN bells are opened after the state is written; ENDCLAIMED what another has is not waited for;
 * ENDEMPTY only an empty mailbox ends a receiver; DROPLEFT the end does not look into drop/; UNSHUT nobody shuts drop/
 * where the closer was killed before
 */
#ifndef NM
#define NM 2
#endif
#ifndef NR
#define NR 2
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef SELA
#define SELA 0
#endif
#ifndef SELB
#define SELB 0
#endif
#ifndef FAIL
#define FAIL 0
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef KILLE
#define KILLE 0
#endif
#ifndef KILLC
#define KILLC 0
#endif
#ifdef TICK
#define TICKS 2
#else
#define TICKS 0
#endif
#define NONE 0
#define READY 1
#define CLAIMED 2
#define DONE 3
byte st[NM], owner[NM], sel[NR], lock, fails = FAIL, killr = KILLR, kille = KILLE, killc = KILLC, ticks = TICKS;
bool kept[NM], closed, busy, shut, file, started;
/* sleepers: receivers, then senders */
bool asleep[NR + NM], opened[NR + NM], rung[NR + NM], dead[NR], ended[NR];

#define LIVE(m) (st[m] == READY || st[m] == CLAIMED)
#define WANTS(r, m) (sel[r] == 0 || (sel[r] & (1 << m)))
#define HOLDS(r) ((LIVE(0) && WANTS(r, 0)) || (LIVE(1) && WANTS(r, 1)))
#define NLIVE (LIVE(0) + LIVE(1))
#if NM != 2
#error two messages
#endif

/* what ends a receiver that has found nothing */
#ifdef ENDCLAIMED
#define NOTHING(r) (!(st[0] == READY && WANTS(r, 0)) && !(st[1] == READY && WANTS(r, 1)))
#elif defined(ENDEMPTY)
#define NOTHING(r) (NLIVE == 0)
#else
#define NOTHING(r) (!HOLDS(r))
#endif
#ifndef DROP
#define NODROP true
#elif defined(DROPLEFT)
#define NODROP shut
#else
#define NODROP (shut && !file)
#endif

inline take_lock(me) { atomic { lock == 0 -> lock = me + 1 } }
#define EACH(op) op(0); op(1); op(2); op(3)
#define RING(s) rung[s] = rung[s] || opened[s]; opened[s] = 0
#define LOOK(s) rung[s] = rung[s] || asleep[s]
#define OPEN(s) opened[s] = opened[s] || asleep[s]
/* what is open rings: at the unlock, and at a death */
inline ring_open() { d_step { EACH(RING) } }
inline unlock() { atomic { ring_open(); lock = 0 } }
/* a message became ready */
inline wake(m) {
	d_step {
		opened[0] = opened[0] || (asleep[0] && WANTS(0, m));
		opened[1] = opened[1] || (asleep[1] && WANTS(1, m))
	}
}
/* a message is about to leave (tell_receivers), and makes room for a sender */
#ifdef MUTELAST
#define ENDS(r, m) false
#elif defined(LASTONLY)
#define ENDS(r, m) (closed && NLIVE <= 1)
#else
#define ENDS(r, m) (closed && (NLIVE <= 1 || (sel[r] != 0 && WANTS(r, m))))
#endif
inline leaving(m) {
	d_step {
		opened[0] = opened[0] || (asleep[0] && ENDS(0, m));
		opened[1] = opened[1] || (asleep[1] && ENDS(1, m));
		OPEN(2); OPEN(3)
	}
}
/* recovery: who locks finds that the closer was killed */
inline recover() {
	if
	:: busy ->
#ifndef UNSHUT
		shut = closed;
#endif
		busy = 0
	:: else
	fi
}

proctype sender(byte m) {
	byte me = NR + m;
again:
	take_lock(me);
	recover();
	if
	:: closed -> unlock()
	:: !closed && NLIVE < CAP -> atomic { wake(m); st[m] = READY; kept[m] = 1 }; unlock()
	:: else -> asleep[me] = 1; unlock();
		atomic { rung[me] -> rung[me] = 0; asleep[me] = 0 };
		goto again
	fi
}

/* one who may only send: the file is there, or drop/ was shut before */
proctype dropper() {
	atomic { if :: !shut -> file = 1; kept[1] = 1 :: else fi }
}

proctype receiver(byte me) {
	byte has = NM;
again:
	if
	:: killr > 0 -> atomic { killr--; dead[me] = 1; goto gone }
	:: true
	fi;
	/* what was left in drop/ comes in in a section of its own, after a look without the lock */
	if
	:: file -> take_lock(me); recover();
		if :: file -> atomic { file = 0; st[1] = READY; wake(1) } :: else fi;
		unlock()
	:: else
	fi;
	take_lock(me);
	recover();
	if
	:: has < NM ->
#ifndef LATEOPEN
		leaving(has);
#endif
		if :: kille > 0 -> atomic { kille--; dead[me] = 1; ring_open(); lock = 0; goto gone } :: true fi;
		st[has] = DONE;
		if :: kille > 0 -> atomic { kille--; dead[me] = 1; ring_open(); lock = 0; goto gone } :: true fi;
#ifdef LATEOPEN
		atomic { st[has] = CLAIMED; leaving(has); st[has] = DONE };
#endif
		has = NM
	:: else
	fi;
	/* redeliver */
	if :: st[0] == CLAIMED && dead[owner[0]] -> st[0] = READY; wake(0) :: else fi;
	if :: st[1] == CLAIMED && dead[owner[1]] -> st[1] = READY; wake(1) :: else fi;
	if
	:: st[0] == READY && WANTS(me, 0) -> has = 0
	:: !(st[0] == READY && WANTS(me, 0)) && st[1] == READY && WANTS(me, 1) -> has = 1
	:: else
	fi;
	if
	:: has < NM -> atomic { st[has] = CLAIMED; owner[has] = me }; unlock();
		if
		:: fails > 0 -> fails--; take_lock(me); recover(); atomic { wake(has); st[has] = READY }; has = NM; unlock()
		:: true
		fi;
		goto again
	:: has == NM && closed && NOTHING(me) && NODROP -> ended[me] = 1; assert(!HOLDS(me)); unlock()
	/* what is in drop/ now was put there before it was shut: it is looked at again */
	:: has == NM && closed && NOTHING(me) && !NODROP && shut -> unlock(); goto again
	:: else -> asleep[me] = 1; unlock();
		atomic { rung[me] -> rung[me] = 0; asleep[me] = 0 };
		goto again
	fi;
gone:
	skip
}

proctype closer() {
	take_lock(NR + NM);
	recover();
#ifndef MUTECLOSE
	d_step { EACH(OPEN) };
#endif
	if :: killc > 0 -> atomic { killc--; ring_open(); lock = 0; goto killed } :: true fi;
	atomic { closed = 1; busy = 1 };
	if :: killc > 0 -> atomic { killc--; ring_open(); lock = 0; goto killed } :: true fi;
	shut = 1;
	if :: killc > 0 -> atomic { killc--; ring_open(); lock = 0; goto killed } :: true fi;
	busy = 0;
	unlock();
killed:
	skip
}

inline check(r) {
	assert(!asleep[r] || !closed || HOLDS(r));
	assert(!ended[r] || !HOLDS(r));
#ifdef DROP
	assert(!ended[r] || !file || !WANTS(r, 1));
#endif
}
#define LOST(m) (kept[m] && st[m] != DONE && ((!dead[0] && WANTS(0, m)) || (!dead[1] && WANTS(1, m))))

init {
	sel[0] = SELA; sel[1] = SELB;
	atomic {
		run receiver(0); run receiver(1); run closer(); run sender(0);
#ifdef DROP
		run dropper()
#else
		run sender(1)
#endif
	};
	do
	:: timeout -> if
		:: ticks > 0 -> ticks--; d_step { EACH(LOOK) }
		:: else -> break
		fi
	od;
	check(0); check(1);
	assert(!LOST(0) && !LOST(1));
	assert(!closed || (!asleep[NR] && !asleep[NR + 1]))
}
