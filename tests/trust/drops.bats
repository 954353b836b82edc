#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Messages of those who may only send: left in drop/, taken in by the owner's receivers.
#
# bats file_tags=no-valgrind

load ../helpers
load ../users

setup()
{
	common_setup
	users_setup
	as owner mkmbox -m 0622 own/box
}

teardown()
{
	common_teardown
	users_teardown
}

# outside BOX -- how many messages wait in its drop/.
outside()
{
	as owner mstat -J "$1" | sed -n 's/.*"outside":\([0-9]*\).*/\1/p'
}

none_outside()
{
	[ "$(outside "$1")" = 0 ]
}

@test "a segment that a receiver has kept open for last values, and looks into for another, is there once" {
	tags() { seq "$1" "$2" | sed 's/.*/M1 1 t& s\nx/'; }
	as owner mkmbox -o latest -b inf -m 0622 own/last
	in_background as owner mrecv -f -l -t 'x*' own/last >out
	until_waiting own/last
	read -r tool <"/proc/$child/task/$child/children" || :
	[ "$(<"/proc/$tool/comm")" = mrecv ]
	for round in 1 2; do
		for tag in y1 y2 y3; do
			as other msend -t $tag own/last "$round"
			until_true none_outside own/last
			until_waiting own/last
		done
		[ $round -eq 1 ] || break
		kill -STOP "$tool"
		{ printf 'M1 1 x s\n1\n' && tags 1 6000 && printf 'M1 1 %s s\n2\n' x y1 y2 y3 && tags 6001 14000; } |
			as owner msend -F own/last
		kill -CONT "$tool"
		until_true grep -qx 2 out
		until_waiting own/last
	done
	as owner "$BUILD/inspect" own/last
}

@test "what is left comes with its headers, and with the sender's uid as the kernel knows it" {
	as other msend -t tag -s source -H key=value own/box payload
	[ "$(outside own/box)" = 1 ]
	as owner mrecv -F own/box >frame
	grep -qE "^M1 8 tag source id=1 time=[0-9.]+ uid=$OTHER key=value$" frame
	[ "$(outside own/box)" = 0 ]
	# what a sender says of that himself does not count
	printf 'M1 1 t s id=77 try=9 uid=0 big=x to=x re=5\nx\n' | as other msend -F own/box
	as owner mrecv -F own/box >frame
	grep -qE "^M1 1 t s id=2 time=[0-9.]+ uid=$OTHER re=5$" frame
	misused msend -H to=x own/box
	misused msend -H uid=0 own/box
}

@test "a header line is as long in a drop as in the mailbox" {
	local fits long
	printf -v fits '%03956d' 0
	printf -v long '%03957d' 0
	as other msend -t t -s s -H k="$fits" own/box small
	pattern 100000 | as other msend -t t -s s -H k="$fits" own/box
	run -65 as other msend -t t -s s -H k="$long" own/box x
	[ "$(as owner mrecv -F own/box | grep -o '[a-z]*=' | tr -d '\n')" = id=time=uid=k= ]
	as owner mrecv own/box | wc -c | grep -qx 100000
}

@test "payloads of any length, and of unknown length, come as they were left" {
	for n in 0 1 65535 65536 65537 131072 3000000; do
		pattern "$n" >payload
		as other msend own/box <payload
		as owner mrecv own/box | same - payload
		(cat payload && sleep 0.01) | as other msend own/box
		as owner mrecv own/box | same - payload
	done
	run ! grep -vE '^(drop|identity|bell)$' <(files_of own/box)
}

@test "one sender's messages come in the order in which they were left" {
	seq 800 | as other msend -l own/box
	as owner mrecv -a own/box >got
	seq 800 | same - got
	# of one process after another, too
	as other sh -c 'for i in $(seq 50); do msend own/box "$i" || exit; done'
	as owner mrecv -a own/box >got
	seq 50 | same - got
	# and among others', one by one
	for who in other third fourth; do
		(seq 300 | as $who msend -l -t $who own/box) 3>&- &
	done
	wait
	as owner mrecv -a -o '%t %p\n' own/box >got
	for who in other third fourth; do
		sed -n "s/^$who //p" got | same - <(seq 300)
	done
}

@test "one that could not be taken in at the first try is received all the same" {
	needs_strace
	local nth status got
	for nth in {8..22}; do
		for got in one two three; do
			as other msend own/box "$got"
		done
		status=0
		as owner strace -qq -o "own/trace" -e inject=pwrite64:error=EIO:when="$nth" mrecv -a -l own/box >got 2>err || status=$?
		# who says success has received all that was there
		[ "$status" -ne 0 ] || same - got <<<$'one\ntwo\nthree'
		as owner mrecv -a -l own/box >>got || [ $? -eq 1 ]
		# what was written and not settled is written again
		sort -u got | same - <(printf '%s\n' one three two)
	done
}

