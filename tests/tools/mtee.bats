#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mtee: every option, every status, and who goes on when another fails.
#
# shellcheck disable=SC2154 # run sets stderr

load ../helpers

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# stream N... -- a frame stream with a message of one line for each N.
stream() {
	printf '%s\n' "$@" | msend -l -t "${TAG:--}" -s s -
}

# received MAILBOX -- what is in it, a line each.
received() {
	timeout 10 mrecv -a "$1" || [ $? -eq 1 ]
}

is_messages() {
	[ "$(mstat "$1" | awk 'NR == 2 { print $2 }')" = "$2" ]
}

# ---- copies

@test "each message goes to every channel and to standard output, whole and in order" {
	mkmbox a b
	seq 10000 | msend -l - | timeout 20 mtee a b record 2>err && false || [ $? -eq 66 ]
	: >record
	seq 10000 | msend -l - | timeout 20 mtee a b record | timeout 20 mrecv -a - >out
	seq 10000 | cmp - out
	timeout 20 mrecv -a a | cmp - out
	timeout 20 mrecv -a b | cmp - out
	timeout 20 mrecv -a record | cmp - out
}

@test "tag, source and headers go along; what only the receiving side sets does not" {
	mkmbox a
	printf 'M1 2 t s id=7 try=3 uid=5 k=v time=1700000000.123456 z=%%20\nhi\n' | timeout 10 mtee a >out
	printf 'M1 2 t s time=1700000000.123456 k=v z=%%20\nhi\n' >want
	cmp want out
	timeout 10 mrecv -F a >out
	printf 'M1 2 t s id=1 time=1700000000.123456 k=v z=%%20\nhi\n' >want
	cmp want out
}

@test "binary payloads of every size come through everywhere, in memory and in pieces" {
	mkmbox a b
	for n in 0 1 1000 4000 5000 65536 65537 131072 1000000; do
		: >record
		head -c "$n" /dev/urandom >in
		msend -t t a <in
		timeout 10 mrecv -F a | timeout 10 mtee a b record | timeout 10 mrecv - >out
		cmp in out
		for channel in a b record; do
			timeout 10 mrecv "$channel" >out
			cmp in out
		done
	done
}

@test "a payload of unknown length goes to every channel in constant memory" {
	mkmbox a
	: >record
	head -c 3000000 /dev/urandom >in
	msend - <in | timeout 10 mtee a record | timeout 10 mrecv - >out
	cmp in out
	timeout 10 mrecv a | cmp in -
	timeout 10 mrecv record | cmp in -
}

@test "small and large messages keep their order" {
	mkmbox a
	for n in 1 100000 2 3 200000 4; do
		head -c "$n" /dev/zero | msend -t "t$n" -
	done >stream
	timeout 10 mtee a <stream | timeout 10 mrecv -a -o '%t %l\n' - >out
	printf 't%s %s\n' 1 1 100000 100000 2 2 3 3 200000 200000 4 4 >want
	cmp want out
	timeout 10 mrecv -a -o '%t %l\n' a | cmp want -
}

@test "a trickle goes on at once, while the stream stays open" {
	mkmbox a
	mkfifo in
	timeout 20 mtee a <in >out 3>&- &
	child=$!
	children+=("$child")
	exec 8>in
	stream one >&8
	until_true is_messages a 1
	until_true grep -q one out
	stream two >&8
	until_true is_messages a 2
	exec 8>&-
	wait "$child"
	[ "$(received a)" = $'one\ntwo' ]
}

@test "a FIFO gets what its reader reads, small and large" {
	mkmbox a
	mkfifo fifo
	head -c 300000 /dev/urandom >large
	in_background timeout 20 mrecv -a fifo >got
	(stream one two; msend - <large; stream three) | timeout 20 mtee -q fifo a
	wait "$child"
	(printf 'one\ntwo\n'; cat large) >want
	[ "$(tail -c 1 large | od -An -c | tr -d ' ')" = '\n' ] || echo >>want
	echo three >>want
	cmp want got
	received a | cmp want -
}

@test "a channel named twice is one channel, with the filters of both" {
	mkmbox a
	(TAG=x stream 1; TAG=y stream 2; TAG=z stream 3) | timeout 10 mtee -q -t x a -t y ./a -t 'x*' a
	[ "$(received a)" = $'1\n2' ]
}

