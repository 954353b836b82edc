#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# msend -S: a send that returns when its message has been received.

load ../helpers

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	exec 6>&-
	common_teardown
}

kill_hard()
{
	kill -KILL "$1"
	ended_with 137 "$1"
}

# waits PID -- it is still there, asleep in poll(2).  Under valgrind it has that one's name.
waits()
{
	[[ $(cut -d ' ' -f 2,3 "/proc/$1/stat") =~ ^\((msend|memcheck.*)\)" S"$ ]]
}

# hold -- a command that says that it runs, in `started`, and ends, with status 0, when there is a file `go`
hold='echo $$ >started.new; mv started.new started; until [ -e go ]; do sleep 0.02; done'

@test "-S returns 0 once the message has been received" {
	in_background msend -S box hello
	until_waiting box
	[ "$(mrecv box)" = hello ]
	ended_with 0 "$child"
	[ -z "$(files_of box)" ]
}

@test "-S finds a receiver that waits already" {
	in_background mrecv box >out
	until_waiting box
	timeout "$LIMIT" msend -S box hello
	[ "$(cat out)" = hello ]
	ended_with 0 "$child"
}

@test "-S returns only after the receiver's command has exited 0" {
	in_background mrecv box -- sh -c "$hold"
	until_waiting box
	in_background msend -S box hello
	until_true exists started
	until_true waits "$child"
	: >go
	ended_with 0 "$child"
}

@test "-S returns only after the payload has been written in full" {
	# more than a pipe that mrecv has widened holds
	pattern 3000000 >big
	mkfifo stuck
	exec 6<>stuck
	in_background mrecv box >&6 6>&-
	in_background msend -S box <big 6>&-
	[ "$(head -c 100000 <&6 | cksum)" = "$(head -c 100000 big | cksum)" ]
	waits "$child"
	[ "$(head -c 2900000 <&6 | cksum)" = "$(tail -c 2900000 big | cksum)" ]
	ended_with 0 "$child"
}

@test "-S waits on when a command fails, or puts the message back" {
	in_background msend -S box hello
	until_waiting box
	run -3 timeout "$LIMIT" mrecv box -- sh -c 'exit 3'
	waits "$child"
	run -75 timeout "$LIMIT" mrecv box -- sh -c 'exit 75'
	waits "$child"
	[ "$(timeout "$LIMIT" mrecv box -- cat)" = hello ]
	ended_with 0 "$child"
}

@test "a peek is no receive" {
	in_background msend -S box hello
	until_waiting box
	[ "$(mrecv -p box)" = hello ]
	waits "$child"
	mrecv box >out
	ended_with 0 "$child"
}

@test "-S -w gives up with 124, and the message is withdrawn" {
	run -124 timeout "$LIMIT" msend -S -w 0.1 box hello
	[ -z "$output" ]
	run -1 mrecv -n box
	pattern 200000 >big
	run -124 timeout "$LIMIT" msend -S -w 0.1 box <big
	run -1 mrecv -n box
	[ -z "$(files_of box)" ]
}

# bats test_tags=no-sanitize,no-valgrind
@test "-S that cannot wait, for there is no disk for it, has sent nothing" {
	needs_strace
	msend box first
	run -74 strace -qq -o /dev/null -P "$PWD/box/want" -e inject=pwrite64:error=ENOSPC msend -S box second
	[ "$(mrecv -a box)" = first ]
}

# bats test_tags=no-sanitize,no-valgrind
@test "-S -w that cannot withdraw says so, and leaves a mailbox whose counts are right" {
	needs_strace
	local nth there
	for ((nth = 1; ; nth++)); do
		run strace -qq -o trace -e inject=pwrite64:error=EIO:when=$nth msend -S -w 0.01 box one
		grep -q INJECTED trace || break
		# 124: it was a write that does not matter; 74: the message may be there, or not
		case $status in 74) there='[01]' ;; 124) there=1 ;; *) there=nothing ;; esac
		mstat box >/dev/null
		"$BUILD/inspect" box
		run mrecv -n box
		# shellcheck disable=SC2053 # a pattern
		[[ $status = $there ]]
		"$BUILD/inspect" -e box
	done
	[ "$nth" -gt 10 ]
}

# races N -- a sender who withdraws, and a receiver who comes at that moment.
races()
{
	for ((i = 1; i <= $1; i++)); do
		in_background msend -S -w "0.00$((i % 6 + 1))" box "$i"
		got=0
		timeout "$LIMIT" mrecv -w "0.00$((i % 5 + 1))" box >out || got=$?
		status_of "$child"
		case $status:$got in
		0:0) [ "$(cat out)" = "$i" ] ;;
		124:124) [ ! -s out ] ;;
		# it had it, and had not said so yet: this is what msend(1) leaves open
		124:0) [ "$(cat out)" = "$i" ] ;;
		*) echo "round $i: the sender said $status, the receiver $got"; return 1 ;;
		esac
	done
	run -1 mrecv -n box
}

@test "-S -w withdraws so that both sides agree, in 30 races" {
	races 30
}

# bats test_tags=long
@test "-S -w withdraws so that both sides agree, in 300 races" {
	races 300
}

@test "a message that a receiver has when the time runs out is left to him" {
	in_background mrecv box -- sh -c "$hold; cat >out"
	receiver=$child
	until_waiting box
	run -124 timeout "$LIMIT" msend -S -w 0.3 box hello
	exists started
	: >go
	ended_with 0 "$receiver"
	[ "$(cat out)" = hello ]
	run -1 mrecv -n box
}

@test "a signal withdraws the message" {
	in_background msend -S box hello
	until_waiting box
	kill -TERM "$child"
	ended_with 143 "$child"
	run -1 mrecv -n box
	[ -z "$(files_of box)" ]
}

