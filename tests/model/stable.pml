/* SPDX-License-Identifier: ISC */
/*
 * stable: senders that share a sync (groupsync.c).
 *
 * NS senders append PER messages each, one after another, to a page of its own, and wait until it is on the disk.  Each
 * has one descriptor for all of its messages, and vouches for what was appended since it had that, or since its last
 * sync that failed.  One at a time holds the sync lock, and one is the next to have it; the others follow that one: they
 * wait for its round to end, and look at the word, whatever others do meanwhile: what is read of it is whole.  A sync
 * takes what is dirty as it begins.  FAIL: so many syncs fail: what was dirty then passes for clean and is lost, and each
 * descriptor that is open is told once, at its next sync (errseq_t of Linux).  KILLS: so many senders die with either
 * lock held.  ALONE: so many sync for themselves, without it.
 *
 * Asserted: who has success has his message on the disk.
 *
 * Mutants: LATE what is vouched for is read after the sync; EARLY the word is written before it; VOUCH the word goes
 * from the first message on, whoever synced; KEEP a failed sync vouches too; SINCE after one that failed, a descriptor
 * vouches for what was appended before; TORN the word is read in halves
 */
#ifndef NS
#define NS 3
#endif
#ifndef PER
#define PER 1
#endif
#define N (NS * PER)
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
bool dirty[N], disk[N], told[NS], open_[NS];
byte lk, nx, fails = FAIL, kills = KILLS, alone = ALONE;
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
	atomic { h = 0; do :: h < N -> taken[h] = dirty[h]; h++ :: else -> break od; h = 0 };
	if
	:: fails > 0 -> atomic {
		fails--;
		h = 0;
		do
		:: h < N ->
			if :: taken[h] -> dirty[h] = 0 :: else fi;
			if :: h < NS -> if :: open_[h] -> told[h] = 1 :: else fi :: else fi;
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
		:: h < N -> if :: taken[h] && dirty[h] -> dirty[h] = 0; disk[h] = 1 :: else fi; h++
		:: else -> break
		od;
		h = 0 }
	fi
}

proctype sender(byte i)
{
	byte id, end, since, sent;
	bool ok, sure, taken[N];

	open_[i] = 1;
	do
	:: sent == PER -> break
	:: else ->
		sent++;
		ok = 0;
		/* under the mailbox lock */
		atomic {
			id = next; next++; dirty[id] = 1;
			if :: !sure -> since = id; sure = 1 :: else fi };
		if
		:: alone > 0 -> alone--; sync(i)
		:: atomic { nx == 0 -> nx = i + 1 }; goto next_
		:: nx != 0 -> nx == 0;
#ifdef TORN
			end = from;
			ok = (end <= id && id < to);
#else
			ok = (from <= id && id < to);
#endif
			if
			:: ok -> goto said
			:: else -> atomic { nx == 0 -> nx = i + 1 }
			fi;
next_:			if
			:: kills > 0 -> kills--; nx = 0; goto end_
			:: true
			fi;
			atomic { lk == 0 -> lk = i + 1 };
			nx = 0;
			if
			:: kills > 0 -> kills--; lk = 0; goto end_
			:: true
			fi;
			if
			:: from <= id && id < to -> ok = 1; goto out
			:: else
			fi;
#ifndef LATE
			end = next;
#endif
#ifdef EARLY
			publish(since, end);
#endif
			sync(i);
#ifdef LATE
			end = next;
#endif
			if
#ifdef KEEP
			:: true -> publish(since, end)
#else
			:: ok -> publish(since, end)
			:: else
#endif
			fi;
out:			lk = 0
		fi;
said:
#ifndef SINCE
		sure = ok;
#endif
		assert(!ok || disk[id])
	od;
end_:	open_[i] = 0
}

init { atomic { byte i = 0; do :: i < NS -> run sender(i); i++ :: else -> break od } }
