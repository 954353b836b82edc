#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A mailbox that is closed: nobody sends to it any more, and its receivers end by themselves.

load ../helpers

setup()
{
	common_setup
	mkmbox jobs
}

teardown()
{
	common_teardown
}

# close_box BOX -- close it, with a last message that has the tag `last'.
close_box()
{
	msend -t last --close "$1" last
}

# hold NAME -- a command that keeps its message until the file NAME.go is there.
hold()
{
	printf '#!/bin/sh\necho x >%s.has\nuntil [ -e %s.go ]; do sleep 0.01; done\ncat\n' "$1" "$1" >"$1"
	chmod +x "$1"
}

# ---- receivers ----

@test "seq 100 | msend -l --close ends all workers with 0, each job done once" {
	local workers=()
	for n in 1 2 3; do
		in_background mrecv -f jobs -- sh -c 'cat; echo' >"done.$n"
		workers+=("$child")
	done
	until_waiting jobs 3
	seq 100 | msend -l --close jobs
	for n in "${workers[@]}"; do ended_with 0 "$n"; done
	same <(cat done.* | grep . | sort -n) <(seq 100)
	[ -z "$(files_of jobs)" ]
}

@test "a receiver at a closed and empty mailbox ends at once: -f 0, one message 1, -c 1, -a 1, -n 1" {
	close_box jobs
	run -0 --separate-stderr mrecv -f jobs
	[ "$output" = last ] && [ "$stderr" = "" ]
	run -0 mrecv -f jobs
	run -1 mrecv jobs
	run -1 mrecv -c 2 jobs
	run -1 mrecv -f -c 2 jobs
	run -1 mrecv -a jobs
	run -1 mrecv -n jobs
	run -1 mrecv -w 10 jobs
	run -1 mrecv jobs -- true
	run -1 mrecv -b 3 jobs -- true
	run -0 mrecv -f jobs -- false
	run -0 mrecv -p -f jobs
	[ "$output" = "" ]
}

@test "-c that gets fewer delivers them: 1" {
	seq 2 | msend -l --close jobs
	run -1 mrecv -c 3 jobs
	[ "$output" = $'1\n2' ]
}

@test "a worker that ends at a closed mailbox exits 0 though a command has failed before" {
	for fails in 'exit 3' 'exit 75' 'kill -9 $$'; do
		rm -rf box been
		mkmbox box
		msend --close box one
		mrecv -f -B 1ms box -- sh -c "[ -e been ] || { : >been; $fails; }"
		[ "$(mstat -J box | jq .received)" -eq 1 ]
	done
	rm -rf box
	mkmbox box dead
	msend --close box one
	mrecv -f -k 1 -d dead box -- false
	[ "$(mrecv dead)" = one ]
}

@test "receivers that sleep end when the last message has been received, and not before" {
	local sleeper waiter
	hold slow
	in_background mrecv -f jobs -- ./slow >slow.out
	until_waiting jobs
	close_box jobs
	until_true exists slow.has
	in_background mrecv -f jobs
	sleeper=$child
	in_background mrecv -f -t last jobs
	waiter=$child
	until_waiting jobs 3
	run -124 mrecv -w 0.1 -t last jobs
	kill -0 "$sleeper" && kill -0 "$waiter"
	: >slow.go
	ended_with 0 "$sleeper"
	ended_with 0 "$waiter"
	ended_with 0 "${children[0]}"
	[ "$(cat slow.out)" = last ]
}

@test "the end comes at once where a receiver slept: its bell rings, it does not go by its own look" {
	needs_strace
	hold slow
	in_background mrecv jobs -- ./slow >slow.out
	until_waiting jobs
	close_box jobs
	until_true exists slow.has
	# poll(2) returns 1 where the bell rang, 0 after the second of a look
	in_background strace -f -qq -e trace=poll,ppoll -o trace mrecv -f jobs
	until_waiting jobs 2
	: >slow.go
	ended_with 0 "$child"
	tail -n 1 trace
	tail -n 1 trace | grep -E 'poll.* = 1|exited'
	grep -E 'poll' trace | tail -n 1 | grep ' = 1'
}

