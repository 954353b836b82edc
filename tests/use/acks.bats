#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# One process gets all messages as frames, and acknowledges each (mrecv -A).

load ../helpers

setup()
{
	common_setup
	mkmbox q
}

teardown()
{
	common_teardown
}

# holds BOX PAYLOAD... -- just these wait there, in this order.
holds()
{
	local box=$1
	shift
	run mrecv -p -a -l "$box"
	[ "$output" = "$(lines "$@")" ] || { echo "$box holds: $output"; return 1; }
}

# empty BOX -- nothing is there, claimed or not.
empty()
{
	[ "$(mstat -J "$1" | grep -oE '"messages":[0-9]+')" = '"messages":0' ]
}

@test "a number acknowledges that message, and no other" {
	seq 3 | msend -l q
	run mrecv -a -A q -- sh -c 'cat >/dev/null; echo 2'
	[ "$status" -eq 125 ]
	holds q 1 3
}

@test "a number with a plus acknowledges that message and all that were written before it" {
	seq 4 | msend -l q
	run mrecv -a -A q -- sh -c 'cat >/dev/null; echo 3+'
	[ "$status" -eq 125 ]
	holds q 4
}

@test "messages may be acknowledged in any order" {
	seq 5 | msend -l q
	mrecv -a -A q -- sh -c 'cat >/dev/null; echo 4; echo 1; echo 5; echo 2; echo 3'
	empty q
}

@test "the command gets frames with their numbers, tags, sources and headers" {
	printf one | msend -t 't/1' -s me -H key=value q
	mrecv -A q -- sh -c 'cat >frame; echo 1'
	read -r head <frame
	[[ $head == 'M1 3 t/1 me id=1 time='*' key=value' ]]
	[ "$(mrecv -p frame)" = one ]
}

@test "the command is started once, for all messages" {
	seq 20 | msend -l q
	mrecv -a -A -j 3 q -- sh -c 'echo started >>log; while id=$(mrecv -o %i -); do echo "$id"; done'
	[ "$(<log)" = started ]
	empty q
}

@test "what was refused counts a try and comes again, at last as a dead letter that says so" {
	mkmbox dead
	printf poison | msend q
	mrecv -f -w 2 -B 1ms -k 3 -d dead -A q -- sh -c \
	    'while m=$(mrecv -o "%i %h{try}" -); do echo "$m" >>tries; echo "-${m%% *}"; done' || [ $? -eq 124 ]
	[ "$(wc -l <tries)" -eq 3 ]
	[ "$(mrecv -o '%p %h{status} %h{tries}' dead)" = 'poison refused 3' ]
	empty q
}

@test "a line that was not finished says nothing" {
	seq 12 | msend -l q
	run -125 mrecv -a -A q -- sh -c 'cat >/dev/null; echo 2; printf 12+'
	holds q 1 3 4 5 6 7 8 9 10 11 12
}

@test "what is no acknowledgement is an error: all that came before it counts, and the rest is put back" {
	local line
	for line in foo '' 1.5 0 -0 +1 ' 1' '1 ' 1- 01 99999999999999999999 4+x '-4+'; do
		seq 3 | msend -l q
		fails 65 mrecv -a -A q -- sh -c 'id=$(mrecv -o %i -); cat >/dev/null; printf "%s\n%s\n" "$id" "$1"; cat' - "$line"
		[[ $error == *"not an acknowledgement: '$line'" ]] || { echo "$error"; return 1; }
		holds q 2 3
		mrecv -a q >/dev/null
	done
}

@test "a line without an end is an error, and no memory is spent on it" {
	msend q x
	fails 65 mrecv -A q -- sh -c 'yes | tr -d "\n"'
	[ "$(mrecv q)" = x ]
}

@test "the number of a message that was never written is an error" {
	seq 3 | msend -l q
	fails 65 mrecv -a -A q -- sh -c 'cat >/dev/null; echo 1; echo 4'
	[[ $error == *"never given: '4'" ]]
	holds q 2 3
	fails 65 mrecv -a -A -j 1 q -- sh -c 'echo 3+; exec sleep 60'
	holds q 2 3
}

