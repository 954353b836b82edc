#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# bats file_tags=servers
# link-postgres: messages to and from a table of a PostgreSQL that is killed, as are the tools and the adapter.

load ../helpers
load servers
load journey
load linking

setup_file()
{
	load ../helpers
	load servers
	needs_server psql createdb
	servers_begin
	postgres_start postgres
	"$BUILD/link/link-postgres" schema | psql -q -h 127.0.0.1 -p "$(port_of postgres)" -d "$(id -un)"
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
	adapter=$BUILD/link/link-postgres
	port=$(port_of postgres)
	queue=queue.$BATS_TEST_NUMBER
	url=postgres://127.0.0.1:$port/$(id -un)/$queue
}

teardown()
{
	common_teardown
}

sql()
{
	timeout "$LIMIT" psql -X -At -h 127.0.0.1 -p "$port" -d "$(id -un)" -c "$1"
}

rows()
{
	sql "SELECT count(*) FROM letterbox WHERE queue = '$queue'"
}

# refuses STATUS PATTERN COMMAND... -- it exits with STATUS, and says one line like that.
refuses()
{
	status=0
	timeout "$LIMIT" "${@:3}" >out 2>err || status=$?
	# shellcheck disable=SC2053  # a pattern
	[ "$status" -eq "$1" ] && [[ $(grep -v '^linked$' err) = $2 ]] || { echo "status $status: $(<err)"; return 1; }
}

has()
{
	[ "$(mstat -J "$1" | grep -o '"messages":[0-9]*')" = "\"messages\":$2" ]
}

taken()
{
	has "$2" "$1" && [ "$(rows)" = 0 ]
}

# takes_in N BOX -- run the adapter until the mailbox has N messages, and the queue none.
takes_in()
{
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A "$2"
	until_true taken "$1" "$2"
	kill -TERM "$child"
	status_of "$child"
}

@test "what the server still does for a link that was killed is waited for: what it has locked is not overtaken" {
	local me
	me=scope@$(uname -n)
	mkmbox in
	for n in 1 2 3; do sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', '$n')"; done
	mkfifo dead
	exec 8<>dead
	in_background psql -X -At -h 127.0.0.1 -p "$port" -d "$(id -un)" <dead >locked 8>&-
	lines 'BEGIN;' "SELECT pg_advisory_xact_lock(hashtextextended('$queue $me', 0));" \
		"SELECT payload FROM letterbox WHERE queue = '$queue' ORDER BY id LIMIT 1 FOR UPDATE;" >&8
	until_true grep -q 31 locked
	MBOX_LINK_SCOPE=scope in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A in
	until_true eval '[ "$(sql "SELECT count(*) FROM pg_locks WHERE NOT granted")" -gt 0 ]'
	lines 'ROLLBACK;' '\q' >&8
	exec 8>&-
	until_true taken 3 in
	[ "$(mrecv -a -l in | xargs)" = '1 2 3' ]
}

@test "a batch of no message tells whether the tables are there" {
	"$adapter" out "$url" </dev/null
	sql 'CREATE DATABASE empty'
	refuses 69 '*does not exist*' "$adapter" out "postgres://127.0.0.1:$port/empty/q" </dev/null
}

@test "a row is put in once, however often its batch comes, and a batch is put in whole" {
	printf 'M1 3 a b once=00112233445566778899aabbccddeeff/%d k=v%%20x\nabc\n' 5 6 7 >frames
	[ "$("$adapter" form)" = batch ]
	for i in 1 2 3; do "$adapter" out "$url" <frames; done
	[ "$(rows)" = 3 ]
	# the chunks of a frame are one payload
	printf 'M1 3+ t s\nabc\nM1 2+\nde\nM1 0\n\n' | "$adapter" out "$url"
	[ "$(sql "SELECT convert_from(mbox, 'UTF8') || '|' || convert_from(payload, 'UTF8') FROM letterbox
		WHERE queue = '$queue' ORDER BY id DESC LIMIT 1")" = 'M1 5 t s|abcde' ]
	printf 'M1 1 t s\na\nM1 9 t s\nabc' >cut
	refuses 65 '*malformed*' "$adapter" out "$url" <cut
	printf 'M1 1 t s\na\nM1 9 t' >cut
	refuses 65 '*malformed*' "$adapter" out "$url" <cut
	[ "$(rows)" = 4 ]
}