@test "a receiver with a filter ends beside what it does not select, and one without waits for that" {
	msend -t b jobs other
	in_background mrecv -f -t a jobs
	local chooser=$child
	in_background mrecv -f -T b jobs >most
	until_waiting jobs 2
	close_box jobs
	ended_with 0 "$chooser"
	ended_with 0 "$child"
	[ "$(cat most)" = last ]
	run -0 mrecv -f -t a jobs
	run -0 mrecv -f jobs
	[ "$output" = other ]
}

@test "a receiver with a filter ends in a mailbox that holds very many others, in pieces" {
	seq 5000 | msend -t b -l jobs
	close_box jobs
	run -0 mrecv -f -t last jobs
	[ "$output" = last ]
	run -0 mrecv -f -t last jobs
	[ "$(mrecv -f jobs | wc -l)" -eq 5000 ]
}

@test "what a worker that is killed had is done by another, and then the others end" {
	hold slow
	in_background mrecv -f jobs -- ./slow
	local victim=$child
	until_waiting jobs
	close_box jobs
	until_true exists slow.has
	in_background mrecv -f jobs
	until_waiting jobs 2
	kill -KILL "$victim"
	: >slow.go
	ended_with 0 "$child"
	[ "$(mstat -J jobs | jq -c '[.messages, .received]')" = '[0,1]' ]
}

@test "a message that failed and is kept back is waited for" {
	printf '#!/bin/sh\n[ -e failed ] && cat && exit\n: >failed\nexit 1\n' >once
	chmod +x once
	in_background mrecv -f jobs -- ./once >out
	until_waiting jobs
	in_background mrecv -f -t other jobs
	until_waiting jobs 2
	close_box jobs
	ended_with 0 "$child"
	status_of "${children[0]}"
	[ "$(cat out)" = last ]
}

@test "-w: 124 if the time runs out before the end" {
	hold slow
	in_background mrecv jobs -- ./slow
	until_waiting jobs
	close_box jobs
	until_true exists slow.has
	run -124 mrecv -w 0.1 jobs
	: >slow.go
	ended_with 0 "$child"
}

@test "mrecv -i of a message that another has waits for it, closed or not" {
	hold slow
	in_background mrecv jobs -- ./slow
	until_waiting jobs
	close_box jobs
	until_true exists slow.has
	in_background mrecv -i 1 jobs
	until_waiting jobs 2
	: >slow.go
	ended_with 1 "$child"
}

@test "of several mailboxes the receiver ends when all are closed; a named pipe never ends it" {
	mkmbox more
	in_background mrecv -f jobs more >out
	local both=$child
	until_true waiting jobs
	until_true waiting more
	close_box jobs
	until_true exists out
	msend more one
	until_true grep -q one out
	kill -0 "$both"
	close_box more
	ended_with 0 "$both"
	[ "$(sort out)" = $'last\nlast\none' ]
	mkfifo door
	in_background mrecv -f jobs door >out
	msend door through
	until_true grep -q through out
	kill -0 "$child"
}

@test "one who only looks sees the end too" {
	mkmbox -m 0644 shown
	msend shown x
	close_box shown
	mrecv -a shown >/dev/null
	run -0 as_nobody mrecv -p -f shown
	[ "$output" = "" ]
}

# ---- senders ----

@test "senders get 69 and are told how to go on; with -n too" {
	close_box jobs
	local words="jobs is closed (chmbox --open jobs opens it)"
	fails 69 msend jobs x
	[ "$error" = "msend: $words" ]
	fails 69 msend -n jobs x
	[ "$error" = "msend: $words" ]
	fails 69 msend -w 1 jobs x
	fails 69 msend -S jobs x
	fails 69 msend --close jobs x
	fails 125 mcall jobs x
	[ "$error" = "mcall: $words" ]
	pattern 100000 >big
	fails_with_input 69 big msend jobs
	[ "$error" = "msend: $words" ]
	[ "$(mrecv -f jobs)" = last ]
	[ -z "$(files_of jobs)" ]
}

@test "a large payload of unknown length is refused before it has been read" {
	close_box jobs
	run -69 --separate-stderr bash -c 'timeout -s KILL "$0" msend jobs < <(head -c 70000 /dev/zero; sleep 1000)' "$LIMIT"
	[ "$stderr" = "msend: jobs is closed (chmbox --open jobs opens it)" ]
}

@test "a sender that waits for room gets 69 at once, and what it sent before stays sent" {
	mkmbox -c 1 small
	seq 3 >three
	in_background msend -l small <three 2>err
	until_waiting small
	chmbox --close small
	ended_with 69 "$child"
	[ "$(cat err)" = "msend: small is closed (chmbox --open small opens it)" ]
	[ "$(mrecv -f small)" = 1 ]
}

