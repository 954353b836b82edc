/* SPDX-License-Identifier: ISC */
/*
 * wants: waiting receivers and their bells (wake.c, want.c, bell.c, claim.c turn, source.c).
 *
 * NW receivers, NM messages (a sender each; BATCH: one append of all), NB mailboxes (message m lies in m % NB, receiver
 * i waits in i % NB, those in the mask MULTI in both).  SELA, SELB: receivers that take tag a only, the others only;
 * TAGA: messages of tag a; LOOP: receivers for ever (-f).  Who is woken is chosen freely among the sleeping wants that
 * match: what holds here holds for the order of tickets.
 * WIDE: receivers whose patterns have no place in the table: their wants match everything.  Who has looked and leaves
 * what it was woken for wakes the next behind it (whoever has a higher number, here) whose patterns are not its own.
 * An entry stands from its first posting until its owner leaves: mark 0 asleep, m + 1 woken for m, AWAKE.
 * Who takes a message, or gives up, while the one that he was woken for is ready, wakes the next for that one; and
 * where any from that one on is ready that he wants, the next that sleeps with his filter, unless such a one was woken
 * and has not looked.  Where all that sleep are alike, and one like them was woken for this message or one before and has
 * not looked, nobody need be woken (in wake.c: for 10 ms; here at will).
 * A sleeper's own look (-DTICK) is possible only when it would find something and mbox_moved says yes: ctl was
 * written since the look before, or messages are claimed.
 * Budgets: KILLS senders, KILLW receivers killed anywhere; STOPC stopped for ever between unlock and close; STOPW
 * stopped once woken; STOPD stopped while it delivers; FAIL put back; QUIT leaves with nothing; IDLE looks in vain.
 *
 * PAUSE: a process pauses the receivers and resumes them, so many times: in between they find nothing, and senders and
 * those that put back wake nobody; who resumes wakes one that sleeps of each filter, as if for the first message.
 *
 * With -DINV, at each unlock: one who wants the ready message was woken for it or one before it and has not looked, or
 * no sleeping want matches it.
 * At each delivery: not more than 1 + deaths.  When nobody can move: nobody sleeps on a message of his.
 *
 * Mutants: MARKFIRST marks, then opens; LATEOPEN opens after the commit; POSTLATE looks and posts in two sections;
 * ARMLATE clears the mark in the section and opens anew after it; NOREARM polls the old descriptor again; NOCLEAR
 * leaves the mark when it sleeps again; NOPASS takes another message and passes nothing on; MUTELEAVE, MUTEPUT;
 * STAYASLEEP is not marked AWAKE while it delivers; KEEPOTHER the same in its other mailbox; NOMOVED a look only
 * when ctl was written, which the death of a claimer does not do; NOREST passes on only the one that it was woken for;
 * UNLIKE leaves it to who was woken, whatever those that sleep want; OLDER even where he was woken for a later one; OLDFIFO a FIFO that a stopped waker holds is kept;
 * NORESUME wakes nobody when it resumes; ONERESUME one, whatever its filter; NODECLINE sleeps again on what it leaves; ROUND hands it on to any other, before it too
 */
