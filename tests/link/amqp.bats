#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# bats file_tags=servers
# link-amqp: messages to a queue of RabbitMQ, and from one: each whole, none lost, whatever is killed.

load ../helpers
load servers
load linking
load journey

setup_file()
{
	load ../helpers
	load servers
	servers_begin
	export LIMIT=120
	needs_server rabbitmq-server openssl
	certificates
	free_ports 1
	echo "${ports[0]}" >"$SERVERS/tls.port"
	rabbitmq_start rabbit 'max_message_size = 6000000' "listeners.ssl.1 = 127.0.0.1:${ports[0]}" \
		"ssl_options.cacertfile = $SERVERS/ca.pem" "ssl_options.certfile = $SERVERS/server.pem" \
		"ssl_options.keyfile = $SERVERS/server.key"
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
	link=$BUILD/link/link-amqp
	export MBOX_LINKS=$BUILD/link
	[ -x "$link" ] || skip 'make links has left link-amqp out'
	export HOME=$BATS_TEST_TMPDIR
	unset NETRC SSL_CERT_FILE
	port=$(port_of rabbit)
	queue=q$BATS_TEST_NUMBER url=amqp://127.0.0.1:$port/$queue
	mkmbox box
}

teardown()
{
	common_teardown
}

amqp()
{
	timeout "$LIMIT" "$BUILD/link/amqp" "$port" "$@"
}

# frames SEED COUNT -- messages as they come from a mailbox: with numbers.
frames()
{
	mkmbox -p from
	journey send "$1" 0 "$2" | msend -F from
	mrecv -a -F from
}

# out, in_to BOX -- the adapter; what it says is in the file said.
out()
{
	timeout -s KILL "$LIMIT" "$link" out "$@" 2>said
}

in_to()
{
	in_background "$link" in "$url${2:-}" msend -F -A "$1" 2>said
}

linked()
{
	grep -qx linked said
}

has()
{
	[[ $(mstat -J "$1") = *"\"messages\":$2,"* ]]
}

queued()
{
	[ "$(amqp count "$queue")" -eq "$1" ]
}

# drained -- whether an adapter that is stopped once it has been given all has given nothing of that back.
drained()
{
	in_to box
	until_true queued 0
	kill "$child"
	ended_with 143 "$child"
	queued 0
}

@test "a message comes out of a queue as it went in, and both ends acknowledge each" {
	amqp make "$queue"
	frames 3 500 >sent
	out "$url" <sent >acks
	[ "$(tail -n 1 acks)" = 500+ ]
	[ "$(<said)" = linked ]
	in_to box
	until_true has box 500
	kill "$child"
	ended_with 143 "$child"
	mrecv -a -F box | journey check 3 500
	queued 0
}

@test "what another program put into a queue has the queue's name as its tag" {
	amqp make "$queue"
	printf 'a\0b\n' | amqp put "$queue" '' 'an app'
	printf x | amqp put "$queue" 'M1 1 t s k=v' app
	printf 'with two more bytes' | amqp put "$queue" $'M1 1 t s\nM1'
	in_to box
	until_true has box 3
	mrecv -F box | sed 's/ id=.*//' >got
	printf 'M1 4 %s an%%20app\na\0b\n\n' "$queue" | cmp - <(sed 's/ time=[0-9.]*//' got | sed 's/ id=[0-9]*//')
	[ "$(mrecv -o '%t %s %p' box)" = 't s x' ]
	[ "$(mrecv -o '%t %s %p' box)" = "$queue - with two more bytes" ]
}

@test "no queue: the adapter says so, acknowledges nothing, and makes none" {
	frames 3 5 >sent
	run -69 --separate-stderr out "$url" <sent
	[ -z "$output" ]
	grep -q "404: NOT_FOUND - no queue '$queue'" said
	run -69 --separate-stderr timeout "$LIMIT" "$link" in "$url" cat
	[ -z "$output" ]
	run -1 amqp count "$queue"
}

@test "a queue that is deleted on the way: nothing more is acknowledged" {
	amqp make "$queue"
	mkfifo pipe
	exec 8<>pipe
	in_background "$link" out "$url" <pipe >acks 2>said 8>&-
	printf 'M1 1 a b id=1\nx\n' >&8
	until_true grep -qx 1+ acks
	amqp delete "$queue"
	printf 'M1 1 a b id=2\nx\n' >&8
	ended_with 69 "$child"
	exec 8>&-
	[ "$(<acks)" = 1+ ]
	amqp make "$queue"
	in_to box
	until_true linked
	amqp delete "$queue"
	ended_with 69 "$child"
	grep -q 'NOT_FOUND' said
}

