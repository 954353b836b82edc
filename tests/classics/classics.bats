#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The classics of concurrency, as scripts to read: tests/classics.  Each is run as it stands.
#
# What a sanitizer would see of the tools here it sees in their own suites.
# bats file_tags=no-sanitize

load ../helpers

setup()
{
	common_setup
	unset MBOX_DIR
	export TMPDIR=$BATS_TEST_TMPDIR
}

teardown()
{
	common_teardown
}

# classic NAME -- run it; what it prints is what standard input says, and it leaves nothing behind.
classic()
{
	cat >expected
	timeout -s KILL $((3 * LIMIT)) sh "$BATS_TEST_DIRNAME/$1.sh" >out 2>err </dev/null 3>&- ||
	    { echo "status $?"; cat err; return 1; }
	diff expected out
	[ ! -s err ] || { cat err; return 1; }
	[ -z "$(ls -d tmp.* 2>/dev/null)" ]
}

@test "dining philosophers: all of them eat, and no two neighbours at once" {
	classic philosophers <<-'end'
		philosopher 1 ate 4 times
		philosopher 2 ate 4 times
		philosopher 3 ate 4 times
		philosopher 4 ate 4 times
		philosopher 5 ate 4 times
	end
}

@test "bounded buffer: what several producers make several consumers get, each item once" {
	classic buffer <<-'end'
		100 items, sum 5050
	end
}

@test "readers and writers: no reader sees what a writer has half done" {
	classic readers <<-'end'
		write: 15
		read: 60
		torn: 0
		the number is 15
	end
}

@test "barrier: nobody is a step ahead" {
	classic barrier <<-'end'
		step one: 6
		step two: 6
		step three: 6
	end
}

@test "pipeline of stages: every message goes through all of them, in order" {
	classic pipeline <<-'end'
		word-1: EHT 3
		word-2: KCIUQ 5
		word-3: NWORB 5
		word-4: XOF 3
		word-5: SPMUJ 5
		word-6: REVO 4
		word-7: YZAL 4
		word-8: SGOD 4
	end
}

# more processes than valgrind starts in that time
# bats test_tags=no-valgrind
@test "sieve of processes: the primes, in order" {
	classic sieve < <(lines 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59)
}

@test "clients and servers: each gets the answer to its own question" {
	classic calculator <<-'end'
		1 + 1 = 2, status 0
		1 - 1 = 0, status 0
		1 ^ 1 = ?, status 3
		2 + 2 = 4, status 0
		2 - 1 = 1, status 0
		3 + 3 = 6, status 0
		3 - 1 = 2, status 0
		4 + 4 = 8, status 0
		4 - 1 = 3, status 0
		5 + 5 = 10, status 0
		5 - 1 = 4, status 0
	end
}
