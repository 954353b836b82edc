#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Commands that mrecv runs on messages: what they get, what their end means, several at once, batches, signals.

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

# all_there FILE... -- whether each of these files is there
all_there()
{
	local file
	for file; do
		[ -e "$file" ] || return 1
	done
}

# ---- what a command gets

@test "payloads of 0 bytes, 64 KiB and 10 MB come to the command whole" {
	: >nothing
	pattern 65536 >middle
	pattern 10000000 >large
	for file in nothing middle large; do
		msend box <"$file"
		timeout "$LIMIT" mrecv box -- sh -c 'cat >got'
		same "$file" got
	done
	run -1 mrecv -n box
}

@test "a command that does not read its input is no failure, however large it is" {
	pattern 10000000 | msend box
	pattern 65536 | msend box
	timeout "$LIMIT" mrecv -a box -- true
	run -1 mrecv -n box
}

@test "a payload that streams through a named pipe comes to the command whole" {
	mkfifo door
	pattern 1000000 >large
	in_background timeout "$LIMIT" msend door <large
	timeout "$LIMIT" mrecv door -- sh -c 'cat >got'
	same large got
	status_of "$child"
	[ "$status" -eq 0 ]
}

@test "the environment tells the headers, and a batch's count is not of it" {
	msend -t T -s S -H reply=/a%20b -H k=v box hello
	export MBOX_COUNT=9 MBOX_OTHER=mine
	timeout "$LIMIT" mrecv ./box -- sh -c 'echo "$MBOX_TAG,$MBOX_SOURCE,$MBOX_ID,$MBOX_LENGTH,$MBOX_TRY,$MBOX_REPLY,$MBOX_NAME,$MBOX_COUNT,$MBOX_OTHER"; echo "$MBOX_TIME"' >got
	[ "$(head -n 1 got)" = 'T,S,1,6,1,/a%20b,./box,,mine' ]
	[[ $(tail -n 1 got) =~ ^[0-9]+\.[0-9]{6}$ ]]
}

@test "a header that a message lacks is empty, and no other one" {
	mkmbox answers
	msend -H x=/some/box box hi
	mrecv box -- sh -c 'echo "<$MBOX_REPLY>"' >got
	msend -H x=/some/box box hi
	mrecv -e box >assigned
	(eval "$(<assigned)" && echo "<$MBOX_REPLY>" >>got)
	msend -H x=/some/box box hi
	mrecv -o '<%h{reply}>\n' box >>got
	# a request whose secret is missing has an answer without one
	msend -H reply="$PWD/answers" -H x=y box hi
	mrecv -r box -- true
	mrecv -o '<%h{call}%h{x}>\n' answers >>got
	[ "$(<got)" = "$(lines '<>' '<>' '<>' '<>')" ]
}

@test "each header of the message is MBOX_H_KEY, and a command inherits none of another" {
	export MBOX_H_OLD=1 MBOX_H_=2 MBOX_HEADERS=MBOX_H_OLD MBOX_HX=mine
	msend -t T -H k=v -H a-b-3="it's 100% x" -H reply=/r box hello
	mrecv box -- sh -c 'env | grep ^MBOX_H | sort' >got
	same got - <<-'end'
		MBOX_HEADERS=MBOX_H_K MBOX_H_A_B_3 MBOX_H_REPLY
		MBOX_HX=mine
		MBOX_H_A_B_3=it's 100% x
		MBOX_H_K=v
		MBOX_H_REPLY=/r
	end
	# one that has none, one of a batch, and a value that no variable can hold
	msend box hello
	msend box hello
	printf 'M1 0 t s a=%%00 b=%%0A uid=7\n\n' >frame
	for command in 'mrecv box' 'mrecv -b 9 box' 'mrecv frame'; do
		$command -- sh -c 'env | grep ^MBOX_H_ | wc -l'
	done >got
	[ "$(xargs <got)" = '0 0 2' ]
	mrecv frame -- sh -c 'echo "$MBOX_HEADERS $MBOX_H_UID<$MBOX_H_B>"' >got
	[ "$(<got)" = "$(lines 'MBOX_H_UID MBOX_H_B 7<' '>')" ]
}

@test "a header line full of short headers is in the environment whole" {
	for a in {a..z}; do for b in {a..z} {0..9}; do printf ' %s%s=' $a $b; done; done >keys
	# the mailbox's own are no headers of the sender's
	{ printf 'M1 0 t s'; sed 's/ id=//; s/ to=//' keys | head -c 3700 | sed 's/=[^=]*$/=/'; printf '\n\n'; } >frame
	n=$(tr -cd = <frame | wc -c)
	[ "$n" -gt 900 ]
	[ "$(mrecv frame -- sh -c 'env | grep -c ^MBOX_H_')" = "$n" ]
	[ "$(mrecv frame -- sh -c 'echo $MBOX_HEADERS | wc -w')" = "$n" ]
	msend -F box <frame
	[ "$(mrecv box -- sh -c 'env | grep -c ^MBOX_H_')" = "$n" ]
}

