#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mstat: every option, every status.
#
# shellcheck disable=SC2154 # run sets stderr

load ../helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# cell MAILBOX COLUMN -- one cell of the table.
cell() {
	mstat "$1" | awk -v column="$2" 'NR == 2 { print $column }'
}

is_cell() {
	[ "$(cell "$1" "$2")" = "$3" ]
}

@test "the table has a row for each mailbox, its columns under their headings" {
	mkmbox -c 10 -b 1M -p long-name
	mkmbox b
	printf '1\n22\n333\n' | msend -l b
	mstat b long-name >out
	sed 's/ [0-9]*s  /  0s /' out >got
	cat >want <<-'END'
	NAME       MESSAGES  BYTES  CAPACITY  OLDEST  WAITING  CLAIMED  SENT  RECEIVED
	b                 3      6  inf/64M   0s      -              0     3         0
	long-name         0      0  10/1M     -       -              0     0         0
	END
	diff want <(sed 's/  [0-9]s  /  0s  /' out)
}

@test "without operands it shows every mailbox in the directory, sorted, and nothing else" {
	mkmbox b a c
	mkdir plain
	mkfifo fifo
	echo file >file
	mstat >out
	[ "$(awk 'NR > 1 { print $1 }' out | tr '\n' ' ')" = 'a b c ' ]
	mkdir elsewhere
	(cd elsewhere && MBOX_DIR=.. mstat | cmp - ../out)
}

@test "without any mailbox there are headings, and no JSON" {
	mstat >out
	[ "$(wc -l <out)" -eq 1 ]
	mstat -J >out
	[ ! -s out ]
}

@test "a capacity is shown in the largest unit that divides it" {
	mkmbox -b inf a
	mkmbox -b 1000 -c 3 b
	mkmbox -b 3K c
	mkmbox -b 2G d
	[ "$(cell a 4)" = inf/inf ]
	[ "$(cell b 4)" = 3/1000 ]
	[ "$(cell c 4)" = inf/3K ]
	[ "$(cell d 4)" = inf/2G ]
}

@test "sent and received count what went in and out, claimed what is being received" {
	mkmbox box
	seq 5 | msend -l box
	timeout 10 mrecv -c 2 box
	is_cell box 8 5
	is_cell box 9 2
	is_cell box 2 3
	mkfifo gate
	in_background timeout 20 mrecv box -- sh -c 'cat gate' >/dev/null
	until_true is_cell box 7 1
	is_cell box 2 3
	echo >gate
	wait "$child"
	is_cell box 7 0
	is_cell box 9 3
}

@test "who waits is counted, receivers and senders, and goes when it is killed" {
	mkmbox -c 1 box
	in_background timeout 20 mrecv -t never box
	until_true is_cell box 6 1r
	msend -t other box full
	in_background timeout 20 msend -t other box more
	until_true sh -c "mstat box | grep -q ' 1r 1s '"
	mstat -J box | grep -q '"receivers_waiting":1,"senders_waiting":1,'
	mstat -J box | grep -qF '{"for":"message","peek":false,"tags":["never"],"sources":[],"not_tags":[],"not_sources":[]}'
	mstat -J box | grep -qF '{"for":"room","bytes":5}'
	for pid in "${children[@]}"; do
		kill "$pid"
		wait "$pid" || true
	done
	until_true is_cell box 6 -
}

@test "-t shows a row for each tag, sorted, with messages, bytes and age" {
	mkmbox box
	msend -t build box make all
	msend -t test box make check
	msend -t build box again
	mstat -t box | awk '{ print $1, $2, $3, $4 }' >out
	cat >want <<-'END'
	NAME TAG MESSAGES BYTES
	box build 2 15
	box test 1 11
	END
	cmp want out
	timeout 10 mrecv -t build box
	mstat --tags box | awk 'NR > 1 { print $2, $3, $4, $5 }' | sed 's/ [0-9]s$/ 0s/' >out
	printf 'build 1 6 0s\ntest 1 11 0s\n' >want
	cmp want out
}

