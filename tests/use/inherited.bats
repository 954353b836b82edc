#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What a tool inherits from the program that starts it: signals that are blocked or ignored, a clock that already runs,
# streams that do not block, or that are a connection.

load ../helpers

setup()
{
	common_setup
	mkmbox box
}

teardown()
{
	common_teardown
}

# need COMMAND... -- in CI it must work.
need()
{
	"$@" >/dev/null 2>&1 && return
	[ "${CI:-}" != true ] || { echo "it does not work here: $*"; return 1; }
	skip "it does not work here: $*"
}

# ---- a time limit from outside

# limited COMMAND... -- it is ended by the alarm that was set before it was executed: 142.
limited()
{
	status=0
	timeout -s KILL "$LIMIT" perl -e 'use Time::HiRes; Time::HiRes::ualarm(300000); exec @ARGV' "$@" \
		>out 2>err || status=$?
	[ "$status" -eq 142 ] || { echo "status $status: $*"; return 1; }
}

@test "alarm and exec are a time limit for each tool that waits: 142" {
	need perl -e 1
	mkmbox server
	mkmbox -c 1 full
	msend full one
	mkfifo fifo
	limited mrecv box
	limited mrecv -w 100 box
	limited mrecv -f box
	limited mrecv -f box -- cat
	limited mrecv -f box server
	limited msend full two
	limited msend -S full two
	limited mcall -w 100 server hello
	limited msend -w 100 fifo one
	limited mrecv fifo
	limited mstat -f box
	[ "$(mrecv -a full)" = one ]
	run -1 mrecv -n server
	[ -z "$(files_of box)" ]
}

@test "SIGALRM ends a receiver as SIGTERM does: its command finishes, and what it has not done stays" {
	mkfifo meet
	lines one two | msend -l box
	in_background mrecv -f box -- sh -c 'echo >started; read x <meet; cat >done'
	until_true exists started
	kill -ALRM "$child"
	until_true got_signals "$child"
	echo go | timeout "$LIMIT" tee meet >/dev/null
	ended_with 142 "$child"
	[ "$(<done)" = one ]
	[ "$(mrecv -a box)" = two ]
}

@test "our own time limits are kept, and the user's alarm too, while another process has the lock" {
	need perl -e 1
	mkfifo ready
	in_background perl -e 'use Fcntl; open(F, "+<", "box/lock") or die;
		my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 1, 0); fcntl(F, F_SETLKW, $lock) or die;
		open(R, ">", "ready"); print R "locked\n"; close(R); sleep 60'
	timeout "$LIMIT" cat ready >/dev/null
	limited mrecv -w 100 box
	limited msend box one
	run -124 env --block-signal mrecv -w 0.1 box
	[[ $output = *"timed out" ]]
	run -124 env --ignore-signal msend -w 0.1 box one
	kill -KILL "$child"
	run -1 mrecv -n box
}

# ---- signals that are blocked or ignored

# with_signals COMMAND... -- run it with all of them blocked, then with all ignored: both times with this status, in time.
with_signals()
{
	local expected=$1 how
	shift
	for how in --block-signal --ignore-signal; do
		status=0
		timeout -s KILL "$LIMIT" env "$how" "$@" >out 2>err || status=$?
		[ "$status" -eq "$expected" ] || { echo "$how: status $status: $* $(<err)"; return 1; }
	done
}

@test "signals that are blocked or ignored change no result" {
	need env --block-signal --ignore-signal=HUP true
	mkmbox -c 1 full
	msend full one
	mkfifo fifo
	with_signals 124 mrecv -w 0.01 box
	with_signals 124 msend -w 0.01 full two
	with_signals 124 msend -w 0.01 fifo two
	with_signals 124 mcall -w 0.01 box hello
	with_signals 1 mrecv -a box
	seq 6 | msend -l box
	with_signals 0 mrecv -c 3 -j 3 box -- true
	lines one two three | msend -l box
	with_signals 7 mrecv box -- sh -c 'exit 7'
	in_background env --block-signal mrecv -f -r box -- cat
	run -0 timeout "$LIMIT" env --ignore-signal mcall box hello
	[ "$output" = hello ]
}

# leave COMMAND... -- run it with a pipe as its output whose reader has left; what it says is in err.
leave()
{
	rm -f left
	mkfifo left
	exec 5<>left 6>left 5<&-
	in_background "$@" >&6 2>err 6>&-
	exec 6>&-
}

@test "an output whose reader has gone ends with 141, be SIGPIPE blocked or not" {
	need env --block-signal true
	for how in --default-signal --block-signal; do
		leave env "$how=PIPE" mrecv -f box
		ended_with 141 "$child"
		[ ! -s err ]
	done
}

