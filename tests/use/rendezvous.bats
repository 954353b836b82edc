#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Mailboxes of capacity 0: a message goes from hand to hand, and nothing is kept.

load ../helpers

setup()
{
	common_setup
	mkmbox -c 0 box
}

teardown()
{
	exec 5>&- 6>&-
	common_teardown
}

# kill_hard PID
kill_hard()
{
	kill -KILL "$1"
	ended_with 137 "$1"
}

# nothing_kept -- once everybody has gone, the next receiver finds no offer, and no file stays.
nothing_kept()
{
	run -1 timeout "$LIMIT" mrecv -n box
	run -124 timeout "$LIMIT" mrecv -w 0.01 box
	[ -z "$(files_of box)" ] || { echo "left behind: $(files_of box)"; return 1; }
}

# wanted TAG -- whether somebody waits for it.
wanted()
{
	[[ $(mstat -J box) == *'"tags":["'"$1"'"]'* ]]
}

# claims N -- whether N messages of the mailbox are in somebody's hands.
claims()
{
	[ "$(mstat box | awk 'NR == 2 { print $7 }')" -eq "$1" ]
}

# begin_half -- a message is half-way: $sender has sent 200,000 bytes of it and waits for more of descriptor 5,
# $receiver has written what came to out.
begin_half()
{
	mkfifo in
	exec 5<>in
	in_background msend box <in 2>send.err 5>&-
	sender=$child
	in_background mrecv box >out 2>receive.err 5>&-
	receiver=$child
	in_background pattern 200000 >&5 5>&-
	until_true exists out
}

# cut_short -- $receiver, who follows, has the beginning of a message whose sender was killed.
cut_short()
{
	mkfifo in
	exec 5<>in
	in_background mrecv -f box >out 2>receive.err 5>&-
	receiver=$child
	until_waiting box
	in_background msend box <in 5>&-
	sender=$child
	in_background pattern 200000 >&5 5>&-
	until_true exists out
	kill_hard "$sender"
}

# begin_full -- a message of 3,000,000 bytes, from $sender, is half-way: $receiver is stuck, since nobody reads what it
# writes to descriptor 6.  COMMAND...: the sender.
begin_full()
{
	pattern 3000000 >big
	mkfifo stuck
	exec 6<>stuck
	in_background mrecv box >&6 2>receive.err 6>&-
	receiver=$child
	until_waiting box
	in_background "$@" <big 2>send.err 6>&-
	sender=$child
	[ "$(head -c 10 <&6)" = "$(head -c 10 big)" ]
}

# hold -- a command that takes its time: it says that it runs, in `started`, and never ends by itself
hold='echo $$ >started.new; mv started.new started; exec sleep 60'

# ---- who meets whom ----

@test "a receiver takes the first of the waiting senders that it wants, and only that one returns" {
	in_background msend -t a box 1
	one=$child
	until_waiting box 1
	in_background msend -t b box 2
	two=$child
	until_waiting box 2
	in_background msend -t b box 3
	three=$child
	until_waiting box 3
	[ "$(timeout "$LIMIT" mrecv -t b box)" = 2 ]
	ended_with 0 "$two"
	until_waiting box 2
	[ "$(timeout "$LIMIT" mrecv box)" = 1 ]
	ended_with 0 "$one"
	[ "$(timeout "$LIMIT" mrecv -n -t '[bc]' box)" = 3 ]
	ended_with 0 "$three"
	nothing_kept
}

@test "with -n a message is sent only if a receiver waits that wants it" {
	run -1 timeout "$LIMIT" msend -n box early
	in_background mrecv -t b -S eve box >out
	until_waiting box
	run -1 timeout "$LIMIT" msend -n -t a box wrong tag
	run -1 timeout "$LIMIT" msend -n -t b -s eve box wrong source
	timeout "$LIMIT" msend -n -t b -s bob box right
	ended_with 0 "$child"
	[ "$(cat out)" = right ]
	run -1 timeout "$LIMIT" msend -n -t b box late
	nothing_kept
}

