#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# frame: the codec and the streams of frames, from inside (unit.c).

setup() {
	cd "$BATS_TEST_DIRNAME" || exit 1
}

@test "the codec, filters, readers and writers keep each of their promises" {
	TMPDIR=$BATS_TEST_TMPDIR timeout 300 "${BUILD:-../build}/unit" 3>&- >"$BATS_TEST_TMPDIR/out" || {
		grep -v '^ok' "$BATS_TEST_TMPDIR/out"
		return 1
	}
	grep -q '^ok ' "$BATS_TEST_TMPDIR/out"
}
