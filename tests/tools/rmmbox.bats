#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# rmmbox: every option, every exit status.

load ../helpers

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	common_teardown
}

@test "an empty mailbox is removed, quietly" {
	run -0 rmmbox box
	[ "$output" = "" ]
	[ ! -e box ]
}

@test "a mailbox that holds messages is left alone: 1, and with -f it goes with them" {
	msend box hello
	pattern 100000 | msend box
	fails 1 rmmbox box
	[ "$error" = "rmmbox: cannot remove box: it holds messages (-f removes them too)" ]
	[ "$(mrecv -p box)" = hello ]
	rmmbox -f box
	[ ! -e box ]
	mkmbox box
	msend box hello
	rmmbox --force box
	[ ! -e box ]
}

@test "a mailbox whose message is claimed is left alone" {
	msend box hello
	in_background mrecv box -- sh -c 'echo x >started; until [ -e go ]; do sleep 0.01; done; cat >/dev/null'
	until_true exists started
	fails 1 rmmbox box
	: >go
	status_of "$child"
	[ "$status" -eq 0 ]
	rmmbox box
}

@test "several are removed, and one that fails does not keep the others from it" {
	mkmbox one two
	msend box x
	fails 1 rmmbox one box two
	[ ! -e one ] && [ ! -e two ] && [ -d box ]
}

@test "a name that ends in . or .. is 64, and the mailbox stays as it was" {
	msend box hello
	local name
	for name in box/. box/./ "$PWD/box/../box/."; do
		fails 64 rmmbox -f "$name"
		[ "$error" = "rmmbox: cannot remove $name: its name must not end in . or .." ]
	done
	(cd box && fails 64 rmmbox -f . && fails 64 rmmbox -f "$PWD/." && fails 64 rmmbox -f ..)
	[ "$(mrecv box)" = hello ]
	rmmbox box/
	[ ! -e box ]
}

@test "what is no mailbox is 66, and is left alone" {
	fails 66 rmmbox none
	mkdir folder
	echo text >file
	fails 66 rmmbox folder
	fails 66 rmmbox -f file
	[ -d folder ] && [ "$(cat file)" = text ]
}

@test "a mailbox that was used is removed whole" {
	seq 1000 | msend -l box
	mrecv -a box >/dev/null
	run -124 mrecv -w 0.01 box
	rmmbox box
	[ ! -e box ]
}

@test "where it may not be removed: 77, and it stays as it is" {
	chmod 000 box
	status=0
	as_nobody rmmbox -f box 2>err || status=$?
	chmod 700 box
	[ "$status" -eq 77 ]
	[ "$(wc -l <err)" -eq 1 ]
	msend box hello
	[ "$(mrecv -n box)" = hello ]
}

@test "a wrong command line is 64; -h and -V print on standard output, or fail with 74" {
	misused rmmbox
	misused rmmbox -z box
	[ -d box ]
	[[ $(rmmbox -h) == "usage: rmmbox "* ]]
	[[ $(rmmbox -V) == "rmmbox (letterbox) "* ]]
	status=0
	rmmbox --help >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "a folder with a file of another name is no rest of a mailbox, though it is sticky or has a lock: 66, and 73 to make one" {
	for mode in 1777 1700 755; do
		mkdir -m $mode shared
		echo precious >shared/file
		[ $mode != 755 ] || : >shared/lock
		fails 66 rmmbox shared
		fails 66 rmmbox -f shared
		fails 73 mkmbox shared
		[ "$(<shared/file)" = precious ]
		[ "$(stat -c %a shared)" = $mode ]
		rm -r shared
	done
}

@test "a mailbox with a directory or a hidden file of somebody else in it: 71, and it stays as it was" {
	msend box hello
	mkdir box/mine
	fails 71 rmmbox -f box
	[ "$error" = 'rmmbox: cannot remove box: there is a directory or a hidden file in it that is not its own' ]
	rmdir box/mine
	: >box/.mine
	fails 71 rmmbox -f box
	[ "$(mrecv box)" = hello ]
	rm box/.mine
	: >box/mine
	rmmbox box
}

@test "a symbolic link is not the mailbox that it leads to: 66, and that stays as it was" {
	msend box hello
	ln -s box alias
	local name
	for name in alias alias/; do
		fails 66 rmmbox -f "$name"
		[ "$error" = "rmmbox: cannot remove $name: it is a symbolic link" ]
	done
	[ "$(mrecv alias)" = hello ]
}
