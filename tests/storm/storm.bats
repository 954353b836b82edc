#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The storm (tests/storm): many at work with the real tools, and every message is accounted for.  Longer: "make storm".

# Eighteen valgrinds at one lock take turns that last longer than anybody waits.
# bats file_tags=no-valgrind

load ../helpers

setup()
{
	common_setup
	STORM=${BUILD:-$BATS_TEST_DIRNAME/../../build}/storm
	mkdir here
}

teardown()
{
	common_teardown
}

# storm ARGUMENTS... -- with a seed of its own each time, which it tells.
storm()
{
	timeout 120 "$STORM/storm" -l 110 -s "${SEED:-$RANDOM}" "$@" 3>&-
}

# bats test_tags=long
@test "20,000 messages from 8 senders to 10 receivers: each arrives once, whole and in order, and the mailbox is small again" {
	storm -n 20000 here
}

@test "4,000 messages from 8 senders to 10 receivers: each arrives once, whole and in order, and the mailbox is small again" {
	storm -n 4000 -m 2 here
}

@test "the same through a mailbox that is nearly always full" {
	storm -n 1000 -m 1 here -c 100 -b 256K
}

# sent BOX -- how many messages have been sent there.
sent()
{
	mstat -J "$1" | sed 's/.*"sent":\([0-9]*\),.*/\1/'
}

@test "the same while receivers are paused and resumed, and the bounds change" {
	local rounds=0
	in_background storm -n 1200 -m 1 here -c 100
	until_true exists here/box/ctl
	# in the second half nothing is paused: receivers that find nothing then have come to the end
	while kill -0 "$child" && [ "$(sent here/box)" -lt 600 ]; do
		chmbox --pause -c $((1 + RANDOM % 100)) here/box
		chmbox -b $((1 + RANDOM % 512))K here/box
		chmbox --resume -c $((1 + RANDOM % 100)) here/box
		rounds=$((rounds + 1))
	done
	wait "$child"
	echo "$rounds rounds"
	[ "$rounds" -ge 2 ]
}

@test "where tools are killed at random nothing acknowledged is lost, and only what a killed receiver had comes again" {
	storm -n 2000 -m 1 -k 50 here
}

@test "a quarter is sent for later: each arrives once and not before its time, the others in order" {
	storm -n 1200 -m 1 -d 600 here
}

@test "a mailbox that is closed: every receiver ends, killed ones that are started anew too, and nothing is left" {
	storm -n 2000 -m 1 -k 50 -d 400 -e here
	mkdir full
	storm -n 600 -m 1 -d 400 -e full -c 100 -b 256K
}

@test "the last value of each tag: none is lost but to a later one of its tag, also where tools are killed" {
	run -0 storm -n 2000 -m 1 here -o latest
	echo "$output"
	[[ $output =~ [1-9][0-9]*" replaced" ]]
	mkdir killed
	storm -n 2000 -m 1 -k 50 -e killed -o latest
}

@test "where nothing is stored every message is handed over once, whole and in order" {
	storm -n 600 -m 1 here -c 0
}

@test "where nothing is stored and tools are killed at random, only what a killed receiver had comes again" {
	storm -n 600 -k 60 -m 1 here -c 0
}

@test "callers and servers that are killed at random: each call gets its own answer, or is told" {
	storm -n 100 -S 1 -R 1 -m 0 -C 4 -V 2 -r 40 -k 60 here
}

# bats test_tags=no-sanitize,no-valgrind
@test "signals that interrupt every system call, and a clock that is set to and fro, change nothing of that" {
	export SPRAY_US=700 SPRAY_STEP=300
	PATH=$STORM/bin:$PATH
	storm -n 1500 -m 1 -C 2 -V 2 -r 10 -k 80 here
}

# bats test_tags=long
@test "more of that: a mailbox that is nearly always full, and more of what is killed, with and without anything stored" {
	storm -n 4000 -m 2 here -c 100 -b 256K
	mkdir killed zero zero_killed called
	storm -n 8000 -k 50 killed
	storm -n 4000 -m 2 zero -c 0
	storm -n 3000 -k 60 -m 2 zero_killed -c 0
	storm -n 100 -S 1 -R 1 -m 0 -C 8 -V 4 -r 60 -k 60 called
	mkdir later ended ended_zero
	storm -n 6000 -m 2 -d 900 later -c 100 -b 256K
	storm -n 10000 -m 2 -k 50 -d 900 -e ended
	mkdir latest
	storm -n 20000 -m 10 -k 50 latest -o latest
	storm -n 3000 -m 2 -k 60 -e ended_zero -c 0
}

# bats test_tags=long,no-sanitize,no-valgrind
@test "more of that: signals that interrupt every system call, and a clock that is set to and fro" {
	export SPRAY_US=700 SPRAY_STEP=300
	PATH=$STORM/bin:$PATH
	storm -n 3000 -m 2 -C 4 -V 2 -r 20 here
	mkdir again zero
	storm -n 4000 -m 2 -C 4 -V 2 -r 20 -k 50 again
	storm -n 1500 -m 1 -C 2 -V 2 -r 10 -k 80 zero -c 0
}
