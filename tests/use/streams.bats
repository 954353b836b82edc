#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Standard streams that are closed, open the other way, or take nothing more: each tool, each use, all eight ways to
# close them.  What needs no such stream does not notice; what needs one says so, and loses nothing.

# valgrind has files of its own
# bats file_tags=no-valgrind

load ../helpers

setup()
{
	common_setup
	# bats' own descriptors would change which numbers a tool's files get
	cat >without <<-'END'
		streams=$1
		shift
		exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-
		case $streams in *0*) exec 0<&- ;; esac
		case $streams in *1*) exec 1>&- ;; esac
		case $streams in *2*) exec 2>&- ;; esac
		exec "$@"
	END
	seq 3 >in
}

teardown()
{
	common_teardown
}

ALL=(none 0 1 2 01 02 12 012)

# without STREAMS COMMAND... -- run it with these closed, standard input being `in'; its status is in $status.
without()
{
	status=0
	timeout -s KILL "$LIMIT" sh "$BATS_TEST_TMPDIR/without" "$@" <"${input:-in}" >out 2>err || status=$?
}

# gives EXPECTED STREAMS COMMAND... -- it exits with EXPECTED, and tells a failure in one line on standard error.
gives()
{
	local expected=$1 lines=0
	shift
	case $expected:$1 in
	0:* | 124:* | *:*2*) ;;
	*) lines=1 ;;
	esac
	without "$@"
	mapfile -t said <err
	[ "$status" -eq "$expected" ] && [ ${#said[@]} -eq "$lines" ] || {
		echo "status $status, not $expected, without $*: ${said[*]}"
		return 1
	}
}

# needs STATUS NEEDED STREAMS COMMAND... -- it succeeds, unless NEEDED is among STREAMS: then it exits with STATUS.
needs()
{
	local failure=$1 needed=$2
	shift 2
	case $1 in
	*[$needed]*) gives "$failure" "$@" ;;
	*) gives 0 "$@" ;;
	esac
}

# holds BOX [LINE...] -- the mailbox is sound, these are its messages, and another one comes behind them; they are
# received.
holds()
{
	local box=$1
	shift
	mstat "$box" >/dev/null || return
	msend "$box" after && mrecv -a "$box" >found || return
	printf '%s\n' "$@" after >due
	[ $# -gt 0 ] || echo after >due
	mapfile -t found <found
	mapfile -t due <due
	[ "${found[*]}" = "${due[*]}" ] || { echo "in $box: ${found[*]}"; return 1; }
}

# ---- send ----

@test "a message of words needs no stream" {
	mkmbox box durable -d
	for streams in "${ALL[@]}"; do
		gives 0 "$streams" msend box hello
		gives 0 "$streams" msend -w 5 durable hello
		holds box hello
		holds durable hello
	done
}

@test "messages of standard input are sent, or there is none: 74, and nothing is sent" {
	mkmbox box
	msend -l - <in >frames
	for streams in "${ALL[@]}"; do
		for form in -- -l -0 -F; do
			input=in
			[ "$form" != -F ] || input=frames
			needs 74 0 "$streams" msend "$form" box
			if [ "$status" -eq 0 ]; then
				holds box 1 2 3
			else
				holds box
			fi
		done
	done
	gives 74 0 msend box
	[ "$(cat err)" = 'msend: cannot read standard input: closed, or opened in the wrong mode' ]
	for form in -- -l -0 -F; do
		run -74 eval "timeout -s KILL $LIMIT env msend $form box 0>other 2>err 3>&-"
		[ "$(wc -l <err)" -eq 1 ]
	done
	holds box
}

@test "ids that can not be printed are 74, and the message was sent" {
	mkmbox box
	for streams in "${ALL[@]}"; do
		needs 74 1 "$streams" msend -v box hello
		holds box hello
	done
}

@test "a message to a pipe or to a file goes there, and nowhere else" {
	mkfifo pipe
	for streams in "${ALL[@]}"; do
		: >file
		gives 0 "$streams" msend file hello
		[ "$(mrecv -a file)" = hello ]
		needs 74 0 "$streams" msend -l file
		if [ "$status" -eq 0 ]; then
			[ "$(mrecv -a file)" = "$(lines hello 1 2 3)" ]
		else
			[ "$(mrecv -a file)" = hello ]
		fi
		in_background mrecv -w 5 pipe >got
		gives 0 "$streams" msend pipe hello
		ended_with 0 "$child"
		[ "$(cat got)" = hello ]
	done
	: >file
	gives 74 0 msend file
	[ ! -s file ]
}

@test "frames to standard output need one" {
	for streams in "${ALL[@]}"; do
		needs 74 1 "$streams" msend - hello
		[ "$status" -ne 0 ] || [ "$(mrecv - <out)" = hello ]
	done
}

# ---- receive ----

# received [EVERY] -- each form of output without each of the streams, or every so many of these pairs: others where the
# seed is another.
received()
{
	local turn=${SEED:-0}
	mkmbox box
	for streams in "${ALL[@]}"; do
		for form in -n -l -0 -F -J -e -o%p -a -p -pa 'c3' f; do
			[ $((turn++ % ${1:-1})) -eq 0 ] || continue
			msend -l box <in
			case $form in
			-*) needs 74 1 "$streams" mrecv "$form" box ;;
			c3) needs 74 1 "$streams" mrecv -c 3 box ;;
			f)
				case $streams in
				*1*) gives 74 "$streams" mrecv -f box ;;
				*) gives 124 "$streams" mrecv -f -w 0.05 box ;;
				esac
				;;
			esac
			if [ "$status" -eq 74 ] || [[ $form = -p* ]]; then
				holds box 1 2 3
			elif [[ $form = -a || $form = c3 || $form = f ]]; then
				holds box
			else
				holds box 2 3
			fi
		done
	done
	gives 74 1 mrecv box
	[ "$(cat err)" = 'mrecv: cannot write to standard output: closed, or opened in the wrong mode' ]
}

