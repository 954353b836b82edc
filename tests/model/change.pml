/* SPDX-License-Identifier: ISC */
/*
 * change: ctl, busy, recount, and the claims of the dead (mbox.c, recount.c, claim.c, post.c).
 *
 * NS senders of one message each, NR receivers for ever (-f).  Every write(2) is a step, and a process may be killed
 * between any two.  d_: ctl on disk.  c_: ctl in the memory of who holds the lock.  The states stand apart from it.
 * Messages of the senders in TAGA have tag a; the receivers in SELA take only a, those in SELB only the others.
 * RUN: how many are claimed in a turn.  KILLS, KILLR: senders, receivers killed.  FAIL: runs put back; DELAY: messages of
 * them that are not to be given yet, and fall due some time.  OLDEST: a mailbox of CAP drops its oldest for a new one;
 * LATEST: every one of the same tag that nobody has.  PIECES: the lock may be let go after each of them, and after
 * each that is given back for the dead.
 * A receiver's own look, once a second, is possible only when mbox_moved says so and it would find something.
 *
 * Asserted at each commit, which is when busy is 0: ctl is what recount gives, and nothing ready stands below head.
 * At each delivery: not more of them than 1 + deaths, and none that was dropped.
 * At each append: there is room (CAP), or with LATEST no other of its tag that nobody has.
 * At each look that takes nothing: there is nothing for him, what the dead had claimed included.
 * When nobody can move: whatever was sent was delivered or dropped, nobody sleeps on a message of his, nobody holds the lock.
 *
 * Mutants: NOBUSY begin does not write busy; NORECOUNT clears busy and goes on; NOCOUNT claims without counting;
 * HALFAPPEND an append commits in two writes; EARLYDONE done before delivery; EARLYCLAIM claims after the unlock;
 * HEADBOUND the dead's claims are looked for below head only; NOBACKS, HEADSTAYS: a put back tells nobody;
 * HEADRUN head passes what a selective receiver passed; NOMOVED claims do not make mbox_moved say yes, NODELAYED what is
 * delayed does not; CURSORPAST a cursor passes what is delayed; DROPCLAIMED; ONEDROP only the first of its tag goes;
 * OLDROOM (with PIECES) room is not looked at again
 */
#ifndef NS
#define NS 2
#endif
#ifndef NR
#define NR 2
#endif
#ifndef TAGA
#define TAGA 1
#endif
#ifndef SELA
#define SELA 0
#endif
#ifndef SELB
#define SELB 0
#endif
#ifndef RUN
#define RUN 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef FAIL
#define FAIL 0
#endif
#ifndef DELAY
#define DELAY 0
#endif
#ifndef CAP
#define CAP 9
#endif
#define NP (NR + NS)
#define BIT(v,i) (((v) >> (i)) & 1)
#define READY 0         /* what the states of a new segment read as */
#define CLAIMED 1
#define DELAYED 2
#define DONE 3
#define NONE 9
typedef ctl { byte next; byte live; byte claimed; byte delayed; byte head; byte backs };
ctl d, c;
bool busy, changing;
byte lk, st[NS], own[NS], who[NS], out[NS];
bool ok[NS], dead[NP], mark[NP], moved[NR], due[NS], dropped[NS];
byte kills = KILLS, killr = KILLR, fails = FAIL, delays = DELAY, extra = 0;
hidden byte h, n, k, g;
#define MATCH(i,p) (!(BIT(SELA,i) && !BIT(TAGA,who[p])) && !(BIT(SELB,i) && BIT(TAGA,who[p])))
#define COPY(to,from) to.next = from.next; to.live = from.live; to.claimed = from.claimed; to.delayed = from.delayed; to.head = from.head; to.backs = from.backs

