#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Pipes, named pipes, plain files and several mailboxes as channels.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# ---- named pipes ----

@test "a frame that printf writes to a named pipe is received" {
	mkfifo door
	in_background timeout "$LIMIT" sh -c "printf 'M1 5 build alice\nhello\n' >door"
	[ "$(timeout "$LIMIT" mrecv -o '%t %s %p' door)" = "build alice hello" ]
}

@test "a receiver takes exactly one message from a named pipe, and leaves the rest" {
	mkfifo door
	exec 5<>door
	printf 'M1 3 - s\none\nM1 3 - s\ntwo\nM1 5 - s\nthree\n' >&5
	for word in one two three; do
		[ "$(timeout "$LIMIT" mrecv door)" = "$word" ]
	done
	exec 5>&-
}

@test "-w and -n are for a message to come: one that has begun is waited for to its end" {
	mkfifo door
	mkmbox box
	for halves in 'M1 13 - s\nslow but| sure\n' 'M1 1|3 - s\nslow but sure\n' 'M1 8+ - s\nslow but|\nM1 5\n sure\n'; do
		for command in 'mrecv -w 0.1 door' 'mrecv -n door' 'mrecv -w 0.1 door box' 'mrecv -w 0.1 door -- cat'; do
			exec 5<>door
			# shellcheck disable=SC2059
			printf "${halves%|*}" >&5
			in_background timeout "$LIMIT" $command >got
			# so long it has nothing to read
			sleep 0.3
			# shellcheck disable=SC2059
			printf "${halves#*|}" >&5
			status_of "$child"
			[ "$status" -eq 0 ]
			[ "$(cat got)" = 'slow but sure' ]
			exec 5>&-
		done
	done
}

@test "msend to a named pipe stays until its message is read" {
	mkfifo door
	exec 5<>door
	in_background timeout "$LIMIT" msend door one 5<&-
	read -r -t "$LIMIT" head <&5
	read -r -t "$LIMIT" payload <&5
	kill -0 "$child"
	read -r -t "$LIMIT" end <&5
	status_of "$child"
	exec 5<&-
	[ "$status" -eq 0 ]
	[[ $head == "M1 4 - "* ]]
	[ "$payload:$end" = one: ]
}

@test "at a named pipe without a reader -n is 1, and -w is 124" {
	mkfifo door
	run -1 timeout "$LIMIT" msend -n door one
	run -124 timeout "$LIMIT" msend -w 0.1 door one
	run -1 timeout "$LIMIT" mrecv -n door
	run -124 timeout "$LIMIT" mrecv -w 0.1 door
}

@test "msend -n is 1 where a named pipe is full or unread, and where another writer has a file locked" {
	mkfifo door
	exec 5<>door
	run -1 timeout "$LIMIT" msend -n door unread
	head -c 60000 /dev/zero >&5
	run -1 timeout "$LIMIT" msend -n door one
	[ "$output" = "" ]
	run -1 timeout "$LIMIT" msend -n door <<<"$(head -c 20000 /dev/zero | tr '\0' x)"
	run -124 timeout "$LIMIT" msend -w 0.01 door one
	: >file
	in_background perl -e 'use Fcntl; open F, "+<", "file"; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
		fcntl(F, F_SETLKW, $l) or die;
		open G, ">", "locked"; print G "locked"; close G; sleep 60'
	until_true exists locked
	run -1 timeout "$LIMIT" msend -n file one
	kill -KILL "$child"
	[ ! -s file ]
}

@test "a message that is left unread in a named pipe is reported" {
	mkfifo door
	exec 5<>door
	status=0
	timeout "$LIMIT" msend -w 0.1 door one 2>err || status=$?
	[ "$status" -eq 124 ] || [ "$status" -eq 74 ]
	grep -q 'bytes were left unread$' err
	exec 5<&-
}