@test "a number that is not in flight any more is told once, and ignored" {
	seq 3 | msend -l q
	mrecv -a -A q -- sh -c 'cat >/dev/null; echo 1; echo 1; echo 2+; echo -1; echo 1+; echo 3' 2>err
	[ "$(wc -l <err)" -eq 1 ]
	[[ $(<err) == *'q: 1 was acknowledged, and is not in flight any more'* ]]
	empty q
}

@test "the status is the command's, and 125 where that is 0 and something is unacknowledged" {
	msend q x
	run -3 mrecv -A q -- sh -c 'exit 3'
	run -3 mrecv -A q -- sh -c 'cat >/dev/null; echo 1; exit 3'
	empty q
	msend q y
	run -125 mrecv -A q -- head -c 1
	run -137 mrecv -A q -- sh -c 'kill -KILL $$'
	run -7 mrecv -f -A q -- sh -c 'exit 7'
	[ "$(mrecv q)" = y ]
	fails 127 mrecv -A q -- ./missing
	fails 126 mrecv -A q -- ./q
	run -1 mrecv -n -A q -- cat
	run -1 mrecv -a -A q -- cat
	run -124 mrecv -w 10ms -A q -- cat
}

@test "a command that exits with 0 before it was given what was asked for is 125, however soon it ends" {
	fails 125 mrecv -A q -- true
	[ "$error" = 'mrecv: q: true ended after 0 messages: more were to come' ]
	fails 125 mrecv -f -A q -- true
	seq 3 | msend -l q
	for options in '' -a -f '-c 3'; do
		# shellcheck disable=SC2086 # words
		fails 125 mrecv $options -A q -- true
		[[ $error == *' put back: true did not acknowledge '* ]]
		# it has ended before the first byte is written
		fails 125 strace -qq -o /dev/null -e inject=vfork,clone,clone3:delay_exit=300000 mrecv $options -A q -- true
		[[ $error == *' put back: true did not acknowledge '* ]]
	done
	# it takes one after the other, and wants no more
	fails 125 mrecv -c 4 -A -j 1 q -- sh -c 'for i in 1 2 3; do read -r frame; read -r payload; echo $i; done'
	[[ $error == *'sh ended after 3 messages: more were to come' ]]
	empty q
	run -1 mrecv -n -A q -- true
	run -1 mrecv -a -A q -- true
}

@test "a command that ends puts back what it has not acknowledged, without a try" {
	seq 3 | msend -l q
	run -75 mrecv -a -A q -- sh -c 'cat >/dev/null; echo 2; exit 75'
	[ "$(mrecv -a -o '%p%h{try} ' q)" = '11 31 ' ]
}

@test "no more messages are unacknowledged than -j says" {
	seq 10 | msend -l q
	mkfifo go on
	in_background mrecv -f -A -j 4 q -- sh -c 'mrecv -c 4 -o "%i\n" - >seen; read x <go; echo 2+; mrecv -c 2 -o "%i\n" - >>seen; read x <on'
	until_true exists seen
	claimed() { [[ $(mstat -J q) == *'"claimed":'"$1"[,\}]* ]]; }
	until_true claimed 4
	echo >go
	until_true [ "$(wc -l <seen)" -ge 4 ]
	six() { [ "$(wc -l <seen)" -eq 6 ]; }
	until_true six
	claimed 4
	echo >on
	status_of "$child"
	[ "$status" -eq 125 ]
	[ "$(mrecv -a -l q)" = "$(seq 3 10)" ]
}

@test "with -j 1 each message is acknowledged before the next is written" {
	seq 5 | msend -l q
	mrecv -a -A -j 1 q -- sh -c 'while id=$(mrecv -o %i -); do mstat -J q >>log; echo "$id"; done'
	[ "$(grep -c '"claimed":1[,}]' log)" -eq 5 ]
	empty q
}

@test "payloads in flight are bounded in bytes, and a larger one goes alone" {
	local i
	for i in 1 2 3; do pattern 6000000 | msend q; done
	mkfifo go
	in_background mrecv -a -A q -- sh -c 'mrecv - >one; mrecv - >two; touch two.seen; read x <go; echo 2+; mrecv - >three; echo 3'
	until_true [ -e two.seen ]
	[[ $(mstat -J q) == *'"claimed":2'[,\}]* ]]
	echo >go
	status_of "$child"
	[ "$status" -eq 0 ]
	cmp one two
	cmp one three
	[ "$(wc -c <one)" -eq 6000000 ]
	empty q
}