inline tell() { h = 0; do :: h < NR -> moved[h] = 1; h++ :: else -> break od; h = 0 }
inline count() {        /* recount: c from the states */
	c.live = 0; c.claimed = 0; c.delayed = 0; c.head = c.next; h = 0;
	do
	:: h < c.next ->
		if :: st[h] != DONE -> c.live++ :: else fi;
		if :: st[h] == CLAIMED -> c.claimed++
		   :: (st[h] == READY || st[h] == DELAYED) && c.head > h -> c.head = h
		   :: else fi;
		if :: st[h] == DELAYED -> c.delayed++ :: else fi; h++
	:: else -> break
	od; h = 0
}
inline whole() {        /* ctl is true, nothing ready stands below head */
	n = 0; k = 0; g = 0; h = 0;
	do
	:: h < c.next ->
		if :: st[h] != DONE -> n++ :: else fi;
		if :: st[h] == CLAIMED -> k++ :: else fi;
		if :: st[h] == DELAYED -> g++ :: else fi;
		assert((st[h] != READY && st[h] != DELAYED) || h >= c.head); h++
	:: else -> break
	od;
	assert(n == c.live && k == c.claimed && g == c.delayed); h = 0; n = 0; k = 0; g = 0
}
inline commit() { d_step { whole(); COPY(d, c); busy = 0; changing = 0; tell() } }
inline begin() {
	if
	:: !changing ->
#ifndef NOBUSY
		d_step { COPY(d, c); busy = 1; tell() };
#endif
		changing = 1
	:: else
	fi
}
inline lock(p) {
	atomic { lk == 0 -> lk = p + 1; COPY(c, d); changing = 0 };
	if
	:: busy ->
#ifndef NORECOUNT
		d_step { count(); c.backs++ };
#endif
		commit()
	:: else
	fi
}
inline unlock() { d_step { lk = 0; c.next = 0; c.live = 0; c.claimed = 0; c.delayed = 0; c.head = 0; c.backs = 0 } }

#ifdef DROPCLAIMED
#define LOOSE(x) (st[x] != DONE)
#define FROM 0
#else
#define FROM c.head
#define LOOSE(x) (st[x] == READY || st[x] == DELAYED)
#endif
inline piece(p) {       /* after any of them the lock may be let go, and all is looked at anew */
#ifdef PIECES
	if
	:: true
	:: commit(); unlock(); lock(p)
	fi
#else
	skip
#endif
}
inline drop(x) {        /* settle_gone of a message that nobody has */
	begin();
	d_step {
		if :: st[x] == DELAYED -> c.delayed-- :: st[x] == CLAIMED -> c.claimed-- :: else fi;
		st[x] = DONE; dropped[who[x]] = 1; c.live--;
		if :: c.head == x -> c.head++ :: else fi;
		if :: c.live == 0 -> c.head = c.next :: else fi
	}
}
#define SAMETAG(x) (BIT(TAGA,who[x]) == BIT(TAGA,s))
proctype sender(byte s)
{
	byte x;
	{
		lock(NR + s);
#ifdef OLDEST
		do
		:: c.live >= CAP ->
			d_step { x = FROM; do :: x < c.next && !LOOSE(x) -> x++ :: else -> break od };
			if
			:: x < c.next -> drop(x); piece(NR + s);
#ifdef OLDROOM
				break
#endif
			:: else -> x = 0; if :: changing -> commit() :: else fi; unlock();
				/* all are claimed: it waits for room */
				d.live < CAP || busy || d.claimed < d.live; lock(NR + s)
			fi
		:: else -> break
		od; x = 0;
#endif
#ifdef LATEST
		do
		:: d_step { x = c.head; do :: x < c.next && !(LOOSE(x) && SAMETAG(x)) -> x++ :: else -> break od };
			if :: x < c.next -> drop(x); piece(NR + s) :: else -> break fi;
#ifdef ONEDROP
			break
#endif
		od;
		skip;
		d_step { x = 0; do :: x < c.next -> assert(!(LOOSE(x) && SAMETAG(x))); x++ :: else -> break od; x = 0 };
#endif
		assert(c.live < CAP);
		st[c.next] = READY;
		who[c.next] = s;
#ifdef HALFAPPEND
		d_step { c.next++; d.next = c.next };
		c.live++;
#else
		d_step { c.next++; c.live++ };
#endif
		commit();
		unlock();
		ok[s] = 1
	} unless { mark[NR + s] -> d_step { dead[NR + s] = 1; if :: lk == NR + s + 1 -> lk = 0 :: else fi } }
}

