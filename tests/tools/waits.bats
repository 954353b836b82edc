#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# A wait that takes long is told, once, to somebody at a terminal: what is waited for, and what would end it.

load ../helpers

setup()
{
	common_setup
	mkmbox jobs
}

teardown()
{
	common_teardown
}

# shows FILE LINE -- the terminal whose screen is in the file shows that line.
shows()
{
	tr -d '\r' <"$1" | grep -qxF "$2"
}

# are_told [COMMAND LINE]... -- once it has waited for long, that is what each command says.
are_told()
{
	local screens=() i
	for ((i = 1; i < $#; i += 2)); do
		at_terminal "${!i}"
		screens+=("$screen")
	done
	for screen in "${screens[@]}"; do
		until_true shows "$screen" "$2" || { cat "$screen"; return 1; }
		shift 2
	done
}

@test "a sender waits for room in a mailbox that is full, of messages or of bytes" {
	mkmbox -c 2 full
	printf '%s\n' a b | msend -l full
	are_told 'msend full c' 'msend: waiting for room in full (2 of 2)'
	mkmbox -b 3 small
	msend -l small <<<abc
	are_told 'msend small c' 'msend: waiting for room in small (3 of 3 bytes)'
}

@test "a sender waits for a receiver" {
	mkmbox -c 0 hand
	are_told 'msend hand x' 'msend: waiting for a receiver at hand' \
		'msend -S jobs x' 'msend: waiting for a receiver at jobs'
}

@test "a sender whose message is with a receiver waits for that one to be done with it" {
	in_background mrecv jobs -- sh -c 'exec sleep 60'
	until_waiting jobs
	are_told 'msend -S jobs x' 'msend: waiting for the receiver of message 1 in jobs'
	mkmbox -c 0 hand
	in_background mrecv hand -- sh -c 'cat; exec sleep 60'
	until_waiting hand
	are_told 'msend hand x' 'msend: waiting for the receiver of message 1 in hand'
}

@test "a sender waits for another that writes to the same named pipe" {
	mkfifo gate
	exec 5<>gate
	in_background msend gate x
	until_true grep -q ":$(stat -c %i gate) " /proc/locks
	are_told 'msend gate y' 'msend: waiting for another writer of gate'
	exec 5<&-
}

@test "a sender waits for a reader of a named pipe, before it is opened and after it was left" {
	mkfifo door gate
	exec 5<>gate
	are_told 'msend door x' 'msend: waiting for a reader of the FIFO door' \
		'msend gate x' 'msend: waiting for a reader of the FIFO gate'
	exec 5<&-
}

@test "mtee waits for the channel that keeps it waiting" {
	mkmbox -c 1 full
	msend full a
	mkfifo door
	msend jobs x
	mrecv -F jobs >frame
	are_told 'mtee -q full <frame' 'mtee: waiting for room in full (1 of 1)' \
		'mtee -q jobs door <frame' 'mtee: waiting for a reader of the FIFO door'
}

@test "a receiver waits for a message, in one channel or several" {
	mkmbox more
	mkfifo door
	are_told 'mrecv jobs' 'mrecv: waiting for a message in jobs' \
		'mrecv door' 'mrecv: waiting for a message in door' \
		'mrecv jobs more door' 'mrecv: waiting for a message in jobs, or 2 more' \
		'mrecv jobs -- cat' 'mrecv: waiting for a message in jobs'
}

@test "where a mailbox is paused that is told, and how it goes on" {
	mkmbox -c 1 full
	msend full x
	chmbox --pause jobs full
	are_told 'mrecv jobs' 'mrecv: waiting for a message in jobs: jobs is paused (chmbox --resume jobs)' \
		'msend full y' 'msend: waiting for room in full (1 of 1): full is paused (chmbox --resume full)'
}

@test "a caller waits for the answer" {
	are_told 'mcall jobs x' 'mcall: waiting for the answer of jobs'
}

@test "what is to be typed is waited for, and not what a program sends" {
	are_told 'msend jobs' 'msend: waiting for standard input (^D ends it)' \
		'msend -l jobs' 'msend: waiting for standard input (^D ends it)' \
		'mcall jobs' 'mcall: waiting for standard input (^D ends it)' \
		'mtee jobs' 'mtee: waiting for standard input (^D ends it)'
	mkmbox none
	at_terminal '(mrecv -w 3 none 2>/dev/null; echo x) | msend jobs'
	ended_with 0 "$child"
	run ! grep waiting "$screen"
}

@test "nothing of it is printed where standard error is no terminal" {
	mkmbox -c 1 full
	mkmbox -c 0 hand
	mkfifo door gate
	msend full x
	chmbox --pause jobs
	pids=()
	for command in 'msend full x' 'msend hand x' 'msend door x' 'msend -S jobs x' 'mrecv jobs' 'mrecv gate' 'mcall jobs x'; do
		read -r -a words <<<"$command"
		# longer than it takes until somebody would be told
		in_background "${words[0]}" -w 3 "${words[@]:1}" 2>>err
		pids+=("$child")
	done
	for pid in "${pids[@]}"; do
		ended_with 124 "$pid"
	done
	[ ! -s err ]
}

@test "a wait that ends soon asks nothing about the terminal" {
	needs_strace
	mkmbox -c 1 full
	msend full x
	for command in 'msend -w 0.5 full y' 'mrecv -w 0.5 -t none full' 'msend full.none y' 'mrecv -n -t none full'; do
		read -r -a words <<<"$command"
		strace -qq -f -o trace -e trace=ioctl "${words[@]}" >out 2>err || :
		run -1 grep 'ioctl(2' trace
	done
}
