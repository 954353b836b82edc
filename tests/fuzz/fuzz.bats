#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# fuzz: what the fuzz targets (fuzz/) have learned, and found, holds still.  They look for more with: make fuzz

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# holds TARGET [N] -- each input of its corpus, none of them for longer than it may take; by N processes side by side,
# where the inputs make it wait.
holds()
{
	local n=${2:-1} i
	awk -v n="$n" '{ print >("part." NR % n ".corpus") }' "$BATS_TEST_DIRNAME/$1.corpus"
	for ((i = 0; i < n; i++)); do
		mkdir "tmp.$i"
		TMPDIR=$PWD/tmp.$i in_background timeout -s ABRT 120 "$BUILD/fuzz-$1" "part.$i.corpus" >"out.$i" 2>"err.$i"
	done
	for pid in "${children[@]}"; do
		status=0
		wait "$pid" || status=$?
		[ "$status" -eq 0 ] || { tail -n 40 err.*; return 1; }
	done
	[ "$(awk '{ n += $1 } END { print n }' out.*)" -eq "$(grep -vc '^#' "$BATS_TEST_DIRNAME/$1.corpus")" ]
}

@test "a header line is taken or refused at the byte that the grammar says, and comes back as it was" {
	holds frame
}

@test "a stream of frames is read alike in one go, in pieces, under the lock, and as it grows" {
	holds stream
}

@test "a mailbox whose files say what cannot be is refused with a reason: no crash, no hang, no disk without bound" {
	holds box 7
}

@test "JSON, formats and shell assignments say what a message has, and nothing else, whatever is in it" {
	holds render
}

@test "command lines, numbers, sizes, durations, headers and globs are taken as their pages say, or refused" {
	holds words
}
