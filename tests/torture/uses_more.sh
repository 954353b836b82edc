# shellcheck shell=bash disable=SC2034,SC2154  # torture.sh reads what a use sets, and sets the rest
# SPDX-License-Identifier: ISC
# uses_more.sh -- more of what torture.sh tortures (see uses.sh): other forms of input and output, and channels that are
# no mailboxes, for which only this holds: what was acknowledged is there, and what is there is whole, but where a kill
# has cut a plain file's end.

# framed NAME... -- each as a frame.
framed() {
	printf '%s\n' "$@" | awk '{ print "M1 " length + 1, "t", "s"; print $0 "." }'
}

# ---- senders

use_msend_frames() {
	mkmbox box
	put box b1
	big
	{
		framed new1
		printf 'M1 %d big s\n' "$(wc -c <big)"
		cat big
		echo
		framed new2
	} >frames
	cmd=(msend -F box)
	input=frames
	lines b1 >../had
	lines new1 big1 new2 >../new
	judge=judge_send
}

use_msend_nulls() {
	mkmbox box
	printf 'new1.\0new2.\0new3.' >text
	cmd=(msend -0 box)
	input=text
	: >../had
	lines new1 new2 new3 >../new
	judge=judge_send
}

use_msend_told() {
	mkmbox box
	put box b1
	cmd=(msend -v -x 100 -H k=v box new1.)
	lines b1 >../had
	lines new1 >../new
	judge=judge_told
}

judge_told() {
	judge_send
	[ "$acked" -eq 0 ] || [ "$(<../out)" = 2 ] || bad "success, and the number told is '$(<../out)'"
}

use_msend_sync_big() {
	mkmbox box
	put box b1
	big
	cmd=(msend -S box)
	input=big
	partner=all_come_for
	lines b1 >../had
	lines big1 >../new
	judge=judge_sync_big
}

judge_sync_big() {
	cat ../come ../left.box >../both
	mv ../both ../left.box
	judge_send
	! [ "$acked" -eq 1 ] || grep -q big1 ../come || bad "success, and nobody received it"
}

# judge_file -- the frames of a plain file.
judge_file() {
	local is
	mrecv -a file >../said 2>/dev/null
	is=$(names ../said | xargs)
	case $acked:$killed:$is in
	?:?:"$had $new") ;;
	0:0:"$had") [ "$(mrecv -a -F file 2>&1 | grep -c '^mrecv: ')" -eq 0 ] || bad "the file ends in part of a message" ;;
	0:1:"$had"*) ;;
	*) bad "in the file are $is" ;;
	esac
}

use_msend_file() {
	boxes=()
	framed b1 >file
	cmd=(msend file new1.)
	had=b1 new=new1
	judge=judge_file
}

use_msend_file_big() {
	use_msend_file
	big
	cmd=(msend file)
	input=big
	new=big1
}

use_msend_file_lines() {
	use_msend_file
	lines -r new 1 300 | sed 's/$/./' >text
	cmd=(msend -l file)
	input=text
	new=$(lines -r new 1 300 | xargs)
}

# somebody_reads -- the other end of a named pipe.
somebody_reads() {
	meets "$1" /dev/null mrecv -l -w "$patience" fifo
}

judge_fifo() {
	local got
	got=$(names ../met | xargs)
	[ "$acked" -eq 0 ] || [ "$got:$met_status" = "$it:0" ] || bad "success, and the reader has $met_status, '$got'"
	[ "$met_status" -ne 0 ] || [ "$got" = "$it" ] || bad "the reader had success, and has '$got'"
}

use_msend_fifo() {
	boxes=()
	mkfifo fifo
	cmd=(msend -w 2 fifo new1.)
	partner=somebody_reads waits_at='' it=new1
	judge=judge_fifo
}

use_msend_fifo_big() {
	use_msend_fifo
	big
	cmd=(msend -w 2 fifo)
	input=big it=big1
}

# ---- receivers

use_mrecv_frames() {
	mkmbox box
	put box b1
	big
	msend box <big
	put box b2
	cmd=(mrecv -a -F box)
	lines b1 big1 b2 >../had
	lines b1 big1 b2 >../due
	judge=judge_receive_frames
}