@test "who leaves many does not keep those waiting who leave few" {
	as owner mkmbox -c 4 -m 0622 own/small
	seq 500 | as other msend -l -t many own/small
	as third msend -t few own/small here I am
	as owner mrecv -c 20 -o '%t\n' own/small | grep -q few
	# nor those who may write to the mailbox itself
	as owner msend -n own/small mine || [ $? -eq 1 ]
}

@test "a receiver takes what it wants of all that is there" {
	seq 300 | as other msend -l -t chaff own/box
	as third msend -t wheat own/box grain
	[ "$(as owner mrecv -n -t wheat own/box)" = grain ]
	run -1 as owner mrecv -n -t wheat own/box
	[ "$(as owner mrecv -a own/box | wc -l)" -eq 300 ]
	as other msend own/box peeked
	[ "$(as owner mrecv -n -p own/box)" = peeked ]
	[ "$(as owner mrecv -n own/box)" = peeked ]
}

@test "a receiver that sleeps is woken by each message that is left" {
	mkfifo heard
	exec 5<>heard
	in_background as owner mrecv -f own/box >heard
	# by its look once a second alone, it would take longer than it may
	for i in {1..40}; do
		until_waiting own/box
		as other msend own/box "$i"
		read -r -t "$LIMIT" -u 5 got
		[ "$got" = "$i" ]
	done
	exec 5<&-
}

@test "of several that sleep, one is woken by each" {
	for i in 1 2 3; do
		in_background as owner mrecv -f own/box >>got
	done
	until_waiting own/box 3
	for i in {1..30}; do
		as other msend own/box "$i"
		until_true grep -qx "$i" got
	done
	sort -n got | same - <(seq 30)
	# each with its own selection
	for t in a b c; do
		in_background as owner mrecv -t $t own/box >"got.$t"
	done
	pkill -TERM -P "${children[0]}" && pkill -TERM -P "${children[1]}" && pkill -TERM -P "${children[2]}"
	until_waiting own/box 3
	for t in c a b; do
		as other msend -t $t own/box "for $t"
	done
	for t in a b c; do
		until_true grep -qx "for $t" "got.$t"
	done
}

# keeper BOX -- the process that listens to drop/bell.
keeper()
{
	local pid
	for pid in $(pgrep -x mrecv); do
		if find "/proc/$pid/fd" -lname "$PWD/own/box/drop/bell" 2>/dev/null | grep -q .; then
			echo "$pid"
		fi
	done
}

@test "where the one that listens is killed, or stopped, another hears what is left" {
	for signal in KILL STOP; do
		for i in 1 2; do
			in_background as owner mrecv own/box >>got
		done
		until_waiting own/box 2
		until_true test -n "$(keeper)"
		kill -$signal "$(keeper)"
		as other msend own/box "in spite of $signal"
		until_true grep -qx "in spite of $signal" got
		for pid in "${children[@]}"; do pkill -KILL -P "$pid" || :; done
		children=()
		wait
	done
}

# keepers N -- whether so many listen.
keepers()
{
	[ "$(keeper | wc -l)" -eq "$1" ]
}

@test "where all that listen are stopped, another listens beside them, and no more than that" {
	for i in 1 2 3 4; do
		in_background as owner mrecv -f own/box >>got
	done
	until_waiting own/box 4
	for n in 1 2 3; do
		until_true keepers "$n"
		# shellcheck disable=SC2046 # several
		kill -STOP $(keeper)
	done
	until_true keepers 4
	as other msend own/box heard
	until_true grep -qx heard got
	# shellcheck disable=SC2046
	kill -CONT $(keeper)
	as other msend own/box "by one"
	until_true grep -qx "by one" got
	[ "$(wc -l <got)" -eq 2 ]
	for pid in "${children[@]}"; do pkill -KILL -P "$pid" || :; done
	children=()
	wait
}

