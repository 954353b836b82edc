#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What somebody tries who may only send, only look, or nothing; and what a member can do to another member's own files.
#
# Each test fails when the guard that it names is taken out of the source.
#
# bats file_tags=no-valgrind

load ../helpers
load ../users

setup()
{
	common_setup
	users_setup
	as owner mkmbox -m 0622 own/box
	to=$(<own/box/identity)
	drop=own/box/drop
	# a name that a drop can have, and another for each call
	name=00000000000000000000000000000000
	mkdir -m 1777 public
}

teardown()
{
	common_teardown
	users_teardown
}

# drops DIRECTORY -- the drops there, as root sees them.
drops()
{
	find "$1" -type f -name '????????????????????????????????????????'
}

# next -- the name of the next drop, in $file.
number=0
next()
{
	number=$((number + 1))
	file=$drop/$name$(printf %08d $number)
}

# frame [TEXT] -- a frame as msend leaves it.
frame()
{
	printf 'M1 %d t s to=%s\n%s\n' "${#1}" "$to" "$1"
}

# refused N -- so many were refused, and none came in; the mailbox works on.
refused()
{
	run -1 as owner mrecv -n own/box
	[ "$(as owner mstat -J own/box | sed 's/.*"refused":\([0-9]*\).*/\1/')" -eq "$1" ]
	as fourth msend own/box works on
	[ "$(as owner mrecv -n own/box)" = "works on" ]
}

