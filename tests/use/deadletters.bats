#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mrecv -k -d: messages at which a command fails again and again; mrecv -i: one message by its number.

load ../helpers

setup()
{
	common_setup
	mkmbox box dead
}

teardown()
{
	common_teardown
}

@test "after -k failures a message is a dead letter, with status, tries and origin" {
	msend -t tag -s me -H key=value box hello
	run -124 timeout "$LIMIT" mrecv -f -w 2 -k 3 -d dead box -- sh -c 'echo "$MBOX_TRY" >>tries; exit 7'
	[ "$(cat tries)" = "$(seq 3)" ]
	[ "$(mrecv -o '%t %s %h{key} %h{status} %h{tries} %h{origin} %h{origin-id} %p' dead)" = \
	    "tag me value 7 3 box 1 hello" ]
	run -1 mrecv -n box
}

@test "the status of mrecv is the command's, dead letter or not" {
	msend box hello
	run -9 timeout "$LIMIT" mrecv -k 2 -d dead box -- sh -c 'exit 9'
	run -1 mrecv -n dead
	run -8 timeout "$LIMIT" mrecv -k 2 -d dead box -- sh -c 'exit 8'
	[ "$(mrecv -n -o '%h{status}' dead)" = 8 ]
}

@test "a success counts for the message, whatever failed before" {
	lines a b | msend -l box
	run -124 timeout "$LIMIT" mrecv -f -w 2 -k 3 -d dead box -- sh -c 'read -r x; test "$x$MBOX_TRY" = a2 || test "$x" = b'
	run -1 mrecv -n dead
	run -1 mrecv -n box
}

@test "75, a signal that asks to end, and the death of a receiver are no failures" {
	msend box hello
	run -75 timeout "$LIMIT" mrecv -k 1 -d dead box -- sh -c 'exit 75'
	run -143 timeout "$LIMIT" mrecv -k 1 -d dead box -- sh -c 'kill -TERM $$'
	run -1 mrecv -n dead
	[ "$(mrecv -n box)" = hello ]
}

# valgrind hides that a command cannot be run
# bats test_tags=no-valgrind
@test "a command that can not be run makes no dead letter" {
	msend box hello
	run -127 timeout "$LIMIT" mrecv -k 1 -d dead box -- ./no-such-command
	run -1 mrecv -n dead
	[ "$(mrecv -n box)" = hello ]
}

@test "a large payload is a dead letter byte for byte" {
	pattern 300000 >big
	msend box <big
	run -1 timeout "$LIMIT" mrecv -k 1 -d dead box -- false
	mrecv -n dead >out
	same big out
	[ -z "$(files_of box)$(files_of dead)" ]
}

@test "a payload over standard input's pipe that the command does not read is a dead letter, too" {
	pattern 60000 >most
	msend box <most
	run -1 timeout "$LIMIT" mrecv -k 1 -d dead box -- false
	mrecv -n dead >out
	same most out
}

@test "MBOX_TRIES says of how many tries MBOX_TRY is one; it is empty where their number is not bounded" {
	export MBOX_TRIES=9
	msend box hello
	run -1 timeout "$LIMIT" mrecv -k 1 -d dead box -- sh -c 'echo "$MBOX_TRY of $MBOX_TRIES" >got; exit 1'
	[ "$(<got)" = '1 of 1' ]
	msend box hello
	mrecv box -- sh -c 'echo "$MBOX_TRY of <$MBOX_TRIES>" >got'
	[ "$(<got)" = '1 of <>' ]
	seq 2 | msend -l box
	mrecv -b 2 -k 7 -d dead box -- sh -c 'echo "<$MBOX_TRY> of $MBOX_TRIES" >got'
	[ "$(<got)" = '<> of 7' ]
}

@test "a full mailbox of dead letters is waited for a second; then the message is put back, and comes again" {
	mkmbox -c 1 small
	msend small first
	msend box second
	fails 3 mrecv -n -k 1 -d small box -- sh -c 'exit 3'
	[ "$error" = 'mrecv: small has no room for dead letters: they are put back, and come again' ]
	[ "$(mrecv -o '%h{try} %p' box)" = '1 second' ]
	for patience in '' '-w 10'; do
		msend box second
		# shellcheck disable=SC2086
		in_background mrecv -f $patience -k 1 -d small box -- sh -c 'exit 3' 2>err
		until_waiting small
		until_true grep -q '^mrecv: small has no room' err
		[ "$(mrecv small)" = first ]
		[ "$(mrecv -o '%p' small)" = second ]
		kill -TERM "$child"
		status_of "$child"
		run -1 mrecv -n box
		[ "$(wc -l <err)" -eq 1 ]
		msend small first
	done
}

