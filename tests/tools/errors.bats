#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# An error says what to do: where was looked, what makes it, which name was perhaps meant, in words to be pasted.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# says STATUS LINE COMMAND... -- it fails so, with that line.
says()
{
	fails "$1" "${@:3}"
	[ "$error" = "$2" ] || { echo "it said: $error"; return 1; }
}

@test "a mailbox that is missing is told with its path, and what makes it" {
	mkdir queues
	says 66 'msend: no mailbox at jobs (mkmbox jobs makes it)' msend jobs x
	says 66 'mrecv: no mailbox at jobs (mkmbox jobs makes it)' mrecv -n jobs
	says 125 'mcall: no mailbox at jobs (mkmbox jobs makes it)' mcall jobs x
	says 66 'mtee: no mailbox at jobs (mkmbox jobs makes it)' mtee jobs
	MBOX_DIR=$PWD/queues says 66 "msend: no mailbox at $PWD/queues/jobs (mkmbox jobs makes it)" msend jobs x
	says 66 "msend: no mailbox at queues/jobs (mkmbox queues/jobs makes it)" msend queues/jobs x
	says 66 "msend: no mailbox at away/jobs, and no folder to make it in" msend away/jobs x
}

@test "what is to be pasted is quoted where a shell needs that" {
	says 66 "msend: no mailbox at my jobs (mkmbox 'my jobs' makes it)" msend 'my jobs' x
	says 66 "msend: no mailbox at it's (mkmbox 'it'\\''s' makes it)" msend "it's" x
	[[ $error =~ \((mkmbox .*)' makes it)' ]]
	eval "${BASH_REMATCH[1]}"
	msend "it's" x
}

@test "a name that is nearly a mailbox's is told, and nothing else is taken for one" {
	mkdir queues jbos
	mkmbox jobs 'my mail' queues/work ab
	says 66 'msend: no mailbox at jobz: did you mean jobs?' msend jobz x
	says 66 'msend: no mailbox at ojbs: did you mean jobs?' msend ojbs x
	says 66 "msend: no mailbox at mymail: did you mean 'my mail'?" msend mymail x
	says 66 'msend: no mailbox at queues/wrok: did you mean queues/work?' msend queues/wrok x
	MBOX_DIR=$PWD/queues says 66 "msend: no mailbox at $PWD/queues/wrok: did you mean work?" msend wrok x
	# three edits away, or nothing of it would stay
	says 66 'msend: no mailbox at jozzz (mkmbox jozzz makes it)' msend jozzz x
	says 66 'msend: no mailbox at xy (mkmbox xy makes it)' msend xy x
}

@test "an empty name is shown as one" {
	says 66 "msend: '' is no name of a channel" msend '' x
	says 66 "mrecv: '' is no name of a channel" mrecv -n ''
}

@test "who looks, changes, removes or links is told so too, and only who opens what makes it" {
	mkmbox jobs
	touch file
	for words in 'mstat' 'mstat -m' 'mstat --waiters' 'rmmbox' 'chmbox -c 1' 'mlink -l' 'mlink jobs' 'mlink -d jobs jobs'; do
		tool=${words%% *}
		says 66 "$tool: no mailbox at jobz: did you mean jobs?" $words jobz
		says 66 "$tool: no mailbox at other" $words other
		says 66 "$tool: no mailbox at away/jobs" $words away/jobs
		says 66 "$tool: '' is no name of a channel" $words ''
	done
	says 66 "mlink: no mailbox at jobz: did you mean jobs?" mlink jobz jobs
	says 66 'mstat: cannot look into file: not a mailbox' mstat file
	says 66 'rmmbox: cannot remove file: not a mailbox' rmmbox file
	says 66 'chmbox: cannot change file: not a mailbox' chmbox -c 1 file
	says 66 'mlink: cannot link file: not a mailbox' mlink jobs file
	says 66 'mlink: cannot look into file: not a mailbox' mlink -l file
	says 125 'mcall: cannot open file: not a mailbox' mcall file x
	says 66 'mstat: cannot look into file/x: Not a directory' mstat file/x
	says 64 'mlink: jobs and ./jobs are the same mailbox' mlink jobs ./jobs
	mkmbox -c 0 hall
	says 64 'mlink: hall and hall are the same mailbox' mlink hall hall
}

@test "mkmbox says which folder is missing, and with -p how the mailbox that is there differs and what changes that" {
	says 73 'mkmbox: cannot make away/jobs: there is no folder away' mkmbox away/jobs
	MBOX_DIR=$PWD/away says 73 "mkmbox: cannot make jobs: there is no folder $PWD/away" mkmbox jobs
	says 73 "mkmbox: '' is no name of a channel" mkmbox ''
	mkmbox -c 5 -m 0600 'my jobs'
	says 73 "mkmbox: my jobs exists, with capacity 5, not 10 (chmbox -c 10 'my jobs' changes that)" \
	    mkmbox -p -c 10 -m 0600 'my jobs'
	says 73 "mkmbox: my jobs exists, with capacity 5, not inf, bytes 64M, not 1K, policy block, not oldest, mode 0600, not 0622\
 (chmbox -c inf -b 1K -o oldest -m 0622 'my jobs' changes that)" mkmbox -p -b 1024 -m 0622 -o oldest 'my jobs'
	[[ $error =~ \((chmbox .*)' changes that)' ]]
	eval "${BASH_REMATCH[1]}"
	mkmbox -p -b 1024 -m 0622 -o oldest 'my jobs'
	# what stays as it was made has no command
	mkmbox -m 0600 kept
	says 73 'mkmbox: kept exists, with capacity inf, not 1, durable no, not yes' mkmbox -p -c 1 -d -m 0600 kept
	says 73 "mkmbox: my jobs exists, with group $(id -g), not 54321 (chmbox -g 54321 'my jobs' changes that)" \
	    mkmbox -p -b 1024 -m 0622 -o oldest -g 54321 'my jobs'
	touch file
	says 73 'mkmbox: cannot look into file: not a mailbox' mkmbox -p file
}

@test "a mailbox of a machine of the other byte order is told as that: 71" {
	mkmbox other
	mapfile -t bytes < <(od -An -v -tx1 -w1 other/ctl)
	# the version in both copies, the other way around
	for at in 8 $((8 + ${#bytes[@]} / 2)); do
		printf -v turned '\\x%s' ${bytes[at + 3]} ${bytes[at + 2]} ${bytes[at + 1]} ${bytes[at]}
		printf %b "$turned" | dd of=other/ctl bs=1 seek="$at" conv=notrunc 2>dd.err
	done
	for command in 'msend other x' 'mrecv -n other' 'mstat other' 'rmmbox other'; do
		fails 71 $command
		[[ $error == *' other: a machine of the other byte order made it: there mrecv -aF, and here msend -F, take its messages over' ]]
	done
}

@test "a long option that is nearly right is told what it may be" {
	misused msend --lnies jobs
	[[ $error == 'msend: unknown option: --lnies (did you mean --lines?)'$'\n'* ]]
	misused mrecv --maxtries=3 jobs
	[[ $error != *'did you mean --zebra'* ]]
	misused msend --zebra jobs
	[[ $error == 'msend: unknown option: --zebra'$'\n'* ]]
}

@test "a name is shown as it is where the locale has its letters, and escaped elsewhere" {
	name=$'caf\xc3\xa9'
	LC_ALL=C.UTF-8 says 66 "msend: no mailbox at $name (mkmbox '$name' makes it)" msend "$name" x
	LC_ALL='' LC_CTYPE=de_DE.utf8 says 66 "msend: no mailbox at $name (mkmbox '$name' makes it)" msend "$name" x
	# and what cannot be pasted is not offered for that
	LC_ALL=C LANG=C.UTF-8 says 66 "msend: no mailbox at caf\\xc3\\xa9" msend "$name" x
	# no character, and characters that a terminal obeys
	name=$'\xc3\x28\x1b[31m\xc2\x9b31m\x7f'
	LC_ALL=C.UTF-8 says 66 "msend: no mailbox at \\xc3(\\x1b[31m\\xc2\\x9b31m\\x7f" msend "$name" x
}

@test "a message that begins with an option is sent, and noted at a terminal" {
	command -v script >/dev/null || skip "script is not installed"
	mkmbox jobs
	# noted COMMAND... -- what it says at a terminal
	noted() { timeout "$LIMIT" script -qec "$1" /dev/null </dev/null | tr -d '\r'; }
	[ "$(noted 'msend jobs -t x hi')" = 'msend: "-t x hi" is the message: options come before jobs' ]
	[ "$(mrecv -n jobs)" = '-t x hi' ]
	for words in '-nv' '-w5' '--tag=x' '--lines' '-t'; do
		[ "$(noted "msend jobs $words hi")" = "msend: \"$words hi\" is the message: options come before jobs" ]
		[ "$(mrecv -n jobs)" = "$words hi" ]
	done
	[ "$(noted "mcall -w 10ms jobs -w 5 $(printf '%060d' 0)")" = \
	    "mcall: \"-w 5 $(printf '%058d' 0)...\" is the message: options come before jobs" ]
	# no option, an option of a command, options that were ended, standard error that is no terminal
	for words in 'jobs -5' 'jobs -' 'jobs --' 'jobs -0.5' 'jobs --zebra' 'jobs ls -l' '-- jobs -t'; do
		[ "$(noted "msend $words")" = '' ]
		mrecv -n jobs
	done
	[ "$(noted 'msend jobs -t x hi 2>err')" = '' ]
	[ ! -s err ]
}

@test "a command without its -- is told, with the command line that was meant, and nothing is received" {
	mkmbox jobs other
	msend jobs x
	printf '#!/bin/sh\necho "$@"\n' >work
	chmod +x work
	told="is no mailbox: a command follows --"
	says 66 "mrecv: sh $told (mrecv jobs -- sh -c 'cat; echo')" mrecv jobs sh -c 'cat; echo'
	says 66 "mrecv: ls $told (mrecv -n jobs -- ls -l -Z --zebra a b)" mrecv -n jobs ls -l -Z --zebra a b
	says 66 "mrecv: ./work $told (mrecv -f -k 3 -d other jobs -- ./work)" mrecv -f -k 3 -d other jobs ./work
	[[ $error =~ \((mrecv .*)\) ]]
	MBOX_DIR=$PWD says 66 "mrecv: sort $told (mrecv jobs -- sort)" mrecv jobs sort
	says 66 "mrecv: sort $told" mrecv jobs sort $'a\nb'
	# what was meant is as it was typed
	[ "$(mrecv -n jobs -- ./work it)" = it ]
	# a mailbox, a file of frames, what is no command, a command that is there
	mkmbox sort
	msend - y >frames
	chmod +x frames
	run -1 mrecv -n jobs sort frames -t z
	[ "$(mrecv -n jobs frames)" = y ]
	says 66 'mrecv: no mailbox at zebra (mkmbox zebra makes it)' mrecv jobs zebra
	says 125 'mrecv: no mailbox at ls (mkmbox ls makes it)' mrecv jobs ls -- cat
	says 66 'mrecv: no mailbox at cat (mkmbox cat makes it)' mrecv cat
}

@test "what may not be looked at is told, and the rest is shown: 77" {
	[ "$EUID" -eq 0 ] || skip "only root can become another user"
	mkdir queues
	chmod 0755 . queues
	export MBOX_DIR=queues
	mkmbox -m 0600 secret
	mkmbox -m 0622 door
	mkmbox -m 0644 window
	touch queues/file
	for words in mstat 'mstat -J' 'mstat -t' 'mstat -m' 'mstat --waiters' 'mlink -l'; do
		status=0
		as_nobody $words >out 2>err || status=$?
		[ "$status" -eq 77 ]
		diff err - <<-end
			${words%% *}: cannot look into door: Permission denied
			${words%% *}: cannot look into secret: Permission denied
		end
	done
	as_nobody mstat -J 2>err | jq -r .name | diff - <(echo window)
	# followed, it is told once
	in_background as_nobody mstat -f -J >rows 2>err
	thrice() { [ "$(wc -l <rows)" -ge 3 ]; }
	until_true thrice
	[ "$(wc -l <err)" -eq 2 ]
}

@test "a sender of many that gives up says how many got in" {
	mkmbox -c 3 jobs
	seq 5 >lines
	frames=$(msend -l - <lines | base64)
	gives_up() { fails_with_input "$1" "$2" "${@:3}" && [ "$error" = 'msend: gave up on jobs after 3 messages' ]; }
	base64 -d <<<"$frames" >frames
	gives_up 1 lines msend -n -l jobs
	[ "$(mrecv -a jobs | xargs)" = '1 2 3' ]
	gives_up 124 lines msend -w 10ms -l jobs
	mrecv -a jobs
	gives_up 1 frames msend -n -F jobs
	# the first found no room, or what got in is told otherwise
	run -1 msend -n -l jobs <lines
	[ "$output" = '' ]
	mrecv -a jobs
	run -1 msend -n -l -v jobs <lines
	[ "$output" = "$(seq 10 12)" ]
}
