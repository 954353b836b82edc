#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# bats file_tags=servers
# link-redis: messages to and from a stream of a Redis that is killed, as are the tools and the adapter.

load ../helpers
load servers
load journey
load linking

setup_file()
{
	load ../helpers
	load servers
	needs_server redis-server redis-cli
	servers_begin
	redis_start redis
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
	adapter=$BUILD/link/link-redis
	port=$(port_of redis)
	url=redis://127.0.0.1:$port/stream.$BATS_TEST_NUMBER
	stream=stream.$BATS_TEST_NUMBER
}

teardown()
{
	common_teardown
}

redis()
{
	timeout "$LIMIT" redis-cli -p "$port" "$@"
}

# refuses STATUS PATTERN COMMAND... -- it exits with STATUS, and says one line like that.
refuses()
{
	status=0
	timeout "$LIMIT" "${@:3}" >out 2>err || status=$?
	# shellcheck disable=SC2053  # a pattern
	[ "$status" -eq "$1" ] && [[ $(grep -v '^linked$' err) = $2 ]] || { echo "status $status: $(<err)"; return 1; }
}

# takes_in N BOX [OPTION...] -- run the adapter until the mailbox has had N messages.
takes_in()
{
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A "$2"
	until_true taken "$1" "$2"
	kill -TERM "$child"
	status_of "$child"
}

# taken N BOX -- the mailbox has N messages, and all entries are acknowledged.
taken()
{
	has "$2" "$1" && [ "$(redis xpending "$stream" letterbox | head -n 1)" = 0 ]
}

# reads -- whether somebody waits for entries.
reads()
{
	[[ $(redis client list) = *cmd=xreadgroup* ]]
}

has()
{
	[ "$(mstat -J "$1" | grep -o '"messages":[0-9]*')" = "\"messages\":$2" ]
}

@test "an entry is put in once, however often its batch comes, and a batch is put in whole" {
	printf 'M1 3 a b once=00112233445566778899aabbccddeeff/%d k=v%%20x\nabc\n' 5 6 7 >frames
	[ "$("$adapter" form)" = batch ]
	for i in 1 2 3; do "$adapter" out "$url" <frames; done
	[ "$(redis xlen "$stream")" = 3 ]
	# the chunks of a frame are one payload
	printf 'M1 3+ t s\nabc\nM1 2+\nde\nM1 0\n\n' | "$adapter" out "$url"
	[ "$(redis xrevrange "$stream" + - COUNT 1 | tail -n 4 | xargs)" = 'mbox M1 5 t s payload abcde' ]
	printf 'M1 1 t s\na\nM1 9 t s\nabc' >cut
	refuses 65 '*REFUSED*' "$adapter" out "$url" <cut
	[ "$(redis xlen "$stream")" = 4 ]
	# what is remembered has a bound
	printf 'M1 1 t s once=00112233445566778899aabbccddeeff/%d\nx\n' 11 12 13 | LINK_REDIS_KEEP=2 "$adapter" out "$url"
	[ "$(redis zcard "{$stream}:once")" = 2 ]
}

@test "what is not set up is 69, what is away 75, a wrong URL 64" {
	printf 'M1 1 t s\nx\n' >frame
	redis set "$stream" text
	refuses 69 '*WRONGTYPE*' "$adapter" out "$url" <frame
	refuses 69 '*WRONGTYPE*' "$adapter" in "$url" cat
	[ "$(redis exists "{$stream}:once")" = 0 ]
	free_ports
	refuses 75 '*refused*' "$adapter" out "redis://127.0.0.1:${ports[0]}/s" <frame
	refuses 75 '*refused*' "$adapter" in "redis://127.0.0.1:${ports[0]}/s" cat
	for wrong in redis://h redis://h/ redis:///s redis://h:x/s http://h/s redis://u:p@h/s; do
		refuses 64 '*' "$adapter" out "$wrong" <frame
	done
	refuses 64 '*usage*' "$adapter" out
	redis config set requirepass geheim
	wrong=0
	{
		refuses 69 '*NOAUTH*' "$adapter" out "$url.auth" <frame
		REDISCLI_AUTH=wrong refuses 69 '*WRONGPASS*' "$adapter" out "$url.auth" <frame
		REDISCLI_AUTH=geheim "$adapter" out "$url.auth" <frame
	} || wrong=1
	REDISCLI_AUTH=geheim redis config set requirepass ''
	[ "$wrong" -eq 0 ]
}

