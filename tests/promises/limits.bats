#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Bounds of mailboxes, and the sizes of what goes through them.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# ---- bounds ----

@test "a mailbox for N messages takes N, and has room again when one is gone" {
	mkmbox -c 3 box
	for i in 1 2 3; do msend -n box "$i"; done
	run -1 msend -n box 4
	[ "$output" = "" ]
	[ "$(mrecv box)" = 1 ]
	msend -n box 4
	[ "$(mrecv -a box | xargs)" = "2 3 4" ]
}

@test "of a stream that finds no room, what was sent before stays sent" {
	mkmbox -c 3 box
	seq 10 >lines
	run -1 msend -n -l box <lines
	[ "$(mrecv -a box | xargs)" = "1 2 3" ]
}

@test "a mailbox for N bytes counts payloads, and an empty one as one byte" {
	mkmbox -b 10 box
	printf 12345 | msend -n -t a-long-tag -H key=a-long-value box
	printf 1234 | msend -n box
	printf '' | msend -n box
	run -1 msend -n box </dev/null
	mrecv -a box >/dev/null
	for _ in {1..10}; do msend -n box </dev/null; done
	run -1 msend -n box </dev/null
}

@test "a message that is larger than the bound is let into the empty mailbox, and into no other" {
	mkmbox -b 10 box
	pattern 200000 >big
	msend -n box <big
	run -1 msend -n box x
	run -1 msend -n box <big
	mrecv box >out
	same big out
	msend -n box x
	run -1 msend -n box <big
}

@test "what a receiver has claimed still takes room" {
	mkmbox -c 1 box
	msend box one
	in_background mrecv box -- sh -c 'echo x >started; until [ -e go ]; do sleep 0.01; done; cat >/dev/null'
	until_true exists started
	run -1 msend -n box two
	: >go
	status_of "$child"
	msend -n box two
}

@test "without options a mailbox has room for 64 MB and any number of messages" {
	mkmbox box
	seq 100000 | msend -n -l box
	mrecv -a box >/dev/null
	head -c 67108864 /dev/zero | msend -n box
	run -1 msend -n box x
}

@test "inf sets no bound" {
	mkmbox -b inf -c inf box
	head -c 70000000 /dev/zero | msend -n box
	msend -n box x
}

# ---- names and headers ----

@test "tags and sources have up to 255 bytes, of any kind but white space and control bytes" {
	mkmbox box
	long=$(printf %0255d 7)
	msend -t "$long" -s "$long" box x
	[ "$(mrecv -o '%t %s' box)" = "$long $long" ]
	misused msend -t "${long}8" box x
	misused msend -s "${long}8" box x
	misused msend -t '' box x
	misused msend -t 'a b' box x
	misused msend -t "$(printf 'a\tb')" box x
	misused msend -t "$(printf 'a\177b')" box x
	odd=$(printf '%%x=;$(\351\377')
	msend -t "$odd" -s "$odd" box x
	[ "$(mrecv -o '%t %s' box)" = "$odd $odd" ]
}

@test "a header's value may be any text, and is encoded in the frame" {
	mkmbox box
	value=$(printf 'two words\n100%%\t\351')
	msend -H "title=$value" -H empty= box x
	mrecv -p -F box >frame
	grep -a -q ' title=two%20words%0A100%25%09%E9 empty=$' frame
	[ "$(mrecv -o '%h{title}|%h{empty}|%h{none}' box)" = 'two%20words%0A100%25%09%E9||' ]
}

@test "a header with a key of 255 bytes and headers up to the length of a header line are taken" {
	mkmbox box
	key=k$(printf %0254d 0)
	msend -H "$key=v" box x
	[ "$(mrecv -o "%h{$key}" box)" = v ]
	misused msend -H "${key}0=v" box x
	msend -H "a=$(printf %03500d 0)" box x
	[ "$(mrecv -o '%h{a}' box | wc -c)" -eq 3500 ]
	misused msend -H "a=$(printf %05000d 0)" box x
}

@test "a mailbox with more tags than a segment can name keeps all of them" {
	mkmbox box
	seq 9000 | sed 's/.*/M1 1 tag-& s\nx/' | msend -F box
	[ "$(mrecv -n -o '%t' -t tag-8999 box)" = tag-8999 ]
	mrecv -a -o '%t\n' box >out
	seq 9000 | grep -v '^8999$' | sed 's/^/tag-/' >expected
	same expected out
}

# ---- payloads ----