@test "MBOX_DIR is where a name without a slash lies, and - stays standard output" {
	mkdir dir
	mkmbox dir/a
	stream 1 | MBOX_DIR=dir timeout 10 mtee -q a
	[ "$(received dir/a)" = 1 ]
	stream 1 | MBOX_DIR=dir timeout 10 mtee -q - >out
	[ "$(timeout 10 mrecv - <out)" = 1 ]
	stream 1 | MBOX_DIR=dir timeout 10 mtee - | timeout 10 mrecv -a - >out
	[ "$(cat out)" = 1 ]
}

@test "a large payload is one file for all mailboxes of the same owner, group and mode" {
	mkmbox a b c
	mkmbox -m 0660 other
	head -c 3000000 /dev/urandom >in
	msend -t x - <in | timeout 10 mtee -q a -t y c b other
	msend -t y - <in | timeout 10 mtee a -t y c b | timeout 10 mrecv - >out
	cmp in out
	inode() { stat -c %i "$1/0000000000000000000$2.big"; }
	[ "$(inode a 1)" = "$(inode b 1)" ]
	[ "$(inode a 1)" != "$(inode other 1)" ]
	[ "$(inode a 2)" = "$(inode b 2)" ]
	[ "$(inode a 2)" = "$(inode c 1)" ]
	[ "$(inode a 1)" != "$(inode a 2)" ]
	# two payloads of 2930 KiB, and a little for each mailbox
	[ "$(du -sk --total a b c | awk 'END { print $1 }')" -lt 6400 ]
	[ -z "$(find . -name '*.spool')" ]
	# who takes his leaves the others theirs
	for box in a b; do
		timeout 10 mrecv -t x $box | cmp in -
		timeout 10 mrecv -t y $box | cmp in -
	done
	timeout 10 mrecv c | cmp in -
	timeout 10 mrecv other | cmp in -
	[ -z "$(find . -name '*.big')" ]
}

@test "a payload that cannot be linked is copied" {
	[ -w /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] || skip "needs a second file system"
	far=$(mktemp -d /dev/shm/mtee.XXXXXX)
	mkmbox a "$far/b"
	head -c 300000 /dev/urandom >in
	msend - <in | timeout 10 mtee -q a "$far/b"
	timeout 10 mrecv a | cmp in -
	timeout 10 mrecv "$far/b" | cmp in -
	rm -r "$far"
	# and where link(2) is refused
	needs_strace
	mkmbox c d
	for error in EXDEV EPERM EMLINK; do
		msend - <in | timeout 10 strace -f -o log -e trace=linkat,link -e inject=linkat,link:error=$error mtee -q c d
		grep -q "$error.*INJECTED" log
		[ "$(stat -c %h c/*.big)" = 1 ]
		timeout 10 mrecv c | cmp in -
		timeout 10 mrecv d | cmp in -
	done
	[ -z "$(find . -name '*.spool')" ]
}

@test "a large payload that one mailbox has no room for comes to the others that share it" {
	mkmbox -c 1 a
	mkmbox b c
	head -c 300000 /dev/urandom >in
	msend a full
	(msend - <in; msend - <in) | (run -1 --separate-stderr timeout 10 mtee -n -q a b c
		[ "$stderr" = 'mtee: a: full for 2 messages' ])
	for box in b c; do
		for _ in 1 2; do
			timeout 10 mrecv $box | cmp in -
		done
	done
	[ -z "$(find . -name '*.spool')" ]
}

@test "-n skips a mailbox of capacity 0 where nobody waits, small and large" {
	mkmbox -c 0 hand
	mkmbox b
	head -c 100000 /dev/urandom >in
	(stream 1; msend - <in) | (run -1 --separate-stderr timeout 10 mtee -n -q hand b
		[ "$stderr" = 'mtee: hand: full for 2 messages' ])
	is_messages b 2
	in_background timeout 20 mrecv hand >got
	until_true sh -c "mstat hand | grep -q ' 1r '"
	msend - <in | timeout 10 mtee -n -q hand b
	wait "$child"
	cmp in got
}