@test "who may only send reads nobody's messages" {
	as other msend own/box secret
	[ "$(drops $drop | wc -l)" -eq 1 ]
	run ! as third ls $drop
	run ! as third ls own/box
	for file in ctl lock want; do run ! as third cat own/box/$file; done
	as owner mrecv -p own/box >/dev/null
	for file in own/box/*.log own/box/*.idx; do run ! as third cat "$file"; done
	run -77 as third mrecv -n -p own/box
	run -77 as third mstat own/box
}

@test "who may only send alters, removes and renames nothing, though he should know the names" {
	as other msend own/box first
	left=$(drops $drop)
	run ! as third sh -c "echo x >>$left"
	run ! as third rm -f "$left"
	run ! as third mv "$left" $drop/x
	for file in ctl lock want identity drop/bell; do
		run ! as third rm -f own/box/$file
		run ! as third mv own/box/$file $drop/y
		run ! as third sh -c "echo x >own/box/new"
	done
	run ! as third sh -c ": >own/box/identity"
	as third msend own/box second
	[ "$(as owner mrecv -a own/box | sort | xargs)" = "first second" ]
}

@test "a message meant for another mailbox, moved here, is none" {
	# third has a mailbox of his own, whose drop/ is his: he can take what is left there
	as third mkmbox -m 0622 public/trap
	as fourth msend public/trap "to third"
	as third mv "$(drops public/trap/drop)" $drop/
	refused 1
	# he says that it is the owner's mailbox: nobody leaves anything there
	as third rm -f public/trap/identity
	as third sh -c "cat own/box/identity >public/trap/identity"
	as third chmod 644 public/trap/identity
	run -77 as fourth msend public/trap "to owner"
	# nor where drop/ is a link to another's, or is not sticky
	as third mkmbox -m 0622 public/link
	as third sh -c "rm -rf public/link/drop && ln -s $place/$drop public/link/drop"
	run ! as fourth msend public/link "through a link"
	as third mkmbox -m 0622 public/open
	as third chmod 777 public/open/drop
	run -65 as fourth msend public/open "for anybody to take"
	# nor where drop/ is somebody else's
	as third mkmbox -m 0622 public/lent
	as third rm -rf public/lent/drop
	mkdir -m 1733 public/lent/drop && chown $OTHER public/lent/drop
	run -65 as fourth msend public/lent "for its owner to take"
	refused 1
}

@test "a file of another user's, by another name, is no message of his" {
	frame "not mine" >public/file
	chown $FOURTH public/file
	chmod 644 public/file
	next
	# what fs.protected_hardlinks forbids, where it is on
	ln public/file "$file"
	refused 1
	[ -e public/file ]
}

@test "a file of another user's that anybody may have filled in is no message of his" {
	as fourth sh -c ': >public/file; chmod 666 public/file'
	for mode in 666 646 664; do
		frame "not mine" >public/file
		chown $FOURTH public/file
		chmod $mode public/file
		next
		mv public/file "$file"
	done
	refused 3
}

@test "a file that the owner's receivers may not read is no message, and stops none of them" {
	for mode in 600 640 000; do
		next
		frame unread | as third sh -c "cat >$file; chmod $mode $file"
	done
	refused 3
}

# left_locked -- third leaves 100,000 bytes as $file, which a process of his, $child, keeps locked until go is written to.
left_locked()
{
	mkfifo -m 666 locked go
	{ printf 'M1 100000 t s to=%s\n' "$to"; head -c 100000 /dev/zero | tr '\0' a; echo; } |
	    as third sh -c "cat >$file; chmod 644 $file"
	in_background as third perl -MFcntl=:flock -e 'open(F, "+<", shift) or die; flock(F, LOCK_EX) or die;
		open(L, ">", "locked"); print L "locked\n"; close(L); open(G, "<", "go")' $file
	timeout "$LIMIT" cat locked >/dev/null
}

@test "a large message that its sender keeps locked waits for him, and nobody else does" {
	next
	left_locked
	as fourth msend own/box works on
	[ "$(as owner mrecv -n own/box)" = "works on" ]
	run -1 as owner mrecv -n own/box
	timeout "$LIMIT" tee go </dev/null
	ended_with 0 "$child"
	[ "$(as owner mrecv own/box | wc -c)" -eq 100000 ]
}

@test "links, pipes, devices and folders in drop/ are no messages, and nobody waits for them" {
	echo secret >own/secret
	chown $OWNER own/secret
	chmod 600 own/secret
	next && as third ln -s "$place/own/secret" "$file"
	next && as third mkfifo -m 644 "$file"
	next && as third mkdir -m 755 "$file"
	next && mknod -m 644 "$file" c 1 5 && chown $THIRD "$file"
	next && as third perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un(shift)) or die' "$file"
	as third sh -c "echo x >$drop/anything"
	as third ln -s bell "$drop/bell2"
	run -1 as owner mrecv -n own/box
	refused 7
	[ "$(<own/secret)" = secret ]
	[ "$(ls $drop)" = bell ]
}

@test "who leaves a message writes into no file of his own that stands in the place of the bell" {
	as other sh -c 'echo precious >public/mine; chmod 666 public/mine'
	for plant in ln 'ln -s'; do
		as third mkmbox -m 0622 public/trap
		as third rm public/trap/drop/bell
		$plant "$place/public/mine" public/trap/drop/bell
		as other msend public/trap hello
		[ "$(<public/mine)" = precious ]
		[ "$(as third mrecv -n public/trap)" = hello ]
		as third rmmbox public/trap
	done
}

@test "root, who removes a user's mailbox, is led into nobody else's folder" {
	for plant in link folder; do
		as fourth sh -c 'mkdir -m 700 public/folder && echo precious >public/folder/file'
		as third mkmbox -m 0622 public/trap
		as third rm -rf public/trap/drop
		case $plant in
		link) ln -s ../folder public/trap/drop ;;
		folder) mv public/folder public/trap/drop ;;
		esac
		folder=$(realpath public/trap/drop)
		run ! timeout "$LIMIT" rmmbox -f public/trap
		[ "$(<"$folder/file")" = precious ]
		[ "$(stat -c %a "$folder")" = 700 ]
		rm -rf public/trap public/folder
	done
}

@test "what another user has made is not taken for the rest of our own mailbox, and leads to none" {
	as third sh -c 'mkdir -m 1700 public/begun && echo precious >public/begun/file'
	fails 73 mkmbox public/begun
	fails 66 rmmbox -f public/begun
	[ "$(<public/begun/file)" = precious ]
	[ "$(ls public/begun)" = file ]
	# what a killed mkmbox leaves, and another user's link to it
	mkdir -m 1700 rest
	: >rest/lock
	as third ln -s ../rest public/link
	fails 73 mkmbox public/link
	fails 66 rmmbox -f public/link
	[ "$(stat -c %a rest)" = 1700 ]
	[ "$(ls rest)" = lock ]
	rmmbox rest
}

@test "a folder that only its maker can empty stays, and holds nobody up" {
	as third sh -c "mkdir -m 755 $drop/mine && echo x >$drop/mine/file"
	refused 0
	run -77 as owner rmmbox -f own/box
	# what could be removed is, and the name can be used again
	as owner mkmbox -m 0622 own/box
	to=$(<own/box/identity)
	refused 0
}

@test "what is no frame, or not one frame for this mailbox, is no message" {
	leave() { as third sh -c "cat >$file; chmod 644 $file"; }
	next && printf 'garbage\n' | leave
	next && printf '' | leave
	next && printf 'M1 5 t s to=%s\nabc' "$to" | leave
	next && printf 'M1 3 t s\nabc\n' | leave
	next && printf 'M1 3 t s to=0123456789abcdef.0\nabc\n' | leave
	next && printf 'M1 3 t s to=%s.0\nabc\n' "${to%.*}" | leave
	next && { frame one; frame two; } | leave
	next && { frame one; echo more; } | leave
	next && printf 'M1 3 t s to=%s x=%04000d\nabc\n' "$to" 0 | leave
	next && printf 'M1 9000000000000000000 t s to=%s\nabc\n' "$to" | leave
	next && { printf 'M1 300000 t s to=%s\n' "$to"; head -c 200000 /dev/zero; } | leave
	refused 11
	run ! grep -vE '^(drop|identity|bell)$' <(files_of own/box)
}

@test "a file with holes is not copied" {
	next
	printf 'M1 1099511627776 t s to=%s\n' "$to" | as third sh -c "cat >$file; truncate -s 1099511627900 $file; chmod 644 $file"
	refused 1
}

@test "what is changed after it was copied is received as it was copied" {
	needs_strace
	next
	{ printf 'M1 100000 t s to=%s\n' "$to"; head -c 100000 /dev/zero | tr '\0' a; echo; } |
	    as third sh -c "cat >$file; chmod 644 $file"
	as third sh -c "exec 3<>$file; until [ -e public/now ]; do sleep 0.01; done; head -c 200 /dev/zero | tr '\0' b >&3; echo done >public/done" &
	# it sleeps between the copy and the locked section
	strace -f -qq -o /dev/null -e trace=renameat,renameat2 -e inject=renameat,renameat2:delay_enter=1000000 \
	    timeout "$LIMIT" mrecv own/box >got 3>&- &
	receiver=$!
	until_true sh -c 'ls own/box/*.spool'
	touch public/now
	until_true test -e public/done
	wait $receiver
	[ "$(tr -d a <got | wc -c)" -eq 0 ]
	[ "$(wc -c <got)" -eq 100000 ]
}

@test "who rings the bell all the time, or holds it, wears nobody out and hides no message" {
	mkfifo heard
	exec 5<>heard
	in_background as owner mrecv -f own/box >heard
	until_waiting own/box
	receiver=$(pgrep -P "$child")
	in_background as third perl -MFcntl -MErrno -e '$SIG{PIPE} = "IGNORE"; while (1) {
		sysopen(B, $ARGV[0], O_WRONLY | O_NONBLOCK) or next;
		1 while defined syswrite(B, "x" x 4096) or $!{EAGAIN};
	}' $drop/bell
	for i in 1 2 3; do
		as other msend own/box "$i"
		read -r -t "$LIMIT" -u 5 got
		[ "$got" = "$i" ]
	done
	# who rings wears himself out
	used() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
	ringer=$(pgrep -P "$child") before=$(used "$receiver")
	worn() { [ "$(used "$ringer")" -ge 80 ]; }
	until_true worn
	[ $(($(used "$receiver") - before)) -lt 20 ]
	exec 5<&-
}

@test "who only looks can lock nothing and steal nothing" {
	as owner mkmbox -m 0644 own/seen
	run ! as other sh -c 'exec 3<own/seen/lock'
	in_background as owner mrecv own/seen
	until_waiting own/seen
	run ! as other sh -c "exec 3<$(echo own/seen/*.wake)"
	as owner msend own/seen x
	status_of "$child"
	[ "$status" -eq 0 ]
	as owner mkmbox -c 0 -m 0644 own/hand
	in_background as owner msend own/hand x
	until_waiting own/hand
	run ! as other sh -c "exec 3<$(echo own/hand/*.meet)"
	[ "$(as owner mrecv own/hand)" = x ]
}

@test "a member who plants files leads no other member into his own, and nobody waits for them" {
	as owner mkmbox -m 0660 own/team
	as owner sh -c 'echo precious >own/mine; chmod 600 own/mine'
	as owner msend own/team one
	log=$(echo own/team/*.log)
	cp -a own/team copy
	for plant in 'ln own/mine' "ln -s $place/own/mine" 'mkfifo -m 666' 'mkdir -m 777' 'mknod -m 666'; do
		for victim in "$log" own/team/want own/team/ctl own/team/lock "${log%log}idx"; do
			rm -rf own/team && cp -a copy own/team
			rm -f "$victim"
			if [ "$plant" = 'mknod -m 666' ]; then mknod -m 666 "$victim" c 1 5; else $plant "$victim"; fi
			# shellcheck disable=SC2043
			for command in 'msend -n own/team two' 'mrecv -n own/team' 'mrecv -w 0.1 -t none own/team' 'mstat own/team'; do
				status=0
				as owner $command >/dev/null 2>&1 || status=$?
				[ "$status" -ne 137 ] || { echo "$plant $victim: $command hangs"; return 1; }
			done
			[ "$(<own/mine)" = precious ]
		done
	done
	# the files of the segment to come
	rm -rf own/team && as owner mkmbox -m 0660 own/team
	ln own/mine own/team/00000000000000000001.log
	as owner msend own/team one
	[ "$(<own/mine)" = precious ]
	[ "$(as owner mrecv own/team)" = one ]
	# a large payload
	head -c 100000 /dev/zero | as owner msend own/team
	big=$(echo own/team/*.big)
	rm "$big" && mkfifo -m 666 "$big"
	run ! as owner mrecv -n own/team
	[ "$status" -ne 137 ]
}

@test "what a member puts in the place of the pipe of an offer is not received for it" {
	as owner mkmbox -c 0 -m 0660 own/hand
	in_background as owner msend own/hand x
	until_waiting own/hand
	pipe=$(echo own/hand/*.meet)
	rm "$pipe"
	printf 'M1 6 - s\nforged\n' >"$pipe"
	chmod 666 "$pipe"
	fails 65 as mate mrecv -n own/hand
	[ ! -s "$BATS_TEST_TMPDIR/.out" ]
}

@test "a member who plants the files of another mailbox leads no other member to write in that one" {
	for file in ctl 00000000000000000001.idx; do
		as owner mkmbox own/mine
		as owner mkmbox -m 0660 own/team
		[ $file = ctl ] || { as owner msend own/mine first; as owner msend own/mine second; as owner msend own/team x; }
		rm own/team/$file
		ln own/mine/$file own/team/$file
		as owner msend -n own/team y 2>/dev/null || :
		as owner mrecv -n own/team >/dev/null 2>&1 || :
		[ $file = ctl ] || [ "$(as owner mrecv -a own/mine | xargs)" = "first second" ]
		as owner msend own/mine third
		[ "$(as owner mrecv own/mine)" = third ]
		as owner rmmbox -f own/mine
		rm -rf own/team
	done
}

@test "a member who plants a named pipe of root's takes it away from nobody" {
	needs_strace
	as owner mkmbox -m 0660 own/team
	mkfifo -m 600 mine
	# it sleeps between the making and the opening
	timeout -s KILL "$LIMIT" strace -f -qq -o trace -e trace=mknod,mknodat -e inject=mknod,mknodat:delay_exit=1000000 \
	    mrecv -w 2 own/team 3>&- &
	until_true sh -c 'ls own/team/*.wake'
	wake=$(echo own/team/*.wake)
	rm "$wake"
	ln mine "$wake"
	wait $! || :
	[ "$(stat -c '%u %a' mine)" = "0 600" ]
}

@test "a member who plants a file leads nobody who sets aside what is damaged into his own" {
	needs_strace
	local aside=own/team/00000000000000000001.damaged
	as owner mkmbox -m 0660 own/team
	as owner sh -c 'echo precious >own/mine; seq -f "message %.0f" 3 | msend -l -s me own/team'
	# the first and the last are damaged
	sed 's/message \([13]\)/massage \1/' own/team/*.log >log
	cat log >"$(echo own/team/*.log)"
	# it sleeps when it has set the first aside
	as owner strace -f -qq -o /dev/null -P "$place/$aside" -e trace=close -e inject=close:delay_exit=1000000 \
	    mrecv -a own/team >got 2>err 3>&- &
	until_true exists $aside
	rm $aside
	ln own/mine $aside
	wait $! || :
	[ "$(<own/mine)" = precious ]
	[ own/mine -ef $aside ]
}

@test "a mailbox that is put in another's place while it is used gets whole messages or none" {
	mkdir -m 1777 public/swap
	as owner mkmbox -m 0666 own/a
	as owner mkmbox -m 0666 own/b
	ln -s "$place/own/a" public/swap/box
	(for i in {1..50}; do
		ln -sfn "$place/own/b" public/swap/box
		ln -sfn /dev/null public/swap/box
		ln -sfn "$place/own/a" public/swap/box
	done) 3>&- &
	sent=0
	while kill -0 $! 2>/dev/null; do
		status=0
		as other msend public/swap/box "message $sent" 2>/dev/null || status=$?
		[ "$status" -ne 137 ]
		[ "$status" -ne 0 ] || sent=$((sent + 1))
	done
	wait $!
	run ! grep -vE '^message [0-9]+$' <(as owner mrecv -a own/a; as owner mrecv -a own/b)
}

@test "an answer goes to the mailbox of who asked, and to no other" {
	as fourth mkmbox -m 0622 public/victim
	in_background as owner mrecv -f -r own/box -- echo answered
	# somebody else's mailbox, directly and through a link; a pipe of the asker's own, which nobody reads
	as third ln -s victim public/link
	as third mkfifo -m 666 public/pipe
	for reply in victim link pipe; do
		printf 'M1 1 t s reply=%s call=1234\nx\n' "$place/public/$reply" | as third msend -F own/box
	done
	[ "$(as other mcall -w 10 own/box ask)" = answered ]
	run -1 as fourth mrecv -n public/victim
	# the same from a member, who is in no group with the victim
	as owner mkmbox -m 0660 own/team
	in_background as owner mrecv -f -r own/team -- echo answered
	printf 'M1 1 t s reply=%s call=1234\nx\n' "$place/public/victim" | as mate msend -F own/team
	[ "$(as mate mcall -w 10 own/team ask)" = answered ]
	run -1 as fourth mrecv -n public/victim
}

# forged_first WHO MAILBOX -- that user, who looks, answers the first request there as its server would.
forged_first()
{
	local reply call
	as "$1" mrecv -n -p -F "$2" >request
	reply=$(sed -n '1s/.* reply=\([^ ]*\).*/\1/p' request) call=$(sed -n '1s/.* call=\([^ ]*\).*/\1/p' request)
	[ -n "$call" ]
	as "$1" msend -H "call=$call" -H status=0 "$reply" forged 2>said || [ $? -eq 77 ]
}