#include "fifo.h"
#ifndef NW
#define NW 2
#endif
#ifndef NM
#define NM 2
#endif
#ifndef NB
#define NB 1
#endif
#ifndef MULTI
#define MULTI 0
#endif
#ifndef SELA
#define SELA 0
#endif
#ifndef SELB
#define SELB 0
#endif
#ifndef WIDE
#define WIDE 0
#endif
#ifndef TAGA
#define TAGA 1
#endif
#ifndef LOOP
#define LOOP 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef KILLW
#define KILLW 0
#endif
#ifndef STOPC
#define STOPC 0
#endif
#ifndef STOPW
#define STOPW 0
#endif
#ifndef STOPD
#define STOPD 0
#endif
#ifndef FAIL
#define FAIL 0
#endif
#ifndef QUIT
#define QUIT 0
#endif
#ifndef IDLE
#define IDLE 0
#endif
#ifdef TICK
#ifndef TICKS
#define TICKS 100
#endif
byte ticks = TICKS;
#endif
#ifdef BATCH
#define NS 1
#else
#define NS NM
#endif
#ifdef PAUSE
#define NP (NW + NS + 1)
bool paused;
#define PAUSED paused
#else
#define NP (NW + NS)
#define PAUSED 0
#endif
#if KILLS || KILLW || defined(FINE)       /* without deaths a locked section may be one step: -DFINE to check that */
#define SECT
#else
#define SECT atomic
#endif
#if NB == 1
#define SECT1 SECT
#else
#define SECT1
#endif
#define BIT(v,i)   (((v) >> (i)) & 1)
#define CLRBIT(v,i)  v = v & (255 - (1 << (i)))
#define Q(b,i)     ((b) * NW + (i))
#define ON(i,b)    (NB == 1 || BIT(MULTI,i) || (i) % NB == (b))
#define MATCH(i,m) (ON(i, (m) % NB) && !(BIT(SELA,i) && !BIT(TAGA,m)) && !(BIT(SELB,i) && BIT(TAGA,m)))
#define READY 1
#define CLAIMED 2
#define DONE 3
#define NONE 9
#define AWAKE 99
fifo F[NB*NW];
byte lk[NB], st[NM], cl[NM], out[NM], wok[NB*NW], wh[NP];
bool moved[NB*NW];
bool live[NB*NW], rop[NB*NW], mark[NP], dead[NP], stopped[NP], fin[NW];
byte kills = KILLS, killw = KILLW, stopc = STOPC, stopw = STOPW, stopd = STOPD, fails = FAIL, quits = QUIT, idle = IDLE, deaths = 0;
hidden byte h1, h2, h3, h4;
#define READYX(m)  (st[m] == READY || (st[m] == CLAIMED && dead[cl[m] - 1]))
#define LOCK(b,p)  atomic { lk[b] == 0 -> lk[b] = (p) + 1 }
#define ASLEEP(b,v) (live[Q(b,v)] && wok[Q(b,v)] == 0)
#define CAND(b,v,x) (ASLEEP(b,v) && (MATCH(v,x) || (BIT(WIDE,v) && ON(v,b))))
#define TELL(b) h1 = 0; do :: h1 < NW -> moved[Q(b,h1)] = 1; h1++ :: else -> break od; h1 = 0
#define CLS(i)     (BIT(SELA,i) + 2 * BIT(SELB,i))
#define WOKEN(b,v) (live[Q(b,v)] && wok[Q(b,v)] != 0 && wok[Q(b,v)] != AWAKE)
#ifdef OLDER
#define SEES(b,v,x) (WOKEN(b,v) && !dead[v])
#else
#define SEES(b,v,x) (WOKEN(b,v) && !dead[v] && wok[Q(b,v)] <= (x) + 1)
#endif
#ifdef UNLIKE
#define SAME(b,v,u) 1
#else
#define SAME(b,v,u) (!(live[Q(b,u)] && wok[Q(b,u)] == 0) || CLS(u) == CLS(v))
#endif
#if NW > 2
#define ALIKE(b,v) (SAME(b,v,0) && SAME(b,v,1) && SAME(b,v,2))
#define SEEN(b,x)  ((SEES(b,0,x) && ALIKE(b,0)) || (SEES(b,1,x) && ALIKE(b,1)) || (SEES(b,2,x) && ALIKE(b,2)))
#define SEENBY(b,x,i) ((SEES(b,0,x) && CLS(0) == CLS(i)) || (SEES(b,1,x) && CLS(1) == CLS(i)) || (SEES(b,2,x) && CLS(2) == CLS(i)))
#else
#define ALIKE(b,v) (SAME(b,v,0) && SAME(b,v,1))
#define SEEN(b,x)  ((SEES(b,0,x) && ALIKE(b,0)) || (SEES(b,1,x) && ALIKE(b,1)))
#define SEENBY(b,x,i) ((SEES(b,0,x) && CLS(0) == CLS(i)) || (SEES(b,1,x) && CLS(1) == CLS(i)))
#endif
#ifdef INV
inline inv(b) {
    h1 = 0; do :: h1 < NM -> if :: st[h1] == READY && h1 % NB == b && !PAUSED ->
        h2 = 0; h3 = 0; h4 = 0;
        do :: h2 < NW -> if :: WOKEN(b,h2) && ((MATCH(h2,h1) && wok[Q(b,h2)] <= h1 + 1) || (BIT(WIDE,h2) && wok[Q(b,h2)] == h1 + 1)) -> h3 = 1 :: else fi;
                         if :: ASLEEP(b,h2) && MATCH(h2,h1) -> h4 = 1 :: else fi; h2++ :: else -> break od;
        assert(h3 || !h4) :: else fi; h1++ :: else -> break od; h1 = 0; h2 = 0; h3 = 0; h4 = 0 }
