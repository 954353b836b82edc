#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# msend -d: messages that are delivered later.

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

# ms -- the time, in milliseconds.
ms()
{
	echo $(($(date +%s%N) / 1000000))
}

# late_by FILE DUE -- how many milliseconds after DUE the time in FILE is.
late_by()
{
	echo $(($(<"$1") - $2))
}

# stamped COMMAND... -- its output, and when it ended, in got and got.ms.
stamped()
{
	"$@" >got
	ms >got.ms
}

# count MEMBER -- a number that mstat -J has of the mailbox.
count()
{
	mstat -J box | grep -o "\"$1\":[0-9]*" | cut -d : -f 2
}

@test "a delayed message is not received before it is due, and then it is" {
	msend -d 1h box far
	run -1 mrecv -n box
	run -1 mrecv -a box
	run -1 mrecv -p -n box
	run -124 timeout "$LIMIT" mrecv -w 0.01 box
	due=$(($(ms) + 300))
	msend -d 0.3 box later
	stamped mrecv box
	[ "$(<got)" = later ]
	late=$(late_by got.ms "$due")
	[ "$late" -ge 0 ]
	[ "$late" -lt 10000 ]
}

@test "a message that is due at a moment comes then, and one whose moment has passed at once" {
	now=$(date +%s)
	msend -d "@$((now + 3600))" box in an hour
	msend -d "@$((now + 3600)).5" box a little later
	msend -d "@$((now - 5))" box five seconds ago
	[ "$(mrecv -n box)" = 'five seconds ago' ]
	run -1 mrecv -n box
	[ "$(count delayed)" -eq 2 ]
	[ "$(count messages)" -eq 2 ]
}

@test "the header due says when, and goes along with the frame; -d replaces it, and -d 0 removes it" {
	before=$(date +%s)
	msend -d 1h - later >frame
	due=$(head -n 1 frame | grep -o ' due=[0-9]*' | cut -d = -f 2)
	[ "$due" -ge $((before + 3600)) ]
	[ "$due" -le $(($(date +%s) + 3600)) ]
	msend -F box <frame
	run -1 mrecv -n box
	mrecv -n -F -i 1 box >again
	same <(head -n 1 again | grep -o ' due=[0-9.]*') <(head -n 1 frame | grep -o ' due=[0-9.]*')
	msend -F -d 2h box <again
	mrecv -n -F -i 2 box >third
	[ "$(head -n 1 third | grep -o ' due=[0-9]*' | cut -d = -f 2)" -ge $((before + 7200)) ]
	msend -F -d 0 box <third
	run ! grep -q due= <(head -n 1 <(mrecv -p -F box))
	[ "$(mrecv -n box)" = later ]
}

@test "what falls due comes in its place: before later messages, after earlier ones" {
	msend box first
	msend -d 0.05 box second
	msend box third
	until_true none_delayed
	[ "$(mrecv -a box)" = "$(lines first second third)" ]
}

# none_delayed -- whether all are due, as a receiver that takes nothing sees it.
none_delayed()
{
	run -0 mrecv -p -a box
	[ "$(mstat -J box | grep -o '"delayed":[0-9]*')" = '"delayed":0' ]
}

# punctual COMMAND -- it sets $due, and leaves in got.ms when the message came: not as late as by the look of a second,
# which is 0.8 s after what is due 0.2 s after the receiver lay down; at least once, for the machine may be busy.
punctual()
{
	local try
	for try in 1 2 3 4 5; do
		rm -rf box
		mkmbox box
		"$@"
		late=$(late_by got.ms "$due")
		[ "$late" -ge 0 ] || return
		[ "$late" -ge 600 ] || return 0
	done
	return 1
}

earlier()
{
	msend -d 1h box far
	in_background stamped mrecv box
	until_waiting box
	due=$(($(ms) + 200))
	msend -d 0.2 box near
	ended_with 0 "$child"
	[ "$(<got)" = near ]
}

@test "a receiver that sleeps wakes for a message that is due earlier than what it knew" {
	punctual earlier
}

