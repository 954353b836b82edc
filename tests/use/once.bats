#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# From mailbox to mailbox: what is committed is acknowledged, and what comes again is not sent twice.

load ../helpers

setup()
{
	common_setup
	mkmbox near far
}

teardown()
{
	common_teardown
}

# frames FILE N -- N messages of the mailbox near, from 1 on, as frames in FILE.
frames()
{
	seq "$2" | msend -l near
	mrecv -a -F near >"$1"
}

# ---- acknowledgements: msend -F -A ----

@test "msend -F -A acknowledges each frame's own id, of many with one line, once they are in the mailbox" {
	frames stream 5
	run -0 msend -F -A far <stream
	[ "$output" = 5+ ]
	same <(mrecv -a -l far) <(seq 5)
	seq 3 | msend -l near
	{ mrecv -F near; until_true exists acks; mrecv -a -F near; } | msend -F -A far >acks
	same acks <(printf '6+\n8+\n')
	run -0 msend -F -A far </dev/null
	[ -z "$output" ]
}

@test "a long stream is acknowledged while it is sent, in the order of its frames" {
	seq 20000 | msend -l near
	mrecv -a -F near | msend -F -A far >acks
	[ "$(tail -n 1 acks)" = 20000+ ]
	sort -n -c <(tr -d + <acks)
	[ "$(wc -l <acks)" -lt 2000 ]
	same <(mrecv -a -l far) <(seq 20000)
}

@test "large payloads, mailboxes of capacity 0 and synchronous sends are acknowledged one by one" {
	head -c 300000 /dev/zero | tr '\0' x | msend near
	msend near small
	mrecv -a -F near >stream
	run -0 msend -F -A far <stream
	[ "$output" = $'1+\n2+' ]
	mkmbox -c 0 meet
	in_background mrecv -c 2 meet >got
	run -0 msend -F -A meet <stream
	[ "$output" = $'1+\n2+' ]
	in_background mrecv -c 4 far >got.far
	run -0 msend -F -S -A far <stream
	[ "$output" = $'1+\n2+' ]
}

@test "a synchronous send that is not received is not acknowledged" {
	frames stream 2
	run -124 msend -F -S -w 0.1 -A far <stream
	[ -z "$output" ]
}

@test "what a full or closed mailbox took before it refuses the rest is acknowledged" {
	mkmbox -c 3 small
	frames stream 5
	run -124 msend -F -A -w 0.1 small <stream
	[ "$output" = 3+ ]
	run -1 msend -F -A -n small <stream
	[ -z "$output" ]
	chmbox --close small
	run -69 --separate-stderr msend -F -A small <stream
	[ -z "$output" ]
}

@test "a frame without an id is 65 with -A, and those before it are sent and acknowledged" {
	printf 'M1 1 - - id=4\na\nM1 1 - -\nb\nM1 1 - - id=5\nc\n' >stream
	run -65 --separate-stderr msend -F -A far <stream
	[ "$output" = 4+ ]
	[ "$stderr" = "msend: standard input: byte 16: the frame has no id to be acknowledged by" ]
	[ "$(mrecv -a far)" = a ]
}

@test "an acknowledgement that cannot be written is 74, and no more is sent" {
	frames stream 9
	for out in '&-' /dev/full; do
		run -74 --separate-stderr bash -c "msend -F -A far <stream >$out"
		[[ $stderr == "msend: cannot write to standard output: "* ]]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
	# nobody reads: SIGPIPE does not end it without a word
	{ msend -F -A far <stream 2>err || echo "$?" >status; } > >(:; exit)
	! exists status || [ "$(cat status)" = 74 ]
}

@test "msend -A goes with -F and a mailbox, not with -v: 64" {
	frames stream 1
	run -64 msend -A far hello
	run -64 msend -l -A far <stream
	run -64 msend -F -A -v far <stream
	run -64 msend -F -A - <stream
	[ -z "$(mrecv -a far || :)" ]
}

@test "a message too large for a header line does not take along those before it" {
	{ printf 'M1 1 - -\na\n'; printf 'M1 1 - - k=%04050d\nb\n' 0; } >stream
	run -65 msend -F far <stream
	[ "$(mrecv -a far)" = a ]
}

# ---- names: mrecv -u, and msend -u, which sends each message once ----

# named FILE N -- N messages of the mailbox near, from 1 on, as frames with names in FILE.
named()
{
	seq "$2" | msend -l near
	mrecv -a -F -u near >"$1"
}