@test "payloads of all sizes, with any bytes, come whole and in order" {
	local i
	for i in 0 1 4095 4096 65535 65536 65537 200000 3 131072 1000000 2; do pattern "$i" | msend q; pattern "$i"; done >sent
	mrecv -a -A q -- sh -c 'mrecv -a -F - >frames; echo 12+'
	mrecv -a -o %p frames | cmp - sent
	empty q
}

@test "a command may refuse a message before it has read it" {
	mkmbox dead
	pattern 3000000 | msend q
	mrecv -k 1 -d dead -A q -- sh -c 'read head; echo -1; cat >/dev/null'
	pattern 3000000 | cmp - <(mrecv dead)
}

@test "a command that reads nothing does not keep its acknowledgements from being read" {
	seq 30000 | msend -l q
	# more lines than a pipe holds, while the command's input is full
	mrecv -a -A -j 30000 q -- sh -c 'mrecv -c 30000 -o "%i\n" - >ids; cat ids'
	empty q
}

@test "mrecv -f -A ends with 0 once the mailbox is closed and all is acknowledged" {
	seq 3 | msend -l q
	mkfifo go on
	in_background mrecv -f -A q -- sh -c 'mrecv -c 3 - >seen; read x <go; echo -1; echo 3+; mrecv - >again; read x <on; echo 1; cat'
	until_true exists seen
	chmbox --close q
	echo >go
	until_true exists again
	echo >on
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(<again)" = 1 ]
	empty q
}

@test "while the mailbox is paused nothing more is written, and acknowledgements count" {
	seq 2 | msend -l q
	mkfifo go
	in_background mrecv -f -A q -- sh -c 'mrecv -c 2 - >seen; read x <go; echo 2+; mrecv - >third; echo 3; cat'
	until_true exists seen
	chmbox --pause q
	msend q three
	echo >go
	one() { [[ $(mstat -J q) == *'"messages":1,'*'"claimed":0'* ]]; }
	until_true one
	[ ! -s third ]
	chmbox --resume q
	chmbox --close q
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(<third)" = three ]
}

@test "an expired message is dropped, or a dead letter, and never written" {
	mkmbox dead
	msend -x 1ms q old
	msend -x 1ms q old
	msend q new
	nap 9
	mrecv -a -d dead -A q -- sh -c 'mrecv -a - >seen; echo 3'
	[ "$(<seen)" = new ]
	[ "$(mrecv -a -o '%h{status}.' dead)" = expired.expired. ]
	empty q
}

@test "the first signal to stop lets what has begun be acknowledged; nothing more is written" {
	seq 5 | msend -l q
	in_background mrecv -f -A q -- sh -c 'mrecv -a - >seen; echo 5+; exit 3'
	until_waiting q
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	empty q
}

@test "a message that was begun when the signal came is written to its end" {
	pattern 1000000 | msend q
	msend q two
	mkfifo go
	in_background mrecv -f -A q -- sh -c 'read x <go; mrecv -a -F - >seen; echo 1'
	claimed() { [[ $(mstat -J q) == *'"claimed":2'[,\}]* ]]; }
	until_true claimed
	kill -TERM "$child"
	back() { [[ $(mstat -J q) == *'"claimed":1'[,\}]* ]]; }
	until_true back
	echo >go
	status_of "$child"
	[ "$status" -eq 143 ]
	pattern 1000000 | cmp - <(mrecv -a -o %p seen)
	[ "$(mrecv -a q)" = two ]
}

@test "the second signal to stop goes to the command, and the third kills it" {
	seq 3 | msend -l q
	in_background mrecv -f -A q -- sh -c 'trap "echo 2 >>got" TERM; cat >/dev/null; echo 1; echo >eof; while :; do sleep 0.01; done'
	until_waiting q
	kill -TERM "$child"
	until_true exists eof
	one() { [[ $(mstat -J q) == *'"messages":2,'* ]]; }
	until_true one
	kill -TERM "$child"
	until_true exists got
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	holds q 2 3
}