@test "what is not set up is 69, what is away 75, a wrong URL 64" {
	printf 'M1 1 t s\nx\n' >frame
	createdb -h 127.0.0.1 -p "$port" bare
	refuses 69 '*letterbox*does not exist*' "$adapter" out "postgres://127.0.0.1:$port/bare/q" <frame
	refuses 69 '*letterbox*does not exist*' "$adapter" in "postgres://127.0.0.1:$port/bare/q" cat
	refuses 69 '*does not exist*' "$adapter" out "postgres://127.0.0.1:$port/none/q" <frame
	# no number in what psql says is taken for a status of SQL
	local nobody
	for nobody in 22001 23001 28001 42001 54000; do
		while (: <>"/dev/tcp/127.0.0.1/$nobody") 2>/dev/null; do nobody=$((nobody + 1)); done
		refuses 75 '*refused*' "$adapter" out "postgres://127.0.0.1:$nobody/d/q" <frame
	done
	refuses 75 '*refused*' "$adapter" in "postgres://127.0.0.1:$nobody/d/q" cat
	for wrong in postgres://h postgres://h/d postgres:///d/q postgres://h:x/d/q http://h/d/q postgres://u:p@h/d/q; do
		refuses 64 '*' "$adapter" out "$wrong" <frame
	done
	refuses 64 '*usage*' "$adapter" out
}

@test "a URL: an address of IPv6, %XX in names, and what is wrong with one" {
	printf 'M1 1 t s\nx\n' >frame
	local wrong
	free_ports
	refuses 75 '*' "$adapter" out "postgres://[::1]:${ports[0]}/d/q" <frame
	for wrong in '[::1/d/q' '[]/d/q' h:0/d/q h:65536/d/q u@:p@h/d/q; do
		refuses 64 'link-postgres: *' "$adapter" out "postgres://$wrong" <frame
	done
	for wrong in d%4/q d/q% d/q%00 d%00/q; do
		refuses 64 "*: a % in it *" "$adapter" out "postgres://127.0.0.1:$port/$wrong" <frame
	done
	for wrong in '?a=b' '?' 'x?sslmode=require'; do
		refuses 64 "*: * no options*%3F*" "$adapter" out "$url$wrong" <frame
	done
	createdb -h 127.0.0.1 -p "$port" "an 'odd'/one"
	"$adapter" schema | psql -q -h 127.0.0.1 -p "$port" -d "an 'odd'/one"
	"$adapter" out "postgres://127.0.0.1:$port/an%20%27odd%27%2Fone/%c3%a9%20'/%3f" <frame
	[ "$(psql -X -At -h 127.0.0.1 -p "$port" -d "an 'odd'/one" -c 'SELECT queue FROM letterbox')" = $'\303\251 \'/?' ]
	# names are in UTF-8, whatever the environment says
	refuses 69 '*multibyte*' "$adapter" out "postgres://127.0.0.1:$port/$(id -un)/%e9" <frame
	PGCLIENTENCODING=LATIN1 refuses 69 '*multibyte*' "$adapter" in "postgres://127.0.0.1:$port/$(id -un)/%e9" cat
	mkmbox in
	queue+=' a' url+=%20a
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', 'x')"
	takes_in 1 in
	[ "$(mrecv -o %t in)" = "${queue/ /%20}" ]
}

