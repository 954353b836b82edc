#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# msend: every option, every exit status.

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

# ---- what is sent ----

@test "operands are joined by spaces and ended by a newline, as echo would" {
	msend box make all
	msend box ' two  spaces ' ''
	msend box -n --help
	mrecv -a -o '%p' box >out
	printf 'make all\n two  spaces  \n-n --help\n' >expected
	same expected out
}

@test "operands of more than 64 KiB are one message" {
	mapfile -t words < <(seq 20000)
	msend box "${words[@]}"
	[ "$(mrecv box)" = "${words[*]}" ]
}

@test "without operands standard input is one message" {
	printf 'two\nlines' | msend box
	mrecv box >out
	printf 'two\nlines' >expected
	same expected out
	msend box </dev/null
	[ "$(mrecv -o '%l' box)" = 0 ]
}

# bats test_tags=no-valgrind,no-sanitize
@test "a large payload is read once: what goes into a mailbox is not read again for its checksum" {
	needs_strace
	pattern 3000000 >big
	timeout "$LIMIT" strace -qq -o trace -e trace=read,pread64,copy_file_range,sendfile,splice msend box <big
	# all reads together, those of the mailbox's own files among them
	[ "$(awk '$NF > 0 { sum += $NF } END { print sum }' trace)" -lt 3500000 ]
	mrecv box >out
	same big out
}

@test "-l sends each line, -0 each record" {
	printf 'a\n\nb' | msend -l box
	printf 'c\nd\0e\0' | msend --null box
	lines f g | msend --lines box
	mrecv -a -o '%l:%p;' box >out
	printf '1:a;0:;1:b;3:c\nd;1:e;1:f;1:g;' >expected
	same expected out
}

@test "-l sends what it has read while it waits for more" {
	mkfifo pipe
	exec 5<>pipe
	in_background msend -l box <pipe 5<&-
	echo one >&5
	[ "$(mrecv box)" = one ]
	exec 5<&-
	status_of "$child"
	[ "$status" -eq 0 ]
}

@test "-F sends frames on with tag, source and headers, and strips what only a mailbox may set" {
	printf 'M1 1 t s key=v id=77 try=3 uid=0 time=12.000000\nx\nM1 0 - s\n\n' | msend -F box
	mrecv -a -F box >out
	printf 'M1 1 t s id=1 time=12.000000 key=v\nx\n' >expected
	head -n 2 out >first
	same expected first
	grep -q '^M1 0 - s id=2 time=[0-9]*\.[0-9]*$' out
}

@test "-F takes payloads in chunks, and of any size" {
	pattern 200000 >big
	{ printf 'M1 3+ t s\none\nM1 0+\n\nM1 3\ntwo\n'; printf 'M1 200000 t s\n'; cat big; echo; } | msend --frames box
	[ "$(mrecv box)" = onetwo ]
	mrecv box >out
	same big out
}

@test "lines behind one that is longer than 64 KiB are messages of their own" {
	{ head -c 70000 /dev/zero | tr '\0' x; printf '\na\nb\nc\n'; } | msend -l box
	[ "$(mrecv -a -o '%l\n' box | xargs)" = "70000 1 1 1" ]
}

# ---- how it is addressed ----

@test "-t gives a tag, -s a source, -H headers" {
	msend -t build -s alice -H a=1 -H 'b=two words' box x
	msend --tag=test --source=bob --header=c=3 box x
	mrecv -a -o '%t %s %h{a} %h{b} %h{c}\n' box >out
	lines 'build alice 1 two%20words ' 'test bob   3' >expected
	same expected out
}

@test "without -t the tag is a hyphen; without -s the source is MBOX_SOURCE, else the login and the parent's number" {
	MBOX_SOURCE=carol msend box x
	LOGNAME=dave command msend box x
	env -u LOGNAME USER=erin sh -c 'msend box x; echo $$ >pid'
	mrecv -a -o '%t %s\n' box >out
	lines "- carol" "- dave.$BASHPID" "- erin.$(cat pid)" | sed "2s/.*/- dave.$$/" >expected
	sed -i "2s/\.[0-9]*$/.$$/" out
	same expected out
	MBOX_SOURCE='a b' misused_source
}

