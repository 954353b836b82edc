/* SPDX-License-Identifier: ISC */
/*
 * meet: one offer in a mailbox of capacity 0 (meet.c, offer.c, sync.c sync_state; claim.c search, jobs.c hold).
 *
 * A sender with a payload of two chunks, NR receivers, a FIFO for each time that it is offered (at most NG).
 * The offer is READY with its FIFO's name, TAKEN by a receiver, BACK in its sender's hands, DONE or GONE.  The sender
 * sleeps on its bell, and while it streams, on its FIFO's reader; mark is its want's, which outlives the state.
 * Budgets: KILLS the sender, KILLR receivers killed anywhere; FAILS put back, with or without a part of the payload
 * read; REFUSE dropped by a receiver that has it (a dead letter); EARLY done by a receiver that has not read it all;
 * QUIT the sender's time-out; LATE a receiver closes its FIFO before it settles; REPLAY the payload can be sent again;
 * TICK the sender's own look once a second.
 *
 * A message called whole has both chunks in order, at most 1 + deaths times.  Exactly one side wins: the sender has
 * succeeded only if it was received, and is not withdrawn from whoever has it.  When nobody can move, the sender has
 * come to its end, and of an offer whose sender is gone the next who looks leaves nothing.
 *
 * Mutants: SAMEFIFO offered again through the FIFO it had; NOLIVES the sender
 * takes a FIFO without a reader for the death of its receiver; MUTEBACK put back without a word, the FIFO open;
 * STATEFIRST the state is written before the mark; WRITTEN the last write is success; UNLOCKED withdrawn without the
 * lock; DROPNAMELESS an offer without a FIFO is dropped though its sender lives
 */
#include "fifo.h"
#ifndef NR
#define NR 2
#endif
#ifndef NG
#define NG 3
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef KILLR
#define KILLR 0
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef REFUSE
#define REFUSE 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef QUIT
#define QUIT 0
#endif
#define S NR
#define NONE 0
#define READY 1
#define TAKEN 2
#define BACK 3
#define DONE 4
#define GONE 5
#define BIT(v,i)     (((v) >> (i)) & 1)
#define CLRBIT(v,i)  v = v & (255 - (1 << (i)))
#define LOCK(p)      atomic { lk == 0 -> lk = (p) + 1; if :: busy -> recount() :: else fi; busy = 1 }
#define UNLOCK       d_step { busy = 0; lk = 0 }

fifo bell;
byte lk, offer, owner, mark, gen, name;         /* name: 0, or the FIFO's number + 1 */
bool busy, removed;                             /* removed: recount has taken the segment with the state away */
byte fr[NG], nxt[NG];
bool fw[NG], data[NG];
bool dead[NR+1], kill[NR+1], wopen[NR+1], fin[NR];
byte kills = KILLS, killr = KILLR, fails = FAILS, refuse = REFUSE, early = EARLY, quits = QUIT;
byte deaths, whole, enough;
bool success, failed, withdrawn, sopen;

inline recount() { if :: offer == DONE || offer == GONE -> removed = 1 :: else fi }
inline ring(p)   { d_step { F_WOPEN(bell, wopen[p]) } }
inline silent(p) { d_step { if :: wopen[p] -> F_WCLOSE(bell); wopen[p] = 0 :: else fi } }
#define LIVES(r) (!dead[r])
#define GONEBY (offer == GONE || removed)       /* else whoever was to drop it was killed before he did */
#ifdef SAMEFIFO
#define NEXT g
#else
#define NEXT (g + 1)
#endif