@test "-t counts every message of a mailbox with many segments and many tags" {
	mkmbox -b inf box
	for _ in 1 2 3; do
		seq 1500 | awk '{ print "M1 1 tag" $1 " s\nx" }' | msend -F box
		seq 50000 | msend -l -t bulk box
	done
	[ "$(find box -name '*.idx' | wc -l)" -gt 1 ]
	timeout 10 mrecv -c 10 -t bulk box >/dev/null
	mstat -t box | awk 'NR > 1 { n += $3; rows++; if ($2 != "bulk" && $3 != 3) exit 1 } END { print n, rows }' >out
	[ "$(cat out)" = '154490 1501' ]
	[ "$(cell box 2)" = 154490 ]
	mstat -t box | grep -Eq '^box +bulk +149990 '
}

@test "-J has every member, null where there is none" {
	mkmbox -c 5 -b inf box
	mstat -J box >out
	echo '{"schema":1,"name":"box","messages":0,"bytes":0,"capacity_messages":5,"capacity_bytes":null,"overflow":"block","durable":false,"closed":false,"paused":false,"dead_letters":false,"oldest":null,"receivers_waiting":0,"senders_waiting":0,"claimed":0,"delayed":0,"sent":0,"received":0,"dropped":0,"dead":0,"damaged":0,"forgotten":0,"failed":0,"held_for":null,"holder":null,"wants":[],"links":[]}' >want
	cmp want out
	msend -t a box hello
	mstat --json box | sed 's/"oldest":[0-9]*\.[0-9]\{6\},/"oldest":T,/' >out
	sed 's/"messages":0,"bytes":0/"messages":1,"bytes":6/; s/"oldest":null/"oldest":T/; s/"sent":0/"sent":1/' want >want2
	cmp want2 out
}

@test "-J -t has a line for each tag" {
	mkmbox box
	msend -t a box hello
	msend -t b box hi
	mstat -Jt box | sed 's/"oldest":[0-9]*\.[0-9]\{6\}/"oldest":T/' >out
	cat >want <<-'END'
	{"schema":1,"name":"box","tag":"a","messages":1,"bytes":6,"oldest":T}
	{"schema":1,"name":"box","tag":"b","messages":1,"bytes":3,"oldest":T}
	END
	cmp want out
}

@test "what was dropped is no part of what was received, and shown only where there is some" {
	mkmbox -c 2 -o oldest oldest
	mkmbox -o latest latest
	mkmbox plain
	seq 5 | msend -l oldest
	msend -x 1ms -t gone plain x
	sleep 0.01
	run -1 timeout 10 mrecv -n plain
	mstat plain | grep -q ' RECEIVED  DROPPED$'
	mkmbox none
	run ! grep DROPPED <(mstat none)
	for n in 1 2 3; do msend -t same latest $n; done
	timeout 10 mrecv -n oldest >out
	cat >want <<-'END'
	NAME SENT RECEIVED DROPPED
	latest 3 0 2
	none 0 0 0
	oldest 5 1 3
	plain 1 0 1
	END
	mstat | awk '{ print $1, $(NF - 2), $(NF - 1), $NF }' | cmp want -
	mstat -J oldest | grep -qF '"overflow":"oldest",'
	mstat -J oldest | grep -qF '"sent":5,"received":1,"dropped":3,'
	mstat -J latest | grep -qF '"overflow":"latest",'
}

@test "dead letters are counted apart from what was dropped" {
	mkmbox jobs failed
	printf 'a\nb\nc\n' | msend -l jobs
	msend -x 1ms jobs d
	msend -x 1ms jobs e
	run -1 timeout 10 mrecv -k 1 -d failed jobs -- false
	run -0 timeout 10 mrecv -c 1 jobs -- true
	run -0 timeout 10 mrecv jobs
	sleep 0.01
	run -1 timeout 10 mrecv -n -i 4 jobs
	run -1 timeout 10 mrecv -a -n -d failed jobs
	cat >want <<-'END'
	NAME SENT RECEIVED DROPPED DEAD
	jobs 5 2 1 2
	END
	mstat jobs | awk '{ print $1, $(NF - 3), $(NF - 2), $(NF - 1), $NF }' | cmp want -
	mstat -J jobs | grep -qF '"sent":5,"received":2,"dropped":1,"dead":2,"damaged":0,'
	run ! grep DEAD <(mstat failed)
}