judge_receive_frames() {
	mrecv -a - <../out 2>/dev/null | names /dev/stdin >../taken
	[ "$acked" -eq 1 ] || sed -i '/TORN/d' ../taken
	judge_receive
}

use_mrecv_format() {
	mkmbox box
	put box b1
	big
	msend box <big
	cmd=(mrecv -a -o '%p\n' box)
	lines b1 big1 >../had
	lines b1 big1 >../due
	judge=judge_receive_big
}

use_mrecv_env() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv -e box)
	lines b1 b2 >../had
	lines b1 >../due
	judge=judge_receive_env
}

judge_receive_env() {
	sed -n "s/^MBOX_PAYLOAD='\(.*\)'$/\1/p" ../out | names /dev/stdin >../taken
	judge_receive
}

use_mrecv_id() {
	mkmbox box
	put box b1 b2 b3
	cmd=(mrecv -l -i 2 box)
	lines b1 b2 b3 >../had
	lines b2 >../due
	judge=judge_receive
}

use_mrecv_follow() {
	mkmbox box
	put box b1 b2
	cmd=(mrecv -f -l -w 0.05 box)
	normally=124
	lines b1 b2 >../had
	lines b1 b2 >../due
	judge=judge_receive
}

use_mrecv_command_big() {
	mkmbox box
	big
	msend box <big
	put box b1
	cmd=(mrecv box -- cat)
	skips='write:E*'
	lines big1 b1 >../had
	lines big1 >../due
	judge=judge_receive_big
}

use_mrecv_buries() {
	mkmbox box dead
	boxes=(box dead)
	msend -x 0.001 box gone1.
	put box b1
	cmd=(mrecv -l -d dead box)
	hides=1
	judge=judge_buries
}

judge_buries() {
	case $acked:$(names ../out | xargs):$(xargs <../left.box):$(xargs <../left.dead) in
	?:b1::gone1) ;;
	0::b1:gone1 | 0::b1: | 0:b1:b1:gone1) ;;
	*) bad "received was $(xargs <../out), left are $(xargs <../left.box), and as dead letters $(xargs <../left.dead)" ;;
	esac
}

# judge_read -- what was read from a channel that keeps nothing for sure.
judge_read() {
	local got
	got=$(names ../out | xargs)
	case $acked:$got in
	?:"$it" | 0:) ;;
	1:*) bad "success, and received was $got" ;;
	*) [[ $it = "$got"* || $got = *TORN* ]] || bad "received was $got" ;;
	esac
}

use_mrecv_file() {
	boxes=()
	framed b1 b2 >file
	cmd=(mrecv -l file)
	it=b1
	judge=judge_read
}

use_mrecv_stream() {
	boxes=()
	big
	{
		framed b1
		printf 'M1 %d big s\n' "$(wc -c <big)"
		cat big
		echo
	} >frames
	cmd=(mrecv -a -)
	input=frames
	it='b1 big1'
	judge=judge_read
}

# two_messages -- in a named pipe that is held open, so that what is unread stays.
two_messages() {
	exec 9<>fifo
	cat frames >&9
}

# the_second -- the next reader gets the next message.
the_second() {
	timeout -s KILL "$LIMIT" mrecv -l -w 0.5 fifo >../met 2>/dev/null
	exec 9>&-
}

use_mrecv_fifo() {
	boxes=()
	mkfifo fifo
	framed b1 b2 >frames
	cmd=(mrecv -l -w 2 fifo)
	before=two_messages
	after=the_second
	judge=judge_second
	it=b1
}

judge_second() {
	judge_read
	[ "$acked" -eq 0 ] || [ "$(<../met)" = b2. ] || bad "success, and the next reader got '$(<../met)'"
}

# ---- the others

use_mtee_file() {
	mkmbox a
	boxes=(a)
	framed b1 >file
	framed new1 new2 >frames
	cmd=(mtee -aq file a)
	input=frames
	warns=1
	had=b1 new='new1 new2'
	judge=judge_tee_file
}

judge_tee_file() {
	case $acked:$(xargs <../left.a) in
	?:'new1 new2' | 0: | 0:new1) ;;
	*) bad "left are $(xargs <../left.a)" ;;
	esac
	judge_file
}

# ---- a mailbox that is closed

# is_closed -- the tool said that it has closed it, and it is; and all that was there is.
is_closed() {
	[ "$acked" -eq 0 ] || grep -q true ../closed || bad "success, and mstat says $(cat ../closed)"
}

