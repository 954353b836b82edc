#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# torture.sh [-l] [-e N] [-s SEED] [-j JOBS] [-k] [-u HOW] [-p CALL:N:WHAT] [use...] -- kill each tool at each of its
# system calls, stop it there for a while, ask it there how far it is, let each of its system calls fail, and let each read
# and write do only a part of what it asks for; then see whether what letterbox(7) promises still holds.
#
#   -l  list the uses
#   -e  every Nth point only, beginning with point SEED modulo N (default 1: all of them)
#   -s  the seed; it also turns the order in which the next commands come (default 0)
#   -j  uses at a time (default: three a processor, for some wait)
#   -p  one point: at the Nth CALL, counted for each call by itself, WHAT: KILL, STOP, USR1, an errno, an errno with + for
#       this call and all later ones, SHORT for one byte alone, HALF for half of them; a failure says the whole command
#   -u  all points in these surroundings: `plain', `blocked' or `ignored' signals, `nonblocking' streams, those streams
#       `closed' that the use does not need, standard output `unheard': a socket whose peer has left.  Without it, they
#       take turns: each has every sixth point; in a small sample (-e 20) `plain' and one of the others have every second
#   -k  keep the files
#
# A use (uses.sh) is prepared once.  Each point has a fresh copy, in which strace(1) kills the tool as it enters the
# call, which is to say just after the one before it, or stops it there, or lets the call fail without being done; short.c
# lets the kernel do a part of it.  They count the calls of the tool's own process, which around.c starts.  While it is
# stopped, whoever comes to the mailbox ends in time.  Then the next commands follow, in one of three orders, within
# $LIMIT seconds each: a send, a look, a receiver that drains the mailbox; inspect.c compares the counters with the files
# in between.
# shellcheck disable=SC2034,SC2154  # uses.sh reads some of what is set here, and sets the rest
set -u
shopt -s nullglob
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${BIN:=$here/../../bin}" "${BUILD:=$here/../../build}" "${LIMIT:=10}"
export BIN BUILD LIMIT
[ -n "${TORTURE_PATH:-}" ] || { PATH=$BIN:$PATH; export PATH TORTURE_PATH=1; }
unset MBOX_DIR MBOX_SOURCE
export MBOX_SOURCE=torture
# the leak checker cannot work in a process that is traced
[ -z "${ASAN_OPTIONS:-}" ] || export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0

# ---- what can fail, and how: errnos that the call may give, by its page, go to $errors; with + those that stay

errors_of() {
	errors=''
	case $1 in
	open | openat) errors='EMFILE ENFILE ENOMEM EACCES EIO ENOSPC EINTR EMFILE+ EACCES+' ;;
	mkdir | mkdirat) errors='ENOSPC EACCES EDQUOT EIO' ;;
	mknod | mknodat) errors='ENOSPC EACCES EDQUOT EIO ENOSPC+' ;;
	link | linkat | symlink | symlinkat) errors='ENOSPC EACCES EIO' ;;
	rename | renameat | renameat2) errors='ENOSPC EACCES EIO EDQUOT' ;;
	unlink | unlinkat | rmdir) errors='EACCES EIO ENOMEM EIO+' ;;
	read) errors='EIO EINTR EIO+' ;;
	pread64) errors='EIO EINTR EIO+' ;;
	write) errors='ENOSPC EIO EINTR EDQUOT EPIPE EAGAIN ENOSPC+ EPIPE+' ;;
	pwrite64) errors='ENOSPC EIO EINTR EDQUOT ENOSPC+ EIO+' ;;
	writev | splice | tee) errors='ENOSPC EIO EINTR EPIPE EAGAIN ENOSPC+' ;;
	ftruncate | fallocate) errors='ENOSPC EIO EINTR' ;;
	fsync | fdatasync) errors='EIO ENOSPC EDQUOT' ;;
	fstat | stat | lstat | newfstatat | statx) errors='EIO ENOMEM EACCES' ;;
	access | faccessat | faccessat2) errors='EIO EACCES ENOMEM' ;;
	fchmod | fchmodat | chmod) errors='EIO EPERM' ;;
	fcntl) errors='ENOLCK EINTR EAGAIN EDEADLK ENOLCK+' ;;
	flock) errors='ENOLCK EINTR EAGAIN' ;;
	poll | ppoll) errors='EINTR ENOMEM' ;;
	timer_create) errors='EAGAIN ENOMEM' ;;
	getrandom) errors='EINTR' ;;
	# a sanitizer's own are among them, and it gives up
	mmap | mremap | brk) [ -n "${ASAN_OPTIONS:-}" ] || errors='ENOMEM ENOMEM+' ;;
	pipe | pipe2 | dup | dup2 | dup3 | memfd_create) errors='EMFILE ENFILE' ;;
	fork | vfork | clone | clone3) errors='EAGAIN ENOMEM' ;;
	wait4 | waitid) errors='EINTR' ;;
	getdents | getdents64) errors='EIO ENOMEM' ;;
	lseek | ioctl) errors='EIO' ;;
	esac
}

