# SPDX-License-Identifier: ISC
# Builds for other machines, run by an emulator: what one has made another opens, or refuses.
#
# The tools are built twice, for a processor of 32 bits and for one of the other byte order.
# bats file_tags=long,no-sanitize,no-valgrind

setup()
{
	load ../helpers.bash
	common_setup
	ROOT=$BATS_TEST_DIRNAME/../..
}

teardown()
{
	common_teardown
}

# other COMPILER EMULATOR -- build the tools with COMPILER, without a warning; `on_other TOOL ARGUMENT...' runs one.
other()
{
	local command
	for command in "$1" "$2"; do
		command -v "$command" >/dev/null && continue
		[ "${CI:-}" != true ] || { echo "$command is not installed"; return 1; }
		skip "$command is not installed"
	done
	emulator=$2
	make -C "$ROOT" -s CC="$1" WERROR=1 BUILD="$BATS_TEST_TMPDIR/build" BIN="$BATS_TEST_TMPDIR/build/bin" all >log 2>&1 ||
		{ tail log; return 1; }
}

on_other()
{
	timeout -s KILL $((10 * LIMIT)) "$emulator" "build/bin/$1" "${@:2}"
}

@test "a build of 32 bits shares mailboxes with one of 64, and keeps payloads over 2 GiB" {
	other i686-linux-gnu-gcc qemu-i386-static
	mkmbox here
	msend here from 64
	[ "$(on_other mrecv -n here)" = 'from 64' ]
	on_other msend -t t -H k=v here from 32
	[ "$(mrecv -n -o '%t %h{k} %p' here)" = 't v from 32' ]
	on_other mkmbox -d -c 3 there
	on_other msend -d 0.1 there later
	[ "$(mrecv there)" = later ]

	truncate -s 2200M large
	echo 'the end' >>large
	on_other msend here <large
	[ "$(on_other mstat -J here | jq .bytes)" -eq "$(stat -c %s large)" ]
	on_other mrecv here | cmp - large
	on_other msend here after it
	[ "$(mrecv -n here)" = 'after it' ]
	on_other rmmbox here there
}

@test "a build of the other byte order works, and each refuses the mailboxes of the other and leaves them as they were" {
	other s390x-linux-gnu-gcc qemu-s390x-static
	mkmbox here
	msend here from here
	on_other mkmbox there
	on_other msend there from there
	for tool in msend mrecv mstat rmmbox; do
		run -71 "$tool" there
		[[ $output == *"there"*'a machine of the other byte order made it'* ]]
		run -71 on_other "$tool" here
		[[ $output == *"here"*'a machine of the other byte order made it'* ]]
	done
	[ "$(on_other mrecv -n there)" = 'from there' ]
	[ "$(mrecv -n here)" = 'from here' ]
	# frames are text: that is how messages get from one to the other
	on_other msend -t t there across
	on_other mrecv -a -F there | msend -F here
	[ "$(mrecv -n -o '%t %p' here)" = 't across' ]
}
