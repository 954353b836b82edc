#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Every kind of mailbox, every way to wait, both operations, every situation: what comes of it.  The rows take turns in
# surroundings that a tool does not choose: signals blocked or ignored, non-blocking streams, closed ones (around.c).
#
# A row of the table is a cell:
#
#   wait       block: the default.  -n: not at all.  -w: so long; 0.3 s where that is to run out.
#   situation  of a send:
#                nobody   no receiver, and nothing in the mailbox
#                waiting  a receiver waits
#                full     `old` is there already; at capacity 0: its sender waits there
#                dies     a receiver waited, and was killed
#                stopped  a receiver waits, and is stopped (SIGSTOP) until the send is over
#                removed  the mailbox is removed while the send waits.  A send that would not wait finds it gone;
#                         one that has room for ever is still reading its payload
#              of a receive:
#                nobody   `old` was sent, and its sender is gone; at capacity 0: gave up
#                waiting  a sender waits: for room for `new`, behind `old`; or until `old` is received
#                empty    nothing but a message with another tag
#                dies     as waiting, and the sender was killed
#                stopped  as waiting, and the sender is stopped until the receive is over
#                removed  the mailbox is removed while the receive waits, or would wait
#   status     the exit status; `waits`: it sleeps, until SIGTERM ends it
#   got        what a receiver wrote: the one that is tried, or the one that the send is tried with
#   left       what is in the mailbox afterwards; `gone`: there is no mailbox

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# ---- the rows ----

# send_to, receive_from MAILBOX -- read rows; each is tried in a mailbox of its own.
send_to()
{
	walk send "$1"
}

receive_from()
{
	walk receive "$1"
}

walk()
{
	local wait situation expected got left rows=0 turn
	case $1_$2 in
	send_bounded | receive_zero) turn=0 ;;
	send_unbounded | receive_unbounded) turn=1 ;;
	send_zero | receive_bounded) turn=3 ;;
	esac
	while read -r wait situation expected got left; do
		rows=$((rows + 1))
		rm -f out peer.out pipe rest
		case $2 in
		bounded) mkmbox -c 1 box ;;
		unbounded) mkmbox -c inf -b inf box ;;
		zero) mkmbox -c 0 box ;;
		esac
		peer='' stopped='' sleepers=0
		around=$((rows + turn + ${SEED:-0}))
		if ! "$1_cell" "$2" "$wait" "$situation" "$expected" || ! outcome "$1" "$expected" "$got" "$left"; then
			echo "the row: $1 $2: $wait $situation $expected $got $left, around $how"
			return 1
		fi
		[ ! -d box ] || rmmbox box
	done
	[ "$rows" -eq 18 ]
}

# options_of WAIT EXPECTED -- the options of the command that is tried, in options.
options_of()
{
	case $1:$2 in
	block:*) options=() ;;
	-n:*) options=(-n) ;;
	-w:124) options=(-w 0.3) ;;
	-w:*) options=(-w "$LIMIT") ;;
	esac
}

# tried SITUATION EXPECTED COMMAND... -- run it, and see to it that its status is the expected one.
tried()
{
	local situation=$1 expected=$2 hows=(- b i n 0)
	shift 2
	how=${hows[around % 5]}
	[ "$how$1" != 0msend ] || how=1
	in_background "$BUILD/around" "$how" "$@" 5>&-
	if [ "$expected" = waits ]; then
		until_waiting box $((sleepers + 1)) || return
		kill -TERM "$child"
		expected=143
	elif [ "$situation" = removed ] && [ -d box ]; then
		until_true eval "waiting box $((sleepers + 1)) || exists box/*.spool" || return
		rmmbox -f box
		exec 5>&-
	fi
	status_of "$child" || return
	[ "$status" -eq "$expected" ] || { echo "status $status"; return 1; }
}

