#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mkmbox: every option, every exit status.

load ../helpers

setup()
{
	common_setup
	umask 022
}

teardown()
{
	common_teardown
}

# mode FILE -- its permission bits.
mode()
{
	stat -c %a "$1"
}

@test "a mailbox is made, quietly, and is empty" {
	run -0 mkmbox box
	[ "$output" = "" ]
	[ -d box ]
	run -1 mrecv -n box
}

@test "several are made, and one that fails does not keep the others from it" {
	mkdir taken
	fails 73 mkmbox one taken two
	[[ $error == "mkmbox: cannot make taken: "* ]]
	msend one x
	msend two x
}

@test "a name that is taken is left as it is: 73" {
	mkmbox box
	msend box hello
	fails 73 mkmbox box
	echo file >file
	fails 73 mkmbox file
	fails 73 mkmbox -p file
	ln -s nowhere link
	fails 73 mkmbox link
	[ "$(cat file)" = file ]
	[ "$(mrecv -n box)" = hello ]
}

@test "-p is content with a mailbox of the same settings, and keeps its messages" {
	mkmbox -c 3 -b 1K box
	msend box hello
	mkmbox -p -c 3 -b 1024 box
	mkmbox --present --capacity=3 --bytes=1K box
	fails 73 mkmbox -p box
	fails 73 mkmbox -p -c 4 -b 1K box
	fails 73 mkmbox -p -c 3 -b 1K -m 0660 box
	fails 73 mkmbox -p -c 3 -b 1K -o oldest box
	[ "$(mrecv -n box)" = hello ]
}

@test "-c bounds messages and -b bytes, with units" {
	mkmbox -c 1 one
	msend -n one x
	run -1 msend -n one x
	mkmbox -b 2K two
	head -c 2048 /dev/zero | msend -n two
	run -1 msend -n two </dev/null
	mkmbox --bytes 1M three
	mkmbox -b 1G -c inf four
}

@test "without -m the mode is 0600 less the umask, with -m it is taken as it is" {
	mkmbox one
	[ "$(mode one/ctl) $(mode one/lock) $(mode one/want)" = "600 600 600" ]
	[ "$(mode one)" = 700 ]
	umask 077
	mkmbox -m 0660 two
	mkmbox --mode=666 three
	[ "$(mode two/ctl) $(mode three/lock)" = "660 666" ]
	msend three x
	[ "$(mode "$(echo three/*.log)")" = 666 ]
	fails 73 mkmbox -p two
}

@test "-o says what happens when it is full" {
	mkmbox -c 2 -o oldest oldest
	for i in 1 2 3; do msend -n oldest "$i"; done
	[ "$(mrecv -a oldest | xargs)" = "2 3" ]
	mkmbox --overflow=latest latest
	for i in 1 2 3; do msend -n -t "t$((i % 2))" latest "$i"; done
	[ "$(mrecv -a latest | xargs)" = "2 3" ]
	mkmbox -c 1 -o block block
	msend -n block 1
	run -1 msend -n block 2
}

@test "what is no option, number, mode or policy is 64, and nothing is made" {
	misused mkmbox
	misused mkmbox -z box
	misused mkmbox -c x box
	misused mkmbox -c -1 box
	misused mkmbox -c '' box
	misused mkmbox -c 99999999999999999999 box
	misused mkmbox -b 1X box
	misused mkmbox -b 9999999999G box
	misused mkmbox -m 0400 box
	misused mkmbox -m 0620 -c 0 box
	misused mkmbox -m 0622 -d box
	misused mkmbox -m 0610 box
	misused mkmbox -m 0606 box
	misused mkmbox -m 0646 box
	misused mkmbox -m 0662 box
	misused mkmbox -m 0626 box
	misused mkmbox -m 4600 box
	(umask 0200 && misused mkmbox box)
	misused mkmbox -m 0700 box
	misused mkmbox -m 0060 box
	misused mkmbox -m 999 box
	misused mkmbox -m '' box
	misused mkmbox -o some box
	misused mkmbox -c
	[ ! -e box ]
}

@test "where the directory does not exist, or the name is too long or empty: 73" {
	fails 73 mkmbox none/box
	fails 73 mkmbox "$(printf %0300d 1)"
	fails 73 mkmbox ""
}

@test "where it may not be made: 77" {
	mkdir closed
	chmod 555 closed
	status=0
	as_nobody mkmbox closed/box 2>err || status=$?
	[ "$status" -eq 77 ] || { echo "status $status: $(cat err)"; false; }
	[ "$(wc -l <err)" -eq 1 ]
	[ ! -e closed/box ]
}

@test "of many that make the same mailbox at once one does, and with -p all succeed" {
	for i in {1..8}; do in_background mkmbox box 2>/dev/null; done
	made=0
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ] && made=$((made + 1)) || [ "$status" -eq 73 ]
	done
	[ "$made" -eq 1 ]
	children=()
	for i in {1..8}; do in_background mkmbox -p other; done
	for pid in "${children[@]}"; do
		status_of "$pid"
		[ "$status" -eq 0 ]
	done
}

# bats test_tags=no-sanitize,no-valgrind
@test "a file system that other machines see, or whose locks or named pipes do not work, is refused with the reason" {
	needs_strace
	strace -qq -o calls mkmbox box
	nth=$(grep '^fcntl' calls | grep -n F_OFD_GETLK | cut -d: -f1)
	reader=$(grep '^openat' calls | grep -n 'probe.*O_WRONLY' | cut -d: -f1)
	fails 73 strace -qq -o /dev/null -e inject=fstatfs:poke_exit=@arg2=6969 mkmbox new
	[ "$error" = 'mkmbox: cannot make new: a mailbox cannot be on a network file system: other machines would see it too' ]
	fails 73 strace -qq -o /dev/null -e inject="fcntl:poke_exit=@arg3=0200:when=$nth" mkmbox new
	[ "$error" = 'mkmbox: cannot make new: record locks do not work on this file system' ]
	fails 73 strace -qq -o /dev/null -e inject=mknodat:error=EPERM mkmbox new
	[ "$error" = 'mkmbox: cannot make new: named pipes do not work on this file system' ]
	fails 73 strace -qq -o /dev/null -e inject="openat:error=ENXIO:when=$reader" mkmbox new
	[ "$error" = 'mkmbox: cannot make new: named pipes do not work on this file system' ]
	fails 73 strace -qq -o /dev/null -e inject=fcntl:error=ENOLCK mkmbox new
	[ "$error" = 'mkmbox: cannot make new: record locks do not work on this file system' ]
	[ ! -e new ]
	mkmbox new
	[ -z "$(files_of new)" ]
}

@test "-h and -V print on standard output, and fail with 74 where they can not" {
	[[ $(mkmbox -h) == "usage: mkmbox "* ]]
	[[ $(mkmbox --version) == "mkmbox (letterbox) "* ]]
	status=0
	mkmbox -h >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
	status=0
	mkmbox -V >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "-g takes a name in /etc/group or a number, and nothing else: 64" {
	IFS=: read -r name _ number _ < <(grep "^[^:]*:[^:]*:$(id -g):" /etc/group)
	mkmbox -g "$name" one
	mkmbox --group="$number" two
	[ "$(stat -c %g one two | xargs)" = "$number $number" ]
	misused mkmbox -g no-such-group box
	misused mkmbox -g '' box
	misused mkmbox -g 4294967295 box
	[ ! -e box ]
}
