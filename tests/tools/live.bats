#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mstat at a terminal: the table that fits, the live one of -f, its keys, and a terminal that is given back.

load ../helpers

setup()
{
	common_setup
	unset NO_COLOR
}

teardown()
{
	common_teardown
}

long=a-very-long-name-of-a-mailbox-that-fits-nowhere

# work -- mailboxes in which something goes on: one of jobs is held by a worker, whose pid is in $worker.
work()
{
	mkmbox jobs later $long
	mkfifo gate
	seq 3 | msend -l jobs
	in_background mrecv -f jobs -- sh -c 'cat gate' >/dev/null
	worker=$child
	until_true held jobs
	msend -d 1h later x
}

held()
{
	mstat -J "$1" | grep -qE '"holder":[0-9]'
}

# dead -- a mailbox with a dead letter in it.
dead()
{
	mkmbox broken letters
	msend broken x
	run mrecv -a -k 1 -d letters broken -- false
	mstat letters | grep -qF deadbox
}

# whole -- whether every line of the table on the screen stands there with all its columns.
whole()
{
	local headings columns line lines
	local all=' NAME MESSAGES IN/s OUT/s DRAIN OLDEST BUSY IDLE BLOCKED LATER HELD FAIL/m STATE DEPTH BYTES DEAD DROPPED SENT RECEIVED DURABLE CAPACITY WAITING CLAIMED '
	mapfile -t lines < <(pane | sed -n '/^NAME/,$p')
	read -r -a headings <<<"${lines[0]}"
	for line in "${lines[@]}"; do
		[ -n "$line" ] || continue
		read -r -a columns <<<"${line//[▁▂▃▄▅▆▇█]/}"
		# a depth may be blank, and is no word then
		[ $((${#headings[@]} - ${#columns[@]})) -le 1 ] || { echo "$line"; return 1; }
	done
	[[ $all == *" ${headings[-1]} "* ]] || { echo "cut off: ${headings[-1]}"; return 1; }
}

# cell NAME HEADING -- what the screen has there.
cell()
{
	pane | awk -v name="$1" -v heading="$2" '
		$1 == "NAME" { for (i = 1; i <= NF; i++) if ($i == heading) c = i }
		c && $1 == name { print $c }'
}

# cell_is NAME HEADING PATTERN -- whether all of that matches.
cell_is()
{
	[[ $(cell "$1" "$2") =~ ^($3)$ ]]
}

# rows -- the names on the screen, in their order.
rows()
{
	pane | sed -n '/^NAME/,$p' | awk 'NR > 1 && NF { printf "%s ", $1 }'
}

rows_are()
{
	[ "$(rows)" = "$1" ] || { rows; return 1; }
}

@test "-f at a terminal of 80x24 shows what matters: who is busy, what is held by whom, what comes later" {
	work
	dead
	terminal 80 24 'mstat -f; echo "status $?"; cat'
	until_true cell_is jobs HELD "[0-9]+s/$worker"
	until_true cell_is jobs IN/s '0\.0'
	sees '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]  5 mailboxes  5 messages  '
	sees "^1 busy  0 idle  0 blocked  1 later  [0-9]+ failed/min  held [0-9]+s by $worker in jobs$"
	cell_is jobs MESSAGES 3
	cell_is jobs BUSY 1
	cell_is jobs IDLE 0
	cell_is later LATER 1
	cell_is letters STATE deadbox
	sees '^a-very.*\.\..*where '
	run ! sees 'CAPACITY|wait|closed'
	whole
	[ "$(pane | awk '{ if (length($0) > w) w = length($0) } END { print (w <= 80) }')" = 1 ]
}

@test "-f follows the terminal's size" {
	work
	for n in 1{0..9} 2{0..9}; do boxes+=("box$n"); done
	mkmbox "${boxes[@]}"
	terminal 80 24 'mstat -f; echo "status $?"; cat'
	until_true sees '^1-20 of 23 '
	sees '^box25 '
	sees_not '^jobs '
	resize 120 40
	until_true sees '^jobs '
	until_true sees '^NAME .* DEPTH .*BYTES .*SENT'
	whole
	sees_not ' of 23 '
	resize 50 12
	until_true sees '^1-8 of 23 '
	whole
	# what is above the table is cut, and not written over its last column
	[ "$(pane | head -n 3 | awk '{ print length($0) < 50 }' | sort -u)" = 1 ]
	resize 80 24
	until_true sees '^1-20 of 23 '
	whole
	keys q
	until_true sees '^status 0$'
	sees_not '^NAME'
}

@test "keys sort the rows, turn them, scroll and quit" {
	mkmbox a b c d e f
	seq 3 | msend -l c
	seq 2 | msend -l b
	terminal 80 10 'mstat -f; echo "status $?"; cat'
	until_true rows_are 'a b c d e f '
	keys m
	until_true rows_are 'c b a d e f '
	sees '\[messages\]'
	keys m
	until_true rows_are 'f e d a b c '
	keys n
	until_true rows_are 'a b c d e f '
	resize 80 7
	until_true rows_are 'a b c d e f '
	resize 80 5
	until_true rows_are 'a b c d '
	keys Down
	until_true rows_are 'b c d e '
	keys NPage
	until_true rows_are 'c d e f '
	keys Up
	until_true rows_are 'b c d e '
	keys g
	until_true rows_are 'a b c d '
	keys End
	until_true rows_are 'c d e f '
	keys Home
	until_true rows_are 'a b c d '
	# an unknown key is none of them
	keys F5 x
	keys q
	until_true sees '^status 0$'
}

@test "the terminal is as it was after q, Ctrl-C, Ctrl-\\, kill, and while -f is stopped" {
	mkmbox box
	cat >session <<-'END'
	ulimit -c 0
	trap : INT QUIT
	stty -a >before
	echo untouched
	for i in 1 2 3 4; do
		read -r _
		mstat -f
		echo "status $?"
		stty -a >after
		cmp before after && echo "same $i"
	done
	exec bash --norc -i
	END
	terminal 80 24 'PS1="$ " sh session'
	for i in 1 2 3 4; do
		keys Enter
		until_true sees '^NAME'
		sees_not untouched
		[ "$(tmux -S tmux.socket display-message -p '#{cursor_flag}')" = 0 ]
		case $i in
		1) keys q ;;
		2) keys C-c ;;
		3) keys C-\\ ;;
		4) for pid in /proc/[0-9]*; do
			[[ $(tr '\0' ' ' <"$pid/cmdline") != 'mstat -f ' || ! $pid/cwd -ef . ]] || kill "${pid#/proc/}"
		   done 2>/dev/null ;;
		esac
		until_true sees "^same $i$"
	done
	sees '^untouched$'
	[ "$(pane | grep -c '^status 0$')" = 1 ]
	[ "$(pane | grep -c '^status 130$')" = 1 ]
	[ "$(pane | grep -c '^status 131$')" = 1 ]
	[ "$(pane | grep -c '^status 143$')" = 1 ]
	[ "$(tmux -S tmux.socket display-message -p '#{cursor_flag}')" = 1 ]
	# stopped, and on
	keys 'mstat -f' Enter
	until_true sees '^NAME'
	keys C-z
	until_true sees 'Stopped'
	sees '^untouched$'
	keys 'stty -a >after; cmp before after && echo alike' Enter
	until_true sees '^alike$'
	keys fg Enter
	until_true sees '^box '
	sees_not '^alike$'
	keys q
	until_true sees '^alike$'
	sees_not '^NAME'
}

