#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A member who is stopped while he holds a mailbox's lock: nobody waits longer for him than he said, and all are told
# who it is.

load ../helpers

setup()
{
	common_setup
	command -v perl >/dev/null || skip "perl is not installed"
	mkmbox jobs other
	mkfifo ready
	# lock.pl BOX stop|briefly: lock BOX, say so in `ready`, and stop; or let go a while after somebody has begun to wait
	cat >lock.pl <<-'END'
		use Fcntl;
		my ($box, $how) = @ARGV;
		open(F, "+<", "$box/lock") or die;
		# a struct flock of Linux on 64 bits
		my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 1, 0);
		fcntl(F, F_SETLKW, $lock) or die;
		open(R, ">", "ready");
		print R "locked\n";
		close(R);
		if ($how eq "stop") {
			kill STOP => $$;
			sleep 60;
		}
		my $inode = (stat F)[1];
		until ($waits) {
			open(L, "<", "/proc/locks") or die;
			$waits = grep { /->.*:$inode / } <L>;
		}
		select(undef, undef, undef, 0.05);
	END
}

teardown()
{
	exec 5>&-
	common_teardown
}

# holder BOX -- a process that has locked BOX and is stopped; its pid is in $holder.
holder()
{
	in_background perl lock.pl "$1" stop 5>&-
	holder=$child
	timeout "$LIMIT" cat ready >/dev/null
	until_true grep -q '^State:	T' "/proc/$holder/status"
}

# told STATUS COMMAND... -- it ends with STATUS in time, and names the holder.
told()
{
	fails "$@" || return
	[ "$error" = "$2: jobs is locked by process $holder (perl), which is stopped: timed out" ] || {
		echo "it said: $error"
		return 1
	}
}

@test "a call whose time is spent on the lock is out of time: 124" {
	holder jobs
	told 124 mcall -w 1 jobs x
}

@test "with -n each tool waits a second at most, and names who holds the lock" {
	msend jobs x
	holder jobs
	told 124 msend -n jobs y
	told 124 mrecv -n jobs
	told 124 mrecv -n -p jobs
	told 125 mrecv -n jobs -- cat
	told 124 mstat jobs
	told 124 mkmbox -p jobs
	printf 'M1 1 - -\na\n' >frame
	fails_with_input 74 frame mtee -nq jobs || fails_with_input 124 frame mtee -nq jobs
	[[ $error == "mtee: jobs is locked by process $holder (perl)"* ]]
	kill -CONT "$holder" && kill -KILL "$holder"
	[ "$(mrecv -a jobs)" = x ]
}

@test "with -w each tool waits as long as that, and names who holds the lock" {
	msend jobs x
	holder jobs
	told 124 msend -w 0.1 jobs y
	told 124 msend -S -w 0.1 jobs y
	told 124 mrecv -w 0.1 jobs
	told 125 mrecv -w 0.1 jobs -- cat
	told 124 mcall -w 0.1 jobs y
	head -c 100000 /dev/zero >big
	fails_with_input 124 big msend -w 0.1 jobs
	[[ $error == *"locked by process $holder (perl)"* ]]
}

@test "the other mailboxes are shown all the same" {
	holder jobs
	run -124 --separate-stderr timeout 10 mstat jobs other
	[[ $stderr == 'mstat: jobs is locked by process '* ]]
	[ "$(printf '%s\n' "$output" | awk 'NR > 1 { print $1 }')" = other ]
}

@test "who waits without a limit goes on when the lock is free" {
	holder jobs
	in_background msend jobs late
	sender=$child
	in_background mrecv -l jobs >got
	receiver=$child
	# the signal that continues it does not end it; its end frees the lock
	kill -KILL "$holder"
	status_of "$sender"
	[ "$status" -eq 0 ]
	status_of "$receiver"
	[ "$(<got)" = late ]
}

# stopping COMMAND -- as text for sh: somebody takes the lock of jobs and is stopped, then COMMAND; `pid` has who it is.
stopping()
{
	echo "perl lock.pl jobs stop >/dev/null 2>&1 3>&- & echo \$! >pid; cat ready >/dev/null; $1"
}

