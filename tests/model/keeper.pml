/* SPDX-License-Identifier: ISC */
/*
 * keeper: who that sleeps wakes when a delayed message falls due (keeper.c, fall.c, later.c, wait.c).
 *
 * A sender leaves ND messages, each due at 1 or 2; NR receivers look, make ready what has fallen due, take a message, or
 * post their wants, see to it that there is a keeper, and sleep; each takes LOOP messages, and is then at work for ever.
 * A locked section is one step, and so are a mark and its ring (wants.pml).  Time goes on when nothing moves any more.
 * KILLR receivers are killed as they sleep or between two sections; TICK: before time goes on everybody looks once, as
 * after a second.  SEL: the first receiver wants the last message only, the
 * second the one before.
 *
 * Asserted: whenever nothing moves, no receiver sleeps that wants a message that is ready, or is due by then.
 *
 * Mutants: NOTELL the sender of what is due before all others tells nobody; NOHAND a keeper that sleeps no more hands
 * that to nobody; NOPASS one that was woken to be it, and is not, wakes no other; NOWAKE what falls due wakes nobody;
 * NOHEAD what falls due below the head is not looked at again
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
#ifdef SEL
#define WANTS(r, d) ((r) + (d) == ND - 1)
#else
#define WANTS(r, d) (true)
#endif
#define ASLEEP 0
#define AWAKE 1
#define LISTEN 2
#define MESSAGE 3
#define LAST 2          /* the time at which all is due */
#define NEVER 9
bool delayed[ND], ready[ND], rung[NR], dead[NR], asleep[NR];
byte at[ND], mark[NR], alarm[NR], due = NEVER, keeper, now, head, kills = KILLR;
bool ticked;
hidden byte x;

#define SLEEPS(r, m) (me != r && mark[r] == ASLEEP && !dead[r] && (m == ND || WANTS(r, m)))
/* wake the first that sleeps, and wants m; ND: any */
inline ring(as, m) {
	if
	:: SLEEPS(0, m) -> mark[0] = as; rung[0] = 1
	:: !SLEEPS(0, m) && SLEEPS(1, m) -> mark[1] = as; rung[1] = 1
#if NR > 2
	:: !SLEEPS(0, m) && !SLEEPS(1, m) && SLEEPS(2, m) -> mark[2] = as; rung[2] = 1
#endif
	:: else
	fi
}

inline earliest() {
	due = NEVER; x = 0;
	do
	:: x < ND -> if :: delayed[x] && at[x] < due -> due = at[x] :: else fi; x++
	:: else -> break
	od;
	x = 0
}

/* fall_due: what has fallen due is ready, and wakes who wants it */
inline fall() {
	i = 0;
	do
	:: i < ND ->
		if
		:: delayed[i] && at[i] <= now ->
			delayed[i] = 0; ready[i] = 1;
#ifndef NOHEAD
			if :: i < head -> head = i :: else fi;
#endif
#ifndef NOWAKE
			ring(MESSAGE + i, i)
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	earliest()
}

/* wait_awake: we sleep no more; what we were woken for goes to the next */
inline awake() {
	was = mark[me]; mark[me] = AWAKE;
	if
	:: keeper == me + 1 ->
		keeper = 0;
#ifndef NOHAND
		if :: due != NEVER -> ring(LISTEN, ND) :: else fi
#endif
	:: keeper != me + 1 && was == LISTEN && keeper == 0 && due != NEVER ->
#ifndef NOPASS
		ring(LISTEN, ND)
#else
		skip
#endif
	:: else
	fi;
	if
	:: was >= MESSAGE && ready[was - MESSAGE] -> ring(was, was - MESSAGE)
	:: else
	fi;
	was = AWAKE
}

proctype receiver(byte me) {
	byte n = LOOP, i, was = AWAKE;
	{
		skip;
look:		atomic {
			asleep[me] = 0;
			fall();
			i = head;
			do
			:: i < ND && !(ready[i] && WANTS(me, i)) -> i++
			:: else -> break
			od;
			if
			:: i < ND ->
				ready[i] = 0;
				/* what was passed over is delayed, or not for us: that stays above the head */
				x = head;
				do :: x < i && !ready[x] -> x++ :: else -> break od;
				head = (x == i -> i + 1 : x); x = 0; n--;
				i = 0; awake();
				if :: n > 0 -> goto look :: else -> goto quit fi
			:: else ->
				i = 0; mark[me] = ASLEEP; rung[me] = 0;
				if
				:: due != NEVER && (keeper == 0 || dead[keeper - 1]) -> keeper = me + 1
				:: else
				fi;
				alarm[me] = (keeper == me + 1 -> due : NEVER);
				asleep[me] = 1
			fi
		};
		(rung[me] || alarm[me] <= now || !asleep[me]) -> goto look;
quit:		skip
	} unless { dead[me] };
	atomic { mark[me] = AWAKE; asleep[me] = 0; alarm[me] = NEVER }
}

proctype sender() {
	byte i, me = NR;
	do
	:: i < ND ->
		atomic {
			if :: at[i] = now + 1 :: now + 2 <= LAST -> at[i] = now + 2 :: at[i] = 0 fi;
			if
			:: at[i] <= now -> ready[i] = 1; ring(MESSAGE + i, i)
			:: else ->
				delayed[i] = 1;
				if :: head == i -> head = i + 1 :: else fi;
				if
				:: at[i] < due ->
					due = at[i];
#ifndef NOTELL
					if
					:: keeper != 0 && SLEEPS(keeper - 1, ND) -> mark[keeper - 1] = LISTEN; rung[keeper - 1] = 1
					:: else -> ring(LISTEN, ND)
					fi
#endif
				:: else
				fi
			fi;
			i++
		}
	:: else -> break
	od
}

proctype killer() {
	byte i;
	do
	:: kills > 0 -> kills--; select(i : 0 .. NR - 1); dead[i] = 1
	:: break
	od
}

proctype clock() {
	byte r, d;
	do
	:: timeout ->
		atomic {
#ifdef TICK
			if
			:: !ticked ->
				ticked = 1; r = 0;
				do :: r < NR -> asleep[r] = 0; r++ :: else -> break od;
				r = 0
			:: else ->
#endif
				r = 0;
				do
				:: r < NR ->
					d = 0;
					do
					:: d < ND ->
						assert(!(asleep[r] && !dead[r] && WANTS(r, d) && (ready[d] || (delayed[d] && at[d] <= now))));
						d++
					:: else -> break
					od;
					r++
				:: else -> break
				od;
				r = 0; d = 0; ticked = 0;
				if :: now < LAST + 1 -> now++ :: else -> break fi
#ifdef TICK
			fi
#endif
		}
	od
}

init {
	atomic {
		x = 0;
		do :: x < NR -> mark[x] = AWAKE; alarm[x] = NEVER; run receiver(x); x++ :: else -> break od;
		x = 0;
		run sender(); run killer(); run clock()
	}
}
