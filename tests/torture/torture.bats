#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each tool is killed at its system calls, each of them fails, each read and write comes short (torture/): a sample of
# the points.
#
# All of them, by hand: make torture

# Under valgrind, strace(1) would count and fail valgrind's own system calls, of which there are hundreds.
# bats file_tags=no-valgrind

load ../helpers

setup()
{
	common_setup
}

# sample NTH PATTERN -- every NTH point of the uses that match, with a seed of its own each time, which it tells.
sample()
{
	local nth=$1 seed=${SEED:-1} torture=$BATS_TEST_DIRNAME/torture.sh uses
	mapfile -t uses < <("$torture" -l | grep -E "$2")
	needs_strace
	# with a sanitizer all is slower
	[ -z "${ASAN_OPTIONS:-}" ] || nth=$((nth * 4 + 1))
	echo "one point in $nth, seed $seed"
	LIMIT=10 "$torture" -e "$nth" -s "$seed" "${uses[@]}" 3>&-
}

@test "a sender that is killed or fails at a system call has sent whole messages or none, and says which" {
	sample 131 '^(msend|meet_send|mtee)'
}

@test "a receiver that is killed or fails at a system call has lost no message, and the next takes what is left" {
	sample 131 '^(mrecv|meet_receive|mcall)'
}

@test "what makes, removes, shows or mends a mailbox may be killed or fail at a system call" {
	sample 61 '^(mkmbox|rmmbox|mstat|mend)'
}