@test "a synchronous send that is withdrawn counts as dropped, and waits for the end" {
	mkmbox box
	in_background timeout 20 msend -S box x
	until_true is_cell box 6 1s
	mstat -J box | grep -qF '"wants":[{"for":"end","id":1}]'
	timeout 10 mrecv box
	wait "$child"
	run -124 timeout 10 msend -S -w 0.1 box x
	mstat -J box | grep -qF '"sent":2,"received":1,"dropped":1,'
}

@test "a capacity of 0 is shown as 0" {
	mkmbox -c 0 box
	[ "$(cell box 4)" = 0/64M ]
	mstat -J box | grep -qF '"capacity_messages":0,'
	in_background timeout 20 msend box hello
	until_true is_cell box 6 1s
	timeout 10 mrecv box >out
	wait "$child"
	[ "$(cat out)" = hello ]
	[ "$(mstat -J box | grep -o '"sent.*,"failed"')" = '"sent":1,"received":1,"dropped":0,"dead":0,"damaged":0,"forgotten":0,"failed"' ]
}

@test "the age is that of the oldest message that waits" {
	mkmbox box
	printf 'M1 1 t s time=%s.000000\na\nM1 1 t s time=%s.000000\nb\n' "$(($(date +%s) - 7200))" "$(($(date +%s) - 600))" |
		msend -F box
	is_cell box 5 2h
	timeout 10 mrecv box
	is_cell box 5 10m
}

@test "what a sender wrote reaches no terminal but as UTF-8 or escaped" {
	mkmbox box
	printf 'M1 0 \303\251 s\n\nM1 0 \233x s\n\nM1 0 \302\233y s\n\n' | msend -F box
	mstat -t box >out
	grep -q ' é ' out
	grep -qF ' \x9bx ' out
	grep -qF ' \xc2\x9by ' out
	run ! grep -q "$(printf '\302\233')" out
	mstat -Jt box >out
	grep -qF '"tag_base64":"m3g="' out
	grep -qF '"tag":"\u009by"' out
	grep -qF '"tag":"é"' out
}

@test "-J tells names and patterns that are not UTF-8 from those that are" {
	for box in $'caf\351' 'café'; do
		mkmbox "$box"
		in_background mrecv -t $'caf\351' -t 'café' "$box"
		until_waiting "$box"
	done
	mstat -J $'caf\351' 'café' >out
	grep -qF '{"schema":1,"name_base64":"Y2Fm6Q==",' out
	grep -qF '{"schema":1,"name":"café",' out
	[ "$(grep -cF '"tags":[{"base64":"Y2Fm6Q=="},"café"]' out)" -eq 2 ]
}

@test "looking changes nothing" {
	mkmbox box
	seq 100 | msend -l box
	mstat box >before
	for _ in 1 2 3; do
		mstat -t box >/dev/null
		mstat -J box >/dev/null
	done
	timeout 10 mrecv -a box >out
	seq 100 | cmp - out
}

@test "a mailbox that is missing is 66, and the others are shown" {
	mkmbox a b
	mkdir plain
	echo >file
	run -66 --separate-stderr mstat a missing b
	[ "$(printf '%s\n' "$output" | awk 'NR > 1 { print $1 }' | tr '\n' ' ')" = 'a b ' ]
	[ "$stderr" = 'mstat: no mailbox at missing' ]
	run -66 mstat plain
	run -66 mstat file
	run -66 mstat ''
	run -66 --separate-stderr mstat missing
	[ -z "$output" ]
}

@test "a damaged mailbox is 65, and the status is that of the first failure" {
	mkmbox a b
	head -c 512 /dev/zero | tr '\0' x >b/ctl
	run -65 --separate-stderr mstat a b missing
	[ "$(printf '%s\n' "$output" | awk 'NR > 1 { print $1 }')" = a ]
	run -65 mstat
	run -66 mstat missing b
}

@test "without permission it is 77" {
	mkmbox box
	chmod 755 box
	chmod 000 box/ctl
	run -77 as_nobody mstat box
}

@test "an output that fails is 74" {
	mkmbox box
	run -74 sh -c 'mstat >/dev/full'
	run -74 sh -c 'mstat -J box >/dev/full'
}

# ---- -f

# blocks FILE -- how many blocks there are in it.
blocks() {
	grep -c '^NAME' "$1"
}

has_blocks() {
	[ "$(blocks "$1")" -ge "$2" ]
}

# row FILE MAILBOX BLOCK -- a row of one block.
row() {
	awk -v name="$2" -v block="$3" '/^NAME/ { n++ } n == block && $1 == name' "$1"
}

# shows FILE MAILBOX CONDITION -- whether a block has a row of the mailbox for which the condition, of awk(1), holds.
shows() {
	awk -v name="$2" '$1 == name && ('"$3"') { found = 1 } END { exit !found }' "$1"
}

# gone FILE MAILBOX -- whether the last block has no row of it.
gone() {
	[ -z "$(row "$1" "$2" "$(blocks "$1")")" ]
}

@test "-f shows a block a second with rates; new mailboxes appear, removed ones vanish" {
	mkmbox a
	msend a before
	in_background timeout "$LIMIT" mstat -f >out 2>err
	until_true has_blocks out 1
	seq 1000 | msend -l a
	# the time between two looks is a second or more
	until_true shows out a '$2 == 1001 && $3 > 0 && $3 <= 1100 && $4 == "0.0"'
	mkmbox b
	until_true shows out b '$3 == "-" && $4 == "-"'
	timeout 10 mrecv -a a >/dev/null
	until_true shows out a '$3 == "0.0" && $4 > 0 && $4 <= 1100'
	rmmbox b
	until_true gone out b
	kill "$child"
	status=0
	wait "$child" || status=$?
	[ $status -eq 143 ]
	[ ! -s err ]
	grep -q '^NAME  MESSAGES  IN/s  OUT/s .* SENT  RECEIVED$' out
	[ "$(grep -c '^$' out)" -eq $(($(blocks out) - 1)) ]
	[[ "$(row out a 1)" =~ ^'a            1     -      -' ]]
	[ -z "$(row out b 1)" ]
}

@test "-f -J prints a line for each mailbox each second, and no empty ones" {
	mkmbox a b
	in_background timeout "$LIMIT" mstat --follow -J >out
	until_true sh -c '[ $(wc -l <out) -ge 6 ]'
	kill "$child"
	wait "$child" || true
	grep -q '^{"schema":1,"name":"a",.*"in_per_second":null,"out_per_second":null,"failures_per_minute":null,"drains_in":null,' out
	grep -q '^{"schema":1,"name":"b",.*"in_per_second":0.000,"out_per_second":0.000,"failures_per_minute":0.000,"drains_in":null,' out
	run ! grep -v '^{"schema":1,"name":"[ab]",.*,"wants":\[\],"links":\[\]}$' out
}

@test "-f with names shows those that are there, and says once what fails" {
	mkmbox a
	in_background timeout "$LIMIT" mstat -f a b >out 2>err
	until_true has_blocks out 2
	mkmbox b
	rmmbox a
	until_true gone out a
	kill "$child"
	wait "$child" || true
	[ "$(cat err)" = 'mstat: no mailbox at b' ]
	n=$(blocks out)
	[ -n "$(row out a 1)" ]
	[ -z "$(row out a "$n")" ]
	[ -z "$(row out b 1)" ]
	[ -n "$(row out b "$n")" ]
	run -66 --separate-stderr timeout 10 mstat -f a
	[ -z "$output" ]
	run -74 timeout 10 sh -c 'mstat -f b >/dev/full'
}

@test "a command line that is wrong is 64, and says how it is used" {
	run -64 mstat -x
	[[ "$output" == *'usage: mstat [-fJmt] [--source glob] [--tag glob] [--waiters] [mailbox...]'* ]]
	run -64 mstat --tag=x
}

@test "-h and -V print and exit with 0, or 74 where they can not" {
	run -0 mstat -h
	[[ "$output" == 'usage: mstat [-fJmt] [--source glob] [--tag glob] [--waiters] [mailbox...]'* ]]
	run -0 mstat --help
	run -0 mstat -V
	[[ "$output" == 'mstat (letterbox) '* ]]
	run -0 mstat --version
	run -74 sh -c 'mstat -h >/dev/full'
}
