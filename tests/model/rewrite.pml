/* SPDX-License-Identifier: ISC */
/*
 * rewrite: the rewriting of a sparse segment (reclaim.c rewrite, claim.c finish, claim_find, settle_ours, leave_segment,
 * read_run, hold.c hold_recall, mbox_seg) under those who hold the old one open.
 *
 * One segment, not the newest, of NM messages, all ready.  An index is a file of its own: entries (id, state, owner) by
 * place, and the variant of the log that is its.  v[k]: the index of variant k; the name ID.idx leads to `named', ID.idx.new
 * to `new', and logs is the set of the names ID.k.log.  A file without a name lives on for who has it open.
 * NR receivers claim a message, or up to RUN, read its frame after the unlock, deliver and settle in their next section, as
 * turn() does; where at most half of the segment waits they may rewrite it then (the code only where none of it is
 * claimed: fewer of the same steps).  A peeker (PEEK) looks at what is ready,
 * reads the frames after the unlock and takes nothing.  KILL processes are killed at any step, in recount too; FAIL put back.
 * d: ctl on disk; c: in the memory of who holds the lock.
 *
 * Asserted at each commit: ID.idx and its log are there if anything waits, there is no other file, and ctl is what the
 * index of that name gives.  At each read: it is the frame that was claimed.  At each delivery: at most 1 + deaths.
 * When nobody can move: everything was delivered, and no file is left.
 *
 * Mutants: PEEKREWRITES a peeker rewrites too, with no change begun (the code once did); NOSHAPE a rewriting does not
 * raise shape; OLDPLACE places are not found anew; LATEOPEN the log is opened after the unlock; ONELOG the new log takes
 * the old one's name; OLDFIRST the old log is unlinked before the rename; NOUNNAMED recount leaves unnamed files
 */
#ifndef NM
#define NM 3
#endif
#ifndef NR
#define NR 2
#endif
#ifndef RUN
#define RUN 1
#endif
#ifndef PEEK
#define PEEK 0
#endif
#ifndef KILL
#define KILL 0
#endif
#ifndef FAIL
#define FAIL 0
#endif
#define NP (NR + PEEK)
#define NV 3                    /* variants: two rewritings */
#define NONE 9
#define READY 0
#define CLAIMED 1
#define DONE 3
#define BIT(s,i) (((s) >> (i)) & 1)
#define SET(s,i) s = s | (1 << (i))
#define CLR(s,i) s = s & (255 - (1 << (i)))
typedef index { byte n; byte gone; byte id[NM]; byte st[NM]; byte own[NM] };
typedef log { byte n; byte id[NM] };
typedef ctl { byte shape; byte live; byte claimed };
index v[NV];
log l[NV];
ctl d, c;
byte lk, named, new = NONE, logs = 1, out[NM], extra, kills = KILL, fails = FAIL;
bool busy, changing, mark[NP], dead[NP];
hidden byte h, k, n, g;

#ifdef ONELOG
#define LOGOF(x) 0
#else
#define LOGOF(x) (x)
#endif

