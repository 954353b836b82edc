# shellcheck shell=bash disable=SC2034,SC2154  # torture.sh reads what a use sets, and sets the rest
# SPDX-License-Identifier: ISC
# uses.sh -- what torture.sh tortures.
#
# use_NAME runs in an empty directory, makes there what the tool needs, and sets: cmd, the tool and its arguments, and
#   boxes       the mailboxes that are looked at afterwards (box)
#   as          a command that runs it as another user
#   input       the tool's standard input
#   normally    the status that says that all went well (0)
#   before      a function that runs first, and leaves its process in the background
#   partner     a function that runs when the tool sleeps at the mailbox waits_at
#   after       a function that runs when the tool has ended
#   hides       messages may be there that cannot be seen for a while
#   skips       a pattern of CALL:ERRNO, or CALL:STOP, that cannot be there
#   warns       it may say two lines: one for each of two mailboxes
#   displaces   a further send may drop what is there
#   hands_over  the mailbox that has capacity 0
#   outrun      the status with which it ends too where others come before it while it is stopped
#   alone       nobody sends there while the tool is stopped
#   opens       it may be closed: it is opened first; ../closed is what mstat said
#   judge       a function that says what is `bad`.  It finds killed, acked and status; ../out and ../err; and the names
#               of what was left in each mailbox in ../left.BOX

judge_nothing() { :; }

# lines NAME... -- each on a line; PREFIX FROM TO with -r: a run of them.
lines() {
	if [ "$1" = -r ]; then
		seq -f "$2%.0f" "$3" "$4"
	else
		printf '%s\n' "$@"
	fi
}

# many BOX FROM TO -- messages nFROM to nTO, each with a tag of its own, so that about 4,000 fill a segment.
many() {
	seq "$2" "$3" | awk '{ print "M1 " length + 2, "t" $0 " s"; print "n" $0 "." }' | msend -F "$1"
}

# big -- the payload of big1.
big() {
	[ -e big ] || { printf big1:; seq 100000 | tr '\n' ' ' | head -c 199994; echo; } >big
}

# ---- judges

# judge_send -- what was left is what was there (../had) and, in order, as much of what was sent (../new) as arrived:
# all of it where the tool said so.
judge_send() {
	local n all
	n=$(wc -l <../left.box)
	all=$(cat ../had ../new | wc -l)
	cat ../had ../new | head -n "$n" | cmp -s - ../left.box || n=-1
	if [ "$n" -lt "$(wc -l <../had)" ] || [ "$n" -gt "$all" ]; then
		bad "left are $(tr '\n' ' ' <../left.box | cut -c 1-300)"
	fi
	[ "$acked" -eq 0 ] || [ "$n" -eq "$all" ] || bad "success, and $((all - n)) of what was sent is not there"
}

# judge_receive -- of what was there (../had), what was received (../taken) and what was left are the whole, in order;
# where the tool said so, what it should take (../due) and nothing twice.
judge_receive() {
	[ -e ../taken ] || names ../out >../taken
	awk -v acked="$acked" -v status="$status" '
		FILENAME == "../had" { had[$1] = ++n; next }
		FILENAME == "../due" { due[$1] = 1; dues++; next }
		FILENAME == "../taken" {
			if (!($1 in had)) print "received: " $1
			if ($1 in taken) print "received twice: " $1
			taken[$1] = 1
			takens++
			if (acked && !($1 in due)) print "received, and not asked for: " $1
			next
		}
		{
			if (!($1 in had)) print "left: " $1
			else if (had[$1] <= last) print "left out of order: " $1
			last = had[$1]
			left[$1] = 1
			if (acked && ($1 in taken)) print "success, and received and left: " $1
		}
		END {
			for (i in had) if (!(i in taken) && !(i in left)) print "lost: " i
			if (acked && takens != dues) print "success, and received " takens + 0 " of " dues
		}' ../had ../due ../taken ../left.box >../complaints
	rm -f ../taken
	[ ! -s ../complaints ] || bad "$(head -n 5 ../complaints | tr '\n' ';')"
}

# ---- senders

