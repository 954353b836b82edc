#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# fuzz: what the fuzz targets (fuzz/) have learned, and found, holds still.  They look for more with: make fuzz

load ../helpers

setup()
{
	common_setup
}

# holds TARGET -- each input of its corpus, none of them for longer than it may take.
holds()
{
	TMPDIR=$BATS_TEST_TMPDIR timeout -s ABRT 120 "$BUILD/fuzz-$1" "$BATS_TEST_DIRNAME/$1.corpus" >out 2>err 3>&- ||
		{ tail -n 40 err; return 1; }
	[ "$(cut -d ' ' -f 1 out)" -eq "$(grep -vc '^#' "$BATS_TEST_DIRNAME/$1.corpus")" ]
}

@test "a header line is taken or refused at the byte that the grammar says, and comes back as it was" {
	holds frame
}

@test "a stream of frames is read alike in one go, in pieces, under the lock, and as it grows" {
	holds stream
}

@test "a mailbox whose files say what cannot be is refused with a reason: no crash, no hang, no disk without bound" {
	holds box
}

@test "JSON, formats and shell assignments say what a message has, and nothing else, whatever is in it" {
	holds render
}

@test "command lines, numbers, sizes, durations, headers and globs are taken as their pages say, or refused" {
	holds words
}