@test "a full mailbox of dead letters holds a message back, whatever -B says, and no try is beyond the last" {
	mkmbox -c 1 small
	msend small first
	msend box second
	msend -x 0.001 box third
	run mrecv -v -a -B 0 -k 1 -d small box -- sh -c 'exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *'status 3, try 1 of 1, no room in small, again in 1000 ms'* ]]
	run -1 mrecv -n box
	[ "$(mrecv -w 20 -o '%h{try} %p' box)" = '1 second' ]
}

@test "two workers whose dead letters go to each other's full mailbox do not wait for each other for ever" {
	mkmbox -c 1 a
	mkmbox -c 1 b
	msend a x
	msend b y
	in_background mrecv -f -k 1 -d b a -- false 2>err.a
	local one=$child
	in_background mrecv -f -k 1 -d a b -- false 2>err.b
	until_true grep -q 'b has no room' err.a
	until_true grep -q 'a has no room' err.b
	kill -TERM "$one"
	status_of "$one"
	# what none of them holds any more another can take, and the rest goes on
	[ "$(mrecv -w 15 a)" = x ]
	[ "$(mrecv -w 15 -o '%h{origin} %p' a)" = 'b y' ]
}

@test "what has expired, and finds no room among the dead letters, holds up nothing behind it" {
	mkmbox -c 1 small
	msend small first
	msend -x 0.001 -l box <<<$'one\ntwo\nthree'
	msend box last
	mrecv -f -d small box >out 2>err &
	children+=($!)
	until_true grep -q last out
	[ "$(<err)" = 'mrecv: small has no room for dead letters: they are put back, and come again' ]
	[ "$(mstat -J box | jq .messages)" = 3 ]
}

# bats test_tags=no-sanitize,no-valgrind
@test "a dead letter that could not be sent is put back, and does not go with the next one" {
	needs_strace
	mkmbox buried
	lines one two | msend -l box
	msend buried x
	mrecv buried >out
	in_background strace -o /dev/null -P buried/00000000000000000001.log -e trace=pwrite64 \
	    -e inject=pwrite64:error=ENOSPC:when=1 mrecv -f -j 2 -k 1 -d buried box -- \
	    sh -c 'read x; : >"at.$x"; [ $x = one ] && next=at.two || next=go; until [ -e $next ]; do sleep 0.02; done; exit 1' 2>err
	until_true grep -q 'cannot send to buried' err
	: >go
	status_of "$child"
	[ "$(mrecv -a buried)" = two ]
	[ "$(mrecv -a box)" = one ]
}

@test "a receiver that is killed while it waits to bury a message gives it back" {
	mkmbox -c 1 small
	msend small first
	msend box second
	in_background mrecv -f -k 1 -d small box -- false
	until_waiting small
	kill -KILL "$child"
	status_of "$child"
	[ "$(timeout "$LIMIT" mrecv box)" = second ]
	[ "$(mrecv -a small)" = first ]
}

@test "a mailbox of dead letters that is removed meanwhile: 125, one line, and the message is back" {
	mkmbox -c 1 small
	msend small first
	msend box second
	in_background mrecv -k 1 -d small box -- false 2>err
	until_waiting small
	rmmbox -f small
	status_of "$child"
	[ "$status" -eq 125 ]
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(timeout "$LIMIT" mrecv -w 5 box)" = second ]
}

@test "dead letters of a mailbox of capacity 0, and into one" {
	mkmbox -c 0 zero
	msend box hello
	in_background mrecv -k 1 -d zero box -- sh -c 'exit 3'
	[ "$(timeout "$LIMIT" mrecv zero)" = hello ]
	status_of "$child"
	[ "$status" -eq 3 ]
	run -1 mrecv -n box
}

# longest -- a value with which msend -H x= makes the longest header line that a mailbox takes.
longest()
{
	local n
	for ((n = 3980; n > 3800; n--)); do
		if msend -n -s s -H "x=$(printf %0${n}d 0)" box poison 2>/dev/null; then
			return
		fi
	done
	return 1
}

