#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# bats file_tags=servers
# link-nats: mailboxes to and from JetStream, by real servers.

load ../helpers
load servers
load journey

setup_file()
{
	load ../helpers
	load servers
	needs_server nats-server
	servers_begin
	[ -x "$BUILD/link/link-nats" ] || needs_server link-nats
	nats_start nats 'max_payload: 8MB'
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
	needs_server nats-server
	[ -x "$BUILD/link/link-nats" ] || needs_server link-nats
	PATH=$BUILD/link:$PATH
	export MBOX_LINKS=$BUILD/link
	unset NETRC
	HOME=$BATS_TEST_TMPDIR
	server=nats
	mkmbox jobs back
}

teardown()
{
	common_teardown
	nats_js nats STREAM.DELETE.jobs || :
} >/dev/null

# stream [MEMBERS] -- make the stream, with what else it is to be; its URL is in $url.
stream()
{
	nats_js "$server" STREAM.CREATE.jobs '{"name":"jobs","subjects":["jobs"],"storage":"file"'"${1:+,$1}}" >/dev/null
	url=nats://127.0.0.1:$(port_of "$server")/jobs
}

# held MEMBER -- a number in what JetStream says of the stream.
held()
{
	local info
	info=$(nats_js "$server" STREAM.INFO.jobs) || return
	[[ $info =~ \"$1\":([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# has N -- whether the stream has so many messages.
has()
{
	[ "$(held messages)" = "$1" ]
}

# is_in BOX N -- whether the mailbox has so many.
is_in()
{
	[ "$(mstat -J "$1" | jq .messages)" = "$2" ]
}

# out [URL] -- all that is in jobs, then the end.
out()
{
	mrecv -a -A -u jobs -- link-nats out "${1:-$url}"
}

# in_until BOX N -- a link from the stream, until the mailbox has N messages.
in_until()
{
	in_background link-nats in "$url" msend -F -u link -A "$1"
	until_true is_in "$1" "$2"
	kill -TERM "$child"
	ended_with 143 "$child"
}

# raw BYTES -- to the server, as printf(1) knows them, by a client that knows nothing of us.
raw()
{
	greets "$(port_of nats)" "CONNECT {\"verbose\":false}\r\n$1PING\r\n" 'INFO*'
}

# subscriber REPLY... -- a program that answers all that is sent to the subject, with these in turn, once it is there.
subscriber()
{
	in_background replies "$@"
	until_true exists subscribed
}

replies()
{
	local line reply n=0
	exec 9<>"/dev/tcp/127.0.0.1/$(port_of nats)" || return
	printf 'CONNECT {"verbose":false}\r\nSUB jobs 1\r\nPING\r\n' >&9
	while IFS= read -r line <&9; do
		case $line in
		PONG*) echo >subscribed ;;
		PING*) printf 'PONG\r\n' >&9 ;;
		MSG*)
			reply=${line#MSG * * }
			line=${*:$((n++ % $# + 1)):1}
			printf 'PUB %s %d\r\n%s\r\n' "${reply% *}" ${#line} "$line" >&9
			;;
		esac
	done
}

# ends STATUS WORDS COMMAND... -- it exits with STATUS and says WORDS last.
ends()
{
	status=0
	timeout "$LIMIT" "${@:3}" 2>said </dev/null || status=$?
	cat said
	[ "$status" -eq "$1" ] && [[ $(tail -n 1 said) = "link-nats: "*"$2"* ]]
}

# consumer MEMBERS -- make the consumer, before a link does.
consumer()
{
	nats_js nats CONSUMER.DURABLE.CREATE.jobs.letterbox '{"stream_name":"jobs","config":{"durable_name":"letterbox",
		"ack_policy":"explicit",'"$1"'}}' >/dev/null
}

# headers N -- those of a message in the stream.
headers()
{
	nats_js nats STREAM.MSG.GET.jobs '{"seq":'"$1"'}' | jq -r .message.hdrs | base64 -d
}

@test "it says that it takes a stream of frames" {
	[ "$(link-nats form)" = stream ]
}

@test "what goes out and comes back is the same, byte for byte, in its order" {
	stream
	journey send 1 0 "$LINK_MESSAGES" "$(journey_big)" | msend -F jobs
	out
	has "$LINK_MESSAGES"
	in_until back "$LINK_MESSAGES"
	journey_judge back 1 "$LINK_MESSAGES"
	[ "$arrived" = "$LINK_MESSAGES arrived: 0 lost, 0 twice, 0 out of order, 0 changed" ]
}

@test "whatever is killed, the links, tools or the server: nothing is lost, comes twice or out of order" {
	stream
	journey_links "$url" nats nats
}

@test "a stream keeps a message once that is sent twice" {
	stream
	msend -t a jobs one
	mrecv -F -u jobs >frame
	link-nats out "$url" <frame
	link-nats out "$url" <frame
	has 1
}

@test "without a stream for the subject, a server or permission it says so, by its status" {
	stream
	fails 69 link-nats out "${url%jobs}none"
	[[ $error = "link-nats: none: no stream has this subject" ]]
	fails 69 link-nats in "${url%jobs}none" true
	fails 69 link-nats out "$url?stream=other"
	fails 75 link-nats out nats://127.0.0.1:1/jobs
	fails 64 link-nats out "$url?strem=jobs"
	fails 64 link-nats out "${url%jobs}"
	fails 64 link-nats out "${url%jobs}a.*"
	fails 64 link-nats in "$url?durable=a.b" true
	fails 64 link-nats out nats://me:secret@127.0.0.1/jobs
	[[ $error != *secret* ]]
}

@test "of several servers the first that lets it in is taken" {
	stream
	msend jobs one
	out "nats://127.0.0.1:1,127.0.0.1:$(port_of nats)/jobs"
	has 1
}

@test "a stream that is deleted on the way: 69, and nothing is lost" {
	stream
	in_background mrecv -f -A -u jobs -- link-nats out "$url"
	away=$child
	in_background link-nats in "$url" msend -F -u link -A back
	home=$child
	msend jobs one
	until_true is_in back 1
	nats_js nats STREAM.DELETE.jobs
	ended_with 69 "$home"
	msend jobs two
	ended_with 69 "$away"
	is_in jobs 1
}

# bats test_tags=long
@test "a message that comes after more than ten seconds without one is as good as the first" {
	stream
	mkfifo pipe
	exec 8<>pipe
	in_background link-nats out "$url" <pipe >acks 2>said 8>&-
	printf 'M1 1 t s id=1\nx\n' >&8
	until_true grep -qx 1+ acks
	# nothing is waited for: this is how long it must last
	sleep 11
	printf 'M1 1 t s id=2\nx\n' >&8
	until_true grep -qx 2+ acks
	exec 8>&-
	ended_with 0 "$child"
	[ "$(<said)" = linked ]
}

@test "in: a consumer that is deleted is made anew" {
	stream
	in_background link-nats in "$url" msend -F -u link -A back 2>said
	until_true grep -qx linked said
	nats_js nats CONSUMER.DELETE.jobs.letterbox
	ended_with 75 "$child"
	msend jobs one
	out
	in_until back 1
}

@test "a message that is too large is refused; all others arrive" {
	stream '"max_msg_size":100000'
	for ((i = 0; i < 500; i++)); do printf 'M1 5 t s n=%d\nhello\n' $i; done | msend -F jobs
	head -c 200000 /dev/zero | msend -t large jobs
	head -c 9000000 /dev/zero | msend -t larger jobs
	for ((i = 0; i < 500; i++)); do printf 'M1 5 t s n=%d\nhello\n' $i; done | msend -F jobs
	mkmbox dead
	mrecv -a -k 1 -d dead -A -u jobs -- link-nats out "$url" || :
	mrecv -a -k 1 -d dead -A -u jobs -- link-nats out "$url" || :
	is_in jobs 0
	has 1000
	[ "$(mrecv -a -o '%t\n' dead | sort)" = "$(lines large larger)" ]
}

@test "a stream that is full: 75 with the reason, and what it did not take stays, in its order" {
	stream '"max_msgs":10,"discard":"new"'
	for ((i = 0; i < 30; i++)); do echo $i; done | msend -l jobs
	out 2>said && return 1 || status=$?
	[ "$status" -eq 75 ]
	grep 'link-nats: stream jobs: maximum messages exceeded' said
	has 10
	[ "$(mrecv -a jobs)" = "$(for ((i = 10; i < 30; i++)); do echo $i; done)" ]
}

@test "a stream that keeps nothing, or tells nothing of it: 69, and what it would lose stays" {
	for members in '"no_ack":true' '"retention":"interest"' '"sealed":true'; do
		case $members in
		*sealed*)
			stream
			nats_js nats STREAM.UPDATE.jobs '{"name":"jobs","subjects":["jobs"],"storage":"file","sealed":true}'
			;;
		*) stream "$members" ;;
		esac
		msend jobs one
		ends 69 'stream jobs ' mrecv -a -A -u jobs -- link-nats out "$url"
		is_in jobs 1
		mrecv jobs
		nats_js nats STREAM.DELETE.jobs
	done
	stream '"retention":"interest"'
	consumer '"deliver_policy":"all"'
	msend jobs one
	out
	in_until back 1
}

@test "a message of another program comes with the subject as its tag and the stream as its source, and once" {
	stream
	raw 'PUB jobs 5\r\nh\0llo\r\n'
	until_true has 1
	# the first link takes it in and is killed before it has told the server
	mkfifo gate
	in_background link-nats in "$url" sh -c 'msend -F -u link -A back >unsaid; read x <gate'
	until_true is_in back 1
	kill -KILL "$child"
	until_true ended "$child"
	raw 'PUB jobs 5\r\nworld\r\n'
	in_until back 2
	[ "$(mrecv -a -o '%t %s\n' back)" = "$(lines 'jobs jobs' 'jobs jobs')" ]
}

@test "several links at one stream share its messages, links with a name of their own get them all" {
	stream
	seq 200 | msend -l jobs
	out
	mkmbox one two all
	in_background link-nats in "$url" msend -F -u link -A one
	in_background link-nats in "$url" msend -F -u link -A two
	both() { [ $(($(mstat -J one | jq .messages) + $(mstat -J two | jq .messages))) -eq 200 ]; }
	until_true both
	[ "$({ mrecv -a one; mrecv -a two; } | sort -n)" = "$(seq 200)" ]
	url="$url?durable=mine"
	in_until all 200
	[ "$(mrecv -a all)" = "$(seq 200)" ]
}

@test "while the mailbox is full the server does not give away what the link holds" {
	stream
	nats_js nats CONSUMER.DURABLE.CREATE.jobs.letterbox '{"stream_name":"jobs","config":{"durable_name":"letterbox",
		"ack_policy":"explicit","ack_wait":500000000,"deliver_policy":"all"}}'
	seq 50 | msend -l jobs
	out
	mkmbox -c 10 small
	in_background link-nats in "$url" msend -F -u link -A small
	until_true is_in small 10
	# four times as long as the server waits for a sign of life
	run -124 timeout 2 mrecv -w 3600 -t none small
	info=$(nats_js nats CONSUMER.INFO.jobs.letterbox)
	[[ $info = *'"num_redelivered":0'* ]]
	[ "$(mrecv -c 50 small)" = "$(seq 50)" ]
}