@test "what is received is written, or there is no output: 74, and the messages stay" {
	# 5 is no divisor of the 12 forms: each of them, and each way to close streams
	received 5
}

# bats test_tags=long
@test "each form of what is received is written, or there is no output: 74, and the messages stay" {
	received
}

@test "many messages do not end up in the mailbox's own files" {
	mkmbox box
	seq 2000 >many
	for streams in "${ALL[@]}"; do
		input=many
		needs 74 0 "$streams" msend -l box
		[ "$status" -eq 0 ] || msend -l box <many
		needs 74 1 "$streams" mrecv -p -a box
		needs 74 1 "$streams" mrecv -a box
		[ "$status" -eq 0 ] || mrecv -a box >out
		cmp many out
		holds box
	done
}

@test "an empty message is not received by an output that is closed" {
	mkmbox box
	: | msend box
	gives 74 1 mrecv box
	[ "$(mstat -J box | grep -c '"messages":1,')" -eq 1 ]
	holds box ''
}

@test "a pipe and a file give their messages to an output, or keep them" {
	mkfifo pipe
	for streams in "${ALL[@]}"; do
		msend -l - <in >file
		needs 74 1 "$streams" mrecv -a file
		[ "$(mrecv -a file)" = "$(cat in)" ]
		exec 5<>pipe
		printf 'M1 6 - me\nhello\n\n' >&5
		needs 74 1 "$streams" mrecv pipe
		[ "$status" -eq 0 ] || [ "$(mrecv pipe)" = hello ]
		exec 5>&-
		input='file'
		needs 74 01 "$streams" mrecv -a -
	done
}

@test "a message is not handed over to an output that is closed" {
	mkmbox -c 0 zero
	for streams in "${ALL[@]}"; do
		in_background sh without "$streams" msend zero hello
		sender=$child
		until_waiting zero
		needs 74 1 "$streams" mrecv zero
		[ "$status" -eq 0 ] || mrecv zero >out
		[ "$(cat out)" = hello ]
		ended_with 0 "$sender"
	done
}

@test "an output that takes nothing, however that is, consumes nothing" {
	mkmbox box
	mkfifo pipe
	exec 5<>pipe
	for form in -n -l -0 -F -J -e -o%p -a -f -p; do
		for output in '>/dev/full' '>&-' '</dev/null' '<pipe'; do
			msend -l box <in
			run -74 eval "timeout -s KILL $LIMIT env mrecv $form box 1$output 2>err 5>&- 3>&-"
			[ "$(wc -l <err)" -eq 1 ]
			holds box 1 2 3
		done
	done
}

# ---- commands ----

