#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Who may do what: the classes of mkmbox -m, with processes of several users.  It takes root to be them.

load ../helpers
load ../users

setup()
{
	common_setup
	users_setup
	printf 'M1 5 - s\nframe\n' >frame
	echo line >line
}

teardown()
{
	common_teardown
	users_teardown
}

# may MODE WHO -- what the mode gives that user: rw, r, w or none.
may()
{
	local digit
	case $2 in
	owner) digit=${1:1:1} ;;
	mate) digit=${1:2:1} ;;
	other) digit=${1:3:1} ;;
	esac
	case $digit in
	6) echo rw ;;
	4) echo r ;;
	2) echo w ;;
	*) echo none ;;
	esac
}

# What each operation ends with, for who has  rw  r  w  nothing; and what is new in the mailbox for him who may.
operations="
send            0   77  0   77   new    msend own/box new
send_n          0   77  77  77   new    msend -n own/box new
send_sync       124 77  77  77   -      msend -S -w 0.1 own/box new
send_lines      0   77  0   77   line   msend -l own/box
send_frames     0   77  0   77   frame  msend -F own/box
receive         0   77  77  77   -      mrecv -n own/box
receive_all     0   77  77  77   -      mrecv -a own/box
receive_command 0   125 125 125  -      mrecv -n own/box -- cat
peek            0   0   77  77   -      mrecv -n -p own/box
peek_all        0   0   77  77   -      mrecv -a -p own/box
peek_wait       124 124 77  77   -      mrecv -w 0.1 -p -t none own/box
look            0   0   77  77   -      mstat own/box
look_tags       0   0   77  77   -      mstat -t own/box
tee             0   77  0   77   frame  mtee -q own/box
tee_n           0   77  77  77   frame  mtee -nq own/box
call            124 125 124 125  -      mcall -w 0.1 own/box new
present         0   0   77  77   -      mkmbox -p -m MODE own/box
remove          -   77  77  77   -      rmmbox -f own/box
"

# try -- run by the user himself, so that no operation needs more than its own process: each line of standard input is
# an operation, its input and its command; told are its name, its status and what it said.  Where he may receive (rw)
# the mailbox is filled again for each.
try='
	while read -r name input command; do
		[ "$1" != rw ] || msend own/box there
		status=0
		said=$($command 2>&1 >/dev/null <"$input") || status=$?
		case $said in
		*"
"*) said="MORE THAN A LINE: $said" ;;
		esac
		echo "$name $status $said"
		[ "$1" != rw ] || [ ! -e own/box ] || mrecv -a own/box >/dev/null || [ $? -eq 1 ] || echo "$name EMPTY it failed"
	done
'

