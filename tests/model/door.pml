/* SPDX-License-Identifier: ISC */
/*
 * door: what was left in drop/ is taken in, and who is woken for it (intake.c, door.c, wake.c hand_on_door, leave.c).
 *
 * A sender leaves ND drops: each becomes a file, then the bell is rung, where somebody listens.  NR receivers look, take
 * in what they have seen, take a message, or post their wants, keep the door and sleep; each takes LOOP messages.
 * KILLR receivers are killed between any two steps, KILLD drops are not rung for (their sender was killed); TICK: when
 * nothing moves any more, everybody looks once, as after a second.  A waiter's own bell is wants.pml's: here a mark and
 * a ring are one step.  SEL: the first receiver wants the first drop only, the second the second.
 *
 * STOPR receivers are stopped for ever while they listen and sleep.  A receiver that finds the listener stopped listens
 * besides it.
 *
 * Asserted: no drop becomes two messages, none is lost; and when nothing moves any more, and somebody sleeps, no drop
 * waits outside and no message is ready.
 *
 * Mutants: UNLINKFIRST the file goes before the commit; NOTAKEN ctl does not name what was taken in; KEEPOLD nor does
 * the file of the one before go first; RINGFIRST rung before it is in place; NOLOOK who keeps the door does not look
 * again; NOHAND who wakes does not hand the door on; LATEHEAR the bell is heard after the look;
 * ONEKEEPER who is stopped keeps the door for itself
 */
#ifndef NR
#define NR 2
#endif
#ifndef ND
#define ND 2
#endif
#ifndef LOOP
#define LOOP 1
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef STOPR
#define STOPR 0
#endif
#ifndef KILLD
#define KILLD 0
#endif
#ifndef TICKS
#ifdef TICK
#define TICKS 2
#else
#define TICKS 0
#endif
#endif
#if ND > 2
#error two drops
#endif
#ifdef SEL
#define WANTS(r, d) (r == d)
#else
#define WANTS(r, d) (true)
#endif
#define ASLEEP 0
#define AWAKE 1
#define DOOR 2
#define MESSAGE 3
bool file[ND], ready[ND], rung[NR], dead[NR], asleep[NR], bell, left;
bool stopped[NR];
byte msg[ND], mark[NR], taken, door, beside, lock, stops = STOPR, kills = KILLR, mute = KILLD, ticks = TICKS;
hidden byte x;

/* who listens: at the door, or beside one that is stopped */
#define LISTENS(r) (door == r + 1 || beside == r + 1)
#define FREE(d) (d == 0)
#ifdef ONEKEEPER
#define OUTOFIT(d) (false)
#else
#define OUTOFIT(d) (d != 0 && stopped[d - 1])
#endif
#define KEPT ((door != 0 && !OUTOFIT(door)) || (OUTOFIT(door) && beside != 0))
/* wake one that sleeps, whichever comes first in the queue; m: one that wants this message, ND: any */
#define SLEEPS(r, m) (me != r && mark[r] == ASLEEP && (m == ND || WANTS(r, m)))
inline ring(as, m) {
	if
	:: SLEEPS(0, m) -> mark[0] = as; rung[0] = 1
	:: SLEEPS(1, m) -> mark[1] = as; rung[1] = 1
#if NR > 2
	:: SLEEPS(2, m) -> mark[2] = as; rung[2] = 1
#endif
	:: else
	fi
}
/* wait_awake */
inline awake() {
	was = mark[me]; mark[me] = AWAKE;
	if
	:: LISTENS(me) -> if :: door == me + 1 -> door = 0 :: else -> beside = 0 fi;
#ifndef NOHAND
		ring(DOOR, ND)
#endif
	:: was == DOOR && !KEPT -> ring(DOOR, ND)
	:: else
	fi;
	/* what it was woken for: one that it wants, and has not taken */
	if
	:: was == MESSAGE && ready[0] && WANTS(me, 0) -> ring(MESSAGE, 0)
	:: was == MESSAGE && ready[1] && WANTS(me, 1) -> ring(MESSAGE, 1)
	:: else
	fi
}
inline unlock() { lock = 0 }
/* one drop that was seen */
inline take() {
	atomic { lock == 0 -> lock = me + 1 };
#ifndef KEEPOLD
	if :: taken != 0 && file[taken - 1] -> file[taken - 1] = 0 :: else fi;
#endif
	if
	:: file[d] && taken != d + 1 ->
#ifdef UNLINKFIRST
		file[d] = 0;
#endif
		atomic {
			msg[d]++; ready[d] = 1;
			assert(msg[d] == 1);
#ifndef NOTAKEN
			taken = d + 1;
#endif
			ring(MESSAGE, d)
		};
		file[d] = 0;
		took = 1
	:: else
	fi;
	unlock()
}