misused_source()
{
	status=0
	command msend box x 2>err || status=$?
	[ "$status" -eq 64 ]
}

@test "a header line that leaves a mailbox less than 128 bytes is refused through any channel, with 65" {
	local fits long
	printf -v fits '%03956d' 0
	printf -v long '%03957d' 0
	: >file
	for channel in box file -; do
		msend -t t -s s -H k="$fits" $channel x >out
		fails 65 msend -t t -s s -H k="$long" $channel x
		fails 65 msend -t t -s s -H k="$long" $channel </dev/null
	done
	# from others as much comes as a frame may have
	printf 'M1 1 t s k=%04083d\nx\n' 0 | mrecv -o '%l' -
	mrecv file | msend -H k="$fits" -t t -s s box
	[ "$(mrecv -a -o '%h{k}\n' box | sort -u)" = "$fits" ]
}

@test "headers that are no key and value, given twice, or not a sender's to set are refused" {
	misused msend -H key box x
	misused msend -H =v box x
	misused msend -H Key=v box x
	misused msend -H 1a=v box x
	misused msend -H a_b=v box x
	misused msend -H a=1 -H a=2 box x
	for key in id time try uid big; do
		misused msend -H "$key=1" box x
	done
	run -1 mrecv -n box
}

# ---- how it waits ----

@test "-n does not wait for room: 1, without a word" {
	mkmbox -c 1 small
	msend -n small one
	run -1 msend -n small two
	[ "$output" = "" ]
	run -1 msend --nonblock small two
}

@test "-w waits so long for room, and no longer: 124" {
	mkmbox -c 1 small
	msend small one
	for wait in 0 0.05 50ms 0.001m; do
		run -124 msend -w "$wait" small two
	done
	run -124 msend --wait=0.05 small two
	in_background msend -w 20s small two
	until_waiting small
	[ "$(mrecv small)" = one ]
	status_of "$child"
	[ "$status" -eq 0 ]
}

@test "-S returns when the message has been received" {
	in_background msend -S box one
	until_waiting box
	kill -0 "$child"
	[ "$(mrecv box)" = one ]
	status_of "$child"
	[ "$status" -eq 0 ]
}

@test "-S with -w takes its message back when time runs out: 124" {
	run -124 msend --sync -w 0.05 box one
	run -1 mrecv -n box
}

@test "-S fails with 74 where its message left the mailbox without being received" {
	mkmbox -c 1 -o oldest oldest
	in_background msend -S oldest one 2>err
	until_waiting oldest
	msend oldest two
	status_of "$child"
	[ "$status" -eq 74 ]
	[ "$(wc -l <err)" -eq 1 ]
}

@test "-x lets the message expire" {
	msend -x 0.01 box one
	msend -x 1h box two
	until_true eval '[ "$(mrecv -p -a box)" = two ]'
	[ "$(mrecv -a box)" = two ]
	msend --expire=10ms box three
	until_true eval 'run -1 mrecv -n box && [ "$status" -eq 1 ]'
}

# ---- what it says ----

@test "-v prints the number of each message, a line each, of every form" {
	msend -v box x >out
	lines a b | msend -v -l box >>out
	printf 'a\0b' | msend --verbose -0 box >>out
	pattern 100000 | msend -v box >>out
	[ "$(xargs <out)" = "1 2 3 4 5 6" ]
}

@test "-v prints every number where small and large messages take turns" {
	pattern 100000 >big
	for i in 1 2 3; do
		printf 'M1 1 t s\nx\nM1 100000 t s\n'
		cat big
		echo
	done >frames
	msend -v -F box <frames >out
	[ "$(xargs <out)" = "1 2 3 4 5 6" ]
	for i in 1 2; do
		echo x
		head -c 100000 /dev/zero | tr '\0' x
		echo
	done | msend -v -l box >out
	[ "$(xargs <out)" = "7 8 9 10" ]
}

@test "-v prints the numbers of thousands" {
	seq 20000 >expected
	msend -v -l box <expected >out
	same expected out
}

# ---- exit statuses ----