@test "tag, source, headers and payload come out as they went in; other programs' rows get what is known of them" {
	mkmbox -b inf in
	pattern 5000000 >big
	{
		printf 'M1 3 a* b;\351 k=v%%20x once=00112233445566778899aabbccddeeff/5 via=one,two\na\n\n\n'
		printf 'M1 0 - -\n\nM1 5000000 big s\n'
		cat big
		echo
	} | "$adapter" out "$url"
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', 'hello')"
	sql "INSERT INTO letterbox (queue, mbox, payload) VALUES ('$queue', 'M1 5 tag s k=v k=w', 'hostile'),
		('$queue', 'M1 5 tag s k=%zz', 'worse')"
	takes_in 6 in
	mrecv -c 2 -o '%t %s %l %h{k}\n' in >got
	[ "$(<got)" = "$(lines $'a* b;\351 3 v%20x' '- - 0 ')" ]
	mrecv in >got
	same big got
	[ "$(mrecv -n -a -o '%t %s %p|' in)" = "$queue postgres hello|$queue postgres hostile|$queue postgres worse|" ]
}

# psql_is LINE... -- psql, for the adapter, is a script that has $psql to run.
psql_is()
{
	mkdir -p bin
	lines '#!/bin/sh' "psql=$(type -P psql)" "$@" >bin/psql
	chmod +x bin/psql
}

@test "a script that is cut short stores nothing, deletes nothing, and is no success" {
	printf 'M1 1 t s once=00112233445566778899aabbccddeeff/1\nx\n' >frame
	local cut
	psql_is 'head -n "$CUT" | "$psql" "$@"'
	for ((cut = 1; cut < 100; cut++)); do
		status=0
		PATH=$PWD/bin:$PATH CUT=$cut "$adapter" out "$url" <frame 2>err || status=$?
		[ "$status" -ne 0 ] || break
	done
	echo "after $cut lines: $status"
	[ "$(rows)" = 1 ]
	# no room for it
	printf 'M1 1 t s\ny\n' >frame
	lines '#!/bin/sh' 'echo >>calls' '[ "$(grep -c "" calls)" -ne "$CUT" ] || exit 1' "exec $(type -P cat) \"\$@\"" >bin/cat
	chmod +x bin/cat
	rm bin/psql
	for cut in 1 2; do
		: >calls
		PATH=$PWD/bin:$PATH CUT=$cut refuses 75 '*no room*' "$adapter" out "$url" <frame
		[ "$(rows)" = 1 ]
	done
	rm bin/cat
	# half of a statement is one, too
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue.other', 'stays')"
	psql_is 'script=$(cat)' 'case $script in' '*"DELETE FROM letterbox "*) script=${script%% WHERE*} ;;' 'esac' \
		'printf "%s\n" "$script" | "$psql" "$@"'
	PATH=$PWD/bin:$PATH refuses 75 '*script*' "$adapter" in "$url" sh -c 'cat >given; echo 1+'
	[ "$(sql "SELECT count(*) FROM letterbox WHERE queue LIKE '$queue%'")" = 2 ]
}

