#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What a machine may refuse: descriptors, processes, disk, inodes, sizes, pipes, writing at all; kinds of file systems;
# and what may be done to a mailbox's directory: copied, restored, renamed, removed with rm.

load ../helpers

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

# in_mount OPTIONS [UID] -- run the script on standard input, errors ending it, in a fresh file system of its own in
# memory, as root of a namespace; with UID as that user, the programs being there as well.  Goes with its processes.
in_mount()
{
	local as=(unshare -m)
	[ "$EUID" -eq 0 ] || as=(unshare -rm)
	if ! "${as[@]}" mount -t tmpfs none /mnt 2>/dev/null; then
		[ "${CI:-}" != true ] || { echo "cannot mount here"; return 1; }
		skip "needs to mount a file system"
	fi
	# shellcheck disable=SC2016 # for the inner shell to expand
	timeout "$((3 * LIMIT))" "${as[@]}" bash -euc '
		mount -t tmpfs -o "$1" none /mnt
		cd /mnt
		if [ -n "$2" ]; then
			cp "$(dirname "$(type -P msend)")"/m* .
			PATH=/mnt:$PATH
			exec setpriv --reuid "$2" --regid "$2" --clear-groups bash -euc "$3"
		fi
		eval "$3"
	' in_mount "$1" "${2:-}" "$(cat)" </dev/null 3>&-
}

# works BOX -- a message goes in and comes out, and what counts is right.
works()
{
	msend -n "$1" works
	[ "$(mrecv -n "$1")" = works ]
	"$BUILD/inspect" "$1"
}

# ---- limits of a process ----

# bats test_tags=no-sanitize,no-valgrind
@test "with few descriptors each tool does its work or says what it has not got, and loses nothing" {
	mkmbox box other
	for n in 4 5 6 7 8 9 10; do
		for command in 'msend box sent' 'mrecv -n -l box' 'mrecv -n -p box' 'mrecv -n box -- true' 'mstat box' 'mkmbox new' \
		    'rmmbox new' 'mtee -q box other' 'mcall -w 0.1 box x' 'mrecv -n box other' 'mrecv -r -n box -- true'; do
			printf 'M1 1 t s\nx\n' >frame
			status=0
			# shellcheck disable=SC2086
			timeout "$LIMIT" sh -c "ulimit -n $n; exec $command" <frame >out 2>err || status=$?
			case $status in
			0 | 1 | 124) ;;
			65 | 66 | 71 | 73 | 74 | 125) [ -s err ] ;;
			*) echo "$n descriptors: $command: status $status: $(cat err)"; return 1 ;;
			esac
			[ "$(wc -l <err)" -le 2 ]
		done
	done
	rm -rf new
	mrecv -a box >/dev/null || :
	mrecv -a other >/dev/null || :
	works box
	works other
}