@test "mrecv -u names each frame by its mailbox and number, and tells the way that it came" {
	named stream 2
	[[ $(head -n 1 stream) =~ ^M1\ 1\ -\ [^\ ]+\ id=1\ time=[0-9.]+\ once=([0-9a-f]{32})/1\ via=([0-9a-f]{16})$ ]]
	name=${BASH_REMATCH[1]}
	[[ $(sed -n 3p stream) == *" once=$name/2 via="* ]]
	# through another mailbox the way grows, and the name is anew
	msend -F -u s far <stream
	mrecv -a -F -u far >next
	[[ $(head -n 1 next) =~ \ once=([0-9a-f]{32})/1\ via=${BASH_REMATCH[2]},[0-9a-f]{16}$ ]]
	[ "${BASH_REMATCH[1]}" != "$name" ]
}

@test "without -u a frame's name and way go no further: not into a mailbox, a pipe or a file, nor with mtee" {
	named stream 1
	msend -F far <stream
	run -0 mrecv -F far
	[[ $output != *once=* ]] && [[ $output != *via=* ]]
	: >file
	msend -F file <stream
	mtee -F far 2>/dev/null <stream || mtee far <stream >>file
	run grep -c -E 'once=|via=' file
	[ "$output" = 0 ]
	# but mrecv that reads it from a pipe leaves it as it is
	same <(mrecv -F - <stream) stream
	run -64 msend -H once=x far hello
	run -64 msend -H via=x far hello
}

@test "a dead letter has no name and no way: it can be sent on by msend -u" {
	mkmbox dead
	named stream 1
	msend -F -u s far <stream
	run -0 mrecv -b 1 -u -k 1 -d dead far -- false || :
	run -0 mrecv -p -F dead
	[[ $output != *once=* ]] && [[ $output != *via=* ]]
	mrecv -F -u dead | msend -F -u s far
	[ "$(mrecv -a far)" = 1 ]
}

@test "msend -u sends a message that comes again only once, and acknowledges it all the same" {
	named stream 5
	run -0 msend -F -u s -A far <stream
	[ "$output" = 5+ ]
	run -0 msend -F -u s -A far <stream
	[ "$output" = 5+ ]
	same <(mrecv -a -l far) <(seq 5)
	# received, it stays taken
	run -0 msend -F -u s -A far <stream
	run -1 mrecv -n far
}

@test "a message that stands in one stream twice is sent once" {
	named stream 3
	cat stream stream stream | msend -F -u s -A far >acks
	[ "$(tail -n 1 acks)" = 3+ ]
	same <(mrecv -a -l far) <(seq 3)
}

@test "what is new among what comes again is sent, in its place" {
	seq 6 | msend -l near
	mrecv -a -F -u near >stream
	sed -n '3,4p;7,8p' stream | msend -F -u s far
	msend -F -u s far <stream
	[ "$(mrecv -a -l far | xargs)" = "2 4 1 3 5 6" ]
}

@test "another scope, and a mailbox made anew, are other senders" {
	named stream 2
	msend -F -u one far <stream
	msend -F -u two far <stream
	rmmbox near
	mkmbox near
	named stream 2
	msend -F -u one far <stream
	[ "$(mrecv -a -l far | xargs)" = "1 2 1 2 1 2" ]
}

@test "senders at the same time, of several mailboxes, send each message once" {
	mkmbox third
	seq 3000 | msend -l near
	seq 3001 6000 | msend -l third
	mrecv -a -F -u near >a
	mrecv -a -F -u third >b
	local kids=()
	for _ in 1 2 3; do
		in_background bash -c 'cat a b | msend -F -u s far'
		kids+=("$child")
		in_background bash -c 'cat b a | msend -F -u s far'
		kids+=("$child")
	done
	for child in "${kids[@]}"; do ended_with 0 "$child"; done
	same <(mrecv -a -l far | sort -n) <(seq 6000)
}

@test "large payloads are sent once" {
	head -c 300000 /dev/zero | tr '\0' x | msend near
	msend near small
	head -c 200000 /dev/zero | tr '\0' y | msend near
	mrecv -a -F -u near >stream
	run -0 msend -F -u s -A far <stream
	run -0 msend -F -u s -A far <stream
	[ "$output" = $'1+\n2+\n3+' ]
	[ "$(mrecv -a far | wc -c)" -eq 500008 ]
	chmbox --close far
	run -0 msend -F -u s -A far <stream
	[ "$output" = $'1+\n2+\n3+' ]
	run -1 mrecv -n far
	[ -z "$(files_of far)" ]
}