@test "a message has its tag, its source, its headers, its number and every byte" {
	pattern 200000 >big
	in_background msend -t tag -s me -H key=value box <big
	timeout "$LIMIT" mrecv -F box >frame
	ended_with 0 "$child"
	head -n 1 frame | grep -Eq '^M1 [0-9]+\+? tag me id=1 time=[0-9.]+ key=value$'
	mrecv - <frame >out
	same big out
	in_background msend box </dev/null
	[ "$(timeout "$LIMIT" mrecv -o '%i,%l,%p.' box)" = 2,0,. ]
	ended_with 0 "$child"
}

@test "lines are handed over one by one, in order" {
	seq 200 >list
	in_background msend -l box <list
	sender=$child
	timeout "$LIMIT" mrecv -c 150 box >out
	timeout "$LIMIT" mrecv -c 50 box >>out
	ended_with 0 "$sender"
	same list out
	nothing_kept
}

@test "of many senders and many receivers each message meets one" {
	senders=() receivers=()
	for i in 1 2 3 4; do
		in_background mrecv -c 10 box >"out.$i"
		receivers+=("$child")
	done
	for i in 0 1 2 3 4 5 6 7; do
		seq $((i * 5 + 101)) $((i * 5 + 105)) >"list.$i"
		in_background msend -l box <"list.$i"
		senders+=("$child")
	done
	for pid in "${senders[@]}" "${receivers[@]}"; do
		ended_with 0 "$pid"
	done
	sort out.? >out
	seq 101 140 >expected
	same expected out
	nothing_kept
}

@test "a receiver at two such mailboxes takes from the sender who comes, and wants nothing of the other" {
	mkmbox -c 0 other
	in_background mrecv box other >out
	until_waiting box
	until_waiting other
	timeout "$LIMIT" msend -n other hello
	ended_with 0 "$child"
	[ "$(cat out)" = hello ]
	run -1 timeout "$LIMIT" msend -n box hello
}

# races N -- a sender who gives up, and a receiver who comes at that moment.
races()
{
	met=0
	for ((i = 1; i <= $1; i++)); do
		in_background msend -w "0.00$((i % 6 + 1))" box "$i"
		sent=0 got=0
		if [ $((i % 2)) -eq 0 ]; then
			timeout "$LIMIT" mrecv -n box >out || got=$?
		else
			timeout "$LIMIT" mrecv -w "0.00$((i % 5 + 1))" box >out || got=$?
		fi
		status_of "$child"
		sent=$status
		case $sent:$got in
		0:0)
			same out <(echo "$i")
			met=$((met + 1))
			;;
		124:124|124:1)
			[ ! -s out ]
			;;
		*)
			echo "round $i: the sender said $sent, the receiver $got"
			return 1
			;;
		esac
	done
	echo "$met of $1 met"
	nothing_kept
}

@test "a sender who gives up is withdrawn: whoever wins, both sides agree, in 40 races" {
	races 40
}

# bats test_tags=long
@test "a sender who gives up is withdrawn: whoever wins, both sides agree, in 300 races" {
	races 300
}

@test "two processes that send to each other first get along with room for a message, and are stuck without" {
	mkmbox -c 1 a b
	in_background timeout "$LIMIT" sh -c 'msend a to a && mrecv b >out.1'
	one=$child
	in_background timeout "$LIMIT" sh -c 'msend b to b && mrecv a >out.2'
	ended_with 0 "$child"
	ended_with 0 "$one"
	[ "$(cat out.1 out.2)" = "$(lines 'to b' 'to a')" ]

	mkmbox -c 0 c d
	in_background msend c to c
	one=$child
	in_background msend d to d
	two=$child
	until_waiting c
	until_waiting d
	kill -TERM "$one" "$two"
	ended_with 143 "$one"
	ended_with 143 "$two"

	in_background timeout "$LIMIT" sh -c 'msend -w 0.3 c to c && mrecv d'
	one=$child
	in_background timeout "$LIMIT" sh -c 'msend -w 0.3 d to d && mrecv c'
	ended_with 124 "$child"
	ended_with 124 "$one"
}