@test "a receiver waits on at a named pipe when its writers have gone; with -a it ends there" {
	mkfifo door
	in_background timeout "$LIMIT" mrecv -c 3 door >out
	for i in 1 2 3; do timeout "$LIMIT" msend door "$i"; done
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(xargs <out)" = "1 2 3" ]
	in_background timeout "$LIMIT" msend door last
	until_true eval '[ -n "$(timeout 5 mrecv -a door | tee -a out)" ]'
	[ "$(tail -n 1 out)" = last ]
}

@test "several writers never tear each other's frames, whatever their size" {
	mkfifo door
	for i in 1 2 3 4; do
		for n in 10 5000 70000 300000; do
			{ printf '%d:' "$i"; pattern "$n"; } >"in.$i.$n"
		done
	done
	in_background timeout 60 mrecv -F -c 48 door >frames
	receiver=$child
	for i in 1 2 3 4; do
		in_background timeout 60 bash -c 'for round in 1 2 3; do for n in 10 5000 70000 300000; do
			msend -t "$1.$n" door <"in.$1.$n" || exit; done; done' _ "$i"
	done
	status_of "$receiver"
	[ "$status" -eq 0 ]
	mkmbox -b inf box
	msend -F box <frames
	for i in 1 2 3 4; do
		for n in 10 5000 70000 300000; do
			for round in 1 2 3; do
				mrecv -n -t "$i.$n" box >out
				same "in.$i.$n" out
			done
		done
	done
	run -1 mrecv -n box
}

@test "several receivers at a named pipe share its messages, each whole" {
	mkfifo door
	for i in 1 2 3; do
		in_background timeout "$LIMIT" mrecv -f -w 2 door >"out.$i"
	done
	seq -f 'message %g' 500 | timeout "$LIMIT" msend -l door
	for pid in "${children[@]}"; do status_of "$pid"; done
	sort -t' ' -k2n out.* >out
	seq -f 'message %g' 500 >expected
	same expected out
}

# send_all N FILE -- N senders at once, each with FILE as its message; each notes its status in sent.
send_all()
{
	for ((i = 0; i < $1; i++)); do
		in_background sh -c 'msend -t "$1" door <"$2"; echo "$?" >>sent' _ "$i" "$2"
	done
}

@test "of several senders at a named pipe each receiver, started anew, takes one message whole, and each sender ends with 0" {
	mkfifo door
	for size in 5 5000 70000 300000; do
		pattern "$size" >in
		: >sent
		for n in 1 5; do
			send_all "$n" in
			for ((i = 0; i < n; i++)); do
				timeout "$LIMIT" mrecv -c 1 -o '%p' door >out
				same in out
			done
		done
		until_true eval '[ "$(grep -c ^0 sent)" -eq 6 ]'
	done
	# by now nobody holds its writing end
	[ -z "$(timeout "$LIMIT" mrecv -a door)" ]
}

@test "16 senders at a named pipe: nothing is lost, and a sender is done when its own message has been read" {
	mkfifo door
	for ((i = 0; i < 16; i++)); do
		in_background sh -c 'msend door "$1" && echo "$1" >>sent' _ "$i"
	done
	for ((i = 0; i < 16; i++)); do
		timeout "$LIMIT" mrecv door -- sh -c 'cat >>got'
		# those that come later are still there
		until_true same got sent
	done
	[ "$(sort -n got | xargs)" = "$(seq 0 15 | xargs)" ]
}