inline count() {                /* what the index of the name gives */
	k = 0; n = 0; g = 0;
	if
	:: named != NONE -> h = 0;
		do
		:: h < v[named].n ->
			if :: v[named].st[h] == DONE -> g++ :: else -> n++ fi;
			if :: v[named].st[h] == CLAIMED -> k++ :: else fi; h++
		:: else -> break
		od; h = 0
	:: else
	fi
}
inline whole() {
	count();
	assert(n == c.live && k == c.claimed);
	assert(new == NONE);
	if
	:: named != NONE -> assert(logs == (1 << LOGOF(named)) && v[named].gone == g && n > 0)
	:: else -> assert(logs == 0)
	fi; k = 0; n = 0; g = 0
}
inline begin() { if :: !changing -> d_step { busy = 1; changing = 1; d.shape = c.shape; d.live = c.live; d.claimed = c.claimed } :: else fi }
inline commit() { d_step { whole(); busy = 0; changing = 0; d.shape = c.shape; d.live = c.live; d.claimed = c.claimed } }
inline recount() {
	d_step { count(); c.live = n; c.claimed = k; if :: named != NONE -> v[named].gone = g :: else fi; k = 0; n = 0; g = 0 };
	if :: named != NONE && c.live == 0 -> named = NONE :: else fi;
#ifndef NOUNNAMED
	do
	:: new != NONE -> new = NONE
	:: logs != 0 && (named == NONE || logs != (1 << LOGOF(named))) ->
		d_step { h = 0; do :: !BIT(logs, h) || (named != NONE && h == LOGOF(named)) -> h++ :: else -> break od; CLR(logs, h); h = 0 }
	:: else -> break
	od;
#endif
	c.shape++
}
inline lock(p) {
	atomic { lk == 0 -> lk = p + 1; changing = 0; c.shape = d.shape; c.live = d.live; c.claimed = d.claimed };
	if :: busy -> recount(); commit() :: else fi
}
inline unlock() { d_step { lk = 0; changing = 0; c.shape = 0; c.live = 0; c.claimed = 0 } }
/* have the segment that the name leads to, if what is open is of another shape */
inline open() {
	if
	:: at == NONE || shape != c.shape -> d_step { at = named; shape = c.shape }
	:: else
	fi
}
/* reclaim_sparse, of the segment that is open */
inline rewrite() {
	to = at + 1;
#ifdef ONELOG
	d_step { l[0].n = 0; h = 0; do :: h < v[at].n -> if :: v[at].st[h] != DONE -> l[0].id[l[0].n] = v[at].id[h]; l[0].n++ :: else fi; h++ :: else -> break od; h = 0 };
#else
	d_step { SET(logs, to); l[to].n = 0 };
#endif
	d_step { new = to; v[to].n = 0; v[to].gone = 0 };
	d_step {
		h = 0;
		do
		:: h < v[at].n ->
			if
			:: v[at].st[h] != DONE ->
				k = v[to].n; v[to].id[k] = v[at].id[h]; v[to].st[k] = v[at].st[h]; v[to].own[k] = v[at].own[h];
				l[to].id[k] = v[at].id[h]; l[to].n = k + 1; v[to].n = k + 1
			:: else
			fi; h++
		:: else -> break
		od; h = 0; k = 0
	};
#ifdef OLDFIRST
	CLR(logs, LOGOF(at));
	d_step { named = to; new = NONE };
#else
	d_step { named = to; new = NONE };
#ifndef ONELOG
	CLR(logs, LOGOF(at));
#endif
#endif
	d_step { at = NONE; to = 0;
#ifndef NOSHAPE
		c.shape++
#endif
	}
}
#define THERE(x)  (x < v[named].n && (v[named].st[x] == READY || (v[named].st[x] == CLAIMED && dead[v[named].own[x]])))
#if NM > 3
#define SOME (THERE(0) || THERE(1) || THERE(2) || THERE(3))
#else
#define SOME (THERE(0) || THERE(1) || THERE(2))
#endif
#define SPARSE (at != NONE && at < NV - 1 && v[at].n > 1 && v[at].n <= 2 * v[at].gone)

