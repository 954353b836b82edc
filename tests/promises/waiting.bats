#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Whoever waits sleeps, and wakes.

load ../helpers

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	common_teardown
}

# switches PID -- how often it has gone to sleep.
switches()
{
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

# ticks PID -- the processor time it has used, in clock ticks.
ticks()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# ---- no lost wake-up ----

# ping_pong ROUNDS -- two processes hand a message to and fro: each waits for the other.
ping_pong()
{
	local rounds=$1
	mkmbox answers
	in_background sh -c 'i=0; while [ $i -lt '$rounds' ]; do
		mrecv -w '$LIMIT' box >/dev/null || exit; msend answers x || exit; i=$((i + 1)); done'
	for ((i = 0; i < rounds; i++)); do
		msend box x
		mrecv answers >/dev/null
	done
	status_of "$child"
	[ "$status" -eq 0 ]
	run -1 mrecv -n box
	run -1 mrecv -n answers
	[ -z "$(files_of box)$(files_of answers)" ]
}

# more processes than valgrind starts in the time that they wait
# bats test_tags=no-valgrind
@test "of many messages, each sent as the receiver goes to sleep, every one wakes it" {
	ping_pong 100
}

# bats test_tags=long
@test "of 500 messages, each sent as the receiver goes to sleep, every one wakes it" {
	ping_pong 500
}

@test "a receiver that follows gets each message as it is sent" {
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f box >pipe 5<&-
	for i in {1..100}; do
		msend box "$i"
		read -r -t "$LIMIT" line <&5
		[ "$line" = "$i" ]
	done
}

# more processes than valgrind starts in the time that they wait
# bats test_tags=no-valgrind
@test "64 receivers that wait for 64 tags get exactly their own messages" {
	for i in {1..64}; do
		in_background timeout "$LIMIT" mrecv -t "tag-$i" box >"out.$i"
	done
	until_waiting box 64
	for i in {64..1}; do
		printf 'M1 6 tag-%d s\n%06d\n' "$i" "$i"
	done | msend -F box
	for i in {1..64}; do
		status_of "${children[i - 1]}"
		[ "$status" -eq 0 ]
		[ "$((10#$(<"out.$i")))" -eq "$i" ]
	done
	run -1 mrecv -n box
	[ -z "$(files_of box)" ]
}

@test "of many receivers that wait for the same, the one that waits longest is woken" {
	for i in 1 2 3 4; do
		in_background timeout "$LIMIT" mrecv box >"out.$i"
		until_waiting box "$i"
	done
	for i in 1 2 3 4; do
		msend box "message $i"
		status_of "${children[i - 1]}"
		[ "$(cat "out.$i")" = "message $i" ]
	done
}

@test "a message wakes one receiver, and the others sleep on" {
	for i in 1 2 3; do
		in_background mrecv box >"out.$i"
		until_waiting box "$i"
	done
	until_true eval '[[ $(cut -d" " -f3 /proc/'"$child"'/stat) = S ]]'
	before=$(switches "$child")
	msend -t a box one
	status_of "${children[0]}"
	[ "$(cat out.1)" = one ]
	# two seconds at most have gone by: it looks once a second by itself
	[ $(($(switches "$child") - before)) -le 4 ]
	waiting box 2
}

@test "who looks on is woken beside who takes" {
	in_background timeout "$LIMIT" mrecv -p box >peeked
	until_waiting box 1
	peeker=$child
	in_background timeout "$LIMIT" mrecv box >taken
	until_waiting box 2
	msend box one
	status_of "$child"
	[ "$(cat taken)" = one ]
	# it may have come too late: then it waits for the next
	msend box two
	status_of "$peeker"
	[ "$(cat peeked)" = one ] || [ "$(cat peeked)" = two ]
}

@test "who waits at several mailboxes is woken by any of them" {
	mkmbox second third
	for name in box second third second box; do
		in_background timeout "$LIMIT" mrecv box second third >out
		until_waiting box
		until_waiting second
		until_waiting third
		msend "$name" "for $name"
		status_of "$child"
		[ "$(cat out)" = "for $name" ]
		[ -z "$(files_of box)$(files_of second)$(files_of third)" ]
	done
}

@test "of 80 mailboxes in one mrecv each wakes it: no message waits for its look of a second" {
	mkmbox many.{1..80}
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f many.{1..80} >pipe 5<&-
	until_waiting many.80
	# a hundred looks of a second would take longer than the limit
	in_background timeout "$LIMIT" sh -c 'for i in $(seq 100); do msend many.80 "$i" && read -r got && [ "$got" = "$i" ] || exit; done' \
		<&5 5<&-
	status_of "$child"
	[ "$status" -eq 0 ]
	exec 5>&-
}

# patterns FIRST LAST -- options for so many tags, more than the table of wants has place for; in $options.
patterns()
{
	mapfile -t options < <(seq -f -ttag.%.0f "$1" "$2")
}

@test "of receivers with too many patterns for the table of wants each is woken for what is its own, at once" {
	patterns 1 300
	in_background mrecv -f "${options[@]}" box >out
	until_waiting box 1
	patterns 301 600
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f "${options[@]}" box >pipe 5<&-
	until_waiting box 2
	# a hundred looks of a second would take longer than the limit
	in_background timeout "$LIMIT" sh -c 'for i in $(seq 100); do msend -t tag.600 box "$i" && read -r got && [ "$got" = "$i" ] || exit; done' \
		<&5 5<&-
	status_of "$child"
	[ "$status" -eq 0 ]
	exec 5>&-
	[ ! -s out ]
}

@test "a message that no receiver wants wakes each with too many patterns for the table of wants once" {
	needs_strace
	for i in 1 2 3; do
		patterns $((i * 300)) $((i * 300 + 299))
		in_background strace -qq -o "trace.$i" -e trace=openat mrecv "${options[@]}" box >"out.$i"
		until_waiting box "$i"
	done
	msend box x
	for i in 3 2 1; do
		msend -t "tag.$((i * 300))" box "$i"
		status_of "${children[i - 1]}"
		[ "$(<"out.$i")" = "$i" ]
	done
	# what the first handed on, and the second; and again for the message of the third, the second and the first
	[ "$(cat trace.* | grep -c '\.wake", O_WRONLY')" -le 5 ]
	[ "$(mrecv -a box)" = x ]
}

@test "who was woken for a message and gave up hands it on to the next" {
	for round in 1 2; do
		in_background timeout "$LIMIT" mrecv box
		first=$child
		until_waiting box 1
		in_background timeout "$LIMIT" mrecv box >out
		until_waiting box 2
		kill -STOP "$(pgrep -P "$first")"
		msend box "message $round"
		kill -KILL "$(pgrep -P "$first")"
		status_of "$child"
		[ "$status" -eq 0 ]
		[ "$(cat out)" = "message $round" ]
		status_of "$first"
	done 2>/dev/null
}

# ---- sleep is sleep ----

@test "who waits is idle: a receiver, one beside messages for others, one at a named pipe, a sender without room" {
	local -A time wakings
	mkmbox full clock
	mkmbox -c 1 small
	mkfifo pipe
	msend small one
	seq 1000 | msend -t other -l full
	in_background mrecv box
	in_background mrecv -t mine full
	in_background msend small two
	in_background mrecv pipe
	until_waiting box
	until_waiting full
	until_waiting small
	for pid in "${children[@]}"; do
		until_true eval "[[ \$(cut -d' ' -f3 /proc/$pid/stat) = S ]]"
		time[$pid]=$(ticks "$pid")
		wakings[$pid]=$(switches "$pid")
	done
	# how long that is, another one that waits tells
	run -124 timeout "$LIMIT" mrecv -w 3 clock
	for pid in "${children[@]}"; do
		echo "$(($(ticks "$pid") - time[$pid])) ticks, woke $(($(switches "$pid") - wakings[$pid])) times"
		[ $(($(ticks "$pid") - time[$pid])) -le 1 ]
		[ $(($(switches "$pid") - wakings[$pid])) -le 6 ]
	done
}

# ---- giving up ----

@test "-w ends the wait with 124, and -n does not wait: 1" {
	run -124 timeout "$LIMIT" mrecv -w 0.05 box
	run -124 timeout "$LIMIT" mrecv -w 50ms -c 3 box
	run -1 timeout "$LIMIT" mrecv -n box
	mkmbox -c 1 small
	msend small one
	run -124 timeout "$LIMIT" msend -w 0.05 small two
	run -1 timeout "$LIMIT" msend -n small two
	run -0 mrecv -a small
	[ "$output" = one ]
	[ -z "$(files_of box)$(files_of small)" ]
}

@test "-w is the wait for each next message" {
	in_background timeout "$LIMIT" mrecv -f -w $((LIMIT / 10)) box >out
	for i in 1 2 3; do
		until_waiting box
		msend box "$i"
		until_true eval '[ "$(wc -l <out)" -eq '"$i"' ]'
	done
	status_of "$child"
	[ "$status" -eq 124 ]
	[ "$(cat out)" = "$(lines 1 2 3)" ]
}

# ---- removal ----

@test "rmmbox wakes all who wait there, and they exit with 69" {
	mkmbox -c 1 small
	for i in {1..8}; do
		in_background timeout "$LIMIT" mrecv -t "tag-$i" box 2>"err.$i"
	done
	until_waiting box 8
	rmmbox box
	for i in {1..8}; do
		status_of "${children[i - 1]}"
		[ "$status" -eq 69 ]
		[ "$(cat "err.$i")" = "mrecv: cannot receive from box: the mailbox was removed" ]
	done
	[ ! -e box ]
}

@test "rmmbox -f wakes senders that wait for room, and they exit with 69" {
	mkmbox -c 1 small
	msend small one
	in_background timeout "$LIMIT" msend small two 2>err
	until_waiting small
	rmmbox -f small
	status_of "$child"
	[ "$status" -eq 69 ]
	[ "$(cat err)" = "msend: cannot send to small: the mailbox was removed" ]
	[ ! -e small ]
}

@test "who waits notices rm -r too" {
	in_background timeout "$LIMIT" mrecv box 2>err
	until_waiting box
	rm -r box
	status_of "$child"
	[ "$status" -eq 69 ]
	[ "$(wc -l <err)" -eq 1 ]
}

@test "who waits at a removed mailbox is not woken by a new one of that name" {
	in_background timeout "$LIMIT" mrecv box 2>/dev/null
	until_waiting box
	rmmbox box
	mkmbox box
	msend box one
	status_of "$child"
	[ "$status" -eq 69 ]
	[ "$(mrecv -n box)" = one ]
}

# ---- room ----

@test "senders that wait for room are let in one at a time, in order" {
	mkmbox -c 1 small
	msend small 0
	for i in 1 2 3 4 5; do
		in_background timeout "$LIMIT" msend small "$i"
		until_waiting small "$i"
	done
	for i in 0 1 2 3 4 5; do
		[ "$(timeout "$LIMIT" mrecv small)" = "$i" ]
	done
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ]
	done
	[ -z "$(files_of small)" ]
}

@test "a large message is not starved by small ones that would fit" {
	mkmbox -b 1000 small
	msend -s x small "$(printf %0500d 0)"
	printf %0800d 1 >large
	in_background timeout "$LIMIT" msend small <large
	until_waiting small 1
	# it would fit, and has to queue
	run -1 msend -n small late
	in_background timeout "$LIMIT" msend small late
	until_waiting small 2
	[ "$(timeout "$LIMIT" mrecv small)" = "$(printf %0500d 0)" ]
	timeout "$LIMIT" mrecv small >out
	same large out
	[ "$(timeout "$LIMIT" mrecv small)" = late ]
}

@test "a large message queues when it is whole, not when its sender began to read it" {
	mkmbox -c 1 small
	msend small one
	mkfifo in
	exec 5<>in
	in_background msend -t large small <in 5>&-
	large=$child
	in_background pattern 200000 >&5 5>&-
	until_true eval '[ -n "$(echo small/*.spool)" ] && [ -e small/*.spool ]'
	in_background msend -t two small two 5>&-
	until_waiting small 1
	# its sender is the last that has the other end
	exec 5>&-
	until_waiting small 2
	[ "$(mrecv small)" = one ]
	[ "$(timeout "$LIMIT" mrecv -o %t small)" = two ]
	[ "$(timeout "$LIMIT" mrecv -o %t small)" = large ]
	status_of "$large"
	[ "$status" -eq 0 ]
}

@test "a sender that gives up lets the next in" {
	mkmbox -b 1000 small
	printf %0600d 0 | msend small
	printf %0900d 1 >large
	in_background msend small <large
	until_waiting small 1
	first=$child
	in_background timeout "$LIMIT" msend small next
	until_waiting small 2
	kill -TERM "$first"
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(mrecv -a small | tail -n 1)" = next ]
}

@test "a sender that was stopped holds up nobody for long" {
	mkmbox -c 1 small
	msend small one
	in_background msend small two
	until_waiting small 1
	stopped=$child
	in_background timeout "$LIMIT" msend small three
	until_waiting small 2
	kill -STOP "$stopped"
	[ "$(mrecv small)" = one ]
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(timeout "$LIMIT" mrecv small)" = three ]
	kill -CONT "$stopped"
	status_of "$stopped"
	[ "$(timeout "$LIMIT" mrecv small)" = two ]
}

# second_in_line -- the first in the queue is woken for room, and killed; the second is stopped.
second_in_line()
{
	mkmbox -c 1 small
	msend small one
	in_background msend small two
	until_waiting small 1
	first=$child
	in_background msend small three
	until_waiting small 2
	kill -STOP "$first" "$child"
	[ "$(mrecv small)" = one ]
	kill -KILL "$first"
	status_of "$first"
}

@test "where the first in the queue was killed, who comes next wakes the second" {
	while :; do
		second_in_line
		# nobody stands behind one that was stopped for too long: again, then
		run msend -n small four
		[ "$status" -ne 1 ] || break
		kill -KILL "$child"
		rmmbox -f small
	done
	# of kind 3: its mark
	[ "$(od -A n -t u8 -v -w64 small/want | awk '$1 != 0 && $7 == 3 { print $3 }')" = 1 ]
	kill -CONT "$child"
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(mrecv small)" = three ]
}

@test "many senders and receivers at a mailbox with room for one lose nothing" {
	mkmbox -c 1 small
	for i in 1 2 3 4; do
		seq -f "$i %g" 200 >"in.$i"
		in_background timeout "$LIMIT" msend -l small <"in.$i"
		in_background timeout "$LIMIT" mrecv -c 200 small >"out.$i"
	done
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ]
	done
	sort in.* >expected
	sort out.* >received
	same expected received
	[ -z "$(files_of small)" ]
}