@test "msend --close closes only after all went in: not after 65, 1, 124 or a signal" {
	mkmbox -c 1 small
	printf 'M1 1 - -\nx\nM1 9 - -\nhalf' >half
	fails_with_input 65 half msend -F --close jobs
	[ "$(mstat -J jobs | jq .closed)" = false ]
	msend small x
	run -1 msend -n --close small y
	run -124 msend -w 0.1 --close small y
	in_background msend --close small y
	until_waiting small
	kill -TERM "$child"
	ended_with 143 "$child"
	[ "$(mstat -J small | jq .closed)" = false ]
	mkfifo door
	misused msend --close door x
	[[ $error = "msend: --close: door is not a mailbox"* ]]
}

@test "a synchronous sender whose message is in waits on, and hears that it was received" {
	in_background msend -S jobs x
	local sender=$child
	until_waiting jobs
	in_background msend -S --close jobs y
	until_waiting jobs 2
	close_box jobs
	kill -0 "$sender"
	[ "$(mrecv -f jobs | tr '\n' ' ')" = "x y last " ]
	ended_with 0 "$sender"
	ended_with 0 "$child"
}

@test "an offer that nobody has had is withdrawn: 69; one that a receiver put back is offered again" {
	mkmbox -c 0 desk
	hold slow
	in_background msend -t mine desk taken
	local taken=$child
	until_waiting desk
	in_background mrecv desk -- sh -c './slow; [ -e again ] || { : >again; exit 75; }'
	local worker=$child
	until_true exists slow.has
	in_background msend -t late desk waits 2>err
	local late=$child
	until_waiting desk 2
	in_background mrecv -t last desk
	until_waiting desk 3
	close_box desk
	ended_with 69 "$late"
	grep -q "desk is closed" err
	: >slow.go
	status_of "$worker"
	[ "$status" -eq 75 ]
	run -0 mrecv -f desk
	[ "$output" = taken ]
	ended_with 0 "$taken"
	run -0 mrecv -f desk
}

# ---- chmbox, mtee ----

@test "chmbox closes and opens, with other changes at the same moment; what is so stays so" {
	chmbox --close -c 7 jobs
	[ "$(mstat -J jobs | jq -c '[.closed, .capacity_messages]')" = '[true,7]' ]
	fails 69 msend jobs x
	chmbox --close jobs
	chmbox -b 1M jobs
	[ "$(mstat -J jobs | jq .closed)" = true ]
	chmbox --open --pause jobs
	[ "$(mstat -J jobs | jq -c '[.closed, .paused, .capacity_messages]')" = '[false,true,7]' ]
	chmbox --resume --open jobs
	msend jobs x
	[ "$(mrecv jobs)" = x ]
	misused chmbox --close --open jobs
	[[ $error = "chmbox: --close and --open exclude each other"* ]]
}

@test "chmbox --close: what does not go is refused with nothing changed, and the mailbox stays open" {
	mkmbox -d durable
	fails 64 chmbox --close -o oldest durable
	msend durable x
	msend jobs x
	fails 1 chmbox --close -c 0 jobs
	[ "$(mstat -J durable jobs | jq .closed)" = $'false\nfalse' ]
	[ "$(mrecv durable)" = x ]
}

@test "chmbox --close ends receivers that sleep at an empty mailbox, at once, and senders that wait" {
	local ended=()
	mkmbox -c 1 full
	msend full x
	in_background msend full y
	ended+=("$child")
	until_waiting full
	for filter in '-ta' '-sb' '-Tc'; do
		in_background mrecv -f $filter jobs
		ended+=("$child")
	done
	in_background mrecv jobs
	ended+=("$child")
	until_waiting jobs 4
	chmbox --close jobs full
	ended_with 69 "${ended[0]}"
	ended_with 0 "${ended[1]}"
	ended_with 0 "${ended[2]}"
	ended_with 0 "${ended[3]}"
	ended_with 1 "${ended[4]}"
	[ "$(mrecv -f full)" = x ]
}

