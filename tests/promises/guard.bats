#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What a message costs, where no clock is needed to tell: system calls, sleeps, instructions, memory.
#
# Each ceiling is what was counted when it was recorded, with some room, and why it is that much.  A change that goes
# over one has made something dearer: see what, and raise the ceiling only for a reason that stands beside it.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# need COMMAND -- in CI it must be there.
need()
{
	command -v "$1" >/dev/null && return
	[ "${CI:-}" != true ] || { echo "$1 is not installed"; return 1; }
	skip "$1 is not installed"
}

# calls COMMAND... -- how many system calls it makes, in $calls; standard output goes to /dev/null.
calls()
{
	need strace
	strace -qq -o trace "$@" >/dev/null
	calls=$(grep -c '^[a-z0-9_]*(' trace)
}

# at_most CEILING FIGURE WHAT
at_most()
{
	echo "$3: $2, at most $1"
	[ "$2" -le "$1" ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "a message, a process: so many system calls" {
	mkmbox box
	# what it takes to start and to end: 4 by musl
	calls "$BUILD/bench/empty"
	local start=$calls
	# 19: streams 1, signals 1, source 1, open 4, lock read unlock 3, boot 1, segment 3, append 5; a new segment takes 10 more
	calls "$(type -P msend)" box hello
	at_most 31 $((calls - start)) "msend into an empty mailbox"
	calls "$(type -P msend)" box hello
	at_most 20 $((calls - start)) "msend"
	# 18: neither who sends, nor a name that is new there
	calls "$(type -P msend)" -s me box hello
	calls "$(type -P msend)" -s me box hello
	at_most 18 $((calls - start)) "msend -s"
	# 29: streams 1, signals 1, output 1, open 4, lock read unlock 3, boot 1, number 1, segment 4, claim 3, frame 1, write 1;
	# lock read unlock 3, done 4, signals 1
	strace -qq -o trace "$(type -P mrecv)" box | cat >/dev/null
	at_most 30 $(($(grep -c '^[a-z0-9_]*(' trace) - start)) "mrecv into a pipe"
	# 31: whether it is open to write to, and is not the channel, too
	strace -qq -o trace "$(type -P mrecv)" box >out
	at_most 31 $(($(grep -c '^[a-z0-9_]*(' trace) - start)) "mrecv into a file"
	msend box again
	# 42: what would make any other output wait is not known, so that signals are caught
	calls "$(type -P mrecv)" box
	at_most 42 $((calls - start)) "mrecv into a device"
	mrecv -a box >/dev/null
	calls "$(type -P mstat)" box
	at_most 33 $((calls - start)) "mstat"
	run strace -qq -o trace "$(type -P mrecv)" -n box
	[ "$status" -eq 1 ]
	at_most 22 $(($(grep -c '^[a-z0-9_]*(' trace) - start)) "mrecv -n of an empty mailbox"
}

# faults_of COMMAND... -- the page faults of the best of 20 runs, in $faults: where addresses can't be fixed, where the
# stack stands differs.
faults_of()
{
	local run
	faults=1000000
	for run in {1..20}; do
		"$BUILD/faults" "$@" 2>faults.now >/dev/null
		[ "$(cat faults.now)" -ge "$faults" ] || faults=$(cat faults.now)
	done
}

# bats test_tags=no-valgrind, no-sanitize
@test "a message, a process: so few page faults" {
	mkmbox box
	faults_of "$BUILD/bench/empty"
	local empty=$faults
	# 4 and 3: what it runs and its small objects stand together (src/hot.ld; make hot), and of large ones those in use
	faults_of "$(type -P msend)" box hello
	at_most 5 $((faults - empty)) "msend, besides the $empty of an empty program"
	faults_of "$(type -P mrecv)" box
	at_most 5 $((faults - empty)) "mrecv, besides the $empty of an empty program"
}

# bats test_tags=no-valgrind, no-sanitize
@test "a change of a mailbox: so many system calls" {
	mkmbox box
	seq 5 | msend -l box
	calls "$(type -P chmbox)" -V
	local start=$calls option
	# 12: open 5, lock look unlock 3, ctl busy and not 2, close 2 and more
	for option in -c5 --pause --resume --close --open; do
		calls "$(type -P chmbox)" $option box
		at_most 16 $((calls - start)) "chmbox $option"
	done
	# 95: the directory is listed twice, and of each of 5 files asked what it has, 2 calls, and it is opened and set, 6
	calls "$(type -P chmbox)" -m 0660 box
	at_most 115 $((calls - start)) "chmbox -m"
}

# bats test_tags=no-valgrind, no-sanitize
@test "a stream: so few system calls for many messages" {
	mkmbox -b inf box
	seq 1000000000000001 1000000000040000 >lines
	# 155 to 203: a read and 11 calls for each 4,096 messages, a write for each 1,024 slots, and the room of 512 states
	calls "$(type -P msend)" -l box <lines
	at_most 320 "$calls" "msend -l of 40,000 lines"
	# 232: 14 calls for each 4,096 messages, and writes of 128 KiB
	calls "$(type -P mrecv)" -a box
	at_most 260 "$calls" "mrecv -a of them"
	[ "$(mrecv -n box; echo $?)" -eq 1 ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "a line, all asleep: so few system calls from its sender's read to its receiver's write" {
	need strace
	mkmbox box
	mkfifo door
	local i sent received
	in_background strace -qq -o receiver "$(type -P mrecv)" -f box >out
	exec 4<>door
	in_background strace -qq -o sender "$(type -P msend)" -l box <door 4>&-
	for i in {1..8}; do
		until_waiting box
		echo "line $i" >&4
		until_true grep -qx "line $i" out
	done
	exec 4>&-
	chmbox --close box
	for i in "${children[@]}"; do status_of "$i"; done
	# of the best of 8 lines, as another process may look into the mailbox, and the clock is a call at first; 10: lock,
	# read, unlock 3, append 3, the wants 1, open, mark and close the FIFO 3
	sent=$(awk '/^read\(0, "line/ { if (n && (!best || n < best)) best = n; n = 0; next } { n++ } END { print best }' sender)
	# 9: lock, read, unlock 3, search 1, claim 3, awake 1, frame 1
	received=$(awk '/^poll/ { n = 0; next } /^write\(1/ && n && (!best || n < best) { best = n } { n++ } END { print best }' receiver)
	[ "$sent" -gt 0 ] && [ "$received" -gt 0 ]
	at_most 10 "$sent" "msend -l"
	at_most 9 "$received" "mrecv -f"
}

# bats test_tags=no-valgrind, no-sanitize
@test "a large payload goes in large pieces: so few system calls for 16 MiB" {
	need strace
	mkmbox box
	mkmbox -c 0 zero
	head -c 16M /dev/zero >large
	# 202: a read and a write for each 256 KiB; copy_file_range(2) is no faster, as the checksum needs a read all the same
	calls "$(type -P msend)" box <large
	at_most 240 "$calls" "msend of a file"
	# 250: a read and a write for each 256 KiB, and a splice that only a pipe would take
	calls "$(type -P mrecv)" box
	at_most 300 "$calls" "mrecv of it to a file"
	# from a pipe 203, and into one 94: each read brings what the pipe has, of 1 MiB; pages move by reference
	head -c 16M /dev/zero | strace -qq -o trace "$(type -P msend)" box
	at_most 700 "$(grep -c '^[a-z0-9_]*(' trace)" "msend of a pipe"
	strace -qq -o trace "$(type -P mrecv)" box | cat >/dev/null
	at_most 500 "$(grep -c '^[a-z0-9_]*(' trace)" "mrecv of it to a pipe"
	# 310: for each 256 KiB a read, a write of header and payload, one of the newline, some for the receiver
	in_background mrecv zero >/dev/null
	until_waiting zero
	calls "$(type -P msend)" zero <large
	at_most 400 "$calls" "msend of a file to a mailbox of capacity 0"
}

# hold COMMAND... -- the most system calls that it makes with a mailbox locked, in $hold; COMMAND ends with 0 or 1.
hold()
{
	need strace
	strace -qq -o trace "$@" >/dev/null || [ $? -eq 1 ]
	hold=$(awk '/F_WRLCK.*l_start=0, l_len=1}\) += 0/ { held = 1; n = 0 }
		held && /^[a-z0-9_]*\(/ && ++n > most { most = n }
		/F_UNLCK.*l_start=0, l_len=1}/ { held = 0 }
		END { print most + 0 }' trace)
}

# bats test_tags=no-valgrind, no-sanitize
@test "no locked section is long, however many messages go" {
	local n=20000
	mkmbox -b inf expired
	mkmbox -o oldest -b 1M old
	mkmbox -b 1M full
	# 64 are dropped at a time, by 6 calls each: header, ctl, state, count, and the search for the next
	seq $n | msend -x 0.001 -l expired
	hold "$(type -P mrecv)" -n expired
	at_most 600 "$hold" "mrecv of $n that have expired"
	[ "$(mstat -J expired | grep -o '"dropped":[0-9]*')" = "\"dropped\":$n" ]
	seq 100001 $((100000 + n)) | msend -l old
	head -c 1M /dev/zero >large
	hold "$(type -P msend)" old <large
	at_most 600 "$hold" "msend that displaces $n"
	[ "$(mstat -J old | grep -o '"dropped":[0-9]*')" = "\"dropped\":$n" ]
	seq 100001 $((100000 + n)) | msend -x 0.001 -l full
	hold "$(type -P msend)" -n full <large
	at_most 600 "$hold" "msend that finds $n expired"
	[ "$(mstat -J full | grep -o '"dropped":[0-9]*')" = "\"dropped\":$n" ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "no locked section is long, however many messages a batch had" {
	local n=20000
	mkmbox -b inf box
	seq $n | msend -l box
	in_background mrecv -b $n box -- sh -c 'echo >started; until [ -e go ]; do sleep 0.02; done; exit 75'
	until_true exists started
	kill -KILL "$child"
	status_of "$child"
	# 1,024 and more are given back at a time, 256 by 3 calls; and the way there, 256 a call
	hold "$(type -P mrecv)" -b $n box -- cat
	at_most 400 "$hold" "mrecv of $n that a dead one had"
	[ "$(mstat -J box | grep -o '"received":[0-9]*')" = "\"received\":$n" ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "what is passed over is read many at a time, with the lock held" {
	local n=20000
	mkmbox -b inf box
	mkmbox -c $n full
	seq $n | msend -x 0.001 -l box
	# 2,048 by 3 calls; a million takes 15 ms
	hold "$(type -P mrecv)" -p -n box
	at_most 100 "$hold" "mrecv -p that looks at $n which have expired"
	seq $n | msend -x 1h -l full
	# 1,024 by 12 calls
	hold "$(type -P msend)" -n full x
	at_most 100 "$hold" "msend -n that finds none of $n expired"
}

# switches PID -- how often the process has gone to sleep.
switches()
{
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

# family PID -- add it to pids, and all that it has started, and those.
family()
{
	local child children=()
	pids+=("$1")
	read -r -a children <"/proc/$1/task/$1/children" || :
	for child in "${children[@]}"; do
		family "$child"
	done
}

# sleeps PID... -- how often they have gone to sleep, all in all.
sleeps()
{
	local pid
	for pid; do cat "/proc/$pid/status"; done | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

# bats test_tags=no-sanitize,no-valgrind
@test "who has nothing to acknowledge or to carry wakes once a second at most: mrecv -A, msend -A, mlink" {
	mkmbox acks from to
	mkfifo door
	local pids=() i since before began
	in_background mrecv -f -A -u acks -- cat
	until_waiting acks
	family "$child"
	exec 4<>door
	in_background msend -F -A to <door 4>&-
	pids+=("$child")
	in_background mlink from to 4>&-
	until_waiting from
	until_true sh -c 'mlink -l from | grep -q linked'
	family "$child"
	# mlink and the two of it; mrecv and its command; msend: of those four look
	[ "${#pids[@]}" -ge 6 ]
	nap 9
	since=$(sleeps "${pids[@]}") began=$EPOCHREALTIME
	for ((i = 0; i < 40; i++)); do nap 9; done
	before=$since since=$(sleeps "${pids[@]}")
	i=$((${EPOCHREALTIME%.*} - ${began%.*} + 1))
	echo "${#pids[@]} processes slept $((since - before)) times in $i seconds at most"
	# one more each for what was under way; a wait for another's lock is a sleep, too
	[ $((since - before)) -le $(((i + 3) * 4)) ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "a message wakes its receiver once, and nobody else" {
	mkmbox box
	local pid before=() i after sum=0
	for i in 1 2 3 4 5 6 7 8; do
		in_background mrecv -f -l box >"out.$i"
	done
	until_waiting box 8
	for pid in "${children[@]}"; do
		before+=("$(switches "$pid")")
	done
	# each is sent when the one before has been received
	seq 200 | msend -S -l box
	until_waiting box 8
	for i in "${!children[@]}"; do
		after=$(switches "${children[$i]}")
		sum=$((sum + after - before[i]))
	done
	# 1 each; one may find the lock held and sleep for it, and each looks by itself once a second
	at_most 800 "$sum" "sleeps of 8 receivers for 200 messages"
}

# instructions COMMAND... -- how many it executes, in $instructions.
instructions()
{
	need valgrind
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" >/dev/null 2>counted
	instructions=$(awk '/Collected/ { print $NF }' counted)
}

# bats test_tags=no-valgrind, no-sanitize
@test "a message in a stream: so many instructions" {
	local n sent=() received=()
	for n in 8192 24576; do
		mkmbox -b inf "box.$n"
		seq 1000000000000001 $((1000000000000000 + n)) >lines
		instructions "$(type -P msend)" -l "box.$n" <lines
		sent+=("$instructions")
		instructions "$(type -P mrecv)" -a -l "box.$n"
		received+=("$instructions")
	done
	# 222 by gcc -O2 and musl: find the end 20, frame 35, checksum 70, slot 40, slot again with its place 55
	at_most 270 $(((sent[1] - sent[0]) / 16384)) "msend -l, a line of 16 bytes"
	# 287: search 60, checksum 90, output 75, states 40, done 30
	at_most 340 $(((received[1] - received[0]) / 16384)) "mrecv -l, a line of 16 bytes"
}

# bats test_tags=no-valgrind, no-sanitize
@test "a frame that is to be taken once: so many instructions" {
	local n sent=() received=()
	for n in 8192 24576; do
		mkmbox -b inf "box.$n" "to.$n"
		seq 1000000000000001 $((1000000000000000 + n)) | msend -l "box.$n"
		mrecv -p -a -F -u "box.$n" >frames
		instructions "$(type -P mrecv)" -a -F -u "box.$n"
		received+=("$instructions")
		instructions "$(type -P msend)" -F -u s "to.$n" <frames
		sent+=("$instructions")
	done
	# 2052
	at_most 2400 $(((received[1] - received[0]) / 16384)) "mrecv -F -u, 16 bytes"
	# 3240, and 4018 where each is taken apart twice
	at_most 3700 $(((sent[1] - sent[0]) / 16384)) "msend -F -u, 16 bytes"
}

# both COMMAND... -- so many system calls and instructions it takes; it must change nothing that matters to the next.
both()
{
	instructions "$@"
	calls "$@"
}

# bats test_tags=no-valgrind, no-sanitize
@test "the last value of a tag is replaced by as much work among 6,000 tags, in any order, as among 10" {
	local few
	for tags in 10 6000; do
		mkmbox -b inf -o latest "box.$tags"
		awk -v tags=$tags 'BEGIN { for (i = 0; i < 6000; i++) printf "M1 1 t%d s\nx\n", i * 7919 % tags }' >frames
		msend -F "box.$tags" <frames
		instructions "$(type -P msend)" -F "box.$tags" <frames
		calls "$(type -P msend)" -F "box.$tags" <frames
		[ $tags -eq 6000 ] || few=("$calls" "$instructions")
	done
	# 13.7 and 12.0: a name for the segment, and where a segment was rewritten the id is looked for
	at_most $((few[0] * 5 / 4)) "$calls" "msend -F to a mailbox with 6,000 tags, calls"
	# 11,000 and 7,600
	at_most $((few[1] * 2)) "$instructions" "msend -F to a mailbox with 6,000 tags, instructions"
}

# bats test_tags=no-valgrind, no-sanitize
@test "100,000 delayed messages cost a receiver nothing, also after one has fallen due" {
	local few fewer got
	mkmbox few many
	seq 20 >ready
	seq 50000 >half
	msend -l few <ready
	msend -l -d 1h many <half
	msend -d 0.01 many fallen
	msend -l -d 1h many <half
	msend -l many <ready
	both "$(type -P mrecv)" -n few
	few=$calls fewer=$instructions
	# the first has a message to make ready, which takes some 20 calls; the others have none, but two notes more and two
	# reads in place of one
	got=$(mrecv -n many)
	[ "$got" = fallen ]
	both "$(type -P mrecv)" -n many
	at_most $((few + 6)) "$calls" "mrecv among 100,000 that are delayed, system calls ($few without them)"
	# 21,000 either way
	at_most $((fewer + fewer / 4)) "$instructions" "and instructions ($fewer without them)"
	# a walk is read-only and in blocks: 49 reads, but once
	msend -d 0.01 many again
	until_true due many
	calls "$(type -P mrecv)" -n many
	at_most $((few + 40)) "$calls" "mrecv that makes one ready"
	both "$(type -P mrecv)" -n many
	at_most $((few + 6)) "$calls" "mrecv after it"
	"$BUILD/inspect" many
}

# due BOX -- whether one of its messages has fallen due: it is not delayed any more.
due()
{
	[ "$(mstat -J "$1" | grep -o '"delayed":[0-9]*')" = '"delayed":100000' ]
}

# list N -- mstat -m of N messages, one of 1,000 held, takes little memory and short locked sections.
list()
{
	mkmbox -b inf box
	seq "$1" | msend -l box
	in_background mrecv -b 1000 box -- sh -c 'cat >/dev/null; echo >held; until [ -e go ]; do sleep 0.02; done'
	until_true exists held
	# 700 kB by musl, whatever N; with its libraries a few MB
	(ulimit -v 24000; mstat -m box) >out
	[ "$(awk 'NR > 1 { n++ } $2 == "claimed" { claimed++ } END { print n, claimed }' out)" = "$1 1000" ]
	# ctl, states, slots, for what is claimed due times and who lives, and the first header line
	hold "$(type -P mstat)" -m box
	at_most 44 "$hold" "mstat -m of $1"
	echo >go
}

# bats test_tags=no-valgrind, no-sanitize
@test "a list takes little memory, and few calls with the lock held, however many messages there are" {
	list 100000
}

# bats test_tags=long, no-valgrind, no-sanitize
@test "a list of 1,000,000 messages takes little memory, and few calls with the lock held" {
	list 1000000
}