@test "a name and a password come from a netrc file that only its owner can read, and appear nowhere" {
	nats_start locked 'authorization { user: me, password: "top secret" }'
	url=nats://127.0.0.1:$(port_of locked)/jobs
	fails 69 link-nats out "$url"
	echo 'machine 127.0.0.1 login me password "top secret"' >.netrc
	chmod 644 .netrc
	fails 69 link-nats out "$url"
	[[ $error = *'chmod 600'* ]]
	chmod 600 .netrc
	fails 69 link-nats out "$url"
	[[ $error = *'no stream'* ]]
	mkfifo never
	in_background link-nats out "$url" <>never
	run ! grep -l 'top.secret' /proc/[0-9]*/cmdline /proc/"$child"/environ
	echo 'machine 127.0.0.1 login me password wrong' >.netrc
	fails 69 link-nats out "$url"
	[[ $error != *wrong* ]]
	server_end locked
}

@test "TLS: a server whose certificate is signed is trusted, another one is not" {
	needs_server openssl
	certificates
	nats_start secure "tls { cert_file: '$SERVERS/server.pem', key_file: '$SERVERS/server.key' }"
	nats_tls=tls://localhost:$(port_of secure)/jobs
	fails 69 link-nats out "$nats_tls?cacert=$SERVERS/ca.pem"
	[[ $error = *'no stream has this subject'* ]]
	fails 69 link-nats out "$nats_tls"
	[[ $error != *'no stream'* ]]
	fails 69 link-nats out "${nats_tls/localhost/127.0.0.1}?cacert=$SERVERS/ca.pem"
	[[ $error != *'no stream'* ]]
	fails 69 link-nats out "${nats_tls/tls:/nats:}"
	[[ $error != *'no stream'* ]]
	server_end secure
}