/* where our message m stands in the open index, NONE if it is not there, or not ours */
inline find(m) {
	d_step {
		h = 0; p = NONE;
		do :: h < v[at].n -> if :: v[at].id[h] == m && (v[at].st[h] == CLAIMED && v[at].own[h] == i) -> p = h :: else fi; h++ :: else -> break od;
		h = 0
	}
}
proctype receiver(byte i)
{
	byte at = NONE, shape, to, mine, m, p, place[NM], held, logv;
	{
		do
		:: lock(i);
			if
			:: mine != 0 ->                         /* finish */
				begin(); open(); m = 0;
				assert(at != NONE);
				do
				:: m < NM && BIT(mine, m) ->
#ifdef OLDPLACE
					p = place[m];
					if :: !(p < v[at].n && v[at].st[p] == CLAIMED && v[at].own[p] == i) -> p = NONE :: else fi;
#else
					if :: held == c.shape -> p = place[m] :: else -> find(m) fi;
					/* nobody else gives away what we have */
					assert(p != NONE && v[at].id[p] == m && v[at].st[p] == CLAIMED && v[at].own[p] == i);
#endif
					if
					:: p != NONE -> v[at].st[p] = DONE; d_step { c.live--; c.claimed--; v[at].gone++ }
					:: else
					fi; m++
				:: m < NM && !BIT(mine, m) -> m++
				:: else -> break
				od;
				mine = 0; m = 0; p = 0;
				if :: at != NONE && v[at].gone == v[at].n -> named = NONE; CLR(logs, LOGOF(at)); d_step { at = NONE; c.shape++ } :: else fi
			:: else
			fi;
			open();
			if
			:: at != NONE && c.claimed > 0 ->       /* give back what the dead had */
				p = 0;
				do
				:: p < v[at].n && v[at].st[p] == CLAIMED && dead[v[at].own[p]] -> begin(); d_step { v[at].st[p] = READY; c.claimed--; p++ }
				:: p < v[at].n && !(v[at].st[p] == CLAIMED && dead[v[at].own[p]]) -> p++
				:: else -> break
				od; p = 0
			:: else
			fi;
			if
			:: changing && SPARSE -> rewrite(); open()
			:: true
			fi;
			if
			:: at != NONE ->
				d_step { h = 0; n = 0; held = c.shape;
					do :: h < v[at].n && n < RUN -> if :: v[at].st[h] == READY -> SET(mine, v[at].id[h]); place[v[at].id[h]] = h; n++ :: else fi; h++
					   :: else -> break od; h = 0; n = 0 };
				if
				:: mine != 0 -> begin(); p = 0;
					do
					:: p < v[at].n && BIT(mine, v[at].id[p]) -> d_step { v[at].st[p] = CLAIMED; v[at].own[p] = i; c.claimed++; p++ }
					:: p < v[at].n && !BIT(mine, v[at].id[p]) -> p++
					:: else -> break
					od; p = 0; logv = LOGOF(at)
				:: else
				fi
			:: else
			fi;
			if :: changing -> commit() :: else fi;
			unlock();
			if
			:: mine == 0 -> named == NONE || SOME || busy
			:: mine != 0 ->
#ifdef LATEOPEN
				d_step { assert(named != NONE); logv = LOGOF(named) };
#endif
				/* the frames, from the log that was open in the section */
				d_step { m = 0; do :: m < NM -> if :: BIT(mine, m) -> assert(l[logv].id[place[m]] == m && place[m] < l[logv].n) :: else fi; m++ :: else -> break od; m = 0 };
				if
				:: atomic { fails > 0 -> fails-- };
					lock(i); begin(); open(); m = 0;
					do
					:: m < NM && BIT(mine, m) -> find(m); if :: p != NONE -> d_step { v[at].st[p] = READY; c.claimed-- } :: else fi; m++
					:: m < NM && !BIT(mine, m) -> m++
					:: else -> break
					od; skip; d_step { m = 0; p = 0; mine = 0 }; commit(); unlock()
				:: true ->
					d_step { m = 0; do :: m < NM -> if :: BIT(mine, m) -> out[m]++; assert(out[m] <= 1 + extra) :: else fi; m++ :: else -> break od; m = 0 }
				fi
			fi;
			if :: named == NONE && !busy -> break :: else fi
		od
	} unless { mark[i] -> d_step { dead[i] = 1; if :: lk == i + 1 -> lk = 0 :: else fi } }
}

#if PEEK
proctype peeker(byte i)
{
	byte at = NONE, shape, to, mine, m, place[NM], logv, looks = 2;
	{
		do
		:: looks > 0 && named != NONE -> lock(i);
			open();
#ifdef PEEKREWRITES
			if :: looks == 1 && SPARSE -> rewrite(); open() :: else fi;
#endif
			if
			:: at != NONE ->
				d_step { h = 0; logv = LOGOF(at); do :: h < v[at].n -> if :: v[at].st[h] == READY -> SET(mine, v[at].id[h]); place[v[at].id[h]] = h :: else fi; h++
					:: else -> break od; h = 0 }
			:: else
			fi;
			if :: changing -> commit() :: else fi;
			unlock();
#ifdef LATEOPEN
			d_step { assert(named != NONE); logv = LOGOF(named) };
#endif
			d_step { m = 0; do :: m < NM -> if :: BIT(mine, m) -> assert(l[logv].id[place[m]] == m && place[m] < l[logv].n) :: else fi; m++ :: else -> break od;
				m = 0; mine = 0; logv = 0; place[0] = 0; place[1] = 0; place[2] = 0; looks-- }
		:: looks == 0 || named == NONE -> break
		od
	} unless { mark[i] -> d_step { dead[i] = 1; if :: lk == i + 1 -> lk = 0 :: else fi } }
}
#endif
#if KILL
active proctype fate()
{
	byte w;
	do
	:: atomic { kills > 0 -> kills--; select(w : 0 .. (NP - 1)); if :: !mark[w] -> mark[w] = 1; extra++ :: else fi; w = 0 }
	:: break
	od
}
#endif
init { d_step {
	h = 0; do :: h < NM -> v[0].id[h] = h; l[0].id[h] = h; h++ :: else -> break od; h = 0;
	v[0].n = NM; l[0].n = NM; d.live = NM };
	atomic { byte p = 0; do :: p < NR -> run receiver(p); p++ :: else -> break od; p = 0;
#if PEEK
	run peeker(NR)
#endif
	} }

active proctype monitor()
{
	timeout -> assert(lk == 0);
	d_step {
		h = 0; k = 0; do :: h < NR -> if :: !dead[h] -> k = 1 :: else fi; h++ :: else -> break od;
		h = 0; do :: h < NM -> assert(!k || out[h] > 0); h++ :: else -> break od;
		assert(!k || (named == NONE && new == NONE && logs == 0))
	}
}