# ---- channels that wait for each other

# offers N -- whether so many messages at least are offered in a and b.
offers() {
	local standing=({a,b}/*.meet)
	[ -e "${standing[0]}" ] && [ "${#standing[@]}" -ge "$1" ]
}

@test "two mtees with two mailboxes of capacity 0 in opposite order both end, small and large" {
	local kind one two
	mkmbox -c 0 a b
	shopt -s nullglob
	pattern 300000 >payload
	for kind in small large; do
		if [ $kind = large ]; then msend -t large - <payload; else stream small; fi >frame
		in_background timeout "$LIMIT" mtee -q a b <frame
		one=$child
		until_true offers 1
		in_background timeout "$LIMIT" mtee -q b a <frame
		two=$child
		until_true offers 2
		in_background mrecv -c 2 -o '%l\n' a >got.a
		in_background mrecv -c 2 -o '%l\n' b >got.b
		ended_with 0 "$one"
		ended_with 0 "$two"
		ended_with 0 "$child"
		[ "$(wc -l <got.a) $(wc -l <got.b)" = '2 2' ]
		same got.a got.b
	done
}

@test "one receiver takes a large message from one channel after the other, in either order" {
	local pair first second sender
	mkmbox -c 0 a b
	mkmbox kept
	mkfifo f g
	exec 8<>f 9<>g
	pattern 3000000 >payload
	msend -t large - <payload >frame
	mkdir tmp
	for pair in 'a b' 'b a' 'f g' 'g f' 'a g' 'g a' 'kept a' 'kept f'; do
		read -r first second <<<"$pair"
		in_background env TMPDIR=tmp timeout "$LIMIT" mtee -q "$first" "$second" <frame 8>&- 9>&-
		sender=$child
		mrecv "$second" >got 8>&- 9>&- || { echo "$pair: $second"; return 1; }
		same got payload
		mrecv "$first" >got 8>&- 9>&- || { echo "$pair: $first"; return 1; }
		same got payload
		ended_with 0 "$sender"
	done
	exec 8>&- 9>&-
	[ -z "$(ls tmp)" ]
}

@test "one receiver takes each message of a stream from one channel after the other, in either order" {
	local pair first second sender n
	mkmbox -c 0 a b
	mkmbox -c 1 one two
	mkfifo f
	exec 8<>f
	stream 1 2 3 4 5 >frames
	for pair in 'a b' 'one two' 'one a' 'a one' 'f a' 'f one'; do
		read -r first second <<<"$pair"
		in_background timeout "$LIMIT" mtee -q "$first" "$second" <frames 8>&-
		sender=$child
		for n in 1 2 3 4 5; do
			[ "$(mrecv "$second" 8>&-)" = $n ] || { echo "$pair: $second $n"; return 1; }
			[ "$(mrecv "$first" 8>&-)" = $n ] || { echo "$pair: $first $n"; return 1; }
		done
		ended_with 0 "$sender"
	done
	exec 8>&-
}

@test "a command on a message of one channel receives that of the other, or sends to it" {
	local kind reader sender
	mkmbox -c 0 a b
	mkfifo f
	pattern 3000000 >payload
	for kind in small large; do
		if [ $kind = large ]; then msend -t large - <payload; else stream small; fi >frame
		in_background timeout "$LIMIT" mtee -q a b <frame
		mrecv a -- sh -c 'mrecv b >got.b; cat >got.a'
		ended_with 0 "$child"
		same got.a got.b
		in_background mrecv -c 2 -o '%t\n' f >got
		reader=$child
		in_background timeout "$LIMIT" mtee -q a f <frame
		sender=$child
		mrecv a -- sh -c 'msend -t own f x; cat >got.a'
		ended_with 0 "$sender"
		ended_with 0 "$reader"
		grep -qx own got
		[ "$(wc -l <got)" -eq 2 ]
	done
}

@test "two mtees with files and FIFOs in opposite order lose nothing" {
	local got reader second one
	pattern 200000 >payload
	for _ in 1 2 3 4 5; do msend -t large - <payload; stream small; done >frames
	mkfifo f g hold.x hold.y
	: >x
	: >y
	# each waits for its first file, and gets it at the same time as the other
	exec 8<>hold.x 9<>hold.y
	in_background msend -t held x <hold.x 8>&- 9>&-
	in_background msend -t held y <hold.y 8>&- 9>&-
	pattern 70000 >&8
	pattern 70000 >&9
	until_true [ -s x ]
	until_true [ -s y ]
	in_background mrecv -c 20 -o '%l\n' f >got.f 8>&- 9>&-
	reader=$child
	in_background mrecv -c 20 -o '%l\n' g >got.g 8>&- 9>&-
	second=$child
	in_background timeout "$LIMIT" mtee -q -a x y f g <frames 8>&- 9>&-
	one=$child
	in_background timeout "$LIMIT" mtee -q -a y x g f <frames 8>&- 9>&-
	exec 8>&- 9>&-
	ended_with 0 "$child"
	ended_with 0 "$one"
	ended_with 0 "$reader"
	ended_with 0 "$second"
	for got in got.f got.g <(mrecv -a -T held -o '%l\n' x) <(mrecv -a -T held -o '%l\n' y); do
		[ "$(sort "$got" | uniq -c | tr -s ' \n' ' ')" = ' 10 200000 10 5 ' ]
	done
}

# bats test_tags=no-valgrind, no-sanitize
@test "where nothing can be kept for a channel that is late, mtee waits for it" {
	needs_strace
	mkmbox -c 0 a b
	pattern 3000000 >payload
	msend -t large - <payload >frame
	in_background mrecv a >got.a
	first=$child
	in_background env TMPDIR=none timeout "$LIMIT" strace -qq -o log -e trace=open,openat mtee -q a b <frame
	until_true grep -q O_TMPFILE log
	mrecv b >got.b
	ended_with 0 "$child"
	ended_with 0 "$first"
	same got.a payload
	same got.b payload
}

# ---- options

@test "-t and -s hold for the next channel alone: a router" {
	mkmbox errors alice all both
	(
		printf 'M1 1 err.disk bob\n1\nM1 1 info alice\n2\nM1 1 err.net alice\n3\nM1 1 warn carol\n4\n'
	) | timeout 10 mtee -q -t 'err.*' errors -s alice alice all -t 'err.*' -s alice both
	[ "$(received errors | tr '\n' ' ')" = '1 3 ' ]
	[ "$(received alice | tr '\n' ' ')" = '2 3 ' ]
	[ "$(received all | tr '\n' ' ')" = '1 2 3 4 ' ]
	[ "$(received both | tr '\n' ' ')" = '3 ' ]
}

@test "several -t before one channel are alternatives, and standard output has no filter" {
	mkmbox a
	for tag in x y z; do TAG=$tag stream $tag; done | timeout 10 mtee --tag=x --tag=y a | timeout 10 mrecv -a - >out
	[ "$(cat out)" = $'x\ny\nz' ]
	[ "$(received a)" = $'x\ny' ]
	for tag in x y z; do TAG=$tag stream $tag; done | timeout 10 mtee -q --source='[!s]' a
	is_messages a 0
}

@test "-q writes nothing to standard output" {
	mkmbox a
	stream 1 | timeout 10 mtee -q a >out
	[ ! -s out ]
	stream 1 | timeout 10 mtee --quiet a >out
	[ ! -s out ]
	is_messages a 2
}

@test "a plain file is begun anew, and appended to with -a; none is made" {
	echo junk >record
	stream 1 | timeout 10 mtee -q record
	stream 2 | timeout 10 mtee -q -a record
	stream 3 | timeout 10 mtee -q --append record
	[ "$(timeout 10 mrecv -a record)" = $'1\n2\n3' ]
	stream 4 | timeout 10 mtee -q record
	[ "$(timeout 10 mrecv -a record)" = 4 ]
	run -66 --separate-stderr timeout 10 mtee none </dev/null
	[ "$stderr" = 'mtee: no mailbox at none (mkmbox none makes it)' ]
	[ ! -e none ]
}

@test "where a channel is missing, no plain file has been begun anew" {
	stream 1 >record
	run -66 timeout 10 mtee -q record none </dev/null
	[ "$(timeout 10 mrecv -a record)" = 1 ]
}

@test "-1 gives each message to exactly one channel, the first with room" {
	mkmbox -c 2 first second
	mkmbox rest
	seq 10 | msend -l - | timeout 10 mtee -1 -q first second rest
	[ "$(received first | tr '\n' ' ')" = '1 2 ' ]
	[ "$(received second | tr '\n' ' ')" = '3 4 ' ]
	[ "$(received rest | tr '\n' ' ')" = '5 6 7 8 9 10 ' ]
}

@test "-1 keeps to the filters, and standard output gets every message" {
	mkmbox a b
	(TAG=x stream 1; TAG=y stream 2; TAG=z stream 3) | timeout 10 mtee --one -t x a -t '[xy]' b | timeout 10 mrecv -a - >out
	[ "$(cat out)" = $'1\n2\n3' ]
	[ "$(received a)" = 1 ]
	[ "$(received b)" = 2 ]
}

@test "-1 waits where none has room, and goes on where there is some" {
	mkmbox -c 1 a b
	seq 6 | msend -l - | timeout 30 mtee -1 -q a b 3>&- &
	child=$!
	children+=("$child")
	until_true is_messages a 1
	until_true is_messages b 1
	for box in b a b a; do
		timeout 10 mrecv $box
		until_true is_messages $box 1
	done >out
	wait "$child"
	[ "$(cat out)" = 2134 ]
	[ "$(received a)" = 6 ]
	[ "$(received b)" = 5 ]
}

@test "-1 gives a large message, too, to exactly one" {
	mkmbox -b 400K a
	mkmbox b
	head -c 300000 /dev/urandom >in
	for _ in 1 2 3; do msend - <in; done >stream
	(cat in; cat in; cat in) >thrice
	timeout 10 mtee -1 -q a b <stream
	is_messages a 1
	is_messages b 2
	timeout 10 mrecv -o '%p' -a a b | cmp thrice -
	# the same with a length that is known before
	mkmbox c
	msend -F c <stream
	timeout 10 mrecv -a -F c | timeout 10 mtee -1 -q a b
	is_messages a 1
	is_messages b 2
	timeout 10 mrecv -o '%p' -a a b | cmp thrice -
}

@test "-n skips a channel that is full, says once how often, and ends with 1" {
	mkmbox -c 2 a
	mkmbox b
	mkmbox -c 4 c
	seq 5 | msend -l - | (run -1 --separate-stderr timeout 10 mtee -n -q a b c
		[ "$stderr" = $'mtee: a: full for 3 messages\nmtee: c: full for 1 message' ])
	[ "$(received a)" = $'1\n2' ]
	[ "$(received b)" = $'1\n2\n3\n4\n5' ]
	[ "$(received c)" = $'1\n2\n3\n4' ]
}

@test "-n counts each message of a flood, and a smaller one may fit where a larger did not" {
	mkmbox -c 100 a
	seq 50000 | msend -l - | (run -1 --separate-stderr timeout 20 mtee --nonblock -q a
		[ "$stderr" = 'mtee: a: full for 49900 messages' ])
	mkmbox -b 10 b
	stream 12345 1234567 123 | (run -1 --separate-stderr timeout 10 mtee -nq b
		[ "$stderr" = 'mtee: b: full for 1 message' ])
	[ "$(received b)" = $'12345\n123' ]
}

@test "-n skips a full mailbox for large messages too, and never tears one" {
	mkmbox -c 1 a
	mkmbox b
	head -c 300000 /dev/urandom >in
	(msend - <in; msend - <in) | (run -1 --separate-stderr timeout 10 mtee -n -q a b
		[ "$stderr" = 'mtee: a: full for 1 message' ])
	is_messages b 2
	timeout 10 mrecv a | cmp in -
}

@test "-n skips a FIFO that nobody empties, and what it holds is whole" {
	mkfifo fifo
	exec 8<>fifo
	head -c 20000 /dev/zero | tr '\0' x >in
	(msend -t big - <in; stream small) >pair
	cat pair{,,,,}{,,,} >stream            # twenty times
	run -74 --separate-stderr timeout 10 mtee -n -q fifo <stream
	[[ "$stderr" == 'mtee: fifo: full for '*' messages'$'\n''mtee: fifo: '*' bytes were left unread' ]]
	missed=${stderr#*for } missed=${missed%% messages*}
	in_background timeout 10 mrecv -a -o '%t %l\n' fifo >out
	until_true sh -c "[ \$(wc -l <out) -eq $((40 - missed)) ]"
	kill "$child"
	wait "$child" || true
	exec 8>&-
	run ! grep -vxE 'big 20000|- 5' out
}

@test "-n says which named pipe nobody reads, and copies nothing" {
	mkfifo fifo
	mkmbox a
	stream 1 >frames
	run -1 --separate-stderr timeout 10 mtee -n -q a fifo <frames
	[ "$stderr" = "mtee: fifo: no process reads it" ]
	run -1 mrecv -n a
}

@test "a named pipe whose reader has left is full for a large message: -n counts it, -1 waits for the next reader" {
	mkfifo door
	pattern 300000 >large
	msend - <large >frame
	local how
	for how in -n '-1 -n' -1; do
		rm -f in
		mkfifo in
		exec 5<>door
		in_background sh -c "exec timeout $LIMIT mtee -q $how door <in 2>err" 5<&-
		exec 6>in
		stream first >&6
		[ "$(timeout "$LIMIT" mrecv door 5<&-)" = first ]
		exec 5<&-
		tee=$child
		in_background cat frame >&6
		exec 6>&-
		if [ "$how" = -1 ]; then
			timeout "$LIMIT" mrecv door >got
			same large got
			ended_with 0 "$tee"
		else
			ended_with 1 "$tee"
			[ "$(cat err)" = 'mtee: door: full for 1 message' ]
		fi
	done
}

@test "-n with -1 counts what no channel had room for" {
	mkmbox -c 1 a b
	seq 5 | msend -l - | (run -1 --separate-stderr timeout 10 mtee -n1q a b
		[ "$stderr" = $'mtee: a: full for 3 messages\nmtee: b: full for 3 messages' ])
	[ "$(received a)" = 1 ]
	[ "$(received b)" = 2 ]
}

@test "without -n the slowest channel sets the pace, and the others have what it waits for" {
	mkmbox -c 1 slow
	mkmbox fast
	seq 5 | msend -l - | timeout 20 mtee slow fast >out 3>&- &
	child=$!
	children+=("$child")
	until_true is_messages slow 1
	until_true sh -c 'mstat fast | grep -Eq "^fast +[1-5] "'
	until_true grep -q '^1$' out
	for n in 1 2 3 4 5; do
		[ "$(timeout 10 mrecv slow)" = $n ]
	done
	wait "$child"
	[ "$(received fast)" = $'1\n2\n3\n4\n5' ]
}

@test "options stand among the channels, -- ends them" {
	mkmbox a ./-q
	stream 1 | timeout 10 mtee a -q >out
	[ ! -s out ]
	stream 2 | timeout 10 mtee -t 2 a -- -q | timeout 10 mrecv -a - >out
	[ "$(cat out)" = 2 ]
	[ "$(received ./-q)" = 2 ]
}

# ---- failures

@test "a channel that fails is reported once and left out, the others go on, and it ends with 74" {
	mkmbox a b
	seq 5000 | msend -l - | (run -74 --separate-stderr timeout 10 mtee -q a /dev/full b
		[ "$stderr" = 'mtee: cannot write to /dev/full: No space left on device' ])
	received a | cmp - <(seq 5000)
	received b | cmp - <(seq 5000)
}

@test "a large message that fails in one channel comes to the others" {
	mkmbox a
	head -c 1000000 /dev/urandom >in
	msend - <in | (run -74 --separate-stderr timeout 10 mtee a /dev/full
		[ "$stderr" = 'mtee: cannot write to /dev/full: No space left on device' ])
	timeout 10 mrecv a | cmp in -
}

@test "a mailbox that is removed meanwhile is left out" {
	mkmbox a b
	mkfifo in
	timeout 20 mtee -q a b <in 2>err 3>&- &
	child=$!
	children+=("$child")
	exec 8>in
	stream 1 >&8
	until_true is_messages a 1
	rmmbox -f a
	stream 2 3 >&8
	until_true is_messages b 3
	stream 4 >&8
	exec 8>&-
	status=0
	wait "$child" || status=$?
	[ $status -eq 74 ]
	[ "$(cat err)" = 'mtee: cannot write to a: the mailbox was removed' ]
	[ "$(received b)" = $'1\n2\n3\n4' ]
}

@test "one that waits for room in a mailbox that is removed goes on without it" {
	mkmbox -c 1 a
	mkmbox b
	seq 5 | msend -l - | timeout 20 mtee -q a b 2>err 3>&- &
	child=$!
	children+=("$child")
	until_true sh -c "mstat a | grep -q ' 1s '"
	rmmbox -f a
	status=0
	wait "$child" || status=$?
	[ $status -eq 74 ]
	[ "$(received b)" = $'1\n2\n3\n4\n5' ]
}

@test "-1 gives a message, small or large, to the mailbox of capacity 0 where somebody waits for it" {
	mkmbox -c 0 a b
	pattern 300000 >large
	in_background mrecv -t small b >small
	one=$child
	until_waiting b
	TAG=small stream hello | timeout 20 mtee -1 -q a b
	status_of "$one"
	[ "$(cat small)" = hello ]
	msend -t large - <large >frame
	in_background mrecv -t large b >got
	until_waiting b
	timeout 20 mtee -1 -q a b <frame
	status_of "$child"
	same large got
	run -1 timeout 20 mtee -1 -q -n a b <frame
	run -1 timeout 20 mtee -q -n a b <frame
	in_background mrecv -t other a
	until_waiting a
	run -1 timeout 20 mtee -1 -q -n a b <frame
}

@test "a large message whose receiver is killed half-way is lost to that mailbox of capacity 0, and the next one goes there" {
	mkmbox -c 0 a
	mkmbox b
	pattern 3000000 >large
	mkfifo stuck
	exec 6<>stuck
	in_background mrecv a >&6 6>&-
	receiver=$child
	until_waiting a
	{ msend - <large; stream next; } >frames
	in_background sh -c 'mtee -q a b <frames 2>err' 6>&-
	tee=$child
	head -c 10 <&6 >/dev/null
	kill -KILL "$receiver"
	[ "$(timeout 20 mrecv a)" = next ]
	status_of "$tee"
	[ "$status" -eq 74 ]
	[ "$(cat err)" = 'mtee: cannot write to a: its receiver left inside the message' ]
	timeout 20 mrecv -n b >got
	same large got
	[ "$(mrecv -n b)" = next ]
	exec 6>&-
}

@test "standard output may fail, or be closed by its reader, as any channel" {
	mkmbox a
	stream 1 2 >stream
	run -74 --separate-stderr sh -c 'timeout 10 mtee a <stream >/dev/full'
	[ "$stderr" = 'mtee: cannot write to standard output: No space left on device' ]
	[ "$(received a)" = $'1\n2' ]
	seq 50000 | msend -l - | (timeout 10 mtee a 2>err || echo $? >status) | true
	[ "$(cat status)" = 74 ]
	[ "$(cat err)" = 'mtee: cannot write to standard output: Broken pipe' ]
	received a | cmp - <(seq 50000)
}

@test "when every channel has failed it stops reading" {
	(stream 1; exec cat /dev/zero) | (run -74 timeout 10 mtee -q /dev/full)
}

@test "what is not frames is 65, and what stood before it has been copied" {
	mkmbox a
	(stream 1 2; echo junk) | (run -65 --separate-stderr timeout 10 mtee -q a
		[ "$stderr" = "mtee: standard input: byte $(stream 1 2 | wc -c): malformed header" ])
	[ "$(received a)" = $'1\n2' ]
	run -65 timeout 10 mtee -q a <<<'M1 10 t s'
}

@test "a message that is cut short is 65, and exists nowhere" {
	mkmbox a
	stream 1 >record
	head -c 200000 /dev/zero >in
	(printf 'M1 300000 t s\n'; cat in) >stream
	run -65 timeout 10 mtee -q -a a record <stream
	[ -z "$(received a)" ]
	[ "$(timeout 10 mrecv -a record)" = 1 ]
	printf 'M1 3+ t s\nabc\n' >stream
	run -65 timeout 10 mtee -q -a a record <stream
	[ -z "$(received a)" ]
	[ -z "$(find a -name '*.spool')" ]
}

@test "a message whose header line is too long for a mailbox is 65, and the next one goes" {
	mkmbox a b
	(printf 'M1 1 t s k='; head -c 4080 /dev/zero | tr '\0' x; printf '\n1\n'; stream 2) >stream
	run -65 --separate-stderr timeout 10 mtee -q a <stream
	[ "$stderr" = "mtee: a: a message's header line is too long" ]
	[ "$(received a)" = 2 ]
}

@test "a channel that may not be written is 77" {
	stream 1 >stream
	: >record
	chmod 444 record
	run -77 as_nobody mtee -q record <stream
}

@test "a channel that is missing, or no channel, is 66" {
	mkdir plain
	mkmbox a
	for channel in none plain ''; do
		run -66 timeout 10 mtee a "$channel" </dev/null
	done
}

@test "ended by a signal while it waits, it is ended by that signal" {
	mkmbox -c 1 a
	seq 5 | msend -l - >stream
	for signal in TERM INT HUP; do
		in_background bash -c "trap - $signal; exec timeout 20 mtee -q a" <stream
		until_true sh -c "mstat a | grep -q ' 1s '"
		kill -$signal $(pgrep -P "$child")
		status=0
		wait "$child" || status=$?
		[ $status -eq $((128 + $(kill -l $signal))) ]
	done
}

@test "a command line that is wrong is 64, and says how it is used" {
	mkmbox a
	run -64 mtee
	[[ "$output" == *'usage: mtee [-1anqv] [--close] [-s glob] [-t glob] channel...'* ]]
	run -64 mtee -q
	run -64 mtee -x a
	run -64 mtee -t
	run -64 mtee -t '' a
	run -64 mtee a -t x
	[[ "$output" == *'no channel follows the last -s or -t'* ]]
}

@test "-h and -V print and exit with 0" {
	run -0 mtee -h
	[[ "$output" == 'usage: mtee [-1anqv] [--close] [-s glob] [-t glob] channel...'* ]]
	run -0 mtee --help
	run -0 mtee -V
	[[ "$output" == 'mtee (letterbox) '* ]]
	run -0 mtee --version
}

# bats test_tags=no-valgrind, no-sanitize
@test "mtee killed in a large message leaves each FIFO between two chunks: the next message is whole" {
	needs_strace
	head -c 3000000 /dev/urandom | msend -t large - >frame
	mkfifo a b
	local at box
	for at in 1 2 3 4 5 6 9 12; do
		exec 8<>a 9<>b
		# one reader that goes on behind what is cut short
		mrecv -f -o '%t %p\n' -T large a >got.a 2>err.a 3>&- 8>&- 9>&- &
		PIDS="${PIDS:-} $!"
		mrecv -f -o '%t %p\n' -T large b >got.b 2>err.b 3>&- 8>&- 9>&- &
		PIDS="${PIDS:-} $!"
		run strace -qq -o /dev/null -e "inject=splice:signal=KILL:when=$at" mtee -q a b <frame
		[ "$status" -eq 137 ]
		for box in a b; do
			msend -t next "$box" ok 8>&- 9>&-
			until_true grep -qx 'next ok' "got.$box"
		done
		exec 8>&- 9>&-
		# shellcheck disable=SC2086 # a list of numbers
		kill $PIDS
		wait
		PIDS=
	done
}

@test "a large message goes whole to FIFOs, an ordinary pipe and standard output at once, from a pipe and from a file" {
	head -c 5000001 /dev/urandom >payload
	msend -t large - <payload >chunks
	{ printf 'M1 5000001 large me\n'; cat payload; echo; } >whole
	mkfifo a b
	local from how
	for from in chunks whole; do
		for how in file pipe; do
			mrecv a >got.a 3>&- &
			mrecv b >got.b 3>&- &
			if [ $how = file ]; then
				mtee a b <$from | mrecv - >got.out
			else
				cat $from | mtee a b | mrecv - >got.out
			fi
			wait
			cmp got.a payload
			cmp got.b payload
			cmp got.out payload
		done
	done
}