@test "a server that accepts connections and says nothing is given up, with the reason" {
	silent_start silent
	gives_up "$BUILD/link/link-nats" "nats://127.0.0.1:$(port_of silent)/q"
	gives_up "$BUILD/link/link-nats" "tls://127.0.0.1:$(port_of silent)/q"
	server_end silent
}

@test "idle links sleep" {
	stream
	idle_links "$url"
}

@test "only the stream's own answer says that a message is stored, and what other programs answer disturbs nothing" {
	stream
	subscriber ok '{"stream":"other","seq":7}' '{"seq":7}' '{"stream":"jobs","seq":0}' '{"stream":"jobs","seq":7' \
		'{"of":{"stream":"jobs","seq":7}}' '{"error":"no"}' '{"error":{"code":500,"err_code":10077},"stream":"other"}'
	seq 100 | msend -l jobs
	out
	has 100
	in_background mrecv -f -A -u jobs -- link-nats out "$url"
	msend jobs one
	until_true is_in jobs 0
	nats_js nats STREAM.DELETE.jobs
	seq 1000 | msend -l jobs
	ended_with 69 "$child"
	is_in jobs 1000
}

@test "the stream's answer counts however it is spelled" {
	stream
	subscriber '{ "duplicate" :true,"more":[{"seq":0},"}"],"seq" : 12, "domain":"hub", "str\u0065am":"\u006aobs" }'
	in_background mrecv -f -A -u jobs -- link-nats out "$url"
	msend jobs one
	until_true is_in jobs 0
	nats_js nats STREAM.DELETE.jobs
	seq 10 | msend -l jobs
	until_true is_in jobs 0
}