@test "while a mailbox is full, messages wait outside, and come in as there is room" {
	as owner mkmbox -c 2 -m 0622 own/small
	seq 10 | as other msend -l own/small
	[ "$(outside own/small)" = 10 ]
	[ "$(as owner mrecv own/small)" = 1 ]
	[ "$(outside own/small)" -ge 6 ]
	as owner mstat own/small | grep -q OUTSIDE
	[ "$(as owner mrecv -c 9 own/small | xargs)" = "2 3 4 5 6 7 8 9 10" ]
	as owner mkmbox -c 2 -o oldest -m 0622 own/oldest
	seq 10 | as other msend -l own/oldest
	[ "$(as owner mrecv -a own/oldest | xargs)" = "9 10" ]
	as owner mkmbox -o latest -m 0622 own/latest
	seq 10 | as other msend -l -t load own/latest
	[ "$(as owner mrecv -a own/latest)" = 10 ]
	as owner mkmbox -b 10 -m 0622 own/tight
	head -c 100000 /dev/zero | as other msend own/tight
	as other msend own/tight small
	[ "$(as owner mrecv -a own/tight | wc -c)" -ge 100000 ]
}

@test "somebody who waits for room goes before all but one of those outside" {
	as owner mkmbox -c 1 -m 0622 own/small
	as owner msend own/small first
	seq 5 | as other msend -l own/small
	in_background as owner msend own/small member
	until_waiting own/small
	as owner mrecv -c 4 own/small >got
	grep -qx member <(head -n 3 got)
}

@test "messages outside keep a mailbox from being removed, and go with it by force" {
	as other msend own/box stays
	run -1 as owner rmmbox own/box
	as other msend own/box works
	[ "$(as owner mrecv -a own/box | xargs)" = "stays works" ]
	as other msend own/box goes
	as owner rmmbox -f own/box
	[ ! -e own/box ]
	run -66 as other msend own/box gone
}

@test "a copy of a mailbox takes in what waits in it, and what is left there later" {
	as other msend own/box before
	cp -a own/box own/copy
	as other msend own/copy after
	[ "$(as owner mrecv -a own/copy | xargs)" = "before after" ]
	as other msend own/copy later
	[ "$(as owner mrecv own/copy)" = later ]
	[ "$(as owner mrecv own/box)" = before ]
}

@test "the tools that cannot be told what became of a message say so" {
	fails 77 as other msend -n own/box x
	[ "$error" = "msend: own/box: -n: send-only access does not show whether there is room" ]
	fails 77 as other msend -S own/box x
	[ "$error" = "msend: own/box: -S: send-only access does not show whether a message was received" ]
	[ "$(outside own/box)" = 0 ]
	printf 'M1 1 a s\n1\nM1 1 b s\n2\n' >frames
	as owner mkmbox -m 0622 own/second
	as other mtee -q own/box own/second <frames
	[ "$(as owner mrecv -a own/box | xargs)" = "1 2" ]
	[ "$(as owner mrecv -a own/second | xargs)" = "1 2" ]
	head -c 200000 /dev/zero >big
	printf 'M1 200000 a s\n%s\n' "$(tr '\0' z <big)" >frames
	as other mtee -q own/box own/second <frames
	[ "$(as owner mrecv own/box | wc -c)" -eq 200000 ]
	[ "$(as owner mrecv own/second | wc -c)" -eq 200000 ]
}

@test "who may only send can ask, and is answered where nobody else can read it" {
	in_background as owner mrecv -f -r own/box -- sh -c 'echo "$(id -u) answers $(cat)"'
	until_waiting own/box
	[ "$(as other mcall -w 10 own/box me)" = "$OWNER answers me" ]
	pattern 300000 >big
	as owner mkmbox -m 0622 own/echo
	in_background as owner mrecv -r own/echo -- cat
	as other mcall -w 10 own/echo <big | same - big
	[ -z "$(find /tmp -maxdepth 1 -user $OTHER -name 'mcall.*')" ]
}

@test "a request that is not answered in time is taken back" {
	run -124 as other mcall -w 0.1 own/box anybody
	[ "$(outside own/box)" = 0 ]
	run -1 as owner mrecv -n own/box
	[ -z "$(find /tmp -maxdepth 1 -user $OTHER -name 'mcall.*')" ]
}

@test "members of a group mailbox answer each other" {
	as owner mkmbox -m 0660 own/team
	for pair in 'owner mate' 'mate owner'; do
		set -- $pair
		in_background as "$1" mrecv -r own/team -- sh -c 'id -u'
		until_waiting own/team
		[ "$(as "$2" mcall -w 10 own/team who)" = "$([ "$1" = owner ] && echo $OWNER || echo $MATE)" ]
		status_of "$child"
		[ "$status" -eq 0 ]
	done
	# and root is a member everywhere; so are all users where they may
	as owner mkmbox own/alone
	as owner mkmbox -m 0666 own/all
	for call in '0 own/team' '0 own/alone' '0 own/all' 'other own/all' 'third own/all'; do
		read -r asks box <<<"$call"
		in_background as owner mrecv -r "$box" -- sh -c 'id -u'
		until_waiting "$box"
		[ "$asks" = 0 ] && as=() || as=(as "$asks")
		[ "$(timeout "$LIMIT" "${as[@]}" mcall -w 10 "$box" who)" = $OWNER ]
		status_of "$child"
		[ "$status" -eq 0 ]
		[ -z "$(files_of "$box")" ]
	done
}

