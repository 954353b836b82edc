#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is left when a tool is killed, when the disk is full, when a file is damaged.

# Under valgrind, strace(1) would count and fail valgrind's own system calls, of which there are hundreds.
# bats file_tags=no-valgrind

load ../helpers

setup()
{
	common_setup
	mkmbox -b inf box
}

teardown()
{
	[ ! -d full ] || umount full 2>/dev/null || :
	common_teardown
}

# a command that takes its time: it says that it runs, in `started`, and never ends by itself
hold='echo $$ >started.new; mv started.new started; exec sleep 60'

# kill_command -- end the command that $hold left, where it has not died with mrecv already.
kill_command()
{
	kill -KILL "$(cat started)" 2>/dev/null || :
}

# clean BOX -- whoever waits there next clears away what the dead have left: nothing but messages is in the folder.
clean()
{
	local status=0 left
	timeout "$LIMIT" mrecv -w 0.01 -t no-such-tag "$1" || status=$?
	[ "$status" -eq 124 ] || { echo "status $status, not 124"; return 1; }
	left=$(files_of "$1")
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

# ---- receivers ----

@test "a receiver that is killed gives its message back, in its place, with one more try" {
	lines one two three | msend -l box
	in_background mrecv box -- sh -c "$hold"
	until_true exists started
	[ "$(mrecv -p -a box)" = "$(lines two three)" ]
	kill -KILL "$child"
	status_of "$child"
	kill_command
	mrecv -a -F box >frames
	[ "$(grep -c ^M1 frames)" -eq 3 ]
	head -n 1 frames | grep -q ' try=2'
	[ "$(mrecv -l - <frames)" = one ]
}

@test "a command finds in MBOX_TRY that a receiver before its own was killed" {
	msend box one
	in_background mrecv box -- sh -c "$hold"
	until_true exists started
	kill -KILL "$child"
	status_of "$child"
	kill_command
	[ "$(timeout "$LIMIT" mrecv box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = "2 one" ]
}

@test "a receiver that sleeps already gets the message of one that is killed" {
	msend box one
	in_background mrecv box -- sh -c "$hold"
	until_true exists started
	killed=$child
	in_background timeout "$LIMIT" mrecv box >out
	until_waiting box
	kill -KILL "$killed"
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat out)" = one ]
	kill_command
}

@test "a receiver that is killed in the middle of a payload leaves the message whole" {
	pattern 3000000 >big    # more than a pipe holds
	msend -t big box <big
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv box >pipe 5<&-
	[ "$(head -c 10 <&5)" = "$(head -c 10 big)" ]
	kill -KILL "$child"
	status_of "$child"
	exec 5<&-
	timeout "$LIMIT" mrecv box >out
	same big out
}

@test "what a killed receiver had been done with does not come again" {
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f box >pipe 5<&-
	msend box one
	read -r -t "$LIMIT" line <&5
	[ "$line" = one ]
	until_waiting box
	kill -KILL "$child"
	exec 5<&-
	status_of "$child"
	run -1 mrecv -n box
	clean box
}

# ---- senders ----

@test "a sender that is killed in the middle of a payload leaves nothing" {
	mkfifo pipe
	exec 5<>pipe
	in_background msend box <pipe 5<&-
	pattern 200000 >&5
	until_true eval 'exists box/*.spool'
	kill -KILL "$child"
	status_of "$child"
	exec 5<&-
	run -1 mrecv -n box
	clean box
}

@test "a sender of lines that is killed has sent those that were whole, and no other" {
	mkfifo pipe
	exec 5<>pipe
	in_background msend -l box <pipe 5<&-
	printf 'one\ntwo\nthr' >&5
	until_true eval '[ "$(mrecv -p -a box | wc -l)" -eq 2 ]'
	kill -KILL "$child"
	status_of "$child"
	exec 5<&-
	[ "$(mrecv -a box)" = "$(lines one two)" ]
}

@test "waiters that are killed leave no file behind after the next command, and miss nobody's message" {
	in_background mrecv box
	first=$child
	until_waiting box 1
	in_background timeout "$LIMIT" mrecv box >out
	until_waiting box 2
	kill -KILL "$first"
	status_of "$first"
	msend box one
	status_of "$child"
	[ "$(cat out)" = one ]
	clean box
}

@test "a sender that is killed while it waits for room holds nobody up" {
	mkmbox -c 1 small
	msend small one
	in_background msend small two
	until_waiting small
	kill -KILL "$child"
	status_of "$child"
	[ "$(mrecv small)" = one ]
	timeout "$LIMIT" msend small three
	[ "$(mrecv small)" = three ]
	clean small
}

# ---- signals ----

@test "a signal ends who waits for a message, with 128 and its number, and leaves no file" {
	for signal in TERM INT HUP; do
		in_background env --default-signal="$signal" mrecv box
		until_waiting box
		kill -s "$signal" "$child"
		status_of "$child"
		[ "$status" -eq $((128 + $(kill -l "$signal"))) ]
		[ -z "$(files_of box)" ]
	done
}

@test "a signal ends who waits for room, with 128 and its number; the message is not sent and no file is left" {
	mkmbox -c 1 small
	msend small one
	pattern 200000 >big
	for signal in TERM INT; do
		in_background env --default-signal="$signal" msend small <big
		until_waiting small
		kill -s "$signal" "$child"
		status_of "$child"
		[ "$status" -eq $((128 + $(kill -l "$signal"))) ]
		[ -z "$(files_of small)" ]
	done
	[ "$(mrecv -a small)" = one ]
}

@test "a signal in the middle of a payload leaves nothing of it" {
	mkfifo pipe
	exec 5<>pipe
	in_background msend box <pipe 5<&-
	pattern 200000 >&5
	until_true eval 'exists box/*.spool'
	kill -TERM "$child"
	status_of "$child"
	exec 5<&-
	[ "$status" -eq 143 ]
	run -1 mrecv -n box
	clean box
}

@test "a signal ends a sender whose input never pauses, and nothing of the message is in" {
	chmbox -b inf box
	local command
	for command in "msend box" "msend -S box" "msend -l box" "mcall box" "mtee -q box"; do
		case $command in
		mtee*) printf 'M1 99999999999 - me\n' >head; exec 4< <(cat head /dev/zero) ;;
		*) exec 4</dev/zero ;;
		esac
		# shellcheck disable=SC2086  # its words
		in_background $command <&4
		exec 4<&-
		until_true eval '[ -n "$(find box -name "*.spool*" -size +1000k)" ]'
		kill -TERM "$child"
		status_of "$child"
		[ "$status" -eq 143 ] || { echo "status $status: $command"; return 1; }
		[ "$(mstat -J box | grep -o '"messages":[0-9]*')" = '"messages":0' ]
	done
}

