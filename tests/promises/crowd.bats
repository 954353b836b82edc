#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Many who wait at one mailbox.
#
# How wake-ups are counted: the kernel counts for each process how often it went to sleep by itself
# (voluntary_ctxt_switches in /proc/PID/status).  A process that is not woken between two readings has the same count
# in both.  But each looks by itself once a second, and that counts as well.  So the readings are taken right before
# the message and right after it, with few processes started in between, and a round in which many slept anew is tried
# again: their looks may have fallen into it.  A herd would show in every round.

# A crowd of valgrinds takes minutes to gather, and gigabytes.  What a sanitizer sees of each it sees of one.
# bats file_tags=no-valgrind, no-sanitize

load ../helpers

WORKERS=64

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	common_teardown
}

# counts NAME -- the number of times that each worker went to sleep, into that array.
counts()
{
	mapfile -t "$1" < <(grep -h ^voluntary_ctxt_switches "${status_files[@]}")
}

# received N -- whether the workers have written N lines in all.
received()
{
	local got
	mapfile -t got < <(cat out.*)
	[ "${#got[@]}" -eq "$1" ]
}

# said_in_all N -- the same for workers that write into one file.
said_in_all()
{
	local got
	mapfile -t got <out
	[ "${#got[@]}" -eq "$1" ]
}

# round N -- send message N and see how many processes it woke: in $woken.
round()
{
	local before after i
	counts before
	msend box "$1"
	until_true said_in_all "$1"
	counts after
	woken=0
	for i in "${!before[@]}"; do
		[ "${before[i]}" = "${after[i]}" ] || woken=$((woken + 1))
	done
}

@test "a message wakes a few of 24 idle workers, not all of them" {
	status_files=() rounds=()
	for i in {1..24}; do
		in_background mrecv -f box >>out
		status_files+=("/proc/$child/status")
	done
	until_waiting box 24
	for i in {1..60}; do
		round "$i"
		rounds+=("$woken")
		[ "$woken" -lt 1 ] || [ "$woken" -gt 4 ] || return 0
	done
	echo "woken, in each round: ${rounds[*]}"
	return 1
}

@test "each of $WORKERS receivers with a tag of its own gets what has its tag" {
	pids=()
	for i in $(seq "$WORKERS"); do
		in_background mrecv -t "tag$i" box >"out.$i"
		pids+=("$child")
	done
	until_waiting box "$WORKERS"
	for i in $(seq "$WORKERS" -1 1); do
		msend -t "tag$i" box "for $i"
	done
	for i in $(seq "$WORKERS"); do
		status_of "${pids[i - 1]}"
		[ "$status" -eq 0 ]
		[ "$(cat "out.$i")" = "for $i" ]
	done
	run -1 mrecv -n box
}

@test "what $WORKERS workers share is received once, all of it" {
	pids=()
	for i in $(seq "$WORKERS"); do
		in_background mrecv -c 10 box >"out.$i"
		pids+=("$child")
	done
	until_waiting box "$WORKERS"
	seq $((WORKERS * 10)) | msend -l box
	for pid in "${pids[@]}"; do
		ended_with 0 "$pid"
	done
	cat out.* | sort -n >out
	seq $((WORKERS * 10)) >expected
	same expected out
}

@test "who waited first is served first" {
	for i in $(seq 8); do
		in_background mrecv box >"out.$i"
		until_waiting box "$i"
	done
	for i in $(seq 8); do
		msend box "$i"
		until_true exists "out.$i"
		[ "$(cat "out.$i")" = "$i" ]
	done
}