proctype sender()
{   byte g, n, sv, o; bool back;
    {   skip;
        LOCK(S); fw[0] = 1; name = 1;
        d_step { F_ROPEN(bell, sv); sopen = 1; gen = 0; offer = READY };
        UNLOCK;
wait:   if
        :: HUP(bell, sv)
#ifdef TICK
        :: offer != READY
#endif
        :: quits > 0 -> quits--; goto quit
        fi;
        LOCK(S);
        if
        :: mark == DONE || (mark == 0 && (offer == DONE || removed)) -> success = 1; UNLOCK; goto over
        :: (mark == GONE && GONEBY) || (mark == 0 && offer == GONE && !removed) -> failed = 1; UNLOCK; goto over
        :: else ->
            if
            :: offer == TAKEN && LIVES(owner) -> back = 0; o = TAKEN
            :: offer == BACK || (offer == TAKEN && !LIVES(owner)) -> goto again
            :: else -> o = READY
            fi;
            d_step { F_RCLOSE(bell); F_ROPEN(bell, sv) };
            UNLOCK
        fi;
        if :: o == READY -> goto wait :: else fi;
        n = 0;
        do
        :: n < 2 ->
            if
            :: atomic { fr[g] != 0 && !data[g] -> data[g] = 1; nxt[g] = n; n++ }
            :: fr[g] == 0 -> break                                      /* EPIPE */
            fi
        :: else -> break
        od;
#ifdef WRITTEN
        if :: n == 2 -> success = 1; goto over :: else fi;
#endif
        back = (fr[g] == 0);                                            /* back: the FIFO is closed, and not polled */
hear:   LOCK(S);
        if
        :: mark == DONE || (mark == 0 && (offer == DONE || removed)) -> success = 1; UNLOCK; goto over
        :: (mark == GONE && GONEBY) || (mark == 0 && offer == GONE && !removed) -> failed = 1; UNLOCK; goto over
#ifdef NOLIVES
        :: mark != DONE && (offer == BACK || (offer == TAKEN && (back || !LIVES(owner)))) ->
#else
        :: mark != DONE && (offer == BACK || (offer == TAKEN && !LIVES(owner))) ->
#endif
again:
#ifdef REPLAY
            if
            :: g < NG - 1 ->
                d_step { fw[g] = 0; g = NEXT; fw[g] = 1; gen = g };
                name = g + 1;
                d_step { F_RCLOSE(bell); F_ROPEN(bell, sv); offer = READY };
                UNLOCK; goto wait
            :: else
            fi;
#endif
            mark = GONE; offer = GONE; name = 0; failed = 1; UNLOCK; goto over
        :: else ->
            d_step { F_RCLOSE(bell); F_ROPEN(bell, sv) };
            UNLOCK
        fi;
        if
        :: HUP(bell, sv)
        :: !back && fr[g] == 0 -> back = 1
#ifdef TICK
        :: mark != 0 || offer == DONE || offer == GONE || offer == BACK || (offer == TAKEN && !LIVES(owner))
#endif
        fi;
        goto hear;
quit:
#ifdef UNLOCKED
        if :: offer == READY -> skip; offer = GONE; withdrawn = 1; failed = 1; goto over :: else -> goto wait fi;
#else
        LOCK(S);
        if
        :: offer == READY || offer == BACK -> name = 0; offer = GONE; withdrawn = 1; failed = 1; UNLOCK; goto over
        :: else -> UNLOCK; goto wait
        fi;
#endif
over:   skip; d_step { fw[g] = 0; if :: sopen -> F_RCLOSE(bell); sopen = 0 :: else fi; sv = 0 }
    } unless { kill[S] ->
        d_step { dead[S] = 1; if :: lk == S + 1 -> lk = 0 :: else fi };
        d_step { n = 0; do :: n < NG -> fw[n] = 0; n++ :: else -> break od; if :: sopen -> F_RCLOSE(bell); sopen = 0 :: else fi } }
}

/* settle: what the receiver says became of the offer, in one locked section; how: DONE, GONE or BACK */
inline settle(how) {
    LOCK(me);
    if
    :: offer != TAKEN || owner != me -> skip                            /* not ours any more */
    :: else ->
        ring(me);
#ifdef STATEFIRST
        offer = how; if :: how != BACK -> mark = how :: else fi
#else
        if :: how != BACK -> mark = how :: else fi;
        if
        :: how == BACK && dead[S] -> offer = GONE
        :: else -> offer = how
        fi
#endif
    fi;
    if :: offer != BACK -> name = 0 :: else fi;
    UNLOCK; silent(me)
}