@test "messages that are refused do not end the guard of the order" {
	stream '"max_msg_size":3000'
	mkmbox dead
	for ((i = 0; i < 7; i++)); do
		for n in 5 4000 5; do printf 'M1 %d t s\n%s\n' "$n" "$(head -c "$n" /dev/zero | tr '\0' x)"; done
	done | msend -F jobs
	in_background mrecv -f -k 1 -d dead -A -u jobs -- link-nats out "$url"
	until_true is_in dead 7
	until_true has 14
	for ((i = 15; i <= 20; i++)); do
		msend jobs later
		until_true has $i
	done
	for ((i = 15; i <= 20; i++)); do
		headers $i | grep Nats-Expected-Last-Msg-Id
	done
}

@test "a server that was restored from a backup: what comes after it is new, whatever its number" {
	stream
	publish() { local all='' i; for ((i = 0; i < 10; i++)); do all+="PUB jobs 2\r\n$1$i\r\n"; done; raw "$all"; }
	publish a
	in_until back 10
	server_kill nats
	cp -a "$SERVERS/nats/data" copy
	server_again nats
	publish b
	in_until back 20
	server_kill nats
	rm -r "$SERVERS/nats/data"
	mv copy "$SERVERS/nats/data"
	server_again nats
	publish c
	in_until back 30
	[ "$(mrecv -a back)" = "$(printf '%s\n' {a,b,c}{0..9})" ]
}

@test "of a consumer that allows small requests only, no more is asked" {
	stream
	consumer '"max_batch":100,"max_expires":1000000000,"max_bytes":100000'
	seq 300 | msend -l jobs
	out
	in_until back 300
	[ "$(mrecv -a back)" = "$(seq 300)" ]
}

@test "a consumer that never gives what the stream has: 69 with the reason" {
	stream
	consumer '"max_bytes":1000'
	head -c 5000 /dev/zero | msend jobs
	out
	ends 69 'stream jobs, consumer letterbox: Message Size Exceeds MaxBytes' link-nats in "$url" msend -F -u link -A back
	nats_js nats CONSUMER.DELETE.jobs.letterbox
	consumer '"max_waiting":1'
	in_background link-nats in "$url" msend -F -u link -A back
	until_true is_in back 1
	asks() { [[ $(nats_js nats CONSUMER.INFO.jobs.letterbox) = *'"num_waiting":1'* ]]; }
	until_true asks
	ends 69 'stream jobs, consumer letterbox: Exceeded MaxWaiting' link-nats in "$url" msend -F -u link -A back
}

