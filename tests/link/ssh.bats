# SPDX-License-Identifier: ISC
# bats file_tags=servers
# mlink over ssh, with a real sshd: nothing is lost, nothing comes twice or out of order, whatever is killed.

load ../helpers
load linking
load servers
load journey

setup_file()
{
	load ../helpers
	load servers
	needs_server ssh ssh-keygen /usr/sbin/sshd
	servers_begin
	sshd_start sshd
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
	PATH=$SERVERS/sshd/bin:$PATH
	export MBOX_LINKS=$BUILD/link
	far=ssh://far/$PWD
}

teardown()
{
	[ ! -e keys ] || cp keys "$SERVERS/sshd/authorized_keys"
	common_teardown
}

@test "messages go to a mailbox on another machine, and come from one, each once and as it was sent" {
	mkmbox 'here' "far box" back
	journey send 5 0 300 | msend -F here
	chmbox --close here
	mlink here "$far/far%20box" 2>said
	says 'linked'
	says 'closed and drained'
	chmbox --close 'far box'
	mlink "$far/far%20box" back 2>said
	journey check 5 300 < <(mrecv -a -F back) >judged
	[ "$(<judged)" = '300 arrived: 0 lost, 0 twice, 0 out of order, 0 changed' ]
}

@test "push and pull: ssh, sshd, tools and mlink on both sides killed at random: none lost, none twice, all in order" {
	mkmbox -b inf there
	parts=sshd journey_links "$far/there" sshd sshd
}

@test "a server that accepts connections and says nothing is given up, with the reason" {
	silent_start silent
	export MBOX_LINK_SCOPE=test
	gives_up "$BUILD/link/link-ssh" "ssh://127.0.0.1:$(port_of silent)/q"
	server_end silent
}

@test "idle links sleep" {
	mkmbox there
	idle_links "$far/there"
}

