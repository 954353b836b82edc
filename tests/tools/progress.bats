#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# How far a tool is: a line where SIGUSR1 asks for it, and with -v one at the terminal that is redrawn.  Nothing is ended,
# lost or torn by it.

load ../helpers

setup()
{
	common_setup
	mkmbox -b inf box
}

teardown()
{
	common_teardown
}

# tells FILE PATTERN -- a line of it, whole, is of that pattern, an extended regular expression.
tells()
{
	grep -qxE "$2" "$1"
}

# asked PATTERN -- the child, whose standard error is the file err, says so when it is asked.
asked()
{
	: >err
	until_true is_caught "$child"
	until_true asks_once "$1" || { cat err; return 1; }
}

asks_once()
{
	kill -USR1 "$child"
	tells err "$1"
}

# is_caught PID -- whether it is a tool by now, and has SIGUSR1, the tenth signal, answered: so has the shell that it was.
is_caught()
{
	local key mask
	[[ $(<"/proc/$1/comm") = m* ]] || return
	while read -r key mask; do
		[ "$key" != SigCgt: ] || break
	done <"/proc/$1/status"
	(( 0x${mask: -8} & 1 << 9 ))
}

# has_messages N -- the mailbox box has so many.
has_messages()
{
	[[ $(mstat -J box) == *"\"messages\":$1,"* ]]
}

# ---- SIGUSR1

