#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# chmbox: every option, every exit status.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# set_to BOX MEMBER VALUE -- mstat -J says so.
set_to()
{
	[[ $(mstat -J "$1") == *"\"$2\":$3,"* ]] || { mstat -J "$1"; return 1; }
}

# received BOX N -- so many messages have left it.
received()
{
	[[ $(mstat -J "$1") == *"\"received\":$2,"* ]]
}

@test "bounds and policy change, quietly, and what waits stays" {
	mkmbox -c 2 box
	msend box one
	run -0 chmbox -c 3 -b 1K -o oldest box
	[ "$output" = "" ]
	set_to box capacity_messages 3
	set_to box capacity_bytes 1024
	set_to box overflow '"oldest"'
	chmbox --capacity=inf box
	set_to box capacity_messages null
	set_to box capacity_bytes 1024
	chmbox --bytes=inf --overflow=block box
	set_to box capacity_bytes null
	set_to box overflow '"block"'
	[ "$(mrecv -n box)" = one ]
	mkmbox -p -b inf box
}

@test "senders that wait for room that there is now are let in, in their order" {
	mkmbox -c 1 box
	msend box 0
	for i in 1 2 3; do
		in_background msend box "$i"
		until_waiting box "$i"
	done
	chmbox -c 4 box
	for pid in "${children[@]}"; do ended_with 0 "$pid"; done
	[ "$(mrecv -a box | xargs)" = "0 1 2 3" ]
}

@test "who waits for room is woken for it, and does not go by its own look" {
	needs_strace
	mkmbox -c 1 box
	msend box one
	# poll(2) returns 1 where the bell rang, 0 after the second of a look
	in_background strace -f -qq -e trace=poll,ppoll -o trace msend box two
	until_waiting box
	chmbox -c 2 box
	ended_with 0 "$child"
	cat trace
	grep poll trace | tail -n 1 | grep ' = 1'
	[ "$(mrecv -a box | xargs)" = "one two" ]
}

@test "a large message that waits for room is let in once the bound on bytes is raised" {
	mkmbox -b 1K box
	msend box one
	pattern 100000 >large
	in_background msend box <large
	until_waiting box
	chmbox -b 1M box
	ended_with 0 "$child"
	[ "$(mrecv box)" = one ]
	mrecv box >got
	same large got
}

@test "a smaller bound drops nothing, and holds senders back until they fit" {
	mkmbox box
	seq 5 | msend -l box
	chmbox -c 2 box
	run -1 msend -n box 6
	[ "$(mrecv -c 4 box | xargs)" = "1 2 3 4" ]
	msend -n box 6
	run -1 msend -n box 7
	[ "$(mrecv -a box | xargs)" = "5 6" ]
}

@test "senders that wait drop the oldest once -o says so" {
	mkmbox -c 2 box
	seq 2 | msend -l box
	for i in 3 4 5; do
		in_background msend box "$i"
		until_waiting box $((i - 2))
	done
	chmbox -o oldest box
	for pid in "${children[@]}"; do ended_with 0 "$pid"; done
	[ "$(mrecv -a box | xargs)" = "4 5" ]
}

@test "with -o latest senders that wait replace what has their tag" {
	mkmbox -c 2 box
	msend -t a box 1
	msend -t b box 2
	in_background msend -t a box 3
	until_waiting box
	chmbox -o latest box
	ended_with 0 "$child"
	[ "$(mrecv -a box | xargs)" = "2 3" ]
}

@test "from or to capacity 0 only where neither a message nor a process waits: 1" {
	mkmbox box
	msend box one
	fails 1 chmbox -c 0 box
	[ "$error" = "chmbox: cannot change box from or to capacity 0: a message or a process waits there" ]
	set_to box capacity_messages null
	[ "$(mrecv box)" = one ]
	in_background mrecv box
	until_waiting box
	fails 1 chmbox -c 0 box
	msend box two
	ended_with 0 "$child"
	chmbox -c 0 box
	set_to box capacity_messages 0
	run -1 msend -n box three
	in_background msend box four
	until_waiting box
	fails 1 chmbox -c inf box
	[ "$(mrecv box)" = four ]
	ended_with 0 "$child"
	chmbox -c inf box
	msend -n box five
	[ "$(mrecv box)" = five ]
}

