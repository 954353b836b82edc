#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# frame: the codec and the streams of frames, from inside (unit.c).

setup() {
	: "${BUILD:=$BATS_TEST_DIRNAME/../../build}"
	cd "$BATS_TEST_TMPDIR" || exit 1
}

@test "the codec, filters, readers and writers keep each of their promises" {
	TMPDIR=$PWD timeout 300 "$BUILD/unit/unit" 3>&- >out || {
		grep -v '^ok' out
		return 1
	}
	grep -q '^ok ' out
}