@test "after a first SIGTERM the command that runs comes to its end, and no other message is taken" {
	lines one two | msend -l box
	in_background mrecv -f box -- sh -c 'echo $$ >started.new; mv started.new started
		until [ -e go ]; do sleep 0.01; done; cat >out'
	until_true exists started
	kill -TERM "$child"
	until_true got_signals "$child"
	: >go
	status_of "$child"
	[ "$status" -eq 143 ]
	[ "$(cat out)" = one ]
	[ "$(mrecv -a box)" = two ]
	[ -z "$(files_of box)" ]
}

@test "a second SIGTERM ends the command, and its message is put back as it was" {
	msend box one
	in_background mrecv -f box -- sh -c "$hold"
	until_true exists started
	kill -TERM "$child"
	until_true got_signals "$child"
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	run ! kill -0 "$(cat started)"
	[ "$(mrecv -n box -- sh -c 'echo "$MBOX_TRY $(cat)"')" = "1 one" ]
	[ -z "$(files_of box)" ]
}

# ---- any system call ----
#
# Each of these is given N: at every Nth system call of a use it is killed, or the call fails.  All of them: the long tests below.

# calls N COMMAND... -- run it, and list every Nth of its system calls: the name and the how manieth of that name it is.
calls()
{
	local nth=$1
	shift
	strace -qq -o trace "$@" >/dev/null 2>&1 || :
	awk -v nth="$nth" '/^[a-z0-9_]*\(/ && !/^(execve|exit_group)\(/ { sub(/\(.*/, ""); n++; $0 = $0 " " ++count[$0] }
	    /^[a-z0-9_]+ [0-9]+$/ && n % nth == 0' trace
}

