#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What others may have written or named: tags, sources, headers, payloads, file names, the environment.  All of it
# comes through as it is, or is refused with a reason; none of it reaches a terminal as more than text.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# Names of one line each that a terminal would obey: in UTF-8, in bytes of their own, and what is no character.
hostile_names()
{
	printf '%s\n' $'a\x9b31mb' $'a\xc2\x9b31mb' $'a\x9d0;t\x9c' $'a\xc2\x9d0;t\xc2\x9c' $'\x90\x98\x9e\x9f\x85' \
		$'\xc0\x9b' $'\xe0\x80\x9b' $'\xf0\x80\x80\x9b' $'\xed\xa0\x80' $'\xf5\x80\x80\x80' $'\xff\xfe' $'x\xe2\x82'
}

# is_text FILE -- nothing in it but lines of printable characters, in UTF-8, and tabs.
is_text()
{
	iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || return
	run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
}

# is_ascii FILE -- nothing in it but lines of printable ASCII, and something.
is_ascii()
{
	[ -s "$1" ] || return
	run -1 grep -av '^[ -~]*$' "$1"
}

# on_terminal COMMAND -- what a bash command writes to a terminal, byte by byte, in the file screen.
on_terminal()
{
	command -v script >/dev/null || skip "needs script"
	SHELL=$BASH timeout "$LIMIT" script -qec "$1" screen.raw >/dev/null </dev/null
	grep -av '^Script \(started\|done\)\|^.$' screen.raw | tr -d '\r' >screen
}

# ---- tags and sources ----

@test "tags and sources of any bytes come through every way, and mstat and JSON show them as text" {
	mkmbox box
	hostile_names >names
	while IFS= read -r name; do
		msend -t "$name" -s "$name" box x
		mrecv -p -i "$(mrecv -p -a -o '%i\n' box | tail -n 1)" -o '%t\n%s\n' box >out
		printf '%s\n%s\n' "$name" "$name" >expected
		same expected out
	done <names
	mrecv -p -a -F box | msend -F box
	for form in '' -J -t -Jt; do
		mstat $form box >out
		is_text out
	done
	mrecv -p -a -J box >out
	is_text out
	jq -r .tag out >/dev/null
	mrecv -a -o '%t\n' box >out
	cat names names >expected
	same expected out
}

@test "on a terminal -o escapes tags, sources and the mailbox's name, and what it writes elsewhere is as in the frame" {
	mkmbox $'box\x9b'
	hostile_names | while IFS= read -r name; do msend -t "$name" -s "$name" -H $'k=\e[31m' $'box\x9b' x; done
	on_terminal "mrecv -p -a -o '%t %s %m %h{k}\\n' $'box\\x9b'"
	is_text screen
	grep -qF 'a\x9b31mb a\x9b31mb box\x9b ' screen
	grep -qF 'a\xc2\x9b31mb a\xc2\x9b31mb box\x9b ' screen
	[ "$(grep -c ' box.x9b %1B\[31m$' screen)" -eq "$(hostile_names | wc -l)" ]
	mrecv -a -o '%t\n' $'box\x9b' >out
	hostile_names | cmp - out
}

@test "control bytes in a tag or a source are refused, on the command line and in frames" {
	mkmbox box
	for byte in 01 07 08 09 0a 0b 0c 0d 1b 1f 20 7f; do
		name=$(printf "a\\x${byte}b.")
		misused msend -t "${name%.}" box x
		misused msend -s "${name%.}" box x
		printf "M1 1 a\\x${byte}b s\nx\n" >frame
		fails_with_input 65 frame msend -F box
		printf "M1 2 t a\\x${byte}b\nx\n" >frame     # a newline ends the header, and the payload is short
		fails_with_input 65 frame msend -F box
	done
	printf 'M1 1 a\0b s\nx\n' >frame
	fails_with_input 65 frame msend -F box
	[[ $error == *"byte 6: malformed header" ]]
	[ "$(mrecv -n -a box)" = '' ]
}

@test "a name of 255 bytes is taken in a frame and one of 256 is refused at its last byte" {
	mkmbox box
	long=$(printf %0255d 7)
	printf 'M1 1 %s %s\nx\n' "$long" "$long" >frame
	msend -F box <frame
	[ "$(mrecv -o '%t %s' box)" = "$long $long" ]
	printf 'M1 1 %s8 s\nx\n' "$long" >frame
	fails_with_input 65 frame msend -F box
	[[ $error == *"byte 260: malformed header" ]]
	printf 'M1 1 t %s8\nx\n' "$long" >frame
	fails_with_input 65 frame msend -F box
	[[ $error == *"byte 262: malformed header" ]]
}

