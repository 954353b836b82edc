/* SPDX-License-Identifier: ISC */
/*
 * copies: ctl's two copies, written in turn under the lock and read without it (ctl.c, mbox_moved, sink.c open_handover).
 *
 * NW writers make CHANGES changes in all: begin (busy, a generation more), two states, commit (another).  An append is one
 * write alone.  A copy is written in two halves, and read in two, in either order; one that is read while it is being
 * written has halves of two generations, which the checksum tells.  A killed writer's write(2) is whole or not at all.
 * The reader without the lock (MOVED: a waiter's look) compares with the generation `known' that it had in the lock.
 * A reader of all (LOOK) reads ctl, the states, and ctl again, and takes what it saw if ctl was the same then, not busy,
 * and the second time both copies were valid: what one who may not lock can do.
 *
 * Asserted: who has the lock finds a valid copy, the one written last, whoever was killed.  A look that says "not moved"
 * although ctl had moved before it began was overtaken by a write of ctl in its course, so the next look says it; and it
 * never saw what was more than one generation old.  What LOOK takes is what ctl and the states were at one moment.
 *
 * Mutants: ONECOPY the same place is written each time; NOSUM a torn copy is taken; HALFBUSY LOOK does not mind busy;
 * ONCE it does not read ctl again; ONEVALID one valid copy is enough for it: it may be an old one
 */
#ifndef NW
#define NW 1
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef KILL
#define KILL 0
#endif
#ifndef TRIES
#define TRIES 1
#endif
#define NONE 99
#ifdef ONECOPY
#define PLACE(g) 0
#else
#define PLACE(g) ((g) % 2)
#endif
/* halves: {a, busy}, {b, live} */
typedef copy { byte a; byte b; bool busy; byte live };
copy f[2];
byte lk, st[2], left = CHANGES, last, writes, kills = KILL;
bool dead[NW], mark[NW];
hidden byte h;

#ifdef NOSUM
#define VALID(k) true
#else
#define VALID(k) (k.a == k.b)
#endif
/* ctl_write: it is whole, whoever is killed; those without the lock see it half-way */
inline write(bz, lv) {
	gen++;
	d_step { f[PLACE(gen)].a = gen; f[PLACE(gen)].busy = bz; writes++; busy_writing = 1 };
	d_step { f[PLACE(gen)].b = gen; f[PLACE(gen)].live = lv; last = gen; busy_writing = 0 }
}
bool busy_writing;
proctype writer(byte i)
{
	byte gen, lv;
	{
		do
		:: left > 0 -> atomic { lk == 0 -> lk = i + 1 };
			d_step {
				assert(f[0].a == f[0].b || f[1].a == f[1].b);
				h = (f[0].a != f[0].b -> 1 : (f[1].a != f[1].b -> 0 : (f[1].a > f[0].a -> 1 : 0)));
				gen = f[h].a; assert(gen == last);
				lv = st[0] + st[1]; h = 0;
				if :: left > 0 -> left-- :: else fi
			};
			write(1, lv);
			st[0] = 1 - st[0];
			st[1] = 1 - st[1];
			if :: true -> st[0] = 1 - st[0] :: true fi;
			write(0, st[0] + st[1]);
			d_step { lk = 0; gen = 0; lv = 0 }
		:: else -> break
		od
	} unless { mark[i] && !(busy_writing && lk == i + 1) -> d_step { dead[i] = 1; if :: lk == i + 1 -> lk = 0 :: else fi } }
}

inline half(k, x) {     /* read copy k of the file into x, in either order */
	if
	:: d_step { x.a = f[k].a; x.busy = f[k].busy }; d_step { x.b = f[k].b; x.live = f[k].live }
	:: d_step { x.b = f[k].b; x.live = f[k].live }; d_step { x.a = f[k].a; x.busy = f[k].busy }
	fi
}
inline best(r) {        /* ctl_read: the newest valid copy; its generation, NONE where there is none */
	d_step {
		r = (VALID(x) && (!VALID(y) || x.a >= y.a) -> 0 : (VALID(y) -> 1 : NONE))
	}
}
active proctype reader()
{
	copy x, y;
	byte r, known, seen, before, after, one, two, total, tries = TRIES;
	bool bz;

	atomic { lk == 0 -> known = last };     /* as it was at our unlock */
	do
	:: tries > 0 -> tries--;
#ifdef LOOK
		half(0, x); half(1, y); best(r);
		d_step { before = (r == NONE -> NONE : (r == 0 -> x.a : y.a)); bz = (r == 0 -> x.busy : y.busy); total = (r == 0 -> x.live : y.live) };
		one = st[0];
		two = st[1];
#ifdef ONCE
		after = before;
#else
		half(0, x); half(1, y); best(r);
		d_step { after = (r == NONE -> NONE : (r == 0 -> x.a : y.a));
#ifndef ONEVALID
			if :: !VALID(x) || !VALID(y) -> after = NONE :: else fi
#endif
			};
#endif
#ifdef HALFBUSY
		bz = 0;
#endif
		d_step { assert(before == NONE || before != after || bz || one + two == total);
			before = 0; after = 0; one = 0; two = 0; total = 0; bz = 0; r = 0;
			x.a = 0; x.b = 0; x.live = 0; x.busy = 0; y.a = 0; y.b = 0; y.live = 0; y.busy = 0 }
#else
		d_step { seen = last; before = writes };
		half(0, x); half(1, y); best(r);
		d_step {
			r = (r == NONE -> NONE : (r == 0 -> x.a : y.a));
			assert(r == NONE || r + 1 >= seen);
			assert(r != known || seen == known || before != writes || busy_writing);
			assert(r == NONE || r <= last + 1);
			r = 0; seen = 0; before = 0;
			x.a = 0; x.b = 0; x.live = 0; x.busy = 0; y.a = 0; y.b = 0; y.live = 0; y.busy = 0
		}
#endif
	:: else -> break
	od
}
#if KILL
active proctype fate()
{
	byte w;
	do
	:: atomic { kills > 0 -> kills--; select(w : 0 .. (NW - 1)); mark[w] = 1; w = 0 }
	:: break
	od
}
#endif
init { atomic { byte p = 0; do :: p < NW -> run writer(p); p++ :: else -> break od } }