@test "who peeks sees whose an offer is, and is told that its payload is not there" {
	mkmbox other
	in_background msend -t tag -s me -H key=value -x 60 box hello
	until_waiting box
	[ "$(mrecv -p -o '%t %s %i %h{key} [%l]' box)" = 'tag me 1 value []' ]
	mrecv -p -J box | jq -e '.tag == "tag" and .headers.key == "value" and (has("length") or has("payload") | not)'
	for form in '' -l -0 -F -e -a -o%p; do
		# shellcheck disable=SC2086 # none, or one word
		misused mrecv -p $form other box
	done
	run -1 mrecv -p -n -t other -J box
	[ "$(mrecv box)" = hello ]
	ended_with 0 "$child"
	nothing_kept
}

# ---- who dies ----

@test "a sender that is killed takes its offer with it" {
	in_background msend box hello
	until_waiting box
	kill_hard "$child"
	nothing_kept
}

@test "a receiver who sleeps does not get the offer of a sender that was killed, but the next one's" {
	in_background msend -t other box lost
	lost=$child
	until_waiting box
	in_background mrecv -t mine box >out
	receiver=$child
	until_waiting box 2
	kill_hard "$lost"
	timeout "$LIMIT" msend -t mine box hello
	ended_with 0 "$receiver"
	[ "$(cat out)" = hello ]
	nothing_kept
}

@test "a receiver that is killed half-way fails the sender of a pipe, who says so in a line" {
	begin_full sh -c 'cat | { msend box; }'
	kill_hard "$receiver"
	ended_with 74 "$sender"
	[ "$(wc -l <send.err)" -eq 1 ]
	grep -Eq '^msend: cannot send to box: its receiver failed after [1-9][0-9]+ bytes$' send.err
	nothing_kept
}

@test "a small message whose receiver is killed is offered again" {
	in_background msend box hello
	sender=$child
	in_background mrecv box -- sh -c "$hold"
	until_true exists started
	kill_hard "$child"
	kill -KILL "$(cat started)"
	[ "$(timeout "$LIMIT" mrecv box)" = hello ]
	ended_with 0 "$sender"
	nothing_kept
}

@test "a sender whose small message was taken fails neither way: a receiver's command that fails puts it back" {
	in_background msend box hello
	sender=$child
	run -3 timeout "$LIMIT" mrecv box -- sh -c 'exit 3'
	run -75 timeout "$LIMIT" mrecv box -- sh -c 'exit 75'
	[ "$(timeout "$LIMIT" mrecv box -- cat)" = hello ]
	ended_with 0 "$sender"
	nothing_kept
}

@test "a sender that is killed half-way leaves its receiver with 65, not with a message" {
	begin_half
	kill_hard "$sender"
	ended_with 65 "$receiver"
	[ "$(wc -l <receive.err)" -eq 1 ]
	nothing_kept
}

@test "a sender that a signal ends half-way leaves its receiver with 65, too" {
	begin_half
	kill -TERM "$sender"
	ended_with 143 "$sender"
	ended_with 65 "$receiver"
	nothing_kept
}

@test "a command whose sender is killed half-way does not count as having got the message" {
	mkfifo in
	exec 5<>in
	in_background msend box <in 5>&-
	sender=$child
	in_background mrecv box -- sh -c 'cat >out; echo "whole? $?" >>out' 2>receive.err 5>&-
	receiver=$child
	in_background pattern 200000 >&5 5>&-
	until_true exists out
	kill_hard "$sender"
	ended_with 125 "$receiver"
	[ "$(wc -l <receive.err)" -eq 1 ]
	nothing_kept
}

@test "a receiver that follows says that a message was cut short, and goes on to the next" {
	cut_short
	timeout "$LIMIT" msend box the next
	until_true grep -aq 'the next$' out
	[[ $(<receive.err) =~ ^"mrecv: box: a message was cut short: byte "[0-9]+": the stream ends inside a message"$ ]]
	kill -TERM "$receiver"
	status_of "$receiver"
	nothing_kept
}