@test "a URL: an address of IPv6, %XX in names, and what is wrong with one" {
	printf 'M1 1 t s\nx\n' >frame
	local wrong
	free_ports
	refuses 75 '*' "$adapter" out "redis://[::1]:${ports[0]}/s" <frame
	for wrong in '[::1/s' '[]/s' '[]:1/s' '[::1]x:1/s' '::1/s' h:0/s h:65536/s h:/s h:1:2/s u@:p@h/s; do
		refuses 64 'link-redis: *' "$adapter" out "redis://$wrong" <frame
	done
	for wrong in s% s%4 s%4g s%g4 s%%41 s%00 %; do
		refuses 64 "*: a % in it *" "$adapter" out "$url/$wrong" <frame
		refuses 64 "*: a % in it *" "$adapter" out "redis://$wrong@127.0.0.1:$port/s" <frame
	done
	for wrong in '?a=b' '?' 'x?a=%zz' '/?'; do
		refuses 64 "*: * no options*%3F*" "$adapter" out "$url$wrong" <frame
	done
	# what may be a password is not shown
	for wrong in other://me:secret@h/s redis://me:secret@h redis://me:secret@h:x/s; do
		refuses 64 '*' "$adapter" out "$wrong" <frame
		run ! grep -q secret err
	done
	"$adapter" out "$url/%c3%A9%20%41%3f%25%5C%0a" <frame
	[ "$(redis xlen "$stream"$'/\303\251 A?%\\\n')" = 1 ]
	redis acl setuser 'per:cent%' on nopass '~*' +@all >/dev/null
	REDISCLI_AUTH=any "$adapter" out "redis://per%3Acent%25@127.0.0.1:$port/$stream" <frame
	[ "$(redis xlen "$stream")" = 1 ]
	mkmbox in
	redis xadd "$stream a" '*' payload x
	stream+=' a' url+=%20a
	takes_in 1 in
	[ "$(mrecv -o %t in)" = "${stream/ /%20}" ]
}

@test "what the server could not store is not remembered: it is stored the next time, and what was before it is not doubled" {
	printf 'M1 1 t s once=00112233445566778899aabbccddeeff/%d\n%d\n' 1 1 2 2 >frames
	# a right is missing
	local right
	for right in xadd zadd; do
		redis acl setuser partly on nopass '~*' +@all "-$right" >/dev/null
		REDISCLI_AUTH=any refuses 69 '*user*' "$adapter" out "redis://partly@127.0.0.1:$port/$stream" <frames
		[ "$(redis exists "$stream" "{$stream}:once")" = 0 ]
	done
	# the numbers of a stream end, before the first of them and between them
	local last
	for last in 18446744073709551615 18446744073709551614; do
		redis del "$stream" "{$stream}:once"
		redis xadd "$stream" "18446744073709551615-$last" last one
		refuses 69 '*last possible ID*' "$adapter" out "$url" <frames
		redis rename "$stream" "$stream.full"
		"$adapter" out "$url" <frames
		redis xrange "$stream.full" - + >entries
		redis xrange "$stream" - + >>entries
		[ "$(grep -A 3 mbox entries | grep -A 1 payload | grep -x '[12]' | xargs)" = '1 2' ]
	done
}