@test "patterns that a receiver waits for are shown as text" {
	mkmbox box
	in_background mrecv -w 20 -t $'*\x1b[31m\x9b' -S $'"\n' box
	until_waiting box
	mstat -J box >out
	is_text out
	[ "$(jq -r '.wants[0].tags[0].base64' out)" = "$(printf '*\x1b[31m\x9b' | base64)" ]
	[ "$(jq -r '.wants[0].not_sources[0]' out)" = $'"' ]
	mstat box >out
	is_text out
}

# ---- headers ----

@test "a header's value may have newlines, NULs and escape sequences, and stays one line wherever it is shown" {
	mkmbox box
	printf 'M1 1 t s k=a%%00b%%0A%%1B[31m%%9B%%C2%%9B\nx\n' | msend -F box
	[ "$(mrecv -p -o '%h{k}' box)" = 'a%00b%0A%1B[31m%9B%C2%9B' ]
	mrecv -p -J box >out
	is_text out
	[ "$(wc -l <out)" -eq 1 ]
	[ "$(jq -r '.headers.k_base64' out)" = "$(printf 'a\0b\n\x1b[31m\x9b\xc2\x9b' | base64)" ]
	msend -H $'k=a\n\e[31m' box x
	[ "$(mrecv -c 2 -o '%h{k}\n' box | tail -n 1)" = 'a%0A%1B[31m' ]
}

@test "an answer is not sent to a path with a NUL or to none, and the error is one line of text" {
	mkmbox box
	printf 'M1 1 t s reply=/tmp/a%%00b\nx\nM1 1 t s reply=/no%%1B[31m%%0Awhere/x\nx\nM1 1 t s reply=relative\nx\n' |
		msend -F box
	for _ in 1 2 3; do
		mrecv -n -r box -- true 2>>err || :
	done
	[ ! -s err ] || is_ascii err
	mkmbox $'odd\e[31m'
	chmod 500 $'odd\e[31m'
	printf 'M1 1 t s reply=%s/odd%%1B[31m/ctl\nx\n' "$PWD" | msend -F box
	fails 125 mrecv -n -r box -- true
	is_ascii .err
}

# ---- payloads ----

@test "a payload with NULs, newlines, escapes or no UTF-8 comes out byte by byte, and as JSON it is text" {
	mkmbox box
	printf 'a\0b\n\033[31m\233\302\233\377\n\n' >in
	for way in '' -l -0 -F; do
		msend box <in
		mrecv $way box >out
		case $way in
		-0) head -c -1 out | cmp - in ;;
		-F) tail -n +2 out | head -c -1 | cmp - in ;;
		*) same in out ;;
		esac
	done
	msend box <in
	mrecv -J box >out
	is_text out
	jq -r .base64 out | base64 -d | cmp - in
	printf 'a\n\033[31m\302\233\177' >in
	msend box <in
	mrecv -J box >out
	is_text out
	jq -j .payload out | cmp - in
}

@test "-e refuses what a shell cannot hold, and what it writes sets nothing but MBOX_*" {
	mkmbox box
	printf 'a\0b' | msend box
	fails 65 mrecv -e box
	is_ascii .err
	mrecv box >/dev/null
	payload=$(printf "'; touch gone; '\$(touch gone)\`touch gone\`\\\\'\n\033[31m.")
	printf %s "$payload" | msend -t "'\$(touch\${IFS}gone)" -s '`touch${IFS}gone`' -H "reply=/a'b" box
	for shell in dash bash zsh 'busybox sh'; do
		command -v ${shell%% *} >/dev/null || continue
		# shellcheck disable=SC2016 # for the inner shell
		mrecv -p -e box >assignments
		$shell -c 'eval "$(cat assignments)"; printf "%s\n" "$MBOX_PAYLOAD" "$MBOX_TAG" "$MBOX_SOURCE" "$MBOX_REPLY"' >out
		printf '%s\n' "$payload" "'\$(touch\${IFS}gone)" '`touch${IFS}gone`' "/a'b" >expected
		same expected out
	done
	[ ! -e gone ]
}

# ---- what a command gets ----

@test "a command's MBOX_* are what the message has, whatever the environment had, and nothing of it is run" {
	mkmbox box
	printf 'M1 4 $(touch${IFS}gone) `touch${IFS}gone`;x reply=/a%%0Ab%%3Btouch%%20gone\ntext\n' | msend -F box
	MBOX_TAG=old MBOX_REPLY=old MBOX_LENGTH=old MBOX_COUNT=old mrecv box -- \
		sh -c 'env | grep ^MBOX_; echo "${MBOX_REPLY}."' >out
	grep -qxF 'MBOX_TAG=$(touch${IFS}gone)' out
	grep -qxF 'MBOX_SOURCE=`touch${IFS}gone`;x' out
	grep -qxF 'MBOX_REPLY=/a' out
	grep -qxF 'b;touch gone.' out
	grep -qxF 'MBOX_LENGTH=4' out
	run -1 grep old out
	[ ! -e gone ]
}

