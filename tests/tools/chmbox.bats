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
	[ "$(cat err)" = "msend: cannot send to box: its capacity became 0, or is not 0 any more, since it was opened" ]
}

@test "several are changed, and one that fails does not keep the others from it" {
	mkmbox one two
	fails 66 chmbox -c 7 one none two
	[[ $error == "chmbox: cannot change none: "* ]]
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