# bats test_tags=no-sanitize,no-valgrind
@test "a file-size limit is an error, not a death: 74, what was acknowledged is there, and nothing half" {
	mkmbox box
	seq 100 | msend -l box
	pattern 1000000 >in
	: >file
	for command in 'msend box' 'msend -l box' 'msend file' 'mtee -q box'; do
		status=0
		(ulimit -f 64; timeout "$LIMIT" $command) <in >out 2>err || status=$?
		# lines go into as many files as it takes
		[ "$command:$status" != 'msend -l box:0' ] || continue
		[ "$status" -eq 74 ] || [ "$command:$status" = 'mtee -q box:65' ]
		[ "$(wc -l <err)" -eq 1 ]
		grep -q 'File too large: the limit for a file is 65536 bytes (ulimit -f)$' err || [ "$status" -eq 65 ]
	done
	[ ! -s file ]
	status=0
	(ulimit -f 8; timeout "$LIMIT" mrecv -a box >small) 2>err || status=$?
	[ "$status" -eq 74 ]
	# it cannot mark all of them there
	[ "$(cat err)" = 'mrecv: cannot receive from box: File too large: the limit for a file is 8192 bytes (ulimit -f)' ]
	status=0
	said=$(sh -c 'ulimit -f 0; exec mkmbox new' 2>&1) || status=$?
	[[ "$status:$said" == '73:mkmbox: cannot make new: File too large: the limit for a file is 0 '* ]]
	[ ! -e new ]
	pattern 6000000 >in
	msend -t big box <in
	status=0
	(ulimit -f 5000; timeout "$LIMIT" mrecv -t big box >small) 2>err || status=$?
	[ "$status" -eq 74 ]
	[[ $(<err) == 'mrecv: cannot write to standard output: File too large: '* ]]
	mrecv -t big box | cmp - in
	[ -z "$(files_of box)" ]
	mrecv -a box >/dev/null || :
	works box
	# what was written in full does not come again, and the rest does
	seq -f '%0500.0f' 8000 >lines
	for form in -l '-o%p\n' -J; do
		msend -l box <lines
		status=0
		(ulimit -f 3000; timeout "$LIMIT" mrecv -a "$form" box >first) 2>err || status=$?
		[ "$status" -eq 74 ]
		[ "$(stat -c %s first)" -eq 3072000 ]
		# the last line is cut short
		head -n "$(wc -l <first)" first >got
		mrecv -a "$form" box >>got
		grep -oE '[0-9]{500}' got | same - lines
	done
	# a command has the signal as it was
	msend box x
	[ "$(mrecv box -- sh -c 'ulimit -f 0; trap "" PIPE; (echo x >f); echo $?' 2>/dev/null)" != 0 ]
	grep -q "^SigIgn:.*0$" <(msend box x; mrecv box -- grep SigIgn /proc/self/status)
}

@test "under a file-size limit goes in what a file of its own can hold, and what fails is put back" {
	mkmbox -b inf box
	(ulimit -f 8; msend box hello)
	status=0
	(ulimit -f 8; mrecv box -- false) || status=$?
	[ "$status" -eq 1 ]
	[ "$(mrecv -w 10 box)" = hello ]
	# frames, entries of the index, and names: each the first that has no room in the file at hand
	pattern 30000 >in
	seq 20000 >lines
	for ((i = 100; i < 300; i++)); do printf 'M1 1 %0200d s\nx\n' $i; done >tags
	(ulimit -f 48; msend box <in; msend box <in; msend -l box <lines; msend -F box <tags)
	mrecv box | cmp - in
	mrecv box | cmp - in
	mrecv -a -l box >out
	head -n 20000 out | cmp - lines
	[ "$(grep -cx x out)" -eq 200 ]
	# where it has no room in any, the line says so, and the mailbox is as it was
	status=0
	(ulimit -f 16; msend box <in) 2>err || status=$?
	[ "$status:$(<err)" = '74:msend: cannot send to box: File too large: the limit for a file is 16384 bytes (ulimit -f)' ]
	works box
	[ -z "$(files_of box)" ]
}