use_msend() {
	mkmbox box
	put box b1 b2
	cmd=(msend -t new box new1.)
	lines b1 b2 >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_first() {
	mkmbox box
	cmd=(msend box new1.)
	: >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_lines() {
	mkmbox box
	put box b1 b2
	lines -r new 1 3000 | sed 's/$/./' >text
	cmd=(msend -l box)
	input=text
	lines b1 b2 >../had
	lines -r new 1 3000 >../new
	judge=judge_send
}

use_msend_delayed() {
	mkmbox box
	put box b1 b2
	cmd=(msend -d 0.2 box new1.)
	lines b1 b2 >../had
	lines new1 >../new
	hides=1
	judge=judge_send
}

use_msend_big() {
	mkmbox box
	put box b1 b2
	big
	cmd=(msend -t big box)
	input=big
	lines b1 b2 >../had
	lines big1 >../new
	judge=judge_send
}

use_msend_durable() {
	mkmbox -d box
	put box b1 b2
	cmd=(msend -t new box new1.)
	lines b1 b2 >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_durable_first() {
	mkmbox -d box
	cmd=(msend box new1.)
	: >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_durable_big() {
	use_msend_durable
	big
	cmd=(msend -t big box)
	input=big
	lines big1 >../new
}

# room_is_made -- the partner of one who waits for it.
room_is_made() {
	within mrecv -l box || bad "mrecv box: status $said: $(cat ../said.err)"
	[ "$(<../said)" = b1. ] || bad "mrecv box received $(<../said)"
}

use_msend_full() {
	mkmbox -c 2 box
	put box b1 b2
	cmd=(msend box new1.)
	partner=room_is_made
	lines b2 >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_full_big() {
	use_msend_full
	big
	cmd=(msend box)
	input=big
	lines big1 >../new
}

use_msend_noroom() {
	mkmbox -c 2 box
	put box b1 b2
	cmd=(msend -n box new1.)
	normally=1
	lines b1 b2 >../had
	: >../new
	judge=judge_send
}

use_msend_timeout() {
	use_msend_noroom
	cmd=(msend -w 0.05 box new1.)
	normally=124
}

# all_come_for -- the partner of a synchronous sender.
all_come_for() {
	within mrecv -a box || [ "$said" -eq 1 ] || bad "mrecv box: status $said: $(cat ../said.err)"
	names ../said >../come
}

judge_sync() {
	cat ../come ../left.box >../both
	mv ../both ../left.box
	judge_send
	! [ "$acked" -eq 1 ] || grep -q new1 ../come || bad "success, and nobody received it"
}

use_msend_sync() {
	mkmbox box
	put box b1 b2
	cmd=(msend -S box new1.)
	partner=all_come_for
	lines b1 b2 >../had
	lines new1 >../new
	judge=judge_sync
}

use_msend_withdraw() {
	mkmbox box
	put box b1 b2
	cmd=(msend -S -w 0.05 box new1.)
	normally=124
	lines b1 b2 >../had
	lines new1 >../new
	judge=judge_withdraw
}

judge_withdraw() {
	case $acked:$(xargs <../left.box) in
	?:'b1 b2' | 0:'b1 b2 new1') ;;
	*) bad "left are $(xargs <../left.box)" ;;
	esac
}

judge_displace() {
	local left
	left=$(xargs <../left.box)
	[ "$left" = "$after_it" ] || { [ "$acked" -eq 0 ] && [[ $left = "$before_it" || $left = "$between" ]]; } ||
		bad "left are $left"
}

use_msend_oldest() {
	mkmbox -c 3 -o oldest box
	put box b1 b2 b3
	cmd=(msend box new1.)
	displaces=1
	before_it='b1 b2 b3' between='b2 b3' after_it='b2 b3 new1'
	judge=judge_displace
}

use_msend_latest() {
	mkmbox -o latest box
	msend -t a box b1.
	msend -t b box b2.
	cmd=(msend -t a box new1.)
	displaces=1
	before_it='b1 b2' between='b2' after_it='b2 new1'
	judge=judge_displace
}

# of a segment of 4,094 tags an eighth has still its value: the first that is replaced has it rewritten
use_msend_latest_rewrites() {
	mkmbox -o latest -b inf box
	many box 1 4094
	many box 1 3582
	seq 3583 3585 | awk '{ print "M1 5 t" $0 " s"; print "new" NR "." }' >frames
	cmd=(msend -F box)
	input=frames
	displaces=1
	judge=judge_latest_rewrites
}

# judge_latest_rewrites -- the values before went one by one, each just before its new one came.
judge_latest_rewrites() {
	local n first
	n=$(grep -c new ../left.box)
	first=$(head -n 1 ../left.box)
	first=${first#n}
	[ "$acked" -eq 0 ] || [ "$n" -eq 3 ] || bad "success, and $((3 - n)) of what was sent is not there"
	[ "$first" -eq $((3583 + n)) ] || { [ "$n" -lt 3 ] && [ "$first" -eq $((3584 + n)) ]; } ||
		bad "$n new ones, and n$first"
	{ lines -r n "$first" 4094 && lines -r n 1 3582 && lines -r new 1 "$n"; } | cmp -s - ../left.box ||
		bad "left are $(tr '\n' ' ' <../left.box | cut -c 1-300)"
}

# a segment that is full, of which little is left
nearly_spent() {
	mkmbox box
	lines -r n 1 65536 | sed 's/$/./' | msend -l box
	mrecv -c 65533 box >/dev/null
}

use_msend_roll() {
	nearly_spent
	cmd=(msend box new1.)
	lines -r n 65534 65536 >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_roll_spent() {
	nearly_spent
	mrecv -c 3 -w 1 box -- sleep 0.001 || return
	cmd=(msend box new1.)
	: >../had
	lines new1 >../new
	judge=judge_send
}

use_msend_rolls() {
	mkmbox box
	many box 1 4090
	seq 1 30 | awk '{ print "M1 " length + 4, "u" $0 " s"; print "new" $0 "." }' >frames
	cmd=(msend -F box)
	input=frames
	lines -r n 1 4090 >../had
	lines -r new 1 30 >../new
	judge=judge_send
}

# ---- receivers

use_mrecv() {
	mkmbox box
	put box b1 b2 b3
	cmd=(mrecv -l box)
	lines b1 b2 b3 >../had
	lines b1 >../due
	judge=judge_receive
}

# what has fallen due, and nobody has made ready
use_mrecv_due() {
	mkmbox box
	msend -d 0.001 box b1.
	msend -d 0.001 box b2.
	put box b3
	cmd=(mrecv -l box)
	lines b1 b2 b3 >../had
	lines b1 >../due
	judge=judge_receive
}

# before it is due, by its number
use_mrecv_early() {
	mkmbox box
	put box b1
	msend -d @$(($(date +%s) + 120)) box b2.
	cmd=(mrecv -l -i 2 box)
	after=due_now
	lines b1 b2 >../had
	lines b2 >../due
	hides=1
	judge=judge_receive
}

# what is delayed is sent on without its delay
due_now() {
	within mrecv -n -F -i 2 box || [ "$said" -eq 1 ] || bad "mrecv -i 2: status $said: $(cat ../said.err)"
	[ ! -s ../said ] || msend -F -d 0 box <../said || bad "msend -F -d 0 failed"
}

use_mrecv_last() {
	mkmbox box
	seq 300 | msend -l box
	mrecv -a box >/dev/null
	put box b1
	cmd=(mrecv -l box)
	lines b1 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mrecv_big() {
	mkmbox box
	big
	msend box <big
	put box b1
	cmd=(mrecv box)
	lines big1 b1 >../had
	lines big1 >../due
	judge=judge_receive_big
}

# a payload in several pieces may have come half
judge_receive_big() {
	names ../out >../taken
	[ "$acked" -eq 1 ] || sed -i '/TORN/d' ../taken
	judge_receive
}

use_mrecv_all() {
	mkmbox box
	many box 1 5000
	cmd=(mrecv -a box)
	lines -r n 1 5000 >../had
	lines -r n 1 5000 >../due
	judge=judge_receive
}

use_mrecv_select() {
	mkmbox box
	many box 1 4200
	cmd=(mrecv -a -T 't*00' box)
	lines -r n 1 4200 >../had
	grep -v '00$' ../had >../due
	judge=judge_receive
}

use_mrecv_command() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv box -- awk 1)
	skips='write:E*'        # to a command, which need not read all
	lines b1 b2 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mrecv_fails() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv box -- false)
	normally=1
	hides=1
	lines b2 b1 >../had
	: >../due
	judge=judge_put_back
}

use_mrecv_75() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv box -- sh -c 'exit 75')
	normally=75
	lines b1 b2 >../had
	: >../due
	judge=judge_put_back
}

judge_put_back() {
	case $(xargs <../left.box) in
	'b1 b2') ;;
	'b2 b1') [ -n "$hides" ] || bad "left are b2 b1" ;;
	*) bad "left are $(xargs <../left.box)" ;;
	esac
}