@test "whatever a row of another program has, those behind it come" {
	local i hostile
	hostile
	sql "INSERT INTO letterbox (id, queue, at, payload) OVERRIDING SYSTEM VALUE VALUES
		(-9223372036854775808, '$queue', 'infinity', 'first'), (0, '$queue', '-infinity', 'second')"
	sql "INSERT INTO letterbox (queue, mbox, payload) VALUES ('$queue', '\\x4d310035', 'third'),
		('$queue', convert_to(repeat('x', 20000000), 'UTF8'), 'fourth')"
	for i in "${!hostile[@]}"; do
		echo "INSERT INTO letterbox (queue, mbox, payload)
			VALUES ('$queue', '\\x$(printf %s "${hostile[i]}" | od -An -v -tx1 | tr -d ' \n')', '$i');"
	done | psql -X -q -h 127.0.0.1 -p "$port" -d "$(id -un)"
	mkmbox -b inf in
	takes_in $((4 + ${#hostile[@]})) in
	[ "$(mrecv -c 4 -o '%p|' in)" = 'first|second|third|fourth|' ]
	hostile_came in
}

@test "a row that is larger than what can come stays there, and those behind it come" {
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', repeat('x', 1001)::bytea), ('$queue', repeat('y', 1000)::bytea)"
	mkmbox in
	export LINK_POSTGRES_MAX=1000
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A in
	until_true has in 1
	until_true one_row
	[[ $(mrecv in) = yyy* ]]
}

one_row()
{
	[ "$(rows)" = 1 ]
}

@test "a row that has the number of another one, as after a database was restored, comes" {
	mkmbox in
	sql "INSERT INTO letterbox (id, queue, payload) OVERRIDING SYSTEM VALUE VALUES (1000000, '$queue', '1')"
	takes_in 1 in
	sql "INSERT INTO letterbox (id, queue, payload) OVERRIDING SYSTEM VALUE VALUES (1000000, '$queue', '2')"
	takes_in 2 in
	[ "$(mrecv -n -a -o %p in)" = 12 ]
}

@test "what is said of an error has no payload in it" {
	printf 'M1 6 t s\nsecret\n' >frame
	psql_is 'sed "s/(a text)/(a text CHECK (length(a) = 0))/" | "$psql" "$@"'
	PATH=$PWD/bin:$PATH refuses 65 '*23514*violates check constraint*' "$adapter" out "$url" <frame
	run ! grep -E 'secret|736563726574|CONTEXT|DETAIL' err
}

@test "what was given, and not deleted, comes again after a kill, and is not doubled" {
	mkmbox in
	sql "INSERT INTO letterbox (queue, payload) SELECT '$queue', n::text::bytea FROM generate_series(1, 3) AS n"
	in_background "$adapter" in "$url" sh -c 'msend -F -u scope -A in; : >given; kill -KILL $PPID; sleep 30'
	until_true test -e given
	status_of "$child"
	[ "$(rows)" = 3 ]
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', '4')"
	takes_in 4 in
	[ "$(mrecv -n -a -o %p in)" = 1234 ]
	# what another adapter has at present stays there
	sql "INSERT INTO letterbox (queue, payload, holder, held) VALUES ('$queue', 'held', 'other', now()),
		('$queue', 'left', 'other', now() - interval '11 minutes')"
	in_background "$adapter" in "$url" "$(type -P msend)" -F -u scope -A in
	until_true has in 1
	[ "$(mrecv -n -a -o %p in)" = left ]
}

@test "what the command does not say that it has stored comes again, whatever its exit status" {
	sql "INSERT INTO letterbox (queue, payload) SELECT '$queue', n::text::bytea FROM generate_series(1, 3) AS n"
	refuses 75 '*has not acknowledged*' "$adapter" in "$url" sh -c 'cat >given'
	[ "$(rows)" = 3 ]
	refuses 75 '*has not acknowledged*' "$adapter" in "$url" sh -c 'cat >given; echo 2+; echo 3'
	[ "$(rows)" = 1 ]
	mkmbox in
	takes_in 1 in
	[ "$(mrecv in)" = 3 ]
}

@test "a table that is written anew is the same one; one whose numbers begin anew is another" {
	mkmbox in
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', '1')"
	in_background "$adapter" in "$url" sh -c 'msend -F -u scope -A in; : >given; kill -KILL $PPID; sleep 30'
	until_true test -e given
	status_of "$child"
	sql 'VACUUM FULL letterbox'
	sql "INSERT INTO letterbox (queue, payload) VALUES ('$queue', '2')"
	takes_in 2 in
	[ "$(mrecv -n -a -o %p in)" = 12 ]
	# other programs' numbers begin anew: 1 is not the one that has been
	sql 'TRUNCATE letterbox RESTART IDENTITY'
	sql "INSERT INTO letterbox (queue, payload) SELECT '$queue', '3' FROM generate_series(1, 4)"
	takes_in 4 in
	sql 'TRUNCATE letterbox RESTART IDENTITY'
	sql "INSERT INTO letterbox (queue, payload) SELECT '$queue', '4' FROM generate_series(1, 4)"
	takes_in 8 in
}

@test "a server that accepts connections and says nothing is given up, with the reason" {
	silent_start silent
	gives_up "$adapter" "postgres://127.0.0.1:$(port_of silent)/d/q"
	server_end silent
}

@test "idle links sleep" {
	export MBOX_LINKS=$BUILD/link
	idle_links "$url"
}

@test "messages go there and back, whatever is killed: all arrive, once, in order" {
	export MBOX_LINKS=$BUILD/link
	journey_links "$url" postgres postgres
}
