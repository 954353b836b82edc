#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mcall and mrecv -r: requests and answers, servers that die, answers that are none.

load ../helpers

setup()
{
	common_setup
	mkmbox calc
}

teardown()
{
	common_teardown
}

# none_left -- whether no mailbox for an answer is left
none_left()
{
	local left=(*/*.reply)
	[ ! -e "${left[0]}" ]
}

# serve [OPTION...] -- COMMAND... -- a server of calc, in the background, for ever
serve()
{
	in_background mrecv -f -r calc "$@"
}

# holds BOX -- whether a message is there to be received
holds()
{
	command mrecv -n -p "$1" >/dev/null
}

# ---- answers

@test "the answer is what the command wrote, and the status is its own" {
	serve -- sh -c 'read a b; echo "$((a + b))"; exit "$b"'
	run -0 timeout "$LIMIT" mcall calc 3 0
	[ "$output" = 3 ]
	run -7 timeout "$LIMIT" mcall calc 3 7
	[ "$output" = 10 ]
	[ "$(echo 40 2 | timeout "$LIMIT" mcall calc || [ $? -eq 2 ])" = 42 ]
	none_left
	run -1 mrecv -n calc
}

@test "requests and answers of 0 bytes, 64 KiB and 10 MB come whole" {
	serve -- cat
	: >nothing
	pattern 65536 >middle
	pattern 10000000 >large
	for file in nothing middle large; do
		timeout "$LIMIT" mcall calc <"$file" >got
		same "$file" got
	done
	none_left
	[[ $(files_of calc) != *.big* ]]
}

@test "-F takes tag, source and headers from a frame of standard input, and no byte behind it" {
	serve -- sh -c 'echo "$MBOX_TAG,$MBOX_SOURCE,$MBOX_H_JOB,$(cat)"; exit 3'
	printf 'M1 5 build alice job=17 call=x reply=./y re=1 status=9\nhello\nM1 0 other bob\n\n' >frames
	{
		for answer in 'build 3 build,alice,17,hello' 'other 3 other,bob,,'; do
			status=0
			timeout "$LIMIT" mcall -F calc >got || status=$?
			[ "$status" -eq 3 ]
			[ "$(mrecv -o '%t %h{status} %p' - <got)" = "$answer" ]
		done
		fails_with_input 125 /dev/stdin mcall -F calc
		[[ $error = *'there is no frame' ]]
	} < <(cat frames)
	none_left
}

@test "-F: a large frame comes whole, to a mailbox of capacity 0 too, and one that is cut short is no request" {
	mkmbox -c 0 hand
	pattern 300000 >big
	for box in calc hand; do
		in_background mrecv -r "$box" -- cat
		{ printf 'M1 300000 big s\n'; cat big; echo; } | timeout "$LIMIT" mcall -F "$box" | mrecv - >got
		same big got
		ended_with 0 "$child"
	done
	{ printf 'M1 300000 big s\n'; head -c 200000 big; } >cut
	fails_with_input 125 cut mcall -F calc
	[[ $error = *'standard input: byte '* ]]
	printf 'M1 5 \nhello\n' >bad
	fails_with_input 125 bad mcall -F calc
	run -1 mrecv -n calc
	none_left
	misused mcall -F calc hello
	misused mcall -F -t tag calc
	misused mcall -F -H a=b calc
}

@test "tag, source and headers reach the server; the answer bears the tag, re, call and status" {
	mkmbox answers
	msend -t add -s me -H reply="$PWD/answers" -H call=secret%20 calc 1
	run -3 timeout "$LIMIT" mrecv -r calc -- sh -c 'echo "$MBOX_TAG,$MBOX_SOURCE,$MBOX_REPLY"; exit 3'
	[ "$(mrecv -o '%t %h{re} %h{call} %h{status} %p' answers)" = "add 1 secret%2520 3 add,me,$PWD/answers" ]
	serve -- sh -c 'echo "$MBOX_TAG,$MBOX_SOURCE"'
	[ "$(timeout "$LIMIT" mcall -t T -s S -H k=v calc x)" = T,S ]
}

@test "a message that asks for no answer has its command's output on standard output" {
	msend calc plain
	[ "$(timeout "$LIMIT" mrecv -r calc -- cat)" = plain ]
}

@test "75, and a signal that asks to end, put the request back, for another server" {
	in_background mcall calc hello >answer
	run -75 timeout "$LIMIT" mrecv -r calc -- sh -c 'exit 75'
	run -143 timeout "$LIMIT" mrecv -r calc -- sh -c 'kill -TERM $$'
	timeout "$LIMIT" mrecv -r calc -- sh -c 'echo "try $MBOX_TRY"'
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat answer)" = 'try 1' ]
}

# many_calls N -- at once, through a mailbox and by rendezvous.
many_calls()
{
	mkmbox -c 0 zero
	for box in calc zero; do
		in_background mrecv -f -r -j 8 "$box" -- sh -c 'read n; echo "for $n"'
		for ((i = 1; i <= $1; i++)); do
			timeout $((3 * LIMIT)) mcall "$box" "$i" >"answer.$i" 3>&- &
			calls[i]=$!
		done
		for ((i = 1; i <= $1; i++)); do
			wait "${calls[i]}"
			read -r answer <"answer.$i"
			[ "$answer" = "for $i" ]
		done
		kill -TERM "$child"
		status_of "$child"
		none_left
		run -1 mrecv -n "$box"
	done
}

@test "many calls at once against -j 8 get their own answers, through a mailbox and by rendezvous" {
	many_calls 50
}

# bats test_tags=long
@test "200 calls at once against -j 8 get their own answers, through a mailbox and by rendezvous" {
	many_calls 200
}

@test "a server may call another" {
	mkmbox double
	in_background mrecv -f -r double -- sh -c 'read n; echo $((2 * n))'
	serve -- sh -c 'read n; d=$(mcall double "$n"); echo $((d + 1))'
	[ "$(timeout "$LIMIT" mcall calc 20)" = 41 ]
	none_left
}

@test "two servers may call each other, to and fro" {
	mkmbox even
	in_background mrecv -f -j 9 -r even -- sh -c 'read n; [ "$n" -eq 0 ] && echo even || mcall calc $((n - 1))'
	serve -j 9 -- sh -c 'read n; [ "$n" -eq 0 ] && echo odd || mcall even $((n - 1))'
	[ "$(timeout "$LIMIT" mcall even 8)" = even ]
	[ "$(timeout "$LIMIT" mcall even 7)" = odd ]
	none_left
}

# ---- answers that are none

# the answers come after the request is marked done, and have one to two seconds then
# bats test_tags=no-valgrind
@test "an answer without the secret, or with another one, is never taken" {
	in_background sh -c 'mrecv -F calc >request
		reply=$(sed -n "1s/.* reply=\([^ ]*\).*/\1/p" request); call=$(sed -n "1s/.* call=\([^ ]*\).*/\1/p" request)
		msend "$reply" forged
		msend -H call=00000000000000000000000000000000 "$reply" foreign
		msend -H "call=$call" -H status=9 "$reply" right'
	run -9 timeout "$LIMIT" mcall calc hello
	[ "$output" = right ]
	none_left
}

@test "no answer goes to somebody else's mailbox, to a relative path, or to the server's own" {
	mkmbox -m 0666 foreign
	[ "$EUID" -eq 0 ] && chown 12345 foreign || skip 'needs root'
	msend -H reply="$PWD/foreign" calc one
	run -125 timeout "$LIMIT" mrecv -r calc -- cat
	[[ $output == "mrecv: cannot answer to $PWD/foreign: "* ]]
	msend -H reply="$PWD/calc" calc two
	run -125 timeout "$LIMIT" mrecv -r calc -- cat
	[[ $output == "mrecv: cannot answer to $PWD/calc: "* ]]
	mkmbox near
	msend -H reply=near calc three
	[ "$(timeout "$LIMIT" mrecv -r calc -- cat)" = three ]
	for box in foreign calc near; do
		run -1 mrecv -n "$box"
	done
}

# elsewhere COMMAND... -- run it where /tmp is another folder, and mailbox calc stands as /mnt/desk: as in a container.
elsewhere()
{
	local as=(unshare -m)
	[ "$EUID" -eq 0 ] || as=(unshare -rm)
	"${as[@]}" true || skip 'there are no mount namespaces here'
	exec "${as[@]}" sh -c 'mount -t tmpfs none /mnt && mkdir /mnt/desk && mount --bind "$1" /mnt/desk &&
		cp "$2" /mnt/ && mount -t tmpfs none /tmp && tool=/mnt/${2##*/} && shift 2 && cd / && exec "$tool" "$@"' \
		sh "$PWD/calc" "$(type -P "$1")" "${@:2}"
}

@test "a server with a /tmp of its own, that has the mailbox at another place, answers" {
	in_background elsewhere mrecv -f -r /mnt/desk -- sh -c 'cat; echo "$MBOX_REPLY"; exit 3'
	until_waiting calc
	run -3 timeout "$LIMIT" mcall calc hello
	[[ $output == hello$'\n'/mnt/desk/+([0-9]).reply ]]
	kill -TERM "$child"
	status_of "$child"
	rmmbox calc
	# by rendezvous too
	mkmbox -c 0 calc
	in_background elsewhere mrecv -f -r /mnt/desk -- cat
	[ "$(timeout "$LIMIT" mcall calc hello)" = hello ]
}

@test "a server that does not see the mailbox for the answer says so, and the request is done" {
	mkdir away
	mkmbox away/answers
	msend -H reply="$PWD/away/answers" calc one
	mv away gone
	fails 125 timeout "$LIMIT" mrecv -r calc -- cat
	[ "$error" = "mrecv: cannot answer to $PWD/away/answers: No such file or directory" ]
	run -1 mrecv -n calc
	# in no mailbox: a frame from a pipe, and a mailbox that has been moved and has a successor
	printf 'M1 1 t s reply=./1.reply\nx\n' >frame
	fails 125 mrecv -r frame -- cat
	[ "$error" = 'mrecv: cannot answer to ./1.reply: No such file or directory' ]
	in_background mrecv -r calc -- cat 2>said
	until_waiting calc
	mv calc moved
	mkmbox calc
	msend -H reply=./1.reply moved x
	ended_with 125 "$child"
	[ "$(cat said)" = 'mrecv: cannot answer to ./1.reply: No such file or directory' ]
}

@test "a request that is passed on says where its answer goes, as frames, as JSON, to shells and in a dead letter" {
	mkmbox other
	for ((i = 0; i < 5; i++)); do
		msend -H reply=./1.reply -H k=v calc x
	done
	where=$PWD/calc/1.reply
	[[ $(mrecv -F calc) == *" k=v reply=$where"* ]]
	[[ $(mrecv -J calc) == *"\"headers\":{\"k\":\"v\",\"reply\":\"$where\"}"* ]]
	[ "$(eval "$(mrecv -e calc)"; echo "$MBOX_REPLY $MBOX_H_REPLY")" = "$where $where" ]
	[ "$(mrecv -o '%h{reply}' calc)" = "$where" ]
	timeout "$LIMIT" mrecv -k 1 -d other calc -- false || :
	[ "$(mrecv -o '%h{reply}' other)" = "$where" ]
	in_background mcall calc hello >answer
	call=$child
	mrecv -F calc | msend -F other
	timeout "$LIMIT" mrecv -r other -- cat
	ended_with 0 "$call"
	[ "$(cat answer)" = hello ]
}

@test "a caller that has gone leaves its request done, and nothing is said" {
	msend -H reply="$PWD/nowhere" calc one
	run -0 timeout "$LIMIT" mrecv -r calc -- cat
	[ -z "$output" ]
	run -1 mrecv -n calc
	# half gone: its directory is still there
	mkdir half
	msend -H reply="$PWD/half" calc two
	run -0 timeout "$LIMIT" mrecv -r calc -- cat
	[ -z "$output" ]
	run -1 mrecv -n calc
}

@test "where the mailbox for the answer stays full, the request is put back as failed" {
	mkmbox -c 1 small
	msend small full
	msend -H reply="$PWD/small" calc one
	run -125 timeout "$LIMIT" mrecv -r calc -- cat
	[[ $output == *"cannot answer to $PWD/small: timed out" ]]
	mrecv small
	timeout "$LIMIT" mrecv -r calc -- sh -c 'echo "try $MBOX_TRY"'
	[ "$(mrecv small)" = 'try 2' ]
}

# ---- the end of waiting

@test "-w ends the wait with 124, and takes the request back" {
	run -124 timeout "$LIMIT" mcall -w 0.1 calc hello
	run -1 mrecv -n calc
	none_left
}

@test "-w ends the wait for a server that is at work, which is left alone" {
	mkfifo meet
	serve -- sh -c ': >started; read x <meet; echo done >>log'
	in_background mcall -w 0.3 calc hello
	until_true test -e started
	status_of "$child"
	[ "$status" -eq 124 ]
	none_left
	echo go | timeout "$LIMIT" tee meet >/dev/null
	until_true exists log
}

@test "-w ends the wait though what is no answer comes all the time" {
	serve -- sh -c 'until [ -e stop ]; do seq 100000 | msend -l "$MBOX_REPLY" || break; done'
	run -124 timeout 10 mcall -w 0.5 calc hello
	: >stop
	none_left
}

@test "SIGTERM takes the request back, and ends with 143" {
	in_background mcall calc hello
	until_true eval '[ -n "$(mrecv -p -n calc)" ]'
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	run -1 mrecv -n calc
	none_left
}

# killed_caller -- it leaves its request, which is taken, and its mailbox.
killed_caller()
{
	in_background mcall calc hello
	until_true eval '[ -n "$(mrecv -p -n calc)" ]'
	kill -KILL "$child"
	status_of "$child"
	mrecv -n calc
	run ! none_left
}

@test "what a caller leaves that was killed, the next one removes, or a recovery, or rmmbox" {
	killed_caller
	run -124 timeout "$LIMIT" mcall -w 0.01 calc hello
	none_left
	killed_caller
	cp -R calc copy
	mstat copy >/dev/null
	[ -z "$(files_of copy)" ]
	rmmbox calc
}

@test "rmmbox leaves a mailbox in which a call is going on, and -f removes it" {
	mkfifo go
	serve -- sh -c ': >begun; read -r x <go; echo answer'
	server=$child
	in_background mcall calc hello >answer
	caller=$child
	until_true test -e begun
	fails 1 rmmbox calc
	[ "$error" = 'rmmbox: cannot remove calc: it holds messages (-f removes them too)' ]
	# answered, and not read yet
	kill -STOP "$caller"
	echo >go
	until_true eval 'run mrecv -p -n calc && [ "$status" -eq 1 ]'
	kill -TERM "$server"
	status_of "$server"
	fails 1 rmmbox calc
	[ "$error" = 'rmmbox: cannot remove calc: a call is going on there (-f removes it all the same)' ]
	in_background rmmbox calc
	kill -CONT "$caller"
	ended_with 0 "$caller"
	[ "$(cat answer)" = answer ]
	status_of "$child"
	[ "$status" -eq 0 ]
	mkmbox calc
	in_background mcall calc hello 2>said
	until_true eval '[ -n "$(mrecv -p -n calc)" ]'
	rmmbox -f calc
	[ ! -e calc ]
	ended_with 125 "$child"
	[ "$(cat said)" = 'mcall: cannot receive from calc: the mailbox was removed' ]
}

@test "the private mailbox of a caller that lives is left alone" {
	in_background mcall calc first >first
	caller=$child
	until_true eval '[ -n "$(mrecv -p -n calc)" ]'
	run -124 timeout "$LIMIT" mcall -w 0.1 calc second
	serve -- cat
	status_of "$caller"
	[ "$status" -eq 0 ]
	[ "$(cat first)" = first ]
	none_left
}

# ---- servers that die

@test "a server that is killed in a call: another one gets it, as a second try" {
	serve -- sh -c 'echo "$$" >pid; exec sleep 60'
	server=$child
	until_waiting calc
	in_background mcall calc hello >answer
	caller=$child
	until_true exists pid
	in_background mrecv -f -r calc -- sh -c 'echo "try $MBOX_TRY"'
	until_waiting calc 2
	kill -KILL "$server"
	status_of "$caller"
	[ "$status" -eq 0 ]
	[ "$(cat answer)" = 'try 2' ]
	none_left
}

@test "a server that is killed in a call, with no other there: 125 at once, and the request is taken back" {
	serve -- sh -c 'echo "$$" >pid; exec sleep 60'
	server=$child
	in_background mcall calc hello 2>said
	caller=$child
	until_true exists pid
	kill -KILL "$server"
	status_of "$caller"
	[ "$status" -eq 125 ]
	[ "$(cat said)" = 'mcall: calc: the server died' ]
	kill -KILL "$(cat pid)" 2>/dev/null || :
	run -1 mrecv -n calc
	none_left
}

@test "a server that is killed while another is at work on something else: the other one gets it" {
	mkfifo meet
	msend -t slow calc work
	in_background mrecv -f -r calc -- sh -c 'echo $$ >"pid.$MBOX_TAG"; [ "$MBOX_TAG" != slow ] || read x <meet; echo "try $MBOX_TRY"'
	until_true exists pid.slow
	serve -t call -- sh -c 'echo $$ >pid; exec sleep 60'
	server=$child
	in_background mcall -t call calc hello >answer
	caller=$child
	until_true exists pid
	kill -KILL "$server"
	status_of "$server"
	echo go | timeout "$LIMIT" tee meet >/dev/null
	status_of "$caller"
	[ "$status" -eq 0 ]
	[ "$(cat answer)" = 'try 2' ]
	kill -KILL "$(cat pid)" 2>/dev/null || :
}

@test "by rendezvous, too: time runs out with a server at work, and one that dies is told from one that is slow" {
	mkmbox -c 0 zero
	in_background mrecv -f -r zero -- sh -c 'echo $$ >at-work.new; mv at-work.new at-work; cat >/dev/null; exec sleep 60'
	server=$child
	run -124 timeout "$LIMIT" mcall -w 0.5 zero slow
	kill -KILL "$server" "$(cat at-work)"
	status_of "$server"
	none_left

	rm at-work
	in_background mrecv -r zero -- sh -c 'echo $$ >at-work.new; mv at-work.new at-work; exec sleep 60'
	server=$child
	# more than a pipe holds, and nobody reads it
	pattern 3000000 >large
	in_background sh -c 'mcall -w 0.5 zero <large'
	until_true exists at-work
	status_of "$child"
	[ "$status" -eq 124 ]
	kill -KILL "$(cat at-work)"
	status_of "$server"

	rm at-work
	in_background mrecv -f -r zero -- sh -c 'echo $$ >at-work.new; mv at-work.new at-work; exec sleep 60'
	server=$child
	in_background sh -c 'mcall zero hello 2>err; echo $? >status'
	until_true exists at-work
	kill -KILL "$server" "$(cat at-work)"
	status_of "$child"
	[ "$(cat status)" -eq 125 ]
	[ "$(cat err)" = 'mcall: zero: the server died' ]

	rm at-work
	in_background mrecv -f -r zero -- sh -c 'echo $$ >at-work.new; mv at-work.new at-work; exec sleep 60'
	server=$child
	in_background sh -c 'mcall zero hello >out'
	call=$child
	until_true exists at-work
	bells=(zero/*.wake)
	in_background mrecv -r zero -- sh -c 'echo "$(cat), try $MBOX_TRY"'
	until_waiting zero $((${#bells[@]} + 1))
	kill -KILL "$server" "$(cat at-work)"
	status_of "$call"
	[ "$(cat out)" = 'hello, try 2' ]
	none_left
}

@test "a server that takes the request and does not answer: 125" {
	in_background timeout "$LIMIT" mrecv calc
	fails 125 mcall calc hello
	[ "$error" = 'mcall: calc: the request has left the mailbox, and was not answered' ]
	none_left
}

@test "a request that a full mailbox drops, or that becomes a dead letter: 125, and nobody is said to have received it" {
	mkmbox -c 1 -o oldest oldest
	mkmbox -o latest latest
	for box in oldest latest; do
		in_background mcall "$box" hello 2>said
		until_true holds "$box"
		msend "$box" another
		status_of "$child"
		[ "$status" -eq 125 ]
		[ "$(cat said)" = "mcall: $box: the request left the mailbox without being received" ]
	done

	mkmbox dead
	in_background mcall calc hello 2>said
	until_true holds calc
	run -127 timeout "$LIMIT" mrecv -k 1 -d dead -r calc -- sh -c 'exit 127'
	status_of "$child"
	[ "$status" -eq 125 ]
	[ "$(cat said)" = 'mcall: calc: the request left the mailbox without being received' ]
	none_left
}

@test "a request whose header line is full is answered" {
	serve -- tr a-z A-Z
	local len value
	# down from what is too long to be sent at all
	for len in 3900 3890 3880 3870 3860 3850; do
		printf -v value '%*s' "$len" ''
		run timeout "$LIMIT" mcall -H "a=${value// /b}" calc hello
		[ "$output" = HELLO ] || [[ $status -eq 125 && $output == 'mcall: cannot send to calc: '* ]]
	done
	[ "$output" = HELLO ]
}

@test "a server that puts the request back has not died: another may answer it, until the time runs out" {
	local ends=('exit 127' 'exit 126' 'exit 75' 'kill -TERM $$') callers=() i
	for i in "${!ends[@]}"; do
		mkmbox "q$i"
		in_background mcall -w 10 "q$i" hello 2>"said$i"
		callers+=("$child")
	done
	for i in "${!ends[@]}"; do
		until_true holds "q$i"
		run ! timeout "$LIMIT" mrecv -r "q$i" -- sh -c "${ends[i]}"
	done
	for i in "${!ends[@]}"; do
		status_of "${callers[i]}"
		[ "$status" -eq 124 ]
		[ ! -s "said$i" ]
		run -1 mrecv -n "q$i"
	done

	in_background mcall calc hello >answer
	until_true holds calc
	run -127 timeout "$LIMIT" mrecv -r calc -- sh -c 'exit 127'
	serve -- cat
	until_true grep -qx hello answer
}

@test "a mailbox that is removed in the meantime: 125" {
	in_background mcall calc hello 2>said
	until_true eval '[ -n "$(mrecv -p -n calc)" ]'
	rmmbox -f calc
	status_of "$child"
	[ "$status" -eq 125 ]
	grep -q 'the mailbox was removed' said
	none_left
}

# ---- own failures

@test "a mailbox that is not there, and an output that takes nothing, are failures of its own: 125" {
	fails 125 mcall nowhere hello
	serve -- echo hello
	status=0
	timeout "$LIMIT" mcall calc x >/dev/full 2>said || status=$?
	[ "$status" -eq 125 ]
	grep -q 'cannot write to standard output' said
	none_left
}

@test "a command line that is wrong is 64" {
	misused mcall
	misused mcall -H reply=/x calc
	misused mcall -H call=1 calc
	misused mcall -t 'a b' calc
}

@test "what is no mailbox cannot be called: 125" {
	mkfifo door
	exec 4<>door
	fails 125 mcall door x
	exec 4>&-
	: >file
	fails 125 mcall file x
}

@test "an answer that is taken and not read keeps a server no longer than a second" {
	mkmbox -c 0 hand
	mkfifo stuck
	exec 6<>stuck
	serve -- sh -c 'cat >/dev/null; head -c 3000000 /dev/zero'
	in_background mrecv hand >&6 6>&-
	until_waiting hand
	msend -H reply="$PWD/hand" calc first
	[ "$(timeout "$LIMIT" mcall calc second | wc -c)" -eq 3000000 ]
	exec 6>&-
}
