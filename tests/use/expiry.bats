#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# msend -x: messages that are of no use after a while.

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

# over BOX ID -- whether message ID is past its time.
over()
{
	! mrecv -n -p -i "$2" "$1"
}

# send_expired BOX [OPTION...] [MESSAGE] -- a message that has expired, and is still there.
send_expired()
{
	local box=$1 id
	shift
	id=$(msend -v -x 0.001 "${@:1:$#-1}" "$box" "${@: -1}")
	until_true over "$box" "$id"
}

# later_than NANOSECONDS -- whether the clock shows more.
later_than()
{
	[ "$(date +%s%N)" -gt "$1" ]
}

# live BOX -- how many messages it counts
live()
{
	mstat -J "$1" | grep -o '"messages":[0-9]*' | cut -d : -f 2
}

@test "a message is received before its time, with the moment in its header" {
	before=$(date +%s)
	msend -x 1h box hello
	mrecv -F box >frame
	expire=$(head -n 1 frame | grep -o 'expire=[0-9]*' | cut -d = -f 2)
	[ "$expire" -ge $((before + 3600)) ]
	[ "$expire" -le $(($(date +%s) + 3600)) ]
	[ "$(mrecv - <frame)" = hello ]
}

@test "a message that has expired is not received, and not seen" {
	send_expired box stale
	msend box fresh
	[ "$(mrecv -p -a box)" = fresh ]
	[ "$(mrecv -a box)" = fresh ]
	run -1 mrecv -n box
	send_expired box stale
	run -1 mrecv -a box
	send_expired box stale
	run -124 timeout "$LIMIT" mrecv -w 0.01 box
	[ -z "$output" ]
}

# slowed COMMAND... -- in the background, COMMAND takes a while for each write; returns once it has begun to drop messages.
slowed()
{
	needs_strace
	in_background strace -f -qq -o trace -e trace=pwrite64 -e inject=pwrite64:delay_enter=300 "$@"
	until_true begun
}

begun()
{
	[ "$(wc -l <trace)" -ge 200 ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "who finishes while thousands that have expired are dropped is done with its message, and others get in" {
	msend box job
	in_background mrecv -w 0.1 box -- sh -c 'echo run >>runs; until [ -e go ]; do sleep 0.02; done'
	worker=$child
	until_true exists runs
	seq 4000 | msend -x 0.001 -t stale -l box
	slowed "$(type -P mrecv)" -n -t stale box
	: >go
	# they wait a second for the lock
	msend -n box fresh
	ended_with 0 "$worker"
	# this was while they were dropped
	[ "$(live box)" -gt 100 ]
	kill -KILL "${children[-1]}"
	[ "$(mrecv -n box)" = fresh ]
	run -1 mrecv -n box
	[ "$(wc -l <runs)" -eq 1 ]
}

@test "it takes up no room: a sender that finds none drops it" {
	mkmbox -c 1 small
	send_expired small stale
	timeout "$LIMIT" msend -n small fresh
	[ "$(timeout "$LIMIT" mrecv small)" = fresh ]
	[ "$(live small)" -eq 0 ]
}

@test "a sender that waits for room gets that of a message that expires" {
	mkmbox -c 1 small
	msend -x 0.5 small stale
	timeout "$LIMIT" msend small fresh
	[ "$(timeout "$LIMIT" mrecv small)" = fresh ]
}

@test "a sender that waits for room gets that of a message that is put back and expires then" {
	mkmbox -c 1 small
	msend -x 3 small stale
	in_background mrecv small -- sh -c 'echo >started; until [ -e go ]; do sleep 0.02; done; exit 75'
	worker=$child
	until_true exists started
	in_background msend small fresh
	sender=$child
	until_waiting small
	: >go
	ended_with 75 "$worker"
	ended_with 0 "$sender"
	[ "$(mrecv -n small)" = fresh ]
}

@test "a synchronous sender is told when its message expires" {
	run -74 timeout "$LIMIT" msend -S -x 0.2 box stale
	[[ $output == *"left the mailbox without being received" ]]
}

@test "an expired message is dropped with its payload, however large" {
	pattern 200000 >big
	msend -x 0.001 box <big
	until_true over box 1
	run -1 mrecv -n box
	[ -z "$(files_of box)" ]
	[ "$(live box)" -eq 0 ]
}

@test "a selection leaves expired messages that it does not want to others" {
	mkmbox dead
	send_expired box -t a stale
	run -1 mrecv -n -t b -d dead box
	run -1 mrecv -n dead
	run -1 mrecv -n -t a -d dead box
	[ "$(mrecv -n dead)" = stale ]
}

@test "with -d an expired message becomes a dead letter that says why, and does not expire" {
	mkmbox dead
	send_expired box -t tag -s me -H key=value stale
	msend box fresh
	[ "$(mrecv -d dead box)" = fresh ]
	[ "$(mrecv -o '%t %s %h{key} %h{status} %h{tries} %h{origin} %h{origin-id} %h{expire}|%p' dead)" = \
	    "tag me value expired 0 box 1 |stale" ]
}

@test "-d with a command: an expired message never reaches it" {
	mkmbox dead
	send_expired box stale
	msend box fresh
	[ "$(timeout "$LIMIT" mrecv -a -d dead box -- cat)" = fresh ]
	[ "$(mrecv -a dead)" = stale ]
}

@test "a message that is claimed in time may be dealt with after its time" {
	in_background mrecv box -- sh -c 'cat >part; until [ -e go ]; do sleep 0.02; done; mv part out'
	until_waiting box
	msend -x 1 box hello
	late=$(($(date +%s%N) + 1000000000))
	until_true exists part
	until_true later_than "$late"
	: >go
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat out)" = hello ]
}

@test "each line of a stream, and each frame, has its own time" {
	lines one two | msend -x 1h -l box
	[ "$(mrecv -p -a -o '%h{expire}\n' box | grep -c '^[0-9]')" -eq 2 ]
	mrecv -a -F box >frames
	mkmbox other
	msend -F other <frames
	[ "$(mrecv -p -a -F other | grep -o 'expire=.*')" = "$(grep -o 'expire=.*' frames)" ]
	printf 'M1 5 - me expire=1.000000\nstale\nM1 5 - me\nfresh\n' >frames
	msend -F box <frames
	[ "$(mrecv -a box)" = fresh ]
	[ "$(mrecv -a - <frames)" = fresh ]
}

@test "at a mailbox of capacity 0 an offer expires, too" {
	mkmbox -c 0 zero
	in_background msend -x 0.05 zero stale 2>err
	until_waiting zero
	until_true eval 'timeout "$LIMIT" mrecv -n zero >>out; ! waiting zero'
	status_of "$child"
	# whoever came first: received in time, or not at all
	case $status in
	0) [ "$(cat out)" = stale ] ;;
	*) [ ! -s out ] && [ "$status" -eq 74 ] && [ "$(wc -l <err)" -eq 1 ] ;;
	esac
}

@test "-x takes seconds" {
	misused msend -x soon box hello
	misused msend -x -1 box hello
	misused msend -x '' box hello
	misused msend -H expire=1 box hello
	for time in 1h 500ms 0.25 2m; do
		msend -x "$time" box hello
	done
	[ "$(live box)" -eq 4 ]
}

@test "who looks for an expired message by its number ends, as for one that is gone" {
	msend -x 0.01 box late
	until_true eval 'mstat -m box | grep -q expired'
	for options in '' -f '-w 20'; do
		run -1 mrecv -p $options -i 1 box
	done
}
