#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mstat -m: each message, its state, and who holds it.
#
# shellcheck disable=SC2154 # fails sets error

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# cell COLUMN BOX [ID] -- one cell of the row of message ID, or 1.
cell()
{
	mstat -m "$2" | awk -v heading="$1" -v id="${3:-1}" '
		NR == 1 { for (i = 1; i <= NF; i++) { if ($i == heading) column = i; if ($i == "ID") ids = i } }
		NR > 1 && $ids == id { print $column }'
}

is_cell()
{
	[ "$(cell "$1" "$2" "${4:-1}")" = "$3" ]
}

# hold BOX [OPTION...] -- a receiver in the background, its pid in $child, whose command ends once ./go is there.
hold()
{
	in_background mrecv "$@" -- sh -c 'cat >held; until [ -e go ]; do sleep 0.02; done'
	until_true exists held
}

@test "each message has a row, in order, its columns under their headings" {
	mkmbox box
	printf 'M1 5 build alice time=%s.000000\nhello\nM1 0 - bob\n\n' "$(($(date +%s) - 7200))" | msend -F box
	mstat -m box >out
	cat >want <<-'END'
	ID  STATE    TAG    SOURCE  BYTES  AGE  TRIES  DUE  HELD-BY  FOR
	 1  waiting  build  alice       5  2h       0  -    -        -
	 2  waiting  -      bob         0  0s       0  -    -        -
	END
	diff want <(sed 's/  [0-9]s  /  0s  /' out)
}

@test "a mailbox without messages has headings, and no JSON" {
	mkmbox box
	[ "$(mstat -m box)" = 'ID  STATE  TAG  SOURCE  BYTES  AGE  TRIES  DUE  HELD-BY  FOR' ]
	[ -z "$(mstat -Jm box)" ]
}

@test "a message that a receiver holds says which, and for how long" {
	mkmbox box
	msend box x
	msend box y
	hold box
	is_cell STATE box claimed
	is_cell HELD-BY box "$child/mrecv"
	[[ $(cell FOR box) = [0-9]*s ]]
	is_cell HELD-BY box - 2
	mstat -Jm box >out
	grep -Eq '"id":1,"state":"claimed",.*"due_in":null,"held_for":[0-9]+\.[0-9]{6},"holder":'"$child"',"stopped":false,"command":"mrecv"}$' out
	grep -Eq '"id":2,"state":"waiting",.*"due_in":null,"held_for":null}$' out
	echo >go
	wait "$child"
	[ -z "$(cell STATE box)" ]
}

# held_long BOX -- its message has been held for a second.
held_long()
{
	mstat -Jm "$1" | grep -q '"held_for":[1-9]'
}

@test "how long a message is held counts from the claim, not from the sending, and again after it was put back" {
	mkmbox box
	local before
	printf 'M1 1 t s time=%s.000000\nx\n' "$(($(date +%s) - 7200))" | msend -F box
	for _ in 1 2; do
		before=$(date +%s.%N)
		hold box
		is_cell AGE box 2h
		mstat -Jm box | sed 's/.*"held_for":\([0-9.]*\),.*/\1/' >held_for
		date +%s.%N | awk -v before="$before" -v held="$(<held_for)" '{ exit !(held > 0 && held <= $1 - before) }'
		until_true held_long box
		kill -KILL "$child"
		status_of "$child"
		rm held
	done
}

@test "of messages that are held together, to be written, each says for how long" {
	mkmbox box
	mkfifo full
	seq -f '%0200g' 2000 | msend -l box
	exec 4<>full
	in_background mrecv -a -l box >full 4>&-
	until_true held_long box
	mstat -Jm box >out
	[ "$(grep -c '"state":"claimed"' out)" -gt 100 ]
	[ "$(grep '"state":"claimed"' out | grep -vc '"held_for":[1-9]')" -eq 0 ]
	# also where what stands before it is not looked at
	mrecv -n -i 100 box 2>err || [ $? -eq 1 ]
	grep -Eq 'message 100 is held by process [0-9]+ \(mrecv\), for [1-9]' err
	exec 4>&-
}

@test "of messages that are held together by each of several, each says for how long" {
	local i
	mkmbox box
	mkfifo full.a full.b
	awk 'BEGIN { for (i = 1; i <= 3000; i++) printf "M1 200 %s s\n%0200d\n", i % 3 ? "a" : "b", i }' | msend -F box
	exec 4<>full.a 5<>full.b
	in_background mrecv -a -l -t a box >full.a 4>&- 5>&-
	in_background mrecv -a -l -t b box >full.b 4>&- 5>&-
	for i in a b; do until_true sh -c "mstat -Jm --tag=$i box | grep -q '\"held_for\":[1-9]'"; done
	mstat -Jm box >out
	[ "$(grep '"state":"claimed"' out | grep -vc '"held_for":[1-9]')" -eq 0 ]
	mstat -Jm --tag=b box >out
	[ "$(grep -c '"state":"claimed"' out)" -gt 10 ]
	[ "$(grep '"state":"claimed"' out | grep -vc '"held_for":[1-9]')" -eq 0 ]
	exec 4>&- 5>&-
}