# killed_at NAME NTH COMMAND... -- run it, and kill it at its NTH system call NAME.
killed_at()
{
	local inject="$1:signal=KILL:when=$2" traced
	shift 2
	{ timeout "$LIMIT" strace -qq -o trace -e inject="$inject" "$@" 2>err || :; } 2>/dev/null
	mapfile -t traced <trace
	[[ ${traced[*]} != *'killed by SIGKILL'* ]] || kills=$((kills + 1))
}

# enough -- whether most of the calls in list were met.
enough()
{
	local calls
	mapfile -t calls <list
	[ ${#calls[@]} -gt 4 ] && [ $((kills * 4)) -ge $((${#calls[@]} * 3)) ] || { echo "$kills kills at ${#calls[@]} calls"; return 1; }
}

sender_killed()
{
	kills=0
	msend box before
	calls "$1" msend box one >list
	mrecv -a box >/dev/null
	while read -r name nth; do
		msend box before
		killed_at "$name" "$nth" msend box one
		msend box after
		mrecv -a box >out
		mapfile -t got <out
		case ${got[*]} in
		'before after' | 'before one after') ;;
		*) echo "at $name $nth: ${got[*]}"; return 1 ;;
		esac
		clean box
	done <list
	enough
}

large_sender_killed()
{
	kills=0
	pattern 100000 >big
	# the first makes what the others find there
	msend box <big
	mrecv -a box >/dev/null
	calls "$1" msend box <big >list
	mrecv -a box >/dev/null
	while read -r name nth; do
		killed_at "$name" "$nth" msend box <big
		mrecv -n box >out || [ ! -s out ]
		[ ! -s out ] || same big out
		clean box
	done <list
	enough
}

receiver_killed()
{
	kills=0
	lines one two three | msend -l box
	calls "$1" mrecv -c 2 -n box >list
	mrecv -a box >/dev/null
	while read -r name nth; do
		lines one two three | msend -l box
		killed_at "$name" "$nth" mrecv -c 2 -n box >out
		mrecv -a box >rest
		mapfile -t got <out
		mapfile -t left <rest
		case "${got[*]}: ${left[*]}" in
		': one two three' | 'one two: three' | 'one two: one two three') ;;
		*) echo "at $name $nth: ${got[*]}: ${left[*]}"; return 1 ;;
		esac
		clean box
	done <list
	enough
}

sleeper_killed()
{
	kills=0
	calls "$1" mrecv -w 0.01 box >list
	while read -r name nth; do
		killed_at "$name" "$nth" mrecv -w 0.01 box
		msend box one
		mrecv box >out
		same out <(echo one)
		clean box
	done <list
	enough
}

# counted USE... -- after USE was killed: what has left the mailbox unreceived is counted so, and what is received too.
counted()
{
	mrecv -a -T no-such-tag "$1" >out || :
	[ "$(mstat -J "$1" | jq .received)" = "$(wc -l <out)" ] || { echo "$(xargs <out): $(mstat -J "$1")"; return 1; }
}

dropper_killed()
{
	use=(msend full two)
	for i in 1 2 3; do
		case $i in
		2) use=(msend -S -w 0.02 full two) ;;
		3) use=(mrecv -n full) ;;
		esac
		kills=0
		fresh "$i"
		calls 1 "${use[@]}" | grep -E '^(pwrite64|unlinkat) ' | awk -v n="$1" 'NR % n == 0' >list
		while read -r name nth; do
			fresh "$i"
			killed_at "$name" "$nth" "${use[@]}"
			counted full
		done <list
		[ $((kills * $1)) -ge 4 ]
	done
}

# fresh USE -- the mailbox for the how manieth use of the test above.
fresh()
{
	rm -rf full
	case $1 in
	1) mkmbox -c 1 -o oldest full; msend full one ;;
	2) mkmbox full ;;
	3) mkmbox full; msend -x 0.001 full one; nap ;;
	esac
}