# shorts_of CALL -- what the call may be told to do less of goes to $shorts.
shorts_of() {
	shorts=''
	case $1 in
	read | pread64 | write | pwrite64 | splice | tee) [ ! -x "$top/short" ] || shorts='SHORT HALF' ;;
	esac
}

# ---- messages: the payload of the message NAME is "NAME." and, where it is big1, what is in the file big

# put BOX NAME... -- send them.
put() {
	local box=$1
	shift
	printf '%s.\n' "$@" | msend -l "$box"
}

# names FILE -- the names of the messages whose payloads are its lines.
names() {
	awk -v big="$work/template/big" '
		BEGIN { getline whole <big }
		$0 == "during1." { next }
		/^[a-z]+[0-9]+\.$/ { print substr($0, 1, length - 1); next }
		whole != "" && $0 == whole { print "big1"; next }
		length > 0 { print "TORN" }' "$1"
}

# bad TEXT -- the point has failed.
bad() {
	why+=("$*")
}

# Each point runs some twenty commands, and to fork costs more than most of them do: what bash can do it does.

# slurp FILE -- what is in it goes to $slurped.
slurp() {
	IFS= read -r -d '' slurped <"$1"
}

# watch -- told on standard input the pid of each command that begins, and an empty line when it has ended: kill it
# where it takes longer than $LIMIT seconds.  One process for a whole use, where timeout(1) would be one for a command.
watch() {
	local pid='' next
	while :; do
		next=''
		read -r ${pid:+-t "$LIMIT"} next
		case $? in
		0) ;;
		1) exit ;;
		*) kill -KILL "$pid" ;;
		esac
		pid=$next
	done
}

# within COMMAND... -- run it, in $LIMIT seconds; what it says and its status go to ../said and $said.
within() {
	"$@" >../said 2>../said.err </dev/null 8<&- 9>&- &
	echo $! >&9
	wait $!
	said=$?
	echo >&9
	[ "$said" -ne 137 ] || bad "this did not end within $LIMIT s: $*"
	return $said
}

# ---- while the tool waits

nap() {
	read -r -t 0.003 <&8
}