# bats test_tags=no-valgrind,no-sanitize
@test "a receiver that follows ends where the mailbox itself cannot be read, whatever was cut short before" {
	needs_strace
	cut_short
	until_true exists receive.err
	in_background strace -o /dev/null -e trace=pread64 -e inject=pread64:error=EBADMSG -p "$receiver" 2>attach.err 5>&-
	until_true exists attach.err
	grep -q attached attach.err || skip "strace may not attach to another process here"
	run timeout "$LIMIT" msend -w 2 box the next
	ended_with 65 "$receiver"
	[ "$(wc -l <receive.err)" -eq 2 ]
	[ "$(tail -n 1 receive.err)" = "mrecv: cannot receive from box: bad frame, or a damaged mailbox" ]
}

@test "a mailbox that is removed while a message is half-way ends both sides with 69" {
	begin_half
	rmmbox -f box
	exec 5>&-
	ended_with 69 "$sender"
	ended_with 69 "$receiver"
}

@test "a receiver that is killed before it takes anything is nobody" {
	in_background mrecv box
	until_waiting box
	kill_hard "$child"
	run -1 timeout "$LIMIT" msend -n box hello
	in_background msend box hello
	[ "$(timeout "$LIMIT" mrecv box)" = hello ]
	ended_with 0 "$child"
	nothing_kept
}

# ---- who stops ----

# stopped_sender -- a sender offers a message and is stopped before a receiver takes it; its pid joins $stopped.
stopped_sender()
{
	in_background msend box stopped
	until_true offers $((${#stopped[@]} + 1))
	kill -STOP "$child"
	stopped+=("$child")
}

# offers N -- whether N messages are there, in anybody's hands.
offers()
{
	[ "$(mstat -J box | jq .messages)" -eq "$1" ]
}

@test "a sender that is stopped holds no receiver: -n is 1, -w is 124, others' messages come, and its own when it goes on" {
	mkmbox other
	msend other here
	stopped=()
	stopped_sender
	run -1 mrecv -n box
	stopped_sender
	run -124 mrecv -w 0.1 box
	stopped_sender
	[ "$(mrecv box other)" = here ]
	stopped_sender
	run -124 mrecv -f -w 0.1 box -- cat
	# behind it in the same mailbox
	stopped_sender
	in_background msend box next
	until_true offers 6
	[ "$(mrecv box)" = next ]
	kill -CONT "${stopped[@]}"
	mrecv -o '%h{try} %p' -c 5 box >out
	for sender in "${stopped[@]}"; do
		ended_with 0 "$sender"
	done
	[ "$(sort -u out)" = '1 stopped' ]
	nothing_kept
}

@test "with -w and -n a sender that stops half-way is told, and its message is a cut one" {
	mkfifo in
	for receive in 'mrecv -w 0.1 box' 'mrecv -n box' 'mrecv -n box -- cat'; do
		exec 5<>in
		in_background msend box <in 2>send.err 5>&-
		sender=$child
		in_background pattern 200000 >&5 5>&-
		until_waiting box
		status=0
		$receive >out 2>receive.err 5>&- || status=$?
		[[ $status,$receive = 65,*box || $status,$receive = 125,*cat ]]
		[[ $(<receive.err) =~ ^"mrecv: box: a message was cut short: byte "[0-9]+": its sender sends no more"$ ]]
		exec 5>&-
		ended_with 74 "$sender"
		grep -q 'its receiver failed after' send.err
	done
	nothing_kept
}

@test "-S -w bounds all of a handover, where a receiver has the message and does not come to its end" {
	in_background mrecv box -- sh -c "$hold"
	receiver=$child
	until_waiting box
	in_background msend -S -w 2 box hello
	until_true exists started
	ended_with 124 "$child"
	kill -KILL "$(cat started)"
	status_of "$receiver"
	in_background mrecv box
	until_waiting box
	kill -STOP "$child"
	run -1 msend -n box hello
	run -124 msend -w 0.1 box hello
}

# ---- who fails, and goes on ----

@test "a file whose receiver is killed half-way is read again from where it began, for the next receiver" {
	begin_full msend -t tag -H key=value box
	kill_hard "$receiver"
	mrecv -F box >frame
	ended_with 0 "$sender"
	head -n 1 frame | grep -Eq '^M1 [0-9]+\+? tag [^ ]+ id=1 time=[0-9.]+ try=2 key=value$'
	mrecv - <frame >out
	same big out
	nothing_kept
}

@test "so is a file that has been read in part before, and a frame and a line that are in one" {
	pattern 2000000 | tr '\n\0' .. >part
	{ echo first; cat part; } >big
	{ echo one; cat part; echo; echo three; } >list
	{ printf 'M1 4 a b\nzero\nM1 1000000+ t s\n'; head -c 1000000 part; printf '\nM1 1000000\n'; tail -c 1000000 part
	    printf '\nM1 3 c d\nend\n'; } >frames
	for form in whole l F; do
		mkfifo "stuck.$form"
		exec 6<>"stuck.$form"
		case $form in
		whole) in_background sh -c 'read -r x; exec msend box' <big 6>&- ;;
		l) in_background msend -l box <list 6>&- ;;
		F) in_background msend -F box <frames 6>&- ;;
		esac
		sender=$child
		[ $form = whole ] || mrecv box >before
		in_background mrecv box >&6 6>&-
		receiver=$child
		head -c 10 <&6 >/dev/null
		kill_hard "$receiver"
		mrecv box >out
		[ $form = whole ] || mrecv box >after
		ended_with 0 "$sender"
		same part out
		exec 6>&-
	done
	[ "$(cat before after)" = zeroend ]
	nothing_kept
}