# told_waiting BOX FILE -- whether FILE has the line that names who holds the lock of BOX, $holder.
told_waiting()
{
	[ "$(<"$2")" = "mrecv: $1 is locked by process $holder (perl), which is stopped: waiting" ]
}

@test "what was delivered is marked so however long the lock is held, -w and -n or not, and it is told once who holds it" {
	local patience
	for patience in '-w 0.2' -n; do
		msend jobs once
		# shellcheck disable=SC2086 # an option and its argument
		in_background mrecv $patience jobs -- sh -c "$(stopping cat)" >out 2>err
		receiver=$child
		until_true exists pid
		holder=$(<pid)
		children+=("$holder")
		until_true told_waiting jobs err
		kill -KILL "$holder"
		ended_with 0 "$receiver"
		told_waiting jobs err
		[ "$(<out)" = once ]
		run -1 mrecv -n jobs
		rm pid
	done
}

# briefly BOX -- somebody has locked BOX when this returns, and lets go a while after somebody else has begun to wait for it.
briefly()
{
	perl lock.pl "$1" briefly >/dev/null 2>&1 3>&- &
	cat ready >/dev/null
}

@test "a patience shorter than a lock is held delivers nothing twice" {
	msend jobs once
	export -f briefly
	# the lock is held when the message of the command is to be marked
	timeout "$LIMIT" mrecv -w 0.01 jobs -- bash -c 'briefly jobs; cat' >out
	[ "$(<out)" = once ]
	status=0
	timeout "$LIMIT" mrecv -n jobs >/dev/null || status=$?
	[ "$status" -eq 1 ]
	# and when the next one is to be had, with one in hand
	head -c 300000 /dev/zero | msend jobs
	timeout "$LIMIT" mrecv -f -w 0.01 jobs | {
		head -c 1 >out
		briefly jobs
		cat >>out
	}
	[ "$(wc -c <out)" -eq 300001 ]	# it ends in a newline
	status=0
	timeout "$LIMIT" mrecv -n jobs >/dev/null || status=$?
	[ "$status" -eq 1 ]
}

# locked_out BOX -- whether somebody sleeps until the lock of BOX is free.
locked_out()
{
	grep -q -- "->.*:$(stat -c %i "$1/lock") " /proc/locks
}

# stuck COMMAND... -- COMMAND, in the background, has a payload of 300,000 bytes in hand, and nobody reads on: flow lets it
stuck()
{
	mkfifo pipe
	exec 5<>pipe
	in_background "$@" >&5 5>&-
	head -c 1 <&5 >/dev/null
}

flow()
{
	in_background cat <&5 >/dev/null
	exec 5>&-
}

@test "a signal that comes while what was delivered is to be marked so delivers nothing twice" {
	head -c 300000 /dev/zero | msend jobs
	stuck mrecv -f jobs
	receiver=$child
	holder jobs
	flow
	until_true locked_out jobs
	kill -TERM "$receiver"
	until_true got_signals "$receiver"
	kill -KILL "$holder"
	ended_with 143 "$receiver"
	run -1 timeout "$LIMIT" mrecv -n jobs
}

@test "a signal that comes while a run is written has nothing again that was written in full" {
	seq -f '%0100.0f' 2000 | msend -l jobs
	# as JSON a run is more than the pipe holds
	stuck mrecv -f -J jobs
	receiver=$child
	until_true grep -q '^State:	S' "/proc/$receiver/status"
	holder jobs
	kill -TERM "$receiver"
	until_true locked_out jobs
	kill -KILL "$holder"
	exec 6<pipe
	exec 5>&-
	cat <&6 >got
	ended_with 143 "$receiver"
	[ "$(wc -l <got)" -gt 0 ]
	[ $(($(wc -l <got) + $(mrecv -a -l jobs | wc -l))) -eq 2000 ]
}

@test "a message of a named pipe is not lost, whoever holds the lock of another channel" {
	mkfifo pipe
	exec 5<>pipe
	in_background mrecv -f -w 2 pipe jobs >got 2>err 5>&-
	receiver=$child
	until_waiting jobs
	holder jobs
	# in one write(2): bash's printf takes one a line
	printf 'M1 2 t s\nhi\n' >frame
	cat frame >&5
	ended_with 124 "$receiver"
	# where the lock was waited for before the pipe was looked at, it is there still
	[ "$(<got)" = hi ] || [ "$(timeout "$LIMIT" mrecv -n pipe)" = hi ]
	[ "$(<err)" = "mrecv: jobs is locked by process $holder (perl), which is stopped: timed out" ]
}