@test "who only looks cannot answer in the server's place" {
	# where who answers may be any of a group, and where it is the owner
	for case in '0664 mate other mate' '0664 owner other mate' '0642 other mate owner' '0644 root mate owner'; do
		read -r mode asks looks serves <<<"$case"
		as owner mkmbox -m "$mode" own/seen
		in_background sh -c "$([ "$asks" = root ] || echo "as $asks") mcall -w 15 own/seen ask >answer"
		# shellcheck disable=SC2154 # set by in_background
		call=$child
		# what is left comes in with the first who may receive
		until_true as owner mrecv -n -p own/seen >/dev/null
		forged_first "$looks" own/seen
		as "$serves" mrecv -n -r own/seen -- echo right
		status_of "$call"
		[ "$status" -eq 0 ]
		[ "$(cat answer)" = right ]
		as owner rmmbox own/seen
	done
}

@test "an answer goes to nobody whose mailbox comes in the asker's place once that was looked at" {
	needs_strace
	as fourth mkmbox -m 0622 public/victim
	as third mkmbox -m 0622 public/mine
	as third ln -s mine public/link
	printf 'M1 1 t s reply=%s call=1234\nx\n' "$place/public/link" | as third msend -F own/box
	# it sleeps between the look and the opening
	as owner strace -f -qq -o own/trace -P "$place/public/link" -e trace=all \
	    -e inject=open,openat:delay_enter=1000000 mrecv -r own/box -- echo answered 3>&- &
	until_true grep -q 'stat.* = 0' own/trace
	as third ln -sfn victim public/link
	wait $! || :
	run -1 as fourth mrecv -n public/victim
	run -1 as third mrecv -n public/mine
}