@test "an offer that was put back has its number, its place and its tries still" {
	in_background msend box one
	one=$child
	until_waiting box 1
	in_background msend box two
	two=$child
	until_waiting box 2
	echo '[ "$(cat)" = one ] || exit 3; echo "$MBOX_ID $MBOX_TRY" >>seen; [ "$MBOX_TRY" = 3 ] || exit 1' >command
	for i in 1 2; do
		run -1 mrecv box -- sh command
		# not before its time: the next one would be taken
		until_true sh -c 'mrecv -p -n -o "%i " box | grep -q "^1 "'
	done
	mrecv box -- sh command
	ended_with 0 "$one"
	[ "$(mrecv -o '%i %p' box)" = '2 two' ]
	ended_with 0 "$two"
	[ "$(cat seen)" = "$(lines '1 1' '1 2' '1 3')" ]
	nothing_kept
}

@test "a receiver that follows gets an offer again that its command put back, and its sender knows no failure" {
	in_background mrecv -f box -- sh -c 'echo "$MBOX_ID $MBOX_TRY $(cat)" >>seen; [ "$(wc -l <seen)" -ge 3 ] || exit 75'
	receiver=$child
	msend box hello
	kill -TERM "$receiver"
	ended_with 143 "$receiver"
	[ "$(cat seen)" = "$(lines '1 1 hello' '1 1 hello' '1 1 hello')" ]
	nothing_kept
}

@test "several commands at once, and batches, keep each sender until its message is settled, and get it once" {
	echo 'cat >>got; echo >>running; until [ "$(wc -l <running)" -ge 3 ]; do sleep 0.01; done' >command
	in_background mrecv -c 3 -j 3 box -- sh command
	receiver=$child
	senders=()
	for i in 1 2 3; do
		in_background msend box "$i"
		senders+=("$child")
	done
	for pid in "${senders[@]}" "$receiver"; do
		ended_with 0 "$pid"
	done
	[ "$(sort got)" = "$(seq 3)" ]

	senders=()
	for i in 1 2 3 4 5; do
		in_background msend box "$i"
		senders+=("$child")
	done
	until_waiting box 5
	run -75 mrecv -b 9 box -- sh -c 'cat >/dev/null; exit 75'
	until_true sh -c '[ "$(mstat -J box | jq .claimed)" = 0 ]'
	mrecv -b 9 box -- mrecv -a - >got
	for pid in "${senders[@]}"; do
		ended_with 0 "$pid"
	done
	[ "$(sort got)" = "$(seq 5)" ]
	nothing_kept
}