# gave_up_once -- the receiver traced has read a header from the pipe, and then waited for the lock in vain.
gave_up_once()
{
	awk '/^read\(.*M1 2 t/ { read = 1 } read && /F_SETLKW.*(EINTR|ERESTART)/ { n++ } END { exit n < 1 }' trace
}

# bats test_tags=no-sanitize
@test "a message of a named pipe that has begun is waited for to its end, a lock of another channel or not" {
	mkfifo pipe
	exec 5<>pipe
	in_background strace -qq -o trace mrecv -f -w 2 pipe jobs >got 2>err 5>&-
	receiver=$child
	until_waiting jobs
	holder jobs
	printf 'M1 2 t s\n' >&5
	until_true gave_up_once
	printf 'hi\n' >&5
	ended_with 124 "$receiver"
	[ "$(<got)" = hi ]
}

@test "what is locked is named, and nothing else" {
	head -c 300000 /dev/zero | msend other
	stuck mrecv -c 1 -w 0.1 jobs other 2>err
	receiver=$child
	holder other
	flow
	until_true told_waiting other err
	kill -KILL "$holder"
	ended_with 0 "$receiver"
	told_waiting other err
}

@test "a dead letter waits for the mailbox that it is taken from, which is told by its name" {
	msend jobs a
	in_background mrecv -w 0.1 -k 1 -d other jobs -- sh -c 'echo >started; until [ -e go ]; do sleep 0.02; done; exit 3' 2>err
	receiver=$child
	until_true exists started
	holder jobs
	: >go
	until_true told_waiting jobs err
	kill -KILL "$holder"
	ended_with 3 "$receiver"
	told_waiting jobs err
	[ "$(mrecv -n other)" = a ]
}

@test "a sender to a mailbox of capacity 0 waits for the lock no longer than a second beyond its time" {
	mkmbox -c 0 hand
	in_background msend -w $((LIMIT / 10)) hand x 2>err
	sender=$child
	until_waiting hand
	holder hand
	ended_with 124 "$sender"
	[ "$(<err)" = "msend: hand is locked by process $holder (perl), which is stopped: timed out" ]
}

@test "who waited for a message and finds the mailbox locked as its time runs out ends with 124 and says nothing" {
	mkmbox -c 1 full
	msend full x
	msend jobs x
	# while a message is claimed, who waits looks every second
	for box in jobs full; do
		in_background mrecv "$box" -- sh -c 'echo >started; exec sleep 60'
		until_true exists started
		rm started
	done
	in_background mrecv -w 2.5 jobs 2>err.1
	in_background mrecv -w 2.5 jobs other 2>err.2
	in_background msend -w 2.5 full y 2>err.3
	until_waiting jobs 2
	until_waiting full
	holder jobs
	first=$holder
	holder full
	for pid in "${children[@]:2:3}"; do
		ended_with 124 "$pid"
	done
	kill -KILL "$first"
	[ -z "$(cat err.1 err.2 err.3)" ]
}

@test "a signal does not end the wait to mark a message, a second one does" {
	msend jobs a
	in_background mrecv -f jobs -- sh -c 'cat; echo >started; until [ -e go ]; do sleep 0.02; done' >out 2>err
	receiver=$child
	until_true exists started
	holder jobs
	kill -TERM "$receiver"
	until_true got_signals "$receiver"
	: >go
	until_true told_waiting jobs err
	kill -TERM "$receiver"
	status_of "$receiver"
	[ "$status" -ne 0 ]
	told_waiting jobs err
	kill -KILL "$holder"
	[ "$(mrecv -w 5 jobs)" = a ]
}

@test "somebody at a terminal is told who is waited for" {
	command -v script >/dev/null || skip "script is not installed"
	holder jobs
	in_background script -qfec 'msend jobs x' terminal </dev/null >/dev/null
	until_true grep -q "msend: jobs is locked by process $holder (perl), which is stopped: waiting" terminal
	kill -KILL "$holder"
	status_of "$child"
	[ "$(mrecv -n jobs)" = x ]
}