@test "a wrong command line is 64, and nothing is sent" {
	misused msend
	misused msend -z box x
	misused msend -l -0 box
	misused msend -F -l box
	misused msend -l box x
	misused msend -F box x
	misused msend -n -w 1 box x
	misused msend -w 1 -n box x
	misused msend -w x box x
	misused msend -w -1 box x
	misused msend -x x box x
	misused msend -t 'a b' box x
	misused msend -s '' box x
	misused msend -S -n box x
	misused msend -S - x
	run -1 mrecv -n box
}

@test "-F with input that is no frame, or ends inside one, is 65; the frames before are sent" {
	printf 'M1 1 t s\nx\nnonsense\n' >bad
	fails_with_input 65 bad msend -F box
	[[ $error == "msend: standard input: byte "* ]]
	[ "$(mrecv -a box)" = x ]
	printf 'M1 1 t s\nx\nM1 5 t s\nxx' >cut
	fails_with_input 65 cut msend -F box
	[ "$(mrecv -a box)" = x ]
	{ printf 'M1 200000 t s\n'; head -c 100000 /dev/zero; } >cut
	fails_with_input 65 cut msend -F box
	[ -z "$(files_of box)" ]
	run -1 mrecv -n box
}

@test "a missing channel is 66, one that does not want messages 66 or 74" {
	fails 66 msend none x
	fails 66 msend none/box x
	fails 66 msend "" x
	fails 66 msend "$(printf %0300d 1)" x
	[ ! -e none ]
	echo x >file
	fails 66 msend file/box x
}

@test "a mailbox that was removed is 69 to who sends on" {
	mkfifo pipe
	exec 5<>pipe
	in_background msend -l box <pipe 5<&- 2>err
	echo one >&5
	[ "$(mrecv box)" = one ]
	rmmbox box
	echo two >&5
	status_of "$child"
	exec 5<&-
	[ "$status" -eq 69 ]
	[ "$(cat err)" = "msend: cannot send to box after 1 message: the mailbox was removed" ]
}

# valgrind needs more than the limit
# bats test_tags=no-valgrind
@test "what the system refuses is 71" {
	status=0
	(ulimit -n 6; exec "$(type -P msend)" box x) 2>err 3>&- 4>&- || status=$?
	[ "$status" -eq 71 ]
	[ "$(wc -l <err)" -eq 1 ]
}

@test "an input that can not be read, and an output that can not be written, is 74" {
	status=0
	msend box <. 2>err || status=$?
	[ "$status" -eq 74 ] || [ "$status" -eq 66 ]
	[ "$(wc -l <err)" -eq 1 ]
	run -1 mrecv -n box
	status=0
	msend - x >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
	[ "$(wc -l <err)" -eq 1 ]
	status=0
	msend -v box x >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "where sending is not permitted: 77" {
	chmod 000 box
	status=0
	as_nobody msend box x 2>err || status=$?
	chmod 700 box
	[ "$status" -eq 77 ]
	[ "$(wc -l <err)" -eq 1 ]
}

@test "-h and -V print on standard output, or fail with 74" {
	[[ $(msend -h) == "usage: msend "* ]]
	[[ $(msend --version) == "msend (letterbox) "* ]]
	status=0
	msend --help >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "an error names the channel as it was typed, escaped" {
	fails 66 msend "$(printf 'no\nbox\033')" x
	[ "$error" = 'msend: no mailbox at no\x0abox\x1b' ]
}

# bats test_tags=no-valgrind
@test "a standard input that does not wait is waited for" {
	command -v perl >/dev/null || skip "perl is not installed"
	mkfifo in
	for option in '' -l; do
		exec 5<>in
		# shellcheck disable=SC2086,SC2016
		in_background perl -MFcntl -e 'fcntl(STDIN, F_SETFL, O_RDONLY | O_NONBLOCK) or die; exec @ARGV' msend $option box <in 5>&-
		until_true grep -qE '^[0-9]+ \(msend\) S' "/proc/$child/stat"
		echo hello >&5
		exec 5>&-
		ended_with 0 "$child"
		[ "$(mrecv -n box)" = hello ]
	done
}