#else
inline inv(b) { skip }
#endif

#define ANY 9
#define OF(k,v) ((k) == ANY || CLS(v) == (k))
#define FREE 9
#ifdef ROUND
#define BEHIND(g,v) ((g) == FREE || CLS(v) != CLS(g))
#else
#define BEHIND(g,v) ((g) == FREE || ((v) > (g) && CLS(v) != CLS(g)))
#endif
#define TAKES(b,v,x,k,g) (CAND(b,v,x) && OF(k,v) && BEHIND(g,v))
#if WIDE && !defined(ROUND)
#define BEFORE(e) (e)           /* by number, as by ticket */
#else
#define BEFORE(e) 0
#endif
/* under the lock of b: rings one that sleeps and wants message x, of class k and behind g where those are given */
inline ring(p, x, b, k) { ringbehind(p, x, b, k, FREE) }
inline ringbehind(p, x, b, k, g) {
    do
    :: atomic {
        if :: TAKES(b,0,x,k,g) -> v = 0
           :: TAKES(b,1,x,k,g) && !BEFORE(TAKES(b,0,x,k,g)) -> v = 1
#if NW > 2
           :: TAKES(b,2,x,k,g) && !BEFORE(TAKES(b,0,x,k,g) || TAKES(b,1,x,k,g)) -> v = 2
#endif
           :: else -> v = NONE; break
        fi };
#ifdef MARKFIRST
        wok[Q(b,v)] = x + 1;
#endif
        d_step { F_WOPEN(F[Q(b,v)], ok); if :: ok -> wh[p] = wh[p] | (1 << Q(b,v)) :: else -> live[Q(b,v)] = 0; wok[Q(b,v)] = 0 fi };
        if :: ok ->
#ifdef EARLYRING
            d_step { wok[Q(b,v)] = x + 1; F_WCLOSE(F[Q(b,v)]); CLRBIT(wh[p], Q(b,v)) }; break
#else
            wok[Q(b,v)] = x + 1; break
#endif
           :: else fi
    od; v = 0; ok = 0
}
/* under the lock of b: somebody sees message x, who was woken or is woken now */
inline wake(p, x, b) {
    if
    :: SEEN(b,x)
    :: PAUSED
    :: !PAUSED -> ring(p, x, b, ANY)
    fi
}
inline closeall(p) {
    do
    :: d_step { wh[p] -> h1 = 0; do :: !BIT(wh[p],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[p],h1); h1 = 0 }
    :: wh[p] && stopc > 0 -> d_step { if :: stopc > 0 -> stopc--; stopped[p] = 1 :: else fi }; if :: stopped[p] -> false :: else fi
    :: else -> break
    od; skip
}
/* under the lock of b: receiver i leaves message a - 1, which it was woken for by a wide want */
inline decline(i, b) {
#ifndef NODECLINE
    if :: BIT(WIDE,i) && st[a - 1] == READY && !MATCH(i,a - 1) -> ringbehind(i, a - 1, b, ANY, i) :: else fi
#else
    skip
#endif
}
/* under the lock of b: receiver i is awake; what it was woken for and what came after it goes to the next */
inline awake(i, b) {
	a = wok[Q(b,i)];
#ifdef STAYASLEEP
	wok[Q(b,i)] = 0;
#else
	wok[Q(b,i)] = AWAKE;
#endif
	if
	:: a != 0 && a != AWAKE ->
	    decline(i, b);
	    d_step { f = a - 1; do :: f < NM && !(f % NB == b && MATCH(i,f) && st[f] == READY) -> f++ :: else -> break od };
#ifdef NOREST
	    if :: f == a - 1 -> wake(i, f, b) :: else fi
#else
	    if :: f == a - 1 -> wake(i, f, b) :: else fi;
	    if :: f < NM -> if :: SEENBY(b,f,i) :: ring(i, f, b, CLS(i)) fi :: else fi
#endif
	:: else
	fi; a = 0; f = 0
}
#define SOME(i,m) (MATCH(i,m) && READYX(m))
#ifdef NOMOVED
#define FOUND(i,m) (SOME(i,m) && moved[Q((m) % NB,i)])
#else
#define FOUND(i,m) (SOME(i,m) && (moved[Q((m) % NB,i)] || st[m] == CLAIMED))
#endif
proctype receiver(byte i)
{   byte m, v, b, a, c, f, sv[NB]; bool ok, got;
    {   skip;
again:  SECT1 { b = 0; got = 0; m = 0;
        do
        :: b < NB && ON(i,b) -> SECT { LOCK(b,i);
            d_step { moved[Q(b,i)] = 0; m = 0; do :: m < NM && !(m % NB == b && SOME(i,m)) -> m++ :: else -> break od; got = (m < NM && !PAUSED) };
            if
            :: got ->
                d_step { st[m] = CLAIMED; cl[m] = i + 1 };
#ifdef NOPASS
                if :: live[Q(b,i)] -> wok[Q(b,i)] = AWAKE :: else fi;
#else
                if :: live[Q(b,i)] -> awake(i, b) :: else fi;
#endif
                d_step { TELL(b); inv(b); lk[b] = 0 }
            :: else ->
#ifdef POSTLATE
                lk[b] = 0; LOCK(b,i);
#endif
#if WIDE
                if :: live[Q(b,i)] && wok[Q(b,i)] != 0 && wok[Q(b,i)] != AWAKE -> a = wok[Q(b,i)]; decline(i, b); a = 0 :: else fi;
#endif
#ifdef NOREARM
                if :: !rop[Q(b,i)] -> d_step { F_ROPEN(F[Q(b,i)], sv[b]); rop[Q(b,i)] = 1 } :: else fi;
#else
#ifdef ARMLATE
                if :: rop[Q(b,i)] -> d_step { wok[Q(b,i)] = 0; lk[b] = 0 };
                        d_step { F_RCLOSE(F[Q(b,i)]) }; d_step { F_ROPEN(F[Q(b,i)], sv[b]) }; goto armed :: else fi;
#endif
                if :: rop[Q(b,i)] -> d_step { F_RCLOSE(F[Q(b,i)]); rop[Q(b,i)] = 0 } :: else fi;
                d_step { F_ROPEN(F[Q(b,i)], sv[b]); rop[Q(b,i)] = 1;
#ifndef OLDFIFO
                    if :: F[Q(b,i)].w > 0 -> h1 = 0; do :: h1 < NP -> CLRBIT(wh[h1], Q(b,i)); h1++ :: else -> break od;
                        F[Q(b,i)].w = 0; F[Q(b,i)].wc = 0; sv[b] = 0; h1 = 0 :: else fi
#endif
                    };
#endif
                d_step { live[Q(b,i)] = 1;
#ifndef NOCLEAR
                    wok[Q(b,i)] = 0;
#endif
                    inv(b); lk[b] = 0 }
            fi };
            if :: got -> break :: else fi;
armed:      b++
        :: b < NB && !ON(i,b) -> b++
        :: else -> break
        od;
        if :: got -> goto have :: else b = 0; m = 0 fi };
#if WIDE
        closeall(i);
#endif
sleep:  if
        :: HUP(F[Q(0,i)], sv[0]) && rop[Q(0,i)] -> goto again
#if NB > 1
        :: HUP(F[Q(1,i)], sv[1]) && rop[Q(1,i)] -> goto again
#endif
#ifdef TICK
        :: atomic { ticks > 0 && !PAUSED && (TICKS == 100 || stopc == 0) && (FOUND(i,0) || (NM > 1 && FOUND(i,1)) || (NM > 2 && FOUND(i,NM-1))) -> if :: ticks < 100 -> ticks-- :: else fi; goto again }
#endif
        :: atomic { idle > 0 -> idle--; goto again }
        :: atomic { quits > 0 -> quits--; goto leave }
        :: atomic { stopw > 0 && (wok[Q(0,i)] || (NB > 1 && wok[Q(NB-1,i)])) -> stopw--; stopped[i] = 1 }; false
        fi;
have:   closeall(i);             /* b: its mailbox; wants in the other one come down before anything that may block */
#if NB > 1 && !defined(KEEPOTHER)
        if :: NB > 1 && live[Q(1-b,i)] && wok[Q(1-b,i)] != AWAKE -> c = 1 - b;
            SECT { LOCK(c,i); awake(i, c); d_step { inv(c); lk[c] = 0; c = 0 } }; closeall(i)
           :: else fi;
#endif
        if
        :: atomic { stopd > 0 -> stopd--; stopped[i] = 1 }; false
        :: atomic { fails > 0 -> fails-- };
            SECT { LOCK(b,i);
            d_step { st[m] = READY; cl[m] = 0; TELL(b) };
#ifndef MUTEPUT
            wake(i, m, b);
#endif
            d_step { TELL(b);
#ifndef MUTEPUT
                inv(b);
#endif
                lk[b] = 0 } }; closeall(i)
        :: true ->
            d_step { out[m]++; assert(out[m] <= 1 + deaths) };
            atomic { LOCK(b,i); st[m] = DONE; cl[m] = 0; d_step { TELL(b) }; lk[b] = 0; m = 0; if :: BIT(LOOP,i) -> goto again :: else fi }
        fi;
leave:  b = 0;
        do
        :: b < NB -> if :: live[Q(b,i)] -> SECT { LOCK(b,i);
#ifndef MUTELEAVE
                awake(i, b);
#endif
                d_step { live[Q(b,i)] = 0; wok[Q(b,i)] = 0;
#ifndef MUTELEAVE
                    inv(b);
#endif
                    TELL(b); lk[b] = 0 } }; closeall(i) :: else fi;
            if :: rop[Q(b,i)] -> d_step { F_RCLOSE(F[Q(b,i)]); rop[Q(b,i)] = 0; sv[b] = 0 } :: else fi; b++
        :: else -> break
        od; skip;
        d_step { fin[i] = 1; m = 0; b = 0; got = 0; sv[0] = 0; sv[NB-1] = 0 }
    } unless { mark[i] ->
        d_step { dead[i] = 1; h1 = 0; do :: h1 < NB -> if :: lk[h1] == i + 1 -> lk[h1] = 0 :: else fi; h1++ :: else -> break od; h1 = 0 };
        do :: d_step { wh[i] -> h1 = 0; do :: !BIT(wh[i],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[i],h1); h1 = 0 } :: else -> break od; skip;
        d_step { h1 = 0; do :: h1 < NB -> if :: rop[Q(h1,i)] -> F_RCLOSE(F[Q(h1,i)]); rop[Q(h1,i)] = 0 :: else fi; h1++ :: else -> break od; h1 = 0 } }
}