@test "what was taken before is acknowledged where the mailbox is full, or closed; what is new waits, or is 69" {
	mkmbox -c 3 small
	named stream 4
	run -124 msend -F -u s -A -w 0.1 small <stream
	[ "$output" = 3+ ]
	run -124 msend -F -u s -A -w 0.1 small <stream
	[ "$output" = 3+ ]
	run -1 msend -F -u s -A -n small <stream
	[ "$output" = 3+ ]
	chmbox --close small
	run -69 --separate-stderr msend -F -u s -A small <stream
	[ "$output" = 3+ ]
	[ "$(mrecv -a -l small | xargs)" = "1 2 3" ]
}

@test "the last 65,536 of a mailbox are remembered, whatever became of them; older ones may come twice" {
	mkmbox -b inf big
	seq 70000 | msend -l near
	mrecv -a -F -u near >stream
	msend -F -u s big <stream
	mrecv -a big >/dev/null
	tail -n $((2 * 65536)) stream | msend -F -u s big
	run -1 mrecv -n big
	head -n 2 stream | msend -F -u s big
	[ "$(mrecv big)" = 1 ]
}

@test "a message by its name alone counts: other messages of the same text are others" {
	yes same | head -n 100 | msend -l near
	mrecv -a -F -u near | msend -F -u s far
	[ "$(mrecv -a -l far | wc -l)" -eq 100 ]
}

@test "64 mailboxes are remembered for each scope: what the one used longest ago has sent is forgotten, and counted" {
	local n
	for n in {1..66}; do
		printf 'M1 1 - - id=1 once=%032x/1\nx\n' "$n"
	done >stream
	msend -F -u s far <stream
	[ "$(mrecv -a -l far | wc -l)" -eq 66 ]
	tail -n 4 stream | msend -F -u s far
	run -1 mrecv -n far
	head -n 2 stream | msend -F -u s far
	[ "$(mrecv -a far)" = x ]
	[[ $(mstat -J far) == *'"forgotten":3,'* ]]
	# another scope has forgotten nothing
	msend -F -u t far <stream
	mrecv -a far >/dev/null
}

@test "a name is needed, and must be one: 65, with those before sent" {
	named stream 1
	{ cat stream; printf 'M1 1 - - id=2 once=xyz/1\nb\n'; } >bad
	run -65 --separate-stderr msend -F -u s -A far <bad
	[ "$output" = 1+ ]
	[[ $stderr == *"the frame has no header once"* ]]
	for once in "$(printf %032x 1)/0" "$(printf %032x 1)" "$(printf %032X 10)/1" "$(printf %031x 1)/1"; do
		run -65 msend -F -u s far < <(printf 'M1 1 - - once=%s\nb\n' "$once")
	done
	[ "$(mrecv -a -l far)" = 1 ]
}

@test "-u goes with frames, and a mailbox that keeps messages: 64; for members: 77" {
	named stream 1
	run -64 msend -u s far hello
	run -64 msend -F -S -u s far <stream
	run -64 msend -F -v -u s far <stream
	run -64 msend -F -u s - <stream
	run -64 msend -F -u '' far <stream
	run -64 msend -F -u 'a b' far <stream
	run -64 msend -F -u "$(printf %065d 1)" far <stream
	run -0 msend -F -u "$(printf %064d 1)" far <stream
	mkmbox -c 0 meet
	run -64 msend -F -u s meet <stream
	run -64 mrecv -u near
	run -64 mrecv -J -u near
	run -64 mrecv -u near -- cat
}

# ---- whose mailbox it is, and what becomes of its file ----

@test "users who may only send cannot send once: 77, and nothing is sent" {
	chmbox -m 0622 far
	named stream 1
	run -77 as_nobody msend -F -u s -A far <stream
	[[ $output != *+* ]]
	run -1 mrecv -n far
}

@test "a mailbox keeps what it remembers when its mode is changed, and members share it" {
	named stream 3
	head -n 4 stream | msend -F -u s far
	chmbox -m 0666 far
	[ "$(stat -c %a far/once)" = 666 ]
	run -0 as_nobody msend -F -u s -A far <stream
	[ "$output" = 3+ ]
	msend -F -u s far <stream
	[ "$(mrecv -a -l far | xargs)" = "1 2 3" ]
	chmbox -m 0600 far
	[ "$(stat -c %a far/once)" = 600 ]
	msend -F -u s far <stream
	run -1 mrecv -n far
}

