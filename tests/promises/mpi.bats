#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The rules of point-to-point communication, as the MPI standard (version 4.1, chapter 3) has them.
#
# What a sanitizer would see of the tools here it sees in their own suites.
# bats file_tags=no-sanitize

load ../helpers

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	common_teardown
}

@test "3.5 order: messages of one sender that match one receive do not overtake each other" {
	seq 500 | msend -s one -t t -l box &
	seq 501 1000 | msend -s two -t t -l box
	wait "$!"
	timeout "$LIMIT" mrecv -c 1000 -t t -o '%s %p\n' box >out
	[ "$(sed -n 's/^one //p' out)" = "$(seq 500)" ]
	[ "$(sed -n 's/^two //p' out)" = "$(seq 501 1000)" ]
}

@test "3.5 order: a large message is not overtaken by a small one sent after it" {
	pattern 1000000 >large
	msend -s one box <large
	msend -s one box small
	[ "$(timeout "$LIMIT" mrecv -o %l box)" = 1000000 ]
	[ "$(mrecv box)" = small ]
}

@test "3.5 order: of two receives that match a message, the one posted first is satisfied first" {
	in_background mrecv -t 'a*' box >first
	until_waiting box
	in_background mrecv -t '*' box >second
	until_waiting box 2
	msend -t ab box one
	until_true exists first
	[ "$(cat first)" = one ]
	msend -t ab box two
	until_true exists second
	[ "$(cat second)" = two ]
}

@test "3.5 order: a receive takes the first message that matches, whatever unmatched ones stand before it" {
	msend -t other box one
	msend -t mine box two
	msend -t mine box three
	[ "$(mrecv -t mine box)" = two ]
	[ "$(mrecv -t mine box)" = three ]
	[ "$(mrecv -t other box)" = one ]
}

@test "3.5 progress: of a matching send and receive one completes, whatever else waits" {
	in_background mrecv -t never box
	in_background mrecv -t mine box >out
	wanted=$child
	until_waiting box 2
	timeout "$LIMIT" msend -S -t mine box hello
	status_of "$wanted"
	[ "$(cat out)" = hello ]
}

@test "3.2.4 wildcards: any source, any tag, and each of them alone" {
	msend -s alice -t a box 1
	msend -s bob -t b box 2
	msend -s alice -t b box 3
	msend -s bob -t a box 4
	[ "$(mrecv -s bob box)" = 2 ]
	[ "$(mrecv -t b box)" = 3 ]
	[ "$(mrecv -s bob -t a box)" = 4 ]
	[ "$(mrecv box)" = 1 ]
}

@test "3.2.5 status: a wildcard receive tells source, tag and length" {
	msend -s alice -t greeting box hello
	[ "$(mrecv -o '%s %t %l' box)" = "alice greeting 6" ]
}

@test "3.2.1 a message of no bytes is a message" {
	msend -t empty box </dev/null
	[ "$(mrecv -t empty -o '%t %l.' box)" = "empty 0." ]
}

@test "3.4 standard mode: a send may complete before a receive is posted, and the buffer is free again" {
	echo first >file
	msend box <file
	echo second >file
	[ "$(mrecv box)" = first ]
}

@test "3.4 synchronous mode: a send completes only after the matching receive has started" {
	mkmbox -c 0 zero
	in_background msend -S -t mine box hello
	in_background msend -t mine zero hello
	for mbox in box zero; do
		until_waiting "$mbox"
		# a receive that does not match is none
		run -1 mrecv -n -t other "$mbox"
		waiting "$mbox"
		[ "$(mrecv -t mine "$mbox")" = hello ]
	done
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ]
	done
}

@test "3.4 ready mode: a send succeeds only where the receive is posted (-n at capacity 0)" {
	mkmbox -c 0 zero
	run -1 msend -n zero hello
	in_background mrecv zero >out
	until_waiting zero
	msend -n zero hello
	status_of "$child"
	[ "$(cat out)" = hello ]
}

@test "3.8.1 probe: what was probed is what a receive with its source and tag gets, without other receivers" {
	msend -s alice -t a box one
	msend -s bob -t b box two
	read -r id source tag < <(mrecv -p -T a -o '%i %s %t\n' box)
	[ "$id $source $tag" = "2 bob b" ]
	[ "$(mrecv -s "$source" -t "$tag" box)" = two ]
}

@test "3.8.1 probe: a blocking probe returns when there is a message, and leaves it" {
	in_background mrecv -p -o '%i\n' box >id
	until_waiting box
	msend box hello
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(mrecv -n -i "$(cat id)" box)" = hello ]
}

@test "3.8.2 matching probe: of many that probed one message, one receives it by its number" {
	for round in 1 2 3 4 5; do
		msend box "$round"
		msend box other
		id=$(mrecv -p -o %i box)
		pids=() winners=0
		for i in 1 2 3 4 5 6; do
			in_background mrecv -i "$id" box >"out.$i"
			pids+=("$child")
		done
		for pid in "${pids[@]}"; do
			status_of "$pid"
			case $status in
			0) winners=$((winners + 1)) ;;
			*) [ "$status" -eq 1 ] ;;
			esac
		done
		[ "$winners" -eq 1 ]
		[ "$(cat out.*)" = "$round" ]
		[ "$(mrecv -n box)" = other ]
	done
}

@test "3.10 send and receive at once: two that exchange messages do not block each other" {
	mkmbox -c 1 left right
	exchange() { msend "$1" "from $2" && mrecv -w "$LIMIT" "$2" >"got.$2"; }
	in_background exchange left right
	one=$child
	in_background exchange right left
	status_of "$child"
	[ "$status" -eq 0 ]
	status_of "$one"
	[ "$status" -eq 0 ]
	[ "$(cat got.left)" = "from right" ]
	[ "$(cat got.right)" = "from left" ]
}
