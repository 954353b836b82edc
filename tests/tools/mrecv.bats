#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mrecv: every option, every exit status.  Commands are in handlers.bats, dead letters in deadletters.bats.

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

# three -- send three messages.
three()
{
	msend -t build -s alice box one
	msend -t test -s bob box two
	msend -t clean -s bob box three
}

# ---- how many ----

@test "any number of patterns: each ranks, excludes and is waited for" {
	local tags not
	mkmbox many
	mapfile -t tags < <(seq -f -ttag.%.0f 5000)
	mapfile -t not < <(seq -f -Tnot.%.0f 1000)
	for tag in not.1000 tag.5000 tag.300 other tag.299; do
		printf 'M1 0 %s s\n\n' "$tag"
	done | msend -F many
	[ "$(mrecv -a -o '%t\n' "${tags[@]}" many)" = "$(lines tag.299 tag.300 tag.5000)" ]
	[ "$(mrecv -a -o '%t\n' "${not[@]}" many)" = other ]
	in_background mrecv -l "${tags[@]}" -s 's*' many >got
	until_waiting many
	[[ $(mstat -J many) == *'"tags":[],"sources":["s*"],"not_tags":[],"not_sources":[],"wide":true}'* ]]
	msend -t tag.4999 -s me many no
	msend -t tag.4999 -s s1 many yes
	status_of "$child"
	[ "$(<got)" = yes ]
}

@test "one message is received, the first, as it is" {
	printf 'no newline' | msend box
	msend box two
	mrecv box >out
	printf 'no newline' >expected
	same expected out
	[ "$(mrecv -n box)" = two ]
}

@test "-a receives what is there now, and is 1 where nothing is" {
	three
	[ "$(mrecv -a box | xargs)" = "one two three" ]
	run -1 mrecv -a box
	three
	[ "$(mrecv --all box | xargs)" = "one two three" ]
}

@test "-c receives so many" {
	three
	[ "$(mrecv -c 2 box | xargs)" = "one two" ]
	status=0
	mrecv -n --count=2 box >out || status=$?
	[ "$status" -eq 1 ]
	[ "$(cat out)" = three ]
	three
	status=0
	mrecv -w 0.05 -c 4 box >out || status=$?
	[ "$status" -eq 124 ]
	[ "$(xargs <out)" = "one two three" ]
}

@test "-f receives for ever" {
	three
	status=0
	mrecv -f -w 0.05 box >out || status=$?
	[ "$status" -eq 124 ]
	[ "$(xargs <out)" = "one two three" ]
	status=0
	mrecv --follow -n box >out || status=$?
	[ "$status" -eq 1 ]
}

@test "-n does not wait, -w waits so long" {
	run -1 mrecv -n box
	run -1 mrecv --nonblock box
	run -124 mrecv -w 0 box
	run -124 mrecv --wait=10ms box
	[ "$output" = "" ]
	in_background mrecv -w 20 box >out
	until_waiting box
	msend box late
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(cat out)" = late ]
}

# ---- which ----