# outcome OPERATION STATUS GOT LEFT -- see to it that everything else is as expected, too.
outcome()
{
	local got=$3 left=$4 found file rest
	[ "$got" != - ] || got=''
	[ "$left" != - ] || left=''
	if [ -n "$stopped" ]; then
		kill -CONT "$stopped"
		[ "$2" = 0 ] || kill -TERM "$stopped"
	fi
	if [ -n "$peer" ] && [ "$2" = 0 ]; then
		status_of "$peer" || return
		[ "$status" -eq 0 ] || { echo "the other's status: $status"; return 1; }
	fi
	file=out
	[ "$1" = receive ] || file=peer.out
	found=''
	[ ! -e "$file" ] || found=$(<"$file")
	[ "$found" = "$got" ] || { echo "got: $found"; return 1; }
	if [ "$left" = gone ]; then
		[ ! -e box ] || { echo "it is still there"; return 1; }
		return
	fi
	mrecv -a box >rest || [ $? -eq 1 ]
	mapfile -t rest <rest
	found=$(IFS=,; echo "${rest[*]}")
	[ "$found" = "$left" ] || { echo "left: $found"; return 1; }
	for pid in "${children[@]}"; do
		status_of "$pid" || return
	done
	children=()
	status=0
	mrecv -w 0.01 box || status=$?
	[ "$status" -eq 124 ] || { echo "status $status at an empty mailbox"; return 1; }
	found=$(files_of box)
	[ -z "$found" ] || { echo "files left: $found"; return 1; }
}

# peer_suffers SITUATION BOX -- the other one, which waits, dies, or is stopped: it keeps its bell.
peer_suffers()
{
	case $1 in
	dies)
		kill -KILL "$peer"
		status_of "$peer"
		peer=''
		;;
	stopped)
		kill -STOP "$peer"
		until_true eval "grep -q '^State:.*T' /proc/$peer/status"
		stopped=$peer
		[ "$2" != zero ] || sleepers=1
		;;
	esac
}

# ---- a send ----

send_cell()
{
	local box=$1 wait=$2 situation=$3 expected=$4 options=()
	options_of "$wait" "$expected"
	case $situation in
	waiting|dies|stopped)
		in_background mrecv box >peer.out
		peer=$child
		until_waiting box || return
		;;
	full|removed)
		case $box:$situation in
		bounded:*|unbounded:full) msend box old || return ;;
		zero:full)
			in_background msend box old
			sleepers=1
			until_waiting box || return
			;;
		unbounded:removed)
			mkfifo pipe
			exec 5<>pipe
			in_background pattern 200000 >&5 5>&-
			;;
		esac
		[ "$expected" != 66 ] || rmmbox -f box || return
		;;
	esac
	peer_suffers "$situation" "$box" || return
	if [ -p pipe ]; then
		tried "$situation" "$expected" msend "${options[@]}" box <pipe
	else
		tried "$situation" "$expected" msend "${options[@]}" box new
	fi
}

# ---- a receive ----

receive_cell()
{
	local box=$1 wait=$2 situation=$3 expected=$4 options=()
	options_of "$wait" "$expected"
	case $box:$situation in
	zero:nobody)
		run -124 timeout "$LIMIT" msend -w 0.01 box old || return
		;;
	*:nobody)
		msend box old || return
		;;
	bounded:waiting|bounded:dies|bounded:stopped)
		msend box old || return
		in_background msend box new
		;;
	unbounded:waiting|unbounded:dies|unbounded:stopped)
		in_background msend -S box old
		;;
	zero:waiting|zero:dies|zero:stopped)
		in_background msend box old
		;;
	zero:empty)
		in_background msend -t other box other
		sleepers=1
		;;
	*:empty)
		msend -t other box other || return
		;;
	esac
	case $situation in
	waiting|dies|stopped)
		peer=$child
		until_waiting box || return
		;;
	esac
	peer_suffers "$situation" "$box" || return
	[ "$sleepers" -eq 0 ] || until_waiting box || return
	[ "$expected" != 66 ] || rmmbox -f box || return
	tried "$situation" "$expected" mrecv "${options[@]}" -T other box >out
}

# ---- the table ----