@test "a command that needs the beginning only lets its sender go when it has ended, whoever reads on" {
	pattern 3000000 >big
	in_background mrecv -f box -- sh -c 'head -c 3; exit 0'
	receiver=$child
	msend box <big
	pattern 3000000 | msend box
	# it would go on for ever
	yes | msend box
	kill -TERM "$receiver"
	ended_with 143 "$receiver"
	nothing_kept
}

@test "with -k and -d an offer at which commands fail is a dead letter with all of its payload, and its sender is told" {
	mkmbox dead
	in_background mrecv -f -k 3 -d dead box -- sh -c 'echo "$MBOX_TRY" >>tries; exit 7'
	receiver=$child
	fails 74 msend -t tag -s me -H key=value box hello
	[ "$error" = 'msend: cannot send to box: the message left the mailbox without being received' ]
	[ "$(cat tries)" = "$(seq 3)" ]
	[ "$(mrecv -n -o '%t %s %h{key} %h{status} %h{tries} %h{origin} %h{origin-id} %p' dead)" = \
	    "tag me value 7 3 box 1 hello" ]
	kill -TERM "$receiver"
	ended_with 143 "$receiver"

	pattern 300000 >big
	in_background mrecv -k 1 -d dead box -- false
	status=0
	cat big | msend box 2>send.err || status=$?
	[ "$status" -eq 74 ]
	ended_with 1 "$child"
	mrecv -n dead >out
	same big out

	# in a batch, each for itself
	in_background msend box one
	one=$child
	in_background msend box two
	until_waiting box 2
	run -5 mrecv -c 2 -b 2 -k 1 -d dead box -- sh -c 'exit 5'
	run -5 mrecv -n -k 1 -d dead box -- sh -c 'exit 5'
	ended_with 74 "$one"
	ended_with 74 "$child"
	[ "$(mrecv -n -a -o '%h{status} %p' dead | sort)" = "$(lines '5 one' '5 two')" ]
	nothing_kept
}

@test "a signal ends a sender whose message a command works on, and the command does its work" {
	in_background mrecv box -- sh -c "cat >out; echo >started; until [ -e go ]; do sleep 0.01; done; echo done >>out"
	receiver=$child
	in_background msend box hello
	until_true exists started
	kill -TERM "$child"
	ended_with 143 "$child"
	echo >go
	ended_with 0 "$receiver"
	[ "$(cat out)" = "$(lines hello done)" ]
	nothing_kept
}

@test "an offer that is cut short while it is kept for a dead letter is no other's message" {
	mkmbox dead
	mkfifo in
	exec 5<>in
	in_background mrecv -t other box -- sh -c 'cat; echo >started; until [ -e go ]; do sleep 0.01; done' >out
	other=$child
	until_waiting box
	in_background msend -t other box important 5>&-
	important=$child
	until_true exists started
	in_background mrecv -f -t x -k 1 -d dead box -- cat 2>receive.err
	receiver=$child
	until_true wanted x
	in_background msend -t x box <in 5>&-
	sender=$child
	in_background pattern 200000 >&5 5>&-
	until_true claims 2
	kill_hard "$sender"
	until_true exists receive.err
	echo >go
	ended_with 0 "$other"
	ended_with 0 "$important"
	kill -TERM "$receiver"
	status_of "$receiver"
	[[ $(<receive.err) =~ ^"mrecv: box: a message was cut short: byte "[0-9]+": the stream ends inside a message"$ ]]
}

@test "a command whose input is cut short is ended before it can take that for the end" {
	mkfifo in
	exec 5<>in
	in_background msend box <in 5>&-
	sender=$child
	in_background mrecv -f box -- sh -c 'cat >out; echo whole >>said' 2>receive.err 5>&-
	receiver=$child
	in_background pattern 200000 >&5 5>&-
	until_true exists out
	kill_hard "$sender"
	until_true exists receive.err
	# and the receiver goes on
	msend box next
	until_true grep -q whole said
	kill -TERM "$receiver"
	ended_with 143 "$receiver"
	[ "$(cat out said)" = "$(lines next whole)" ]
	[ "$(wc -l <receive.err)" -eq 1 ]
	nothing_kept
}