@test "payloads of every awkward size come out as they went in" {
	mkmbox box
	for size in 0 1 4095 4096 4097 65535 65536 65537 131071 131072 131073 262144 1048577 10000000; do
		pattern "$size" >in
		msend box <in
		timeout "$LIMIT" mrecv box >out
		same in out
	done
	[ -z "$(files_of box)" ]
}

@test "payloads of every awkward size go through frames, commands and pipes as well" {
	mkmbox box
	for size in 0 1 65535 65536 65537 1048577; do
		pattern "$size" >in
		msend -t tag - <in | msend -F box
		mrecv -p -F box | mrecv -t tag - >out
		same in out
		mrecv box -- sh -c 'cat >out; echo "$MBOX_LENGTH" >length'
		same in out
		[ "$(cat length)" -eq "$size" ]
	done
}

@test "a payload of NULs comes out as it went in" {
	mkmbox box
	head -c 70000 /dev/zero >in
	msend box <in
	mrecv box >out
	same in out
	printf 'a\0b\0\n\0' >in
	msend box <in
	mrecv box >out
	same in out
}

@test "lines longer than 64 KiB are messages like others" {
	mkmbox box
	for size in 65535 65536 65537 300000; do
		echo before
		head -c "$size" /dev/zero | tr '\0' x
		echo
		echo after
	done >lines
	timeout "$LIMIT" msend -l box <lines
	[ "$(mrecv -p -a -o '%l\n' box | xargs)" = "6 65535 5 6 65536 5 6 65537 5 6 300000 5" ]
	mrecv -a box >out
	same lines out
}

@test "records that end in NUL may hold newlines, and the last needs no end" {
	mkmbox box
	printf 'one\n1\0\0three' | msend -0 box
	mrecv -a -0 box >out
	printf 'one\n1\0\0three\0' >expected
	same expected out
	printf 'one\n\nthree' | msend -l box
	[ "$(mrecv -a -o '%l\n' box | xargs)" = "3 0 5" ]
}

@test "the disk that was used is given back" {
	mkmbox -b inf box
	before=$(du -sk box | cut -f1)
	for _ in 1 2 3; do
		seq 50000 | msend -l box
		pattern 3000000 | msend box
		timeout "$LIMIT" mrecv -a box >/dev/null
	done
	[ $(($(du -sk box | cut -f1) - before)) -le 64 ]
	[ "$(ls box | wc -l)" -le 5 ]
}

@test "a message that stays does not keep the disk of those that went" {
	mkmbox -b inf box
	msend -t stays box one
	for _ in {1..20}; do
		yes "$(printf %0900d 0)" | head -n 2000 | msend -t goes -l box
		timeout "$LIMIT" mrecv -a -t goes box >/dev/null
	done
	[ "$(du -sk box | cut -f1)" -le 20000 ]
	[ "$(mrecv -a box)" = one ]
}

@test "what others have received counts, too, for a receiver that was asleep: else a segment would never be spent" {
	mkmbox box
	in_background mrecv -f -l box >out
	msend box one
	until_true grep -qx one out
	until_waiting box
	kill -STOP "$child"
	msend box two
	[ "$(mrecv -n box)" = two ]
	msend box three
	kill -CONT "$child"
	until_true grep -qx three out
	until_waiting box
	# done, in the header of its index: letterbox(5)
	[ "$(od -An -tu4 -j 32 -N 4 box/00000000000000000001.idx | tr -d ' ')" -eq 3 ]
}

@test "what is left of a segment is rewritten once no process has any of it in hand" {
	mkmbox -b inf box
	seq 65000 | msend -l box
	mrecv -c 64000 box >/dev/null
	mkfifo acks
	env mrecv -c 500 -A -j 500 box <acks | {
		id=$(mrecv -c 500 -o '%i\n' - | tail -n 1)
		seq 65001 66000 | msend -l box          # a new segment is begun
		ls box >held
		echo "$id+"
		cat >/dev/null
	} >acks
	[[ $(<held) == *65537.idx* && $(<held) != *1.1.log* ]]
	[ "$(mrecv box)" = 64501 ]
	[ -e box/00000000000000000001.1.log ]
	mrecv -a box | cmp - <(seq 64502 66000)
}

# two_left -- of a segment that has room for one more message there wait one that stays, and one tagged x.
two_left()
{
	mkmbox -b inf box
	msend -t stays box one
	seq 65534 | msend -t x -l box
	mrecv -a -c 65533 -t x box >/dev/null
}