# walk MODE -- a mailbox of this mode: each user, each operation.
walk()
{
	local mode=$1 who perm name rw r w none new command expected input status said complaints=0
	for who in owner mate other; do
		perm=$(may "$mode" "$who")
		as owner mkmbox -m "$mode" own/box
		as owner msend own/box there
		declare -A due=()
		echo there >left
		while read -r name rw r w none new command; do
			case $name in
			'') continue ;;
			*frames | tee*) input=frame ;;
			send_lines) input=line ;;
			*) input=/dev/null ;;
			esac
			due[$name]=${!perm}
			[ "$name" != remove ] || [ "$who" != owner ] || due[$name]=0
			[ "$name" != remove ] || [ "$who" = owner ] || due[$name]=77
			echo "$name $input ${command/MODE/$mode}" >&5
			[ "${due[$name]}" != 0 ] || [ "$new" = - ] || echo "$new" >>left
		done <<<"$operations" 5>todo
		as "$who" sh -c "$try" try "$perm" <todo >told
		while read -r name status said; do
			expected=${due[$name]}
			unset "due[$name]"
			case $status:$said in
			"$expected":)   [[ $expected != 77 && $expected != 125 ]] && continue ;;
			"$expected":MORE*) ;;
			"$expected":?*) [[ $expected != 77 && $expected != 125 ]] || continue ;;
			esac
			echo "$mode: $who ($perm) $name: status $status, not $expected: $said"
			complaints=$((complaints + 1))
		done <told
		[ ${#due[@]} -eq 0 ] || { echo "$mode: $who ($perm): not tried: ${!due[*]}"; complaints=$((complaints + 1)); }
		if [ "$who" = owner ]; then
			[ ! -e own/box ] || { echo "$mode: it is still there"; complaints=$((complaints + 1)); }
		else
			# the others have taken nothing, and added what they may
			[ "$perm" != rw ] || : >left
			as owner mrecv -a own/box >got || [ "$perm" = rw ]
			sort left | cmp - <(sort got) || { echo "$mode: $who ($perm) changed it"; complaints=$((complaints + 1)); }
			as owner rmmbox -f own/box
		fi
	done
	[ "$complaints" -eq 0 ]
}

# bats test_tags=no-valgrind
@test "what the mode says is what each class can do: nothing, and everything" {
	for mode in 0600 0660 0664 0666; do
		walk $mode
	done
}

# bats test_tags=no-valgrind
@test "what the mode says is what each class can do: look only" {
	for mode in 0640 0644 0604; do
		walk $mode
	done
}

# bats test_tags=no-valgrind
@test "what the mode says is what each class can do: send only" {
	for mode in 0620 0622 0602 0642 0624; do
		walk $mode
	done
}

# bats test_tags=no-valgrind
@test "whatever umask a member has, the others can use the files that he makes" {
	as owner mkmbox -m 0660 own/team
	head -c 100000 /dev/zero >big
	for who in owner mate owner mate; do
		(umask 077 && as $who msend -t "by-$who" own/team hello)
		(umask 077 && as $who msend -t "by-$who" own/team <big)
	done
	seq 70000 | as mate msend -l own/team
	for i in 1 2; do
		[ "$(as mate mrecv own/team)" = hello ]
		as owner mrecv own/team | same - big
		[ "$(as owner mrecv own/team)" = hello ]
		as mate mrecv own/team | same - big
	done
	seq 1000 | (umask 077 && as owner msend -l own/team)
	[ "$(as mate mrecv -a own/team | wc -l)" -eq 71000 ]
	# each wakes the other
	for pair in 'owner mate' 'mate owner'; do
		set -- $pair
		(umask 077 && as "$1" mrecv -w 10 -t wake own/team >got) 3>&- &
		until_waiting own/team
		as "$2" msend -t wake own/team "for $1"
		wait $!
		[ "$(<got)" = "for $1" ]
	done
	as mate msend own/team last
	[ "$(stat -c %a own/team/*.idx | sort -u)" = 660 ]
	[ "$(stat -c %g own/team/* | sort -u)" = $TEAM ]
}

# bats test_tags=no-valgrind
@test "what root does in a user's mailbox does not lock its owner out" {
	as owner mkmbox own/box
	msend own/box from root
	head -c 100000 /dev/zero | msend own/box
	[ "$(as owner mrecv own/box)" = "from root" ]
	[ "$(as owner mrecv own/box | wc -c)" -eq 100000 ]
	mrecv -w 10 own/box >got 3>&- &
	until_waiting own/box
	as owner msend own/box to root
	wait $!
	[ "$(<got)" = "to root" ]
	[ "$(stat -c %u own/box/* | sort -u)" = $OWNER ]
}

# bats test_tags=no-valgrind
@test "who only looks opens no lock and writes nothing" {
	needs_strace
	as owner mkmbox -m 0644 own/box
	seq 3 | as owner msend -l own/box
	chmod 777 .
	for command in 'mrecv -a -p own/box' 'mrecv -n -p -i 2 own/box' 'mstat own/box' 'mstat -t own/box' \
	    'mstat -m own/box'; do
		# shellcheck disable=SC2086  # words
		as other strace -qq -o trace $command >/dev/null
		[ -s trace ]
		run ! grep -E 'F_SETLK|pwrite|O_RDWR.* = [0-9]|"(lock|want)".* = [0-9]' trace
	done
	run -77 as other mrecv -n own/box
	[ "$(as owner mrecv -a own/box | xargs)" = "1 2 3" ]
}

# bats test_tags=no-valgrind
@test "who looks while all changes sees whole messages, and counts of one moment" {
	as owner mkmbox -m 0644 own/box
	as owner sh -c 'seq 30000 | sed "s/.*/message & of many/" | msend -l own/box; mrecv -a own/box >/dev/null' 3>&- &
	while kill -0 $! 2>/dev/null; do
		as other mrecv -a -p own/box >seen || [ $? -eq 1 ]
		run ! grep -vE '^message [0-9]+ of many$' seen
		as other mstat -J own/box >stat
		grep -qE '"messages":[0-9]+' stat
	done
	wait $!
}

# bats test_tags=no-valgrind
@test "a message that comes is seen by who waits to look, within a second" {
	as owner mkmbox -m 0644 own/box
	as other mrecv -p -w 10 own/box >seen 3>&- &
	as owner msend own/box here
	wait $!
	[ "$(<seen)" = here ]
}

# bats test_tags=no-valgrind
@test "a mailbox is removed by its owner, in a directory that he may write, or stays as it is" {
	as owner mkmbox -m 0666 own/box
	as owner msend own/box stays
	fails 77 as mate rmmbox -f own/box
	chown 0 own
	fails 77 as owner rmmbox -f own/box
	chown $OWNER own
	as owner ln -s box own/link
	fails 66 as owner rmmbox -f own/link
	[ "$(as other mrecv own/box)" = stays ]
	as owner rmmbox own/box
	[ ! -e own/box ]
	# and by no other member, though he may write the directory too
	mkdir -m 777 shared
	as owner mkmbox -m 0666 shared/box
	as owner msend shared/box stays
	fails 77 as mate rmmbox -f shared/box
	[ "$(as other mrecv -n shared/box)" = stays ]
}

# bats test_tags=no-valgrind
@test "a mailbox that its maker may not share with its directory's group is not made" {
	mkdir shared
	chown 0:64999 shared
	chmod 2777 shared
	fails 77 as owner mkmbox -m 0660 shared/box
	[ ! -e shared/box ]
	as owner mkmbox shared/box
}

# rights_of BOX -- its directory's permission bits, then, once each, those of its files.
rights_of()
{
	stat -c %a "$1"
	stat -c %a "$1"/* | sort -u
}

@test "chmbox -m lets a class in or out, and -g gives it another group, with what is in the mailbox" {
	as owner mkmbox -m 0600 own/box
	seq 5 | as owner msend -l own/box
	pattern 100000 | as owner msend own/box
	fails 77 as mate mrecv own/box
	as owner chmbox -m 0660 own/box
	[ "$(rights_of own/box | xargs)" = "2770 660" ]
	[ "$(as mate mrecv own/box)" = 1 ]
	fails 77 as other mstat own/box
	as owner chmbox -m 0664 own/box
	[ "$(rights_of own/box | xargs)" = "2775 660 664" ]
	[ "$(as other mrecv -p own/box)" = 2 ]
	fails 77 as other msend own/box hello
	# root may, and give it to any group
	chmbox -m 0660 -g $OTHER own/box
	fails 77 as mate mrecv own/box
	[ "$(as other mrecv own/box)" = 2 ]
	chmbox -m 0600 -g $TEAM own/box
	fails 77 as other mrecv own/box
	fails 77 as mate mrecv own/box
	[ "$(rights_of own/box | xargs)" = "700 600" ]
	[ "$(as owner mrecv -c 3 -l own/box | xargs)" = "3 4 5" ]
	as owner mrecv own/box | cmp - <(pattern 100000)
}

@test "members change bounds and pause, but neither mode nor group: 77" {
	as owner mkmbox -m 0664 own/box
	as mate chmbox -c 5 -b 1K -o oldest --pause own/box
	[[ $(mstat -J own/box) == *'"capacity_messages":5,'*'"paused":true,'* ]]
	as mate chmbox --resume own/box
	fails 77 as mate chmbox -m 0660 own/box
	fails 77 as mate chmbox -g $TEAM own/box
	fails 77 as other chmbox -c 7 own/box
	# the owner is not in that group
	fails 77 as owner chmbox -g $OTHER own/box
	[[ $(mstat -J own/box) == *'"capacity_messages":5,'* ]]
	[ "$(stat -c '%a %g' own/box)" = "2775 $TEAM" ]
}

@test "a mode that needs more of a member's file is 77 with nothing changed, one that needs less is not" {
	as owner mkmbox -m 0660 own/box
	as mate msend own/box hello
	before=$(stat -c '%n %a %g' own/box own/box/*)
	fails 77 as owner chmbox -m 0666 own/box
	[[ $error == "chmbox: cannot change own/box: -m and -g need the owner of all its files, and -g a group which that user is in" ]]
	[ "$(stat -c '%n %a %g' own/box own/box/*)" = "$before" ]
	fails 77 as other msend own/box hello
	as owner chmbox -m 0640 own/box
	fails 77 as mate msend own/box hello
	[ "$(as mate mrecv -p own/box)" = hello ]
	as owner chmbox -m 0600 own/box
	fails 77 as mate mrecv -p own/box
	[ "$(as owner mrecv own/box)" = hello ]
}

@test "who waits is woken across a change of the mode" {
	as owner mkmbox -m 0600 own/box
	in_background as owner mrecv own/box >got
	until_waiting own/box
	as owner chmbox -m 0660 own/box
	as mate msend own/box hello
	ended_with 0 "$child"
	[ "$(cat got)" = hello ]
}

# has FILE LINE... -- the file has these lines.
has()
{
	[ "$(cat "$1" | xargs)" = "${*:2}" ]
}

@test "chmbox -m gives send-only access: a receiver that waits takes in what comes, and takes it away again" {
	as owner mkmbox own/box
	in_background as owner mrecv -f -l own/box >got
	until_waiting own/box
	as owner chmbox -m 0622 own/box
	[ "$(stat -c '%A %U' own/box/drop)" = "drwx-wx-wt $(stat -c %U own/box)" ]
	[ "$(stat -c %a own/box/identity own/box/drop/bell own/box/ctl | xargs)" = "644 622 600" ]
	as other msend own/box one
	until_true has got one
	as mate msend own/box two
	until_true has got one two
	as owner msend own/box three
	until_true has got one two three
	fails 77 as other mrecv own/box
	as owner chmbox -m 0600 own/box
	fails 77 as other msend own/box four
	[ ! -e own/box/identity ]
	as owner msend own/box five
	until_true has got one two three five
	as owner chmbox -m 0602 own/box
	as other msend own/box six
	until_true has got one two three five six
	fails 77 as mate msend own/box seven
	as owner rmmbox own/box
	ended_with 69 "$child"
	[ ! -e own/box ]
}

@test "send-only access is not taken away while what was left there has not come in: 1, and it stays as it was" {
	as owner mkmbox -m 0622 own/box
	as other msend own/box one
	fails 1 as owner chmbox -m 0600 own/box
	[[ $error == "chmbox: cannot take send-only access (w) to own/box away: "* ]]
	[ "$(stat -c %a own/box)" = 2711 ]
	as mate msend own/box two
	[ "$(as owner mrecv -a own/box | sort | xargs)" = "one two" ]
	as owner chmbox -m 0660 own/box
	fails 77 as other msend own/box three
	as mate msend own/box four
	[ "$(as mate mrecv own/box)" = four ]
}

@test "a member that waits as send-only access is given can not go on: 77" {
	as owner mkmbox -m 0660 own/box
	in_background as mate mrecv own/box
	until_waiting own/box
	as owner chmbox -m 0622 own/box
	ended_with 77 "$child"
	as mate msend own/box hello
	[ "$(as owner mrecv own/box)" = hello ]
}

@test "what was left in a mailbox stays as its mode and group change" {
	as owner mkmbox -m 0622 own/box
	as other msend own/box one
	as owner chmbox -m 0620 own/box
	fails 77 as other msend own/box two
	as mate msend own/box three
	[ "$(stat -c %a own/box/drop own/box/identity own/box/drop/bell | xargs)" = "1730 640 620" ]
	# by root
	chmbox -g $OTHER own/box
	[ "$(stat -c %g own/box own/box/drop own/box/identity own/box/drop/bell | sort -u)" = $OTHER ]
	fails 77 as mate msend own/box four
	as other msend own/box five
	[ "$(as owner mrecv -a own/box | sort | xargs)" = "five one three" ]
	chmbox -m 0600 own/box
	chmbox -m 0622 own/box
	as mate msend own/box six
	[ "$(as owner mrecv own/box)" = six ]
}

@test "a closed mailbox stays closed to those who may only send as its mode changes" {
	as owner mkmbox -m 0622 own/box
	as owner chmbox --close own/box
	as owner chmbox -m 0620 own/box
	fails 69 as mate msend own/box one
	fails 77 as other msend own/box one
	as owner chmbox -m 0600 own/box
	as owner chmbox -m 0622 own/box
	fails 69 as other msend own/box one
	as owner chmbox --open -m 0602 own/box
	as other msend own/box two
	[ "$(as owner mrecv own/box)" = two ]
	as owner chmbox -m 0600 --close own/box
	as owner chmbox --open own/box
	as owner chmbox -m 0622 --close own/box
	fails 69 as other msend own/box three
	as owner chmbox --open own/box
	as other msend own/box four
	[ "$(as owner mrecv own/box)" = four ]
}

@test "mkmbox -g gives a mailbox to a group of the maker's, and to no other" {
	as owner mkmbox -m 0660 -g $TEAM own/box
	[ "$(stat -c '%g' own/box own/box/* | sort -u)" = $TEAM ]
	as mate msend own/box hello
	as owner mkmbox -p -m 0660 -g $TEAM own/box
	fails 73 as owner mkmbox -p -m 0660 -g $OTHER own/box
	fails 77 as owner mkmbox -m 0660 -g $OTHER own/other
	[ "$error" = "mkmbox: cannot make own/other: -g needs a group which its user is in" ]
	[ ! -e own/other ]
	mkmbox -m 0660 -g $OTHER mine
	as other msend mine hello
	[ "$(as other mrecv mine)" = hello ]
}