@test "dead letters stand out in red, but not where NO_COLOR is set" {
	dead
	terminal 80 24 'mstat -f; NO_COLOR=1 mstat -f; cat'
	until_true sees '^letters '
	painted | grep -qF $'\e[31mletters'
	keys q
	until_true sees '^letters '
	no_colour() { sees '^letters ' && ! painted | grep -q $'\e\[[0-9]*m'; }
	until_true no_colour
}

@test "failures a minute are counted, and how long it takes until a mailbox is empty" {
	mkmbox bad good
	msend bad x
	seq 100000 | msend -l good
	mkfifo go
	in_background mrecv -f -B 1ms -w "$LIMIT" bad -- false 2>/dev/null
	terminal 110 24 'mstat -f; cat'
	until_true cell_is bad FAIL/m '[1-9][0-9]*'
	sees '  [1-9][0-9]* failed/min'
	# ten at a time, until it was seen
	drains() { mrecv -c 10 -a good >/dev/null; cell_is good DRAIN '[0-9]+[smhd]'; }
	until_true drains
	sees '  empty in [0-9]+[smhd]'
	[[ "$(mstat -J bad)" =~ '"failed":'[1-9] ]]
}

@test "JSON has the message that is held longest, who holds it, and whether dead letters wait" {
	work
	dead
	mstat -J jobs | grep -qE '"held_for":[0-9]+\.[0-9]{6},"holder":'"$worker,"
	mstat -J jobs | grep -qF '"dead_letters":false,'
	mstat -J letters | grep -qF '"dead_letters":true,'
	mstat -J broken | grep -qF '"failed":1,'
	mstat letters | awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "STATE") c = i } NR == 2 { print $c }' >out
	[ "$(cat out)" = deadbox ]
}

@test "a mailbox that cannot be read is counted while -f goes on, and told at its end" {
	mkmbox a b
	terminal 80 24 'mstat -f a b; echo "status $?"; cat'
	until_true sees '^b '
	head -c 768 /dev/zero | tr '\0' x >b/ctl
	until_true sees '  1 not readable'
	sees '^a '
	sees_not '^b '
	keys q
	until_true sees '^status 65$'
	sees '^mstat: cannot look into b: '
}

@test "a table at a terminal fits, with sizes in units; elsewhere it is whole and exact" {
	mkmbox jobs $long
	pattern 20000 | msend jobs
	terminal 72 24 'mstat; cat'
	until_true sees '^jobs +1 +20K '
	sees '^a-very-.*\.\..*nowhere '
	whole
	sees_not CAPACITY
	msend -t "$long-and-$long-again" jobs x
	tmux -S tmux.socket respawn-pane -k 'mstat -t; cat'
	until_true sees '^jobs  a-very-.*\.\..*-again +1 +2  [0-9]+s'
	resize 40 24
	tmux -S tmux.socket respawn-pane -k 'mstat -ft; cat'
	until_true sees '^jobs +a-very.*\.\..*again +1 '
	mrecv -t "$long-*" jobs >/dev/null
	resize 160 24
	tmux -S tmux.socket respawn-pane -k 'mstat | cat; cat'
	until_true sees '^jobs +1  20000  inf/64M '
	sees "^$long +0 "
	tmux -S tmux.socket respawn-pane -k 'TERM=dumb mstat -f | cat; cat'
	blocks() { [ "$(pane | grep -c '^NAME')" -ge 2 ]; }
	until_true blocks
	tmux -S tmux.socket respawn-pane -k 'TERM=dumb mstat -f; cat'
	until_true sees '^NAME'
	until_true blocks
}