off_to_work()
{
	local later
	rm -f hold
	mkfifo hold
	in_background mrecv -t work box -- sh -c 'read x <hold'
	until_waiting box
	in_background stamped mrecv -t later box
	later=$child
	until_waiting box 2
	due=$(($(ms) + 200))
	msend -d 0.2 -t later box hello
	msend -t work box go
	ended_with 0 "$later"
	echo >hold
}

@test "where the receiver that keeps the time goes off to work, another wakes for what falls due" {
	punctual off_to_work
}

for_another()
{
	local mine other
	in_background mrecv -t other box
	other=$child
	until_waiting box
	in_background stamped mrecv -t mine box
	mine=$child
	until_waiting box 2
	due=$(($(ms) + 200))
	msend -d 0.2 -t mine box hello
	ended_with 0 "$mine"
	msend -t other box end
	ended_with 0 "$other"
}

@test "a receiver that keeps the time wakes the one that wants the message" {
	punctual for_another
}

@test "a receiver that is stopped as it keeps the time holds up no other" {
	in_background mrecv -t never box
	stopped=$child
	until_waiting box
	msend -d 1h -t x box far
	in_background stamped mrecv box
	until_waiting box 2
	kill -STOP "$stopped"
	due=$(($(ms) + 200))
	msend -d 0.2 box near
	status_of "$child"
	kill -CONT "$stopped"
	[ "$(<got)" = near ]
	[ "$(late_by got.ms "$due")" -lt 10000 ]
}

@test "a delayed message is received by its number, whenever it is due, and put back until then" {
	msend -d 1h box later
	run -8 mrecv -n -i 1 box -- sh -c 'exit 8'
	run -1 mrecv -n box
	[ "$(count delayed)" -eq 1 ]
	[ "$(mrecv -p -i 1 box)" = later ]
	[ "$(mrecv -n -i 1 box -- sh -c 'cat; echo "try $MBOX_TRY"')" = "$(lines later 'try 2')" ]
	[ "$(count messages)" -eq 0 ]
	[ "$(count delayed)" -eq 0 ]
	"$BUILD/inspect" -e box
}

@test "a delayed message is delivered at once: it is taken by its number, and sent on without its delay" {
	msend -d 1h -t job box now
	mrecv -i 1 -F box | msend -F -d 0 box
	[ "$(mrecv -n -o '%t %p' box)" = 'job now' ]
}

@test "-d goes with every form of input" {
	lines a b >in
	msend -d 1h -l box <in
	printf 'c\0d\0' | msend -d 1h -0 box
	head -c 200000 /dev/zero | msend -d 1h box
	msend -d 1h box words
	[ "$(count delayed)" -eq 6 ]
	run -1 mrecv -n box
	"$BUILD/inspect" box
	for i in 1 2 3 4; do mrecv -n -i $i -l box; done >out
	same out <(lines a b c d)
	[ "$(mrecv -n -i 5 box | wc -c)" -eq 200000 ]
}

@test "delayed messages count and take room: one more waits, or drops the oldest, which may be delayed" {
	mkmbox -c 2 small
	msend -d 1h small one
	msend -d 1h small two
	run -1 msend -n small three
	run -124 msend -w 0.01 -d 1h small three
	mkmbox -c 2 -o oldest ring
	msend -d 1h ring one
	msend ring two
	msend ring three
	[ "$(mrecv -a ring)" = "$(lines two three)" ]
	[ "$(mstat -J ring | grep -o '"dropped":[0-9]*')" = '"dropped":1' ]
	"$BUILD/inspect" -e ring
}

@test "a mailbox of capacity 0, and one with -o latest, refuse -d; a frame that has a due time comes at once" {
	mkmbox -c 0 meet
	mkmbox -o latest state
	for name in meet state; do misused msend -d 1 $name x; done
	[[ $error = *"msend: -d: state keeps no message back: it has capacity 0, or -o latest"* ]]
	msend -d 1h - later >frame
	msend -F state <frame
	[ "$(mrecv -n state)" = later ]
	in_background mrecv meet
	until_waiting meet
	msend -F meet <frame
	ended_with 0 "$child"
}