# ---- what a user's environment and names may hold ----

@test "MBOX_SOURCE and LOGNAME of any bytes give a source, or are refused in one line of text" {
	mkmbox box
	for source in $'a\nb' $'a\e[31m' 'a b' "$(printf %0256d 0)"; do
		MBOX_SOURCE=$source misused msend box x || {
			MBOX_SOURCE=$source fails 64 msend box x
			is_ascii .err
		}
	done
	env -u MBOX_SOURCE LOGNAME=$'e\e[31m v\nil' msend box x
	mrecv -o '%s\n' box >out
	[[ $(cat out) == 'e[31mvil.'* ]]
	MBOX_SOURCE=$'\x9b31m' msend box x
	[ "$(mrecv -o '%s' box)" = $'\x9b31m' ]
}

@test "MBOX_DIR may be any directory, and errors show it escaped" {
	mkdir $'d\e[31m\n'
	export MBOX_DIR=$PWD/$'d\e[31m\n'
	mkmbox box
	msend box x
	mstat >out
	is_text out
	[ "$(mrecv box)" = x ]
	fails 66 msend none x
	[ "$error" = 'msend: no mailbox at '"$PWD"'/d\x1b[31m\x0a/none (mkmbox none makes it)' ]
	MBOX_DIR=$(printf %05000d 0) fails 66 msend box x
	rmmbox box
}

# valgrind hides that a command cannot be run
# bats test_tags=no-valgrind
@test "each tool escapes the names that it cannot use" {
	odd=$'no\e]0;t\a\x9b\n\x7f'
	shown='no\x1b]0;t\x07\x9b\x0a\x7f'
	fails 66 msend "$odd" x
	[ "$error" = "msend: no mailbox at $shown" ]
	fails 66 mrecv "$odd"
	[ "$error" = "mrecv: no mailbox at $shown" ]
	fails 66 mstat "$odd"
	[ "$error" = "mstat: no mailbox at $shown" ]
	fails 66 rmmbox "$odd"
	[ "$error" = "rmmbox: no mailbox at $shown" ]
	fails 125 mcall "$odd" x
	[[ $error == "mcall: no mailbox at $shown" ]]
	fails 66 mtee "$odd/x"
	[[ $error == "mtee: no mailbox at $shown/x, and no folder to make it in" ]]
	: >"$odd"
	fails 73 mkmbox "$odd"
	[[ $error == "mkmbox: cannot make $shown: "* ]]
	printf 'M1 x\n' >"$odd"
	fails 65 mrecv "$odd"
	[ "$error" = "mrecv: $shown: byte 3: malformed header" ]
	mkmbox box
	msend box x
	fails 127 mrecv -n box -- "$odd-command"
	[[ $error == "mrecv: cannot run $shown-command: "* ]]
	misused mrecv -o "%$odd" box
	is_ascii .err
}

@test "a mailbox's name may have 255 bytes of any kind, and one of 256 is refused" {
	long=$'\x9b'$(printf %0254d 0)
	mkmbox "$long"
	msend "$long" x
	mstat "$long" >out
	is_text out
	[ "$(mrecv "$long")" = x ]
	rmmbox "$long"
	fails 73 mkmbox "${long}0"
	is_ascii .err
	fails 66 msend "${long}0" x
}

# ---- a real terminal ----

shows()
{
	painted | grep -qF -- "$1"
}

@test "mstat -f and -o on a terminal leave its title, colours and screen as they were" {
	mkmbox box $'m\e]0;owned\a\e[7mx'
	hostile_names | while IFS= read -r name; do msend -t "$name" -s "$name" box x; done
	msend -t last -s last box x
	terminal 120 40 "mstat -f; cat"
	tmux -S tmux.socket select-pane -T mine
	until_true shows 'm\x1b]0;owned\x07\x1b[7mx'
	until_true shows 'box '
	[ "$(tmux -S tmux.socket display-message -p '#{pane_title}')" = mine ]
	painted >seen
	run -1 grep -P '\x1b\[[0-9;]*7[;m]' seen
	tmux -S tmux.socket respawn-pane -k "mrecv -p -a -o '%t %s\\n' box; mstat -t box; cat"
	until_true shows 'last last'
	until_true shows 'TAG'
	until_true shows ' last '
	painted >seen
	shows 'a\x9b31mb a\x9b31mb'
	run -1 grep -P '\x1b' seen
	[ "$(tmux -S tmux.socket display-message -p '#{pane_title}')" = mine ]
}