proctype sender(byte m)
{   byte v, p, b; bool ok;
    p = NW + m; b = m % NB;
    {
        SECT { LOCK(b,p);
#ifdef LATEOPEN
        d_step { st[m] = READY; TELL(b) }; wake(p, m, b); d_step { inv(b); lk[b] = 0 }
#else
#ifdef BATCH
        m = 0; do :: m < NM -> wake(p, m, 0); m++ :: else -> break od; skip;
        d_step { h1 = 0; do :: h1 < NM -> st[h1] = READY; h1++ :: else -> break od; TELL(0); inv(b); lk[b] = 0 }
#else
        wake(p, m, b); d_step { st[m] = READY; TELL(b); inv(b); lk[b] = 0 }
#endif
#endif
        };
        closeall(p)
    } unless { mark[p] ->
        d_step { dead[p] = 1; if :: lk[b] == p + 1 -> lk[b] = 0 :: else fi };
        do :: d_step { wh[p] -> h1 = 0; do :: !BIT(wh[p],h1) -> h1++ :: else -> break od; F_WCLOSE(F[h1]); CLRBIT(wh[p],h1); h1 = 0 } :: else -> break od }
}
#ifdef PAUSE
/* under the lock of 0: rings one that sleeps, of class k */
inline resume(k) {
    do
    :: atomic {
        if :: ASLEEP(0,0) && OF(k,0) -> v = 0
           :: ASLEEP(0,1) && OF(k,1) -> v = 1
#if NW > 2
           :: ASLEEP(0,2) && OF(k,2) -> v = 2
#endif
           :: else -> v = NONE; break
        fi };
        d_step { F_WOPEN(F[v], ok); if :: ok -> wh[NP - 1] = wh[NP - 1] | (1 << v) :: else -> live[v] = 0; wok[v] = 0 fi };
        if :: ok -> wok[v] = 1; break :: else fi
    od; v = 0; ok = 0
}
active proctype manager()
{   byte v, n, k; bool ok;
    do
    :: n < PAUSE ->
        SECT { LOCK(0,NP - 1); d_step { paused = 1; TELL(0); lk[0] = 0 } };
        SECT { LOCK(0,NP - 1);
#ifdef ONERESUME
            resume(ANY);
#else
#ifndef NORESUME
            do :: k < 4 -> resume(k); k++ :: else -> break od; k = 0;
#endif
#endif
            d_step { paused = 0; TELL(0); inv(0); lk[0] = 0 } };
        closeall(NP - 1); n++
    :: else -> break
    od
}
#endif
#if KILLS || KILLW
active proctype fate()
{   byte w;
    do
#if KILLS
    :: atomic { kills > 0 -> kills--; select(w : NW .. (NW + NS - 1)); mark[w] = 1; w = 0 }
#endif
#if KILLW
    :: atomic { killw > 0 -> killw--; select(w : 0 .. (NW - 1)); if :: !mark[w] && !fin[w] -> mark[w] = 1; deaths++ :: else fi; w = 0 }
#endif
    :: break
    od
}
#endif
init { atomic { byte n = 0;
    do :: n < NW -> run receiver(n); n++ :: else -> break od; n = 0;
    do :: n < NS -> run sender(n); n++ :: else -> break od; n = 0 } }
#define UP(i)  (!fin[i] && !dead[i] && !stopped[i])
active proctype monitor() { timeout ->
    d_step { h1 = 0; do :: h1 < NW -> h2 = 0; do :: h2 < NM -> assert(!(UP(h1) && SOME(h1,h2))); h2++ :: else -> break od; h1++ :: else -> break od };
    assert(lk[0] == 0 && lk[NB-1] == 0) }