@test "tag, source, headers and payload come out as they went in; other programs' entries get what is known of them" {
	mkmbox -b inf in
	pattern 5000000 >big
	{
		printf 'M1 3 a* b; k=v%%20x once=00112233445566778899aabbccddeeff/5 via=one,two\na\n\n\n'
		printf 'M1 0 - -\n\nM1 5000000 big s\n'
		cat big
		echo
	} | "$adapter" out "$url"
	redis xadd "$stream" '*' payload hello
	redis xadd "$stream" '*' hello world
	redis xadd "$stream" '*' a 1 b 2
	redis xadd "$stream" 18446744073709551615-1 mbox 'M1 5 tag s k=v k=w' payload hostile
	takes_in 7 in
	mrecv -c 2 -o '%t %s %l %h{k}\n' in >got
	[ "$(<got)" = "$(lines 'a* b; 3 v%20x' '- - 0 ')" ]
	mrecv in >got
	same big got
	[ "$(mrecv -n -a -o '%t %s %p|' in)" = "$stream redis hello|$stream redis world|$stream redis $(lines a=1 b=2)
|$stream redis hostile|" ]
	[ "$(redis xpending "$stream" letterbox | head -n 1)" = 0 ]
}

@test "whatever an entry of another program has, those behind it come" {
	local i hostile
	hostile
	redis xadd "$stream" 0-1 payload first
	redis xadd "$stream" 1-123456789012345678 payload second
	redis xadd "$stream" 1-18446744073709551615 payload third
	redis xadd "$stream" 2-1 mbox 'M1 5 t s'
	for i in "${!hostile[@]}"; do redis xadd "$stream" '*' mbox "${hostile[i]}" payload "$i"; done >/dev/null
	mkmbox -b inf in
	takes_in $((4 + ${#hostile[@]})) in
	[ "$(mrecv -c 4 -o '%p|' in)" = 'first|second|third||' ]
	hostile_came in
}

@test "what was given, and not acknowledged, comes again after a kill, and is not doubled" {
	mkmbox in
	for i in 1 2 3; do redis xadd "$stream" '*' payload "$i"; done
	in_background "$adapter" in "$url" sh -c 'msend -F -u scope -A in; : >given; kill -KILL $PPID; sleep 30'
	until_true test -e given
	status_of "$child"
	[ "$(redis xpending "$stream" letterbox | head -n 1)" = 3 ]
	redis xadd "$stream" '*' payload 4
	takes_in 4 in
	[ "$(mrecv -n -a -o %p in)" = 1234 ]
	# a stream that is made anew is another one
	redis del "$stream"
	redis xadd "$stream" '*' payload 5
	takes_in 1 in
}

@test "what the command does not say that it has stored comes again, whatever its exit status" {
	for i in 1 2 3; do redis xadd "$stream" '*' payload "$i"; done
	refuses 75 '*has not acknowledged*' "$adapter" in "$url" sh -c 'cat >given'
	[ "$(redis xpending "$stream" letterbox | head -n 1)" = 3 ]
	refuses 75 '*has not acknowledged*' "$adapter" in "$url" sh -c 'cat >given; echo 2+; echo 3'
	[ "$(redis xpending "$stream" letterbox | head -n 1)" = 1 ]
	mkmbox in
	takes_in 1 in
	[ "$(mrecv in)" = 3 ]
}

# leaves CONSUMER N [MS] -- it reads N more entries and acknowledges none; MS: as if that were so long ago.
leaves()
{
	redis xgroup create "$stream" letterbox 0 mkstream 2>/dev/null || :
	redis eval 'for _, entry in ipairs(redis.call("XREADGROUP", "GROUP", "letterbox", ARGV[1], "COUNT", ARGV[2],
			"STREAMS", KEYS[1], ">")[1][2]) do
			redis.call("XCLAIM", KEYS[1], "letterbox", ARGV[1], 0, entry[1], "IDLE", ARGV[3], "JUSTID")
		end' 1 "$stream" "$1" "$2" "${3:-0}"
}

@test "what a consumer has left comes, however many entries others have, and what was deleted meanwhile goes" {
	redis eval 'for i = 1, 60000 do redis.call("XADD", KEYS[1], i .. "-1", "payload", i) end' 1 "$stream"
	leaves alive 59990
	leaves dead 5 3600000
	redis xdel "$stream" 59991-1 59995-1
	mkmbox in
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A in
	until_true taken_but 8 in 59990
	[ "$(mrecv -n -a -o '%p ' in)" = '59992 59993 59994 59996 59997 59998 59999 60000 ' ]
	# its own that were deleted go, too, and hold up nothing
	kill -TERM "$child"
	status_of "$child"
	redis xadd "$stream" 60001-1 payload deleted
	redis xadd "$stream" 60002-1 payload stays
	leaves "$(uname -n)" 2 3600000
	redis xdel "$stream" 60001-1
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A in
	until_true taken_but 1 in 59990
	[ "$(mrecv in)" = stays ]
}

# taken_but N BOX PENDING -- the mailbox has N messages, and so many entries are not acknowledged.
taken_but()
{
	has "$2" "$1" && [ "$(redis xpending "$stream" letterbox | head -n 1)" = "$3" ]
}

@test "what is said of an error has no payload in it" {
	redis xadd "$stream" '*' payload secret
	mkdir bin
	lines '#!/bin/sh' "$(type -P redis-cli) \"\$@\"" 'case $* in *XAUTOCLAIM*) kill -ALRM $$ ;; esac' >bin/redis-cli
	chmod +x bin/redis-cli
	PATH=$PWD/bin:$PATH refuses 75 '*' "$adapter" in "$url" cat
	run ! grep secret err
}

@test "TLS: a server whose certificate is of a CA that is not trusted gets nothing" {
	needs_server openssl
	certificates
	free_ports
	tls=${ports[0]}
	redis_start secure --tls-port "$tls" --tls-cert-file "$SERVERS/server.pem" --tls-key-file "$SERVERS/server.key" \
		--tls-ca-cert-file "$SERVERS/ca.pem" --tls-auth-clients no
	port=$(port_of secure)
	printf 'M1 3 t s\nabc\n' >frame
	secure=rediss://localhost:$tls/$stream
	refuses 69 '*certificate verify failed*' "$adapter" out "$secure" <frame
	refuses 69 '*certificate verify failed*' "$adapter" in "$secure" cat
	LINK_REDIS_CACERT=$SERVERS/none.pem refuses 69 '*Invalid CA*' "$adapter" out "$secure" <frame
	[ "$(redis exists "$stream")" = 0 ]
	refuses 75 '*' "$adapter" out "redis://localhost:$tls/$stream" <frame
	[ "$(redis exists "$stream")" = 0 ]
	SSL_CERT_FILE=$SERVERS/ca.pem "$adapter" out "$secure" <frame
	# redis-cli looks at the certificate, and not at the name in it
	SSL_CERT_FILE=$SERVERS/ca.pem "$adapter" out "rediss://127.0.0.1:$tls/$stream.2" <frame
	mkmbox in
	url=$secure
	LINK_REDIS_CACERT=$SERVERS/ca.pem takes_in 1 in
	[ "$(mrecv in)" = abc ]
	server_end secure
}

@test "an idle adapter ends at once, with all that it started" {
	mkmbox in
	in_background "$adapter" in "$url" "$(type -P msend)" -F -A in 2>err
	until_true grep -q linked err
	until_true reads
	kill -TERM "$child"
	ended_with 143 "$child"
	until_true gone_from_there
}

gone_from_there()
{
	! reads
}

@test "a server that accepts connections and says nothing is given up, with the reason" {
	silent_start silent
	gives_up "$adapter" "redis://127.0.0.1:$(port_of silent)/q"
	gives_up "$adapter" "rediss://127.0.0.1:$(port_of silent)/q"
	server_end silent
}

@test "idle links sleep" {
	export MBOX_LINKS=$BUILD/link
	idle_links "$url"
}

@test "messages go there and back, whatever is killed: all arrive, once, in order" {
	export MBOX_LINKS=$BUILD/link
	journey_links "$url" redis redis
}