@test "a message with the longest header line becomes a dead letter, without its last headers, and stops nobody" {
	longest
	msend box next
	run -124 timeout "$LIMIT" mrecv -f -w 2 -k 1 -d dead box -- sh -c 'read -r x; [ "$x" = next ] || exit 7'
	[ "$(mrecv -o '%h{status} %h{tries} %h{origin} %h{origin-id} %h{x} %p' dead)" = "7 1 box 1  poison" ]
	run -1 mrecv -n box
	# what a sender has put under the names of our headers goes first
	for key in status tries origin origin-id; do
		printf 'M1 1 t s a=1 %s=%03800d b=2\nx\n' $key 0 | msend -F box
		run -7 timeout "$LIMIT" mrecv -k 1 -d dead box -- sh -c 'exit 7'
		[ "$(mrecv -o '%h{a} %h{b} %h{status} %h{tries} %h{origin}' dead)" = "1 2 7 1 box" ]
	done
	# one that has expired, too
	printf 'M1 1 t s expire=1.000000 x=%03900d\nx\n' 0 | msend -F box
	run -1 timeout "$LIMIT" mrecv -n -d dead box
	[ "$(mrecv -n -o '%h{status}%h{expire}' dead)" = expired ]
}

@test "a message of a mailbox with a very long path becomes a dead letter, without origin where that is too long" {
	deep=$PWD
	while [ ${#deep} -lt 3400 ]; do deep=$deep/$(printf %0200d 0); done
	mkdir -p "$deep"
	mkmbox "$deep/box"
	for x in short "$(printf %01500d 0)"; do
		msend -H "x=$x" "$deep/box" hello
		run -7 timeout "$LIMIT" mrecv -k 1 -d dead "$deep/box" -- sh -c 'exit 7'
		[ "$(mrecv -n -o '%h{status} %h{x} %h{origin}' dead)" = \
		    "7 $x $([ "$x" != short ] || echo "$deep/box")" ]
	done
}

@test "a dead letter sent back starts anew" {
	msend box hello
	run -1 timeout "$LIMIT" mrecv -k 1 -d dead box -- false
	mrecv -F dead | msend -F box
	[ "$(timeout "$LIMIT" mrecv box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = "1 hello" ]
}

@test "-k takes -d and a command, -d a mailbox that is none of the channels" {
	misused mrecv -k 1 box -- true
	misused mrecv -k 1 -d dead box
	misused mrecv -k 0 -d dead box -- true
	misused mrecv -k x -d dead box -- true
	misused mrecv -p -d dead box
	misused mrecv -k 1 -d box box -- true
	ln -s box alias
	misused mrecv -k 1 -d ./alias box -- true
	: >file
	misused mrecv -k 1 -d file box -- true
	fails 125 mrecv -k 1 -d missing box -- true
	fails 66 mrecv -n -d missing box
}

# ---- by number ----

@test "-i receives the message with that number, out of order" {
	seq 5 | msend -l box
	[ "$(mrecv -i 3 box)" = 3 ]
	[ "$(mrecv -p -i 5 box)" = 5 ]
	[ "$(timeout "$LIMIT" mrecv -i 1 box -- cat)" = 1 ]
	[ "$(mrecv -a box)" = "$(lines 2 4 5)" ]
}

@test "-i of a message that is gone, or never was, is 1, also while it would wait" {
	msend box one
	run -1 timeout "$LIMIT" mrecv -i 2 box
	mrecv box >out
	run -1 timeout "$LIMIT" mrecv -i 1 box
	run -1 timeout "$LIMIT" mrecv -n -i 1 box
	run -1 timeout "$LIMIT" mrecv -w 5 -i 99999999999 box
}

@test "-i waits while another has the message, and learns how that ends" {
	for verdict in 0 75; do
		msend box hello
		id=$(mrecv -p -o %i box)
		in_background mrecv box -- sh -c "echo >started; until [ -e go ]; do sleep 0.02; done; exit $verdict"
		until_true exists started
		run -1 mrecv -n -i "$id" box
		in_background mrecv -i "$id" box >out
		until_waiting box
		: >go
		status_of "$child"
		if [ "$verdict" -eq 0 ]; then
			[ "$status" -eq 1 ]
			[ ! -s out ]
		else
			[ "$status" -eq 0 ]
			[ "$(cat out)" = hello ]
		fi
		rm -f started go
	done
}

@test "-i and a selection: both must hold" {
	msend -t a box one
	run -1 timeout "$LIMIT" mrecv -n -t b -i 1 box
	# it will never match, and is not waited for
	run -1 mrecv -t b -i 1 box
	run -1 mrecv -S '*' -p -i 1 box
	in_background mrecv box -- sh -c 'echo >started; until [ -e go ]; do sleep 0.01; done; exit 75'
	until_true exists started
	run -1 mrecv -t b -i 1 box
	echo >go
	status_of "$child"
	[ "$(mrecv -n -t a -i 1 box)" = one ]
}

@test "-i takes a number, and a mailbox" {
	misused mrecv -i 0 box
	misused mrecv -i one box
	: >file
	run timeout "$LIMIT" mrecv -n -i 1 file
	[ "$status" -ne 0 ]
}