@test "a holder that is stopped, or dead and not missed yet, is said to be" {
	mkmbox box
	msend box x
	hold box
	kill -STOP "$child"
	until_true is_cell HELD-BY box "$child/mrecv/stopped"
	mstat -Jm box | grep -qF ',"stopped":true,"command":"mrecv"}'
	kill -KILL "$child"
	status_of "$child"
	is_cell STATE box claimed
	is_cell HELD-BY box dead
	mstat -Jm box | grep -qF ',"holder":null,"dead":true}'
	# the next receiver has it again
	echo >go
	mrecv box >/dev/null
	[ -z "$(cell STATE box)" ]
}

@test "a message that failed is in back-off until it is due, and counts its tries" {
	mkmbox box
	msend box x
	for _ in 1 2 3 4 5 6; do
		run -1 mrecv -w 10 box -- false
	done
	is_cell STATE box backoff
	is_cell TRIES box 6
	[[ $(cell DUE box) = [0-9]s ]]
	is_cell HELD-BY box -
	mstat -Jm box | grep -Eq '"state":"backoff",.*"tries":6,"due_in":[0-9]\.[0-9]{6},"held_for":null}$'
}

@test "a delayed message says when it comes; taken before, it is claimed, and delayed again once it is put back" {
	mkmbox box
	msend -d 2h box x
	is_cell STATE box delayed
	[ "$(cell DUE box)" = 119m ]
	mstat -Jm box | grep -Eq '"state":"delayed",.*"tries":0,"due_in":71[0-9][0-9]\.[0-9]{6},"held_for":null}$'
	hold -i 1 box
	is_cell STATE box claimed
	is_cell DUE box -
	is_cell HELD-BY box "$child/mrecv"
	kill -KILL "$child"
	status_of "$child"
	run -1 mrecv -n box
	is_cell STATE box delayed
	[ "$(cell DUE box)" = 119m ]
}

@test "a message that has expired says so until somebody drops it" {
	mkmbox box
	msend -x 1ms box x
	until_true is_cell STATE box expired
	run -1 mrecv -n box
	[ -z "$(cell STATE box)" ]
}

@test "by rendezvous a message is its sender's until a receiver takes it" {
	mkmbox -c 0 box
	in_background msend -t hi box hello
	local sender=$child
	until_true is_cell STATE box offered
	is_cell HELD-BY box "$sender/msend"
	is_cell BYTES box -
	hold box
	is_cell STATE box claimed
	is_cell HELD-BY box "$child/mrecv"
	echo >go
	ended_with 0 "$child"
	ended_with 0 "$sender"
	[ -z "$(cell STATE box)" ]
}

@test "every cell is one word, whatever is in a name" {
	mkmbox 'my box'
	printf 'M1 0 \303\251 \233x\n\nM1 0 a,b c=d\n\n' | msend -F 'my box'
	mstat -m 'my box' 'my box' >out
	awk 'NF != 11 { exit 1 }' out
	grep -q '^my\\x20box  *1 .* é *\\x9bx ' out
	grep -q '^my\\x20box  *2 .* a,b *c=d ' out
	mstat -Jm 'my box' | grep -qF '{"schema":1,"name":"my box","id":1,"state":"waiting","tag":"é","source_base64":"m3g=","bytes":0,'
}

@test "of several mailboxes, or all, each row has the name" {
	mkmbox a b
	msend a x
	msend b y
	mstat -m a >one
	[ "$(awk '{ print $1 }' one | xargs)" = 'ID 1' ]
	mstat -m b a >two
	[ "$(awk '{ print $1, $2 }' two | xargs)" = 'NAME ID b 1 a 1' ]
	mstat --messages >all
	[ "$(awk '{ print $1, $2 }' all | xargs)" = 'NAME ID a 1 b 1' ]
	[ "$(mstat -Jm a | cut -c 1-29)" = '{"schema":1,"name":"a","id":1' ]
}

@test "-m: one that is missing is 66, and the others are shown; other mistakes are 64 and 74" {
	mkmbox a
	msend a x
	run -66 --separate-stderr mstat -m missing a
	[ "${#lines[@]}" -eq 2 ]
	misused mstat -m -f a
	misused mstat -m -t a
	fails 74 sh -c 'mstat -m a >/dev/full'
	fails 74 sh -c 'mstat -Jm a >/dev/full'
	seq 20000 | msend -l a
	fails 74 sh -c 'mstat -m a >/dev/full'
}

