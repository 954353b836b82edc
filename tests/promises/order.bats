#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# In which order messages are received.

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

@test "messages are received in the order in which they were sent, over many segments and sizes" {
	seq 30000 >lines
	msend -l box <lines
	timeout "$LIMIT" mrecv -a box >out
	same lines out
}

@test "one-shot sends and receives keep the order too" {
	for i in {1..50}; do msend box "$i"; done
	for i in {1..50}; do [ "$(mrecv -n box)" = "$i" ]; done
}

@test "messages of one sender do not overtake each other, large or small" {
	for i in 1 2 3 4 5; do
		echo "small $i" | msend box
		{ echo "large $i"; pattern 100000; } >large
		msend box <large
	done
	timeout "$LIMIT" mrecv -a -o '%p\n' box | grep -a -E '^(small|large) [1-5]$' >out
	for i in 1 2 3 4 5; do lines "small $i" "large $i"; done >expected
	same expected out
}

@test "what is chosen by tag or source is received in order, and the rest keeps its order" {
	for i in {1..9}; do msend -t "t$((i % 3))" -s "s$((i % 2))" box "$i"; done
	[ "$(mrecv -a -t t1 box | xargs)" = "1 4 7" ]
	[ "$(mrecv -a -s s0 box | xargs)" = "2 6 8" ]
	[ "$(mrecv -a box | xargs)" = "3 5 9" ]
}

@test "preferred tags come first, each in order" {
	for i in {1..9}; do msend -t "t$((i % 3))" box "$i"; done
	[ "$(mrecv -a -t t2 -t t0 -t '*' box | xargs)" = "2 5 8 3 6 9 1 4 7" ]
}

@test "an urgent message that comes while another is being handled is the next" {
	lines one two | msend -l -t normal box
	in_background timeout "$LIMIT" mrecv -c 3 -t urgent -t '*' box -- sh -c 'cat >>log; echo >>log
		until [ -e go ]; do sleep 0.01; done'
	until_true exists log
	msend -t urgent box now
	: >go
	status_of "$child"
	[ "$(xargs <log)" = "one now two" ]
}

@test "what is excluded by -T and -S stays, in its place" {
	for tag in a b a c; do msend -t "$tag" -s "from-$tag" box "$tag"; done
	[ "$(mrecv -a -T a box | xargs)" = "b c" ]
	run -1 mrecv -n -S 'from-*' box
	[ "$(mrecv -a -S from-b box | xargs)" = "a a" ]
}

@test "a message that is put back comes before all later ones" {
	lines one two three | msend -l box
	run -75 mrecv box -- sh -c 'exit 75'
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

# A valgrind takes longer to begin than it is kept back.
# bats test_tags=no-valgrind
@test "a message whose command failed is kept back for a while, and then comes before later ones" {
	msend box one
	# twice as long each time
	for _ in 1 2 3 4; do
		run -3 timeout "$LIMIT" mrecv box -- sh -c 'exit 3'
	done
	run -1 mrecv -n box
	[ "$(timeout "$LIMIT" mrecv box)" = one ]
}

@test "from several mailboxes comes first what was sent first, and before that what is wanted first" {
	mkmbox other third
	for i in 1 2 3 4; do
		msend -t "t$((i % 2))" box "box $i"
		msend -t "t$((i % 2))" third "third $i"
		msend -t "t$((i % 2))" other "other $i"
	done
	for i in 1 2 3 4; do
		lines "box $i" "third $i" "other $i"
	done >sent
	mrecv -p -a other box third >peeked
	same sent peeked
	[ "$(mrecv -n -c 2 other third box)" = "$(head -n 2 sent)" ]
	mrecv -a -t t0 -t t1 third other box >out
	grep '[24]$' sent >expected
	tail -n +3 sent | grep '[13]$' >>expected
	same expected out
}

@test "a mailbox whose messages bear a wrong time, or that nobody floods, is not starved by another" {
	mkmbox other
	printf 'M1 4 - - time=4000000000.000000\nlate\n' | msend -F other
	seq 100 | while read -r i; do echo "$i"; done | msend -l box
	# one at a time
	mrecv -c 80 -s "*" -s none other box >out
	grep -qx late out
	[ "$(mrecv -a other box | wc -l)" -eq 21 ]
	grep -vx late out >rest
	[ "$(cat rest)" = "$(seq 79)" ]
}

@test "the numbers of messages rise by one, whoever sends" {
	msend -v box a >ids
	lines b c d | msend -v -l box >>ids
	pattern 100000 | msend -v box >>ids
	msend -v -s other box e >>ids
	[ "$(xargs <ids)" = "1 2 3 4 5 6" ]
	[ "$(mrecv -a -o '%i\n' box | xargs)" = "1 2 3 4 5 6" ]
}

@test "each of several receivers gets its messages in order" {
	for i in 1 2 3; do
		in_background timeout "$LIMIT" mrecv -f -w 0.5 -o '%i\n' box >"out.$i"
	done
	seq 20000 | msend -l box
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 124 ]
	done
	for i in 1 2 3; do sort -n -c "out.$i"; done
	sort -n out.* >out
	seq 20000 >expected
	same expected out
}