@test "closed and paused: receivers end when it is resumed, all of them at once" {
	msend jobs x
	chmbox --pause --close jobs
	in_background mrecv -f jobs >got
	local first=$child
	in_background mrecv -f jobs >>got
	until_waiting jobs 2
	run -124 mrecv -f -w 0.1 jobs
	run -1 mrecv -n jobs
	chmbox --resume jobs
	ended_with 0 "$child"
	ended_with 0 "$first"
	[ "$(cat got)" = x ]
	# and where nothing is left
	chmbox --pause jobs
	in_background mrecv -f jobs
	first=$child
	in_background mrecv -f jobs
	until_waiting jobs 2
	chmbox --resume jobs
	ended_with 0 "$child"
	ended_with 0 "$first"
}

@test "mtee --close passes the end on, from stream to mailboxes" {
	mkmbox a b
	in_background mrecv -f a >got.a
	in_background mrecv -f b >got.b
	until_waiting a
	until_waiting b
	seq 3 | msend -l - | mtee -q --close a b
	ended_with 0 "${children[0]}"
	ended_with 0 "${children[1]}"
	[ "$(cat got.a got.b | sort)" = $'1\n1\n2\n2\n3\n3' ]
}

@test "mtee --close does not close where a channel failed, missed something, or the input was cut" {
	mkmbox a
	mkmbox -c 1 full
	msend full x
	seq 3 | msend -l - >frames
	run -1 mtee -nq --close a full <frames
	printf 'M1 9 - -\nhalf' >half
	run -65 mtee -q --close a <half
	chmbox --close full
	run -74 mtee -q --close a full <frames
	[ "$(mstat -J a | jq .closed)" = false ]
}