use_chmbox_close() {
	mkmbox box
	put box b1 b2
	cmd=(chmbox --close -c 9 box)
	opens=1
	judge=judge_closed
}

judge_closed() {
	is_closed
	[ "$(xargs <../left.box)" = 'b1 b2' ] || bad "left are $(xargs <../left.box)"
	# both, or none
	within mstat -J box
	case $(cat ../closed):$(grep -o '"capacity_messages":[^,]*' ../said) in
	*true:*:9 | *false:*:null) ;;
	*) bad "it is mixed: $(cat ../closed) $(cat ../said)" ;;
	esac
}

use_msend_close() {
	mkmbox box
	put box b1 b2
	cmd=(msend --close box new1.)
	opens=1
	lines b1 b2 >../had
	lines new1 >../new
	judge=judge_send_close
}

judge_send_close() {
	is_closed
	judge_send
}

use_mtee_close() {
	mkmbox box
	msend - new1. >frames
	cmd=(mtee -q --close box)
	input=frames
	opens=1
	: >../had
	lines new1 >../new
	judge=judge_send_close
}

# it receives what is there, and ends by itself
use_mrecv_end() {
	mkmbox box
	put box b1 b2 b3
	chmbox --close box
	cmd=(mrecv -f -t - box)
	opens=1
	lines b1 b2 b3 >../had
	lines b1 b2 b3 >../due
	judge=judge_receive
}

close_it() {
	within chmbox --close box || bad "chmbox --close box: status $said: $(cat ../said.err)"
}

# it sleeps as the mailbox is closed
use_mrecv_ended() {
	mkmbox box
	cmd=(mrecv -f box)
	opens=1
	partner=close_it
	: >../had
	: >../due
	judge=judge_receive
}

use_chmbox_open_mode() {
	use_chmbox_mode
	chmbox --close box
	cmd=(chmbox --open -m 0660 box)
	opens=1
}

if declare -F open_box >/dev/null; then

# send_only MODE-OF-BOX... -- the directory has one of these modes, where the tool said so the first; and who may only
# send can do it, or gets 77, as that says.
send_only() {
	local mode
	mode=$(stat -c %a box)
	[ "$mode" = "$1" ] || [ "$acked:$mode" = "0:$2" ] || bad "the mode is $mode"
	within "${stranger[@]}" msend box b3.
	case $mode:$said in
	2711:0 | 2701:0) within mrecv -n box || bad "mrecv box: status $said: $(cat ../said.err)" ;;
	# where it fails the bell stays
	700:77) [ ! -e box/identity ] || bad 'left is identity' ;;
	*) bad "mode $mode, and msend box: status $said: $(cat ../said.err)" ;;
	esac
}

judge_given() {
	judge_send
	send_only 2711 700
}

use_chmbox_give() {
	open_box
	chmbox -m 0600 box
	rmdir box/drop
	put box b1 b2
	cmd=(chmbox -m 0622 box)
	lines b1 b2 >../had
	: >../new
	judge=judge_given
}

use_chmbox_take_away() {
	use_chmbox_give
	chmbox -m 0622 box
	cmd=(chmbox -m 0600 box)
	judge=judge_taken_away
}

judge_taken_away() {
	judge_send
	send_only 700 2711
}

use_chmbox_mode_drops() {
	open_box
	leave b1 b2
	cmd=(chmbox -m 0602 box)
	displaces=1
	judge=judge_mode_drops
}

judge_mode_drops() {
	send_only 2701 2711
	judge_kept
}

use_chmbox_close_drops() {
	open_box
	leave b1 b2
	cmd=(chmbox --close box)
	opens=1
	displaces=1
	judge=judge_closed_drops
}

judge_closed_drops() {
	is_closed
	judge_kept
}

use_chmbox_open_drops() {
	open_box
	leave b1 b2
	chmbox --close box
	cmd=(chmbox --open box)
	opens=1
	displaces=1
	judge=judge_opened_drops
}

judge_opened_drops() {
	[ "$acked" -eq 0 ] || grep -q false ../closed || bad "success, and mstat says $(cat ../closed)"
	judge_kept
}