use_mrecv_dead() {
	mkmbox box dead
	boxes=(box dead)
	put box b1 b2
	cmd=(mrecv -k 1 -d dead box -- sh -c 'exit 3')
	normally=3
	hides=1
	judge=judge_dead
}

judge_dead() {
	case $acked:$(xargs <../left.box):$(xargs <../left.dead) in
	?:b2:b1) ;;
	0:'b1 b2': | 0:'b2 b1': | 0:'b1 b2':b1 | 0:'b2 b1':b1) ;;
	*) bad "left are $(xargs <../left.box), and as dead letters $(xargs <../left.dead)" ;;
	esac
	case $(xargs <../left.box):$(mstat -J box | grep -o '"dropped":[0-9]*,"dead":[0-9]*') in
	b2:'"dropped":0,"dead":1' | *' '*:'"dropped":0,"dead":0') ;;
	*) bad "counted is $(mstat -J box)" ;;
	esac
}

use_mrecv_expired() {
	mkmbox box
	msend -x 0.001 box gone1.
	put box b1
	cmd=(mrecv -l box)
	lines b1 >../had
	lines b1 >../due
	hides=1
	judge=judge_receive
}

# of a segment of 4,094 messages an eighth waits: the first that is dropped, for it has expired, has it rewritten
use_mrecv_expired_rewrites() {
	mkmbox box
	many box 1 3581
	seq 3582 3584 | awk '{ print "M1 6 x s expire=1"; print "n" $0 "." }' | msend -F box
	many box 3585 4200
	mrecv -c 3581 -T x box >/dev/null
	cmd=(mrecv -l box)
	lines -r n 3585 4200 >../had
	lines n3585 >../due
	hides=1
	judge=judge_receive
}