@test "a consumer that gives messages up, or leaves out what is in them, is refused" {
	stream
	for members in '"max_deliver":3' '"headers_only":true' '"max_expires":1000000'; do
		consumer "$members"
		fails 69 link-nats in "$url" true
		[[ $error = 'link-nats: stream jobs: consumer letterbox '* ]]
		nats_js nats CONSUMER.DELETE.jobs.letterbox
	done
}

@test "the command inherits no connection" {
	stream
	in_background link-nats in "$url" sh -c 'ls -l "/proc/$$/fd" >fds; exec msend -F -u link -A back'
	msend jobs one
	out
	until_true is_in back 1
	run ! grep socket: fds
}

@test "what the server does not permit: 69, in its words" {
	permitted() { echo "{ user: $1, password: x, permissions: { $2 } }"; }
	nats_start strict 'authorization { users: [ { user: all, password: x },' \
		"$(permitted mute 'publish: { deny: jobs }'), $(permitted deaf 'subscribe: { deny: "_INBOX.>" }')," \
		"$(permitted ackless 'publish: { deny: "$JS.ACK.>" }'), $(permitted askless 'publish: { deny: "$JS.API.CONSUMER.MSG.>" }')," \
		"$(permitted alone 'publish: { deny: "letterbox.>" }, subscribe: { deny: "letterbox.>" }')," \
		"$(permitted quiet 'publish: { deny: "_INBOX.>" }')" \
		'] }' 'no_auth_user: all'
	server=strict
	stream
	login() { (umask 077; echo "machine 127.0.0.1 login $1 password x" >.netrc); }
	denied() { login "$1"; ends 69 "Permissions Violation for $2" "${@:3}"; }
	printf 'M1 1 t s id=1\nx\n' >frame
	denied mute 'Publish to "jobs"' sh -c 'link-nats out "$1" <frame' - "$url"
	denied deaf 'Subscription to "_INBOX.' link-nats out "$url"
	denied deaf 'Subscription to "_INBOX.' link-nats in "$url" cat
	denied askless 'Publish to "$JS.API.CONSUMER.MSG.' link-nats in "$url" cat
	login all
	link-nats out "$url" <frame
	denied ackless 'Publish to "$JS.ACK.' link-nats in "$url" msend -F -u link -A back
	# that is of use only where several links are at one consumer
	login alone
	printf 'M1 1 t s id=2\ny\n' | link-nats out "$url"
	in_until back 2
	login quiet
	in_background link-nats in "$url" msend -F -u link -A back
	asks() { [[ $(nats_js strict CONSUMER.INFO.jobs.letterbox) = *"\"num_waiting\":$1"* ]]; }
	until_true asks 1
	in_background link-nats in "$url" msend -F -u link -A back
	until_true asks 2
	server_end strict
}

@test "SIGTERM: a link in ends with 143, as a shell has it, and what it had not stored comes again at once, in its order" {
	stream
	seq 100 | msend -l jobs
	out
	mkmbox -c 5 small
	in_background link-nats in "$url" msend -F -u link -A small
	until_true is_in small 5
	kill -TERM "$child"
	ended_with 143 "$child"
	[ "$(mrecv -a small)" = "$(seq 5)" ]
	in_until back 95
	[ "$(mrecv -a back)" = "$(seq 6 100)" ]
}

# bats test_tags=long
@test "three servers, each killed in turn, then two of them, while messages travel" {
	server_end nats
	nats_cluster nats nats2 nats3
	server=nats
	create() { stream '"num_replicas":3,"duplicate_window":600000000000'; }
	until_server create
	url="nats://127.0.0.1:$(port_of nats),127.0.0.1:$(port_of nats2),127.0.0.1:$(port_of nats3)/jobs"
	journey_links "$url" nats nats2 nats3 'nats nats2'
}

# frozen NAME, thawed NAME -- a server that stands still, until it is given up.
frozen() { kill -STOP "$(<"$SERVERS/$1/pid")"; }
thawed() { LIMIT=120 until_true grep -q 'lost (' supervised.log; kill -CONT "$(<"$SERVERS/$1/pid")"; }

# bats test_tags=long
@test "a server that stands still is given up, and nothing is lost" {
	stream
	down=frozen up=thawed journey_links "$url" nats nats
}
