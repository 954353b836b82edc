#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mkmbox -o: what becomes of a message that finds no room.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# claim_one BOX -- a receiver, $receiver, has the first message in hand until there is a file `go`.
claim_one()
{
	rm -f started go
	in_background mrecv "$1" -- sh -c 'echo $$ >new; mv new started; until [ -e go ]; do sleep 0.02; done'
	receiver=$child
	until_true exists started
}

let_go()
{
	: >go
	status_of "$receiver"
	[ "$status" -eq 0 ]
}

@test "-o takes block, oldest and latest, and nothing else; it does not go with capacity 0" {
	mkmbox -o block a
	mkmbox --overflow=oldest b
	mkmbox -o latest c
	misused mkmbox -o newest d
	misused mkmbox -o '' d
	misused mkmbox -c 0 -o oldest d
	misused mkmbox -c 0 -o latest d
	mkmbox -c 0 -o block e
	[ ! -e d ]
}

@test "-p finds a mailbox with another policy not the same" {
	mkmbox -o oldest box
	mkmbox -p -o oldest box
	fails 73 mkmbox -p -o latest box
	fails 73 mkmbox -p box
}

@test "block: the sender waits" {
	mkmbox -o block -c 2 box
	lines 1 2 | msend -l box
	run -1 msend -n box 3
	run -124 timeout "$LIMIT" msend -w 0.05 box 3
	[ "$(mrecv -a box)" = "$(lines 1 2)" ]
}

@test "oldest: the oldest messages are dropped, and the sender never waits" {
	mkmbox -o oldest -c 3 box
	seq 10 | timeout "$LIMIT" msend -l box
	msend -n box 11
	[ "$(mrecv -a -o '%i %p\n' box)" = "$(printf '9 9\n10 10\n11 11\n\n')" ]
}

@test "oldest: as many go as the bytes of the new one need, and one that is too large stands alone" {
	mkmbox -o oldest -b 100 box
	for i in 1 2 3 4; do
		printf '%020d' "$i" | msend box
	done
	pattern 55 | msend box
	[ "$(mrecv -p -a -o '%i ' box)" = "3 4 5 " ]
	pattern 200000 >big
	timeout "$LIMIT" msend box <big
	[ "$(mrecv -p -a -o '%i ' box)" = "6 " ]
	mrecv box >out
	same big out
	[ -z "$(files_of box)" ]
}

@test "oldest: a large message that is dropped takes its file with it" {
	mkmbox -o oldest -c 1 box
	pattern 200000 | msend box
	[ "$(files_of box)" = 00000000000000000001.big ]
	msend box small
	[ -z "$(files_of box)" ]
	[ "$(mrecv box)" = small ]
}

@test "oldest: a claimed message is not dropped, and where all are claimed the sender waits" {
	mkmbox -o oldest -c 2 box
	msend box 1
	claim_one box
	lines 2 3 4 | timeout "$LIMIT" msend -l box
	[ "$(mrecv -a box)" = 4 ]
	let_go
	mkmbox -o oldest -c 1 small
	msend small 1
	claim_one small
	run -1 msend -n small 2
	run -124 timeout "$LIMIT" msend -w 0.05 small 2
	in_background msend small 2
	sender=$child
	until_waiting small
	let_go
	status_of "$sender"
	[ "$status" -eq 0 ]
	[ "$(mrecv -n small)" = 2 ]
}

@test "oldest: a message that was put back may be dropped" {
	mkmbox -o oldest -c 1 box
	msend box 1
	run -1 mrecv box -- false
	timeout "$LIMIT" msend box 2
	[ "$(mrecv -a box)" = 2 ]
}

@test "latest: a message takes the place of the one with its tag" {
	mkmbox -o latest box
	msend -t a box 1
	msend -t b box 2
	msend -t a box 3
	msend box no tag
	msend box again
	[ "$(mrecv -a -o '%t %p' box)" = "$(lines 'b 2' 'a 3' '- again')" ]
}

