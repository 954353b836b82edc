/* SPDX-License-Identifier: ISC */
/*
 * segment: which files there are, and the chain of segments (post.c newest_segment, reclaim.c, recount.c, seg.c).
 *
 * All of it happens with the lock held, so one process is enough: it appends NM messages and marks them done in any
 * order, SZ to a segment, and is killed up to KILLS times between any two system calls; then the next one begins by
 * recount.  A segment is named by its first message.  d: ctl on disk; c: in memory.
 *
 * Asserted at each commit: the chain leads from first to last, has every message that waits, both files of each
 * segment, and no other file is there.  In recount: the newest segment is found, or nothing waits.
 *
 * Mutants: LOGFIRST a removal unlinks the log before the index; EARLYSPENT the segment before the newest is removed
 * while ctl still calls it the newest; NOSEAL a new segment begins before the old one's header tells its length;
 * NOUNNAMED recount leaves files that nothing names
 */
#ifndef NM
#define NM 5
#endif
#ifndef SZ
#define SZ 2
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define IDS (NM + 2)
#define READY 0
#define DONE 3
typedef ctl { byte next; byte live; byte first; byte last };
typedef segment { bool idx; bool head; bool log; byte n; byte gone; byte next; byte prev };
ctl d, c;
segment s[IDS];
bool busy, changing, mark;
byte st[IDS], kills = KILLS, old, new, at, before, msg, sum;
hidden byte h, k;

inline copy(to, from) { to.next = from.next; to.live = from.live; to.first = from.first; to.last = from.last }
inline begin() { if :: !changing -> d_step { copy(d, c); busy = 1; changing = 1 } :: else fi }
/* how many messages a segment has */
#define COUNT(a)   (a == c.last -> c.next - c.last : s[a].n)
inline whole() {
	h = c.first; k = 0; sum = 0;
	do
	:: h != 0 ->
		assert(s[h].idx && s[h].head && s[h].log && s[h].prev == k);
		msg = h;
		do :: msg < h + COUNT(h) -> if :: st[msg] != DONE -> sum++ :: else fi; msg++ :: else -> break od;
		k = h; h = (h == c.last -> 0 : s[h].next)
	:: else -> break
	od;
	assert(k == c.last && sum == c.live);
	/* and whatever waits is among them: none else does */
	h = 1; sum = 0;
	do :: h < c.next -> if :: st[h] != DONE -> sum++ :: else fi; h++ :: else -> break od;
	assert(sum == c.live);
	/* no other file: as many as the chain has */
	h = 1; sum = 0;
	do :: h < IDS -> sum = sum + s[h].idx + s[h].log; h++ :: else -> break od;
	h = c.first;
	do :: h != 0 -> sum = sum - 2; h = (h == c.last -> 0 : s[h].next) :: else -> break od;
	assert(sum == 0); h = 0; k = 0; sum = 0; msg = 0
}
inline commit() { d_step { whole(); copy(d, c); busy = 0; changing = 0 } }

inline remove(a) {
#ifdef LOGFIRST
	s[a].log = 0;
	d_step { s[a].idx = 0; s[a].head = 0; s[a].n = 0; s[a].gone = 0; s[a].next = 0; s[a].prev = 0 }
#else
	d_step { s[a].idx = 0; s[a].head = 0; s[a].n = 0; s[a].gone = 0; s[a].next = 0; s[a].prev = 0 };
	s[a].log = 0
#endif
}
inline remove_spent(a) {
	before = s[a].prev; at = s[a].next;
	if :: before != 0 -> s[before].next = at :: else fi;
	if :: at != 0 -> s[at].prev = before :: else fi;
	if :: before == 0 -> c.first = at :: else fi;
	remove(a); before = 0; at = 0
}
inline recount() {
	c.live = 0; c.first = 0; at = 1; before = 0;
	do
	:: at < IDS && s[at].idx && !s[at].head -> assert(at == c.next); remove(at); at++       /* torn */
	:: at < IDS && s[at].idx && s[at].head && at != c.last && (at > c.last || s[at].n == 0) -> remove(at); at++
	:: at < IDS && s[at].idx && s[at].head && !(at != c.last && (at > c.last || s[at].n == 0)) ->
		d_step {
			h = at; k = 0;
			do :: h < at + COUNT(at) -> if :: st[h] != DONE -> c.live++ :: else -> k++ fi; h++ :: else -> break od;
			s[at].gone = k; h = (k == COUNT(at) && at != c.last); k = 0;
			old = h; h = 0
		};
		if
		:: old -> remove(at)
		:: else ->
			if :: before == 0 -> c.first = at
			   :: else -> s[before].next = at fi;
			d_step { s[at].prev = before; s[at].next = 0; before = at }
		fi; old = 0; at++
	:: at < IDS && !s[at].idx -> at++
	:: else -> break
	od;
	if
	:: before != c.last -> assert(c.live == 0); c.last = 0
	:: else
	fi;
	/* logs that no index names */
#ifndef NOUNNAMED
	at = 1;
	do
	:: at < IDS && s[at].log && !s[at].idx -> s[at].log = 0; at++
	:: at < IDS && !(s[at].log && !s[at].idx) -> at++
	:: else -> break
	od;
#endif
	at = 0; before = 0
}
inline lock() { d_step { copy(c, d); changing = 0; at = 0; before = 0; old = 0; new = 0 }; if :: busy -> recount(); commit() :: else fi }

inline append() {
	if
	:: c.last == 0 || c.next - c.last == SZ ->
		begin(); new = c.next; old = c.last;
		s[new].log = 1;
		s[new].idx = 1;
		d_step { s[new].head = 1; s[new].n = 0; s[new].gone = 0; s[new].prev = old; s[new].next = 0 };
		if
		:: old != 0 ->
#ifndef NOSEAL
			d_step { s[old].n = c.next - c.last; s[old].next = new };
#else
			skip;
#endif
			c.last = new
		:: else -> c.first = new; c.last = new
		fi;
#ifndef EARLYSPENT
		d_step { copy(d, c) };                  /* still busy */
#endif
		if :: old != 0 && s[old].gone >= s[old].n -> remove_spent(old) :: else fi;
		old = 0; new = 0
	:: else
	fi;
	assert(s[c.last].log);
	st[c.next] = READY;
	d_step { c.next++; c.live++ };
	commit()
}
inline finish() {         /* message new is done */
	begin();
	/* its segment */
	d_step { h = new; do :: !s[h].idx -> h-- :: else -> break od; old = h; h = 0 };
	st[new] = DONE;
	c.live--;
	s[old].gone++;
	if
	:: old == c.last && c.live == 0 -> remove(old); d_step { c.first = 0; c.last = 0 }
	:: old != c.last && s[old].gone >= s[old].n -> remove_spent(old)
	:: else
	fi;
	old = 0; new = 0;
	commit()
}

active proctype worker()
{
	d_step { c.next = 1; d.next = 1 };
again:
	{
		do
		:: lock();
			if
			:: c.next <= NM -> append()
			:: c.live > 0 ->
				select(new : 1 .. NM);
				if :: new < c.next && st[new] != DONE -> finish() :: else -> new = 0 fi
			:: c.next > NM && c.live == 0 -> break
			fi
		od
	} unless { mark -> d_step { mark = 0; c.next = 0; c.live = 0; c.first = 0; c.last = 0; at = 0; before = 0; old = 0; new = 0 }; goto again }
}
active proctype fate() { do :: atomic { kills > 0 -> kills--; mark = 1 } :: break od }