@test "a waiting process that was killed is none" {
	mkmbox box
	in_background mrecv box
	until_waiting box
	kill -KILL "$(cat "/proc/$child/task/$child/children")" "$child"
	until_true ended "$child"
	chmbox -c 0 box
	set_to box capacity_messages 0
}

@test "a sender that has it open as its capacity becomes 0, or is so no more, says so: 69" {
	mkmbox box
	mkfifo lines
	exec {fd}<>lines
	in_background msend -l box <lines
	echo one >&"$fd"
	[ "$(mrecv box)" = one ]
	chmbox -c 0 box
	echo two >&"$fd"
	ended_with 69 "$child"
	in_background msend -l box <lines 2>err
	echo three >&"$fd"
	[ "$(mrecv box)" = three ]
	until_true chmbox -c inf box
	echo four >&"$fd"
	ended_with 69 "$child"
	[ "$(cat err)" = "msend: cannot send to box after 1 message: its capacity became 0, or is not 0 any more, since it was opened" ]
}

@test "several are changed, and one that fails does not keep the others from it" {
	mkmbox one two
	fails 66 chmbox -c 7 one none two
	[ "$error" = "chmbox: no mailbox at none: did you mean one?" ]
	set_to one capacity_messages 7
	set_to two capacity_messages 7
}

@test "what does not go together is 64, and that mailbox stays as it was" {
	mkmbox -d durable
	mkmbox -m 0622 letters
	mkmbox -o latest state
	fails 64 chmbox -o oldest durable
	fails 64 chmbox -b 1K -c 0 durable
	set_to durable capacity_bytes 67108864
	fails 64 chmbox -c 0 letters
	[[ $error == "chmbox: cannot change letters: -c 0 does not go with send-only access"* ]]
	fails 64 chmbox -c 0 state
	chmbox -c 0 -o block state
}

@test "what is no option, number or policy is 64, and nothing is changed" {
	mkmbox -c 5 box
	misused chmbox
	misused chmbox box
	misused chmbox -c 3
	misused chmbox -z box
	misused chmbox -c x box
	misused chmbox -b 1X box
	misused chmbox -o some box
	set_to box capacity_messages 5
}

@test "what is no mailbox is 66, a damaged one 65, and who may not write there is told 77" {
	fails 66 chmbox -c 1 none
	mkdir directory
	fails 66 chmbox -c 1 directory
	mkmbox -m 0644 box
	head -c 768 /dev/zero >zeros
	status=0
	as_nobody chmbox -c 1 box 2>err || status=$?
	[ "$status" -eq 77 ]
	mkmbox torn
	cat zeros >torn/ctl
	fails 65 chmbox -c 1 torn
}

@test "in a durable mailbox the change is synced" {
	needs_strace
	mkmbox -d box
	strace -qq -y -o calls -e trace=fsync,fdatasync,pwrite64 chmbox -c 9 box
	[[ $(tail -n 1 calls) == f*sync*/ctl* ]] || { cat calls; false; }
}