@test "latest: what was put back beside a newer one goes with it" {
	mkmbox -o latest box
	msend -t a box 1
	in_background mrecv box -- sh -c 'echo $$ >new; mv new started; until [ -e go ]; do sleep 0.02; done; exit 75'
	receiver=$child
	until_true exists started
	msend -t a box 2
	: >go
	status_of "$receiver"
	[ "$(mrecv -p -a box | xargs)" = "1 2" ]
	msend -t a box 3
	[ "$(mrecv -a box | xargs)" = 3 ]
}

@test "latest: bounds do not matter" {
	mkmbox -o latest -c 1 -b 1 box
	for i in 1 2 3; do
		timeout "$LIMIT" msend -n -t "t$i" box "message $i"
		timeout "$LIMIT" msend -n -t "t$i" box "later $i"
	done
	[ "$(mrecv -a box)" = "$(lines 'later 1' 'later 2' 'later 3')" ]
}

@test "latest: a stream of lines leaves the last of its tag" {
	mkmbox -o latest box
	seq 1000 | timeout "$LIMIT" msend -t n -l box
	seq 500 | timeout "$LIMIT" msend -t m -l box
	[ "$(mrecv -a -o '%t %p\n' box)" = "$(lines 'n 1000' 'm 500')" ]
}

@test "latest: a claimed message stays beside the new one" {
	mkmbox -o latest box
	msend -t a box 1
	claim_one box
	msend -t a box 2
	msend -t a box 3
	[ "$(mrecv -p -a box)" = 3 ]
	kill -KILL "$receiver"
	status_of "$receiver"
	: >go
	[ "$(timeout "$LIMIT" mrecv -a box)" = "$(lines 1 3)" ]
}

# each TAG PAYLOAD STREAM -- send it by the msend that reads descriptor STREAM, and wait until it is in the mailbox.
each()
{
	sends=$((sends + 1))
	printf 'M1 %d %s s\n%s\n' ${#2} "$1" "$2" >&"$3"
	until_true sent_are "$sends" box
}

sent_are()
{
	mstat -J "$2" | grep -q "\"sent\":$1,"
}

# values -- the tags and payloads that are there, in the order of the tags.
values()
{
	mrecv -p -a -o '%t %p\n' box | sort
}

values_are()
{
	[ "$(values)" = "$(lines "$@")" ]
}

@test "latest: a sender counts with what others have received of the segments that it has kept open" {
	tags() { seq "$1" "$2" | sed 's/.*/M1 1 t& s\nx/'; }
	mkmbox -o latest -b inf box
	mkfifo door
	in_background sh -c 'exec msend -F box <door'
	exec 5>door
	# in two segments; one message of each is replaced
	{ tags 1 6000 && tags 1 1 && tags 5000 5000; } >&5
	until_true sh -c "mstat -J box | grep -q '\"sent\":6002,'"
	[ "$(mrecv -a -l -t 't20*' box | wc -l)" -eq 111 ]
	tags 2 19 >&5
	until_true sh -c "mstat -J box | grep -q '\"sent\":6020,'"
	exec 5>&-
	status_of "$child"
	[ "$status" -eq 0 ]
	"$BUILD/inspect" box
	[ "$(mrecv -a -l box | wc -l)" -eq 5889 ]
}

@test "latest: senders that go on replace what others sent, and what was put back meanwhile" {
	local sends=0
	mkmbox -o latest box
	mkfifo one two
	in_background sh -c 'exec msend -F box <one'
	in_background sh -c 'exec msend -F box <two'
	exec 5>one 6>two
	for round in 1 2 3; do
		for tag in a b c; do
			each $tag "$tag$round.5" 5
			each $tag "$tag$round.6" 6
		done
		[ "$(values)" = "$(lines "a a$round.6" "b b$round.6" "c c$round.6")" ]
		each b "b$round.5 again" 5
		[ "$(values)" = "$(lines "a a$round.6" "b b$round.5 again" "c c$round.6")" ]
	done
	# a claimed one stays, and goes with the next when it is put back
	run -1 mrecv -t a box -- sh -c "printf 'M1 3 a s\nnew\n' >&5; until mstat -J box | grep -q '\"sent\":$((sends + 1)),'; do sleep 0.01; done; exit 1"
	sends=$((sends + 1))
	# it is kept back for a moment
	until_true values_are 'a a3.6' 'a new' 'b b3.5 again' 'c c3.6'
	each a last 6
	[ "$(values)" = "$(lines 'a last' 'b b3.5 again' 'c c3.6')" ]
	# what was received is not there any more, and a tag that comes again is one
	[ "$(mrecv -t c box)" = c3.6 ]
	each c c7 5
	each c c8 5
	[ "$(values)" = "$(lines 'a last' 'b b3.5 again' 'c c8')" ]
	exec 5>&- 6>&-
	status_of "${children[0]}"
	[ "$status" -eq 0 ]
	status_of "${children[1]}"
	[ "$status" -eq 0 ]
}

# tagged ROUNDS TAGS [BYTES] -- frames: so many tags, longer by BYTES, one after another, and again.
tagged()
{
	awk -v rounds="$1" -v tags="$2" -v bytes="${3:-1}" 'BEGIN {
		for (r = 1; r <= rounds; r++)
			for (t = 1; t <= tags; t++)
				printf "M1 %d t%0*d s\n%d.%d\n", length(r "." t), bytes, t, r, t
	}'
}