# a message comes
one_comes() {
	within msend box b1. || bad "msend box: status $said: $(cat ../said.err)"
}

use_mrecv_woken() {
	mkmbox box
	cmd=(mrecv -l box)
	partner=one_comes
	lines b1 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mrecv_timeout() {
	mkmbox box
	cmd=(mrecv -w 0.05 box)
	normally=124
	alone=1
	: >../had
	: >../due
	judge=judge_receive
}

use_mrecv_peek() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv -p -a box)
	lines b1 b2 >../had
	judge=judge_peek
}

judge_peek() {
	cmp -s ../had ../left.box || bad "left are $(xargs <../left.box)"
	[ "$acked" -eq 0 ] || [ "$(names ../out | xargs)" = "$(xargs <../had)" ] || bad "success, and seen was $(xargs <../out)"
}

use_mrecv_batch() {
	mkmbox box
	put box b1 b2 b3
	cmd=(mrecv -n -b 2 box -- mrecv -a -)
	skips='write:E*'
	lines b1 b2 b3 >../had
	lines b1 b2 >../due
	judge=judge_receive
}

use_mrecv_halve() {
	mkmbox box dead
	boxes=(box dead)
	put box b1 b2 b3 b4
	# it fails on b3, and what it got is received once it has not
	cmd=(mrecv -a -b 9 -k 1 -d dead box -- sh -c 'got=$(mrecv -a -); case $got in *b3*) exit 3 ;; esac; echo "$got"')
	skips='write:E*'
	normally=3
	lines b1 b2 b3 b4 >../had
	cp ../had ../due
	judge=judge_halve
}

judge_halve() {
	names ../out >../taken
	cat ../left.dead >>../taken
	judge_receive
}

# it may have got what it had not acknowledged when all ended
use_mrecv_acks() {
	mkmbox box
	put box b1 b2 b3 b4
	skips='write:EPIPE*'    # to a command, which need not read all
	cmd=(mrecv -a -A -j 2 box -- sh -c 'exec 2>/dev/null
		while m=$(mrecv -o "%i %p" -); do echo "${m#* }" >>got && echo "${m%% *}"; done')
	lines b1 b2 b3 b4 >../had
	cp ../had ../due
	judge=judge_acks
}

judge_acks() {
	: >>got
	names got >../taken
	judge_receive
}

use_mrecv_acks_big() {
	mkmbox box
	put box b1
	big
	msend box <big
	put box b2
	skips='write:EPIPE*'    # to a command, which need not read all
	cmd=(mrecv -c 3 -A box -- sh -c 'exec 2>/dev/null; mrecv -c 3 - >part && mv part got && echo 3+')
	lines b1 big1 b2 >../had
	cp ../had ../due
	judge=judge_acks
}

use_mrecv_refuses() {
	mkmbox box dead
	boxes=(box dead)
	put box b1 b2
	skips='write:EPIPE*'    # to a command, which need not read all
	cmd=(mrecv -A -k 1 -d dead box -- sh -c 'cat >/dev/null; echo -1')
	hides=1
	judge=judge_dead
}

# Without a command: who reads the frames in ../out acknowledges them, as at the other end of ssh(1).
use_mrecv_acks_pipe() {
	mkmbox box
	put box b1 b2 b3 b4
	mkfifo acks
	input=acks
	cmd=(mrecv -a -A -j 2 box)
	before=somebody_acknowledges
	after=acknowledged
	lines b1 b2 b3 b4 >../had
	cp ../had ../due
	judge=judge_acks
}

somebody_acknowledges() {
	: >../out
	{
		tail -n +1 -f ../out &
		echo $! >../tail
	} 2>/dev/null | while IFS= read -r line; do
		case $line in
		M1*) id=${line#* id=} ;;
		*.) echo "$line" >>got && echo "${id%% *}" ;;
		esac
	done >acks 2>/dev/null &
	acknowledges=$!
}