batch_killed()
{
	seq 4000 >numbers
	calls 1 msend -l box <numbers | grep pwrite64 | awk -v n="$1" 'NR % n == 0' >list
	mrecv -a box >/dev/null
	kills=0
	while read -r name nth; do
		killed_at "$name" "$nth" msend -l box <numbers
		mrecv -a box >/dev/null || :
		run -1 mrecv -n box
		kept=$(du -s -k box | cut -f 1)
		[ "$kept" -lt 64 ] || { echo "killed at $name $nth: $kept KB"; ls -ls box; return 1; }
	done <list
	[ $((kills * $1)) -gt 8 ]
}

maker_killed()
{
	kills=0
	calls "$1" mkmbox made >list
	rmmbox made
	while read -r name nth; do
		killed_at "$name" "$nth" mkmbox made
		mkmbox -p made
		msend made one
		mrecv -n made >out
		same out <(echo one)
		[ -z "$(files_of made)" ]
		rmmbox made
		[ ! -e made ]
	done <list
	enough
}

remover_killed()
{
	kills=0
	mkmbox made
	msend made one
	calls "$1" rmmbox -f made >list
	while read -r name nth; do
		mkmbox made
		msend made one
		killed_at "$name" "$nth" rmmbox -f made
		[ ! -e made ] || rmmbox -f made
		[ ! -e made ]
	done <list
	enough
}

sender_failed()
{
	msend box before
	calls 1 msend box one >list
	mrecv -a box >/dev/null
	grep -E '^(open|openat|pwrite64|pread64|read|fcntl|fstat|newfstatat|ftruncate)' list | awk -v n="$1" 'NR % n == 0' >some
	[ -s some ]
	while read -r name nth; do
		case $name in
		pwrite64 | ftruncate) error=ENOSPC ;;
		open | openat) error=EMFILE ;;
		fcntl) error=ENOLCK ;;
		*) error=EIO ;;
		esac
		msend box before
		status=0
		timeout "$LIMIT" strace -qq -o trace -e inject="$name:error=$error:when=$nth" msend box one 2>err || status=$?
		grep -q INJECTED trace || { echo "nothing failed at $name $nth"; return 1; }
		msend box after
		mrecv -a box >out
		mapfile -t said <err
		mapfile -t got <out
		case "$status: ${#said[@]}: ${got[*]}" in
		'0: 0: before one after') ;;
		0:*) echo "$error at $name $nth: success, and ${got[*]}; ${said[*]}"; return 1 ;;
		*': 1: before after' | *': 1: before one after') ;;
		*) echo "$error at $name $nth: $status: ${said[*]}: ${got[*]}"; return 1 ;;
		esac
		clean box
	done <some
}

@test "a sender that is killed at any system call leaves its message whole or not at all, and nothing else" {
	needs_strace
	sender_killed 3
}

@test "a sender of a large payload that is killed at any system call leaves it whole or not at all, and nothing else" {
	needs_strace
	large_sender_killed 7
}

@test "a receiver that is killed at any system call leaves every message, or has written those that are gone" {
	needs_strace
	receiver_killed 5
}

@test "a receiver that is killed at any system call while it goes to sleep leaves nothing behind" {
	needs_strace
	sleeper_killed 5
}

@test "a message that is dropped is counted as dropped, at whichever system call its dropper is killed" {
	needs_strace
	dropper_killed 2
}

@test "a sender that is killed in a batch leaves no disk in use in a mailbox that is emptied" {
	needs_strace
	batch_killed 2
}

@test "a maker that is killed at any system call leaves a mailbox, or what mkmbox -p makes one" {
	needs_strace
	maker_killed 5
}

@test "a remover that is killed at any system call leaves the mailbox, or what rmmbox -f removes" {
	needs_strace
	remover_killed 5
}

# bats test_tags=no-sanitize
@test "a sender in which any system call fails says so in one line, or has sent its message" {
	needs_strace
	sender_failed 3
}

