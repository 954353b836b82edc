/* SPDX-License-Identifier: ISC */
/*
 * spool: large payloads in files of their own (spool.c want_spool, spool_open, spool_link, post_big, adopt,
 * wake.c remove_want, clear_dead, settle.c end, recount.c remove_unnamed, count_wants).
 *
 * NB mailboxes; NS senders, each of one message, to mailbox 0, or (SHARE) to both with one payload.  A sender posts a want,
 * makes its spool, writes it in two pieces, and in one section gives it the name of the message to come, appends and commits;
 * then it takes its want down.  With SHARE the whole payload is linked into the second mailbox before the first takes it.
 * Names lead to files: file 0 is none, sender s's payload is file s + 1; a file lives while it has a name, whole once written.
 * A receiver per mailbox takes messages, reads the file after the unlock, and removes its name when it is done; where nothing is to be
 * had it posts a want, and so clears the wants of the dead away first, with what they left.
 * KILL senders or receivers are killed at any step, while others recount too; a receiver is followed by another.
 * QUIT a sender gives up: it removes the spool, then its want.
 *
 * Asserted at each read: the payload is whole, and that message's.  At each commit: a message that waits has its file.
 * When nobody can move: each message sent was delivered; no name is left but of the dead who still have a want.
 *
 * Mutants: FILEFIRST the spool is made before the want is posted; NOPLACE no want for it (the table is full); FILESFIRST recount
 * removes files before it takes wants down (the code once did); NOBUSY the rename is not marked busy; APPENDFIRST the name is
 * given after the commit; BIGSTAYS recount keeps names of messages that are not there; MOVE the second mailbox gets the
 * spool by a second rename, after the first has it
 */
#ifndef NS
#define NS 2
#endif
#ifdef SHARE
#define NB 2
#else
#define NB 1
#endif
#ifndef KILL
#define KILL 0
#endif
#ifndef QUIT
#define QUIT 0
#endif
#define NP (NS + NB)
#define NONE 9
#define READY 0
#define CLAIMED 1
#define DONE 3
#define B(b,i) ((b) * NS + (i))
byte lk[NB], next[NB], st[NB*NS], big[NB*NS], spool[NB*NS], data[NS + 1], kills = KILL, quits = QUIT, who[NB*NS], out[NB*NS], deaths;
bool busy[NB], want[NB*NS], mark[NP], dead[NP], sent[NB*NS], stop;
hidden byte h;