@test "a command needs no stream of mrecv's" {
	mkmbox box dead
	for streams in "${ALL[@]}"; do
		msend -l box <in
		gives 0 "$streams" mrecv box -- sh -c 'echo "$(cat)" >got'
		[ "$(cat got)" = 1 ]
		gives 0 "$streams" mrecv -a -j 2 -d dead -k 1 box -- sh -c 'echo "$(cat)" >>got'
		[ "$(sort got)" = "$(cat in)" ]
		msend -l box <in
		gives 0 "$streams" mrecv -a -b 3 box -- sh -c 'cat >got'
		[ "$(mrecv -a - <got)" = "$(cat in)" ]
		holds box
		holds dead
	done
}

@test "a command has the streams that mrecv was given, and closed ones are closed" {
	mkmbox box
	for streams in "${ALL[@]}"; do
		msend box hello
		# shellcheck disable=SC2016  # for the command's shell
		gives 0 "$streams" mrecv box -- sh -c '
			has=
			for fd in 0 1 2; do
				[ ! -e /proc/$$/fd/$fd ] || has=$has$fd
			done
			echo $has >has'
		case $streams in
		*12) expected=0 ;;
		*1) expected=02 ;;
		*2) expected=01 ;;
		*) expected=012 ;;
		esac
		[ "$(cat has)" = "$expected" ] || { echo "without $streams: $(cat has)"; return 1; }
	done
}

@test "a server answers, whatever streams it has" {
	mkmbox serve
	for streams in "${ALL[@]}"; do
		in_background sh without "$streams" mrecv -r serve -- tr '[:lower:]' '[:upper:]' <in >out 2>err
		[ "$(timeout "$LIMIT" mcall serve hello)" = HELLO ]
		ended_with 0 "$child"
		holds serve
	done
}

@test "a call that can not print its answer is not made" {
	mkmbox serve
	for streams in "${ALL[@]}"; do
		for words in hello ''; do
			case $streams:$words in
			*1*:* | *0*:) gives 125 "$streams" mcall serve $words ;;
			*)
				in_background mrecv -r serve -- tr '[:lower:]' '[:upper:]'
				gives 0 "$streams" mcall serve $words
				ended_with 0 "$child"
				[ "$(cat out)" = "$(tr '[:lower:]' '[:upper:]' <<<"${words:-$(cat in)}")" ]
				;;
			esac
			holds serve
		done
	done
}

# ---- the other tools ----

@test "mtee needs standard input, and without -q standard output: 74" {
	mkmbox a b
	msend -l - <in >frames
	input=frames
	for streams in "${ALL[@]}"; do
		for quiet in '' -q; do
			needed=01
			[ -z "$quiet" ] || needed=0
			: >file
			needs 74 "$needed" "$streams" mtee $quiet a b file
			if [ "$status" -eq 0 ]; then
				[ -n "$quiet" ] || cmp frames out
				cmp frames file
				holds a 1 2 3
				holds b 1 2 3
			else
				holds a
				holds b
				[ ! -s file ]
			fi
		done
	done
	gives 74 1 mtee a
	[ "$(cat err)" = 'mtee: cannot open standard output: closed, or opened in the wrong mode' ]
}

@test "mstat needs standard output, mkmbox and rmmbox no stream" {
	for streams in "${ALL[@]}"; do
		gives 0 "$streams" mkmbox box other
		gives 0 "$streams" mkmbox -p box
		msend box hello
		needs 74 1 "$streams" mstat box
		needs 74 1 "$streams" mstat -t box
		needs 74 1 "$streams" mstat -J
		case $streams in *1*) gives 74 "$streams" mstat -f box ;; esac
		gives 0 "$streams" rmmbox other
		holds box hello
		gives 0 "$streams" rmmbox box
		[ ! -e box ]
	done
}

@test "--help and --version need standard output: 74" {
	for tool in mkmbox msend mrecv mtee mcall mstat rmmbox; do
		for streams in "${ALL[@]}"; do
			needs 74 1 "$streams" "$tool" --help
			needs 74 1 "$streams" "$tool" --version
		done
		fails_without_room "$tool"
	done
}

# fails_without_room TOOL -- the same on a full disk.
fails_without_room()
{
	run -74 sh -c 'exec "$1" --help >/dev/full 2>&1' sh "$1"
}

# ---- errors ----

