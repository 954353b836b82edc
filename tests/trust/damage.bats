#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is damaged on the disk: never delivered, set aside, told, and in nobody's way; and copies of mailboxes.
#
# A copy is looked at as a mailbox is after the machine has stopped; power.bats has that itself.

load ../helpers

SLOTS=6144 STATES=5632 EXPIRIES=4608 NAMES=128   # where an index has them

setup()
{
	common_setup
	mkmbox box
	seq -f 'n%.0f' 5 | msend -l -t one -s me box
	pattern 100000 >big
	msend -t two -s me box <big
	msend -t three -s me box last
}

teardown()
{
	common_teardown
}

# put_bytes FILE AT < BYTES -- write over what stands there.
put_bytes()
{
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

zeros()
{
	head -c "$1" /dev/zero
}

# receives LINE... -- mrecv -a of `copy` gives these messages (ID TAG LENGTH), and says one line, in $error.
receives()
{
	lines "$@" >want
	status=0
	timeout "$LIMIT" mrecv -a -o '%i %t %l\n' copy >out 2>err || status=$?
	error=$(cat err)
	cmp want out
	[ "$status" -eq 0 ]
}

# goes_on -- the mailbox is as good as new.
goes_on()
{
	msend copy after
	[ "$(mrecv copy)" = after ]
	mstat -J copy | grep -q '"messages":0,"bytes":0,.*"claimed":0'
}

claimed()
{
	mstat -J box | grep -q '"claimed":1'
}

damaged()
{
	mstat -J copy | grep -q "\"damaged\":$1,"
}

ALL=('1 one 2' '2 one 2' '3 one 2' '4 one 2' '5 one 2' '6 two 100000' '7 three 5')

@test "an id that is damaged, in a segment that was rewritten, is told once: a peek does not begin again" {
	rm -r box
	mkmbox -b inf box
	seq 5000 | sed 's/.*/M1 1 t& s\nx/' | msend -F box
	mrecv -c 4084 box >/dev/null
	[ -e box/00000000000000000001.1.log ]
	# the last of its ids: letterbox(5)
	[ "$(od -An -tu8 -j 5192 -N 16 box/00000000000000000001.idx | xargs)" = '4094 4095' ]
	printf '\001\0\0\0\0\0\0\0' | put_bytes box/00000000000000000001.idx 5200
	timeout "$LIMIT" mrecv -p -a -o '%i\n' box >out 2>err || :
	seq 4085 5000 | grep -vx 4095 | same - out
	[ "$(grep -c 'message 1 is damaged' err)" -eq 1 ]
}

@test "a copy has the messages that the mailbox had, and is a mailbox of its own" {
	cp -a box copy
	receives "${ALL[@]}"
	[ "$error" = "" ]
	goes_on
	[ "$(mstat -J box | grep -o '"messages":[0-9]*')" = '"messages":7' ]
	mv box copy2
	[ "$(mrecv -i 6 copy2 | cmp - big && echo same)" = same ]
}

@test "a copy has no claims and no waiters, and nothing of them is left in it" {
	in_background mrecv box -- sleep 60
	until_true claimed
	in_background mrecv -t none box
	until_waiting box
	cp -a box copy
	run -0 mstat -J copy
	[[ $output == *'"messages":7,'* && $output == *'"claimed":1,'* && $output == *'"receivers_waiting":0,'* ]]
	receives "${ALL[@]}"
	[ "$(files_of copy)" = "" ]
	goes_on
}

# bats test_tags=no-sanitize,no-valgrind
@test "a receiver that cannot set aside what is damaged leaves counts that are right, and the next one goes on" {
	needs_strace
	local nth first=box/00000000000000000001.log
	for ((nth = 1; ; nth++)); do
		rm -rf box
		mkmbox box
		seq 3 | msend -l -s me box
		printf X | put_bytes $first $(($(wc -c <$first) / 3 + 3))
		run strace -qq -o trace -e inject=pwrite64:error=EIO:when=$nth mrecv -a box
		grep -q INJECTED trace || break
		run mrecv -a box
		[ "$status" -le 1 ]
		mstat -J box | grep -q '"messages":0,"bytes":0,.*"claimed":0'
		"$BUILD/inspect" box
	done
	[ "$nth" -gt 10 ]
}

@test "half a copy, without the table of wants, is a mailbox with what it has" {
	cp -a box copy
	rm copy/want
	in_background mrecv -c 1 -t later copy >got
	until_waiting copy
	msend -t later copy hello
	ended_with 0 "$child"
	[ "$(cat got)" = hello ]
	receives "${ALL[@]}"
	goes_on
}

@test "a copy of a mailbox that hands over has no offers" {
	mkmbox -c 0 door
	in_background msend door hello
	until_waiting door
	cp -a door copy
	run -1 mrecv -n copy
	[ "$(files_of copy)" = "" ]
	[ "$(mrecv door)" = hello ]
}

@test "a frame that was changed is not delivered but set aside, whenever it is met" {
	cp -a box copy
	mstat copy >/dev/null
	printf X | put_bytes "$(echo copy/*1.log)" 12
	run -0 mrecv -p -a -o '%i\n' copy
	[[ $output != 1$'\n'* && $output == *$'2\n3\n4\n5\n6\n7' ]]
	receives "${ALL[@]:1}"
	[ "$error" = "mrecv: copy: message 1 is damaged: set aside there in a file named *.damaged" ]
	[ "$(cat copy/*.damaged)" = "M1 2 one me"$'\n'"X1" ]
	damaged 1
	goes_on
}

@test "who waits for the end of a message that is damaged is told that nobody received it" {
	mkmbox copy
	in_background msend -S copy hello
	until_waiting copy
	printf X | put_bytes "$(echo copy/*.log)" 12
	run -1 mrecv -n copy
	status_of "$child"
	[ "$status" -eq 74 ]
	damaged 1
}

@test "slots that never reached the disk are no messages, and the others are there" {
	cp -a box copy
	zeros 64 | put_bytes "$(echo copy/*.idx)" $((SLOTS + 32))
	receives "${ALL[0]}" "${ALL[@]:3}"
	[ "$error" = "mrecv: copy: 2 messages from 2 to 3 are damaged: set aside there in files named *.damaged" ]
	[ "$(mrecv -a -o '%t %p\n' - <"$(echo copy/*.damaged)" | xargs)" = "one n2 one n3" ]
	damaged 2
	goes_on
}

@test "of an index that ends too soon no message is made up" {
	cp -a box copy
	truncate -s $((SLOTS + 5 * 32)) copy/*.idx
	receives "${ALL[@]:0:5}"
	[ "$error" = "mrecv: copy: 2 messages from 6 to 7 are damaged: set aside there in files named *.damaged" ]
	cmp copy/*6.big.damaged big
	mrecv -a -o '%t %p' - <"$(echo copy/*6.damaged)" | grep 'three last$'
	goes_on
}

@test "states that are lost give each message again, and states that are none do not keep one back" {
	[ "$(mrecv box)" = n1 ]
	cp -a box copy
	zeros 64 | put_bytes "$(echo copy/*.idx)" $STATES
	printf '\377\377\377\377\377\377\377\377' | put_bytes "$(echo copy/*.idx)" $((STATES + 16))
	receives "${ALL[@]}"
	[ "$error" = "" ]
	goes_on
}

@test "names that are lost are taken from the frames" {
	cp -a box copy
	zeros 64 | put_bytes "$(echo copy/*.idx)" $NAMES
	[ "$(mrecv -p -t three copy)" = last ]
	receives "${ALL[@]}"
	[ "$error" = "" ]
	goes_on
}

@test "an expiry that is lost is taken from the frame" {
	msend -x 1h box later
	cp -a box copy
	zeros 64 | put_bytes "$(echo copy/*.idx)" $EXPIRIES
	receives "${ALL[@]}" '8 - 6'
	[ "$error" = "" ]
}

@test "a log that ends too soon has lost what stood there" {
	cp -a box copy
	truncate -s 59 copy/*.log
	receives "${ALL[@]:0:3}"
	[[ $error == "mrecv: copy: 4 messages from 4 to 7 are damaged: "* ]]
	[ "$(files_of copy)" = "" ]
	goes_on
}

@test "an index that is none has its log set aside" {
	cp -a box copy
	zeros 128 | put_bytes "$(echo copy/*.idx)" 0
	run -1 mrecv -n copy
	[[ $output == "mrecv: copy: 7 messages from 1 to 7 are damaged: set aside"* ]]
	[ "$(cat copy/*.log.damaged | mrecv -a -t one -)" = "$(seq -f 'n%.0f' 5)" ]
	goes_on
	rmmbox copy
	[ ! -e copy ]
}

@test "a large payload that was changed, cut or lost is not delivered" {
	cp -a box copy
	printf X | put_bytes copy/*.big 50000
	receives "${ALL[@]:0:5}" "${ALL[6]}"
	[[ $error == "mrecv: copy: message 6 is damaged: "* ]]
	[ "$(wc -c <"$(echo copy/*.big.damaged)")" -eq 100000 ]
	goes_on
	rm -r copy
	cp -a box copy
	truncate -s 99999 copy/*.big
	receives "${ALL[@]:0:5}" "${ALL[6]}"
	rm -r copy
	cp -a box copy
	rm copy/*.big
	receives "${ALL[@]:0:5}" "${ALL[6]}"
	damaged 1
}

@test "a rewritten segment with a slot lost still has the others" {
	seq -f '%.0f' 70000 | msend -l -t many box
	mrecv -a box >/dev/null
	seq -f '%.0f' 70000 | awk '{ print "M1 " length " " ($1 % 1000 ? "x" : "y") " me"; print }' | msend -F box
	[ "$(mrecv -a -t x box | wc -l)" -eq 69930 ]
	log=$(find box -name '*.[0-9]*.log')    # it may have been rewritten more than once
	mrecv -p -a box >want
	cp -a box copy
	zeros 32 | put_bytes "copy${log:3:21}.idx" $((SLOTS + 32 * 3))
	timeout "$LIMIT" mrecv -a copy >out 2>err
	[ "$(wc -l <err)" -eq 1 ] 
	sed 4d want | cmp - out || { diff want out; false; }
	goes_on
}

# survives COMMAND... -- it ends by itself, and in time, with a status of its own.
survives()
{
	status=0
	timeout -s KILL 10 "$@" >out 2>err </dev/null || status=$?
	[ "$status" -lt 128 ] || { echo "status $status: $*: $(cat err)"; return 1; }
}

@test "numbers in a slot that no mailbox could have lead nobody out of his memory" {
	local patch
	# its length, its place in the log, and the length of its header line
	for patch in '0 \377\377\377\177' '0 \000\000\003' '16 \377\377\377\377' '16 \000\000\000\177' '24 \377\377'; do
		for tool in 'mrecv -p -a' 'mrecv -n' 'mrecv -a' 'msend -S -w 0.1' 'rmmbox -f'; do
			rm -rf box
			mkmbox box
			seq -f 'n%.0f' 5 | msend -l -t one -s me box
			printf "${patch#* }" | put_bytes box/00000000000000000001.idx $((SLOTS + ${patch% *}))
			# shellcheck disable=SC2086
			survives $tool box
			run ! grep -vE '^n[1-5]$' out
		done
	done
}

@test "segments that name each other in a ring, or backwards, are refused with 65, and nobody goes round in them" {
	seq 70000 | msend -l -t many box
	mstat box >/dev/null
	# the first segment says that it comes after itself
	printf '\001\000\000\000\000\000\000\000' | put_bytes box/00000000000000000001.idx 24
	fails 65 mrecv -n -t none box
	fails 65 mrecv -n -p -t none box
	survives mstat -t box
	survives mrecv -a box
}

@test "a want whose filter is longer than it can be is not read" {
	in_background mrecv -t none box
	until_waiting box
	printf '\377\377' | put_bytes box/want 50
	for tool in 'msend box x' 'mstat box' 'mcall -w 0.1 box x' 'mrecv -n box'; do
		# shellcheck disable=SC2086
		survives $tool
	done
}

@test "a mailbox whose ctl is damaged is refused with 65, told how to salvage, and removed with -f" {
	zeros 640 | put_bytes box/ctl 0
	for tool in 'msend box x' 'mrecv -n box' 'mstat box' 'rmmbox box'; do
		# shellcheck disable=SC2086
		fails 65 $tool
		[[ $error == *"its file ctl is damaged: read its messages with cat NAME/*.log | mrecv -a -F -" ]]
	done
	[ "$(cat box/*.log | mrecv -a -t one -)" = "$(seq -f 'n%.0f' 5)" ]
	rmmbox -f box
	[ ! -e box ]
}

@test "whichever tool is the first to see that messages are damaged says so, and none removes them" {
	mkmbox other
	local tool
	for tool in 'mrecv -n copy' 'mrecv -n copy -- true' 'mrecv -n other copy' 'mrecv -np copy' 'mrecv -n -A copy -- true' \
		'mrecv -n -A copy' 'mstat copy' 'mstat -m copy' 'mlink -l copy' 'msend copy x' 'msend -l --close copy' \
		'mtee -q --close copy other' 'mcall -w 0.1 copy x' 'chmbox --pause copy' 'mkmbox -p copy' 'rmmbox copy'; do
		rm -rf copy
		cp -a box copy
		rm copy/*.idx
		# shellcheck disable=SC2086
		timeout "$LIMIT" $tool </dev/null >/dev/null 2>err || true
		echo "$tool: $(<err)"
		[[ $(<err) == "${tool%% *}: copy: 7 messages from 1 to 7 are damaged: set aside there"* ]]
		cat copy/*.damaged >/dev/null
		[[ $tool != *other ]] || chmbox --open other
	done
	rmmbox copy
	[ ! -e copy ]
}

@test "half a copy, as a full disk leaves it, has lost no frame without a word" {
	mkmbox -b inf many
	seq 2000 | msend -l many
	local cut
	for cut in 20480 4096 100 0 none; do
		rm -rf copy
		cp -R many copy
		if [ $cut = none ]; then rm copy/*.idx; else truncate -s $cut copy/*.idx; fi
		run --separate-stderr mrecv -a copy
		[ "$status" -eq $((${#lines[@]} == 0)) ]
		[[ $stderr =~ ^"mrecv: copy: "[0-9]+" messages from "[0-9]+" to 2000 are damaged: set aside there" ]]
		mstat -J copy | grep -q "\"received\":${#lines[@]},.*\"damaged\":$((2000 - ${#lines[@]}))," ||
			{ mstat -J copy; return 1; }
		# what was received, and the frames that were set aside, are all of them
		mkmbox -b inf aside
		cat copy/*.damaged | msend -F aside
		{ printf '%s\n' "${lines[@]}"; mrecv -a aside; } | sed '/^$/d' | cmp - <(seq 2000)
		rmmbox aside
	done
	cp -R many copy2
	rm copy2/*.log
	run -1 --separate-stderr mrecv -a copy2
	[ "$stderr" = "mrecv: copy2: 2000 messages from 1 to 2000 are damaged: nothing is left of them" ]
}