proctype receiver(byte me) {
	byte d, was, n = LOOP;
	bool took;
	{
		skip;
look:		skip;
		atomic { asleep[me] = 0; took = 0;
#ifndef LATEHEAR
		if :: LISTENS(me) -> bell = 0 :: else fi
#endif
		};
		d = 0;
		do
		:: d < ND -> if :: file[d] -> take() :: else fi; d++
		:: else -> d = 0; break
		od;
#ifdef LATEHEAR
		if :: LISTENS(me) -> bell = 0 :: else fi;
#endif
		atomic {
			lock == 0;
			if
			:: ready[0] && WANTS(me, 0) -> ready[0] = 0; n--; awake();
				if :: n > 0 -> goto look :: else -> goto quit fi
			:: ready[1] && WANTS(me, 1) -> ready[1] = 0; n--; awake();
				if :: n > 0 -> goto look :: else -> goto quit fi
			:: else -> mark[me] = ASLEEP; rung[me] = 0
			fi
		};
		if :: took -> goto look :: else fi;
		atomic {
			if
			:: !LISTENS(me) && door == 0 -> door = me + 1;
#ifndef NOLOOK
				goto look
#endif
			:: !LISTENS(me) && OUTOFIT(door) && beside == 0 -> beside = me + 1; goto look
			:: else
			fi;
			asleep[me] = 1
		};
		if
		:: rung[me] || (LISTENS(me) && bell) || !asleep[me] -> goto look
		:: atomic { stops > 0 && door == me + 1 && !rung[me] && asleep[me] -> stops--; stopped[me] = 1; asleep[me] = 0 }; false
		fi;
quit:		skip
	} unless { dead[me] };
	atomic {
		/* gone, by himself or by SIGKILL: the kernel takes off his locks */
		if :: lock == me + 1 -> lock = 0 :: else fi;
		if :: door == me + 1 -> door = 0 :: else fi;
		if :: beside == me + 1 -> beside = 0 :: else fi;
		if :: door == 0 && beside == 0 -> bell = 0 :: else fi;
		mark[me] = AWAKE; asleep[me] = 0
	}
}

proctype sender() {
	byte i;
	do
	:: i < ND ->
#if STOPR
		(i == 0 || msg[i - 1] == 1);    /* the look that finds the first also finds the listener stopped */
#endif
#ifdef RINGFIRST
		if :: door != 0 || beside != 0 -> bell = 1 :: else fi;
#endif
		file[i] = 1;
#ifndef RINGFIRST
		if
		:: mute > 0 -> mute--
		:: door != 0 || beside != 0 -> bell = 1
		:: door == 0 && beside == 0
		fi;
#endif
		i++
	:: else -> break
	od;
	left = 1
}

proctype killer() {
	byte i;
	do
	:: kills > 0 -> kills--; select(i : 0 .. NR - 1); dead[i] = 1
	:: break
	od
}

proctype second() {
	byte i, sleepers;
	do
	:: timeout ->
		atomic {
			i = 0; sleepers = 0;
			do
			:: i < NR -> sleepers = sleepers + asleep[i]; i++
			:: else -> break
			od;
			if
			:: sleepers > 0 && ticks > 0 ->
				ticks--; i = 0;
				do :: i < NR -> if :: !stopped[i] -> asleep[i] = 0 :: else fi; i++ :: else -> break od
			:: else ->
				i = 0;
				do
				:: i < ND ->
					assert(!left || file[i] || msg[i] == 1);
					assert(sleepers == 0 || !file[i] || msg[i] == 1);
					i++
				:: else -> break
				od;
				assert(!(asleep[0] && ready[0] && WANTS(0, 0)) && !(asleep[0] && ready[1] && WANTS(0, 1)));
				assert(!(asleep[1] && ready[0] && WANTS(1, 0)) && !(asleep[1] && ready[1] && WANTS(1, 1)));
				break
			fi
		}
	od
}

init {
	atomic {
		x = 0;
		do :: x < NR -> mark[x] = AWAKE; run receiver(x); x++ :: else -> break od;
		run sender(); run killer(); run second()
	}
}