@test "a queue that is full refuses, and what it has not is not acknowledged" {
	amqp make "$queue" x-max-length=3 x-overflow=reject-publish
	frames 3 50 >sent
	run -75 out "$url" <sent
	grep -q "queue $queue takes no more" said
	[[ $output != *50+* ]]
	queued 3
}

@test "one message that is too large among 1,000 is refused, and all others arrive" {
	amqp make "$queue"
	{
		frames 5 500
		printf 'M1 6000001 large s id=501\n'
		head -c 6000001 /dev/zero
		printf '\n'
		journey send 5 500 500 | awk '{ print }' >rest
	} >sent
	mkmbox -p second
	msend -F second <rest
	# numbers go on where those of the first half ended
	mrecv -a -F second | LC_ALL=C sed -E 's/^(M1 [0-9]+ [^ ]+ [^ ]+ id=)([0-9]+) time/\19\2 time/' >>sent
	out "$url" <sent >acks
	[ "$(grep -c '^-' acks)" -eq 1 ]
	grep -qx -- -501 acks
	grep -q 'larger than configured max size' said
	until_true drained
	mrecv -a -F box >got
	run journey check 5 1000 <got
	[[ $output = *'0 lost, '*' 0 changed' ]]
}

@test "a message over ?max= is refused unseen" {
	amqp make "$queue"
	printf 'M1 3 t s id=1\nabc\nM1 11 t s id=2\nabcdefghijk\nM1 1 t s id=3\na\n' >sent
	out "$url?max=10" <sent >acks
	[ "$(tail -n 1 acks)" = 3+ ]
	grep -qx -- -2 acks
	queued 2
}

@test "a frame without a number, or cut short, ends the adapter with 65; what came before is acknowledged" {
	amqp make "$queue"
	run -65 out "$url" < <(printf 'M1 1 t s id=7\nx\nM1 1 t s\nx\n')
	run -65 out "$url" < <(printf 'M1 1 t s id=7\nx\nM1 9 t s id=8\nx\n')
	grep -q 'the stream ends inside a message' said
}

@test "a wrong password, and a queue that one may not use, are said to be set up wrong" {
	amqp make "$queue"
	rabbitmq_ctl rabbit add_user reader secret-of-reader
	rabbitmq_ctl rabbit set_permissions reader '' '' '.*'
	printf 'machine 127.0.0.1 login reader password wrong\n' >.netrc
	chmod 600 .netrc
	run -69 out "$url" </dev/null
	grep -q 'ACCESS_REFUSED' said
	printf '# ours\nmachine other login x password y\nmachine 127.0.0.1\n\tlogin reader password "secret-of-reader"\n' >.netrc
	run -69 out "$url" < <(printf 'M1 1 t s id=7\nx\n')
	[ -z "$output" ]
	grep -q "access to exchange 'amq.default'" said
	chmod 644 .netrc
	run -69 out "$url" </dev/null
	grep -q '.netrc: others than its owner may read it' said
}

@test "a password is in no command line, and none is taken from a URL" {
	amqp make "$queue"
	password=geheim$RANDOM$RANDOM
	rabbitmq_ctl rabbit add_user linker $password
	rabbitmq_ctl rabbit set_permissions linker '' '.*' '.*'
	printf 'machine 127.0.0.1 login linker password %s\n' $password >.netrc
	chmod 600 .netrc
	[ "$EUID" -ne 0 ] || chmod 440 .netrc         # as systemd(1) gives one to a service
	in_to box
	until_true linked
	# not the grep itself
	run --separate-stderr grep -l "[g]${password#g}" /proc/[0-9]*/cmdline /proc/[0-9]*/environ
	[ -z "$output" ]
	run -64 out "amqp://guest:$password@127.0.0.1:$port/$queue" </dev/null
	run ! grep "$password" said
}

@test "TLS: a broker whose certificate is of a CA that is not trusted, or for another name, gets nothing" {
	amqp make "$queue"
	tls=$(<"$SERVERS/tls.port")
	frames 3 20 >sent
	run -69 out "amqps://localhost:$tls/$queue" <sent
	[ -z "$output" ]
	run -69 out "amqps://127.0.0.1:$tls/$queue?cacert=$SERVERS/ca.pem" <sent
	[ -z "$output" ]
	queued 0
	out "amqps://localhost:$tls/$queue?cacert=$SERVERS/ca.pem" <sent >acks
	[ "$(tail -n 1 acks)" = 20+ ]
	url=amqps://localhost:$tls/$queue
	SSL_CERT_FILE=$SERVERS/ca.pem in_to box
	until_true has box 20
	mrecv -a -F box | journey check 3 20
}