@test "a file \`once' that is damaged or gone takes no message along: it comes again" {
	named stream 3
	local harm
	for harm in 'head -c 4096 /dev/urandom' 'printf x' 'dd bs=1 count=64 if=/dev/urandom seek=4096' rm 'ln -sf ../near/ctl'; do
		rm -rf box
		mkmbox box
		msend -F -u s box <stream
		mrecv -a box >/dev/null
		case $harm in
		dd*) $harm conv=notrunc status=none of=box/once ;;
		rm | ln*) $harm box/once ;;
		*) $harm | dd conv=notrunc status=none of=box/once ;;
		esac
		msend -F -u s box <stream
		[ "$(mrecv -a -l box | xargs)" = "1 2 3" ]
		msend -F -u s box <stream
		run -1 mrecv -n box
	done
	mstat near
}

@test "where a limit of the size of files has no room for a name, its message is not sent: it fails, and comes later" {
	named first 1
	msend -F -u a far <first
	named stream 2
	# the second window begins at a megabyte
	run bash -c 'ulimit -f 200; exec msend -F -u b -A far <stream'
	[ "$status" -ge 70 ]
	[[ $output != *+* ]]
	run -0 msend -F -u b -A far <stream
	[ "$output" = 3+ ]
	[ "$(mrecv -a -l far | xargs)" = "1 1 2" ]
}

# ---- what the mailbox remembers after a boot, and in a copy ----

# sent_again BOX -- what of `stream' goes into the mailbox, sent once more.
sent_again()
{
	mrecv -a "$1" >/dev/null || :
	msend -F -u s "$1" <stream
	{ mrecv -a -l "$1" || :; } | xargs
}

@test "after a boot a durable mailbox remembers all that it has acknowledged, also what was received" {
	mkmbox -d -c inf keeps
	named stream 5
	head -n 4 stream | msend -F -u s -A keeps
	[ "$(mrecv -a -l keeps | xargs)" = "1 2" ]
	msend -F -u s -A keeps <stream
	mrecv -a keeps >/dev/null
	# from the second boot on there is no segment any more
	for _ in 1 2 3; do
		"$BUILD/boot" keeps
		[ -z "$(sent_again keeps)" ]
	done
	# and what came after it
	seq 6 9 | msend -l near
	mrecv -a -F -u near >>stream
	[ "$(sent_again keeps)" = "6 7 8 9" ]
	"$BUILD/boot" keeps
	[ -z "$(sent_again keeps)" ]
	[ -z "$(files_of keeps)" ]
	run ! compgen -G 'keeps/*.log'
}

@test "after a boot the last 65,536 of each sender are remembered in a durable mailbox, and no more" {
	mkmbox -d -b inf -c inf keeps
	mkmbox other
	seq 70000 | msend -l near
	mrecv -a -F -u near >stream
	msend -F -u s keeps <stream
	seq 3 | msend -l other
	mrecv -a -F -u other | tee others | msend -F -u s keeps
	mrecv -a keeps >/dev/null
	"$BUILD/boot" keeps
	tail -n $((2 * 65536)) stream | msend -F -u s keeps
	msend -F -u s keeps <others
	run -1 mrecv -n keeps
	head -n 2 stream | msend -F -u s keeps
	[ "$(mrecv keeps)" = 1 ]
}

@test "after a boot, and in a copy, any mailbox remembers what waits in it, and nothing else" {
	named stream 5
	mkmbox -d lasts
	for box in far lasts; do
		msend -F -u s "$box" <stream
		mrecv -c 2 "$box" >/dev/null
		cp -a "$box" copy
		msend -F -u s copy <stream
		[ "$(mrecv -a -l copy | xargs)" = "3 4 5 1 2" ]
		rm -r copy
	done
	"$BUILD/boot" far
	msend -F -u s far <stream
	[ "$(mrecv -a -l far | xargs)" = "3 4 5 1 2" ]
	"$BUILD/boot" far
	[ "$(sent_again far)" = "1 2 3 4 5" ]
}

@test "a mailbox restored from a backup: what it sends is new, what it has sent is not sent twice, and so in a copy beside it" {
	named stream 3
	seq 3 | msend -l near
	mrecv -p -a -F -u near | msend -F -u s far
	cp -a near backup
	seq 4 5 | msend -l near
	mrecv -a -F -u near | msend -F -u s far
	mrecv -a far >/dev/null
	# ext4 gives the number of the file that was removed to the next
	rm -r near
	cp -a backup near
	lines a b | msend -l near
	mrecv -a -F -u near | msend -F -u s far
	[ "$(mrecv -a -l far | xargs)" = "a b" ]
	lines c d | msend -l backup
	mrecv -a -F -u backup | msend -F -u s far
	[ "$(mrecv -a -l far | xargs)" = "c d" ]
}