# bats test_tags=long
@test "all of that at each single system call" {
	needs_strace
	for killed in sender large_sender receiver sleeper dropper batch maker remover; do
		rmmbox -f box
		mkmbox -b inf box
		"${killed}_killed" 1
	done
}

# bats test_tags=long,no-sanitize
@test "a sender in which each system call in turn fails says so in one line, or has sent its message" {
	needs_strace
	sender_failed 1
}

# ---- full disks ----

# small_disk SIZE-OPTIONS -- a file system of its own at full/.
small_disk()
{
	mkdir full
	mount -t tmpfs -o "$1" tmpfs full 2>/dev/null || { rmdir full; skip "no file system can be mounted here"; }
}

# fill_up -- use every byte that is left.
fill_up()
{
	run ! dd if=/dev/zero of=full/filler bs=4096
}

@test "a sender says that the disk is full, what it had sent is kept, and receivers drain it" {
	small_disk size=1m
	mkmbox -b inf full/box
	seq -f 'line %06g of many' 100000 >lines
	fails_with_input 74 lines msend -v -l full/box
	[[ $error == "msend: cannot send to full/box: No space left on device" ]]
	sent=$(wc -l <.out)
	[ "$sent" -gt 100 ]
	fill_up
	# the last blocks of its files may have room for a few
	for ((more = 0; more < 200; more++)); do
		timeout "$LIMIT" msend full/box more 2>/dev/null || break
	done
	fails 74 msend full/box more
	timeout "$LIMIT" mrecv -a full/box >out
	[ "$(grep -c '^more$' out)" -eq "$more" ]
	sed -i '/^more$/d' out
	head -n "$(wc -l <out)" lines >expected
	same expected out
	[ "$(wc -l <out)" -ge "$sent" ]
	rm full/filler
	msend full/box again
	[ "$(mrecv full/box)" = again ]
}

@test "on a full disk a receiver can wait, and a command's message can be put back" {
	small_disk size=1m
	mkmbox full/box
	msend full/box one
	fill_up
	run -75 timeout "$LIMIT" mrecv full/box -- sh -c 'exit 75'
	run -1 timeout "$LIMIT" mrecv -n -t other full/box
	[ "$(timeout "$LIMIT" mrecv full/box)" = one ]
	run -124 timeout "$LIMIT" mrecv -w 0.01 full/box
	[ "$output" = "" ]
}

@test "a payload for which there is no room on the disk leaves nothing" {
	small_disk size=1m
	mkmbox full/box
	pattern 3000000 >big
	fails_with_input 74 big msend full/box
	[ -z "$(files_of full/box)" ]
	run -1 mrecv -n full/box
	msend full/box one
	[ "$(mrecv full/box)" = one ]
}

@test "a mailbox for which there is no room on the disk is not made at all" {
	small_disk size=64k
	fill_up
	rm -rf full/none
	fails 73 mkmbox full/none
	[ ! -e full/none ]
}

@test "where no file can be made any more, a receiver still waits and receives" {
	small_disk size=1m,nr_inodes=8
	mkmbox full/box
	msend full/box one
	[ "$(mrecv full/box)" = one ]
	i=0
	while : >full/filler.$((i++)); do :; done 2>/dev/null
	in_background timeout "$LIMIT" mrecv full/box >out
	rm -f full/filler.0 full/filler.1
	timeout "$LIMIT" msend full/box two
	status_of "$child"
	[ "$(cat out)" = two ]
}

@test "an output that can not be written fails with 74, and the message stays" {
	msend box one
	status=0
	timeout "$LIMIT" mrecv box >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
	[ "$(cat err)" = "mrecv: cannot write to standard output: No space left on device" ]
	[ "$(mrecv -n box)" = one ]
}

@test "an output whose reader has gone ends the receiver by SIGPIPE, and what it had not written stays" {
	lines one two | msend -l box
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f box >pipe 5<&-
	exec 6<pipe 5<&-
	read -r -t "$LIMIT" line <&6
	[ "$line" = one ]
	exec 6<&-
	status_of "$child"
	[ "$status" -eq 141 ]
	msend box three
	[ "$(mrecv -a box | tail -n 1)" = three ]
	[ -z "$(files_of box)" ]
}