# looks PID -- how often it has slept.
looks()
{
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

has_looked()
{
	[ "$(looks "$1")" -gt "$2" ]
}

@test "a receiver that was woken and has not run for a moment keeps its place, and keeps nobody for long" {
	local first second before
	in_background mrecv box >out.1
	first=$child
	until_waiting box 1
	in_background mrecv box >out.2
	second=$child
	until_waiting box 2
	kill -STOP "$first"
	before=$(looks "$second")
	msend box one
	until_true has_looked "$second" "$before"
	kill -CONT "$first"
	ended_with 0 "$first"
	[ "$(cat out.1)" = one ]

	in_background mrecv box >out.3
	until_waiting box 2
	kill -STOP "$second"
	msend box two
	until_true exists out.3
	[ "$(cat out.3)" = two ]
	kill -CONT "$second"
	msend box three
	ended_with 0 "$second"
	[ "$(cat out.2)" = three ]
}

@test "$WORKERS senders that wait for room are let in one by one, each once" {
	mkmbox -c 1 small
	msend small 0
	pids=()
	for i in $(seq "$WORKERS"); do
		in_background msend small "$i"
		pids+=("$child")
	done
	until_waiting small "$WORKERS"
	timeout "$LIMIT" mrecv -c $((WORKERS + 1)) small | sort -n >out
	seq 0 "$WORKERS" >expected
	same expected out
	for pid in "${pids[@]}"; do
		ended_with 0 "$pid"
	done
}

# bats test_tags=long
@test "1,100 receivers at one mailbox are each woken for their own, and a sender that waits has its place beside them" {
	local n=1100 LIMIT=600
	ulimit -u "$(ulimit -Hu)"
	mapfile -t tags < <(seq -f tag%.0f "$n")
	for i in "${!tags[@]}"; do
		in_background mrecv -w 600 -o '%t\n' -t "${tags[i]}" box >"out.$i"
	done
	until_waiting box "$n"
	in_background msend -S -t other -w 600 box x
	sender=$child
	until_waiting box $((n + 1))
	[[ $(mstat -J box) == *'"receivers_waiting":1100,"senders_waiting":1,'* ]]
	# a thousand looks of a second would take longer
	for ((i = n - 1; i > n - 100; i--)); do
		msend -S -w 60 -t "${tags[i]}" box x
		[ "$(<"out.$i")" = "${tags[i]}" ]
	done
	[ "$(mrecv -t other -o %t box)" = other ]
	status_of "$sender"
	[ "$status" -eq 0 ]
}

# rings TRACE... -- how many bells these processes have opened to ring them.
rings()
{
	cat "$@" | grep -c '\.wake", O_WRONLY.* = [0-9]'
}

# put_back BOX -- 32 messages that one has are put back at one stroke, where 32 sleep: how many bells were rung for it
# goes to $woken.
put_back()
{
	local pids=() i holder
	mkmbox "$1"
	mkdir "$1.d"
	seq 32 | msend -l "$1"
	in_background strace -qq -o "$1.d/trace" -e trace=openat mrecv -b 32 "$1" -- \
	    sh -c 'echo $PPID >"$0"; exec sleep 60' "$1.d/started"
	holder=$child
	until_true exists "$1.d/started"
	for i in {1..32}; do
		in_background strace -qq -o "$1.d/trace.$i" -e trace=openat mrecv -l "$1" >"$1.d/out.$i"
		pids+=("$child")
	done
	until_waiting "$1" 32
	kill -TERM "$(<"$1.d/started")"
	until_true got_signals "$(<"$1.d/started")"
	kill -TERM "$(<"$1.d/started")"
	for pid in "$holder" "${pids[@]}"; do
		status_of "$pid"
	done
	[ "$(cat "$1.d"/out.* | sort -n)" = "$(seq 32)" ]
	woken=$(rings "$1.d"/trace*)
}

@test "of 32 messages put back at one stroke each sleeper gets one, and wakes the next" {
	needs_strace
	# none is left to its own look, once a second; but some may have had it just then, and on a slow machine many, so
	# there is another round
	local rounds=()
	for i in {1..6}; do
		put_back "round.$i"
		rounds+=("$woken")
		[ "$woken" -lt 8 ] || [ "$woken" -gt 40 ] || return 0
	done
	echo "woken, in each round: ${rounds[*]}"
	return 1
}

@test "a batch wakes one of those that want the same, and one of each that want another" {
	needs_strace
	for i in $(seq 8); do
		in_background mrecv -f box >"out.$i"
	done
	until_waiting box 8
	seq 500 >in
	strace -qq -o trace -e trace=openat msend -l box <in
	[ "$(rings trace)" -eq 1 ]
	until_true received 500

	mkmbox two
	for tag in a b; do
		in_background mrecv -t "$tag" -c 2 two >"got.$tag"
		pids+=("$child")
	done
	until_waiting two 2
	printf 'M1 1 %s -\n%s\n' a 1 a 2 b 3 b 4 >frames
	strace -qq -o trace -e trace=openat msend -F two <frames
	[ "$(rings trace)" -eq 2 ]
	for pid in "${pids[@]}"; do
		ended_with 0 "$pid"
	done
	[ "$(cat got.a got.b)" = "$(seq 4)" ]
}

@test "who waits for one message by its number is woken beside a worker, never instead of one" {
	needs_strace
	id=$(msend -v box held)
	in_background mrecv box -- sh -c 'echo $PPID >started; exec sleep 60'
	until_true exists started
	in_background mrecv -i "$id" box >by_number
	until_waiting box 1
	in_background mrecv box >out
	worker=$child
	until_waiting box 2
	strace -qq -o trace -e trace=openat msend box another
	[ "$(rings trace)" -eq 2 ]
	status_of "$worker"
	[ "$(cat out)" = another ]
}

@test "when all but one of $WORKERS sleepers are killed, the message finds the one" {
	pids=()
	for i in $(seq "$WORKERS"); do
		in_background mrecv box >"out.$i"
		pids+=("$child")
	done
	until_waiting box "$WORKERS"
	kill -KILL "${pids[@]:0:WORKERS - 1}"
	for pid in "${pids[@]:0:WORKERS - 1}"; do
		status_of "$pid"
	done
	msend box hello
	status_of "${pids[WORKERS - 1]}"
	[ "$status" -eq 0 ]
	[ "$(cat "out.$WORKERS")" = hello ]
}