@test "where SIGPIPE is ignored, an output whose reader has gone is 74 in one line, and the message stays" {
	need env --ignore-signal true
	local form
	leave env --ignore-signal=PIPE mrecv -f box
	ended_with 74 "$child"
	[ "$(<err)" = "mrecv: cannot write to standard output: Broken pipe" ]
	for form in "" -l -F -J -e; do
		lines one | msend box
		leave env --ignore-signal=PIPE mrecv ${form:+"$form"} box
		ended_with 74 "$child"
		[ "$(<err)" = "mrecv: cannot write to standard output: Broken pipe" ]
		[ "$(mrecv -n box)" = one ]
	done
	# large, and from a pipe
	head -c 300000 /dev/zero | msend box
	leave env --ignore-signal=PIPE mrecv box
	ended_with 74 "$child"
	[ "$(mrecv -n box | wc -c)" -eq 300000 ]
	in_background mrecv -f -r box -- cat
	leave env --ignore-signal=PIPE mcall box hello
	ended_with 125 "$child"
	[ "$(<err)" = "mcall: cannot write to standard output: Broken pipe" ]
}

@test "where SIGPIPE is ignored, a reader that leaves in the middle is 74 in one line, and what it has not read stays" {
	need env --ignore-signal true
	local how status left
	for how in -a -f "-c 50000" "-a -F" -pa; do
		seq 50000 | msend -l box
		# shellcheck disable=SC2086  # the options, one by one
		{ status=0; timeout "$LIMIT" env --ignore-signal=PIPE mrecv $how box 2>err || status=$?; echo "$status" >status; } |
			head -n 1 >/dev/null
		echo "$how: $(<status) $(<err)"
		[ "$(<status)" -eq 74 ]
		[ "$(<err)" = "mrecv: cannot write to standard output: Broken pipe" ]
		mrecv -a box >left
		left=$(wc -l <left)
		[ "$left" -gt 0 ]
		seq 50000 | tail -n "$left" | cmp - left
	done
}

# signals_of FILE -- which of the first 31 signals are blocked and ignored, as a process has seen it: a C library has
# others to itself.
signals_of()
{
	awk '/^Sig(Blk|Ign):/ { print $1, substr($2, length($2) - 7) }' "$1"
}

@test "a command gets the signals as mrecv had them, blocked and ignored ones" {
	need env --block-signal true
	local how
	for how in "" --block-signal --block-signal=TERM,ALRM,CHLD --ignore-signal=PIPE,XFSZ --ignore-signal=ALRM,HUP; do
		timeout "$LIMIT" env ${how:+"$how"} cat /proc/self/status >expected
		msend box one
		timeout "$LIMIT" env ${how:+"$how"} mrecv box -- cat /proc/self/status >got
		echo "$how"
		[ "$(signals_of got)" = "$(signals_of expected)" ]
	done
}

# ---- streams that do not block

# full COMMAND... -- run it with a pipe as its standard output that does not block and is full until it has tried in
# vain.  What it writes goes to `out'; it ends with 0, and does not try again and again meanwhile.
full()
{
	rm -f out go trace
	mkfifo go
	# shellcheck disable=SC2016
	in_background timeout -s KILL "$LIMIT" bash -c 'strace -qq -o trace perl -e '\''use Fcntl;
			fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK) or die; exec @ARGV'\'' "$@" |
			{ read -r x <go; cat >out; }
		exit ${PIPESTATUS[0]}' - "$@" <"${input:-/dev/null}"
	until_true grep -q EAGAIN trace
	nap 9
	echo go | timeout "$LIMIT" tee go >/dev/null
	ended_with 0 "$child" || return
	[ "$(grep -c EAGAIN trace)" -le 300 ] || { echo "it tries again and again: $*"; return 1; }
}

# bats test_tags=no-valgrind
@test "an output that does not block gets all, and is waited for" {
	needs_strace
	need perl -e 1
	local form
	pattern 2500000 >large
	msend -s a - <large >message
	full mrecv message
	same out large
	full bash -c 'exec mrecv - < <(cat message)'
	same out large
	for form in -l -F -J; do
		timeout "$LIMIT" mrecv "$form" message >expected
		full mrecv "$form" message
		same out expected
	done
	msend box <large
	full mrecv box
	same out large
	input=large full msend -s a -
	same <(mrecv out) large
	in_background mrecv -r box -- cat
	input=large full mcall box
	same out large
}

# bats test_tags=no-valgrind
@test "mtee gives all to an output that does not block, and to each channel" {
	needs_strace
	need perl -e 1
	pattern 2500000 >large
	msend -s a - <large >message
	mkfifo fifo
	in_background cat fifo >copy
	local copier=$child
	full bash -c 'exec mtee fifo < <(cat message)'
	same <(mrecv out) large
	ended_with 0 "$copier"
	same <(mrecv copy) large
}

# ---- a connection as standard streams, as inetd gives it

