/* SPDX-License-Identifier: ISC */
/*
 * vouch: which names of what was sent once still count after a loss of power, in a durable mailbox (box/vouch.c;
 * send/fresh.c fresh_write, fresh_sync, fresh_synced; send/append.c kept).
 *
 * NS senders send OPS messages in all: some of NI by name, any number of times, or one without a name.  A name is written
 * under the lock behind its message and counts with the commit; then, without the lock, the sender syncs the file of
 * names, then the messages, and writes down what is on the disk.  One message may be received.  A sender is KILLed at any
 * write, and another takes its place; the kernel writes anything to the disk at any moment.  At any moment the POWER goes.
 * The window is a ring of W + 1 names, of which W are remembered; ctl is not on the disk.
 *
 * Asserted of what counts then: its message is there, or was received.  And what is there since its sender synced it counts,
 * and whatever became of it since, what was written down before the sync of a message that was acknowledged.
 *
 * Mutants: ALL each name on the disk counts; NAMESLAST messages are synced before names; KEPTEARLY what is on the disk is
 * written down before it is there; NUMBERLESS a name that was written over one on the disk counts as that one
 */
#ifndef NS
#define NS 2
#endif
#ifndef NI
#define NI 2
#endif
#ifndef OPS
#define OPS 3
#endif
#ifndef KILL
#define KILL 1
#endif
#ifndef FLUSH
#define FLUSH 2
#endif
#ifndef W
#define W 2
#endif
#define R (W + 1)
#define NM (OPS + 1)                    /* numbers of messages, from 1 on */
#define PLAIN (NI + 1)

byte id[R], no[R], did[R], dno[R];      /* names: id + 1, and the message's number; as they are on the disk */
byte log[NM], dlog[NM];                 /* messages: id + 1, PLAIN; 0 */
bool gone[NM], dgone[NM];               /* received */
byte kt, kn, dkt, dkn;                  /* kept: names, and the number of the last message */
byte next = 1, taken;                   /* ctl */
bool delivered[NI], insync[NM];         /* insync: by number, synced by their senders */
byte behind;                            /* names that were told to be kept when a sync began that an acknowledgement followed */
byte ops = OPS, kills = KILL, flush = FLUSH;
bool locked, off;

inline sync_names() { d_step { for (i : 0 .. (R - 1)) { did[i] = id[i]; dno[i] = no[i] } i = 0; dkt = kt; dkn = kn } }
inline sync_log() { d_step { for (i : 1 .. (NM - 1)) { dlog[i] = log[i]; dgone[i] = gone[i] } i = 0 } }
#define STEPLOCKED if :: kills > 0 && !off -> kills--; locked = false; goto dead :: !off :: off -> goto end fi
#define STEP if :: kills > 0 && !off -> kills--; goto dead :: !off :: off -> goto end fi

active [NS] proctype sender()
{
	byte m, i, top, number, synced, said;
	bool is, unsure, counted;
	do
	:: atomic { ops > 0 && !locked && !off -> ops--; locked = true; m = 0; is = false; unsure = false; counted = false }
		select(m : 1 .. PLAIN); skip;
		d_step {
			if :: synced < kt -> synced = kt :: else fi;
			i = (taken > W -> taken - W : 0);
			do
			:: i < taken -> if :: id[i % R] == m -> is = true; unsure = unsure || i >= synced :: else fi; i++
			:: else -> break
			od;
			i = 0; top = taken; number = next - 1; said = kt
		};
		if
		:: is -> locked = false
		:: else ->
			log[next] = m;
			STEPLOCKED;
			if
			:: m != PLAIN ->
				d_step { id[taken % R] = m; no[taken % R] = next };
				STEPLOCKED
			:: else
			fi;
			d_step {
				number = next; next++; counted = (m != PLAIN);
				if :: m != PLAIN -> taken++; top = taken :: else fi;
				locked = false
			};
#ifdef KEPTEARLY
			if :: counted && synced + 1 >= top -> d_step { kt = top; kn = number } :: else fi;
#endif
		fi;
		STEP;
		if
		:: unsure -> sync_names(); sync_log()
#ifdef NAMESLAST
		:: else -> sync_log(); d_step { if :: counted -> insync[number] = true :: else fi }; STEP; sync_names()
#else
		:: else -> if :: m != PLAIN -> sync_names(); STEP :: else fi; sync_log()
#endif
		fi;
		if
		:: m != PLAIN ->
			d_step {
				if :: counted -> insync[number] = true :: else fi;
				if :: synced < top && (unsure || synced + counted >= top) -> synced = top; kt = top; kn = number :: else fi;
				if :: behind < said -> behind = said :: else fi
			}
		:: else
		fi;
		skip; goto again;
dead:		synced = 0;
again:		skip; d_step { m = 0; i = 0; said = 0; top = 0; number = 0; is = false; unsure = false; counted = false }
	:: ops == 0 || off -> break
	od;
end:	skip
}

/* the oldest that waits is received */
active proctype receiver()
{
	byte n = 1;
	atomic { !locked && !off && next > 1 -> gone[1] = true; if :: log[1] != PLAIN -> delivered[log[1] - 1] = true :: else fi }
}

/* the kernel's own writing */
active proctype kernel()
{
	byte i;
	do
	:: flush > 0 && !off ->
		flush--;
		if
		:: select(i : 0 .. (R - 1)); skip; d_step { did[i] = id[i]; dno[i] = no[i]; i = 0 }
		:: select(i : 1 .. (NM - 1)); skip; d_step { dlog[i] = log[i]; i = 0 }
		:: d_step { dgone[1] = gone[1] }
		:: d_step { dkt = kt; dkn = kn }
		fi
	:: else -> break
	od
}

/* the power goes, and what is left is judged */
active proctype power()
{
	byte q, n, age;
	bool v;
	bool counts[NI], waits[NI];

	true;
	d_step {
		off = true;
		for (n : 1 .. (NM - 1)) { if :: dlog[n] != 0 && dlog[n] != PLAIN && !dgone[n] -> waits[dlog[n] - 1] = true :: else fi }
		for (q : 0 .. (R - 1)) {
			if
			:: did[q] != 0 ->
				v = false; age = 255;
				if :: dkt > 0 -> age = ((dkt - 1) % R + R - q) % R :: else fi;
#ifdef NUMBERLESS
				v = (age < dkt && age < W);
#else
				v = (age < dkt && age < W && dno[q] <= dkn);
#endif
				v = v || (dlog[dno[q]] == did[q] && !dgone[dno[q]]);
#ifdef ALL
				v = true;
#endif
				if :: v -> counts[did[q] - 1] = true; assert(waits[did[q] - 1] || delivered[did[q] - 1]) :: else fi
			:: else
			fi
		};
		for (q : (taken > W -> taken - W : 0) .. (taken - 1)) {
			n = no[q % R];
			assert((q >= behind && !(insync[n] && dlog[n] != 0 && !dgone[n])) || counts[id[q % R] - 1])
		}
	}
}