@test "a sender that is killed while it waits leaves its message" {
	in_background msend -S box hello
	until_waiting box
	kill_hard "$child"
	[ "$(mrecv -n box)" = hello ]
	run -124 timeout "$LIMIT" mrecv -w 0.01 box
	[ -z "$(files_of box)" ]
}

@test "when a receiver is killed another gets the message, and only then -S returns" {
	in_background mrecv box -- sh -c "$hold"
	receiver=$child
	until_waiting box
	in_background msend -S box hello
	sender=$child
	until_true exists started
	kill_hard "$receiver"
	until_true waits "$sender"
	[ "$(timeout "$LIMIT" mrecv box)" = hello ]
	ended_with 0 "$sender"
	: >go
}

@test "-S -l sends each line when the one before it has been received" {
	in_background msend -S -l box < <(lines one two three)
	for line in one two three; do
		until_true eval '[ "$(mrecv -p -a box)" = "$line" ]'
		[ "$(mrecv box)" = "$line" ]
	done
	ended_with 0 "$child"
}

@test "-S of many senders: each returns for its own message" {
	senders=()
	for i in 1 2 3 4 5 6; do
		in_background msend -S -t "t$i" box "$i"
		senders+=("$child")
	done
	until_waiting box 6
	for i in 4 1 6 2 5 3; do
		[ "$(mrecv -t "t$i" box)" = "$i" ]
		ended_with 0 "${senders[i - 1]}"
		left=$((${left:-6} - 1))
		[ "$left" -eq 0 ] || waiting box "$left"
	done
}

@test "-S waits for room and receiver: a full mailbox first" {
	mkmbox -c 1 small
	msend small one
	in_background msend -S small two
	until_waiting small
	run -124 timeout "$LIMIT" msend -S -w 0.05 small three
	[ "$(mrecv small)" = one ]
	[ "$(timeout "$LIMIT" mrecv small)" = two ]
	ended_with 0 "$child"
	run -1 mrecv -n small
}

@test "-S -v tells no number of a message that was withdrawn" {
	run -124 timeout "$LIMIT" msend -S -v -w 0.05 box hello
	[ -z "$output" ]
}

@test "-S of a message that leaves the mailbox in another way is 74, in a line" {
	mkmbox -o oldest -c 1 old
	in_background msend -S old one 2>err
	until_waiting old
	msend old two
	ended_with 74 "$child"
	[ "$(wc -l <err)" -eq 1 ]

	mkmbox -o latest last
	in_background msend -S -t a last one 2>err
	until_waiting last
	msend -t a last two
	ended_with 74 "$child"
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(mrecv last)" = two ]

	mkmbox dead
	in_background msend -S box one 2>err
	until_waiting box
	timeout "$LIMIT" mrecv -k 1 -d dead box -- false || :
	ended_with 74 "$child"
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(mrecv -n dead)" = one ]

	in_background msend -S -x 0.1 box one 2>err
	until_waiting box
	until_true eval '! mrecv -n -p box'
	run -1 mrecv -n box
	ended_with 74 "$child"
	[ "$(wc -l <err)" -eq 1 ]
}

@test "-S ends with 69 when the mailbox is removed" {
	in_background msend -S box hello 2>err
	until_waiting box
	rmmbox -f box
	ended_with 69 "$child"
	[ "$(wc -l <err)" -eq 1 ]
}

# received_and_removed COMMAND... -- a sender sleeps through the end of its message and of its mailbox.
received_and_removed()
{
	in_background "$@"
	until_waiting box
	kill -STOP "$child"
	[ "$(mrecv box)" = hello ]
	rmmbox box
	kill -CONT "$child"
	ended_with 0 "$child"
}

@test "a message that was received counts as received, though its mailbox is removed before its sender can look" {
	received_and_removed msend -S box hello
	mkmbox -d box
	received_and_removed msend -S box hello
	# handed over, and its receiver still has it
	printf 'M1 6 - s\nhello\n\n' >frames
	mkfifo go
	for send in 'msend box hello' 'mtee -q box <frames'; do
		mkmbox -c 0 box
		in_background mrecv box -- sh -c 'cat >had.new; mv had.new had; read -r line <go'
		receiver=$child
		in_background sh -c "exec $send"
		until_true test -e had
		kill -STOP "$child"
		echo >go
		ended_with 0 "$receiver"
		rmmbox box
		kill -CONT "$child"
		ended_with 0 "$child"
		rm had
	done
}

# removals N [MKMBOX-OPTION...] -- N messages are received while others try to remove the mailbox: no sender hears of that.
removals()
{
	local i n=$1
	shift
	for ((i = 0; i < n; i++)); do
		[ -d box ] || mkmbox "$@" box
		in_background msend -S box hello
		until_waiting box
		(until rmmbox box 2>/dev/null; do :; done) 3>&- &
		[ "$(mrecv box)" = hello ]
		ended_with 0 "$child"
		wait $!
		children=()
	done
}

@test "a mailbox is removed while a send to it completes: the sender is told the truth, in 10 races" {
	removals 5
	removals 5 -c 0
}

# bats test_tags=long
@test "a mailbox is removed while a send to it completes: the sender is told the truth, in 400 races" {
	removals 200
	removals 200 -c 0
}

@test "-S does not go with -n, and is for mailboxes" {
	misused msend -S -n box hello
	: >file
	misused msend -S file hello
	misused msend -S - hello
}

@test "-S at a mailbox of capacity 0 is what every send is there" {
	mkmbox -c 0 zero
	in_background msend -S zero hello
	[ "$(timeout "$LIMIT" mrecv zero)" = hello ]
	ended_with 0 "$child"
	run -124 timeout "$LIMIT" msend -S -w 0.01 zero hello
	run -1 mrecv -n zero
}