# until_asleep PID BOX [N] -- wait until N (or 1) processes sleep at the mailbox, or this one has ended.  One that is
# stopped comes there later.
until_asleep() {
	local bells looks=0 n=${3:-1}
	while kill -0 "$1"; do
		bells=("$2"/*.wake)
		# those that come to the mailbox beside a stopped tool sleep there, too
		if [ "$stops" -eq 1 ] && is_stopped && ! goes_on; then
			nap
			continue
		fi
		[ ${#bells[@]} -lt "$n" ] || return 0
		looks=$((looks + 1))
		# without a bell too, where none could be made; and where no want could be posted nothing tells
		[ $looks -lt 400 ] || { [ -n "$stopper" ] && kill -0 "$stopper"; } || return 0
		if [ $((looks % 50)) -eq 0 ] && mstat -J "$2" | grep -qE "\"(receivers|senders)_waiting\":[$n-9]"; then
			return 0
		fi
		nap
	done 2>/dev/null
	return 1
}

# ---- one point

# run_tool TRACER... -- run the tool under strace, or what else there is, and its partner; $status.
run_tool() {
	local pid stopper='' reader=''
	# with somebody who has died, the other side need not wait long
	patience=2
	[ "$killed" -eq 0 ] && [ "$surround$writes" != unheard1 ] || patience=0.3
	if [ -n "$before" ]; then
		"$before"
	fi
	if [ "$surround" = nonblocking ]; then
		exec 7> >(cat >../out)
		reader=$!
	else
		exec 7>../out
	fi
	timeout -s KILL "$((LIMIT + 2))" "${as[@]}" "$@" "${around[@]}" "${cmd[@]}" <"$input" >&7 7>&- 2>../err &
	pid=$!
	exec 7>&-
	if [ "$stops" -eq 1 ]; then
		beside_stopped "$pid" >../stopped &
		stopper=$!
	fi
	if [ -n "$partner" ]; then
		[ -z "$waits_at" ] || until_asleep "$pid" "$waits_at"
		"$partner" $pid
	fi
	wait "$pid"
	status=$?
	[ -z "$stopper$reader" ] || wait $stopper $reader
	if [ -n "$after" ]; then
		"$after"
	fi
}

# is_stopped -- whether the trace says that the tool is.
is_stopped() {
	slurp ../trace
	[[ $slurped == *"--- stopped by SIGSTOP ---"* ]]
}

goes_on() {
	slurp ../trace
	[[ $slurped == *"--- SIGCONT "* ]]
}

# beside_stopped PID -- once the tool, which is timeout's child's child, is stopped: what others do meanwhile ends in
# time.  Then it goes on.  Prints what is bad.
beside_stopped() {
	local tracer tool box
	until is_stopped; do
		kill -0 "$1" || return
		nap
	done 2>/dev/null
	read -r tracer _ <"/proc/$1/task/$1/children"
	read -r tool _ <"/proc/$tracer/task/$tracer/children"
	for box in "${boxes[@]}"; do
		ends mstat -J "$box"
		ends mrecv -w 0.02 -t no-such-tag "$box"
		[ -n "$partner$displaces$hands_over$alone" ] || ends msend -w 0.02 "$box" during1.
	done
	until goes_on; do
		kill -CONT "$tool" || return
		nap
	done
} 2>/dev/null

# ends COMMAND... -- it does, in time, beside a tool that is stopped.
ends() {
	timeout -s KILL "$LIMIT" "$@" >/dev/null
	[ $? -ne 137 ] || echo "beside the stopped tool, this did not end within $LIMIT s: $*"
}

# surround_with NAME -- what the tool is run under goes to $around.
surround_with() {
	local how=''
	surround=$1
	around=()
	case $surround in
	blocked) how=b ;;
	ignored) how=i ;;
	nonblocking) how=n ;;
	unheard) how=s ;;
	closed) how=$needless ;;
	esac
	[ -z "$how" ] || around=("$top/around" "$how")
}

# list_calls -- the calls of the tool in order, "NAME NTH LIKE ASKED": LIKE tells whose errnos it can give, - for none;
# ASKED is 1 where SIGUSR1 is answered.
# Those before `main` are told by tool --version; those before the last execve are what started it.
list_calls() {
	local killed=0 stops=0
	strace -qq -o ../startup "${cmd[0]}" --version >/dev/null
	run_tool strace -qq -o ../trace
	undisturbed=$status
	case $surround:$status in
	*:"$normally") [ "$surround$writes" != unheard1 ] ;;
	unheard:74 | unheard:125 | unheard:141) ;;
	*) false ;;
	esac || { echo "$use: undisturbed, $surround, it ends with $status: $(cat ../err)"; return 1; }
	awk -v began="$(grep -n '^execve(' ../trace | tail -n 1 | cut -d : -f 1)" '
		FILENAME == "../startup" { if (/^write\(1/ && !startup) startup = FNR - 1; next }
		/^[a-z0-9_]+\(/ && !/^execve\(/ {
			match($0, /^[a-z0-9_]+/)
			name = substr($0, 1, RLENGTH)
			n[name]++
			if (/^rt_sigaction\(SIGUSR1, \{sa_handler=0x/)
				asked = 1
			if (FNR < began)
				next
			# an unlock, and what only sets or tells a flag, cannot fail
			ours = FNR >= began + startup && !/F_UNLCK|LOCK_UN|F_SETFD|F_SETFL|F_GETFL/
			print name, n[name], ours ? (/F_DUPFD/ ? "dup" : name) : "-", asked + 0
		}' ../startup ../trace >../calls
}

# list_points -- "NAME:NTH:WHAT" of all points.
list_points() {
	local name nth like asked what errors shorts
	while read -r name nth like asked; do
		echo "$name:$nth:KILL"
		[ "$asked" -eq 0 ] || echo "$name:$nth:USR1"
		[ "$like" != - ] || continue
		errors_of "$like"
		shorts_of "$name"
		for what in STOP $errors $shorts; do
			# shellcheck disable=SC2254  # a pattern
			case $name:$what in
			$skips) ;;
			*) echo "$name:$nth:$what" ;;
			esac
		done
	done <../calls
}

counters() {
	"$top/inspect" "$@" >../inspected && return
	# the next one removes what could not be removed, but a spool while its writer lives
	case $point in
	unlink*:E*) sed -i '/nothing names [0-9]*\.spool/d' ../inspected ;;
	esac
	[ ! -s ../inspected ] || bad "inspect: $(tr '\n' ';' <../inspected)"
}

# field NAME -- a number in what mstat -J has said goes to $value.
field() {
	slurp ../said
	value=''
	[[ ! $slurped =~ \"$1\":([0-9]+) ]] || value=${BASH_REMATCH[1]}
}

# look_at BOX -- what mstat says is what a receiver sees.
look_at() {
	local seen
	within mrecv -p -a -o '%i\n' "$1" || [ "$said" -eq 1 ] || bad "mrecv -p -a $1: status $said: $(cat ../said.err)"
	mapfile -t seen <../said
	within mstat -J "$1" || bad "mstat $1: status $said: $(cat ../said.err)"
	field messages
	[ "${#seen[@]}" = "$value" ] || [ -n "$hides" ] || bad "$1: mstat says $value messages, ${#seen[@]} can be seen"
	field claimed
	[ "$value" = 0 ] || bad "$1: $value are claimed, and nobody lives"
}

# drain BOX -- take all that is there; the names go to ../left.BOX, and the last of them, which no back-off hid, to $last.
drain() {
	within mrecv -a "$1" || [ "$said" -eq 1 ] || bad "mrecv -a $1: status $said: $(cat ../said.err)"
	names ../said >"../left.$1"
	last=$(tail -n 1 "../left.$1")
	within mstat -J "$1" || bad "mstat $1: status $said: $(cat ../said.err)"
	field messages
	if [ "${value:-0}" -gt 0 ]; then
		[ -n "$hides" ] || bad "$1: mrecv -a left $value messages"
		within mrecv -c "$value" -w 2 "$1" || bad "mrecv -c $value $1: status $said: $(cat ../said.err)"
		names ../said >>"../left.$1"
	fi
}

# sends_on BOX -- the next send and receive work.
sends_on() {
	local got=../got
	if [ "$hands_over" = "$1" ]; then
		timeout -s KILL "$LIMIT" mrecv -l "$1" >../got &
		within msend "$1" last1. || bad "msend $1: status $said: $(cat ../said.err)"
		wait $! || bad "mrecv $1 failed after it"
	else
		within msend -n "$1" last1. || bad "msend $1: status $said: $(cat ../said.err)"
		within mrecv -l "$1" || bad "mrecv $1: status $said: $(cat ../said.err)"
		got=../said
	fi
	slurp "$got"
	[ "$slurped" = last1.$'\n' ] || bad "$1: sent last1, received $slurped"
}

# open_again BOX -- what mstat says of it goes to ../closed; then it is open.
open_again() {
	within mstat -J "$1" || bad "mstat $1: status $said: $(cat ../said.err)"
	grep -oE '"closed":(true|false)' ../said >../closed
	within chmbox --open "$1" || bad "chmbox --open $1: status $said: $(cat ../said.err)"
	[ ! -e "$1/closed" ] || bad "$1/closed is left"
}

# afterwards BOX ORDER -- the next commands.
afterwards() {
	local box=$1 order=$2 later='' messages
	[ -e "$box" ] || { bad "$box is gone"; return; }
	[ -z "$opens" ] || open_again "$box"
	if [ "$order" -eq 0 ] && [ "$hands_over" != "$box" ] && [ -z "$displaces" ]; then
		if within msend -n "$box" later1.; then
			later=1
		elif [ "$said" -ne 1 ]; then
			bad "msend $box: status $said: $(cat ../said.err)"
		else
			within mstat -J "$box"
			field messages
			messages=$value
			field capacity_messages
			[ "$messages" = "$value" ] || bad "msend $box: no room"
		fi
		counters "$box"
	fi
	if [ "$order" -le 1 ]; then
		within mstat -J "$box" || bad "mstat $box: status $said: $(cat ../said.err)"
		counters "$box"
		look_at "$box"
	fi
	drain "$box"
	counters "$box"
	if [ -n "$later" ]; then
		[ "$last" = later1 ] || bad "$box: the message sent later is not the last"
		sed -i '/^later1$/d' "../left.$box"
	fi
	sends_on "$box"
	within mrecv -w 0.01 -t no-such-tag "$box"
	[ "$said" -eq 124 ] || bad "mrecv -w 0.01 $box: status $said: $(cat ../said.err)"
	counters -e "$box"
}

# answered -- a tool that was asked how far it is has said so, in a line which goes out of ../err.
answered() {
	local line='^[a-z]+: ([0-9.]+[KMGTPE]? ?b?y?t?e?s?|[0-9]+ messages?)( in [0-9]+ messages?| of the answer)?, [0-9]+:[0-9][0-9]'
	grep -qE "$line" ../err || case $surround in
	blocked | ignored) ;;
	*) bad "asked how far it is, it said: $(cat ../err)" ;;
	esac
	sed -i -E "/$line/d" ../err
}

# said_so -- what the tool told: one line for a failure, none for an answer.
said_so() {
	local lines=0 line own=''
	while IFS= read -r line || [ -n "$line" ]; do
		[[ $line == "strace: "* ]] || lines=$((lines + 1))
		[[ $line != "${cmd[0]}: "* ]] || own=1
	done <../err
	# standard error is written like all else
	case $point:$status in
	write:*+:7[14] | write:*+:125) return ;;
	esac
	case $status in
	0 | "$normally" | 1 | 124) [ "$lines" -eq 0 ] || bad "status $status, and it said $(cat ../err)" ;;
	65 | 66 | 69 | 71 | 73 | 74 | 77 | 125 | 126 | 127)
		# what fails for good may fail twice
		[ "$lines" -eq 1 ] || [[ ($lines -eq 2 && $point = *+) || ($lines -le 3 && -n $warns) ]] || bad "status $status, and it said $lines lines: $(cat ../err)"
		[ -n "$own" ] || bad "it said: $(cat ../err)"
		;;
	141) ;;
	137) bad "it did not end within $((LIMIT + 2)) s" ;;
	*) bad "status $status is not for this: $(cat ../err)" ;;
	esac
}

# try POINT INDEX -- $why is what went wrong; $met whether the point came to be.
try() {
	local point=$1 name what nth inject box short='' order=$((($2 + seed) % 3))
	why=()
	IFS=: read -r name nth what <<<"$point"
	killed=0 met=0 stops=0
	: >../stopped
	: >../trace
	case $what in
	KILL) killed=1 inject="$name:signal=KILL:when=$nth" ;;
	USR1) inject="$name:signal=USR1:when=$nth" ;;
	STOP) stops=1 inject="$name:signal=STOP:when=$nth" ;;
	SHORT) short=$name:$nth:1 ;;
	HALF) short=$name:$nth:/2 ;;
	*+) inject="$name:error=${what%+}:when=$nth+" ;;
	*) inject="$name:error=$what:when=$nth" ;;
	esac
	cd "$work" || exit
	rm -rf now && cp -a template now && cd now || exit
	if [ -n "$short" ]; then
		run_tool "$top/short" -o ../trace "$short"
	else
		run_tool strace -qq -o ../trace -e inject="$inject"
	fi
	slurp ../trace
	if [ "$killed" -eq 1 ]; then
		if [[ $slurped == *$'\n'"+++ killed by SIGKILL"* ]]; then met=1; else killed=0; fi
	elif [[ $slurped == *INJECTED* || $what$slurped == "USR1"*"--- SIGUSR1 "* || $slurped == *"stopped by SIGSTOP"* || $'\n'$slurped == *$'\nSHORT'* ]]; then
		met=1
	fi
	slurp ../stopped
	[ -z "$slurped" ] || bad "$slurped"
	acked=0
	[ "$killed" -eq 1 ] || [ "$status" -ne "$normally" ] || acked=1
	[ "$what$met" != USR11 ] || answered
	[ "$killed" -eq 1 ] || said_so
	[ "$surround$writes$acked" != unheard11 ] || bad "status $status, and nobody read what it wrote"
	[ -z "$short" ] || [ "$status" -eq "$undisturbed" ] || bad "status $status, for a call that came short: $(cat ../err)"
	[ "$what" != USR1 ] || [ "$status" -eq "$undisturbed" ] || bad "status $status, for a question: $(cat ../err)"
	[ "$stops" -eq 0 ] || [ "$status" -eq "$undisturbed" ] || [ "$status" = "$outrun" ] ||
		bad "status $status, for a stop: $(cat ../err)"
	for box in "${boxes[@]}"; do
		afterwards "$box" $order
	done
	"$judge"
}

# report POINT -- a point that has failed.
report() {
	local inject kind=error
	IFS=: read -r name nth what <<<"$1"
	case $what in KILL | STOP | USR1) kind=signal ;; esac
	printf '  %s: %s\n' "$1" "${why[0]}"
	[ ${#why[@]} -eq 1 ] || printf '      %s\n' "${why[@]:1}"
	inject=$name:$kind=${what%+}:when=$nth
	[ "$what" = "${what%+}" ] || inject+=+
	case $what in
	SHORT | HALF) ;;
	*) printf '      strace -e inject=%s %s\n' "$inject" "${around[*]:+around ${around[1]} }${cmd[*]}" ;;
	esac
	printf '      again: %s -k -u %s -s %s -p %s %s\n' "tests/torture/torture.sh" "$surround" "$(((seed + index) % 3))" "$1" "$use"
}

# needless_streams -- those that the tool does without go to $needless: input of which there is none, and output of what
# never writes any.  Whether this use writes any goes to $writes.
needless_streams() {
	needless='' writes=''
	[ ! -s ../out ] || writes=1
	[ "$input" != /dev/null ] || needless+=0
	case ${cmd[0]} in
	msend | mkmbox | chmbox | rmmbox) [ -s ../out ] || needless+=1 ;;
	esac
}

# try_all POINT... -- those of the present surroundings.
try_all() {
	local point
	for point; do
		index=$((index + 1))
		[ -n "$only" ] || [ $(((index + seed) % every)) -eq 0 ] || continue
		if [ -n "$only" ]; then try "$point" 0; else try "$point" $index; fi
		[ "$met" -eq 1 ] || missed=$((missed + 1))
		case $point in
		*:KILL) kills=$((kills + 1)) ;;
		*:STOP) stopped=$((stopped + 1)) ;;
		*:USR1) asks=$((asks + 1)) ;;
		*:SHORT | *:HALF) shorts=$((shorts + 1)) ;;
		*) errors=$((errors + 1)) ;;
		esac
		if [ ${#why[@]} -gt 0 ]; then
			failures=$((failures + 1))
			text+=$'\n'$([ -z "$only" ] || index=0; report "$point")
		fi
	done
}

# begin SURROUNDINGS -- how the use goes in these, undisturbed.
begin() {
	surround_with "$1"
	cd "$work" && rm -rf now && cp -a template now && cd now && list_calls
}

# every_nth FROM N -- leave only these of the points.
every_nth() {
	local all=("${points[@]}") i
	points=()
	for ((i = $1; i < ${#all[@]}; i += $2)); do
		points+=("${all[i]}")
	done
}

# torture USE -- all its points; one paragraph.
torture() {
	local points kills=0 stopped=0 asks=0 errors=0 shorts=0 missed=0 failures=0 index=0 text='' calls=0
	local turn=0 turns=("${surroundings[@]}")
	use=$1 work=$top/$1
	mkdir -p "$work/template" && cd "$work/template" || exit
	# what a use sets
	boxes=(box) as=() input=/dev/null normally=0 partner='' before='' after='' waits_at=box
	hides='' writes='' warns='' skips='' displaces='' hands_over='' alone='' outrun='' opens='' judge=judge_nothing
	"use_$use" || { echo "$use: it could not be prepared"; return 1; }
	begin plain || return 1
	needless_streams
	calls=$(wc -l <../calls)
	# a small sample does without some
	[ "$every" -lt 20 ] || turns=(plain "${surroundings[1 + (${#use} + seed) % 5]}")
	for surround in ${where:-"${turns[@]}"}; do
		begin "$surround" || return 1
		mapfile -t points < <(list_points)
		[ -n "$where" ] || every_nth $((turn++)) ${#turns[@]}
		[ -z "$only" ] || points=("$only")
		try_all "${points[@]}"
	done 2>>"$work/shell.err"
	printf '%-16s %4d calls, %4d kills, %4d stops, %4d asks, %5d errors, %4d short, %3d not met: %s%s\n' "$use" "$calls" \
		$kills $stopped $asks $errors $shorts $missed "${failures/#0/all} $([ $failures -eq 0 ] && echo well || echo FAILED)" "$text"
	cd / || exit
	[ -n "$keep" ] || rm -rf "$work"
	[ "$failures" -eq 0 ]
}

# ---- the command line

# shellcheck source-path=SCRIPTDIR source=uses.sh
. "$here/uses.sh"
# shellcheck source-path=SCRIPTDIR source=uses_more.sh
. "$here/uses_more.sh"
surroundings=(plain blocked ignored nonblocking closed unheard)
every=1 seed=0 jobs='' only='' keep='' list='' where=''
while getopts e:j:klp:s:u: opt; do
	case $opt in
	e) every=$OPTARG ;;
	j) jobs=$OPTARG ;;
	k) keep=-k ;;
	l) list=1 ;;
	p) only=$OPTARG ;;
	s) seed=$OPTARG ;;
	u) where=$OPTARG ;;
	*) exit 64 ;;
	esac
done
shift $((OPTIND - 1))
if [ -z "${TORTURE_TOP:-}" ]; then
	# what takes longest begins first, so that nothing is left to wait for at the end
	slow=(msend_roll meet_send meet_send_big meet_receive meet_receive_big)
	mapfile -t all < <({ printf '%s\n' "${slow[@]}"; declare -F | sed -n 's/^declare -f use_//p'; } | awk '!seen[$0]++')
	[ $# -gt 0 ] || set -- "${all[@]}"
	if [ -n "$list" ]; then
		printf '%s\n' "${all[@]}"
		exit
	fi
	if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true; then
		echo "torture: strace is missing, or can trace nothing here"
		exit 77
	fi
	TORTURE_TOP=$(mktemp -d "${TMPDIR:-/tmp}/torture.XXXXXX") || exit
	export TORTURE_TOP
	unset TMPDIR
	if [ -n "$keep" ]; then
		echo "in $TORTURE_TOP"
	else
		trap 'rm -rf "$TORTURE_TOP"' EXIT
	fi
	cp "$BUILD/inspect" "$BUILD/around" "$TORTURE_TOP/" || exit
	"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -o "$TORTURE_TOP/short" "$here/short.c" ||
		echo "torture: no call is made short: how is not known here"
	[ $# -eq 1 ] || {
		printf '%s\n' "$@" | xargs -P "${jobs:-$((3 * $(nproc)))}" -n 1 "$here/torture.sh" -e "$every" -s "$seed" ${keep:+-k} \
			${where:+-u "$where"} ${only:+-p "$only"} |
			tee "$TORTURE_TOP/told"
		status=${PIPESTATUS[1]}
		awk '/ calls, .* not met: / {
				uses++; kills += $4; stops += $6; asks += $8; errors += $10; shorts += $12; missed += $14
				if (/FAILED/) { sub(/.*not met: /, ""); failures += $1 }
			}
			END {
				printf "%d uses: %d kills, %d stops, %d asks, %d failed calls, %d short ones, %d of them not met; %d went wrong\n",
					uses, kills, stops, asks, errors, shorts, missed, failures
			}' "$TORTURE_TOP/told"
		exit "$status"
	}
fi
top=$TORTURE_TOP
exec 8<> <(:)
exec 9> >(watch >&8 2>&1)
torture "$1"