@test "a command that acknowledges nothing for --ack-wait is ended: a try for the first, the others as they were" {
	mkmbox dead
	seq 3 | msend -l q
	fails 124 mrecv -f --ack-wait 100ms -B 0 -A q -- sh -c 'cat >/dev/null & echo $$ >pid; exec sleep 60'
	[[ $error == *'sh acknowledged nothing for 0.1 seconds'* ]]
	run ! kill -0 "$(<pid)"
	[ "$(mrecv -a -o '%p%h{try} ' q)" = '12 21 31 ' ]
	msend q x
	run -124 mrecv -k 1 -d dead --ack-wait 50ms -A q -- sleep 60
	[ "$(mrecv -n -o '%h{status}' dead)" = 124 ]
}

@test "a command that goes on reading or acknowledging is not silent" {
	seq 20 | msend -l q
	mrecv -a -A --ack-wait 2 q -- sh -c 'while id=$(mrecv -o %i -); do sleep 0.15; echo "$id"; done'
	empty q
}

@test "the mailbox is removed: 69" {
	seq 3 | msend -l q
	in_background mrecv -f -A q -- sh -c 'cat >seen'
	until_true exists seen
	until_waiting q
	rmmbox -f q
	status_of "$child"
	[ "$status" -eq 69 ]
}

@test "a mailbox for dead letters that is closed ends it with 69, and nothing is lost" {
	mkmbox dead
	seq 3 | msend -l q
	chmbox --close dead
	fails 69 mrecv -a -k 1 -d dead -A q -- sh -c 'cat >/dev/null; echo 2; echo -1; echo 3'
	[ "$(mrecv -a -o '%p%h{try}' q)" = 11 ]
}

@test "the command dies with mrecv, and what it has not acknowledged is there again, in order" {
	seq 100 | msend -l q
	in_background mrecv -f -A q -- sh -c 'echo $$ >pid; mrecv -c 100 - >seen; echo 30+; sleep 60'
	some() { [[ $(mstat -J q) == *'"messages":70,'* ]]; }
	until_true some
	kill -KILL "$child"
	wait "$child" || :
	gone() { ! kill -0 "$(<pid)"; }
	until_true gone
	[ "$(mrecv -w "$LIMIT" -c 70 q)" = "$(seq 31 100)" ]
}

@test "other receivers take what is not in flight" {
	seq 10 | msend -l q
	in_background mrecv -f -A -j 3 q -- sh -c 'mrecv -c 3 - >seen; exec sleep 60'
	until_true exists seen
	[ "$(mrecv -a q)" = "$(seq 4 10)" ]
	kill -KILL "$child"
	[ "$(mrecv -c 3 -w "$LIMIT" q)" = "$(seq 3)" ]
}

# carried N -- N messages go to the mailbox `far', while mrecv is killed, or asked to stop, at random.  What came twice
# was not acknowledged: each run begins not behind the end of the one before, and none leaves anything out.
carried()
{
	local n=$1 runs=0 pid
	mkmbox -b inf far
	seq "$n" | msend -l q
	RANDOM=${SEED:-1}
	echo "seed ${SEED:-1}"
	while :; do
		in_background mrecv -f -w 0.5 -A -j $((1 + RANDOM % 60)) q -- sh -c 'echo $$ >pid; exec msend -F -A far'
		if [ $((++runs)) -le "$2" ]; then
			nap $((RANDOM % 4))
			kill -"$([ $((RANDOM % 6)) -eq 0 ] && echo TERM || echo KILL)" "$child" || :
		fi
		status_of "$child"
		# it dies with mrecv, a moment later
		read -r pid <pid || pid=
		[ -z "$pid" ] || until_true eval '! kill -0 "$pid"'
		[ "$status" -ne 124 ] || break
	done
	empty q
	mrecv -a -l far | awk -v n="$n" '
		$1 > top + 1 || (NR > 1 && $1 != last + 1 && $1 > top) { print $1 " after " last ", " top; bad = 1 }
		{ last = $1; top = $1 > top ? $1 : top }
		END { if (top != n) { print top " of " n; bad = 1 }; exit bad }'
}