@test "SIGUSR1 asks each tool that waits how far it is, and it goes on" {
	mkfifo in
	in_background sh -c 'exec msend box <in 2>>err'
	exec 5>in
	printf %4096s x >&5
	asked 'msend: 4\.0K, [0-9:]+(, waiting for standard input|, [0-9.]+K?( bytes)?/s)'
	exec 5>&-
	ended_with 0 "$child"
	[ "$(mrecv box | wc -c)" -eq 4096 ]

	in_background sh -c 'exec mrecv -f box >out 2>>err'
	until_waiting box
	asked 'mrecv: 0 bytes, [0-9:]+, waiting for a message in box'
	lines one two | msend -l box
	lines one two >expected
	until_true same out expected
	asked 'mrecv: 8 bytes in 2 messages, [0-9:]+, waiting for a message in box'
	chmbox --pause box
	kill -TERM "$child"
	ended_with 143 "$child"
	chmbox --resume box

	in_background sh -c 'exec mcall box question 2>>err'
	until_true has_messages 1
	asked 'mcall: 9 bytes in 1 message, [0-9:]+, waiting for the answer of box'
	mrecv -r box -- cat
	ended_with 0 "$child"

	in_background sh -c 'exec mtee -q box <in 2>>err'
	exec 5>in
	lines one two three | msend -l - >&5
	until_true has_messages 3
	asked 'mtee: [0-9]+ bytes in 3 messages, [0-9:]+.*'
	exec 5>&-
	ended_with 0 "$child"
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

@test "what is waited for is told at once, and what has come to an end is not" {
	mkmbox -c 1 full
	msend full a
	in_background sh -c 'exec msend full b 2>>err'
	until_waiting full
	asked 'msend: 2 bytes, [0-9:]+, waiting for room in full \(1 of 1\)'
	[ "$(mrecv full)" = a ]
	ended_with 0 "$child"
	mkfifo gate in
	in_background sh -c 'exec msend -l gate <in 2>>err'
	exec 5>in 6<>gate
	echo one >&5
	[ "$(mrecv gate)" = one ]
	asked 'msend: 4 bytes in 1 message, [0-9:]+, [0-9]+ bytes?/s'
	exec 5>&- 6<&-
	ended_with 0 "$child"
}

@test "a receiver that runs commands counts messages, and they are not asked" {
	# shellcheck disable=SC2016
	echo 'cat >>got; sh -c "kill -USR1 \$\$; echo survived >>survived"; :' >work
	lines one two | msend -l box
	in_background sh -c 'exec mrecv -f box -- sh work 2>>err'
	printf onetwo >expected
	until_true same got expected
	asked 'mrecv: 2 messages, .*'
	kill "$child"
	ended_with 143 "$child"
	[ ! -e survived ]
}

@test "a regular file has an end: the time that is left is told" {
	pattern 3000000 >large
	mkfifo go
	in_background bash -c 'exec msend - <large 2>>err > >(read -r x <go; exec cat >got)'
	asked 'msend: [0-9.]+[KM], [0-9:]+, [0-9.]+[KM]/s, [0-9:]+ left'
	echo go >go
	ended_with 0 "$child"
	until_true exists got
	same <(mrecv -w 10 got) large
}

@test "a payload whose length is in its header, and -c, have an end" {
	pattern 3000000 >large
	msend box <large
	mkfifo out
	in_background sh -c 'exec mrecv box >out 2>>err'
	exec 5<out
	asked 'mrecv: [0-9.]+[KM], [0-9:]+, [0-9.]+[KM]/s, [0-9:]+ left'
	cmp large <&5
	exec 5<&-
	ended_with 0 "$child"
	lines one two | msend -l box
	in_background sh -c 'exec mrecv -c 5 box >/dev/null 2>>err'
	until_waiting box
	asked 'mrecv: 8 bytes in 2 messages, .*'
	lines 1 2 3 | msend -l box
	ended_with 0 "$child"
}

@test "SIGUSR1 that is ignored or blocked by whoever starts a tool stays so" {
	env --ignore-signal true 2>/dev/null || skip "env is not that of coreutils"
	for how in --ignore-signal --block-signal; do
		in_background env "$how=USR1" sh -c 'exec mrecv box >out 2>>err'
		until_waiting box
		kill -USR1 "$child"
		msend box one
		ended_with 0 "$child"
		[ "$(<out)" = one ]
		[ ! -s err ]
	done
}

@test "where standard error takes nothing more, is closed or its reader has left, a tool that is asked does not wait" {
	mkfifo pipe
	exec 5<>pipe
	in_background sh -c 'exec 5>&-; (head -c 1000000 /dev/zero | dd bs=4096 oflag=nonblock of=pipe) 2>/dev/null; exec mrecv box 2>pipe >out'
	until_waiting box
	for i in 1 2 3; do kill -USR1 "$child"; done
	msend box one
	ended_with 0 "$child"
	exec 5<&-
	mkfifo left
	exec 5<>left 6>left 5<&-
	in_background sh -c 'exec mrecv box 2>&6 >out 6>&-'
	until_waiting box
	for i in 1 2 3; do kill -USR1 "$child"; done
	msend box two
	ended_with 0 "$child"
	in_background sh -c 'exec mrecv box 2>&- >out'
	until_waiting box
	kill -USR1 "$child"
	msend box three
	ended_with 0 "$child"
	[ "$(<out)" = three ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "a question that comes before anything is waited for is answered then, and SIGTERM ends it as before" {
	local tool when
	for when in fcntl:signal=SIGUSR1:when=3 openat:signal=SIGUSR1:when=1; do
		in_background strace -qq -o trace --inject="$when" "$(type -P mrecv)" box 2>err
		until_waiting box
		read -r tool <"/proc/$child/task/$child/children" || :
		until_true grep -q '^mrecv: 0 bytes' err
		kill -TERM "$tool"
		ended_with 143 "$child"
	done
	# while it writes what it has
	mkfifo out
	in_background sh -c 'exec cat out >got'
	echo one | msend box
	in_background strace -qq -o trace --inject=pwritev2:signal=SIGUSR1:when=1 "$(type -P mrecv)" -f box >out 2>err
	until_true grep -q . err
	until_waiting box
	read -r tool <"/proc/$child/task/$child/children" || :
	kill -TERM "$tool"
	ended_with 143 "$child"
}

# storm PID -- ask it as fast as that goes, until it has ended; the file asked is there once that goes on.
storm()
{
	local n=0
	while kill -USR1 "$1" 2>/dev/null; do
		n=$((n + 1))
		[ $n -ne 10 ] || echo >asked
	done
}

# in_storm COMMAND FEED... -- run it by exec, and give it what it waits for by FEED, while it is asked again and again: it
# ends with 0.  Descriptor 5 is its input, the named pipe in.
in_storm()
{
	local tool
	exec 5<>in
	in_background sh -c "exec $1 <in 5>&- 2>>err"
	tool=$child
	until_true is_caught "$tool"
	storm "$tool" 3>&- 5>&- &
	until_true test -e asked
	"${@:2}" >&5
	exec 5>&-
	ended_with 0 "$tool"
	rm asked
}

# bats test_tags=no-valgrind
@test "a storm of questions loses, tears and ends nothing: to a mailbox and from it, by hand, in copies, with commands" {
	seq 20000 >numbers
	pattern 2000000 >large
	seq 100 >few
	mkfifo in
	in_storm 'msend -l box' cat numbers
	mrecv -a box | cmp - numbers
	in_storm 'mrecv -c 20000 box >got' msend -l box <numbers
	same got numbers
	in_storm 'msend box' cat large
	mrecv box | cmp - large
	in_storm 'mrecv box >got' msend box <large
	same got large
	# by hand
	mkmbox -c 0 hand
	in_background sh -c 'exec mrecv hand >got'
	local receiver=$child
	in_storm 'msend hand' cat large
	ended_with 0 "$receiver"
	same got large
	# copies
	mkmbox -b inf one two
	in_storm 'mtee -q one two' msend -l - <numbers
	mrecv -a one | cmp - numbers
	mrecv -a two | cmp - numbers
	# a full mailbox, commands, a call
	mkmbox -c 3 small
	in_background sh -c 'exec mrecv -c 100 small >got'
	receiver=$child
	in_storm 'msend -l small' cat few
	ended_with 0 "$receiver"
	same got few
	# shellcheck disable=SC2016,SC2028
	echo 'printf "%s\n" "$(cat)"' >work
	in_storm 'mrecv -c 100 -j 3 box -- sh work >got' msend -l box <few
	sort -n got | cmp - few
	in_background mrecv -f -r box -- cat
	in_storm 'mcall box >got' cat large
	same got large
	# each answer is a line of its own
	run -1 grep -vE '^(msend|mrecv|mtee|mcall): .+, [0-9]+:[0-9][0-9](, .*)?$' err
}

# ---- -v

# drawn PATTERN -- a line of that pattern has been drawn on the screen.
drawn()
{
	tr '\r' '\n' <"$screen" | grep -qxE "$1"
}

# bats test_tags=no-valgrind
@test "-v at a terminal redraws one line, which says how far it is, how long it takes, what it waits for, and stays at the end" {
	pattern 3000000 >large
	mkfifo in out
	at_terminal 'msend -v - <large >out'
	exec 5<out
	until_true drawn 'msend: [0-9.]+[KM], [0-9:]+, .*'
	mrecv - <&5 | cmp - large
	exec 5<&-
	ended_with 0 "$child"
	drawn 'msend: 2\.8M in 1 message, [0-9:]+, [0-9.]+[KM]/s'
	[ "$(tail -n 3 "$screen" | grep -c 'msend: 2.8M')" -ge 1 ]

	mkmbox -c 1 full
	msend full x
	at_terminal 'msend -v full y </dev/null'
	until_true drawn 'msend: 2 bytes, [0-9:]+, waiting for room in full \(1 of 1\) *'
	# in the place of the line that tells of a wait alone
	[ "$(mrecv full)" = x ]
	ended_with 0 "$child"
	run ! drawn 'msend: waiting for.*'

	at_terminal 'mrecv -v -c 2 box >got'
	until_true drawn 'mrecv: 0 bytes, [0-9:]+, waiting for a message in box *'
	msend box one
	until_true drawn 'mrecv: 4 bytes in 1 message, [0-9:]+, waiting for a message in box *'
	msend box two
	ended_with 0 "$child"
	drawn 'mrecv: 8 bytes in 2 messages, [0-9:]+, .*'

	at_terminal 'mtee -q -v box <in'
	exec 5>in
	until_true drawn 'mtee: 0 bytes, .*'
	exec 5>&-
	ended_with 0 "$child"

	at_terminal 'mcall -v box question >got'
	until_true drawn 'mcall: 9 bytes in 1 message, [0-9:]+, waiting for the answer of box *'
	mrecv -r box -- echo answer
	ended_with 0 "$child"
	[ "$(<got)" = answer ]
	drawn 'mcall: 7 bytes of the answer, [0-9:]+(, .*)?'
}

# bats test_tags=no-valgrind
@test "-v: a number, an error and a stop take the place of the line that is drawn" {
	mkfifo in
	at_terminal 'msend -v -l box <in'
	exec 5>in
	until_true drawn 'msend: 0 bytes, .*'
	echo one >&5
	until_true drawn 1
	until_true drawn 'msend: 4 bytes in 1 message, .*'
	exec 5>&-
	ended_with 0 "$child"
	mkmbox gone
	at_terminal 'mrecv -v gone >got'
	until_true drawn 'mrecv: 0 bytes, .*'
	rmmbox gone
	ended_with 69 "$child"
	drawn 'mrecv: cannot receive from gone: the mailbox was removed'
	at_terminal 'mrecv -v -f box >got; echo $?'
	until_true drawn 'mrecv: 4 bytes in 1 message, .*waiting for .*'
	printf '\003' >keys
	ended_with 0 "$child" || ended_with 130 "$child"
	drawn 'mrecv: 4 bytes in 1 message, [0-9:]+, .*/s'
}

# bats test_tags=no-valgrind
@test "-v draws nothing where messages go to the terminal, are typed, or commands write to it, and tells the total" {
	at_terminal 'mrecv -v -c 1 box'
	until_true drawn 'mrecv: waiting for a message in box'
	msend box one
	ended_with 0 "$child"
	drawn 'mrecv: 4 bytes in 1 message, [0-9:]+, .*'
	run ! drawn 'mrecv: 0 bytes.*'
	at_terminal 'mrecv -v box -- cat'
	until_true drawn 'mrecv: waiting for a message in box'
	msend box one
	ended_with 0 "$child"
	drawn 'box [0-9]+: status 0.*' || drawn 'mrecv: box [0-9]+: status 0.*'
	run ! drawn 'mrecv: .*[0-9] message.*'
	at_terminal 'msend -v box'
	until_true drawn 'msend: waiting for standard input \(\^D ends it\)'
	run ! drawn 'msend: 0 bytes.*'
}

@test "-v where standard error is no terminal tells the total, in one line at the end; msend has told its numbers" {
	lines one two | msend -l box
	mrecv -v -a box >out 2>err
	same out <(lines one two)
	tells err 'mrecv: 8 bytes in 2 messages, [0-9:]+, .*/s'
	[ "$(wc -l <err)" -eq 1 ]
	run -1 --separate-stderr mrecv -v -n box
	[[ $stderr == 'mrecv: 0 bytes, '* ]]
	lines one two | msend -l - | mtee -v -q box 2>err
	tells err 'mtee: [0-9]+ bytes in 2 messages, [0-9:]+, .*/s'
	[ "$(wc -l <err)" -eq 1 ]
	mrecv -a box >/dev/null
	in_background mrecv -r box -- cat
	timeout "$LIMIT" mcall -v box hello >out 2>err
	[ "$(<out)" = hello ]
	tells err 'mcall: 6 bytes of the answer, [0-9:]+(, .*)?'
	[ "$(wc -l <err)" -eq 1 ]
	msend -v box one >out 2>err
	[ ! -s err ]
	mrecv -v box -- true 2>err
	tells err 'mrecv: box [0-9]+: status 0.*'
	[ "$(wc -l <err)" -eq 1 ]
}

# bats test_tags=no-valgrind, no-sanitize
@test "without -v, and without a signal, nothing is asked of the kernel for it but to have the signal" {
	needs_strace
	msend box one
	strace -qq -f -o trace -e trace=timer_settime,ioctl,open,openat mrecv box >out 2>err
	run -1 grep -E 'timer_settime|ioctl\(2|/proc/' trace
}