@test "of several hosts the first that answers is taken; none: later" {
	amqp make "$queue"
	frames 3 5 >sent
	free_ports 1
	out "amqp://127.0.0.1:${ports[0]},127.0.0.1:$port/$queue" <sent >acks
	[ "$(tail -n 1 acks)" = 5+ ]
	run -75 out "amqp://127.0.0.1:${ports[0]},[::1]:${ports[0]}/$queue" <sent
	grep -q '::1 port .*: cannot connect' said
}

# connection -- the broker's number for the only connection with heartbeats of a second, and how much it got by it.
connection()
{
	rabbitmq_ctl rabbit list_connections pid timeout recv_cnt | awk '$2 == 1 { print $1, $3 }'
}

heard()
{
	read -r _ count < <(connection)
	[ "$count" -ge "$1" ]
}

@test "while the mailbox is full for three heartbeats the connection stays" {
	amqp make "$queue"
	mkmbox -p -c 10 small
	frames 3 300 >sent
	out "$url" <sent >acks
	in_to small '?heartbeat=1'
	until_true has small 10
	read -r pid count < <(connection)
	# it says nothing else to the broker than heartbeats
	until_true heard $((count + 4))
	read -r now _ < <(connection)
	[ "$now" = "$pid" ]
	has small 10
	mrecv -f -c 300 -F small >got
	[ "$(<said)" = linked ]
	journey check 3 300 <got
}

@test "in: what the command has not acknowledged stays in the queue, however it ends" {
	amqp make "$queue"
	frames 3 20 >sent
	out "$url" <sent >acks
	timeout "$LIMIT" "$link" in "$url" true || :
	until_true queued 20
	run -3 timeout "$LIMIT" "$link" in "$url" sh -c 'read -r _; exit 3'
	until_true queued 20
	run -75 timeout "$LIMIT" "$link" in "$url" sh -c 'read -r _; kill -KILL $$'
	until_true queued 20
	run -65 timeout "$LIMIT" "$link" in "$url" sh -c 'echo 999+; cat >/dev/null'
	until_true queued 20
	timeout "$LIMIT" "$link" in "$url" sh -c 'echo 5+; sleep 0.1; exec true' || :
	run -69 timeout "$LIMIT" "$link" in "$url" ./not-there
}

@test "in: stopped, it gives back what it had not stored before the next in line gets what stands behind it" {
	amqp make "$queue" x-queue-type=quorum x-single-active-consumer=true
	mkmbox from other
	mkmbox -c 5 small
	seq 100 | msend -l from
	mrecv -aFu from >sent
	out "$url" <sent >acks
	in_to small '?prefetch=20'
	first=$child
	until_true has small 5
	in_background "$link" in "$url" msend -F -u link -A other 2>next
	until_true grep -qx linked next
	kill -TERM "$first"
	ended_with 143 "$first"
	[ "$(mrecv -a small)" = "$(seq 5)" ]
	until_true has other 95
	[ "$(mrecv -a other)" = "$(seq 6 100)" ]
}

@test "an adapter that is stopped by itself is not the end of its link" {
	amqp make "$queue"
	in_background mlink "$url" box 2>said
	until_true grep -q ': linked$' said
	kill -TERM "$(pgrep -P "$child")"
	until_true grep -q ': lost (.* 143)' said
	frames 3 20 >sent
	"$link" out "$url" <sent >acks 2>out.said
	until_true has box 20
	kill -TERM "$child"
	ended_with 0 "$child"
}

@test "in: a stream keeps no place for a link: that is said, and nothing is taken" {
	amqp make "$queue" x-queue-type=stream
	frames 3 20 >sent
	out "$url" <sent >acks
	[ "$(tail -n 1 acks)" = 20+ ]
	in_to box
	ended_with 69 "$child"
	grep -q 'is a stream' said
	has box 0
}

@test "a queue that refuses what is too much: what it has is acknowledged, and the rest comes once it has room" {
	amqp make "$queue" x-max-length=3 x-overflow=reject-publish
	frames 3 10 >sent
	run -75 out "$url" <sent
	[ "$(tail -n 1 <<<"$output")" = 3+ ]
	grep -q 'takes no more' said
	until_true queued 3
}

@test "in: whatever header line somebody gives, a message comes" {
	local i hostile
	hostile
	amqp make "$queue"
	for i in "${!hostile[@]}"; do printf %s "$i" | amqp put "$queue" "${hostile[i]}" app; done
	mkmbox -b inf in
	in_background "$link" in "$url" msend -F -u link -A in 2>said
	until_true has in "${#hostile[@]}" || { cat said; return 1; }
	hostile_came in
}