# writes_in_vain PID -- it has the message, and sleeps.
writes_in_vain()
{
	mstat -J box | grep -q '"claimed":1' && grep -q '^State:.*S' "/proc/$1/status"
}

@test "a receiver of one message whose output is filled meanwhile is ended by a signal, and the message stays" {
	pattern 30000 >large
	msend box <large
	mkfifo full
	exec 5<>full
	# a page is left, which poll(2) calls room
	head -c 61440 /dev/zero >&5
	in_background mrecv box >full 5<&-
	until_true writes_in_vain "$child"
	kill -TERM "$child"
	status_of "$child"
	[ "$status" -eq 143 ]
	mrecv -n box >out
	cmp large out
}

# ---- damage ----

# damaged -- every tool refuses the mailbox `broken`, with 65.
damaged()
{
	fails 65 msend broken one
	fails 65 mrecv -n broken
	fails 65 mrecv -p -n broken
	fails 65 rmmbox broken
}

@test "a ctl that is cut short anywhere is refused with 65" {
	mkmbox broken
	cp broken/ctl whole
	for size in 0 1 8 100 $(($(stat -c %s whole) / 2 - 1)); do
		head -c "$size" whole >broken/ctl
		damaged
	done
}

@test "a ctl of which any byte was changed in both copies is refused with 65" {
	mkmbox broken
	read -r -d "" -a bytes < <(od -An -v -t u1 broken/ctl) || :
	copy=$((${#bytes[@]} / 2))
	for at in 0 7 16 24 40 64 96 128 200 300 $((copy - 4)) $((copy - 1)); do
		changed=("${bytes[@]}")
		for i in $at $((at + copy)); do changed[i]=$((bytes[i] ^ 1)); done
		printf -v text '\\x%02x' "${changed[@]}"
		printf %b "$text" >broken/ctl
		damaged
	done
}

@test "a mailbox of another version is refused with 71, and told how to empty it" {
	mkmbox old
	# of version 4, whose copies were shorter: no checksum is where it is now
	head -c 512 old/ctl >ctl
	for seek in 8 328; do printf '\004' | dd of=ctl bs=1 seek=$seek conv=notrunc 2>dd.err; done
	cat ctl >old/ctl
	for command in 'msend old one' 'mrecv -n old' 'mrecv -p -n old' 'mstat old' 'rmmbox -f old'; do
		status=0
		$command >out 2>err || status=$?
		[ "$status:$(wc -l <err)" = 71:1 ]
		grep -q ' old: it is of another version of letterbox: empty it with the tools that made it$' err
	done
	[ -e old/lock ]
}

@test "a directory that is no mailbox is refused with 66" {
	mkdir folder
	fails 66 msend folder one
	fails 66 mrecv -n folder
	fails 66 rmmbox folder
	[ -d folder ]
}

# bats test_tags=no-valgrind
@test "a signal that asks to stop as a message is written does not have it delivered twice" {
	needs_strace
	local call
	for signal in TERM HUP INT ALRM; do
		# a shell has it ignored by what it starts in the background: make check &
		[ $signal != INT ] || ((!(0x$(awk '/^SigIgn/ { print $2 }' /proc/self/status) & 2))) || continue
		for call in pwritev2 write; do
			# a pipe is written by the one, and by the other where that cannot be
			msend box m
			strace -qq -o trace -e inject=pwritev2:"$([ $call = write ] && echo error=EOPNOTSUPP || echo signal=$signal)" \
				-e inject=write:signal=$signal:when=1 "$(type -P mrecv)" box 2>&1 | cat >out
			[ "${PIPESTATUS[0]}" -gt 128 ]
			[ "$(cat out)" = m ]
			run -1 mrecv -n box
		done
		for command in 'mrecv box' 'mrecv -l box' 'mrecv -a box' 'mrecv -J box'; do
			msend box m
			status=0
			timeout "$LIMIT" strace -qq -o /dev/null -e inject=write:signal=$signal:when=1 $command >out || status=$?
			[ "$status" -gt 128 ]
			[ -s out ]
			run -1 mrecv -n box
		done
	done
}