@test "an error that nobody reads goes nowhere else, and its status is the same" {
	mkmbox box
	echo rubbish >file
	# the error comes when a message has been sent
	(msend - 1 && cat file) >begun
	input=begun
	for streams in "${ALL[@]}"; do
		msend box hello
		gives 66 "$streams" msend nobox hello
		gives 66 "$streams" rmmbox nobox
		without "$streams" rmmbox box
		[ "$status" -eq 1 ]
		gives 73 "$streams" mkmbox box
		gives 125 "$streams" mrecv box nobox -- true
		gives 125 "$streams" mcall nobox hello
		gives 127 "$streams" mrecv box -- ./nocommand
		gives 125 "$streams" mrecv file -- true
		case $streams in
		*1*) ;;
		*)
			gives 66 "$streams" mrecv box nobox
			gives 65 "$streams" mrecv -T '*' -a box file
			gives 66 "$streams" mtee box nobox
			gives 66 "$streams" mstat box nobox
			;;
		esac
		case $streams in
		*0*) holds box hello ;;
		*)
			gives 65 "$streams" msend -F box
			gives 65 "$streams" mtee -q box
			holds box hello 1 1
			;;
		esac
	done
}

@test "a name of a closed stream, or of another descriptor that is closed, is no channel" {
	mkmbox box
	msend box hello
	for streams in 0 1 2 012; do
		gives 66 "$streams" msend "/dev/fd/${streams:0:1}" hello
		gives 66 "$streams" mtee -q "/dev/fd/${streams:0:1}"
		gives 125 "$streams" mrecv "/dev/fd/${streams:0:1}" -- true
	done
	# those that mrecv itself opens
	for fd in 3 4 5 6 7 8; do
		gives 66 none mrecv -T '*' -a box "/dev/fd/$fd"
		gives 66 none mtee -q box "/dev/fd/$fd"
	done
	holds box hello
}

# ---- where closed ones can not be filled as usual ----

# static_tools -- skip the test where the tools need files to start.
static_tools()
{
	grep -q -- ' -static' "$BUILD/flags" || skip "not linked statically"
}

# bats test_tags=no-sanitize
@test "no file system is needed beside the mailbox's: no /dev, no /proc" {
	static_tools
	[ "$(id -u)" -eq 0 ] || skip "chroot is root's"
	mkdir -p cell/bin
	cp "$(type -P msend)" "$(type -P mrecv)" cell/bin
	mkmbox cell/box
	for streams in "${ALL[@]}"; do
		gives 0 "$streams" chroot cell /bin/msend box hello
		needs 74 1 "$streams" chroot cell /bin/mrecv box
		[ "$status" -eq 0 ] || [ "$(mrecv -n cell/box)" = hello ]
		holds cell/box
	done
}

# bats test_tags=no-sanitize
@test "who may open nothing in a closed one's place goes no further: 71" {
	static_tools
	needs_strace
	mkmbox box
	for streams in 0 1 01 2 12 012; do
		gives 71 "$streams" strace -qq -o trace -e inject=open,openat:error=ENFILE:when=1 "$(type -P msend)" box hello
		holds box
	done
}

@test "standard input that is a directory is an input error: 74" {
	mkmbox box
	fails_with_input 74 / msend box
	fails_with_input 74 / msend -l box
	fails_with_input 74 / msend -F box
	fails_with_input 74 / mtee -q box
	fails_with_input 74 / mrecv -
	run -1 mrecv -n box
}

@test "a plain file does not feed itself: 74, and it stays as it was" {
	mkmbox box
	: >file
	: >other
	msend -t a file one
	cp file before
	fails_with_input 74 file msend -F file
	[ "$error" = 'msend: file: input file is output file' ]
	fails_with_input 74 file msend -l file
	fails_with_input 74 file mtee -q file
	fails_with_input 74 file mtee -a -q file
	run -74 sh -c 'mrecv -a -F file >>file'
	[ "$output" = 'mrecv: file: input file is output file' ]
	run -74 sh -c 'mrecv -a -F - <file >>file'
	run -74 sh -c 'mtee other <file >>file'
	run -74 sh -c 'msend -F - <file >>file'
	cmp file before
	# from one file to another, and from what is no plain file
	msend -F box <file
	timeout "$LIMIT" mrecv -F box >>file
	[ "$(mrecv -a file | xargs)" = 'one one' ]
}
