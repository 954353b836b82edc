#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The power is cut at each moment of a run (power/): one disk state for each, another each time that the seed is.
#
# More of them: make power

load ../helpers

setup()
{
	common_setup
}

# cut SCENARIO... -- what it said is in $output.
cut_power()
{
	needs_strace
	echo "seed ${SEED:-1}"
	run -0 "$BATS_TEST_DIRNAME/power.sh" -n 1 -s "${SEED:-1}" "$@" 3>&-
	echo "$output"
}

# bats test_tags=no-valgrind,no-sanitize
@test "what a durable send acknowledged is delivered whole after the power was cut, wherever that was" {
	cut_power single receive
}

# bats test_tags=no-valgrind,no-sanitize
@test "no other mailbox delivers what is torn or was not sent after the power was cut, and each works on" {
	cut_power plain_single plain_receive
}

# bats test_tags=no-valgrind,no-sanitize
@test "after the power was cut what comes once more is sent if it is nowhere, and not twice" {
	cut_power once
}

# bats test_tags=long,no-valgrind,no-sanitize
@test "the power is cut in every kind of run, of durable mailboxes and of others" {
	cut_power
}