@test "mrecv -e assigns the headers, and unsets those of the message before" {
	for sh in 'sh' 'bash -u' 'zsh' 'ksh'; do
		type -P "${sh% *}" >shell || continue
		msend -H k=v -H x-y="a'b\$" box one
		msend -H k2=w box two
		msend box three
		$sh -c 'while eval "$(mrecv -n -e box)"; do echo "${MBOX_H_K-none} ${MBOX_H_X_Y-none} ${MBOX_H_K2-none}"; done' >got
		[ "$(<got)" = "$(lines "v a'b\$ none" 'none none w' 'none none none')" ]
	done
}

# ---- what its end means

@test "exit 0 is done; 75 puts back as it was, without a try counted, and is mrecv's status" {
	lines one two | msend -l box
	run -0 timeout "$LIMIT" mrecv box -- cat
	run -75 timeout "$LIMIT" mrecv box -- sh -c 'exit 75'
	[ "$(timeout "$LIMIT" mrecv box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = '1 two' ]
}

@test "a command that is asked to end puts its message back as it was, and the status is 128 more" {
	local signal
	msend box one
	for signal in HUP INT PIPE QUIT TERM; do
		run timeout "$LIMIT" mrecv box -- sh -c "ulimit -c 0; kill -$signal \$\$"
		[ "$status" -eq $((128 + $(kill -l "$signal"))) ]
	done
	[ "$(timeout "$LIMIT" mrecv box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = '1 one' ]
}

@test "a command that crashes, or is killed for want of memory, has failed: its message does not come for ever" {
	local signal
	mkmbox dead
	lines ABRT KILL SEGV | msend -l box
	run timeout "$LIMIT" mrecv -f -w 1 -k 3 -B 0 -d dead box -- sh -c 'ulimit -c 0; kill -$(cat) $$'
	[ "$status" -eq 124 ]
	[ "$(mrecv -a -p -o '%p %h{tries} %h{status}\n' dead | sort)" = "$(lines 'ABRT 3 134' 'KILL 3 137' 'SEGV 3 139')" ]
}

@test "a caller has the status of a server's command that crashes" {
	in_background mrecv -r box -- sh -c 'ulimit -c 0; kill -SEGV $$'
	run -139 timeout "$LIMIT" mcall box question
}

# under valgrind the while is over before it is looked
# bats test_tags=no-valgrind
@test "any other status counts a try and keeps the message back for a while" {
	local tries=0
	msend box one
	# where we look too late it is there: that is one more try, and it is kept back for twice as long
	while run timeout "$LIMIT" mrecv -n box -- sh -c 'exit 3'; [ "$status" -eq 3 ]; do
		tries=$((tries + 1))
	done
	[ "$status" -eq 1 ]
	[ "$tries" -ge 1 ]
	[ "$(timeout "$LIMIT" mrecv box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = "$((tries + 1)) one" ]
}

# keep_back BACKOFF -- a message at which a command fails; it is kept back for so long.
keep_back()
{
	msend box one
	run -3 timeout "$LIMIT" mrecv -B "$1" box -- sh -c 'exit 3'
	run -1 mrecv -n box
}

@test "-B keeps a message that failed back for as long as it says, be it more than a minute" {
	for backoff in 1h 10m:2h 0.001h:1h; do
		keep_back $backoff
		run -1 mrecv -p -n box
		rmmbox -f box
		mkmbox box
	done
}

@test "a clock that is set back keeps no message back for longer than -B says" {
	keep_back 1h
	# an hour later by the clock is what an hour earlier would be by the message
	perl -e 'open(F, "+<", $ARGV[0]) && seek(F, 4096, 0) && read(F, $due, 8) && seek(F, 4096, 0) or die;
		print F pack("Q", unpack("Q", $due) + 3600e6)' box/00000000000000000001.idx
	[ "$(mrecv -n box)" = one ]
}

@test "-B bounds the back-off from above, and may be 0" {
	mkmbox dead
	for backoff in 0 0.001:0.01 0:0.01; do
		msend box one
		# twice as long each time, the fortieth would come in some thousand years
		run -3 timeout "$LIMIT" mrecv -B $backoff -k 1 -d dead box -- sh -c 'exit 3'
		mrecv -F dead | msend -F box
		run -124 mrecv -f -w 2 -B $backoff -k 40 -d dead box -- sh -c 'exit 3'
		[ "$(mrecv -n -o '%h{tries}' dead)" = 40 ]
	done
}

@test "-B takes a duration, or two of which the second is no shorter, and a command" {
	for backoff in x '' : 1: :1 2:1 1:x 1:2:3 -1; do
		misused mrecv -B "$backoff" box -- true
	done
	misused mrecv -B 1 box
}

# valgrind hides that a command cannot be run
# bats test_tags=no-valgrind
@test "a command that is missing is 127, one that can not be run 126; nothing is taken, with -f and -j too" {
	lines one two | msend -l box
	fails 127 mrecv box -- no-such-command
	fails 126 mrecv box -- ./box
	fails 127 mrecv -f -j 3 box -- no-such-command
	fails 127 mrecv -b 3 box -- no-such-command
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 one' '1 two')" ]
}

@test "after -k failures the message is a dead letter with the last status, with -j too" {
	mkmbox dead
	lines one two | msend -l box
	run -4 timeout "$LIMIT" mrecv -a -j 2 -k 1 -d dead box -- sh -c 'exit 4'
	[ "$(mrecv -a -o '%h{status} %h{tries} %p\n' dead | sort)" = "$(lines '4 1 one' '4 1 two')" ]
	run -1 mrecv -n box
}

@test "every message of a batch that fails once too often is a dead letter" {
	mkmbox dead
	seq 3 | msend -l box
	run -4 timeout "$LIMIT" mrecv -a -b 5 -k 1 -d dead box -- sh -c 'exit 4'
	[ "$(mrecv -a dead)" = "$(seq 3)" ]
}

# tells STATUS LINE MRECV-ARGUMENT... -- mrecv -v exits with STATUS and says LINE, and nothing else.
tells()
{
	fails "$1" mrecv -v "${@:3}"
	[ "$error" = "mrecv: $2" ] || { echo "$error"; return 1; }
}

@test "-v says in a line what became of the message of each command" {
	mkmbox dead
	seq 3 | msend -l -t build box
	tells 0 'box 1 (build): status 0' box -- true
	tells 75 'box 2 (build): status 75, put back' box -- sh -c 'exit 75'
	tells 143 'box 2 (build): killed by signal 15, put back' box -- sh -c 'kill -TERM $$'
	tells 143 'box 2 (build): status 143, try 1, again in 1500 ms' -B 1500ms box -- sh -c 'exit 143'
	tells 8 'box 3 (build): status 8, try 1 of 1, sent to dead' -k 1 -d dead box -- sh -c 'exit 8'
	[ "$(mrecv -o '%p %h{try}' box)" = '2 2' ]
	msend -t build box once
	tells 8 'box 4 (build): status 8, try 1 of 9, again in 3600 s' -B 1h -k 9 -d dead box -- sh -c 'exit 8'
	seq 3 | msend -l box
	tells 0 'box 5 and 2 more: status 0' -b 9 box -- true
	msend box x
	tells 8 'box 8: status 8, try 1, again at once' -B 0 box -- sh -c 'exit 8'
}

@test "-v says of each batch that it was halved, and of the message that failed what became of it" {
	mkmbox dead
	lines a b bad c | msend -l box
	run -8 mrecv -v -a -b 9 -k 1 -d dead box -- sh -c '! mrecv -a - | grep -q bad || exit 8'
	[ "$output" = "$(printf 'mrecv: box %s\n' '1 and 3 more: status 8, halved' '1 and 1 more: status 0' \
		'3: status 8, try 1 of 1, sent to dead' '4: status 0')" ]
}

# expired -- whether nothing is there to be looked at.
expired()
{
	[ -z "$(mrecv -p -n box)" ]
}

@test "-v tells of what has expired, of a stream, of answers, and of capacity 0" {
	mkmbox dead
	mkmbox -c 0 hand
	msend -x 0.001 -t old box x
	until_true expired
	tells 1 'box 1 (old): expired, sent to dead' -n -d dead box
	printf 'M1 0 t s\n\n' >frame
	tells 3 'frame (t): status 3, dropped' frame -- sh -c 'exit 3'
	in_background timeout "$LIMIT" mcall -t ask box x
	tells 3 'box 2 (ask): status 3, answered' -r box -- sh -c 'exit 3'
	in_background msend -t off hand x
	until_waiting hand
	tells 3 'hand 1 (off): status 3, try 1, back to its sender' hand -- sh -c 'exit 3'
}

# ---- several at once

@test "-j 3 runs three commands at once, each with its own message" {
	mkfifo meet
	seq 3 | msend -l box
	# each waits until somebody reads the pipe, which is opened for reading once all three have said that they run
	in_background timeout "$LIMIT" mrecv -a -j 3 box -- sh -c 'read n; : >"at.$n"; echo "$n" >meet'
	until_true all_there at.1 at.2 at.3
	[ "$(timeout "$LIMIT" sort meet)" = "$(seq 3)" ]
	status_of "$child"
	[ "$status" -eq 0 ]
}

@test "with -j only what can start now is claimed: others get the rest" {
	mkfifo meet
	seq 5 | msend -l box
	in_background timeout "$LIMIT" mrecv -c 5 -j 2 box -- sh -c 'read n; : >"at.$n"; read x <meet'
	until_true all_there at.1 at.2
	[ "$(timeout "$LIMIT" mrecv -a -p box)" = "$(seq 3 5)" ]
	[ "$(timeout "$LIMIT" mrecv -a box)" = "$(seq 3 5)" ]
}

@test "with -f -j a message that comes while a command runs is started at once" {
	mkfifo meet
	in_background timeout "$LIMIT" mrecv -f -j 2 box -- sh -c 'read n; : >"at.$n"; read x <meet'
	until_waiting box
	msend box 1
	until_true all_there at.1
	msend box 2
	until_true all_there at.2
}

@test "with -j each message is settled when its own command ends" {
	mkfifo meet
	seq 2 | msend -l box
	in_background timeout "$LIMIT" mrecv -f -j 2 box -- sh -c 'read n; : >"at.$n"; [ "$n" = 2 ] || read x <meet'
	until_true all_there at.1 at.2
	is_one() { [ "$(mstat -J box | grep -o '"messages":[0-9]*')" = '"messages":1' ]; }
	until_true is_one
	kill -KILL "$child"
}

# a command that reads its payload, and says so; but that of `big' only once that of `small' has begun
after_small='echo >"at.$MBOX_TAG"; [ "$MBOX_TAG" != big ] || until [ -e at.small ]; do sleep 0.01; done; cat >"got.$MBOX_TAG"'

@test "with -j payloads that stream do not wait for each other: of one mailbox, and of a pipe beside it" {
	mkmbox -c 0 hand
	mkfifo door
	pattern 1000000 >big
	echo hi >small
	for channel in hand door; do
		rm -f at.* got.*
		in_background mrecv -c 2 -j 2 hand door -- sh -c "$after_small"
		receiver=$child
		in_background msend -t big "$channel" <big
		sender=$child
		until_true all_there at.big
		msend -t small hand <small
		ended_with 0 "$sender"
		ended_with 0 "$receiver"
		same big got.big
		same small got.small
	done
}

@test "with -j a sender that is slow, or stopped, starves no other, though its payload be kept for a dead letter" {
	mkmbox -c 0 hand
	mkmbox dead
	mkfifo in
	for options in '' '-k 1 -d dead'; do
		exec 5<>in
		# shellcheck disable=SC2086 # none, or several words
		in_background mrecv -c 2 -j 2 $options hand -- sh -c 'cat >"got.$MBOX_TAG"' 5>&-
		receiver=$child
		until_waiting hand
		in_background msend -t big hand <in 5>&-
		sender=$child
		in_background pattern 200000 >&5 5>&-
		taken() { [ "$(mstat -J hand | jq .claimed)" = 1 ]; }
		until_true taken
		kill -STOP "$sender"
		msend -t small hand hi
		[ "$(<got.small)" = hi ]
		kill -CONT "$sender"
		exec 5>&-
		ended_with 0 "$sender"
		ended_with 0 "$receiver"
		[ "$(wc -c <got.big)" -eq 200000 ]
		rm got.*
	done
	run -1 mrecv -n dead
}

@test "a message whose command has ended is settled, though something else holds the command's input open" {
	mkmbox -c 0 hand
	pattern 1000000 >big
	in_background mrecv hand -- sh -c 'exec 3<&0; sleep 60 & echo $! >holder'
	receiver=$child
	msend hand <big
	ended_with 0 "$receiver"
	kill -KILL "$(<holder)"
}

@test "with -j, -a and -n wait for a large message of a pipe to be read before they see whether there is another" {
	for i in 1 2 3; do printf 'M1 300000 t s\n'; pattern 300000; echo; done >frames
	pattern 300000 >one
	for options in '-a' '-n -c 3' '-w 0.01 -c 3'; do
		rm -f got.*
		# shellcheck disable=SC2086 # several words
		mrecv $options -j 3 - -- sh -c 'cat >"got.$$"' <frames
		[ "$(cat got.* | wc -c)" -eq 900000 ]
		for file in got.*; do same one "$file"; done
	done
}

# many N -- so many messages, sixteen commands at once.
many()
{
	seq "$1" | msend -l box
	timeout 60 mrecv -a -j 16 box -- sh -c 'read n; echo "$n"' >got
	sort -n got | cmp - <(seq "$1")
	[ -z "$(files_of box)" ]
}

@test "many messages through -j 16 are each handled once" {
	many 200
}

# bats test_tags=long
@test "a thousand messages through -j 16 are each handled once" {
	many 1000
}

@test "-w bounds the wait for the next message while commands run" {
	mkfifo meet
	msend box 1
	in_background timeout "$LIMIT" mrecv -f -j 2 -w 0.1 box -- sh -c 'read n; : >"at.$n"; read x <meet; exit 0'
	until_true all_there at.1
	echo go | timeout "$LIMIT" tee meet >/dev/null
	status_of "$child"
	[ "$status" -eq 124 ]
	run -1 mrecv -n box
}

# ---- signals

@test "a command whose mrecv is killed gets SIGTERM" {
	msend box one
	for shielded in '' 'env -u X'; do
		# shellcheck disable=SC2086 # none, or several words
		in_background $shielded mrecv box -- sh -c 'trap "echo >got; exit" TERM; echo $$ >pid; while :; do sleep 0.02; done'
		until_true exists pid
		kill -KILL "$child"
		until_true exists got
		until_true ended "$(<pid)"
		rm pid got
	done
	# what runs on holds nothing: the message is there
	[ "$(mrecv -w 10 box)" = one ]
}

@test "a command lives in a pid namespace that is not mrecv's own" {
	unshare -U -r -p true 2>/dev/null || skip "no namespaces here"
	msend box one
	[ "$(timeout "$LIMIT" unshare -U -r -p mrecv box -- cat)" = one ]
}

@test "the first SIGTERM starts nothing new and lets running commands finish" {
	mkfifo meet
	seq 3 | msend -l box
	in_background mrecv -f -j 2 box -- sh -c 'read n; : >"at.$n"; read x <meet; echo "$n" >>done'
	until_true all_there at.1 at.2
	kill -TERM "$child"
	until_true got_signals "$child"
	[ ! -e done ]
	echo go | timeout "$LIMIT" tee meet >/dev/null
	status_of "$child"
	[ "$status" -eq 143 ]
	[ "$(sort done)" = "$(seq 2)" ]
	[ "$(mrecv -a box)" = 3 ]
}

@test "after the first SIGTERM a command gets all of its input still" {
	mkmbox -c 0 hand
	mkfifo in
	exec 5<>in
	in_background mrecv hand -- sh -c 'echo >started; wc -c' >out 5>&-
	receiver=$child
	in_background msend hand <in 5>&-
	sender=$child
	head -c 200000 /dev/zero >&5
	until_true exists started
	kill -TERM "$receiver"
	until_true got_signals "$receiver"
	head -c 200000 /dev/zero >&5
	exec 5>&-
	ended_with 143 "$receiver"
	ended_with 0 "$sender"
	[ "$(<out)" -eq 400000 ]
}

@test "the second signal is passed to the commands, and their messages are put back as they were" {
	seq 3 | msend -l box
	in_background mrecv -f -j 2 box -- sh -c 'read n; : >"at.$n"; exec sleep 60'
	until_true all_there at.1 at.2
	kill -TERM "$child"
	until_true got_signals "$child"
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 1' '1 2' '1 3')" ]
}

# deaf -- a command that two signals do not end; it counts what it gets once `go` is there.
deaf='trap "" TERM; echo >started; until [ -e go ]; do sleep 0.01; done; wc -c >got'

# two_signals -- $receiver, whose command has started, gets two signals and ends; the command may then read its input.
two_signals()
{
	until_true exists started
	for _ in 1 2; do
		kill -TERM "$receiver"
		until_true got_signals "$receiver"
	done
	echo >go
	ended_with 143 "$receiver"
}

# stop_twice -- the same, and the command has got only a part of its input.
stop_twice()
{
	two_signals
	until_true exists got
	[ "$(<got)" -lt 3000000 ]
	rm started go got
}

@test "a command that has a part of its payload when the second signal comes has not received it, whatever its status" {
	mkmbox -c 0 hand
	mkmbox dead
	pattern 3000000 >big
	in_background msend hand <big
	sender=$child
	for options in '' -f '-j 2' -r '-k 2 -d dead'; do
		# shellcheck disable=SC2086 # none, or several words
		in_background mrecv $options hand -- sh -c "$deaf"
		receiver=$child
		stop_twice
	done
	[ "$(mrecv -p -J hand | jq .try)" = 1 ]
	mrecv hand >out
	ended_with 0 "$sender"
	same big out
	run -1 mrecv -n dead

	# what can be read once only is lost, which its sender says
	in_background sh -c 'cat big | msend hand 2>send.err'
	sender=$child
	in_background mrecv hand -- sh -c "$deaf"
	receiver=$child
	stop_twice
	ended_with 74 "$sender"
	grep -q 'its receiver failed after' send.err
	run -1 mrecv -n hand
}

@test "a request that comes in part to a command when the second signal comes has no answer from it, but from the next" {
	mkmbox -c 0 hand
	pattern 3000000 >big
	in_background timeout "$LIMIT" mcall hand <big >answer
	caller=$child
	in_background mrecv -r hand -- sh -c "$deaf; echo partial"
	receiver=$child
	stop_twice
	mrecv -r hand -- wc -c
	ended_with 0 "$caller"
	[ "$(<answer)" = 3000000 ]
}

@test "a payload that was in the command's hands before the second signal is received by exit 0" {
	pattern 3000000 >big
	mkmbox -c 0 hand
	echo hi >small
	for file in big small; do
		for options in '' '-b 1'; do
			rm -f started go got
			msend box <$file
			# shellcheck disable=SC2086 # none, or several words
			in_background mrecv $options box -- sh -c "$deaf"
			receiver=$child
			two_signals
			[ "$(<got)" -ge "$(wc -c <$file)" ]
			run -1 mrecv -n box
		done
	done
}

@test "SIGINT and SIGHUP end mrecv by themselves, after the command" {
	for signal in INT HUP; do
		rm -f at.1
		msend box 1
		# a shell starts what is in the background with SIGINT ignored
		in_background env --default-signal=INT,HUP mrecv -f box -- sh -c 'read n; : >"at.$n"; sleep 0.2; echo "$n" >done'
		until_true all_there at.1
		kill "-$signal" "$child"
		status_of "$child"
		[ "$status" -eq $((128 + $(kill -l "$signal"))) ]
		[ "$(cat done)" = 1 ]
		run -1 mrecv -n box
	done
}

# ---- batches

@test "-b gives a command up to so many messages as frames with id, time and try" {
	seq 5 | msend -l -t T -s S box
	timeout "$LIMIT" mrecv -b 3 box -- sh -c 'echo "$MBOX_COUNT,$MBOX_NAME,$MBOX_TAG$MBOX_SOURCE$MBOX_ID$MBOX_TIME$MBOX_LENGTH$MBOX_TRY$MBOX_REPLY"; cat' >got
	[ "$(head -n 1 got)" = '3,box,' ]
	[ "$(sed 1d got | mrecv -a -o '%t %s %i %p' - 2>&1)" = "$(lines 'T S 1 1T S 2 2T S 3 3')" ]
	sed -n 2p got | grep -qE '^M1 1 T S id=1 time=[0-9]+\.[0-9]{6}$'
	[ "$(mrecv -a box)" = "$(seq 4 5)" ]
}

@test "a batch does not wait to be full" {
	seq 2 | msend -l box
	[ "$(timeout "$LIMIT" mrecv -b 100 box -- sh -c 'echo $MBOX_COUNT')" = 2 ]
}

@test "a batch of a file, and of a pipe, has more than its first message" {
	printf 'M1 1 t s\n%s\n' a b c >frames
	for channel in frames -; do
		timeout "$LIMIT" mrecv -a -b 2 "$channel" -- sh -c 'mrecv -a - | xargs' <frames >got
		[ "$(cat got)" = "$(lines "a b" c)" ]
	done
}

@test "a message that has expired is dropped, and not what stands in the batch before it, where it would make that too long" {
	mkmbox dead
	for dead in '' '-d dead'; do
		msend box 123456
		msend -F box <<<$'M1 26 - s expire=1\naaaaaaaaaaaaaaaaaaaaaaaaaa\nM1 2 - s\nzz'
		# shellcheck disable=SC2086
		timeout "$LIMIT" mrecv -n -a $dead -b 100:10 box -- sh -c 'mrecv -a -l -' >got
		same - got <<<$'123456\nzz'
		[ "$(mstat -J box | grep -o '"messages":[0-9]*,')" = '"messages":0,' ]
	done
	[ "$(mrecv -n dead)" = aaaaaaaaaaaaaaaaaaaaaaaaaa ]
}

@test "a batch waits for its first message" {
	in_background timeout "$LIMIT" mrecv -b 100 box -- sh -c 'echo $MBOX_COUNT >got'
	until_waiting box
	msend box one
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat got)" = 1 ]
}

@test "a batch is acknowledged together, or put back together" {
	seq 4 | msend -l box
	run -75 timeout "$LIMIT" mrecv -b 3 box -- sh -c 'exit 75'
	[ "$(mrecv -a -p -o '%h{try} %p\n' box)" = "$(lines '1 1' '1 2' '1 3' '1 4')" ]
	timeout "$LIMIT" mrecv -b 3 box -- true
	[ "$(mrecv -a -p box)" = 4 ]
	timeout "$LIMIT" mrecv -a -b 3 box -- true
	run -1 mrecv -n box
}

# picky BAD... -- make the command ./picky: it notes its batch in the file batches, fails with 3 on one that has one of
# these payloads, and else adds all that it got to the file done.
picky()
{
	cat >picky <<-EOF
		#!/bin/sh
		mrecv -a - >batch.\$\$
		xargs <batch.\$\$ >>batches
		for bad in $*; do ! grep -qx "\$bad" batch.\$\$ || exit 3; done
		cat batch.\$\$ >>done
	EOF
	chmod +x picky
	: >batches
	: >done
}

@test "a batch that fails is halved down to the message that fails, and the others are received, in order" {
	mkmbox dead
	picky 4 9
	seq 10 | msend -l box
	run -3 mrecv -a -b 100 -k 1 -d dead box -- ./picky
	[ "$(mrecv -n -a -o '%h{status} %h{tries} %p\n' dead)" = "$(lines '3 1 4' '3 1 9')" ]
	[ "$(<done)" = "$(seq 10 | grep -vx '[49]')" ]
	# the first half first, and after the one that failed all that is left
	[ "$(head -n 5 batches)" = "$(lines '1 2 3 4 5 6 7 8 9 10' '1 2 3 4 5' '1 2' '3' '4')" ]
	[ "$(sed -n 6p batches)" = '5 6 7 8 9 10' ]
	run -1 mrecv -n box
	# whatever place it has
	for bad in 1 2 3 4 5; do
		picky $bad
		seq 5 | msend -l box
		run -3 mrecv -a -b 5 -k 1 -d dead box -- ./picky
		[ "$(<done)" = "$(seq 5 | grep -vx $bad)" ]
		[ "$(mrecv -n -a dead)" = $bad ]
	done
}

@test "only the message that fails by itself has had a try, and what it kept back is there at once" {
	picky 1 2 3 4 5 6 7 8
	seq 8 | msend -l box
	run -3 mrecv -b 8 -B 1h box -- ./picky
	[ "$(<batches)" = "$(lines '1 2 3 4 5 6 7 8' '1 2 3 4' '1 2' 1)" ]
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 2' '1 3' '1 4' '1 5' '1 6' '1 7' '1 8')" ]
	[ "$(mrecv -i 1 -o '%h{try} %p\n' box)" = '2 1' ]
}

@test "a batch on which a command fails once, and not on its halves, is received with status 0" {
	seq 9 | msend -l box
	timeout "$LIMIT" mrecv -b 9 box -- sh -c 'echo $MBOX_COUNT >>counts; [ -e failed ] || { : >failed; exit 1; }'
	[ "$(xargs <counts)" = '9 4 2 1 1 1' ] || [ "$(xargs <counts)" = '9 4 2 1 2' ]
	run -1 mrecv -n box
}

@test "a batch that is put back, by 75 or a signal, is not halved, nor are its halves" {
	seq 4 | msend -l box
	for end in 'exit 75' 'kill -TERM $$'; do
		: >counts
		run mrecv -b 4 box -- sh -c "echo \$MBOX_COUNT >>counts; $end"
		[ "$(<counts)" = 4 ]
		: >counts
		run mrecv -b 4 box -- sh -c "echo \$MBOX_COUNT >>counts; [ \$MBOX_COUNT -lt 4 ] || exit 1; $end"
		[ "$(xargs <counts)" = '4 2' ]
	done
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 1' '1 2' '1 3' '1 4')" ]
}

@test "while a half is tried the rest stays claimed, and after a signal to stop it goes back without a try" {
	seq 4 | msend -l box
	in_background mrecv -f -b 4 box -- sh -c '[ $MBOX_COUNT -lt 4 ] || exit 1; : >begun; until [ -e go ]; do sleep 0.01; done'
	until_true all_there begun
	run -1 mrecv -n box
	kill -TERM "$child"
	until_true got_signals "$child"
	: >go
	ended_with 143 "$child"
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 3' '1 4')" ]
	# and the whole batch, where it fails after the signal
	rm begun go
	seq 4 | msend -l box
	in_background mrecv -f -b 4 box -- sh -c 'echo $MBOX_COUNT >>counts; : >begun; until [ -e go ]; do sleep 0.01; done; exit 1'
	until_true all_there begun
	kill -TERM "$child"
	until_true got_signals "$child"
	: >go
	ended_with 143 "$child"
	[ "$(<counts)" = 4 ]
	[ "$(mrecv -a -o '%h{try} %p\n' box)" = "$(lines '1 1' '1 2' '1 3' '1 4')" ]
}

@test "several commands halve their batches each for itself, and lose and double nothing" {
	mkmbox dead
	picky 7 77 177 277 377 399 400
	seq 400 | msend -l box
	run -3 timeout 60 mrecv -a -j 3 -b 50 -k 1 -d dead box -- ./picky
	[ "$(mrecv -n -a dead | sort -n)" = "$(lines 7 77 177 277 377 399 400)" ]
	sort -n done | cmp - <(seq 400 | grep -vxE '7|77|177|277|377|399|400')
}

@test "the halves of a batch are the frames that the batch had, byte for byte" {
	: >0
	pattern 65536 >1
	pattern 3000000 >2
	for i in 0 1 2 0 1; do msend -t "t$i" -H k=v box <$i; done
	timeout "$LIMIT" mrecv -b 9 box -- sh -c 'cat >frames; exit 75' || :
	run mrecv -b 9 box -- sh -c '[ $MBOX_COUNT -lt 5 ] || exit 1; cat >>halves'
	same frames halves
}

@test "a batch has as many bytes of payload as it may, and one that is longer goes by itself" {
	for n in 10 20 30 31 100 10 10; do pattern $n | msend box; done
	timeout "$LIMIT" mrecv -a -b 9:60 box -- sh -c 'echo "$MBOX_COUNT"' >got
	[ "$(xargs <got)" = '3 1 1 2' ]
	# large ones, which are files of their own, count in full
	for i in 1 2 3 4 5; do pattern 400000 | msend box; done
	timeout "$LIMIT" mrecv -a -b 9:1M box -- sh -c 'echo "$MBOX_COUNT"' >got
	[ "$(xargs <got)" = '2 2 1' ]
	# by default 16 MiB, which inf takes away
	for i in 1 2 3 4 5; do pattern 5000000 | msend box; done
	timeout "$LIMIT" mrecv -b 9 box -- sh -c 'echo "$MBOX_COUNT"; exit 75' >got || :
	timeout "$LIMIT" mrecv -b 9:inf box -- sh -c 'echo "$MBOX_COUNT"' >>got
	[ "$(xargs <got)" = '3 5' ]
	# and of a pipe: up to the message that makes it so long
	printf 'M1 10 t s\n0123456789\n%.0s' 1 2 3 4 5 >frames
	mrecv -a -b 9:30 - -- sh -c 'echo "$MBOX_COUNT"' <frames >got
	[ "$(xargs <got)" = '2 2 1' ]
}

@test "a bound in bytes takes nothing before what is preferred" {
	msend -t urgent box 1234
	msend -t normal box 1
	pattern 90 | msend -t urgent box
	timeout "$LIMIT" mrecv -a -b 9:50 -t urgent -t normal box -- sh -c 'echo "$(mrecv -a -o "%t %l " -)"' >got
	[ "$(<got)" = "$(lines 'urgent 5 ' 'urgent 90 ' 'normal 2 ')" ]
}

@test "a batch of payloads small and large comes whole" {
	: >0
	pattern 65536 >1
	pattern 3000000 >2
	for i in 0 1 2; do msend box <$i; done
	timeout "$LIMIT" mrecv -b 9 box -- sh -c 'cat >frames'
	timeout "$LIMIT" mrecv -a -0 - <frames >got
	{ cat 0; printf '\0'; cat 1; printf '\0'; cat 2; printf '\0'; } >expected
	same expected got
}

@test "batches of more than a run, from several mailboxes, and with -j, lose and double nothing" {
	mkmbox -b inf other
	seq 5000 | msend -l box
	seq 5001 7000 | msend -l other
	timeout 60 mrecv -a -b 1500 -j 3 box other -- sh -c 'mrecv -a - >"got.$$"; echo "$MBOX_COUNT" >>counts'
	sort -n got.* | cmp - <(seq 7000)
	[ "$(awk '{ n += $1 } END { print n }' counts)" -eq 7000 ]
	[ "$(sort -rn counts | head -n 1)" -eq 1500 ]
}

@test "a batch comes from a pipe, a named pipe and a file, too, and what a message that is cut short leaves is its own" {
	printf 'M1 1 t s\n%d\n' 1 2 3 4 5 >frames
	mrecv -a -b 3 - -- sh -c 'echo "$MBOX_COUNT: $(mrecv -a - | xargs)"' <frames >got
	mrecv -a -b 3 frames -- sh -c 'echo "$MBOX_COUNT: $(mrecv -a - | xargs)"' >>got
	mkfifo door
	in_background msend -F door <frames
	mrecv -a -b 3 door -- sh -c 'echo "$MBOX_COUNT: $(mrecv -a - | xargs)"' >fifo
	ended_with 0 "$child"
	[ "$(<got)" = "$(lines '3: 1 2 3' '2: 4 5' '3: 1 2 3' '2: 4 5')" ]
	[ "$(sed 's/.*: //' fifo | xargs)" = '1 2 3 4 5' ]
	printf 'M1 9 t s\ncut' >>frames
	fails 125 sh -c 'mrecv -b 9 - -- sh -c "mrecv -a - | xargs >got" <frames'
	[ "$(<got)" = '1 2 3 4 5' ]
}

@test "a large message that is cut short leaves a batch of what stood before it on the pipe" {
	printf 'M1 1 t s\n%d\n' 1 2 >frames
	{ printf 'M1 300000 t s\n'; head -c 200000 /dev/zero; } >>frames
	fails 125 sh -c 'mrecv -b 9 - -- sh -c "echo \$MBOX_COUNT; mrecv -a -" <frames >got'
	[ "$(<got)" = "$(lines 2 1 2)" ]
	[[ $error =~ "a message was cut short" ]]
	# and one that stands first leaves none
	tail -c +23 frames >first
	fails 125 sh -c 'mrecv -b 9 - -- touch begun <first'
	[ ! -e begun ]
}

@test "-a ends when several mailboxes are empty" {
	mkmbox other
	seq 3 | msend -l box
	seq 4 6 | msend -l other
	timeout "$LIMIT" mrecv -a -j 2 box other -- sh -c 'read n; echo "$n"' >got
	[ "$(sort got)" = "$(seq 6)" ]
}

@test "with -c the batches have no more messages than that together" {
	seq 9 | msend -l box
	timeout "$LIMIT" mrecv -c 5 -b 3 box -- sh -c 'echo $MBOX_COUNT' >got
	[ "$(cat got)" = "$(lines 3 2)" ]
	[ "$(mrecv -a box)" = "$(seq 6 9)" ]
}

@test "-b, -j and -r are for commands, and -r does not go with -b" {
	misused mrecv -b 2 box
	misused mrecv -j 2 box
	misused mrecv -r box
	misused mrecv -r -b 2 box -- cat
	for value in 0 x :5 5: 5:x 5:6:7; do misused mrecv -b $value box -- cat; done
	misused mrecv -j 0 box -- cat
}

@test "with -a a message that fails has one try, or with -k so many, and the run ends" {
	msend -l box <<<$'one\ntwo'
	run -1 timeout "$LIMIT" mrecv -a -B 0 box -- sh -c 'echo "$(cat)" >>runs; exit 1'
	[ "$(xargs <runs)" = 'one two' ]
	# each outlasts the back-off of the other
	run -1 timeout "$LIMIT" mrecv -a -j 2 -B 1ms box -- sh -c 'echo "$(cat)" >>runs; sleep 0.05; exit 1'
	[ "$(sort runs | xargs)" = 'one one two two' ]
	[ "$(mrecv -p -a -o '%h{try} ' box)" = '3 3 ' ]

	mkmbox dead again
	msend again three
	run -1 timeout "$LIMIT" mrecv -a -B 0 -k 3 -d dead again -- sh -c 'echo "$(cat)" >>runs; exit 1'
	[ "$(grep -c three runs)" -eq 3 ]
	[ "$(mrecv -n dead)" = three ]
}

@test "with -a -A a message that is refused is refused once" {
	msend -l box <<<$'one\ntwo'
	timeout "$LIMIT" mrecv -a -A -j 1 -B 0 box -- sh -c 'while id=$(mrecv -o %i -); do echo "$id" >>refused; echo "-$id"; done' || :
	[ "$(xargs <refused)" = '1 2' ]
}