# held BOX -- how many messages it has.
held()
{
	local json
	json=$(mstat -J "$1" 2>/dev/null) && [[ $json =~ \"messages\":([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# both_have N -- of N messages some are there and still here.
both_have()
{
	[ $(($(held here) + $(held there))) -gt "$1" ]
}

# reader -- the mrecv of the link, in $reader.
reader()
{
	reader=$(pgrep -P "$link" -x mrecv)
}

@test "push: what has come there, and is not acknowledged here when the link is killed, comes once" {
	local hits=0 tries=0 count=4000
	mkmbox -c inf here there
	seq "$count" | msend -l here
	linking -j 5 here "$far/there"
	while [ "$hits" -lt 3 ]; do
		[ $((tries++)) -lt 100 ]
		until_true reader
		nap
		# what is under way comes there; nobody reads that it did
		kill -STOP "$reader" || continue
		for _ in 1 2 3 4 5 6 7 8; do
			both_have "$count" && break
			nap 9
		done
		if both_have "$count"; then
			hits=$((hits + 1))
			kill -KILL "$reader"
			until_true ended_process "$reader"
		else
			kill -CONT "$reader"
		fi
	done
	chmbox --close here
	ended_with 0 "$link"
	mrecv -a -l there | cmp - <(seq "$count")
}

@test "pull: what is on its way when the connection is lost, and not stored, is there again and comes nowhere else" {
	mkmbox there
	mkmbox -c 3 here
	seq 100 | msend -l --close there
	linking "$far/there" here
	until_true holds here 3
	family=() && family "$link"
	kill -KILL "$(pgrep -x ssh | grep -xF "$(lines "${family[@]}")")"
	mrecv -f there >elsewhere
	in_background mrecv -f here >came
	ended_with 0 "$link"
	chmbox --close here
	ended_with 0 "$child"
	sort -n elsewhere came | cmp - <(seq 100)
	[ "$(wc -l <came)" -ge 3 ]
}

@test "pull: where the command ends while the other side sends, that is why the link ends" {
	mkmbox -b inf there
	journey send 5 0 20000 | msend -F there
	status=0
	timeout "$LIMIT" "$BUILD/link/link-ssh" in "$far/there" sh -c 'head -c 200 >/dev/null; exit 66' 2>said || status=$?
	[ "$status" -eq 69 ]
	until_true nobody_at there
}

# holds BOX N -- whether it has so many messages.
holds()
{
	[ "$(held "$1")" = "$2" ]
}

@test "push: where the other mailbox is full and the connection is lost, nothing waits on there" {
	mkmbox here
	mkmbox -c 1 there
	msend there full
	seq 3 | msend -l here
	linking here "$far/there"
	until_true waits_at there
	family=() && family "$link"
	kill -STOP "$link"
	kill -KILL "$(pgrep -x ssh | grep -xF "$(lines "${family[@]}")")"
	until_true nobody_at there
	kill -KILL "$link"
}

# waits_at BOX -- whether somebody waits for room there.
waits_at()
{
	[[ $(mstat -J "$1") = *'"for":"room"'* ]]
}

# ended_process PID -- whether there is no such process, or nothing left of it to run.
ended_process()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

@test "no process is left on either side, whichever of a link is killed" {
	mkmbox here there
	for name in mlink mrecv link-ssh ssh; do
		: >said
		linking here "$far/there"
		until_true says linked
		case $name in
		mlink) victim=$link ;;
		*) family=() && family "$link" && victim=$(pgrep -x "$name" | grep -xF "$(lines "${family[@]}")") ;;
		esac
		kill -KILL "$victim"
		[ "$name" = mlink ] || kill -TERM "$link"
		until_true ended "$link"
		until_true nobody_at there
		until_true nobody_at here
	done
}

# nobody_at BOX -- whether no process has it open.
nobody_at()
{
	[ -z "$(find /proc/[0-9]*/fd -lname "$PWD/$1" 2>/dev/null)" ]
}

@test "what a login shell prints is not taken for acknowledgements" {
	mkmbox here there
	mkdir noisy
	# what the other side runs is begun by a shell that prints
	printf '#!/bin/sh\necho "Welcome!"\necho "1+"\nprintf "no newline"\n%s' "exec $(type -P bash) \"\$@\"" >noisy/shell
	lines '#!/bin/sh' 'for last; do :; done' \
		"exec $SERVERS/sshd/bin/ssh far \"echo 'Welcome'; echo 1+; printf 'no newline'; \$last\"" >noisy/ssh
	chmod +x noisy/*
	seq 20 | msend -l --close here
	PATH=$PWD/noisy:$PATH mlink here "$far/there" 2>said
	mrecv -a -l there | cmp - <(seq 20)
}

# forced COMMAND -- what runs there whatever is asked for, up to the end of the test.
forced()
{
	keys=$SERVERS/sshd/authorized_keys
	cp "$keys" keys
	sed "s|^|restrict,command=\"$1\" |" keys >"$keys"
}

@test "a forced command sets mailbox and scope, whatever is asked for" {
	mkmbox here jobs other
	forced "cd $PWD; echo; echo letterbox-link; exec msend -F -u fixed -A jobs"
	seq 5 | msend -l --close here
	mlink here "$far/other" 2>said
	mrecv -a -l jobs | cmp - <(seq 5)
}

@test "a login that runs no command is told, with what it says, and waits" {
	mkmbox here
	forced 'echo; echo This account is not available.; exit 1'
	linking here "$far/there"
	until_true says 'waits: link-ssh: the other side ran no command: This account is not available.'
	linking "$far/there" here
	until_true says 'here: waits: link-ssh: the other side ran no command: This account is not available.'
}

@test "a login that prints and prints, or says nothing, is given up" {
	LIMIT=90
	export MBOX_LINK_SCOPE=test
	forced 'exec sleep 1000'
	mkfifo open
	exec 8<>open
	in_background "$BUILD/link/link-ssh" out "$far/there" <open 2>silent 8>&-
	silent=$child
	until_true sh -c "pgrep -P $child ssh"
	cp keys "$keys"
	forced 'exec yes'
	in_background "$BUILD/link/link-ssh" in "$far/there" cat 2>prints
	ended_with 75 "$child"
	ended_with 75 "$silent"
	exec 8>&-
	grep -q 'nothing printed the line letterbox-link' silent
	grep -q 'nothing printed the line letterbox-link' prints
}

@test "tags and mailboxes that a shell would take for more are only names" {
	hostile=$'`touch pwned`$(touch pwned);touch pwned|\'"\\!'
	mkmbox here "$hostile"
	msend -t '$(touch${IFS}pwned)' -s '`touch${IFS}pwned`' --close here x
	url=$far/
	for ((i = 0; i < ${#hostile}; i++)); do
		printf -v url '%s%%%02x' "$url" "'${hostile:i:1}"
	done
	mlink here "$url" 2>said
	[ "$(mrecv -o '%t %s' "./$hostile")" = '$(touch${IFS}pwned) `touch${IFS}pwned`' ]
	[ ! -e pwned ]
}

@test "a key that is refused, a host key that is not known and a mailbox that is not there are told, and wait" {
	mkmbox here
	linking here ssh://nobody-of-that-name@far/x
	until_true says 'waits: link-ssh: nobody-of-that-name@127.0.0.1: Permission denied'
	linking here "$far/nosuch"
	until_true says "waits: link-ssh: msend: no mailbox at $PWD/nosuch (mkmbox $PWD/nosuch makes it)"
	linking here "ssh://localhost:$(port_of sshd)/x"
	until_true says 'waits: link-ssh: Host key verification failed'
}

@test "a machine that is away is lost, and linked again once it is back" {
	mkmbox here there
	linking here "$far/there"
	until_true says linked
	server_kill sshd
	until_true says 'lost (link-ssh: '
	seq 3 | msend -l here
	server_again sshd
	[ "$(mrecv -c 3 -l there | xargs)" = '1 2 3' ]
}

@test "a mailbox at the other side that is closed makes the link wait; a message is there once it is open" {
	mkmbox here there
	chmbox --close there
	linking here "$far/there"
	msend here x
	until_true says 'waits: link-ssh: msend: '
	[ "$(mstat -J here | grep -o '"messages":1')" = '"messages":1' ]
}

@test "the source mailbox removed and made anew: nothing that is sent then is taken for what was there" {
	mkmbox here there
	linking here "$far/there"
	until_true says linked
	seq 5 | msend -l here
	[ "$(mrecv -c 5 -l there | xargs)" = '1 2 3 4 5' ]
	rmmbox here
	until_true says 'here is not there'
	mkmbox here
	seq 11 15 | msend -l here
	[ "$(mrecv -c 5 -l there | xargs)" = '11 12 13 14 15' ]
}

@test "two links in a circle: each message is once in either mailbox, then a dead letter" {
	mkmbox a b dead
	linking -d dead a "$far/b"
	linking -d dead b "$far/a"
	seq 5 | msend -l a
	[ "$(mrecv -c 5 -l dead | xargs)" = '1 2 3 4 5' ]
	[ "$(mstat -J a | grep -o '"messages":[0-9]*')" = '"messages":0' ]
}