# bats test_tags=no-sanitize,no-valgrind
@test "where no process can be made the message stays, and 125 says so" {
	[ "$EUID" -eq 0 ] || skip "needs another user to be limited"
	in_mount mode=1777 60001 <<-'END'
		mkmbox box
		msend box kept
		status=0
		(ulimit -u 1; exec mrecv box -- cat) >out 2>err || status=$?
		[ "$status" -eq 125 ]
		[ "$(cat err)" = 'mrecv: cannot run cat: Resource temporarily unavailable' ]
		[ "$(mrecv -n box)" = kept ]
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "a user who may have no more large pipes gets small ones, and everything goes through them" {
	[ "$EUID" -eq 0 ] || skip "needs another user to be limited"
	in_mount mode=1777 60002 <<-'END'
		ulimit -n 4096 || exit 0
		soft=$(cat /proc/sys/fs/pipe-user-pages-soft)
		pipes=$((soft / 16 + 8 < 2000 ? soft / 16 + 8 : 2000))
		mkdir pipes
		(cd pipes && exec mkfifo $(seq "$pipes"))
		for ((i = 1; i <= pipes; i++)); do exec {fd}<>"pipes/$i"; done
		head -c 3000000 /dev/urandom >in
		mkmbox -c 0 desk
		mkmbox box
		mkfifo fifo
		msend desk <in & mrecv desk | cmp - in
		wait
		msend box <in & mrecv box -- cat | cmp - in
		wait
		msend fifo <in & mrecv fifo | cmp - in
		wait
		msend -t t - <in | mtee box | mrecv - | cmp - in
		mrecv box | cmp - in
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "many channels, and many commands at work, need no more than the hard limit of descriptors; a command has what was given" {
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 1000 ] || skip "the hard limit is too low"
	ulimit -Sn 48
	mkmbox box{1..60}
	printf 'M1 1 t s\nx\n' | mtee -q box{1..60}
	[ "$(mrecv -a box{1..60} -- sh -c 'ulimit -Sn' | sort | uniq -c)" = "     60 48" ]
	printf 'M1 1 t s\nx\n' | mtee -q box{1..60}
	[ "$(mrecv -c 60 box{1..60} | wc -l)" -eq 60 ]
	run -124 --separate-stderr mrecv -w 0.1 box{1..60}
	[ -z "$stderr" ]

	mkfifo hold
	seq 40 | msend -l box1
	in_background timeout "$LIMIT" mrecv -a -j 40 box1 -- sh -c 'echo >>started; read x <hold' 3>&-
	until_true eval '[ "$(wc -l <started)" -eq 40 ]'
	exec {fd}<>hold
	printf '%s\n' {1..40} >&"$fd"
	status_of "$child"
	[ "$status" -eq 0 ]
	exec {fd}>&-
}

# ---- disk ----

# bats test_tags=no-sanitize,no-valgrind
@test "on a full disk a sender is told, what was acknowledged is there, and receivers go on" {
	in_mount size=600k <<-'END'
		mkmbox box
		sent=0 status=0
		printf -v text %08000d 0
		while err=$(msend box "message $((sent + 1)) $text" 2>&1); do sent=$((sent + 1)); done
		[ "$sent" -gt 50 ]
		[ "$err" = 'msend: cannot send to box: No space left on device' ]
		head -c 300000 /dev/zero | msend box 2>/dev/null || status=$?
		[ "$status" -eq 74 ]
		status=0
		mrecv -n box >/dev/full 2>/dev/null || status=$?
		[ "$status" -eq 74 ]
		status=0
		mrecv -w 0.1 -t none box || status=$?
		[ "$status" -eq 124 ]
		[[ $(mstat -J box) = *"\"messages\":$sent,"* ]]
		[ "$(mrecv -a -o '%l\n' box | wc -l)" -eq "$sent" ]
		msend box again
		[ "$(mrecv box)" = again ]
		! ls box | grep -E 'spool|big|wake'
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "on a full disk a sender of many says how many are there, and the next begins behind them" {
	in_mount size=600k <<-'END'
		mkmbox box
		status=0
		err=$(seq -f %04000.0f 1 500 | msend -l box 2>&1) || status=$?
		[ "$status" -eq 74 ]
		[[ $err =~ ^'msend: cannot send to box after '([0-9]+)' messages: No space left on device'$ ]]
		sent=${BASH_REMATCH[1]}
		[ "$(mrecv -a box | wc -l)" -eq "$sent" ]
		seq -f %04000.0f 1 500 | tail -n +$((sent + 1)) | head -n 5 | msend -l box
		[ "$(mrecv box)" = "$(printf %04000d $((sent + 1)))" ]
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "where there is no inode left a sender is told, and a receiver waits without its bell" {
	in_mount nr_inodes=12 <<-'END'
		mkmbox box
		: >got
		n=0
		while : >fill$n; do n=$((n + 1)); done 2>/dev/null
		status=0
		err=$(msend box x 2>&1) || status=$?
		[ "$status" -eq 74 ]
		[ "$err" = 'msend: cannot send to box: No space left on device' ]
		status=0
		mkmbox new 2>/dev/null || status=$?
		[ "$status" -eq 73 ]
		[ ! -e new ]
		status=0
		mrecv -w 0.1 box || status=$?
		[ "$status" -eq 124 ]
		rm fill0 fill1
		msend box one
		head -c 100000 /dev/zero | msend box 2>/dev/null && exit 1
		[ "$(mrecv box)" = one ]
		(exec mrecv -w 5 box >got) & child=$!
		until mstat -J box | grep -q '"receivers_waiting":1'; do sleep 0.01; done
		msend box two
		wait $child
		[ "$(cat got)" = two ]
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "on a read-only file system each tool says so" {
	in_mount size=4m <<-'END'
		mkmbox box
		msend box x
		mount -o remount,ro /mnt
		for command in 'msend box y' 'mrecv -n box' 'rmmbox -f box' 'mtee -q box' 'msend file y'; do
			status=0
			echo 'M1 0 t s' | $command >/dev/null 2>/tmp/err.$$ || status=$?
			case $status in 73 | 74 | 66) ;; *) cat /tmp/err.$$; exit 1 ;; esac
			[ "$(wc -l </tmp/err.$$)" -eq 1 ]
		done
		status=0
		mkmbox new 2>/tmp/err.$$ || status=$?
		[ "$status" -eq 73 ]
		[ "$(cat /tmp/err.$$)" = 'mkmbox: cannot make new: Read-only file system' ]
		rm -f /tmp/err.$$
		mount -o remount,rw /mnt
		[ "$(mrecv -n box)" = x ]
	END
}

# ---- kinds of file systems ----

# what every file system must be good for
everything='
	mkmbox box other
	mkmbox -c 0 desk
	head -c 300000 /dev/urandom >big
	seq 5000 | msend -l -t line box
	msend -t big box <big
	mrecv -t big box | cmp - big
	(exec mrecv -a box >/dev/null) & kill -KILL $! || :
	wait $! || :
	mrecv -a box >got || [ $? -eq 1 ]
	msend desk <big & mrecv desk | cmp - big
	wait
	(exec mrecv -w 10 box >got) & child=$!
	until mstat -J box | grep -q "\"receivers_waiting\":1"; do sleep 0.01; done
	msend -S box now
	wait $child
	[ "$(cat got)" = now ]
	msend -t big - <big | mtee -q box other
	mrecv box | cmp - big
	mrecv other | cmp - big
	rmmbox box other desk
	rm big got
	[ -z "$(ls -A)" ]
'

# bats test_tags=no-sanitize,no-valgrind
@test "a mailbox works on a file system in memory" {
	echo "$everything" | in_mount size=32m
}

# bats test_tags=no-sanitize,no-valgrind
@test "a mailbox works on an overlay, above a folder that has one already" {
	in_mount size=64m <<-END
		mkdir lower upper work merged
		cd lower
		mkmbox below
		seq 3 | msend -l below
		cd ..
		mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged
		cd merged
		[ "\$(mrecv -a below | xargs)" = '1 2 3' ]
		msend below four
		[ "\$(mrecv below)" = four ]
		rmmbox below
		$everything
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "a mailbox works on ext4" {
	if [ "$EUID" -ne 0 ] || ! command -v mkfs.ext4 >/dev/null || [ ! -e /dev/loop-control ]; then
		skip "needs root, mkfs.ext4 and loop devices"
	fi
	in_mount size=80m <<-END
		truncate -s 64M image
		mkfs.ext4 -q image
		mkdir disk
		mount -o loop image disk || exit 0
		cd disk
		rmdir lost+found
		$everything
	END
}

# in_views -- in_mount, with a second view of the folder `here`, by a process (FUSE), as `there`: for tests tagged `fuse`.
in_views()
{
	in_mount size=20m <<-END
		mkdir here there
		bindfs here there
		trap 'exec 5<&-; umount there' EXIT
		$(cat)
	END
}

# bats test_tags=fuse,no-sanitize,no-valgrind
@test "a second view of a mailbox, where locks do not meet, is refused with 71; a copy is not" {
	in_views <<-'END'
		mkmbox here/box there/two
		msend here/box hello
		msend there/two hello
		for box in there/box here/two; do
			for command in "msend $box x" "mrecv -n $box" "rmmbox -f $box"; do
				status=0
				$command 2>err || status=$?
				[ "$status" -eq 71 ]
				grep -q " $box: it was used through another file system since the machine started: locks do not meet" err
			done
		done
		cp -r here/box there/copy
		for box in here/box there/two there/copy; do [ "$(mrecv -n $box)" = hello ]; done
		rmmbox here/box there/two there/copy
		[ -z "$(ls here)" ]
	END
}

# bats test_tags=fuse,no-sanitize,no-valgrind
@test "on a FUSE file system a mailbox is removed too, and where its files are open, by the next rmmbox" {
	in_views <<-'END'
		mkmbox there/box
		rmmbox there/box
		[ -z "$(ls -A here)" ]
		mkmbox there/box
		exec 5<there/box/ctl
		status=0
		rmmbox there/box 2>err || status=$?
		[[ "$status:$(cat err)" == '124:rmmbox: cannot remove there/box: '*'esource busy' ]]
		[ ! -e there/box/lock ]
		exec 5<&-
		rmmbox there/box
		[ -z "$(ls -A here)" ]
	END
}

# bats test_tags=no-sanitize,no-valgrind
@test "a bind mount of a mailbox, or of the folder it is in, is the same mailbox" {
	in_mount size=4m <<-'END'
		mkdir here there
		mkmbox here/box
		mount --bind here there
		msend here/box x
		[ "$(mrecv -n there/box)" = x ]
		(exec mrecv -w 10 here/box >got) & child=$!
		until mstat -J there/box | grep -q '"receivers_waiting":1'; do sleep 0.01; done
		msend there/box y
		wait $child
		[ "$(cat got)" = y ]
	END
}

# ---- many ----

# bats test_tags=no-sanitize,no-valgrind
@test "a million messages wait, are counted anew after a kill, and come out in order" {
	mkmbox -b inf box
	seq 1000000 | msend -l box
	[ "$(mstat -J box | jq .messages)" -eq 1000000 ]
	[ "$(mrecv -p -n -i 1000000 box)" = 1000000 ]
	(exec -a mrecv strace -qq -o /dev/null -e inject=pwrite64:signal=KILL:when=4 mrecv box) >/dev/null 2>&1 || :
	[ "$(mstat -J box | jq .messages)" -eq 1000000 ]
	"$BUILD/inspect" box
	mrecv -a box >out
	seq 1000000 | cmp - out
	works box
	[ "$(du -sk box | cut -f1)" -le 1024 ]
}

@test "numbers of a year's messages, from 2^40 on, are numbers like others" {
	mkmbox box
	"$BUILD/inspect" -n 1099511627776 box
	[ "$(msend -v box x)" = 1099511627776 ]
	seq 70000 | msend -l box
	pattern 100000 | msend -t big box
	[ "$(mrecv -p -n -i 1099511627779 -o '%i %p' box)" = '1099511627779 3' ]
	[ "$(mrecv -p -t big -o '%i' box)" = $((1099511627776 + 70001)) ]
	mstat box >/dev/null
	mrecv box -- sh -c 'exit 75' || :
	[ "$(mrecv -o '%i %p' box)" = "1099511627776 x
" ] || [ "$(mrecv -n -i 1099511627776 box)" = x ] || true
	mrecv -t big box | cmp - <(pattern 100000)
	mrecv -a box >out
	seq 70000 | cmp - out
	works box
}

# ---- what is done to the directory ----

@test "a copy of a mailbox is another mailbox, with the messages that waited" {
	mkmbox box
	seq 5000 | msend -l box
	pattern 100000 | msend -t big box
	in_background mrecv -t none box
	receiver=$child
	in_background sh -c 'mrecv -i 1 box -- sh -c "echo >started; until [ -e go ]; do sleep 0.01; done"'
	until_true exists started
	cp -a box copy
	[ "$(mrecv -n copy)" = 1 ]
	mrecv -n -t big copy | cmp - <(pattern 100000)
	[ "$(mrecv -a copy | wc -l)" -eq 4999 ]
	msend copy x
	[ "$(mrecv -n copy)" = x ]
	run -124 mrecv -w 0.01 -t none copy     # who waits takes down the want of who does not live here
	"$BUILD/inspect" -e copy
	: >go
	until_true sh -c '[ "$(mstat -J box | jq .messages)" -eq 5000 ]'
	kill "$receiver"
	[ "$(mrecv -n box)" = 2 ]
}

@test "a mailbox restored from a backup has what waited then" {
	mkmbox box
	seq 1000 | msend -l box
	pattern 100000 | msend -t big box
	tar -cf backup.tar box
	mrecv -c 600 box >/dev/null
	rmmbox -f box
	tar -xf backup.tar
	mrecv -t big box | cmp - <(pattern 100000)
	mrecv -a box | cmp - <(seq 1000)
	works box
}

@test "who is at a mailbox that is renamed goes on there" {
	mkmbox box
	in_background sh -c 'exec mrecv -c 2 -l box >got'
	until_waiting box
	mv box moved
	msend moved one
	until_true exists got
	mkmbox box
	msend box wrong
	msend -w 5 moved two
	status_of "$child"
	[ "$status" -eq 0 ]
	[ "$(xargs <got)" = 'one two' ]
	[ "$(mrecv -n box)" = wrong ]
	works moved
}

@test "whoever waits at a mailbox that is removed with rm -r has 69 within a second or two" {
	mkmbox -c 1 box
	mkmbox open desk
	mkmbox -c 0 desk0
	msend box full
	waiters=()
	for command in 'mrecv -t none box' 'mrecv -f -t none box' 'msend box more' 'mrecv -t none box -- cat' \
	    'mrecv -p -t none box' 'msend -S open x' 'mrecv -t none box open' 'msend desk0 x'; do
		# shellcheck disable=SC2086
		in_background env $command </dev/null 2>>err >/dev/null
		waiters+=("$child")
	done
	until_waiting box 6
	until_waiting open 2
	until_true sh -c 'ls desk0/*.meet'
	rm -r box open desk0
	for pid in "${waiters[@]}"; do
		status_of "$pid"
		[ "$status" -eq 69 ] || [ "$status" -eq 125 ] || { echo "status $status: $(cat err)"; return 1; }
	done
	[ "$(grep -c 'the mailbox was removed$' err)" -eq 8 ]
	fails 66 msend box x
}

@test "a mailbox half of which rm -r has removed yet: who comes waits for the rest to go, and has 69; where it stays, 65" {
	for gone in '*.idx' '*.log' '*.big'; do
		mkmbox box
		head -c 1000000 /dev/zero | msend box
		rm box/$gone
		in_background mrecv box >/dev/null 2>err
		until_true sh -c "ls -l /proc/$child/fd | grep -q 'box/lock'"
		rm -r box
		status_of "$child"
		[ "$status" -eq 69 ]
		same err <(echo 'mrecv: cannot receive from box: the mailbox was removed')
	done
	mkmbox box
	msend box x
	rm box/*.idx
	fails 65 mrecv box
	fails 65 msend box x
}

@test "rm -r under everybody's feet: each ends with 69 or 66, or had no more to do" {
	for round in 1 2 3 4 5; do
		mkmbox -c 50 box
		workers=()
		for i in 1 2 3; do
			in_background sh -c 'yes | msend -l box 2>>err'
			workers+=("$child")
			in_background sh -c 'mrecv -f -l box >/dev/null 2>>err'
			workers+=("$child")
		done
		until_true sh -c '[ "$(mstat -J box | jq .received)" -gt 1000 ]'
		rm -rf box || rm -rf box
		for pid in "${workers[@]}"; do
			status_of "$pid"
			case $status in
			69 | 66) ;;
			*) echo "round $round: status $status: $(cat err)"; return 1 ;;
			esac
		done
		rm -rf box
	done
}

# bats test_tags=no-sanitize,no-valgrind
@test "a file that could not be removed is removed by whoever comes next" {
	needs_strace
	mkmbox box
	pattern 100000 >big
	msend box <big
	strace -qq -o /dev/null -e inject=unlinkat:error=EIO mrecv box | cmp - big
	ls box/*.big
	mstat box >/dev/null
	[ -z "$(files_of box)" ]
	"$BUILD/inspect" -e box
	# whatever the one that could not has tried
	msend box <big
	run -124 strace -qq -o /dev/null -e inject=unlinkat:error=EIO:when=1..2 mrecv -c 2 -w 0.01 box
	ls box/*.big
	mstat box >/dev/null
	[ -z "$(files_of box)" ]
	# while its process lives on, too
	mkfifo lines
	exec 5<>lines
	in_background strace -qq -o trace -e inject=unlinkat:error=EIO:when=1 msend -S -l box <lines 5>&-
	echo one >&5
	until_waiting box
	[ "$(mrecv -l box)" = one ]
	until_true grep -q INJECTED trace
	mstat box >/dev/null
	[ -z "$(files_of box)" ]
	"$BUILD/inspect" -e box
	echo two >&5
	until_waiting box
	exec 5>&-
	[ "$(mrecv -l box)" = two ]
	ended_with 0 "$child"
}

# bats test_tags=no-sanitize,no-valgrind
@test "a payload of 200 MB goes through in 24 MB of address space" {
	mkmbox -b inf box
	yes 0123456789abcdef | head -c 200000000 >in
	(ulimit -v 24000; msend box) <in
	(ulimit -v 24000; mrecv box) | cmp - in
	(ulimit -v 24000; msend -t t -) <in | (ulimit -v 24000; mtee box) | (ulimit -v 24000; mrecv -) | cmp - in
	(ulimit -v 24000; mrecv box) | cmp - in
}

# bats test_tags=no-sanitize,no-valgrind
@test "where a descriptor is missing that is what is said, and nothing half made stays" {
	for n in 3 4 5 6 7 8 9; do
		for command in 'mkmbox new' 'mcall -w 0.1 none x'; do
			# shellcheck disable=SC2086
			run timeout "$LIMIT" sh -c "ulimit -n $n; exec $command"
			[[ $output != *"exists"* && $output != *"not empty"* ]] || { echo "$n: $command: $output"; return 1; }
			[ "$status" -eq 0 ] || [ ! -e new ] || { echo "$n: $command left new"; return 1; }
			rm -rf new
		done
	done
}

# bats test_tags=no-valgrind, no-sanitize
@test "an error of the disk while a kill is mended takes no message, nor its payload, for gone" {
	mkmbox -b inf box
	head -c 100000 /dev/urandom >big
	msend -t keep box <big
	# the segment of the one that stays is rewritten: its numbers stand in the index then
	seq 66000 | msend -l -t go box
	mrecv -a -t go box | cmp - <(seq 66000)
	msend -t go box last
	local status nth hit=1
	for ((nth = 1; hit > 0 && nth < 100; nth++)); do
		# killed in the middle of a change; then the nth read of the one that mends it fails
		(exec -a mrecv strace -qq -o /dev/null -e inject=pwrite64:signal=KILL:when=2 mrecv -t go box) >/dev/null 2>&1 || :
		status=0
		timeout "$LIMIT" strace -qq -o trace -e inject=pread64:error=EIO:when=$nth mstat box >out 2>err || status=$?
		hit=$(grep -c INJECTED trace || :)
		[ "$hit" -eq 0 ] || { [ "$status" -eq 74 ] && [ -s err ]; } || { echo "read $nth: status $status"; return 1; }
	done
	[ "$nth" -gt 10 ]
	mrecv -n -t keep box | cmp - big
}