@test "a name whose message is not there counts no more after a boot: it is sent" {
	named stream 5
	msend -F -u s far <stream
	# a frame that never reached the disk
	printf XXXX | dd bs=1 seek=40 conv=notrunc status=none of=far/00000000000000000001.log
	"$BUILD/boot" far
	run -0 --separate-stderr msend -F -u s far <stream
	[[ $stderr == *"1 damaged"* || $stderr == *damaged* ]]
	[ "$(mrecv -a -l far | xargs | tr ' ' '\n' | sort | xargs)" = "1 2 3 4 5" ]
}

@test "what a mailbox remembers is forgotten where a boot finds no room to write it, and it works" {
	mkmbox -d keeps
	mkmbox other
	msend other 1
	{ mrecv -F -u other; named first 1; cat first; } >stream
	msend -F -u s keeps <stream
	mrecv -a keeps >/dev/null
	"$BUILD/boot" keeps
	# the second window begins at a megabyte
	run -1 bash -c 'ulimit -f 200; exec mrecv -n keeps'
	[ "$(sent_again keeps)" = "1 1" ]
	[ -z "$(files_of keeps)" ]
	"$BUILD/boot" keeps
	[ -z "$(sent_again keeps)" ]
}

# ---- loops ----

@test "a message that comes back to a mailbox that it came through is a dead letter: loop" {
	mkmbox dead
	msend near hello
	mrecv -F -u near | msend -F -u s far
	mrecv -F -u far | msend -F -u s near
	msend near other
	run -0 mrecv -a -F -u -d dead near
	[[ $output == *other* ]] && [[ $output != *hello* ]]
	[ "$(mrecv -o '%h{status} %h{origin} %p' dead)" = "loop near hello" ]
}

@test "after 16 mailboxes a message is a dead letter: hops" {
	mkmbox dead
	printf 'M1 1 - - id=1 once=%032x/1 via=%s\nx\n' 1 "$(seq -s , -f %016.0f 1 15)" | msend -F -u s far
	printf 'M1 1 - - id=1 once=%032x/2 via=%s\ny\n' 1 "$(seq -s , -f %016.0f 1 16)" | msend -F -u s far
	msend far z
	run -0 mrecv -a -F -u -d dead far
	[[ $output == *$'\nx\n'* ]] && [[ $output == *$'\nz' ]] && [[ $output != *$'\ny\n'* ]]
	[ "$(mrecv -o '%h{status} %p' dead)" = "hops y" ]
}

@test "headers that leave no room for what links add make a dead letter: long" {
	mkmbox dead
	msend -H k="$(printf %03900d 0)" near big
	msend near small
	run -0 mrecv -a -F -u -d dead near
	[[ $output == *small ]] && [[ $output != *big* ]]
	[ "$(mrecv -o '%h{status}' dead)" = long ]
}

@test "without a mailbox for dead letters such a message ends mrecv -u with 65, and stays" {
	msend near a
	mrecv -F -u near | msend -F -u s far
	mrecv -F -u far | msend -F -u s near
	msend near b
	run -65 --separate-stderr mrecv -a -F -u near
	[ -z "$output" ]
	[ "$stderr" = "mrecv: near: message 2 has been here before: a loop of links: it can only be a dead letter (-d)" ]
	run -125 --separate-stderr mrecv -a -A -u near -- msend -F -u s -A far
	[[ $stderr == *"a loop of links"* ]]
	[ "$(mrecv -a -l near | xargs)" = "a b" ]
}

# ---- both together ----

ended_or_pid()
{
	[ -e pid ] || ended "$child"
}

@test "mrecv -A -u | msend -u -A: each of both killed at random, and each message is sent once, in order" {
	seq 20000 | msend -l near
	local n status=2
	# 1: the one before was killed when all had gone
	for ((n = 0; status > 1; n++)); do
		rm -f pid
		in_background env mrecv -a -A -u -j 5 near -- sh -c 'echo $$ >pid.new; mv pid.new pid; exec msend -F -u s -A far'
		until_true ended_or_pid
		nap $((n % 7))
		if [ "$n" -lt 30 ]; then
			if ((n % 2)); then kill -KILL "$child"; else kill -KILL "$(cat pid)"; fi 2>/dev/null || :
		fi
		status=0
		wait "$child" || status=$?
	done 2>/dev/null
	same <(mrecv -a -l far) <(seq 20000)
}