@test "in: killed, it leaves no command behind" {
	amqp make "$queue"
	in_background "$link" in "$url" sh -c 'echo $$ >pid; exec sleep 1000' 2>said
	until_true exists pid
	until_true linked
	kill -KILL "$child"
	until_true gone "$(<pid)"
	rm pid
	in_background sh -c '"$@" & wait' sh "$link" in "$url" sh -c 'echo $$ >pid; exec sleep 1000'
	until_true exists pid
	kill -KILL "$child"
	until_true gone "$(<pid)"
}

@test "in: what is in the queue when the link begins does not wait for a heartbeat" {
	amqp make "$queue"
	for n in 1 2 3 4 5; do
		printf %s "$n" | amqp put "$queue" '' app
		in_to box '?heartbeat=3600'
		until_true has box "$n"
		kill "$child"
		ended_with 143 "$child"
	done
}

# short_of_memory -- a link out, fed through descriptor 8, to a broker that takes no more: message 1 waits.
short_of_memory()
{
	amqp make "$queue"
	mkfifo pipe
	exec 8<>pipe
	in_background "$link" out "$url" <pipe >acks 2>said 8>&-
	until_true linked
	rabbitmq_ctl rabbit set_vm_memory_high_watermark absolute 1000
	printf 'M1 1 a b id=1\nx\n' >&8
	until_true grep -q 'takes no messages: low on memory' said
}

@test "a link that ends does not wait for a broker that is short of memory" {
	short_of_memory
	exec 8>&-
	ended_with 75 "$child"
	grep -q 'are not confirmed' said
	[ ! -s acks ]
	rabbitmq_ctl rabbit set_vm_memory_high_watermark absolute 400MB
}

@test "a broker that is short of memory is waited for" {
	short_of_memory
	printf 'M1 1 a b id=2\nx\n' >&8
	rabbitmq_ctl rabbit set_vm_memory_high_watermark absolute 400MB
	exec 8>&-
	ended_with 0 "$child"
	[ "$(tail -n 1 acks)" = 2+ ]
	[ "$(grep -cx linked said)" -eq 2 ]
}

@test "what is acknowledged survives a kill of the broker right after it; both ends say that it is gone" {
	amqp make "$queue"
	journey send 9 0 3000 | msend -F box
	mrecv -a -F box >sent
	in_background out "$url" < <(cat sent; exec sleep 1000) >acks
	adapter=$child
	until_true exists acks
	server_kill rabbit
	ended_with 75 "$adapter"
	grep -q 'lost the connection' said
	server_again rabbit
	acknowledged=$(tail -n 1 acks)
	acknowledged=${acknowledged%+}
	echo "acknowledged: $acknowledged"
	# an adapter by itself does not try again
	until_true amqp count "$queue"
	in_to box
	# the broker may have stored more, which it did not come to acknowledge
	mrecv -F -c "$acknowledged" box >got || { cat said; return 1; }
	kill "$child"
	ended_with 143 "$child"
	journey check 9 "$acknowledged" <got
}

@test "a server that accepts connections and says nothing is given up, with the reason" {
	silent_start silent
	gives_up "$link" "amqp://127.0.0.1:$(port_of silent)/q"
	gives_up "$link" "amqps://127.0.0.1:$(port_of silent)/q"
	server_end silent
}

@test "idle links sleep" {
	amqp make "$queue"
	idle_links "$url"
}

@test "messages out and back, while links, tools and the broker are killed: all arrive, once, in order" {
	# as the page makes one
	sed -n '/^{"queues"/,/}$/p' "$ROOT/man/mlink.1" | sed "s/jobs/$queue/" |
		rabbitmq_ctl rabbit import_definitions
	rabbitmq_ctl rabbit list_queues name arguments | grep -q "^$queue.*x-single-active-consumer.*true"
	journey_links "$url" rabbit
}

# bats test_tags=long
@test "a quorum queue on three nodes: each is killed in turn, then most of them at once, and nothing is lost" {
	rabbitmq_cluster rabbit1 rabbit2 rabbit3
	port=$(port_of rabbit1)
	url=amqp://127.0.0.1:$port,127.0.0.1:$(port_of rabbit2),127.0.0.1:$(port_of rabbit3)/$queue
	amqp make "$queue" x-queue-type=quorum x-single-active-consumer=true
	journey_links "$url" rabbit1 rabbit2 rabbit3 'rabbit2 rabbit3'
	for name in rabbit1 rabbit2 rabbit3; do server_end $name; done
}