@test "rows far down are aligned, and none is missing or comes twice, in many segments, rewritten ones too" {
	mkmbox -b inf box
	seq 150000 | msend -l box
	# few are left of the first
	mrecv -c 64000 box >/dev/null
	(for i in 1 2 3 4; do mrecv -n -i $((64000 + 300 * i)) box; done) >/dev/null
	mrecv -c 1200 box >/dev/null
	mstat -m box | awk 'NR > 1 { print $1 }' >ids
	mrecv -p -a -o '%i\n' box | cmp - ids
	[ "$(mstat -m box | awk '{ print length($0) - length($NF) }' | sort -u | wc -l)" -le 2 ]
}

@test "who may only look sees each message too, but not whose it is" {
	mkmbox -m 0644 box
	chmod go+x .
	msend -t a box x
	msend -t b box y
	hold box
	as_nobody mstat -m box | awk 'NR > 1 { print $1, $2, $3, $9, $10 }' >out
	sed 's/ [0-9]s$/ 0s/' out | cmp - <(printf '1 claimed a ? 0s\n2 waiting b - -\n')
	as_nobody mstat -Jm box | grep -q '"id":1,"state":"claimed",.*,"holder":null}$'
}

# busy BOX N -- while N lists are made, messages come, are put back and go; each row must make sense (judge).
busy()
{
	in_background sh -c 'while [ ! -e stop ]; do seq 300 | msend -l "$1"; mrecv -a -n "$1" >/dev/null; done' sh "$1"
	in_background sh -c 'while [ ! -e stop ]; do mrecv -n -c 7 "$1" -- cat >/dev/null; done' sh "$1"
	in_background sh -c 'while [ ! -e stop ]; do mrecv -n -b 20 "$1" -- false; done' sh "$1"
	until_true some_failed "$1"
}

some_failed()
{
	mstat -m "$1" | grep -q ' backoff '
}

# judge [LOOK] -- no row of standard input contradicts itself or another.  LOOK: of one who may only look.
judge()
{
	awk -v look="${1:-0}" '
		NR == 1 { next }
		{ rows++; seen[$2]++ }
		NF != 10 || $1 <= last { print "row: " $0; bad = 1 }
		$2 == "waiting" && ($8 != "-" || $9 != "-" || $10 != "-") { print "waiting: " $0; bad = 1 }
		$2 == "backoff" && ($8 == "-" || $9 != "-" || $10 != "-" || $7 == 0) { print "backoff: " $0; bad = 1 }
		$2 == "claimed" && ($8 != "-" || (look ? $9 != "?" : $9 !~ /^([0-9]+\/(mrecv|\?)(\/stopped)?|dead)$/)) {
			print "claimed: " $0; bad = 1
		}
		$2 == "claimed" && !look && $10 == "-" { print "since when: " $0; bad = 1 }
		$2 !~ /^(waiting|backoff|claimed)$/ { print "state: " $0; bad = 1 }
		{ last = $1 }
		END { print rows + 0, seen["claimed"] + 0, seen["backoff"] + 0; exit bad }'
}

@test "while messages come, are put back and go, no row contradicts itself" {
	mkmbox -m 0644 box
	chmod go+x .
	busy box
	for _ in $(seq 40); do
		mstat -m box | judge
		as_nobody mstat -m box | judge 1
	done
	echo >stop
	wait
}

# ---- mrecv -i

# tells PATTERN COMMAND... -- it ends with the status in $wanted, and says on standard error what matches.
tells()
{
	local pattern=$1
	shift
	run -"$wanted" --separate-stderr "$@"
	# shellcheck disable=SC2053 # a pattern it is
	[[ $stderr = $pattern ]] || { echo "it says: $stderr"; return 1; }
}

@test "mrecv -i says who holds the message that it wants, and for how long" {
	local wanted
	mkmbox box
	printf 'x\ny\n' | msend -l box
	hold box
	wanted=1 tells "mrecv: box: message 1 is held by process $child (mrecv), for 0.[0-9]* s" mrecv -n -i 1 box
	wanted=124 tells "mrecv: box: message 1 is held by process $child (mrecv), for [0-9]*.[0-9]* s" mrecv -w 0.1 -i 1 box
	# others say nothing
	wanted=0 tells '' mrecv -n -i 2 box
	wanted=1 tells '' mrecv -n -i 2 box
	wanted=1 tells '' mrecv -n -i 3 box
	kill -STOP "$child"
	until_true grep -q '^State:.T' "/proc/$child/status"
	wanted=1 tells "mrecv: box: message 1 is held by process $child (mrecv), which is stopped, for *" mrecv -n -i 1 box
	kill -CONT "$child"
	in_background mrecv -i 1 box -- true 2>said
	until_true exists said
	echo >go
	# what it waited for is gone
	ended_with 1 "$child"
	[ "$(wc -l <said)" -eq 1 ]
}

