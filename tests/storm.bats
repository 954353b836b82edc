#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The storm (storm.c): many senders and receivers at one mailbox, and every message is accounted for.
#
# A longer one, by hand: build/storm -n 200000 -S 12 -R 16 -H 3 -m 20 -s $RANDOM [-k 100] DIRECTORY

# Under valgrind a storm has a few messages a second: it would show nothing that the other suites do not.
# bats file_tags=no-valgrind

load helpers

setup_file()
{
	STORM=${BUILD:-$BATS_TEST_DIRNAME/../build}/storm
	if [ ! -x "$STORM" ] || [ "$BATS_TEST_DIRNAME/storm.c" -nt "$STORM" ]; then
		STORM=$BATS_FILE_TMPDIR/storm
		"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -o "$STORM" "$BATS_TEST_DIRNAME/storm.c"
	fi
	export STORM
}

setup()
{
	common_setup
	mkdir storm
}

teardown()
{
	common_teardown
}

# storm ARGUMENTS... -- with a seed of its own each time, which it tells.
storm()
{
	timeout 120 "$STORM" -l 110 -s "${SEED:-$RANDOM}" "$@" 3>&-
}

@test "20,000 messages from 8 senders to 8 receivers: each arrives once, whole and in order, and the mailbox is small again" {
	storm -n 20000 storm
}

@test "the same through a mailbox that is nearly always full" {
	storm -n 4000 -m 2 storm -c 100 -b 256K
}

@test "where tools are killed at random nothing acknowledged is lost, and only what a killed receiver had comes again" {
	storm -n 8000 -k 50 storm
}

@test "where nothing is stored every message is handed over once, whole and in order" {
	storm -n 4000 -m 2 storm -c 0
}

@test "where nothing is stored and tools are killed at random, only what a killed receiver had comes again" {
	storm -n 3000 -k 60 -m 2 storm -c 0
}