@test "a message must expire after it is delivered" {
	misused msend -d 10 -x 5 box x
	misused msend -d 10 -x 10 box x
	misused msend -d "@$(($(date +%s) + 100))" -x 5 box x
	misused msend -d x box x
	misused msend -d @5m box x
	misused msend -d '' box x
	misused msend -H due=5 box x
	msend -d 1h -x 2h box fine
	[ "$(count delayed)" -eq 1 ]
	# in a frame it expires, at the latest when it is due
	printf 'M1 2 - - expire=1 due=%s\nx\n\n' $(($(date +%s) + 1)) | msend -F box
	run -124 timeout "$LIMIT" mrecv -w 2 box
	[ "$(count dropped)" -eq 1 ]
}

@test "a dead letter of a delayed message is there at once" {
	mkmbox dead
	msend -d 0.01 box x
	until_true none_delayed
	run -124 timeout "$LIMIT" mrecv -f -w 0.01 -k 1 -d dead box -- false
	run ! grep -q due= <(head -n 1 <(mrecv -p -F dead))
	[ "$(mrecv -n dead)" = x ]
}

@test "msend -S -d waits until the message is due, and has been received" {
	in_background msend -S -d 0.2 box hello
	[ "$(mrecv box)" = hello ]
	ended_with 0 "$child"
	run -124 msend -S -w 0.05 -d 1h box hello
	[ "$(count messages)" -eq 0 ]
	"$BUILD/inspect" -e box
}

@test "a mailbox with delayed messages is removed with -f alone, and a copy of it keeps them" {
	msend -d 1h box later
	msend -d 0.1 box sooner
	run -1 rmmbox box
	cp -r box copy
	[ "$(mrecv copy)" = sooner ]
	run -1 mrecv -n copy
	[ "$(mrecv -n -i 1 copy)" = later ]
	rmmbox -f box
	[ ! -e box ]
}

@test "the file due is made anew where it is lost" {
	msend -d 1h box later
	msend -d 0.05 box sooner
	rm box/due
	[ "$(mrecv box)" = sooner ]
	[ "$(mrecv -n -i 1 box)" = later ]
	"$BUILD/inspect" -e box
}

@test "many that are cancelled leave no heap behind" {
	seq 6000 | msend -d 1h -l box
	mrecv -n -i 1 box >/dev/null
	for i in 1 2; do
		in_background mrecv -t none box
		msend -d 1h box another
	done
	size=$(stat -c %s box/due)
	[ "$size" -le $((6100 * 16)) ]
	"$BUILD/inspect" box
}

@test "thousands that fall due at the same time come in their order" {
	at=$(($(date +%s) + 2))
	seq 3000 | msend -l -d "@$at" box
	seq 3001 3500 | msend -l box
	mrecv -c 3500 -l box >out
	same <(head -n 500 out) <(seq 3001 3500)
	same <(tail -n 3000 out) <(seq 3000)
	"$BUILD/inspect" -e box
}

@test "a frame that expires before it is due expires when it is due: until then it is delayed, and can be taken" {
	printf 'M1 2 t s due=9999999999.000000 expire=1000000000.000000\n%s\n' ab cd | msend -F box
	[ "$(mstat -m box | awk 'NR > 1 { print $2 }' | xargs)" = "delayed delayed" ]
	[ "$(mstat -J box | jq .delayed)" -eq 2 ]
	[ "$(mrecv -p -n -i 1 box)" = ab ]
	[ "$(mrecv -n -i 2 box)" = cd ]
	[ "$(mrecv -n -i 1 box)" = ab ]
	msend -F box < <(printf 'M1 2 t s due=1000000001.000000 expire=1000000000.000000\nef\n')
	run -1 mrecv -n -t t box
	[ "$(mstat -J box | jq .dropped)" -eq 1 ]
}
