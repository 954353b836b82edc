#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each tool is killed or stopped at its system calls, each of them fails, each read and write comes short, in surroundings
# that it does not choose (torture.sh): a sample of the points of some uses, and (long) of all uses.
#
# All of them, by hand: make torture

# Under valgrind, strace(1) would count and fail valgrind's own system calls, of which there are hundreds.
# bats file_tags=no-valgrind

load ../helpers

setup()
{
	common_setup
}

# sample NTH USE... -- every NTH point of these uses, with a seed that it tells.
sample()
{
	local nth=$1 seed=${SEED:-1}
	shift
	needs_strace
	echo "one point in $nth, seed $seed"
	LIMIT=20 "$BATS_TEST_DIRNAME/torture.sh" -e "$nth" -s "$seed" "$@" 3>&-
}

# sample_all NTH PATTERN -- the same for all uses whose names match.
sample_all()
{
	local uses
	mapfile -t uses < <("$BATS_TEST_DIRNAME/torture.sh" -l | grep -E "$2")
	[ ${#uses[@]} -ge 10 ]
	sample "$1" "${uses[@]}"
}

@test "a sender that is killed or fails at a system call has sent whole messages or none, and says which" {
	sample 199 msend msend_lines msend_big msend_rolls msend_full msend_sync msend_oldest meet_send mtee drop_leave
}

@test "a receiver that is killed or fails at a system call has lost no message, and the next takes what is left" {
	sample 199 mrecv mrecv_command mrecv_acks mrecv_acks_pipe mrecv_refuses mrecv_all mrecv_dead mrecv_woken mrecv_drops meet_receive mcall
}

@test "what makes, changes, removes, shows or mends a mailbox may be killed or fail at a system call" {
	sample 151 mkmbox chmbox chmbox_resume chmbox_mode chmbox_open_mode chmbox_give chmbox_take_away chmbox_mode_drops chmbox_close chmbox_close_drops rmmbox mstat mend_send mend_claims mend_wants
}

# bats test_tags=long
@test "each use: a sender that is killed or fails at a system call has sent whole messages or none, and says which" {
	sample_all 61 '^(msend|meet_send|mtee|drop)'
}

# bats test_tags=long
@test "each use: a receiver that is killed or fails at a system call has lost no message, and the next takes what is left" {
	sample_all 61 '^(mrecv|meet_receive|mcall)'
}

# bats test_tags=long
@test "each use: what makes, changes, removes, shows or mends a mailbox may be killed or fail at a system call" {
	sample_all 31 '^(mkmbox|chmbox|rmmbox|mstat|mend)'
}