inline back(i, j) {     /* item j is ready again */
	d_step {                /* status and owner are one word */
		st[j] = READY; own[j] = 0;
		if :: late -> st[j] = DELAYED; c.delayed++; late = 0 :: else fi;
#ifndef HEADSTAYS
		if :: c.head > j -> c.head = j :: else fi;
#endif
#ifndef NOBACKS
		c.backs++;
#endif
		c.claimed--
	}
}
inline settle(i) {      /* what was delivered is done */
	begin();
	j = 0;
	do
	:: j < NS && BIT(mine, j) -> d_step { st[j] = DONE; own[j] = 0; c.live--; c.claimed--; j++ }
	:: j < NS && !BIT(mine, j) -> j++
	:: else -> break
	od;
	skip; d_step { mine = 0; j = 0; if :: c.live == 0 -> c.head = c.next :: else fi }
}
#ifdef HEADBOUND
#define DEADS(p) (st[p] == CLAIMED && dead[own[p]] && c.head > 0)
#else
#define DEADS(p) (st[p] == CLAIMED && dead[own[p]])
#endif
inline revive(i) {      /* give back what the dead had claimed */
	j = 0;
	do
	:: j < c.next && DEADS(j) -> begin(); back(i, j); j = 0; piece(i)
	:: j < c.next && !DEADS(j) -> j++
	:: else -> break
	od;
	j = 0
}
inline search(i) {      /* fill the mine; from: nothing of ours is ready below */
	if :: known != c.backs -> cursor = 0; known = c.backs :: else fi;
	from = (cursor > c.head -> cursor : c.head);
	h = from; k = NONE; g = NONE; n = 0;
	do
	:: h < c.next && n < RUN ->
		if
		:: (st[h] == READY || (st[h] == DELAYED && due[h])) && MATCH(i, h) -> mine = mine | (1 << h); n++
		:: st[h] == READY && !MATCH(i, h) && k == NONE -> k = h
		:: st[h] == DELAYED && !(due[h] && MATCH(i, h)) ->
			if :: k == NONE -> k = h :: else fi;
			if :: g == NONE && MATCH(i, h) -> g = h :: else fi
		:: else
		fi; h++
	:: else -> break
	od;
	cursor = h;
#ifndef CURSORPAST
	if :: g < cursor -> cursor = g :: else fi;         /* what is delayed is looked at again */
#endif
#ifdef HEADRUN
	k = NONE;
#endif
	if :: mine != 0 && from == c.head -> c.head = (k != NONE -> k : h) :: else fi;
	from = 0; h = 0; k = 0; g = 0; n = 0
}
#define THERE(i,p)  (p < d.next && MATCH(i, p) && (st[p] == READY || (st[p] == DELAYED && due[p]) || (st[p] == CLAIMED && dead[own[p]])))
#if NS > 2
#define SOME(i) (THERE(i,0) || THERE(i,1) || THERE(i,2))
#else
#define SOME(i) (THERE(i,0) || THERE(i,NS-1))
#endif
#ifdef NOMOVED
#define MOVED(i) (moved[i] || busy || d.delayed > 0)
#elif defined(NODELAYED)
#define MOVED(i) (moved[i] || busy || d.claimed > 0)
#else
#define MOVED(i) (moved[i] || busy || d.claimed > 0 || d.delayed > 0)
#endif