@test "a bounded mailbox takes what has room, and makes the next sender wait, or not, as it asked" {
	send_to bounded <<-'rows'
		block   nobody    0      -    new
		block   waiting   0      new  -
		block   full      waits  -    old
		block   dies      0      -    new
		block   removed   69     -    gone
		block   stopped   0      new  -
		-n      nobody    0      -    new
		-n      waiting   0      new  -
		-n      full      1      -    old
		-n      dies      0      -    new
		-n      removed   66     -    gone
		-n      stopped   0      new  -
		-w      nobody    0      -    new
		-w      waiting   0      new  -
		-w      full      124    -    old
		-w      dies      0      -    new
		-w      removed   69     -    gone
		-w      stopped   0      new  -
	rows
}

@test "an unbounded mailbox takes every message at once" {
	send_to unbounded <<-'rows'
		block   nobody    0      -    new
		block   waiting   0      new  -
		block   full      0      -    old,new
		block   dies      0      -    new
		block   removed   69     -    gone
		block   stopped   0      new  -
		-n      nobody    0      -    new
		-n      waiting   0      new  -
		-n      full      0      -    old,new
		-n      dies      0      -    new
		-n      removed   69     -    gone
		-n      stopped   0      new  -
		-w      nobody    0      -    new
		-w      waiting   0      new  -
		-w      full      0      -    old,new
		-w      dies      0      -    new
		-w      removed   69     -    gone
		-w      stopped   0      new  -
	rows
}

@test "a mailbox of capacity 0 takes nothing: a message needs a receiver" {
	send_to zero <<-'rows'
		block   nobody    waits  -    -
		block   waiting   0      new  -
		block   full      waits  -    old
		block   dies      waits  -    -
		block   removed   69     -    gone
		block   stopped   waits  -    -
		-n      nobody    1      -    -
		-n      waiting   0      new  -
		-n      full      1      -    old
		-n      dies      1      -    -
		-n      removed   66     -    gone
		-n      stopped   1      -    -
		-w      nobody    124    -    -
		-w      waiting   0      new  -
		-w      full      124    -    old
		-w      dies      124    -    -
		-w      removed   69     -    gone
		-w      stopped   124    -    -
	rows
}

@test "a bounded mailbox gives what was sent, and its room to the sender who waits" {
	receive_from bounded <<-'rows'
		block   nobody    0      old  -
		block   waiting   0      old  new
		block   empty     waits  -    other
		block   dies      0      old  -
		block   removed   69     -    gone
		block   stopped   0      old  new
		-n      nobody    0      old  -
		-n      waiting   0      old  new
		-n      empty     1      -    other
		-n      dies      0      old  -
		-n      removed   66     -    gone
		-n      stopped   0      old  new
		-w      nobody    0      old  -
		-w      waiting   0      old  new
		-w      empty     124    -    other
		-w      dies      0      old  -
		-w      removed   69     -    gone
		-w      stopped   0      old  new
	rows
}

@test "an unbounded mailbox gives what was sent, whatever became of its sender" {
	receive_from unbounded <<-'rows'
		block   nobody    0      old  -
		block   waiting   0      old  -
		block   empty     waits  -    other
		block   dies      0      old  -
		block   removed   69     -    gone
		block   stopped   0      old  -
		-n      nobody    0      old  -
		-n      waiting   0      old  -
		-n      empty     1      -    other
		-n      dies      0      old  -
		-n      removed   66     -    gone
		-n      stopped   0      old  -
		-w      nobody    0      old  -
		-w      waiting   0      old  -
		-w      empty     124    -    other
		-w      dies      0      old  -
		-w      removed   69     -    gone
		-w      stopped   0      old  -
	rows
}

@test "a mailbox of capacity 0 gives what a living sender offers" {
	receive_from zero <<-'rows'
		block   nobody    waits  -    -
		block   waiting   0      old  -
		block   empty     waits  -    other
		block   dies      waits  -    -
		block   removed   69     -    gone
		block   stopped   waits  -    -
		-n      nobody    1      -    -
		-n      waiting   0      old  -
		-n      empty     1      -    other
		-n      dies      1      -    -
		-n      removed   66     -    gone
		-n      stopped   1      -    -
		-w      nobody    124    -    -
		-w      waiting   0      old  -
		-w      empty     124    -    other
		-w      dies      124    -    -
		-w      removed   69     -    gone
		-w      stopped   124    -    -
	rows
}