@test "mrecv is killed at random: nothing is lost, and all comes in order" {
	carried 3000 15
}

# bats test_tags=long
@test "20,000 messages, mrecv killed a hundred times: nothing is lost, and all comes in order" {
	LIMIT=120
	carried 20000 100
}

# ---- without a command

@test "without a command frames go to standard output, and acknowledgements come from standard input" {
	seq 20 | msend -l q
	mkfifo acks
	env mrecv -a -A -j 3 q <acks | (while id=$(mrecv -o %i -); do echo "$id"; done) >acks
	empty q
}

@test "standard output ends when nothing more is to come, and mrecv waits for what is unacknowledged" {
	seq 3 | msend -l q
	mkfifo acks
	env mrecv -c 3 -A q <acks | (cat >frames; echo 3+) >acks
	[ "$(mrecv -a frames)" = "$(seq 3)" ]
	empty q
}

@test "the end of standard input puts back what is unacknowledged: 74" {
	seq 3 | msend -l q
	mkfifo acks
	env mrecv -f -A q <acks 2>err | (mrecv -c 3 - >/dev/null; echo 2; exec >&-; cat >/dev/null) >acks || :
	[ "${PIPESTATUS[0]}" -eq 74 ]
	[[ $(<err) == *'2 messages were put back: standard input did not acknowledge them'* ]]
	holds q 1 3
}

@test "the reader of standard output leaves: what is unacknowledged is put back, and the status is 74" {
	seq 3 | msend -l q
	mkfifo acks
	sleep 60 3>&- >acks &
	children+=("$!")
	env mrecv -f -A q <acks 2>err | head -1 >/dev/null || :
	[ "${PIPESTATUS[0]}" -eq 74 ]
	holds q 1 2 3
}

@test "standard input or output that is closed is 74, and nothing is received" {
	msend q x
	fails 74 sh -c 'exec mrecv -A q <&-'
	fails 74 sh -c 'exec mrecv -A q >&-'
	fails 74 mrecv -A q
	[ "$(mrecv q)" = x ]
}

@test "standard input and output may be one connection" {
	command -v socat >/dev/null || skip "socat is not installed"
	seq 300 | msend -l q
	pattern 500000 | msend q
	echo 'while id=$(mrecv -o %i -); do echo "$id"; done' >each
	timeout "$LIMIT" socat EXEC:'mrecv -a -A -j 7 q' EXEC:'sh each'
	empty q
}

@test "two receivers with acknowledgements share the work, and each message goes to one" {
	local i
	seq 200 | msend -l q
	for i in 1 2; do
		in_background mrecv -a -A -j 5 q -- sh -c 'while m=$(mrecv -o "%i %p" -); do echo "${m#* }" >>got.$1; echo "${m%% *}"; done' - "$i"
	done
	status_of "${children[0]}"
	status_of "${children[1]}"
	[ "$(sort -n got.*)" = "$(seq 200)" ]
	empty q
}

# ---- the command line

@test "msend -F -A that waits for room ends once nobody reads its acknowledgements" {
	mkmbox -c 1 full
	msend full there
	printf 'M1 1 a b id=7\nx\n' >frame
	{ msend -F -A full <frame 2>err || echo "$?" >ended; } | true
	[ "$(<ended)" -eq 74 ]
	grep -q 'cannot write to standard output' err
}

@test "what does not go with -A is refused" {
	mkmbox -c 0 meet
	mkfifo fifo
	local option
	for option in -0 -e -J -l -p; do
		misused mrecv "$option" -A q
		[ "$option" = -p ] || misused mrecv "$option" -A q -- cat
	done
	misused mrecv -o %p -A q
	misused mrecv -b 2 -A q -- cat
	misused mrecv -r -A q -- cat
	misused mrecv -A q q -- cat
	misused mrecv -A meet -- cat
	misused mrecv -A fifo -- cat
	misused mrecv --ack-wait 1 q
	misused mrecv -A -k 2 q -- cat
	misused mrecv -A -a -f q -- cat
	fails 66 mrecv -A missing
}