@test "it is rewritten, too, when one at a time was acknowledged" {
	two_left
	mkfifo acks
	env mrecv -c 3 -A -j 1 -t x box <acks | {
		id=$(mrecv -o %i -)
		seq 2 | msend -t x -l box               # the second begins a new segment
		for _ in 1 2; do
			echo "$id"
			id=$(mrecv -o %i -)
		done
		echo "$id"
		cat >/dev/null
	} >acks
	[ -e box/00000000000000000001.1.log ]
	[ "$(mrecv -a box)" = one ]
}

@test "it is rewritten, too, when the last that was in hand has become a dead letter, or its receiver was killed" {
	# shellcheck disable=SC2016  # for the inner shell to expand
	for end in 'exit 1' 'kill -KILL $PPID'; do
		rm -rf box dead go
		two_left
		mkmbox dead
		mkfifo go
		in_background mrecv -k 1 -d dead -t x box -- sh -c "cat go >/dev/null; $end"
		until_true sh -c "mstat -J box | grep -q '\"claimed\":1,'"
		seq 3 | msend -t x -l box
		: >go
		status_of "$child"
		mrecv -n -t none box || :               # it finds the dead
		[ -e box/00000000000000000001.1.log ] || { echo "$end"; return 1; }
		[ "$(mrecv -a -T x box)" = one ]
	done
}

# of_tags N HEADERS -- N frames of 60,000 bytes; every 250th has a tag of its own, the others share 100, and have HEADERS.
of_tags()
{
	awk -v n="$1" -v headers="$2" 'BEGIN {
		while (length(x) < 60000)
			x = x "xxxxxxxxxx"
		for (i = 0; i < n; i++)
			printf "M1 60000 %s\n%s\n", i % 250 ? "t" i % 100 " s" headers : "own" i " s", x
	}'
}

@test "with -o latest a value that stays does not keep the disk of those that went" {
	mkmbox -o latest box
	of_tags 2500 '' | msend -F box
	[ "$(mrecv -p -a -o '%l\n' box | sort | uniq -c | xargs)" = "110 60000" ]
	# 6 MB of values, and what was begun last
	[ "$(du -sk box | cut -f1)" -le 60000 ]
	[ "$(mrecv -a -o '%t\n' box | sort -u | wc -l)" -eq 110 ]
}

@test "a message that stays does not keep the disk of those that expired" {
	mkmbox -b 62M full
	mkmbox -b inf box
	of_tags 1000 " expire=$(date +%s.000000)" | mtee full box >/dev/null
	# a sender drops them where they are in its way
	pattern 64000000 | msend -n full
	[ "$(du -sk full | cut -f1)" -le 80000 ]
	[ "$(mrecv -a -o '%t\n' full | wc -l)" -eq 5 ]
	# and a receiver those that it wants
	run -1 mrecv -n -t 't*' box
	[ "$(du -sk box | cut -f1)" -le 20000 ]
	[ "$(mrecv -a -o '%t\n' box | wc -l)" -eq 4 ]
}

# tagged FROM TO -- frames nFROM to nTO, each with a tag of its own, of which 4,094 fill a segment.
tagged()
{
	seq "$1" "$2" | awk '{ print "M1 " length + 1, "t" $0 " s"; print "n" $0 }'
}

@test "what is left of a segment is rewritten, too, when a single message drops what makes it little" {
	mkmbox -o latest -b inf last
	{ tagged 1 4094 && tagged 1 3582; } | msend -F last
	[ ! -e last/00000000000000000001.1.log ]
	msend -t t3583 last new
	[ -e last/00000000000000000001.1.log ]
	[ "$(mrecv -a last | wc -l)" -eq 4094 ]
	mkmbox box
	{ tagged 1 3582 && printf 'M1 1 x s expire=1\n%s\n' x y z && tagged 3586 4200; } | msend -F box
	mrecv -c 3582 -T x box >/dev/null
	chmbox -c 618 box
	[ ! -e box/00000000000000000001.1.log ]
	msend -n box new
	[ -e box/00000000000000000001.1.log ]
	{ tagged 3586 4200 | mrecv -a -l - && echo new; } >expected
	mrecv -a -l box | same - expected
}

@test "a peek leaves the files as they are: where little waits, it is for the receivers to rewrite" {
	mkmbox -b inf box
	head -c 60000 /dev/zero | tr '\0' x >line
	for _ in {1..300}; do cat line; echo; done | msend -l box
	# a receiver whose output has no more room ends in the middle: the most of the first segment is gone
	(ulimit -f 16000 && mrecv -f -l box >out) || :
	mrecv -p box >/dev/null
	ls -i box >before
	mrecv -p -a -o '%i\n' box >ids
	[ "$(head -n 1 ids)" -gt 260 ]
	[ "$(tail -n 1 ids)" -eq 300 ]
	ls -i box >after
	same before after
}
