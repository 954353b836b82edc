/* SPDX-License-Identifier: ISC */
/*
 * stable: senders that share a sync (stable.c).
 *
 * NS senders append one message each, to a page of its own, and wait until it is on the disk.  One at a time holds the
 * sync lock.  A sync takes what is dirty as it begins.  FAIL: so many syncs fail: what was dirty then passes for clean
 * and is lost, and each descriptor that is open is told once, at its next sync (errseq_t of Linux).  KILLS: so many
 * senders die with the sync lock held.  ALONE: so many sync for themselves, without it.
 *
 * Asserted: who has success has his message on the disk.
 *
 * Mutants: LATE what is vouched for is read after the sync; EARLY the word is written before it; VOUCH the word goes
 * from the first message on, whoever synced; KEEP a failed sync vouches too
 */
#ifndef NS
#define NS 3
#endif
#ifndef FAIL
#define FAIL 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef ALONE
#define ALONE 0
#endif
byte next, from, to;                    /* the word says: messages [from, to) are on the disk */
bool dirty[NS], disk[NS], told[NS], open_[NS], ended[NS];
byte lk, fails = FAIL, kills = KILLS, alone = ALONE;
hidden byte h;

inline publish(first, end) {
	atomic {
#ifdef VOUCH
		from = 0;
#else
		if :: first < from || first > to -> from = first :: else fi;
#endif
		if :: end > to -> to = end :: else fi
	}
}

/* sync by the descriptor of i; ok: whether it has succeeded */
inline sync(i) {
	atomic { h = 0; do :: h < NS -> taken[h] = dirty[h]; h++ :: else -> break od; h = 0 };
	if
	:: fails > 0 -> atomic {
		fails--;
		h = 0;
		do
		:: h < NS ->
			if :: taken[h] -> dirty[h] = 0 :: else fi;
			if :: open_[h] -> told[h] = 1 :: else fi;
			h++
		:: else -> break
		od;
		h = 0;
		told[i] = 0; ok = 0 }
	:: atomic {
		ok = !told[i];
		told[i] = 0;
		h = 0;
		do
		:: h < NS -> if :: taken[h] && dirty[h] -> dirty[h] = 0; disk[h] = 1 :: else fi; h++
		:: else -> break
		od;
		h = 0 }
	fi
}

proctype sender(byte i)
{
	byte id, end;
	bool ok, taken[NS];

	open_[i] = 1;
	atomic { id = next; next++; dirty[id] = 1 };    /* under the mailbox lock */
	if
	:: alone > 0 -> alone--; sync(i)
	:: lk == 0 -> atomic { lk == 0 -> lk = i + 1 };
		if
		:: kills > 0 -> kills--; goto die
		:: else
		:: from <= id && id < to -> ok = 1; goto out
		fi;
#ifndef LATE
		end = next;
#endif
#ifdef EARLY
		publish(id, end);
#endif
		sync(i);
#ifdef LATE
		end = next;
#endif
		if
#ifdef KEEP
		:: true -> publish(id, end)
#else
		:: ok -> publish(id, end)
		:: else
#endif
		fi;
out:		lk = 0
	fi;
	assert(!ok || disk[id]);
	ended[i] = 1;
	goto end_;
die:	atomic { lk = 0; ended[i] = 1 };
end_:	open_[i] = 0
}

init { atomic { byte i = 0; do :: i < NS -> run sender(i); i++ :: else -> break od } }