acknowledged() {
	kill "$(<../tail)"
	wait "$acknowledges"
} 2>/dev/null

use_mrecv_jobs() {
	mkmbox box
	put box b1 b2 b3
	cmd=(mrecv -n -j 2 -c 2 box -- awk 1)
	skips='write:E*'
	lines b1 b2 b3 >../had
	lines b1 b2 >../due
	judge=judge_receive
}

use_mrecv_priority() {
	mkmbox box
	many box 1 4
	cmd=(mrecv -n -c 2 -t t3 -t '*' box)
	lines n1 n2 n3 n4 >../had
	lines n1 n3 >../due
	judge=judge_receive
}

# ---- another receiver waits, and is not forgotten: it looks by itself once a second

# beside COMMAND... -- another one, $other.  Its own number goes to ../other.pid: timeout(1), where it does not know yet
# that it has started the command, ends alone.
beside() {
	: >../other.pid
	timeout -s KILL $((LIMIT + 2)) sh -c 'echo $$ >../other.pid; exec "$@"' sh "$@" >../other 2>../other.err &
	other=$!
}

# other_ends -- when nothing is there for it, it need not wait to the end of its time.
nothing='0 0'
other_ends() {
	local looks=0 pid
	until mstat -J box | grep -qE '"(receivers|senders)_waiting":[1-9]' || ! kill -0 "$other" || [ $((looks += 1)) -gt 200 ]; do
		nap
	done 2>/dev/null
	read -r pid <../other.pid || pid=$other
	[ "$("$top/inspect" -c box)" != "$nothing" ] || kill -TERM "$pid" 2>/dev/null
	wait "$other"
	other_status=$?
}

somebody_waits() {
	beside mrecv -l -w "$LIMIT" box
	until_asleep $other box
}

judge_waited() {
	case $acked:$(names ../other | xargs):$(xargs <../left.box) in
	?:new1: | 0::) ;;
	*) bad "who waits has $other_status, '$(xargs <../other)', left are $(xargs <../left.box)" ;;
	esac
}

use_msend_waited() {
	mkmbox box
	cmd=(msend box new1.)
	before=somebody_waits
	after=other_ends
	judge=judge_waited
}

use_msend_rolls_waited() {
	use_msend_waited
	many box 1 4094
	mrecv -a box >/dev/null
	put box b1
	mrecv -a box >/dev/null
}

somebody_wants_room() {
	beside msend -w "$LIMIT" box other1.
	until_asleep $other box
}

judge_room() {
	case $acked:$other_status:$(xargs <../left.box) in
	?:0:'b2 other1' | 0:143:'b1 b2' | 0:124:'b1 b2') ;;
	*) bad "who waits for room has $other_status, left are $(xargs <../left.box)" ;;
	esac
}

use_mrecv_makes_room() {
	mkmbox -c 2 box
	put box b1 b2
	cmd=(mrecv -l box)
	before=somebody_wants_room nothing='2 0'
	after=other_ends
	judge=judge_room
}

# the tool was first in the queue; a second receiver stands behind it when a message comes
heir_and_message() {
	beside mrecv -l -w "$LIMIT" box
	# where the tool has died, it is alone
	until_asleep "$1" box 2 || until_asleep $other box
	within msend box b1. || bad "msend box: status $said: $(cat ../said.err)"
}

judge_heir() {
	local got
	got=$(names ../out | xargs)
	case $acked:$got:$(names ../other | xargs):$(xargs <../left.box) in
	?:b1:: | 0::b1: | 0:b1:b1:) ;;
	*) bad "received was '$got', the heir has $other_status, '$(xargs <../other)', left are $(xargs <../left.box)" ;;
	esac
}

use_mrecv_heir() {
	mkmbox box
	# without a bell it is not called, and the heir is
	cmd=(mrecv -w 2 -l box)
	partner=heir_and_message
	outrun=124
	after=other_ends
	judge=judge_heir
}

use_mrecv_command_heir() {
	use_mrecv_heir
	cmd=(mrecv -w 2 box -- awk 1)
	skips='write:E*'
}

# ---- capacity 0

# meets PID INPUT COMMAND... -- the other side of a rendezvous: it gives up in vain, but comes again while the tool lives;
# its status goes to $met_status.
meets() {
	local tool=$1 input=$2
	shift 2
	while :; do
		timeout -s KILL "$LIMIT" "$@" <"$input" >../met 2>../met.err
		met_status=$?
		[ "$met_status:$killed" = 124:0 ] || break
		kill -0 "$tool" 2>/dev/null || break
	done
	[ "$met_status" -ne 137 ] || bad "the other side did not end"
}