@test "-t and -s select by glob, -T and -S exclude" {
	three
	peek() { mrecv -p -a "$@" box | xargs; }
	[ "$(peek -t build)" = one ]
	[ "$(peek -t '*l*')" = "one three" ]
	[ "$(peek -t '?est')" = two ]
	[ "$(peek -t '[a-c]*')" = "one three" ]
	[ "$(peek -t '[!a-c]*')" = two ]
	[ "$(peek --tag=test --tag=build)" = "two one" ]
	[ "$(peek -s bob)" = "two three" ]
	[ "$(peek --source='a*')" = one ]
	[ "$(peek -s bob -T test)" = three ]
	[ "$(peek --not-source=bob)" = one ]
	[ "$(peek --not-tag='*l*')" = two ]
	[ "$(peek -T build -T test)" = three ]
	run -1 mrecv -n -t none box
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

@test "-i receives that one, and is 1 where it is gone or never was" {
	three
	[ "$(mrecv -i 2 box)" = two ]
	run -1 mrecv -i 2 box
	run -1 mrecv --id=77 box
	[ "$(mrecv -a box | xargs)" = "one three" ]
}

@test "-p takes nothing" {
	three
	[ "$(mrecv -p box)" = one ]
	[ "$(mrecv --peek box)" = one ]
	[ "$(mrecv -p -c 2 box | xargs)" = "one two" ]
	[ "$(mrecv -a box | xargs)" = "one two three" ]
	run -1 mrecv -p -n box
}

@test "-p -f shows each message once" {
	three
	status=0
	mrecv -p -f -w 0.05 box >out || status=$?
	[ "$status" -eq 124 ]
	[ "$(xargs <out)" = "one two three" ]
}

# looked STATUS ARGUMENT... -- mrecv -p exits with STATUS, and shows b and c once each, and a, which is kept back after
# failures, once at most.
looked()
{
	local expected=$1
	shift
	status=0
	"$@" >out || status=$?
	[ "$status" -eq "$expected" ] || { echo "status $status: $*"; return 1; }
	[ "$(grep -v '^a$' out | head -n 9 | sort | xargs)" = "b c" ]
	[ "$(grep -c '^a$' out)" -le 1 ]
}

@test "-p passes over a message that is kept back, and shows those behind it once" {
	mkmbox -m 644 kept
	msend kept a
	run -1 mrecv -B 1h kept -- false
	lines b c | msend -l kept
	looked 0 mrecv -p -a kept
	looked 124 mrecv -p -f -w 0.05 kept
	looked 0 mrecv -p -c 2 kept
	looked 124 mrecv -p -c 4 -w 0.05 kept
	looked 0 mrecv -p -a -t none -t '*' kept
	looked 0 mrecv -p -a kept box
	looked 124 mrecv -p -f -w 0.05 box kept
	looked 0 as_nobody mrecv -p -a kept
	mrecv -p -a -F kept >frames
	looked 0 mrecv -a frames
	mrecv -p -a -J kept >json
	looked 0 jq -r '.payload | rtrimstr("\n")' json
	[ "$(mrecv -p -i 2 kept)" = b ]
	# one that is asked for is not waited for
	[ "$(mrecv -n -p -i 1 kept)" = a ]
	[ "$(mrecv -n -i 1 kept)" = a ]
	[ "$(mrecv -a kept | xargs)" = "b c" ]
}

# ---- how it is written ----

@test "-p passes over a message that somebody receives while it is being shown what stands before it" {
	head -c 200000 /dev/zero | msend box
	head -c 200000 /dev/zero | msend box
	msend box last
	mkfifo out
	in_background sh -c 'exec mrecv -p -a box >out'
	exec 4<out
	# it has found all three, and the first one is more than the pipe takes
	head -c 1 <&4 | cmp - <(printf '\0')
	[ "$(mrecv -i 2 box | wc -c)" -eq 200000 ]
	[ "$(tail -c +200001 <&4)" = last ]
	exec 4<&-
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(mrecv -a box | wc -c)" -eq 200006 ]
}

@test "-l ends each payload with a newline unless it ends in one, and is what -a, -c and -f do" {
	printf one | msend box
	msend box two
	msend box </dev/null
	mrecv -p -a -l box >out
	printf 'one\ntwo\n\n' >expected
	same expected out
	mrecv -p -c 3 --lines box >out
	same expected out
	mrecv -p -c 3 box >out
	same expected out
	mrecv -l box >out
	echo one >expected
	same expected out
}

@test "-0 ends each payload with a NUL" {
	printf 'o\nne' | msend box
	msend box </dev/null
	mrecv -a -0 box >out
	printf 'o\nne\0\0' >expected
	same expected out
	msend box x
	mrecv --null box >out
	printf 'x\n\0' >expected
	same expected out
}

@test "-F writes frames" {
	msend -t tag -s src -H k=v box x
	mrecv --frames box >out
	grep -q '^M1 2 tag src id=1 time=[0-9]*\.[0-9]\{6\} k=v$' out
	[ "$(mrecv -F - <out | tail -n +2)" = x ]
}

@test "-J writes lines of JSON" {
	command -v jq >/dev/null || skip "jq is not installed"
	msend -t tag -s src -H 'k=a "b"' box 'x"y\z'
	printf '\377\0' | msend box
	mrecv -a -J box >out
	[ "$(jq -r '.tag, .source, .id, .length, .headers.k, .payload' <out | head -n 6 | paste -s -d ' ')" = \
	    'tag src 1 6 a "b" x"y\z' ]
	[ "$(jq -r 'select(.id == 2).base64' <out)" = /wA= ]
	msend box x
	[ "$(mrecv --json box | jq -r .payload)" = x ]
}

@test "-o writes by a format" {
	msend -t tag -s src -H k=v box hello
	[ "$(mrecv -p -o '%t|%s|%i|%l|%m|%h{k}|%h{none}|%%|\\|\t|%p' box)" = \
	    "$(printf 'tag|src|1|6|box|v||%%|\\|\t|hello\n')" ]
	mrecv -p -o '%t\0' box >out
	printf 'tag\0' >expected
	same expected out
	[[ $(mrecv --format='%d' box) =~ ^[0-9]+\.[0-9]{6}$ ]]
	misused mrecv -n -o '%q' box
	misused mrecv -n -o '%h{' box
	misused mrecv -n -o 'x%' box
}

@test "-e writes assignments that are safe for eval, and refuses a NUL" {
	payload=$(printf 'it'"'"'s $HOME `touch bad` \\ "x"\n\n.')
	printf %s "$payload" | msend -t "a'b;\$(touch%bad)" -s 's`touch' -H 'reply=a $(touch bad)' box
	eval "$(mrecv -e box)"
	[ "$MBOX_TAG" = "a'b;\$(touch%bad)" ]
	[ "$MBOX_SOURCE" = 's`touch' ]
	[ "$MBOX_REPLY" = 'a $(touch bad)' ]
	[ "$MBOX_PAYLOAD" = "$payload" ]
	[ "$MBOX_LENGTH" = "${#payload}" ]
	[ ! -e bad ]
	printf 'a\0b' | msend box
	fails 65 mrecv --env box
	[ "$(mrecv -o '%l' box)" = 3 ]
}

@test "-e makes the eval fail with the status, in each shell" {
	local shell
	for shell in bash dash 'busybox sh' zsh; do
		type -P "${shell%% *}" >/dev/null || { [ "${CI:-}" != true ] || return 1; continue; }
		seq 3 | msend -l box
		# shellcheck disable=SC2016 # for the shell to expand
		run -0 timeout "$LIMIT" $shell -c '
			n=0
			while eval "$(mrecv -n -e box)"; do n=$((n + MBOX_PAYLOAD)); done
			eval "$(mrecv -n -e box)" || echo "$n $?"
			eval "$(mrecv -w 0.01 -e box)" || echo "$?"
			eval "$(mrecv -e none 2>/dev/null)" || echo "$?"
			eval "$(mrecv -e -n -w 1 box 2>/dev/null)" || echo "$?"
			eval "$(mrecv -e -c 2 -n box)"; echo "$?"'
		[ "$output" = $'6 1\n124\n66\n64\n1' ] || { echo "$shell: $output"; return 1; }
	done
	in_background mrecv -e box >out
	until_waiting box
	kill -TERM "$child"
	ended_with 143 "$child"
	[ "$(<out)" = "(exit 143)" ]
}

# ---- commands ----

@test "a command gets payload and headers, and its status is mrecv's" {
	msend -t tag -s src -H 'reply=a b' box hello
	mrecv box -- sh -c 'echo "$MBOX_TAG $MBOX_SOURCE $MBOX_ID $MBOX_LENGTH $MBOX_TRY $MBOX_REPLY $MBOX_NAME $(cat)"' >out
	[ "$(cat out)" = "tag src 1 6 1 a b box hello" ]
	run -1 mrecv -n box
	msend box hello
	run -7 mrecv box -- sh -c 'exit 7'
}

@test "what stands behind -- is the command's, and a -- before the channel ends the options" {
	msend box hello
	[ "$(mrecv box -- echo -n -t x -- y)" = "-t x -- y" ]
	mkmbox ./-f
	msend ./-f dash
	[ "$(mrecv -n -- -f)" = dash ]
}

# valgrind hides that a command cannot be run
# bats test_tags=no-valgrind
@test "a command that can not be run is 127 or 126, and its message stays as it was" {
	msend box hello
	run -127 mrecv box -- no-such-command
	echo text >file
	run -126 mrecv box -- ./file
	[ "$(mrecv -n -F box | grep -c try=)" -eq 0 ]
}

@test "with a command mrecv's own failures are 125" {
	run -125 mrecv none -- cat
}

# ---- exit statuses ----

@test "a wrong command line is 64, and nothing is taken" {
	three
	misused mrecv
	misused mrecv -z box
	misused mrecv -c 0 box
	misused mrecv -c x box
	misused mrecv -w x box
	misused mrecv -a -f box
	misused mrecv -n -w 1 box
	misused mrecv -w 1 -n box
	misused mrecv -l -0 box
	misused mrecv -F -J box
	misused mrecv -t '' box
	misused mrecv -F box -- cat
	misused mrecv -p box -- cat
	misused mrecv box --
	misused mrecv -i x box
	misused mrecv -k 2 box -- cat
	misused mrecv -j 2 box
	misused mrecv -b 2 box
	misused mrecv -r box
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

@test "a missing channel is 66, and no other is taken from" {
	three
	fails 66 mrecv -n none
	fails 66 mrecv -n ""
	fails 66 mrecv -n box none
	mkdir folder
	fails 66 mrecv -n folder
	[ "$(mrecv -a box | xargs)" = "one two three" ]
}

@test "a mailbox that is removed in the meantime is 69" {
	in_background mrecv box 2>err
	until_waiting box
	rmmbox box
	status_of "$child"
	[ "$status" -eq 69 ]
	[ "$(wc -l <err)" -eq 1 ]
}

# valgrind needs more than the limit
# bats test_tags=no-valgrind
@test "what the system refuses is 71, and the message stays" {
	msend box hello
	status=0
	(ulimit -n 6; exec "$(type -P mrecv)" -n box) 2>err 3>&- 4>&- || status=$?
	[ "$status" -eq 71 ]
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(mrecv -n box)" = hello ]
}

# valgrind has an output of its own
# bats test_tags=no-valgrind
@test "an output that can not be written is 74, in each form, and the message stays" {
	msend box hello
	for form in -l -0 -F -J -e -o%p; do
		status=0
		mrecv "$form" box >/dev/full 2>err || status=$?
		[ "$status" -eq 74 ]
		[ "$(wc -l <err)" -eq 1 ]
	done
	status=0
	mrecv box >&- 2>err || status=$?
	[ "$status" -eq 74 ]
	[ "$(mrecv -n box)" = hello ]
}

# filled PID -- whether it has taken messages from the box, and sleeps.
filled()
{
	mstat -J box | grep -q '"claimed":[1-9]' && grep -q '^State:	S' "/proc/$1/status"
}

# valgrind takes longer to write than the terminal is left in peace
# bats test_tags=no-valgrind
@test "what a terminal had in store when it went comes again" {
	command -v script >/dev/null || skip "script is not installed"
	seq -f '%0100.0f' 1000 | msend -l box
	cat >show <<-'END'
		trap '' HUP
		echo $$ >pid
		until [ -e go ]; do sleep 0.01; done
		exec mrecv -a -l box
	END
	in_background script -qfc 'sh ./show' /dev/null </dev/null >/dev/null 2>&1
	until_true test -s pid
	kill -STOP "$child"
	: >go
	# it has filled the terminal, and waits
	until_true filled "$(<pid)"
	kill -KILL "$child"
	until_true ended "$(<pid)"
	[ "$(mrecv -a -l box | wc -l)" -eq 1000 ]
}

@test "where receiving is not permitted: 77" {
	chmod 000 box
	status=0
	as_nobody mrecv -n box 2>err || status=$?
	chmod 700 box
	[ "$status" -eq 77 ]
	[ "$(wc -l <err)" -eq 1 ]
}

@test "-h and -V print on standard output, or fail with 74" {
	[[ $(mrecv -h) == "usage: mrecv "* ]]
	[[ $(mrecv --version) == "mrecv (letterbox) "* ]]
	status=0
	mrecv -V >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "what has been received from a file of frames stays what it was, whatever is written to the file afterwards" {
	pattern 300000 >payload
	mkfifo pipe
	exec 5<>pipe
	{ printf 'M1 300000 t s\n'; cat payload; echo; } >frames
	# all of it fits into the pipe, which nobody reads yet
	timeout "$LIMIT" mrecv - <frames >&5
	head -c 300000 /dev/zero | dd of=frames conv=notrunc status=none
	timeout "$LIMIT" head -c 300000 <pipe >out
	same payload out
	exec 5<&-
}
