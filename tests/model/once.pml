/* SPDX-License-Identifier: ISC */
/*
 * once: what msend -u has sent once (send/fresh.c window, fresh_skip, begin, leave, fresh_write, fresh_count; disk/once).
 *
 * NS mailboxes send messages with ids below NI to one mailbox, in any order and any number of times, OPS sends in all,
 * one after another: all of it is done under the lock.  The file has places for NP windows; each has a head, and a ring of
 * W + 1 entries, of which the last W are remembered.  Where all places are taken, a window that was not written last
 * gives way.  A sender is KILLed at any write.
 *
 * Asserted at each send: it is held to be there exactly if it is among the last W that were committed for that mailbox,
 * whose window has not given way.
 *
 * Mutants: CTLFIRST the entry is written after the commit; APART messages and entries are committed by two writes; RINGSHORT
 * the ring has W entries; NOHEAD the head of the window written before does not get what ctl tells; HEADLATE it gets that
 * after the commit
 */
#ifndef NS
#define NS 2
#endif
#ifndef NP
#define NP 2
#endif
#ifndef NI
#define NI 3
#endif
#ifndef OPS
#define OPS 6
#endif
#ifndef KILL
#define KILL 1
#endif
#define W 2
#ifdef RINGSHORT
#define RING W
#else
#define RING (W + 1)
#endif
#define NOWHERE NP
byte ring[NP*RING], hsrc[NP], htaken[NP];               /* the file; hsrc: of mailbox hsrc - 1 */
byte at, taken, heads;                                  /* ctl: place + 1 of the window written last; its entries; heads in use */
byte gtaken[NS], glast[NS*W];                           /* what was committed, and is not to be forgotten */
byte ops = OPS, kills = KILL;

#define STEP if :: kills > 0 -> kills--; goto dead :: true fi
/* whether id is among the last W of m, each at PLACE */
#define LOOK(found, m, PLACE) k = (m > W -> m - W : 0); do :: k < m && PLACE == id + 1 -> found = 1; break :: k < m && PLACE != id + 1 -> k++ :: else -> break od; k = 0
inline committed() { glast[s * W + gtaken[s] % W] = id + 1; gtaken[s]++ }
active proctype senders()
{
	byte s, id, p, n, k, before;
	bool is, was;
	do
	:: ops > 0 ->
		ops--;
		select(s : 0 .. (NS - 1)); select(id : 0 .. (NI - 1)); skip;
		d_step {
			p = 0;
			do :: p < heads && hsrc[p] != s + 1 -> p++ :: else -> break od;
			if :: p == heads -> p = NOWHERE; n = 0 :: else -> n = (at == p + 1 -> taken : htaken[p]) fi;
			is = 0; was = 0;
			if :: p != NOWHERE -> LOOK(is, n, ring[p * RING + k % RING]) :: else fi;
			LOOK(was, gtaken[s], glast[s * W + k % W]);
			assert(is == was)
		};
		if
		:: is
		:: else ->
			if
			:: p == NOWHERE && heads < NP -> p = heads
			:: p == NOWHERE && heads == NP -> select(p : 0 .. (NP - 1)); if :: p + 1 != at :: else -> p = (p + 1) % NP fi
			:: else
			fi;
			STEP;
			if
			:: p == heads || hsrc[p] != s + 1 ->
				d_step {
					if :: p < heads -> gtaken[hsrc[p] - 1] = 0 :: else fi;
					hsrc[p] = s + 1; htaken[p] = 0; n = 0
				};
				STEP
			:: else
			fi;
#if !defined(NOHEAD) && !defined(HEADLATE)
			if :: at != 0 && at != p + 1 -> htaken[at - 1] = taken; STEP :: else fi;
#endif
#ifndef CTLFIRST
			ring[p * RING + n % RING] = id + 1;
			STEP;
#endif
#ifdef APART
			d_step { committed() };
			STEP;
			d_step { at = p + 1; taken = n + 1; if :: p == heads -> heads++ :: else fi };
#else
#ifdef HEADLATE
			k = (at != 0 && at != p + 1 -> at : 0);
			d_step { before = taken; at = p + 1; taken = n + 1; if :: p == heads -> heads++ :: else fi; committed() };
			STEP;
			if :: k != 0 -> htaken[k - 1] = before :: else fi;
#else
			d_step { at = p + 1; taken = n + 1; if :: p == heads -> heads++ :: else fi; committed() };
#endif
#endif
#ifdef CTLFIRST
			STEP;
			ring[p * RING + n % RING] = id + 1;
#endif
			skip
		fi;
dead:		skip; d_step { p = 0; n = 0; k = 0; s = 0; id = 0; before = 0; is = 0; was = 0 }
	:: else -> break
	od
}
