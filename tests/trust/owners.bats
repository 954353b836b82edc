#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A mailbox whose owner, or who sends to it, has another number: in a user namespace, after chown(1), in a copy.
#
# bats file_tags=no-valgrind

load ../helpers
load ../users

setup()
{
	common_setup
	users_setup
	# inside WHO COMMAND... -- run it as that user, who is root in a user namespace of its own.
	cat >bin/inside <<-END
		#!/bin/sh
		who=\$1
		shift
		exec as "\$who" unshare -Ur "\$@"
	END
	chmod 755 bin/inside
	as owner mkmbox -m 0622 own/box
}

teardown()
{
	common_teardown
	users_teardown
}

needs_namespaces()
{
	inside owner true 2>/dev/null || skip "users may make no user namespaces here"
}

# left -- how many messages wait in drop/.
left()
{
	find own/box/drop -type f | wc -l
}

@test "a receiver in a user namespace leaves what others have sent, says so, and who is outside gets it" {
	needs_namespaces
	as other msend own/box hello
	for how in -n -a "-n -t $OTHER"; do
		# shellcheck disable=SC2086
		fails 77 inside owner mrecv $how own/box
		[ "$error" = "mrecv: own/box: messages of users with no number in this user namespace stay in its drop/" ]
	done
	fails 125 inside owner mrecv -n own/box -- cat
	[ "$(left)" -eq 1 ]
	[ "$(as owner mstat -J own/box | sed 's/.*"refused":\([0-9]*\).*/\1/')" -eq 0 ]
	as owner mrecv -F -n own/box >frame
	grep -q " uid=$OTHER\$" frame
}

@test "a receiver in a user namespace gets what it can, whatever stays" {
	needs_namespaces
	for i in {1..5}; do as other msend own/box "others' $i"; done
	as owner msend own/box mine
	[ "$(inside owner mrecv -a own/box 2>err)" = mine ]
	[ "$(wc -l <err)" -eq 1 ]
	in_background inside owner mrecv -f -w 10 own/box >got 2>err
	until_true exists err
	as third msend own/box "one more"
	as owner msend own/box more
	until_true grep -qx more got
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(left)" -eq 6 ]
}

@test "what root of a namespace leaves there for a mailbox made there is received there, with who sent it" {
	needs_namespaces
	mkdir -m 777 public
	inside other sh -c 'mkmbox -m 0622 public/box && msend public/box hello && mrecv public/box' >got
	[ "$(cat got)" = hello ]
}

@test "who cannot tell from inside a user namespace whose mailbox it is leaves nothing there: 77, no damage" {
	needs_namespaces
	for who in "inside other" "as other unshare -U"; do
		fails 77 $who msend own/box hello
		[ "$error" = "msend: cannot open own/box: the owner of the mailbox cannot be verified: its file identity names another number" ]
	done
	[ "$(left)" -eq 0 ]
}

@test "a member in a user namespace in which the owner has no number sends and receives" {
	needs_namespaces
	as owner mkmbox -m 0666 own/all
	inside other msend own/all hello
	pattern 100000 >big
	inside other msend own/all <big
	[ "$(inside third mrecv own/all)" = hello ]
	as owner mrecv own/all | same - big
}

@test "an answer from inside a user namespace goes to nobody whose number is not known there" {
	needs_namespaces
	mkdir -m 1777 public
	as third mkmbox -m 0666 public/victim
	as third msend public/victim first
	# nobody has the number that stands there for all who have none
	setpriv --reuid 65534 --regid 65534 --clear-groups "$(type -P msend)" -F own/box <<-END
		M1 1 t s reply=$place/public/victim call=1234
		x
	END
	as owner mrecv -p own/box | grep -qx x
	inside owner mrecv -n -r own/box -- echo answered 2>err || :
	[ "$(as third mrecv -a public/victim)" = first ]
}

@test "after chown -R the new owner receives what was left before, and then others can send again" {
	as other msend own/box before
	as third msend own/box "also before"
	chown -R $MATE own/box
	fails 77 as other msend own/box refused
	[ "$(as mate mrecv -a own/box | sort | xargs)" = "also before before" ]
	run -1 as mate mrecv -n own/box
	as other msend own/box after
	as mate mrecv -F -n own/box >frame
	grep -q "uid=$OTHER" frame
	# and back
	as other msend own/box again
	chown -R $OWNER own/box
	[ "$(as owner mrecv -n own/box)" = again ]
	[ "$(stat -c %a own/box/drop)" = 1700 ]
	run -1 as owner mrecv -n own/box
	[ "$(stat -c %a own/box/drop)" = 1733 ]
	as other msend own/box back
	[ "$(as owner mrecv -n own/box)" = back ]
}

@test "a receiver that has read the identity before it was written anew takes in what comes after" {
	in_background timeout "$LIMIT" mrecv -f own/box >got
	until_waiting own/box
	as other msend own/box one
	until_true grep -qx one got
	chown -R $MATE own/box
	run -1 as mate mrecv -n own/box
	for i in two three; do
		as other msend own/box $i
		until_true grep -qx $i got
	done
	[ "$(as mate mstat -J own/box | sed 's/.*"refused":\([0-9]*\).*/\1/')" -eq 0 ]
}

@test "a message whose mailbox gets another owner while it is being left is refused, not kept and lost" {
	mkfifo payload
	in_background sh -c 'as other msend own/box <payload 2>err'
	exec 5>payload
	head -c 200000 /dev/zero >&5
	until_true sh -c 'ls own/box/drop/tmp.*'
	chown -R $MATE own/box
	run -1 as mate mrecv -n own/box
	exec 5>&-
	status_of "$child"
	[ "$status" -eq 77 ]
	[ "$(wc -l <err)" -eq 1 ]
	[ -z "$(find own/box/drop -type f ! -name 'tmp.*')" ]
}

@test "a copy with another owner takes in what waits in it, however it was made" {
	as other msend own/box before
	tar -C own -cf own/tar box
	mkdir -m 1777 public
	cp -a own/box public/copied && chown -R $MATE public/copied
	# without root all in it is that user's, and what a umask leaves is readable for nobody else
	chmod a+r own/tar
	mkdir -m 777 public/unpacked
	as fourth sh -c 'umask 066 && tar -C public/unpacked -xf own/tar'
	[ "$(as mate mrecv -n public/copied)" = before ]
	[ "$(as fourth mrecv -n public/unpacked/box)" = before ]
	[ "$(as owner mrecv -n own/box)" = before ]
	run -1 as mate mrecv -n public/copied
	as other msend public/copied after
	[ "$(as mate mrecv -n public/copied)" = after ]
}

@test "a copy that is first opened in a user namespace loses nothing that waits in it" {
	needs_namespaces
	as owner msend own/box mine
	as other msend own/box before
	cp -a own/box own/copy
	[ "$(inside owner mrecv -a own/copy 2>err)" = mine ]
	[ "$(as owner mrecv -n own/copy)" = before ]
}

@test "a mailbox whose identity is lost gets one again when its owner receives" {
	as other msend own/box before
	rm own/box/identity
	[ "$(as owner mrecv -n own/box)" = before ]
	as other msend own/box after
	[ "$(as owner mrecv -n own/box)" = after ]
}