@test "mtee leaves a closed mailbox out: 74 at the end; with -1 the others take it" {
	mkmbox a b c
	mkmbox -c 0 desk
	chmbox --close a desk
	seq 3 | msend -l - >frames
	run -74 --separate-stderr mtee -q a b desk <frames
	[ "$(sort <<<"$stderr")" = "mtee: a is closed (chmbox --open a opens it)
mtee: desk is closed (chmbox --open desk opens it)" ]
	[ "$(mrecv -a b)" = $'1\n2\n3' ]
	run -74 --separate-stderr mtee -q -1 a b <frames
	[ "$(mrecv -a b)" = $'1\n2\n3' ]
	pattern 200000 | msend - >large
	run -74 --separate-stderr mtee -q -1 a b <large
	mrecv b | same - <(pattern 200000)
	run -74 --separate-stderr mtee -q a c <large
	mrecv c | same - <(pattern 200000)
}

# expired BOX -- whether all that is in it has expired: a look shows nothing.
expired()
{
	[ -z "$(mrecv -p -a "$1")" ]
}

@test "mrecv -p -f ends once all that is left has expired, though nobody drops it, and as one who may only look" {
	mkmbox -m 0644 shown
	chmod go+x .
	msend -x 0.01 -t a jobs old
	msend -x 0.01 shown old
	until_true expired jobs
	until_true expired shown
	chmbox --close jobs shown
	run -0 mrecv -p -f jobs
	run -0 mrecv -p -f -t a jobs
	run -0 as_nobody mrecv -p -f shown
	[ "$output" = "" ]
	[ "$(mstat -J jobs | jq .messages)" = 1 ]
}

@test "mrecv -p -f shows what is left, sleeps, and ends when that expires; what stays keeps it there" {
	msend -x 1 jobs short
	chmbox --close jobs
	run -0 mrecv -p -f -l jobs
	[ "$output" = short ]
	chmbox --open jobs
	msend -x 0.01 jobs old
	until_true expired jobs
	msend --close jobs stays
	in_background mrecv -p -f -l jobs >out
	until_true exists out
	until_waiting jobs
	[ "$(mrecv jobs)" = stays ]
	ended_with 0 "$child"
	same out <(echo stays)
}

# ---- what else is there ----

@test "a mailbox for dead letters that is closed: the message is put back without a try, 69 names it" {
	mkmbox dead
	close_box dead
	mrecv dead >dead.last
	msend jobs bad
	run -69 --separate-stderr mrecv -f -k 1 -d dead jobs -- false
	[[ $stderr = *"dead is closed (chmbox --open dead opens it)"* ]]
	# without -f too, where other failures of mrecv's own are 125
	for how in "" -a -j2 -b2; do
		run -69 --separate-stderr mrecv ${how:+"$how"} -k 1 -d dead jobs -- false
		[ "$stderr" = "mrecv: dead is closed (chmbox --open dead opens it)" ]
	done
	[ "$(mrecv -o '%p try=%h{try}' jobs)" = $'bad\n try=1' ]
	[ "$(mstat -J jobs | jq .dropped)" = 0 ]
	msend -x 0.001 jobs old
	nap
	run -69 --separate-stderr mrecv -f -d dead jobs
	[[ $stderr = *"dead is closed"* ]]
	[ "$(mstat -J jobs | jq .messages)" = 1 ]
}

@test "a mailbox for an answer that is closed counts as gone" {
	mkmbox answers
	close_box answers
	printf 'M1 3 - - reply=%s\nask\n' "$PWD/answers" | msend -F jobs
	run -0 mrecv -r jobs -- cat
	[ "$output" = "" ]
	[ "$(mstat -J jobs | jq .messages)" = 0 ]
}

@test "mkmbox -p does not open it, mstat says that it is closed, and rmmbox removes it" {
	[[ $(mstat jobs) != *STATE* ]]
	close_box jobs
	mkmbox -p jobs
	fails 69 msend jobs x
	[ "$(mstat -J jobs | jq .closed)" = true ]
	[ "$(mstat jobs | awk '{ print $5 }')" = $'STATE\nclosed' ]
	fails 1 rmmbox jobs
	mrecv jobs
	rmmbox jobs
	[ ! -e jobs ]
}

@test "a copy of a closed mailbox is closed" {
	close_box jobs
	cp -a jobs copy
	fails 69 msend copy x
	run -0 mrecv -f copy
	[ "$output" = last ]
}

@test "a message that was sent for later is waited for, and a receiver that does not select it ends" {
	msend -d 0.3 -t later jobs later
	in_background mrecv -f -T later jobs
	local other=$child
	in_background mrecv -f jobs >got
	until_waiting jobs 2
	chmbox --close jobs
	ended_with 0 "$other"
	[ "$(mstat -J jobs | jq .messages)" -eq 1 ] || [ -s got ]
	ended_with 0 "$child"
	[ "$(cat got)" = later ]
	fails 69 msend -d 1 jobs x
	# withdrawn or taken by its number, it is not waited for any more
	chmbox --open jobs
	msend -d 1h jobs never
	chmbox --close jobs
	in_background mrecv -f jobs
	until_waiting jobs
	[ "$(mrecv -i 2 jobs)" = never ]
	ended_with 0 "$child"
}

# ---- many workers ----

# work -- begin worker $1, whose command notes each job that it has done.
work()
{
	in_background mrecv -f box -- sh -c 'read -r job; echo "$job" >>done'
	workers[$1]=$child
}

# drain JOBS WORKERS KILLS -- workers that are killed at random and begun anew; then the mailbox is closed.
drain()
{
	local workers=() n k pid
	mkmbox box
	: >done
	for ((n = 0; n < $2; n++)); do work $n; done
	in_background bash -c 'seq "$0" | msend -l box' "$1"
	local sender=$child
	for ((k = 0; k < $3; k++)); do
		nap $((RANDOM % 4))
		n=$((RANDOM % $2))
		kill -KILL "${workers[n]}"
		status_of "${workers[n]}"
		work $n
	done
	ended_with 0 "$sender"
	chmbox --close box
	for pid in "${workers[@]}"; do ended_with 0 "$pid" || return; done
	[ "$(mstat -J box | jq -c '[.messages, .received, .dropped]')" = "[0,$1,0]" ] || return
	sort -nu done | cmp - <(seq "$1") || return
	rmmbox box
}

@test "workers killed at random and begun anew do each job, and all end with 0 once it is closed" {
	RANDOM=${SEED:=$$}
	echo "SEED=$SEED"
	drain 150 4 6
}

# bats test_tags=long, no-sanitize, no-valgrind
@test "200 rounds: workers killed at random do each job, and all end with 0 once it is closed" {
	RANDOM=${SEED:=$$}
	echo "SEED=$SEED"
	for round in {1..200}; do
		drain 40 8 5 || { echo "round $round"; return 1; }
	done
}

# bats test_tags=long, no-sanitize, no-valgrind
@test "20,000 jobs, 8 workers killed at random: each is done, and all end with 0 once it is closed" {
	LIMIT=300
	RANDOM=${SEED:=$$}
	echo "SEED=$SEED"
	drain 20000 8 200
}