@test "in a paused mailbox receivers find nothing, senders go on, and what waits can be seen" {
	mkmbox -c 3 box other
	msend box one
	chmbox --pause box
	set_to box paused true
	[[ $(mstat box other) == *STATE*paused* ]]
	msend box two
	run -1 mrecv -n box
	run -1 mrecv -a box
	run -124 mrecv -w 0.05 box
	run -1 mrecv -n box -- true
	[ "$(mrecv -p -a box | xargs)" = "one two" ]
	[ "$(mrecv -p -n box)" = one ]
	run -124 msend -S -w 0.05 box three
	msend box three
	run -1 msend -n box four
	chmbox --resume box
	set_to box paused false
	[[ $(mstat box other) != *STATE* ]]
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

@test "mrecv -i takes a message from a paused mailbox, and one that failed and is kept back" {
	mkmbox box
	seq 3 | msend -l box
	run -1 mrecv -i 2 box -- false
	chmbox --pause box
	[ "$(mrecv -n -i 2 box)" = 2 ]
	[ "$(mrecv -i 3 -p box)" = 3 ]
	run -1 mrecv -i 2 box
	chmbox --resume box
	[ "$(mrecv -a box | xargs)" = "1 3" ]
}

@test "resuming wakes those that sleep, one with each filter, who wake the others" {
	mkmbox box
	chmbox --pause box
	for i in 1 2 3; do
		in_background mrecv -t - box >"any$i"
		until_waiting box $((2 * i - 1))
		in_background mrecv -t "t$i" box >"only$i"
		until_waiting box $((2 * i))
	done
	for i in 1 2 3; do
		msend -t "t$i" box "tag $i"
		msend box "no tag"
	done
	[ "$(cat any* only* | wc -c)" -eq 0 ]
	chmbox --resume box
	for pid in "${children[@]}"; do ended_with 0 "$pid"; done
	[ "$(cat any1 any2 any3 | sort | uniq -c | xargs)" = "3 no tag" ]
	[ "$(cat only1 only2 only3 | xargs)" = "tag 1 tag 2 tag 3" ]
}

@test "a worker finishes what it has in hand, and takes no more until it is resumed" {
	mkmbox box
	seq 2 | msend -l box
	in_background mrecv -f box -- sh -c 'cat >>got; echo >>got; echo >started; until [ -e go ]; do sleep 0.01; done'
	until_true exists started
	chmbox --pause box
	[[ $(mstat -J box) == *'"claimed":1,'* ]]
	touch go
	until_true received box 1
	until_waiting box
	[ "$(cat got)" = 1 ]
	chmbox --resume box
	until_true received box 2
	[ "$(xargs <got)" = "1 2" ]
}

@test "what a worker that was killed had is put back while it is paused, and delivered after" {
	mkmbox box
	msend box one
	in_background mrecv box -- sh -c 'echo >started; exec sleep 60'
	until_true exists started
	chmbox --pause box
	kill -KILL "$child"
	until_true ended "$child"
	run -1 mrecv -n box
	[[ $(mstat -J box) == *'"claimed":0,'* ]]
	chmbox --resume box
	[ "$(mrecv -n box)" = one ]
}

@test "at capacity 0 no offer is taken while it is paused: -n is 1, -w 124, and resuming lets both go on" {
	mkmbox -c 0 box
	in_background mrecv box >got
	until_waiting box
	chmbox --pause box
	run -1 msend -n box one
	run -124 msend -w 0.05 box one
	in_background msend box two
	until_waiting box 2
	chmbox --resume box
	for pid in "${children[@]}"; do ended_with 0 "$pid"; done
	[ "$(cat got)" = two ]
}

@test "a drop stays outside while it is paused, and comes in with its resumption" {
	mkmbox -m 0622 box
	chmod 755 .
	in_background mrecv box >got
	until_waiting box
	chmbox --pause box
	as_nobody msend box hello
	until_true eval '[ "$(mstat -J box | grep -o "\"outside\":1,")" ]'
	run -1 mrecv -n box
	[[ $(mstat -J box) == *'"outside":1,'* ]]
	chmbox --resume box
	ended_with 0 "$child"
	[ "$(cat got)" = hello ]
}

@test "an expired message stays while it is paused" {
	mkmbox box
	msend -x 1ms box old
	run -124 mrecv -w 0.05 -p box
	chmbox --pause box
	run -1 mrecv -n box
	[[ $(mstat -J box) == *'"dropped":0,'* ]]
	chmbox --resume box
	run -1 mrecv -n box
	[[ $(mstat -J box) == *'"dropped":1,'* ]]
}

@test "a call to a paused mailbox waits for its resumption" {
	mkmbox box
	in_background mrecv -f -r box -- tr a-z A-Z
	until_waiting box
	chmbox --pause box
	run -124 timeout "$LIMIT" mcall -w 0.05 box hello
	in_background mcall box hello >got
	until_true eval '[[ $(mstat -J box) == *"\"messages\":1,"* ]]'
	chmbox --resume box
	ended_with 0 "$child"
	[ "$(cat got)" = HELLO ]
}

@test "--pause and --resume exclude each other: 64" {
	mkmbox box
	misused chmbox --pause --resume box
	misused chmbox --pau=1 box
}

@test "what falls due while it is paused is delivered with its resumption, and mrecv -i takes what is not due" {
	mkmbox box
	in_background mrecv box >got
	until_waiting box
	chmbox --pause box
	msend -d 0.05 box soon
	msend -d 1h box later
	run -124 mrecv -w 0.1 box
	run -1 mrecv -n box
	chmbox --resume box
	ended_with 0 "$child"
	[ "$(cat got)" = soon ]
	[ "$(mrecv -n -i 2 box)" = later ]
}