# somebody_receives, somebody_sends -- the other side of a rendezvous; it may be left alone.
somebody_receives() {
	meets "$1" /dev/null mrecv -w "$patience" box
}

judge_meet_send() {
	local got
	got=$(names ../met | xargs)
	[ "$acked" -eq 0 ] || [ "$got:$met_status" = "$it:0" ] || bad "success, and the receiver has $met_status, '$got'"
	[ "$met_status" -ne 0 ] || [ "$got" = "$it" ] || bad "the receiver had success, and has '$got'"
	[ ! -s ../left.box ] || bad "left are $(xargs <../left.box)"
}

use_meet_send() {
	mkmbox -c 0 box
	cmd=(msend box new1.)
	partner=somebody_receives
	hands_over=box it=new1
	judge=judge_meet_send
}

use_meet_send_big() {
	use_meet_send
	big
	cmd=(msend box)
	input=big it=big1
}

somebody_sends() {
	if [ "$it" = big1 ]; then
		meets "$1" big msend -w "$patience" box
	else
		meets "$1" /dev/null msend -w "$patience" box b1.
	fi
}

judge_meet_receive() {
	local got
	got=$(names ../out | xargs)
	[ "$acked" -eq 0 ] || [ "$got:$met_status" = "$it:0" ] || bad "success, with '$got', and the sender has $met_status"
	[ "$met_status" -ne 0 ] || [ "$got" = "$it" ] || bad "the sender had success, and received was '$got'"
	[ ! -s ../left.box ] || bad "left are $(xargs <../left.box)"
}

use_meet_receive() {
	mkmbox -c 0 box
	cmd=(mrecv box)
	partner=somebody_sends
	hands_over=box it=b1
	judge=judge_meet_receive
}

use_meet_receive_big() {
	use_meet_receive
	big
	it=big1
}

# ---- several mailboxes

judge_tee() {
	local box names
	for box in a b; do
		names=$(xargs <"../left.$box")
		case $acked:$names in
		?:'new1 new2 big1' | 0: | 0:new1 | 0:'new1 new2') ;;
		*) bad "$box: left are $names" ;;
		esac
	done
	[ "$acked" -eq 0 ] || [ "$(mrecv -a - <../out | names /dev/stdin | xargs)" = 'new1 new2 big1' ] || bad "success, and standard output has another"
}

use_mtee() {
	mkmbox a b
	boxes=(a b)
	big
	{
		printf 'M1 5 - s\nnew1.\nM1 5 x s\nnew2.\nM1 %d big s\n' "$(wc -c <big)"
		cat big
		echo
	} >frames
	cmd=(mtee a b)
	input=frames
	warns=1
	judge=judge_tee
}

use_mtee_one() {
	mkmbox -c 1 a
	mkmbox b
	boxes=(a b)
	put a b1
	printf 'M1 5 - s\nnew1.\nM1 5 x s\nnew2.\n' >frames
	cmd=(mtee -1nq a b)
	input=frames
	warns=1
	judge=judge_tee_one
}

judge_tee_one() {
	case $acked:$(xargs <../left.a):$(xargs <../left.b) in
	?:b1:'new1 new2' | 0:b1: | 0:b1:new1) ;;
	*) bad "left are $(xargs <../left.a), and $(xargs <../left.b)" ;;
	esac
}

use_mrecv_two() {
	mkmbox box other
	boxes=(box other)
	put other b1
	cmd=(mrecv -l box other)
	lines b1 >../had
	lines b1 >../due
	judge=judge_two
}

judge_two() {
	cat ../left.other >>../left.box
	judge_receive
}

two_wait() {
	within msend other b1. || bad "msend other: status $said: $(cat ../said.err)"
}

use_mrecv_two_wait() {
	use_mrecv_two
	mrecv other >/dev/null
	waits_at=other
	partner=two_wait
}

# ---- calls

# the next caller clears what one has left
an_answer() {
	while [ -z "$(mrecv -n -p box)" ] && kill -0 "$1"; do nap; done 2>/dev/null
	timeout -s KILL "$LIMIT" mrecv -n -r box -- echo b1. 2>../met.err
	met_status=$?
}