@test "an answer is for members alone, and what a killed caller leaves any of them removes" {
	for case in '0660 mate' '0664 mate' '0600 0' '0644 0' '0660 0' '0666 other'; do
		read -r mode asks <<<"$case"
		as owner mkmbox -m "$mode" own/seen
		[ "$asks" = 0 ] && as=() || as=(as "$asks")
		in_background "${as[@]}" mcall own/seen ask
		until_true as owner mrecv -n -p own/seen >/dev/null
		reply=(own/seen/*.reply)
		chmod 755 own
		if [ "$mode" != 0666 ]; then
			as other sh -c "! ls ${reply[0]}" 2>/dev/null
			run -77 as other msend "${reply[0]}" forged
			run -77 as other mrecv -p -n "${reply[0]}"
		fi
		kids=()
		read -r -a kids <"/proc/$child/task/$child/children" || :
		kill -KILL "${kids[@]}" "$child"
		status_of "$child"
		[ -d "${reply[0]}" ]
		run -124 as owner mcall -w 0.01 own/seen next
		[ ! -e "${reply[0]}" ]
		as owner rmmbox -f own/seen
	done
}

# ---- a mailbox that is closed ----

# close_it -- the owner closes own/box, without a message.
close_it()
{
	as owner chmbox --close own/box
}

@test "in a closed mailbox one who may only send gets 69, also for a message that was begun before" {
	mkfifo slow
	as other msend own/box <slow 2>err &
	local sender=$!
	exec 7>slow
	head -c 100000 /dev/zero >&7
	until_true eval '[ -n "$(ls own/box/drop | grep tmp)" ]'
	close_it
	fails 69 as other msend own/box x
	[ "$error" = "msend: own/box is closed (chmbox --open own/box opens it)" ]
	exec 7>&-
	status=0
	wait $sender || status=$?
	[ "$status" -eq 69 ]
	grep -q "own/box is closed" err
	fails 77 as other msend --close own/box x
	run -0 as owner mrecv -f own/box
	[ "$output" = "" ]
}

@test "what was left before the close comes in, and then the receivers end" {
	as owner mrecv -f own/box >got 3>&- &
	local receiver=$!
	until_waiting own/box
	seq 200 | as other msend -l own/box
	close_it
	status=0
	wait $receiver || status=$?
	[ "$status" -eq 0 ]
	same got <(seq 200)
	# and where no receiver was there
	as owner mkmbox -m 0622 own/late
	seq 200 | as other msend -l own/late
	as owner msend -l --close own/late </dev/null
	as owner mrecv -f own/late | same - <(seq 200)
	as owner rmmbox own/late
	[ ! -e own/late ]
}

@test "a closed mailbox that is opened takes drops again" {
	close_it
	fails 77 as other chmbox --open own/box
	as owner chmbox --open own/box
	[ ! -e own/box/closed ]
	as other msend own/box x
	[ "$(as owner mrecv own/box)" = x ]
}

@test "a close that was killed before drop/ was shut is finished by the next who comes" {
	needs_strace
	local call
	for call in 1 2; do
		as owner mkmbox -m 0622 "own/box$call"
		# the mark, then drop/: chmod(2) of the mark is the first, of drop/ the second
		run as owner strace -f -qq -o /dev/null -e trace=fchmod -e "inject=fchmod:signal=KILL:when=$call" \
		    chmbox --close -c 7 "own/box$call"
		as owner mstat "own/box$call" >/dev/null
		if [ "$(as owner mstat -J "own/box$call" | jq -c '[.closed, .capacity_messages]')" = '[true,7]' ]; then
			fails 69 as other msend "own/box$call" x
			[ "$(stat -c %a "own/box$call/drop")" = 1700 ]
		else
			[ "$(as owner mstat -J "own/box$call" | jq -c '[.closed, .capacity_messages]')" = '[false,null]' ]
			as other msend "own/box$call" x
			[ ! -e "own/box$call/closed" ]
		fi
	done
}