@test "a signal, or two, end a sender of any kind half-way, and no command has received what it got of that" {
	pattern 3000000 | tr '\n\0' .. >big
	{ printf 'M1 3000000 t s\n'; cat big; echo; } >frames
	for send in 'msend box <big' 'msend -l box <big' 'msend -F box <frames' 'mcall box <big' 'mtee -q box <frames'; do
		for signals in 1 2; do
			rm -f started go got
			in_background mrecv -r box -- sh -c \
			    'trap "" TERM; echo >started; until [ -e go ]; do sleep 0.01; done; cat >got' 2>receive.err
			receiver=$child
			in_background sh -c "exec $send"
			sender=$child
			until_true exists started
			kill -TERM "$sender"
			[ "$signals" -eq 1 ] || kill -TERM "$sender" 2>/dev/null || :
			ended_with 143 "$sender"
			echo >go
			ended_with 125 "$receiver"
			grep -q 'a message was cut short' receive.err
			[ "$(wc -c <got)" -lt 3000000 ]
		done
	done
	nothing_kept
}

# ---- what is kept, and where ----

# bats test_tags=no-valgrind,no-sanitize
@test "300 MB go through with less than 4 MiB of memory on each side, and nothing of them in the folder" {
	mkfifo in out
	exec 5<>in 6<>out
	in_background cksum <out >sum 5>&- 6>&-
	summing=$child
	in_background mrecv box >out 5>&- 6>&-
	receiver=$child
	exec 6>&-
	in_background msend box <in 5>&-
	sender=$child
	pattern 300000000 | tee /dev/fd/5 | cksum >expected 5>&-
	kept=$(du -s -k box | cut -f 1)
	for pid in "$sender" "$receiver"; do
		peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status")
		echo "peak memory: $peak kB"
		[ "$peak" -lt 4096 ]
	done
	exec 5>&-
	ended_with 0 "$sender"
	ended_with 0 "$receiver"
	ended_with 0 "$summing"
	same expected sum
	echo "in the folder: $kept kB"
	[ "$kept" -lt 256 ]
}

@test "what is written to a file after its msend has returned does not change what was received" {
	for size in 60000 200000; do
		rm -f late
		mkfifo late
		exec 6<>late
		pattern "$size" >file
		cp file original
		in_background mrecv box >&6 6>&-
		receiver=$child
		in_background msend box <file 6>&-
		sender=$child
		# the last 60,000 bytes stay in the pipe
		head -c $((size - 60000)) <&6 >out
		ended_with 0 "$sender"
		dd if=/dev/zero of=file bs=1000 count=$((size / 1000)) conv=notrunc status=none
		ended_with 0 "$receiver"
		head -c 60000 <&6 >>out
		exec 6>&-
		same original out
	done
}

# cut_at CHANNEL -- a sender of a message of 300,000 bytes, of which 200,000 come before it is killed.
cut_at()
{
	in_background sh -c 'exec 3>&-; { printf "M1 300000 cut s\n"; head -c 200000 /dev/zero; exec sleep 60; } | exec msend -F "$1"' sh "$1"
	until_true sh -c '[ "$(wc -c <got)" -ge 130000 ]'
	kill -KILL $(pgrep -P "$child") "$child"
}

@test "what comes behind a message that was cut short is not taken for more of it" {
	mkmbox -c 0 zero
	for form in -F -J -l -0; do
		in_background mrecv "$form" -f zero >got
		receiver=$child
		until_waiting zero
		cut_at zero
		msend -t whole zero hi
		until_true grep -aq hi got
		kill -TERM "$receiver"
		status_of "$receiver"
		case $form in
		-F) mrecv -f -l -t whole - <got >next || [ $? -eq 65 ] ;;
		-J) tail -n 1 got | jq -r .payload >next ;;
		-0) tr '\n\0' ' \n' <got | tail -n 1 >next ;;
		-l) tail -n 1 got >next ;;
		esac
		[ "$(xargs <next)" = hi ]
	done
}