no_more_calls() {
	local left
	within mrecv -n -r box -- true || :
	timeout -s KILL "$LIMIT" mcall -w 0.01 box x1. >../said 2>../said.err
	[ $? -eq 124 ] || bad "mcall: $(cat ../said.err)"
	left=(box/*.reply)
	[ ${#left[@]} -eq 0 ] || bad "left is ${left[*]}"
	mrecv -a box >/dev/null
}

judge_call() {
	[ "$acked" -eq 0 ] || [ "$(<../out)" = b1. ] || bad "success, and the answer is $(<../out)"
	[[ -z $(<../out) || $(<../out) = b1. ]] || bad "the answer is $(<../out)"
}

use_mcall() {
	mkmbox box
	cmd=(mcall box new1.)
	partner=an_answer waits_at=''
	after=no_more_calls
	judge=judge_call
}

# a caller that waits for what the tool answers
somebody_calls() {
	timeout -s KILL $((LIMIT + 2)) mcall -w 5 box ask1. >../answer 2>../answer.err &
	caller=$!
	while [ -z "$(mrecv -n -p box)" ] && kill -0 "$caller"; do nap; done 2>/dev/null
}

# should the tool not have come to its end, another does it
the_caller_ends() {
	within mrecv -n -r box -- echo b1. || [ "$said" -eq 1 ] || bad "mrecv -r: status $said: $(cat ../said.err)"
	wait "$caller"
	call_status=$?
}

judge_reply() {
	case $call_status:$(<../answer) in
	0:b1.) ;;
	12[45]:) [ "$acked" -eq 0 ] || bad "success, and the caller has $call_status: $(<../answer.err)" ;;
	*) bad "the caller has $call_status, '$(<../answer)': $(<../answer.err)" ;;
	esac
}

use_mrecv_reply() {
	mkmbox box
	cmd=(mrecv -r box -- echo b1.)
	skips='write:E*'
	export TMPDIR=.
	before=somebody_calls
	after=the_caller_ends
	judge=judge_reply
}

# ---- the mailbox itself

use_mkmbox() {
	boxes=()
	cmd=(mkmbox -c 5 box)
	judge=judge_made
}

judge_made() {
	local there
	[ "$acked" -eq 0 ] || [ -e box ] || bad "success, and it is not there"
	if [ -e box/ctl ]; then
		within msend -n box b1. || bad "msend box: status $said: $(cat ../said.err)"
	fi
	within mkmbox -p -c 5 box || bad "mkmbox -p: status $said: $(cat ../said.err)"
	afterwards box 0
	there=$(ls -A)
	[ "$there" = box ] || bad "there are $there"
}

use_rmmbox() {
	mkmbox box
	put box b1 b2
	boxes=()
	cmd=(rmmbox -f box)
	judge=judge_removed
}

judge_removed() {
	[ "$acked" -eq 0 ] || [ ! -e box ] || bad "success, and it is there"
	if [ -e box ]; then
		within msend -n box b3.
		case $said in
		0 | 66 | 69) ;;
		*) bad "msend box: status $said: $(cat ../said.err)" ;;
		esac
		within rmmbox -f box || bad "rmmbox -f: status $said: $(cat ../said.err)"
	fi
	[ -z "$(ls -A)" ] || bad "there is $(ls -A)"
	within mkmbox box || bad "mkmbox: status $said: $(cat ../said.err)"
	afterwards box 0
}

use_rmmbox_many() {
	use_rmmbox
	many box 3 5000
	big
	msend box <big
	rm big
}

use_mstat() {
	mkmbox box
	many box 1 4200
	cmd=(mstat -J box)
	judge=judge_stat
	lines -r n 1 4200 >../had
}

judge_stat() {
	cmp -s ../had ../left.box || bad "left are $(wc -l <../left.box)"
	[ "$acked" -eq 0 ] || grep -q '"messages":4200,"bytes":24093,' ../out || bad "success, and it said $(cat ../out)"
}

use_mstat_tags() {
	use_mstat
	cmd=(mstat -t box)
	alone=1
	judge=judge_tags
}

judge_tags() {
	cmp -s ../had ../left.box || bad "left are $(wc -l <../left.box)"
	[ "$acked" -eq 0 ] || [ "$(wc -l <../out)" -eq 4201 ] || bad "success, and it said $(wc -l <../out) lines"
}

use_mstat_messages() {
	use_mstat
	cmd=(mstat -m box)
	alone=1
	judge=judge_tags
}

# ---- a mailbox that some may only send to; it takes root to be several users

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then

stranger=(setpriv --reuid 65533 --regid 65533 --clear-groups)

# A box in which a stranger may leave messages; a stranger can come to where it stands, and be traced there.
# Its number is not that of the users without one (65534): where the map of numbers cannot be read, those are left alone.
open_box() {
	mkmbox -m 0622 box
	chmod 711 "$top" "$work"
	: >../trace
	chmod 666 ../trace
}

# leave NAME... -- leave them there.
leave() {
	printf '%s.\n' "$@" | "${stranger[@]}" msend -l box
}

use_drop_leave() {
	open_box
	as=("${stranger[@]}")
	cmd=(msend box new1.)
	# what waits outside comes in later
	displaces=1
	: >../had
	lines new1 >../new
	judge=judge_send
}

use_drop_leave_big() {
	use_drop_leave
	big
	cmd=(msend box)
	input=big
	lines big1 >../new
}

use_mrecv_drops() {
	open_box
	leave b1 b2 b3
	cmd=(mrecv -l box)
	displaces=1
	lines b1 b2 b3 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mrecv_drops_all() {
	use_mrecv_drops
	cmd=(mrecv -a box)
	lines b1 b2 b3 >../due
}

use_mrecv_drop_big() {
	open_box
	big
	"${stranger[@]}" msend box <big
	leave b1
	cmd=(mrecv -t - -i 1 box)
	displaces=1
	lines big1 b1 >../had
	lines big1 >../due
	judge=judge_receive_big
}

one_is_left() {
	within "${stranger[@]}" msend box b1. || bad "msend box: status $said: $(cat ../said.err)"
}

use_mrecv_drop_woken() {
	open_box
	cmd=(mrecv -l box)
	displaces=1
	partner=one_is_left
	lines b1 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mkmbox_drops() {
	boxes=()
	cmd=(mkmbox -c 5 -m 0622 box)
	judge=judge_made_drops
}

judge_made_drops() {
	chmod 711 "$top" "$work" ../now
	[ "$acked" -eq 0 ] || [ -e box ] || bad "success, and it is not there"
	within mkmbox -p -c 5 -m 0622 box || bad "mkmbox -p: status $said: $(cat ../said.err)"
	within "${stranger[@]}" msend box b1. || bad "msend box: status $said: $(cat ../said.err)"
	within mrecv -n box || bad "mrecv box: status $said: $(cat ../said.err)"
	[ "$(ls -A)" = box ] || bad "there are $(ls -A)"
}

use_rmmbox_drops() {
	open_box
	leave b1 b2
	boxes=()
	cmd=(rmmbox -f box)
	judge=judge_removed
}

use_rmmbox_outside() {
	open_box
	leave b1 b2
	cmd=(rmmbox box)
	skips='*:[EHS]*'         # it says why it does not, and a kill does not
	normally=1
	displaces=1
	judge=judge_kept
}

# nothing is lost, and messages can be left on
judge_kept() {
	[ "$(xargs <../left.box)" = 'b1 b2' ] || bad "left are $(xargs <../left.box)"
	within "${stranger[@]}" msend box b3. || bad "msend box: status $said: $(cat ../said.err)"
	within mrecv -n box || bad "mrecv box: status $said: $(cat ../said.err)"
}

fi

# ---- what a killed process left is made whole by a process that is killed

# killed_at CALL NTH COMMAND... -- a kill for the next one to mend.
killed_at() {
	local inject="$1:signal=KILL:when=$2"
	shift 2
	(strace -qq -o ../trace -e inject="$inject" "$@" >/dev/null 2>&1 || :) 2>/dev/null
	grep -q '^+++ killed' ../trace
}

# the last write of ctl before a kill: a change that was all but done
use_mend_claims() {
	mkmbox box
	put box b1 b2 b3
	killed_at write 1 mrecv -l box || return
	cmd=(mrecv -l box)
	lines b1 b2 b3 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mend_done() {
	mkmbox box
	put box b1 b2 b3
	killed_at pwrite64 4 mrecv -l box || return
	cmd=(mrecv -l box)
	lines b1 b2 b3 >../had
	lines b1 >../due
	judge=judge_receive
}

use_mend_send() {
	use_mend_done
	cmd=(msend box new1.)
	lines new1 >../new
	judge=judge_send
}

use_mend_roll() {
	mkmbox box
	many box 1 4090
	seq 1 30 | awk '{ print "M1 " length + 4, "u" $0 " s"; print "new" $0 "." }' >frames
	killed_at openat 6 msend -F box <frames || return
	cmd=(msend box new1.)
	mrecv -p -a box | names /dev/stdin >../had
	lines new1 >../new
	judge=judge_send
}

use_mend_spent() {
	mkmbox box
	many box 1 4200
	killed_at unlinkat 1 mrecv -a -T 't*00' box || return
	cmd=(mstat box)
	cp -a box copy && mrecv -a copy | names /dev/stdin >../had
	rm -r copy
	: >../new
	judge=judge_send
}

use_mend_wants() {
	mkmbox -c 1 box
	put box b1
	killed_at poll 1 msend box b2. || return
	killed_at poll 1 mrecv -t none box || return
	cmd=(mrecv -w 0.05 -t none box)
	normally=124
	lines b1 >../had
	: >../due
	judge=judge_receive
}