@test "latest: of many tags, and of more and longer ones than a sender remembers, the last value of each stays" {
	mkmbox -b inf -o latest box
	tagged 3 3000 | msend -F box
	[ "$(mrecv -a -o '%p\n' box | sort -t . -k 2n)" = "$(seq -f '3.%.0f' 3000)" ]
	tagged 2 3000 200 | msend -F box
	[ "$(mrecv -a -o '%p\n' box | sort -t . -k 2n)" = "$(seq -f '2.%.0f' 3000)" ]
}

@test "latest: a receiver that waits gets every message that finds it waiting" {
	mkmbox -o latest box
	in_background mrecv -c 3 box >out
	for i in 1 2 3; do
		until_waiting box
		msend -t a box "$i"
		until_true eval '[ "$(wc -l <out)" -eq "$i" ]'
	done
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat out)" = "$(lines 1 2 3)" ]
}

@test "many senders at once: exactly the newest are left, none torn" {
	mkmbox -o oldest -c 5 box
	senders=()
	for i in 1 2 3 4; do
		in_background msend -l box < <(seq "$((i * 1000))" "$((i * 1000 + 499))")
		senders+=("$child")
	done
	for pid in "${senders[@]}"; do
		ended_with 0 "$pid"
	done
	[ "$(mrecv -a -o '%i\n' box)" = "$(seq 1996 2000)" ]
}

@test "large messages get in among streams of small ones, and the bounds hold" {
	mkmbox -o oldest -b 300000 box
	pattern 290000 >big
	streams=()
	for i in 1 2; do
		in_background msend -l box < <(yes "line $i")
		streams+=("$child")
	done
	for i in 1 2 3 4 5; do
		timeout "$LIMIT" msend -t "$i" box <big
		[ "$(mstat -J box | grep -o '"bytes":[0-9]*' | cut -d : -f 2)" -le 300000 ]
	done
	[ "$(mstat -J box | grep -o '"sent":[0-9]*' | cut -d : -f 2)" -ge 5 ]
	kill -TERM "${streams[@]}"
	for pid in "${streams[@]}"; do
		status_of "$pid"
	done
	timeout "$LIMIT" msend -n box <big
	mrecv -a box | tail -c 290001 | head -c 290000 | same big -
}

@test "a sender killed while it displaces leaves a mailbox that works, with all its bounds" {
	mkmbox -o oldest -c 5 box
	for i in 1 2 3 4 5; do
		in_background msend -l box < <(seq 2000000)
		until_true eval '[ "$(mrecv -p box)" ]'
		kill -KILL "$child"
		status_of "$child"
		[ "$(timeout "$LIMIT" mrecv -p -a -o 'x\n' box | wc -l)" -le 5 ]
		timeout "$LIMIT" msend box end
		[ "$(mrecv -a box | tail -n 1)" = end ]
	done
	rmmbox box
}