# served COMMAND... -- run it for one client of a TCP connection, which are its standard input and output; the port is
# in $port, the process in $server.
served()
{
	rm -f port
	in_background perl -MIO::Socket::INET -e '$l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
		open(P, ">", "port.new"); print P $l->sockport, "\n"; close(P); rename("port.new", "port");
		$c = $l->accept or die; close($l); open(STDIN, "<&", $c); open(STDOUT, ">&", $c); close($c); exec @ARGV' "$@"
	server=$child
	until_true exists port
	read -r port <port
}

@test "a message is not received by a client that has left, in any form" {
	need perl -MIO::Socket::INET -e 1
	local form
	for form in -o%p -l -F -J -f; do
		served mrecv "$form" box
		exec 6<>"/dev/tcp/127.0.0.1/$port" 6>&-
		until_waiting box
		msend box one
		ended_with 141 "$server"
		[ "$(mrecv -n box)" = one ]
	done
	# shellcheck disable=SC2016
	served sh -c 'read x; exec mrecv -a box'
	msend box one
	exec 6<>"/dev/tcp/127.0.0.1/$port" 6>&-
	ended_with 141 "$server"
	[ "$(mrecv -n box)" = one ]
}

@test "a receiver that sleeps ends when its output's other end is closed" {
	need perl -MSocket -e 1
	mkfifo go
	# shellcheck disable=SC2016
	in_background perl -MSocket -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die;
		if (($pid = fork) == 0) { close(B); open(STDOUT, ">&", A); close(A); exec @ARGV }
		close(A); open(G, "<", "go"); <G>; close(B); waitpid($pid, 0); exit($? & 127 ? 128 + ($? & 127) : $? >> 8)' \
		mrecv -f box
	until_waiting box
	echo go >go
	ended_with 141 "$child"
}

# ask [LINE] -- a client that sends a line, and that this is all, and reads to the end.
ask()
{
	timeout "$LIMIT" perl -MIO::Socket::INET -e '$c = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
		print $c $ARGV[1]; $c->flush; shutdown($c, 1); print while <$c>' "$port" "${1:-}"
}

@test "a client that sends nothing more, and stays, gets its messages and its answer" {
	need perl -MIO::Socket::INET -e 1
	served mrecv -c 3 box
	lines one two three | msend -l box
	run -0 ask
	[ "$output" = "$(lines one two three)" ]
	ended_with 0 "$server"
	mkmbox calc
	in_background mrecv -r calc -- tr a-z A-Z
	served mcall calc
	run -0 ask hello
	[ "$output" = HELLO ]
	ended_with 0 "$server"
}

@test "frames for a connection whose client has left are not sent: 74" {
	need perl -MIO::Socket::INET -e 1
	msend - one >frame
	# shellcheck disable=SC2016
	served sh -c 'read x; exec msend - one'
	exec 6<>"/dev/tcp/127.0.0.1/$port" 6>&-
	ended_with 74 "$server"
	# shellcheck disable=SC2016
	served sh -c 'read x; exec mtee -a /dev/null <frame'
	exec 6<>"/dev/tcp/127.0.0.1/$port" 6>&-
	ended_with 74 "$server"
}

# ---- a pipe's reader that leaves ----

@test "what the reader of a pipe has not read to its end when it leaves stays in the mailbox, in its order" {
	local option line
	for option in -a -f '-a -o %p\n' '-a -F'; do
		mkmbox -b inf jobs
		seq 50000 | msend -l jobs
		# read of a shell takes a byte at a time
		# shellcheck disable=SC2086 # words
		mrecv $option jobs 2>/dev/null | { read -r line; printf '%s\n' "$line" >got; }
		mrecv -a -c 3 jobs >next
		if [ "$option" = '-a -F' ]; then
			[[ $(cat got) == 'M1 1 '* ]]
			[ "$(xargs <next)" = '1 2 3' ]
		else
			[ "$(cat got)" = 1 ]
			[ "$(xargs <next)" = '2 3 4' ]
		fi
		rmmbox -f jobs
	done
}

@test "a reader of a pipe that is killed before it has read anything takes nothing, and one that is slow gets all" {
	mkmbox -b inf jobs
	seq 50000 | msend -l jobs
	mkfifo out
	in_background sh -c 'exec sleep 60 <out'
	reader=$child
	in_background sh -c 'exec mrecv -a jobs >out'
	until_true eval '[[ $(mstat -J jobs) != *"\"claimed\":0,"* ]]'
	kill -KILL "$reader"
	ended_with 141 "$child"
	[[ $(mstat -J jobs) == *'"messages":50000,'*'"claimed":0,'* ]]
	mrecv -a jobs | { until_true eval '[[ $(mstat -J jobs) != *"\"claimed\":0,"* ]]'; cat; } | cmp - <(seq 50000)
	[[ $(mstat -J jobs) == *'"messages":0,'* ]]
}