proctype receiver(byte i)
{
	byte mine, j, cursor, from, known;
	bool calm, late;
	{
		do
		:: lock(i);
			/* calm: whoever dies is dead already */
			d_step { moved[i] = 0; calm = (killr == 0 && mark[0] == dead[0] && mark[NR-1] == dead[NR-1]) };
			if :: mine != 0 -> settle(i) :: else fi;
			if :: c.claimed > 0 -> revive(i) :: else fi;
			d_step { search(i); assert(mine != 0 || !calm || !SOME(i)); calm = 0 };
			if
			:: mine != 0 ->
#ifdef EARLYCLAIM
				unlock();
				lock(i);
#endif
				begin(); j = 0;
				do
				:: j < NS && BIT(mine, j) -> d_step { if :: st[j] == DELAYED -> c.delayed-- :: else fi; st[j] = CLAIMED; own[j] = i; due[j] = 0;
#ifndef NOCOUNT
					c.claimed++;
#endif
					j++ }
				:: j < NS && !BIT(mine, j) -> j++
				:: else -> break
				od;
				j = 0
			:: else
			fi;
			if :: changing -> commit() :: else fi;
			unlock();
#ifdef EARLYDONE
			if :: mine != 0 -> from = mine; lock(i); settle(i); commit(); unlock(); mine = from; from = 0 :: else fi;
#endif
			if
			:: atomic { mine != 0 && fails > 0 -> fails-- };                /* put back, undelivered */
				lock(i); begin(); j = 0;
				do
				:: j < NS && BIT(mine, j) -> if :: delays > 0 -> delays--; late = 1 :: true fi; back(i, j); j++
				:: j < NS && !BIT(mine, j) -> j++
				:: else -> break
				od;
				j = 0; mine = 0; commit(); unlock()
			:: mine != 0 ->
				d_step { h = 0; do :: h < NS ->
				        if :: BIT(mine, h) -> out[who[h]]++; assert(out[who[h]] <= 1 + extra && !dropped[who[h]]) :: else fi; h++
				    :: else -> break od; h = 0 };
#ifdef EARLYDONE
				mine = 0
#endif
			:: mine == 0 -> SOME(i) && MOVED(i)      /* asleep */
			fi
		od
	} unless { mark[i] -> d_step { dead[i] = 1; if :: lk == i + 1 -> lk = 0 :: else fi } }
}

#if DELAY
/* time passes: what is delayed falls due */
active proctype clock()
{
	do
	:: atomic { st[0] == DELAYED && !due[0] -> due[0] = 1 }
	:: atomic { st[1] == DELAYED && !due[1] -> due[1] = 1 }
#if NS > 2
	:: atomic { st[2] == DELAYED && !due[2] -> due[2] = 1 }
#endif
	od
}
#endif
active proctype fate()
{
	byte w;
	do
	:: atomic { kills > 0 -> kills--; select(w : NR .. (NP - 1)); mark[w] = 1; w = 0 }
	:: atomic { killr > 0 -> killr--; select(w : 0 .. (NR - 1)); if :: !mark[w] -> mark[w] = 1; extra++ :: else fi; w = 0 }
	:: break
	od
}

init { atomic { byte p = 0;
	do :: p < NR -> run receiver(p); p++ :: else -> break od; p = 0;
	do :: p < NS -> run sender(p); p++ :: else -> break od; p = 0 } }

active proctype monitor()
{
	timeout -> assert(lk == 0);
	d_step {
		h = 0;
		do
		:: h < NR -> n = 0;
			do :: n < NS -> assert(dead[h] || !THERE(h, n)); n++ :: else -> break od; h++
		:: else -> break
		od;
		h = 0; n = 0;
		do
		:: h < NS -> k = 0; n = 0;
			/* somebody lives who takes it */
			do
			:: n < NR -> if :: !dead[n] && !(BIT(SELA,n) && !BIT(TAGA,h)) && !(BIT(SELB,n) && BIT(TAGA,h)) -> k = 1
				        :: else fi; n++
			:: else -> break
			od;
			assert(!ok[h] || !k || out[h] > 0 || dropped[h]); h++
		:: else -> break
		od
	}
}