use_mrecv_end_drops() {
	open_box
	leave b1 b2 b3
	chmbox --close box
	cmd=(mrecv -f box)
	opens=1
	displaces=1
	lines b1 b2 b3 >../had
	lines b1 b2 b3 >../due
	judge=judge_receive
}

fi

use_mcall_timeout() {
	mkmbox box
	cmd=(mcall -w 0.05 box new1.)
	normally=124
	after=no_more_calls
}

use_mkmbox_present() {
	mkmbox -c 5 box
	put box b1
	cmd=(mkmbox -p -c 5 box)
	lines b1 >../had
	: >../new
	judge=judge_send
}

use_rmmbox_empty() {
	mkmbox box
	put box b1
	mrecv box >/dev/null
	boxes=()
	cmd=(rmmbox box)
	judge=judge_removed
}

use_mstat_all() {
	mkmbox box other
	put box b1 b2
	cmd=(mstat)
	skips='openat:EACCES*'  # a directory that it may not open is passed over
	lines b1 b2 >../had
	judge=judge_stat_all
}

judge_stat_all() {
	cmp -s ../had ../left.box || bad "left are $(xargs <../left.box)"
	[ "$acked" -eq 0 ] || [ "$(wc -l <../out)" -eq 3 ] || bad "success, and it said $(cat ../out)"
}

# ---- changes

# changed_or_not -- who waits for room gets it where the bound is the new one.
changed_or_not() {
	local nothing='2 0'
	within mstat -J box || bad "mstat box: status $said: $(cat ../said.err)"
	grep -oE '"capacity_[a-z]*":[0-9]+' ../said | sed 's/.*://' | xargs >../settings
	[ "$(cat ../settings)" = '2 67108864' ] || nothing=changed
	other_ends
}

judge_changed() {
	case $acked:$(cat ../settings):$other_status:$(xargs <../left.box) in
	?:'3 1048576:0:b1 b2 other1' | 0:'2 67108864:143:b1 b2' | 0:'2 67108864:124:b1 b2') ;;
	*) bad "it has $(cat ../settings), who waits for room has $other_status, left are $(xargs <../left.box)" ;;
	esac
}

use_chmbox() {
	mkmbox -c 2 box
	put box b1 b2
	cmd=(chmbox -c 3 -b 1M box)
	before=somebody_wants_room
	after=changed_or_not
	judge=judge_changed
}

resumed_in_the_end() {
	within chmbox --resume box || bad "chmbox --resume box: status $said: $(cat ../said.err)"
	[ -z "$before" ] || other_ends
}

judge_resumed() {
	[ "$(names ../other | xargs):$(xargs <../left.box)" = b1: ] ||
	    bad "who waits has $other_status, '$(xargs <../other)', left are $(xargs <../left.box)"
}

use_chmbox_resume() {
	mkmbox box
	put box b1
	chmbox --pause box
	cmd=(chmbox --resume box)
	before=somebody_waits nothing=''
	after=resumed_in_the_end
	judge=judge_resumed
}

use_chmbox_pause() {
	mkmbox box
	put box b1 b2
	cmd=(chmbox --pause box)
	after=resumed_in_the_end
	lines b1 b2 >../had
	: >../new
	judge=judge_send
}

# judge_mode -- the mode is the old one or the new one, in ctl, in the directory and in all files.
judge_mode() {
	judge_send
	case $acked:$(stat -c %a box box/* | sort -u | xargs) in
	?:'2770 660' | 0:'600 700') ;;
	*) bad "the permission bits are $(stat -c '%n %a' box box/* | xargs)" ;;
	esac
}

use_chmbox_mode() {
	mkmbox box
	put box b1 b2
	cmd=(chmbox -m 0660 box)
	lines b1 b2 >../had
	: >../new
	judge=judge_mode
}

# What came in comes once more behind it, and each message is there once.
use_msend_once() {
	mkmbox from box
	put from n1 n2 n3 n4 n5 n6
	mrecv -p -a -F -u from >all
	cmd=(msend -F -u s box)
	input=all
	after=all_again
	: >../had
	lines n1 n2 n3 n4 n5 n6 >../new
	judge=judge_once
}

all_again() {
	msend -F -u s box <all || bad "what is sent again ended with $?"
}

judge_once() {
	cmp -s ../new ../left.box || bad "left are $(tr '\n' ' ' <../left.box)"
}