@test "the mailbox for an answer is made where the server can reach it, and nobody can take it away" {
	mkdir -m 777 open
	as other mkdir -m 700 public/closed
	in_background as owner mrecv -f -r own/box -- sh -c 'echo "$MBOX_REPLY"'
	for TMPDIR in "$place/open" "$place/public/closed"; do
		export TMPDIR
		[[ $(as other mcall -w 10 own/box where) == /tmp/mcall.* ]]
	done
}

@test "what others leave in /tmp is not taken for a dead caller's" {
	mkdir -m 1777 tmp
	export TMPDIR=$place/tmp
	as other mkdir public/mine
	as other mkmbox public/mine/precious
	as other msend public/mine/precious message
	as third ln -s "$place/public/mine" tmp/mcall.AAAAAA
	as third sh -c "mkdir tmp/mcall.BBBBBB && ln -s $place/public/mine/precious tmp/mcall.BBBBBB/answer"
	run -124 as other mcall -w 0.05 own/box nobody
	[ "$(as other mrecv -n public/mine/precious)" = message ]
	# the same in a mailbox: a member's link is removed, and not what it leads to
	as owner mkmbox -m 0660 own/team
	as mate ln -s "$place/public/mine/precious" own/team/1.reply
	run -124 as owner mcall -w 0.05 own/team nobody
	[ ! -L own/team/1.reply ]
	[ -e public/mine/precious/ctl ]
}

@test "who dates his message late puts nobody else's in disorder" {
	file=$drop/0000000000000000000000007fffffffffffffff
	# it stays, and a listing takes long
	left_locked
	as third sh -c "cd $drop; for i in \$(seq 3000); do : >tmp.\$i; done"
	seq 3000 | as other msend -l own/box 3>&- &
	while kill -0 $! 2>/dev/null; do
		as owner mrecv -a own/box >>got || [ $? -eq 1 ]
	done
	wait $!
	as owner mrecv -a own/box >>got || [ $? -eq 1 ]
	timeout "$LIMIT" tee go </dev/null
	seq 3000 | same - got
}

@test "who fills drop/ delays others by a round, and not for good" {
	as third sh -c "for i in \$(seq 2000); do : >$drop/junk\$i; done"
	seq 3000 | as third msend -l -t flood own/box
	for who in fourth other mate; do as $who msend -t drop own/box in the flood; done
	[ "$(as owner mrecv -c 100 -o '%t\n' own/box | grep -cx drop)" -eq 3 ]
}