# at_door TOOL -- whether $child is that tool by now, not the shell that becomes it and has our descriptors, at the pipe.
at_door()
{
	[ "$(<"/proc/$child/comm")" = "$1" ] && [[ $(readlink "/proc/$child/fd"/*) == *door* ]]
}

@test "a sender at a named pipe waits for the next reader, and a frame that printf wrote goes first" {
	mkfifo door
	exec 5<>door
	printf 'M1 6 - s\nprintf\n' >&5
	in_background msend door one 5<&-
	until_true at_door msend
	exec 5<&-
	[ "$(timeout "$LIMIT" mrecv door)" = printf ]
	kill -0 "$child"
	[ "$(timeout "$LIMIT" mrecv door)" = one ]
	ended_with 0 "$child"
}

@test "a receiver that is killed within a message from a named pipe: the next gets it anew from a file, or what comes after it" {
	mkfifo door
	pattern 3000000 >big
	for from in 'msend door <big' 'cat big | msend door'; do
		rm -f stuck sent
		mkfifo stuck
		exec 6<>stuck
		in_background sh -c "{ $from; }"' 2>err; echo $? >sent' 6>&-
		in_background mrecv door >&6 6>&-
		head -c 100 <&6 >/dev/null
		kill -KILL "$child"
		status_of "$child"
		if [[ $from == cat* ]]; then
			until_true grep -qx 74 sent
			[ "$(cat err)" = 'msend: cannot send to door: its receiver left inside the message' ]
		else
			timeout "$LIMIT" mrecv door >out
			same big out
			until_true grep -qx 0 sent
		fi
		in_background msend door after 6>&-
		[ "$(timeout "$LIMIT" mrecv door)" = after ]
		ended_with 0 "$child"
		exec 6>&-
	done
}

@test "a receiver that is killed at any call within a message from a named pipe leaves the next one no piece of a chunk" {
	needs_strace
	mkfifo door
	pattern 300000 >big
	local receive at
	for receive in 'mrecv' 'mrecv -a' 'mrecv -f'; do
		for at in 4 6 7 8; do
			exec 5<>door
			in_background sh -c 'cat big | msend -t big door; msend -t small door two' 5<&-
			run -137 timeout "$LIMIT" strace -qq -o /dev/null -e inject=read,splice,poll:signal=KILL:when=$at \
				$receive door 5<&-
			run -0 --separate-stderr timeout "$LIMIT" mrecv -t small -o '%p' door
			[ "$output" = two ]
			[ "$stderr" = "" ]
			exec 5<&-
			ended_with 0 "$child"
		done
	done
}

@test "what a receiver that died within a message has left in a named pipe is no message" {
	mkfifo door
	for rest in 'M1 3\nend\n' 'M1 3+\nmid\n' 'M1 3+\nmid\nM1 0\n\n'; do
		for receive in 'mrecv' 'mrecv -c 1' 'mrecv -f -w 1'; do
			exec 5<>door
			# shellcheck disable=SC2059
			printf "$rest"'M1 3 - s\none\n' >&5
			[ "$(timeout "$LIMIT" $receive door)" = one ] || [ "$receive" = 'mrecv -f -w 1' ]
			exec 5>&-
		done
	done
}

@test "what is neither a message nor a chunk in a named pipe is dropped with all that stands there, is 65, and what comes then is received" {
	mkfifo door
	for receive in 'mrecv' 'mrecv -c 1' 'mrecv -f -c 1'; do
		rm -f err
		exec 5<>door
		printf 'M1 of what was a chunk\nM1 3 - s\none\n' >&5
		in_background sh -c "$receive door >out 2>err"
		until_true grep -qx 'mrecv: door: byte 3: malformed header; all that stood there is dropped' err
		printf 'M1 3 - s\ntwo\n' >&5
		if [ "$receive" = 'mrecv -f -c 1' ]; then
			ended_with 65 "$child"
		else
			ended_with 65 "$child"
			timeout "$LIMIT" mrecv door >out
		fi
		[ "$(cat out)" = two ]
		exec 5>&-
	done
}

@test "part of a frame stays in a named pipe when a mailbox's message or a signal ends its receiver first" {
	mkmbox box
	mkfifo door
	exec 5<>door
	for half in 'M1 1' 'M1 13 - s\nslow but'; do
		# shellcheck disable=SC2059
		printf "$half" >&5
		for how in '' '-c 1' '-w 60'; do
			in_background mrecv $how door box >out
			until_waiting box
			if [ "$how" = '-w 60' ]; then
				kill -TERM "$child"
				ended_with 143 "$child"
			else
				msend box one
				ended_with 0 "$child"
				[ "$(cat out)" = one ]
			fi
		done
		rest='M1 13 - s\nslow but sure\n'
		printf "${rest#"$half"}" >&5
		[ "$(timeout "$LIMIT" mrecv -n door)" = 'slow but sure' ]
	done
	exec 5>&-
}

@test "with a count, -a and -f too take exactly so many messages from a named pipe" {
	mkfifo door
	for option in -a -f; do
		exec 5<>door
		printf 'M1 3 - s\none\nM1 3 - s\ntwo\nM1 5 - s\nthree\n' >&5
		[ "$(timeout "$LIMIT" mrecv "$option" -c 2 door | xargs)" = 'one two' ]
		[ "$(timeout "$LIMIT" mrecv -n door)" = three ]
		exec 5>&-
	done
}

@test "mtee to a named pipe waits for each of the receivers that come one after another" {
	mkfifo door
	pattern 200000 >big
	{ msend - one; msend - <big; msend - three; } >frames
	in_background timeout "$LIMIT" mtee -q door <frames
	[ "$(timeout "$LIMIT" mrecv door)" = one ]
	timeout "$LIMIT" mrecv door >out
	same big out
	[ "$(timeout "$LIMIT" mrecv door)" = three ]
	ended_with 0 "$child"
}

@test "a receiver that is killed within a large message from mtee: it is lost to that named pipe, 74, and the next ones go on there" {
	mkfifo door
	mkmbox box
	pattern 3000000 >big
	{ msend -t big - <big; msend - two; msend - <big; } >frames
	local channels when
	for channels in 'door' 'door box'; do
		for when in before after; do
			rm -f stuck
			mkfifo stuck
			exec 6<>stuck
			in_background sh -c "cat frames | timeout $LIMIT mtee -q $channels 2>err" 6>&-
			tee=$child
			in_background mrecv door >&6 6>&-
			first=$child
			head -c 100000 <&6 >/dev/null
			if [ $when = before ]; then
				in_background sh -c 'exec mrecv -f -c 2 door >out 2>cut' 6>&-
				until_true at_door mrecv
			fi
			kill -KILL "$first"
			if [ $when = after ]; then
				until_true test -s err
				[ "$(cat err)" = 'mtee: cannot write to door: its receiver left inside the message' ]
				in_background sh -c 'exec mrecv -f -c 2 door >out 2>cut' 6>&-
				ended_with 0 "$child"
			else
				status_of "$child"
			fi
			status_of "$tee"
			[ "$status" -eq 74 ] || [ $when = before ]
			{ echo two; cat big; echo; } >expected
			same expected out
			if [[ $channels == *box ]]; then
				mrecv -a -F box | mrecv -a -o '%l\n' - >lengths
				[ "$(xargs <lengths)" = '3000000 4 3000000' ]
			fi
			exec 6>&-
		done
	done
}

@test "a large message goes through a named pipe whole" {
	mkfifo door
	pattern 3000000 >big
	in_background timeout "$LIMIT" msend door <big
	timeout "$LIMIT" mrecv door >out
	same big out
	status_of "$child"
	[ "$status" -eq 0 ]
}

# ---- ordinary pipes ----

@test "framed messages go between two commands through an ordinary pipe" {
	lines a b c >list
	[ "$(msend -l -t item - <list | mrecv -t item -c 2 - | xargs)" = "a b" ]
	[ "$(msend -l - <list | mrecv -a - | xargs)" = "a b c" ]
}

@test "on a pipe what does not match is dropped" {
	{ msend -t a - 1; msend -t b - 2; msend -t a - 3; } | mrecv -a -t a - >out
	[ "$(xargs <out)" = "1 3" ]
}

@test "a pipe that ends before a message is 1, inside one 65" {
	run -1 mrecv - </dev/null
	status=0
	printf '' | mrecv - || status=$?
	[ "$status" -eq 1 ]
	printf 'M1 9 - s\nhello\n' >cut
	status=0
	mrecv - <cut >out 2>err || status=$?
	[ "$status" -eq 65 ]
	[ "$(wc -l <err)" -eq 1 ]
	status=0
	cat cut | mrecv - >out 2>err || status=$?
	[ "$status" -eq 65 ]
}

@test "a bad frame is told by the byte at which it stands" {
	printf 'M1 3 - s\none\nM1 x - s\n' >bad
	status=0
	mrecv -a - <bad >out 2>err || status=$?
	[ "$status" -eq 65 ]
	grep -q 'byte 16' err
	[ "$(cat out)" = one ]
}

@test "two receivers that share a pipe take one message each" {
	{ msend - one; msend - two; } | { mrecv -; echo; mrecv -; } >out
	[ "$(xargs <out)" = "one two" ]
}

@test "a message of unknown length streams through a pipe in chunks" {
	pattern 1000000 >big
	cat big | msend - | mrecv - >out
	same big out
}

holds()
{
	[ "$(<"$1")" = "$2" ]
}

@test "a payload that comes slowly is received as it comes" {
	mkmbox -c 0 box
	mkfifo door side in
	for way in 'msend - <in | mrecv -' 'msend door <in & exec mrecv door' 'msend box <in & exec mrecv box' \
	    'msend - <in | mtee -q side & exec mrecv side' 'msend - <in | msend -F - | mrecv -F - | mrecv -'; do
		exec 5<>in
		in_background sh -c "exec 5>&-; $way" >out
		printf abc >&5
		until_true holds out abc || { echo "$way"; return 1; }
		printf def >&5
		until_true holds out abcdef
		exec 5>&-
		status_of "$child"
		[ "$status $(<out)" = '0 abcdef' ]
	done
}

# ---- plain files ----

@test "msend appends to a plain file, and mrecv reads it from its start" {
	: >record
	msend record one
	lines two three | msend -l record
	[ "$(mrecv -a record | xargs)" = "one two three" ]
	[ "$(mrecv -a record | xargs)" = "one two three" ]
	[ "$(mrecv record)" = one ]
	[ "$(mrecv -c 2 record | xargs)" = "one two" ]
}

@test "many senders append whole frames to a plain file" {
	: >record
	for i in 1 2 3 4; do
		in_background timeout "$LIMIT" msend -l -s "s$i" record < <(seq 200)
	done
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ]
	done
	[ "$(mrecv -a record | wc -l)" -eq 800 ]
	for i in 1 2 3 4; do [ "$(mrecv -a -s "s$i" record | xargs)" = "$(seq 200 | xargs)" ]; done
}

@test "-f follows a plain file" {
	: >record
	msend record one
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f record >pipe 5<&-
	read -r -t "$LIMIT" line <&5
	[ "$line" = one ]
	msend record two
	read -r -t "$LIMIT" line <&5
	[ "$line" = two ]
}

# sent_behind_each_cut_comes_out LENGTH... -- cut off at each of these, as a sender that was killed leaves it, the file
# `whole' swallows nothing of what is sent behind it.
sent_behind_each_cut_comes_out()
{
	local cut
	for cut; do
		head -c "$cut" whole >record
		msend -t after record behind
		msend -t after record it
		status=0
		mrecv -a -t after record >out 2>err || status=$?
		[ "$status $(xargs <out)" = "65 behind it" ] || { echo "cut at $cut: $status"; cat out err; return 1; }
		[ "$(wc -l <err)" -eq 1 ]
	done
}

@test "what a sender that was killed has left of a message in a plain file swallows nothing" {
	: >whole
	msend -t before whole one
	size=$(stat -c %s whole)
	msend -t cut -H key=a%b whole 'a small one'
	end=$(stat -c %s whole)
	sent_behind_each_cut_comes_out $(seq $((size + 1)) 2 $((end - 1)))
	: >whole
	pattern 300000 | msend -t cut whole
	sent_behind_each_cut_comes_out 1 2 3 4 12 20 21 200000 262144 262170 262180 299990 $(($(stat -c %s whole) - 1))
}

@test "what a sender that was killed has left in a file that is standard output swallows nothing either" {
	printf 'M1 9 - s\nab' >record
	msend - behind >>record
	run -65 mrecv -a record
	[[ $output == *$'\nbehind' ]]
	{ printf 'M1 9 - s\nab'; msend - behind; } >record
	run -65 mrecv -a record
	[[ $output == *$'\nbehind' ]]
}

# killed_within N COMMAND... -- an ordinary pipe, into which COMMAND sends more than it holds, and is killed once N bytes
# have been read; then two others send.  What comes out goes to `received', status and lines said to `told'.
killed_within()
{
	local read_first=$1 writer
	shift
	rm -f at_work go_on
	mkfifo at_work go_on
	{
		command "$@" <&0 2>/dev/null &
		writer=$!
		read -r -t "$LIMIT" <at_work
		kill -KILL "$writer"
		wait "$writer" || :
		echo >go_on
		msend -t after - behind
		msend -t after - it
	} | {
		head -c "$read_first"
		echo >at_work
		read -r -t "$LIMIT" <go_on
		cat
	} >stream
	status=0
	mrecv -a -t after stream >received 2>err || status=$?
	echo "$status $(xargs <received) $(wc -l <err)"
}

@test "a sender killed within a message on an ordinary pipe swallows nothing of what others send there" {
	pattern 3000000 >big
	for n in 1 100000; do
		[ "$(killed_within $n msend -t cut - <big)" = "65 behind it 1" ]
		[ "$(killed_within $n msend -t cut - < <(cat big))" = "65 behind it 1" ]
	done
	head -c 30000 big >part
	for i in {1..100}; do
		printf 'M1 30000 cut s\n'
		cat part
		echo
	done >parts
	[ "$(killed_within 50000 msend -F - <parts)" = "65 behind it 1" ]
	[ "$(killed_within 50000 mtee /dev/null <parts)" = "65 behind it 1" ]
	seq 1000000 >numbers
	[ "$(killed_within 30000 msend -t cut -l - <numbers)" = "65 behind it 1" ]
}

@test "a payload may look like frames, and a cut in it is found all the same" {
	mkmbox box
	for i in {1..3}; do
		pattern 3000 | msend -t inner box
	done
	lines 'M1 9 a b' 'M1 99999 a b' | msend -t inner box
	mrecv -a -F box >frames
	: >whole
	msend -t cut whole <frames
	mrecv whole >out
	same out frames
	sent_behind_each_cut_comes_out 100 4000 9000 9040 9080 9110 9120
	: >whole
	cat frames frames frames frames frames frames frames frames frames frames | tee in | msend -t cut whole
	mrecv whole >out
	same out in
	sent_behind_each_cut_comes_out 100 4000 9000 9040 9080 9110 9120 66000
}

@test "a message that is whole stays so, whatever wrote it and whatever it looks like" {
	for form in 'M1 18 - s\nM1 9 a b\nhello\nit\n\n' 'M1 3+ - s\nabc\nM1 3\ndef\n' 'M1 12 - s\nhello\nM1 10 \n'; do
		printf "$form" >record
		mrecv -a record >before
		msend -t after record behind
		[ "$(mrecv -a -t after record)" = behind ]
		mrecv -a -T after record | cmp - before
	done
	{ printf 'M1 900000 - s\n'; pattern 900000; printf '\n'; } >record
	msend -t after record behind
	[ "$(mrecv -a -t after record)" = behind ]
}

@test "who follows a plain file, and reads it into commands, goes on behind a message that was cut short" {
	: >record
	pattern 300000 | msend -t cut record
	truncate -s 280000 record
	for command in '-c 1 copy' '-c 2 copy -- sh -c cat'; do
		cp record copy
		in_background mrecv -f $command >out 2>err
		msend -t after copy behind
		ended_with 65 "$child"
		grep -aq 'behind$' out
		[ "$(wc -l <err)" -eq 1 ]
	done
}

@test "-p looks at a plain file, and not at a pipe" {
	: >record
	msend record one
	[ "$(mrecv -p record)" = one ]
	mkfifo door
	exec 5<>door
	misused mrecv -p door
	exec 5<&-
}

@test "the logs of a mailbox are frames that any reader understands" {
	mkmbox box
	lines one two three | msend -l box
	[ "$(cat box/*.log | mrecv -a - | xargs)" = "one two three" ]
	cat box/*.log | mrecv -a -F - >frames
	[ "$(mrecv -a frames | xargs)" = "one two three" ]
}

# ---- mailboxes ----

@test "several mailboxes are received from together" {
	mkmbox a b c
	msend a 1
	msend b 2
	msend c 3
	run -0 mrecv -a a b c
	[ "$(sort <<<"$output" | xargs)" = "1 2 3" ]
	run -1 mrecv -a a b c
	msend c 4
	[ "$(timeout "$LIMIT" mrecv -o '%m %p' a b c)" = "c 4" ]
	run -1 mrecv -n a b c
}

@test "a mailbox and a named pipe are waited for together" {
	mkmbox box
	mkfifo door
	in_background timeout "$LIMIT" mrecv -c 2 box door >out
	until_waiting box
	msend box one
	timeout "$LIMIT" msend door two
	status_of "$child"
	[ "$(xargs <out)" = "one two" ]
}

@test "the same mailbox by two names is one" {
	mkmbox box
	ln -s box link
	msend link one
	[ "$(mrecv -a box link)" = one ]
	in_background timeout "$LIMIT" mrecv box link ./box >out
	until_waiting box
	msend box two
	status_of "$child"
	[ "$(cat out)" = two ]
}

@test "names without a slash are looked up in MBOX_DIR" {
	mkdir dir
	export MBOX_DIR=$PWD/dir
	mkmbox box ./here
	[ -d dir/box ] && [ -d here ]
	msend box one
	[ "$(mrecv -n "$PWD/dir/box")" = one ]
	fails 66 msend here one
	msend ./here one
	rmmbox box
	[ ! -e dir/box ]
}

@test "a message that was cut short is not the reason of what fails next" {
	mkmbox box
	mkfifo pipe
	in_background mrecv -f pipe box -- sh -c 'cat >/dev/null; [ "$MBOX_NAME" != box ] || truncate -s 100 box/*.idx' 2>err
	until_waiting box
	{ printf 'M1 400000 t s\n'; head -c 200000 /dev/zero; } >pipe
	until_true exists err
	timeout "$LIMIT" msend box hello
	ended_with 65 "$child"
	[[ $(<err) =~ ^"mrecv: pipe: a message was cut short: ".*"mrecv: cannot receive from box: bad frame, or a damaged mailbox"$ ]]
}

@test "mrecv -f -w says 65 at the end where a message was cut short before, to the output and to a command" {
	mkfifo pipe
	printf 'M1 400 t s\nabc' >small
	{ printf 'M1 400000 t s\n'; head -c 200 /dev/zero; } >large
	in_background sh -c 'exec cat small >pipe'
	run -65 timeout "$LIMIT" mrecv -f -w 1 pipe
	[[ $output == *": the stream ends inside a message" ]]
	in_background sh -c 'exec cat large >pipe'
	run -65 timeout "$LIMIT" mrecv -f -w 1 pipe -- sh -c 'cat >/dev/null'
	[[ $output == *": the stream ends inside a message" ]]
	run -124 timeout "$LIMIT" mrecv -f -w 0.1 pipe
}

# bats test_tags=no-sanitize,no-valgrind
@test "a named pipe that another reader has locked is looked at now and then, and not all the time" {
	needs_strace
	mkmbox box
	mkfifo pipe stuck
	exec 6<>stuck
	in_background mrecv pipe >&6 6>&-
	head -c 3000000 /dev/zero >big
	in_background msend pipe <big 6>&-
	head -c 1 <&6 >/dev/null
	run -124 timeout "$LIMIT" strace -o trace mrecv -w 1 pipe box 6>&-
	exec 6>&-
	[ "$(grep -c '^poll' trace)" -lt 100 ]
}

@test "a lock that the kernel takes for a deadlock is waited for, and no message is lost" {
	needs_strace
	local nth
	: >file
	strace -qq -o log -e trace=fcntl msend file one
	nth=$(grep -n -m 1 'F_SETLK.*F_WRLCK' log)
	strace -qq -o log -e trace=fcntl -e inject=fcntl:error=EDEADLK:when="${nth%%:*}" msend file two
	grep -q 'F_SETLK.*EDEADLK' log
	[ "$(mrecv -a file)" = $'one\ntwo' ]
}