proctype receiver(byte me)
{   byte g, c, x; bool got;
    {   skip;
look:   if
        :: offer == READY || (offer == TAKEN && dead[owner] && dead[S]) || (offer == BACK && dead[S]) -> skip
        :: offer == DONE || offer == GONE -> goto leave
        fi;
        LOCK(me); got = 0;
        if
        :: offer == TAKEN || offer == BACK ->
            if :: dead[S] && (offer == BACK || dead[owner]) -> offer = GONE; name = 0 :: else fi
        :: offer == READY && dead[S] -> name = 0; offer = GONE
        :: offer == READY && !dead[S] && name == 0 ->                   /* another was killed between open and claim */
#ifdef DROPNAMELESS
            mark = GONE; offer = GONE
#else
            ring(me); offer = BACK
#endif
        :: offer == READY && !dead[S] && name != 0 ->
            d_step { g = name - 1; fr[g] = fr[g] | (1 << me) };
            name = 0;
            ring(me);
            d_step { owner = me; offer = TAKEN; got = 1 }
        :: else
        fi;
        UNLOCK; silent(me);
        if :: !got -> goto look :: else fi;
        c = 0;
        do
        :: atomic { data[g] -> x = nxt[g]; data[g] = 0; if :: x != c -> c = 99 :: else -> c++ fi };
            if :: x == 1 -> break :: else fi
        :: !fw[g] && !data[g] -> goto cut                               /* the end, and not the last chunk */
        :: atomic { early > 0 -> early--; enough++ }; goto done
        :: atomic { fails > 0 -> fails-- }; goto putback
        :: atomic { refuse > 0 -> refuse-- }; goto drop
        od;
        assert(c == 2);                                                 /* called whole: is it? */
        if
        :: atomic { fails > 0 -> fails-- }; goto putback
        :: true ->
            whole++; assert(whole + enough <= 1 + deaths + FAILS)
        fi;
done:   if :: true -> skip
#ifdef LATE
        :: true -> CLRBIT(fr[g], me)
#endif
        fi;
        settle(DONE);
        CLRBIT(fr[g], me); goto leave;
cut:    assert(!withdrawn);                                             /* both sides won */
        settle(GONE);
        CLRBIT(fr[g], me); goto leave;
drop:   settle(GONE);
        CLRBIT(fr[g], me); goto leave;
putback:
#ifdef MUTEBACK
        LOCK(me); if :: offer == TAKEN && owner == me -> offer = BACK :: else fi; UNLOCK; goto look;
#else
        settle(BACK);
        CLRBIT(fr[g], me); goto look;
#endif
leave:  skip; d_step { fin[me] = 1; g = 0; c = 0; x = 0 }
    } unless { kill[me] ->
        d_step { dead[me] = 1; if :: lk == me + 1 -> lk = 0 :: else fi };       /* locks first, then FIFOs */
        d_step { c = 0; do :: c < NG -> CLRBIT(fr[c], me); c++ :: else -> break od; c = 0 };
        silent(me) }
}

#if KILLS || KILLR
active proctype fate()
{   byte v;
    do
    :: atomic { kills > 0 -> kills--; kill[S] = 1 }
    :: atomic { killr > 0 -> killr--; select(v : 0 .. (NR - 1)); if :: !kill[v] && !fin[v] -> kill[v] = 1; deaths++ :: else fi; v = 0 }
    :: break
    od
}
#endif
init { atomic { byte i; run sender(); do :: i < NR -> run receiver(i); i++ :: else -> break od } }

#define SENDING (!dead[S] && !success && !failed)
#define SOMEBODY ((!fin[0] && !dead[0]) || (!fin[NR-1] && !dead[NR-1]))
active proctype monitor() { timeout ->
    assert(lk == 0);
    assert(!(success && failed));
    assert(!success || whole + enough > 0);
    assert(!SENDING || (offer == READY && !SOMEBODY));                  /* it waits for nobody who does not come */
    assert(!(failed && !withdrawn && FAILS + REFUSE + KILLR == 0));     /* nothing fails that nobody made fail */
#ifdef REPLAY
    assert(!(failed && !withdrawn && REFUSE == 0 && FAILS + KILLR < NG));
#endif
    assert(name == 0 || offer == READY || busy);                       /* recount removes what no message names */
    assert(!(SOMEBODY && dead[S] && offer != NONE && offer != DONE && offer != GONE))
}