# ---- filters

@test "--tag and --source choose messages by globs" {
	mkmbox box
	printf 'M1 0 build.a alice\n\nM1 0 test bob\n\nM1 0 build.b bob\n\nM1 0 - eve\n\n' | msend -F box
	chosen()
	{
		mstat -m "$@" box | awk 'NR > 1 { print $1 }' | xargs
	}
	[ "$(chosen --tag 'build.*')" = '1 3' ]
	[ "$(chosen --tag 'build.*' --source bob)" = 3 ]
	[ "$(chosen --tag test --tag -)" = '2 4' ]
	[ -z "$(chosen --source nobody)" ]
	[ "$(mstat -Jm --source alice box | wc -l)" -eq 1 ]
	misused mstat --tag build box
	misused mstat -m --tag '' box
}

# ---- --waiters

# rows BOX N -- whether N processes are listed.
rows()
{
	[ "$(mstat --waiters "$1" | wc -l)" -eq $(($2 + 1)) ]
}

# three FILE OPTION... -- what mstat says of three that wait goes to FILE: one that looks again is not there just then.
three()
{
	local file=$1
	shift
	mstat "$@" >"$file"
	[ "$(grep -cE 'mrecv|msend' "$file")" -eq 3 ]
}

@test "--waiters lists who waits, for what, and since when; each cell is one word" {
	local receiver looker sender
	mkmbox -c 1 box
	in_background mrecv -t never -t 'x y*' -S ci box
	receiver=$child
	until_true rows box 1
	in_background mrecv -p -t no box
	looker=$child
	until_true rows box 2
	msend -t other box full
	in_background msend -t other box more
	sender=$child
	until_true three out --waiters box
	awk 'NF != 5 { exit 1 }' out
	lines 'PID COMMAND WAITS-FOR WANTS' "$receiver mrecv message tag=never,tag=x\\x20y*,source!=ci" \
	    "$looker mrecv peek tag=no" "$sender msend room bytes=5" >want
	awk '{ print $1, $2, $3, $4 }' out | cmp want -
	[ "$(awk 'NR > 1 && $5 !~ /^[0-9]+s$/' out)" = '' ]
	until_true three looked -J --waiters box
	sed 's/"waited":[0-9]*\.[0-9]\{6\}/"waited":T/' looked >json
	grep -qxF '{"schema":1,"name":"box","pid":'"$sender"',"stopped":false,"command":"msend","waited":T,"wants":{"for":"room","bytes":5}}' json
	grep -qF "{\"schema\":1,\"name\":\"box\",\"pid\":$looker,\"stopped\":false,\"command\":\"mrecv\",\"waited\":T,\"wants\":{\"for\":\"message\",\"peek\":true," json
	# since it began to wait, not since its last look, once a second
	until_true waited 1
	until_true waited 2
	kill -STOP "$looker"
	until_true mstat_says ' mrecv/stopped  *peek ' box
	kill -KILL "$looker"
	status_of "$looker"
	until_true rows box 2
}

# waited N -- all rows of box are of processes that have waited for N seconds or more.
waited()
{
	mstat --waiters box | awk -v n="$1" 'NR > 1 && $5 + 0 < n { short = 1 } END { exit short }'
}

mstat_says()
{
	mstat --waiters "$2" | grep -q "$1"
}

@test "--waiters lists those that wait in the order in which they are served" {
	local first second third
	mkmbox -c 1 box
	msend box full
	in_background msend -w 60 box one
	first=$child
	until_true rows box 1
	in_background msend box two
	second=$child
	until_true rows box 2
	# its place in the table is free for the last
	kill -KILL "$first"
	status_of "$first"
	until_true rows box 1
	in_background msend box three
	third=$child
	until_true rows box 2
	[ "$(mstat --waiters box | awk 'NR > 1 { print $1 }' | xargs)" = "$second $third" ]
}

@test "--waiters: a sender that waits for the end; several mailboxes; what it does not go with" {
	mkmbox a b
	in_background msend -S a x
	until_true rows a 1
	mstat --waiters | awk '{ print $1, $4, $5 }' >out
	lines 'NAME WAITS-FOR WANTS' 'a end id=1' | cmp - out
	[ "$(mstat --waiters b | wc -l)" -eq 1 ]
	misused mstat --waiters -m a
	misused mstat --waiters -t a
	misused mstat --waiters -f a
	fails 74 sh -c 'mstat --waiters a >/dev/full'
}
