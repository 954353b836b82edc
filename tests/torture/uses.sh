# shellcheck shell=bash disable=SC2034  # torture.sh reads what a use sets
# SPDX-License-Identifier: ISC
# uses.sh -- what torture.sh tortures.
#
# use_NAME runs in an empty directory, makes there what the tool needs, and sets: cmd, the tool and its arguments, and
#   boxes       the mailboxes that are looked at afterwards (box)
#   input       the tool's standard input
#   normally    the status that says that all went well (0)
#   before      a function that runs first, and leaves its process in the background
#   partner     a function that runs when the tool sleeps at the mailbox waits_at
#   after       a function that runs when the tool has ended
#   hides       messages may be there that cannot be seen for a while
#   warns       a line on standard error may come with success
#   displaces   a further send may drop what is there
#   hands_over  the mailbox that has capacity 0
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
	local box=${1:-box} n all
	n=$(wc -l <"../left.$box")
	all=$(cat ../had ../new | wc -l)
	cat ../had ../new | head -n "$n" | cmp -s - "../left.$box" && [ "$n" -ge "$(wc -l <../had)" ] && [ "$n" -le "$all" ] ||
		bad "$box: left are $(tr '\n' ' ' <"../left.$box" | cut -c 1-300)"
	[ $acked -eq 0 ] || [ "$n" -eq "$all" ] || bad "success, and $((all - n)) of what was sent is not there"
}

# judge_receive -- of what was there (../had), what was received (../taken) and what was left are the whole, in order;
# where the tool said so, what it should take (../due) and nothing twice.
judge_receive() {
	[ -e ../taken ] || names ../out >../taken
	awk -v acked=$acked -v status="$status" '
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
	lines -r new 1 3000 | sed 's/$/./' >lines
	cmd=(msend -l box)
	input=lines
	lines b1 b2 >../had
	lines -r new 1 3000 >../new
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
	within mrecv -a box || [ $said -eq 1 ] || bad "mrecv box: status $said: $(cat ../said.err)"
	names ../said >../come
}

judge_sync() {
	cat ../come ../left.box >../both
	mv ../both ../left.box
	judge_send
	! [ $acked -eq 1 ] || grep -q new1 ../come || bad "success, and nobody received it"
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
	[ "$left" = "$after_it" ] || { [ $acked -eq 0 ] && [[ $left = "$before_it" || $left = "$between" ]]; } ||
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
	[ $acked -eq 1 ] || sed -i '/TORN/d' ../taken
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
	cmd=(mrecv box -- cat)
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
	[ $acked -eq 0 ] || [ "$(names ../out | xargs)" = "$(xargs <../had)" ] || bad "success, and seen was $(xargs <../out)"
}

use_mrecv_batch() {
	mkmbox box
	put box b1 b2 b3
	cmd=(mrecv -n -b 2 box -- mrecv -a -)
	lines b1 b2 b3 >../had
	lines b1 b2 >../due
	judge=judge_receive
}