#define ANYNAME(f) (spool[B(0,(f) - 1)] == (f))
inline whole(b) {
	h = 0; do :: h < n -> assert(st[B(b,h)] == DONE || big[B(b,h)] == who[B(b,h)] + 1); assert(st[B(b,h)] != DONE || big[B(b,h)] == 0); h++ :: else -> break od;
	do :: h < NS -> assert(big[B(b,h)] == 0); h++ :: else -> break od; h = 0
}
inline begin(b) { busy[b] = 1 }
inline commit(b) { d_step { whole(b); next[b] = n; busy[b] = 0 } }
inline wants_down(b) {  /* void the wants of the dead */
	k = 0;
	do
	:: k < NS && want[B(b,k)] && dead[k] -> want[B(b,k)] = 0; k++
	:: k < NS && !(want[B(b,k)] && dead[k]) -> k++
	:: else -> break
	od; k = 0
}
inline unnamed(b) {     /* remove what no message and no living process names */
	k = 0;
	do
	:: k < NS && spool[B(b,k)] != 0 && dead[k] -> spool[B(b,k)] = 0
#ifndef BIGSTAYS
	:: k < NS && big[B(b,k)] != 0 && (k >= n || st[B(b,k)] == DONE) -> big[B(b,k)] = 0
	:: k < NS && !(spool[B(b,k)] != 0 && dead[k]) && !(big[B(b,k)] != 0 && (k >= n || st[B(b,k)] == DONE)) -> k++
#else
	:: k < NS && !(spool[B(b,k)] != 0 && dead[k]) -> k++
#endif
	:: else -> break
	od; k = 0
}
inline lock(p, b) {
	atomic { lk[b] == 0 -> lk[b] = p + 1; n = next[b] };
	if
	:: busy[b] ->
#ifdef FILESFIRST
		unnamed(b); wants_down(b);
#else
		wants_down(b); unnamed(b);
#endif
		commit(b)
	:: else
	fi
}
inline unlock(b) { d_step { lk[b] = 0; n = 0 } }
inline post(s, b) {
#ifndef NOPLACE
	lock(s, b); begin(b); want[B(b,s)] = 1; commit(b); unlock(b)
#else
	skip
#endif
}
inline leave(s, b) { lock(s, b); begin(b); want[B(b,s)] = 0; commit(b); unlock(b) }
inline send(s, b) {     /* post_big */
	lock(s, b);
#ifdef APPENDFIRST
	d_step { st[B(b,n)] = READY; who[B(b,n)] = s; x = n; n++ };
	d_step { next[b] = n; sent[B(b,s)] = 1 };
	d_step { big[B(b,x)] = spool[B(b,s)]; spool[B(b,s)] = 0; x = 0 };
#else
#ifndef NOBUSY
	begin(b);
#endif
#ifdef MOVE
	d_step { big[B(b,n)] = (b == 0 -> spool[B(0,s)] : big[B(0,who[B(0,s)])]); spool[B(b,s)] = 0 };
#else
	d_step { big[B(b,n)] = spool[B(b,s)]; spool[B(b,s)] = 0 };
#endif
	d_step { st[B(b,n)] = READY; who[B(b,n)] = s };
	d_step { n++; whole(b); next[b] = n; busy[b] = 0; sent[B(b,s)] = 1 };
#endif
	begin(b); want[B(b,s)] = 0; commit(b);
	unlock(b)
}
proctype sender(byte s)
{
	byte n, k, x;
	{
#ifdef FILEFIRST
		spool[B(0,s)] = s + 1;
		post(s, 0);
#else
		post(s, 0);
		spool[B(0,s)] = s + 1;
#endif
		data[s]++;
		data[s]++;
		if
		:: atomic { quits > 0 -> quits-- }; spool[B(0,s)] = 0; leave(s, 0)
		:: true ->
#ifdef SHARE
			post(s, 1);
			spool[B(1,s)] = spool[B(0,s)];
#endif
			send(s, 0);
#ifdef SHARE
			send(s, 1)
#endif
		fi
	} unless { mark[s] -> d_step { dead[s] = 1; if :: lk[0] == s + 1 -> lk[0] = 0 :: else fi; if :: lk[NB-1] == s + 1 -> lk[NB-1] = 0 :: else fi } }
}
#if NS > 2
#define SOME(b) ((next[b] > 0 && st[B(b,0)] == READY) || (next[b] > 1 && st[B(b,1)] == READY) || (next[b] > 2 && st[B(b,2)] == READY))
#else
#define SOME(b) ((next[b] > 0 && st[B(b,0)] == READY) || (next[b] > 1 && st[B(b,NS-1)] == READY))
#endif
#define LEFTBY(b,s) (want[B(b,s)] && dead[s])
#define DEADWANT(b) (LEFTBY(b,0) || LEFTBY(b,NS-1))
proctype receiver(byte b)
{
	byte n, k, x, f;
again:	{
		x = NONE;
		do
		:: lock(NS + b, b);
			if
			:: x != NONE -> begin(b); st[B(b,x)] = DONE; big[B(b,x)] = 0
			:: else
			fi;
			d_step { x = 0; do :: x < n && st[B(b,x)] != READY -> x++ :: else -> break od; if :: x == n -> x = NONE :: else fi };
			if
			:: x != NONE -> begin(b); st[B(b,x)] = CLAIMED
			:: x == NONE ->         /* it posts a want: first those of the dead go, each with its file */
				k = 0;
				do
				:: k < NS && LEFTBY(b,k) -> begin(b); want[B(b,k)] = 0; spool[B(b,k)] = 0; k++
				:: k < NS && !LEFTBY(b,k) -> k++
				:: else -> break
				od; k = 0
			fi;
			if :: busy[b] -> commit(b) :: else fi;
			unlock(b);
			if
			:: x != NONE ->
				f = big[B(b,x)];
				d_step { assert(f == who[B(b,x)] + 1 && data[f - 1] == 2); out[B(b,who[B(b,x)])]++; assert(out[B(b,who[B(b,x)])] <= 1 + deaths); f = 0 }
			:: x == NONE -> SOME(b) || DEADWANT(b) || busy[b]
			fi
		od
	} unless { mark[NS + b] -> d_step { mark[NS + b] = 0; deaths++; if :: lk[b] == NS + b + 1 -> lk[b] = 0 :: else fi; n = 0; k = 0; f = 0;
		x = 0; do :: x < NS -> if :: st[B(b,x)] == CLAIMED -> st[B(b,x)] = READY :: else fi; x++ :: else -> break od; x = NONE }; goto again }
}
#if KILL
active proctype fate()
{
	byte w;
	do
	:: atomic { kills > 0 -> kills--; select(w : 0 .. (NP - 1)); mark[w] = 1; w = 0 }
	:: break
	od
}
#endif
init { atomic { byte p = 0; do :: p < NS -> run sender(p); p++ :: else -> break od; p = 0;
	do :: p < NB -> run receiver(p); p++ :: else -> break od } }
active proctype monitor()
{
	timeout -> assert(lk[0] == 0 && lk[NB-1] == 0);
	d_step { h = 0; do :: h < NB * NS -> assert(big[h] == 0 && spool[h] == 0 && !want[h]); assert(!sent[h] || out[h] > 0); h++ :: else -> break od }
}
