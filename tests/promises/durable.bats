#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Durable mailboxes: what a sender does before it has success, seen by strace(1); power.bats cuts the power.

load ../helpers

setup()
{
	common_setup
	needs_strace
}

teardown()
{
	common_teardown
}

# traced COMMAND... -- run it; in `calls`, its writes and syncs in order, with the files' names.
traced()
{
	timeout -s KILL "$LIMIT" strace -y -qq -o trace -e trace=pwrite64,fsync,fdatasync,renameat,write,writev,fcntl "$@"
	sed -nE 's/^(fsync|fdatasync|pwrite64)\([0-9]+<.*\/([^/>]*)>.*/\1 \2/p; s/^(renameat)\(.*"([^"]*)"\) = 0$/\1 \2/p; s/^writev?\(1<.*/print/p' trace >calls
}

# after_last PATTERN CALL -- the call stands behind the last one that matches.
after_last()
{
	awk -v pattern="$1" -v call="$2" '$0 ~ pattern { last = NR } $0 == call { seen = NR } END { exit !(last && seen > last) }' calls ||
		{ cat calls; echo "no $2 behind $1"; return 1; }
}

LOG=00000000000000000001.log IDX=00000000000000000001.idx

@test "a sender has its log, its index and the names of both on the disk before it has success" {
	mkmbox -d box
	traced msend box hello
	after_last "pwrite64 $LOG" "fdatasync $LOG"
	after_last "pwrite64 $IDX" "fdatasync $IDX"
	grep -qx 'fsync box' calls
	[ "$(mrecv box)" = hello ]
}

@test "once a segment's names are on the disk the directory is synced no more" {
	mkmbox -d box
	msend box one
	traced msend box two
	grep -qx "fdatasync $LOG" calls
	run ! grep -x 'fsync box' calls
}

@test "a number is printed only once its message is on the disk" {
	mkmbox -d box
	seq 3 >three
	traced msend -v -l box <three >numbers
	[ "$(xargs <numbers)" = "1 2 3" ]
	after_last "^f(data)?sync" print
}

@test "a large payload is on the disk before it is named, and its name before success" {
	mkmbox -d box
	pattern 200000 >big
	traced msend box <big
	awk '/^fdatasync .*spool/ { synced = 1 } /^renameat .*big/ { if (!synced) exit 1; named = 1 } END { exit !named }' calls
	after_last '^renameat' 'fsync box'
	mrecv box | cmp - big
}

@test "the mailbox itself, and its name in the directory above, are on the disk when it is made" {
	traced mkmbox -d box
	for file in lock want ctl box; do grep -qx "fsync $file" calls; done
	after_last '^renameat' 'fsync box'
	grep -qx "fsync ${PWD##*/}" calls
	traced mkmbox -p -d box
	grep -qx "fsync ${PWD##*/}" calls
}

@test "the lock is not held during a sync" {
	mkmbox -d box
	seq 3000 >lines
	traced msend -l box <lines
	# byte 0 is locked and unlocked; between the two there is no sync
	awk '/F_SETLKW?, .*l_start=0,/ { held = /F_WRLCK/ } /^f(data)?sync/ { n++; if (held) exit 1 } END { exit !n }' trace
}

@test "every other mailbox is not synced" {
	mkmbox box
	traced msend box hello
	run ! grep sync calls
}

@test "a sync that fails is a failure, and the next sender has its own success" {
	mkmbox -d box
	status=0
	timeout "$LIMIT" strace -qq -o /dev/null -e inject=fdatasync:error=EIO msend -v box one >out 2>err || status=$?
	[ "$status" -eq 74 ]
	[[ $(cat err) == "msend: cannot send to box: "* ]]
	[ ! -s out ]
	msend box two
	mrecv -a box | tail -n 1 | grep -x two
}

@test "senders that wait at the same time share a sync" {
	mkmbox -d box
	# the first syncs slowly; the others are there before it ends, and one of them syncs for all
	strace -f -qq -o trace -e trace=fdatasync -e inject=fdatasync:delay_enter=300000:when=1 \
		sh -c 'msend box first & while [ -z "$(mrecv -n -p box)" ]; do :; done
			for i in 1 2 3 4 5 6 7 8; do msend box $i & done; wait'
	[ "$(mrecv -a box | wc -l)" -eq 9 ]
	[ "$(grep -c 'fdatasync(.*= 0' trace)" -lt 14 ]
}

@test "senders of many messages share their syncs, in whatever order they come to the lock" {
	mkmbox -d -b inf box
	# two a message where each syncs for itself; 35 here, and about 100 where they share only in the order of the messages
	strace -f -qq -o trace -e trace=fdatasync -e inject=fdatasync:delay_exit=20000 \
		sh -c 'for i in $(seq 16); do seq 10 | msend -v -l box >/dev/null & done; wait'
	[ "$(mrecv -a -l box | wc -l)" -eq 160 ]
	[ "$(grep -c 'fdatasync(' trace)" -lt 80 ]
}

@test "who holds the sync lock and is stopped keeps nobody for long" {
	mkmbox -d box
	strace -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:signal=STOP:when=1 msend box first 3>&- &
	tracer=$!
	until_true seen first
	msend box second
	[ "$(mrecv -a box | xargs)" = "first second" ]
	pkill -CONT -P $tracer
	wait $tracer
}

seen()
{
	[ "$(mrecv -n -p box)" = "$1" ]
}

@test "-d is a setting, shown, and goes with neither -c 0 nor -o" {
	mkmbox -d box
	mkmbox -p -d box
	fails 73 mkmbox -p box
	mkmbox other
	fails 73 mkmbox -p -d other
	mstat -J box | grep -qF '"durable":true'
	mstat | awk '{ print $1, $5 }' >shown
	lines 'NAME DURABLE' 'box yes' 'other -' | cmp - shown
	run ! grep DURABLE <(mstat other)
	misused mkmbox -d -c 0 new
	misused mkmbox -d -o oldest new
	misused mkmbox -d -o latest new
}

@test "in a durable mailbox a segment that is rewritten is on the disk before the old one goes" {
	mkmbox -d box
	seq 66000 | awk '{ print "M1 " length " " ($1 % 1000 ? "x" : "y") " me"; print }' | msend -F box
	strace -y -qq -o trace -e trace=fdatasync,fsync,renameat,unlinkat mrecv -a -t x box >/dev/null
	awk '/^fdatasync.*idx.new/ { i = 1 } /^fdatasync.*\.1\.log/ { l = 1 } /^fsync.*box>/ { d = 1 }
		/^renameat.*idx.new/ { exit !(i && l && d) }' trace
	[ "$(mrecv -a box | wc -l)" -eq 66 ]
}
