#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# output: every form in which mrecv writes a message.
#
# shellcheck disable=SC1003,SC2016 # backslashes and dollars that are to stay as they are

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || exit 1
	unset MBOX_DIR MBOX_SOURCE
	mkmbox box
}

# ---- raw, lines, NULs

@test "a payload comes out as it went in: nothing, one byte, every byte, 1 MB" {
	for n in 0 1 65536 65537 131072 1000000; do
		head -c "$n" /dev/urandom >in
		msend box <in
		timeout 10 mrecv box >out
		cmp in out
	done
	# shellcheck disable=SC2046,SC2059  # every byte is a word, and all of them a format
	printf "$(printf '\\%03o' $(seq 0 255))" >in
	[ "$(wc -c <in)" -eq 256 ]
	msend box <in
	timeout 10 mrecv box >out
	cmp in out
}

@test "-l ends a payload with a newline unless it ends in one" {
	msend box one
	printf 'two' | msend box
	printf '' | msend box
	printf 'a\n\n' | msend box
	timeout 10 mrecv -a box >out
	printf 'one\ntwo\n\na\n\n' >want
	cmp want out
}

@test "-l does so for a payload of 1 MB too" {
	head -c 1000000 /dev/zero | tr '\0' x >in
	msend box <in
	(cat in; echo) >in.newline
	msend box <in.newline
	timeout 10 mrecv -l box >out
	cmp in.newline out
	timeout 10 mrecv -l box >out
	cmp in.newline out
}

@test "-0 ends each payload with a NUL, whatever is in it" {
	printf 'a\0b' | msend box
	printf '' | msend box
	head -c 100000 /dev/zero | msend box
	timeout 10 mrecv -a -0 box >out
	(printf 'a\0b\0\0'; head -c 100001 /dev/zero) >want
	cmp want out
}

# ---- frames

@test "-F writes frames that say where and when the message was" {
	msend -t build -s alice -H color=dark\ red box hello
	timeout 10 mrecv -F box >out
	sed '1s/time=[0-9]*\.[0-9]\{6\}/time=T/' out >got
	printf 'M1 6 build alice id=1 time=T color=dark%%20red\nhello\n\n' >want
	cmp want got
}

@test "-F and mrecv - give back every payload: none, binary, 1 MB" {
	for n in 0 100 70000 1000000; do
		head -c "$n" /dev/urandom >in
		msend box <in
		timeout 10 mrecv -F box | timeout 10 mrecv - >out
		cmp in out
	done
}

@test "a payload of unknown length goes through mrecv -F in chunks, and is whole at the end" {
	head -c 1000000 /dev/urandom >in
	msend -t big - <in >stream
	head -n 1 stream | grep -aq '^M1 [0-9]*+ big '
	timeout 10 mrecv -F - <stream >again
	head -n 1 again | grep -aq '^M1 [0-9]*+ big '
	timeout 10 mrecv - <again >out
	cmp in out
}

@test "a payload of unknown length that is cut short is cut short in what mrecv -F writes" {
	printf 'M1 3+ t s\nabc\nM1 3+\ndef\n' >stream
	run -65 timeout 10 mrecv -F - <stream
	timeout 10 mrecv -F - <stream >again || true
	run -65 timeout 10 mrecv - <again
}

# ---- JSON

@test "-J writes a line with every member, in order" {
	msend -t build -s alice -H k=v -H reply=a%b box 'say "hi"'
	timeout 10 mrecv -J box | sed 's/"time":[0-9]*\.[0-9]\{6\}/"time":T/' >out
	printf '%s\n' '{"id":1,"tag":"build","source":"alice","time":T,"try":1,"length":9,"headers":{"k":"v","reply":"a%b"},"payload":"say \"hi\"\n"}' >want
	cmp want out
}

@test "-J leaves out what a message does not have" {
	printf 'M1 2 t s\nhi\n' | timeout 10 mrecv -J - >out
	echo '{"tag":"t","source":"s","length":2,"headers":{},"payload":"hi"}' >want
	cmp want out
}

@test "-J escapes control characters, and keeps UTF-8" {
	printf 'a\001\037\177\t\\\302\233 \303\251 \342\202\254 \360\237\230\200' | msend box
	timeout 10 mrecv -J box >out
	grep -F '"payload":"a\u0001\u001f\u007f\t\\\u009b é € 😀"}' out
	[ "$(wc -l <out)" -eq 1 ]
}

@test "-J gives a payload that is not UTF-8 as base64: overlong, surrogate, cut off, too high" {
	for bytes in '\300\200' '\340\200\200' '\355\240\200' '\360\200\200\200' '\364\220\200\200' '\365\200\200\200' \
		'\377' '\200' 'a\303' 'a\342\202' '\360\237\230'; do
		# shellcheck disable=SC2059  # the bytes are a format
		printf "$bytes" >in
		msend box <in
		timeout 10 mrecv -J box >out
		sed 's/.*"base64":"\([^"]*\)"}$/\1/' out | base64 -d >got
		cmp in got
	done
}

@test "-J gives base64 of every length" {
	for n in 1 2 3 4 65536 65537 65538 65539 131073 1000000; do
		(printf '\377'; head -c "$((n - 1))" /dev/urandom) >in
		msend box <in
		timeout 10 mrecv -J box >out
		[ "$(wc -l <out)" -eq 1 ]
		grep -q "\"length\":$n," out
		sed 's/.*"base64":"\([^"]*\)"}$/\1/' out | base64 -d >got
		cmp in got
	done
}

@test "-J gives a text of up to 64 KiB as text, a longer one as base64" {
	head -c 65536 /dev/zero | tr '\0' x | msend box
	head -c 65537 /dev/zero | tr '\0' x | msend box
	timeout 10 mrecv -J box | grep -q '"payload":"xxx'
	timeout 10 mrecv -J box | grep -q '"base64":"eHh4'
}

@test "-J tells a length that was not known before behind the payload" {
	head -c 100000 /dev/urandom >in
	msend - <in | timeout 10 mrecv -J - >out
	grep -q '"headers":{},"base64":"[^"]*","length":100000}$' out
	sed 's/.*"base64":"\([^"]*\)".*/\1/' out | base64 -d >got
	cmp in got
	printf 'M1 2+ t s\nab\nM1 1\nc\n' | timeout 10 mrecv -J - >out
	echo '{"tag":"t","source":"s","length":3,"headers":{},"payload":"abc"}' >want
	cmp want out
}

@test "-J gives tags, sources and headers that are not UTF-8 as base64, and no two messages are one line" {
	printf 'M1 0 t\377 s\351 k=%%FF%%C3%%A9%%00%%22 u=%%C3%%A9%%00\n\n' | timeout 10 mrecv -J - >out
	printf '%s\n' '{"tag_base64":"dP8=","source_base64":"c+k=","length":0,"headers":{"k_base64":"/8OpACI=","u":"é\u0000"},"payload":""}' >want
	cmp want out
	# one word in Latin-1 and in UTF-8, a lone surrogate, and what the base64 of another would be as text
	printf 'M1 0 %b s k=v\n\n' 'caf\0351' 'caf\0303\0251' '\0355\0240\0200' '\0357\0277\0275' Y2Fm6Q== |
		timeout 10 mrecv -a -J - >out
	[ "$(sort -u out | wc -l)" -eq 5 ]
	command -v jq >/dev/null || skip "needs jq"
	[ "$(jq -r '.tag // (.tag_base64 | "= " + .)' out | tr '\n' ' ')" = '= Y2Fm6Q== café = 7aCA � Y2Fm6Q== ' ]
}

@test "-J is JSON to jq" {
	command -v jq >/dev/null || skip "needs jq"
	msend -t 'a"b\c' -s bob -H x="$(printf 'q"\n')" box hello
	timeout 10 mrecv -J box >out
	[ "$(jq -r .tag out)" = 'a"b\c' ]
	[ "$(jq -r .payload out)" = hello ]
	[ "$(jq -r .length out)" -eq 6 ]
}

# ---- formats

@test "-o knows every directive and escape" {
	msend -t build -s alice -H k='a b' box hello
	timeout 10 mrecv -o '%t|%s|%i|%l|%m|%h{k}|%h{none}|%h{id}|%h{try}|%h{uid}|%%|\\|\t|\0|%p\n' box >out
	printf 'build|alice|1|6|box|a%%20b||1|1||%%|\\|\t|\0|hello\n\n' >want
	cmp want out
}

@test "-o %d is when it was sent, in seconds and six digits" {
	before=$(date +%s)
	msend box hello
	timeout 10 mrecv -o '%d %h{time}\n' box >out
	grep -Eq '^[0-9]+\.[0-9]{6} [0-9]+\.[0-9]{6}$' out
	read -r first second <out
	[ "$first" = "$second" ]
	[ "${first%.*}" -ge "$before" ]
	[ "${first%.*}" -le "$(date +%s)" ]
}

@test "-o writes nothing for what a message does not have" {
	printf 'M1 2 t s\nhi\n' | timeout 10 mrecv -o '[%i%d%h{uid}]\n' - >out
	echo '[]' >want
	cmp want out
}

@test "-o refuses what is no format" {
	for format in '%' '%x' '\' '\x' '%h' '%h{' '%h{}' '%h{K}' '%h{a b}' 'a%'; do
		run -64 mrecv -n -o "$format" box
	done
}

@test "-o %p is the payload, as often as asked for, of 1 MB too" {
	for n in 0 5 65536 70000 1000000; do
		head -c "$n" /dev/urandom >in
		msend box <in
		timeout 10 mrecv -o '<%p|%l|%p>' box >out
		(printf '<'; cat in; printf '|%s|' "$n"; cat in; printf '>') >want
		cmp want out
	done
}

@test "-o %l is true of a payload of unknown length" {
	head -c 1000000 /dev/urandom >in
	msend - <in | timeout 10 mrecv -o '%l\n' - >out
	[ "$(cat out)" = 1000000 ]
	head -c 60000 in >small
	printf 'M1 60000+ t s\n' >stream
	cat small >>stream
	printf '\nM1 0\n\n' >>stream
	timeout 10 mrecv -o '%l:%p' - <stream >out
	(printf '60000:'; cat small) >want
	cmp want out
}

@test "-o refuses a large payload of unknown length whose length, or a copy, is to come before its end" {
	head -c 1000000 /dev/urandom >in
	msend - <in >stream
	run -71 timeout 10 mrecv -o '%l %p' - <stream
	run -71 timeout 10 mrecv -o '%p %p' - <stream
	timeout 10 mrecv -o '%p' - <stream >out
	cmp in out
}

# ---- shell assignments

@test "-e gives assignments that eval takes literally" {
	# shellcheck disable=SC2016  # nothing is to expand
	evil='$(touch bad) `touch bad` "x" '"'; touch bad; '"' \ end'
	msend -t "t';touch\${IFS}bad;'" -s 's$(touch)bad' -H reply='re ply' box "$evil"
	timeout 10 mrecv -e box >out
	unset MBOX_TAG MBOX_SOURCE MBOX_ID MBOX_TIME MBOX_LENGTH MBOX_TRY MBOX_REPLY MBOX_NAME MBOX_PAYLOAD
	eval "$(cat out)"
	[ "$MBOX_TAG" = "t';touch\${IFS}bad;'" ]
	[ "$MBOX_SOURCE" = 's$(touch)bad' ]
	[ "$MBOX_ID" = 1 ]
	[[ "$MBOX_TIME" =~ ^[0-9]+\.[0-9]{6}$ ]]
	[ "$MBOX_LENGTH" = "$((${#evil} + 1))" ]
	[ "$MBOX_TRY" = 1 ]
	[ "$MBOX_REPLY" = 're ply' ]
	[ "$MBOX_NAME" = box ]
	[ "$MBOX_PAYLOAD" = "$evil"$'\n' ]
	[ ! -e bad ]
}

@test "-e leaves empty what a message does not have" {
	printf 'M1 0 t s\n\n' | timeout 10 mrecv -e - >out
	cat >want <<-'END'
	eval "unset -v MBOX_HEADERS ${MBOX_HEADERS-}"
	MBOX_HEADERS=''
	MBOX_REPLY=''
	MBOX_TAG='t'
	MBOX_SOURCE='s'
	MBOX_ID=''
	MBOX_TIME=''
	MBOX_TRY=''
	MBOX_NAME='-'
	MBOX_PAYLOAD=''
	MBOX_LENGTH='0'
	END
	cmp want out
}

@test "-e gives a payload of 1 MB, and one of unknown length" {
	# many quotes on end take bash's eval most of a minute
	head -c 1000000 /dev/zero | tr '\0' x | fold -w 1000 | tr '\n' "'" | head -c 1000000 >in
	msend box <in
	timeout 10 mrecv -e box >out
	eval "$(cat out)"
	[ "$MBOX_LENGTH" = 1000000 ]
	printf %s "$MBOX_PAYLOAD" >got
	cmp in got
	msend - <in | timeout 10 mrecv -e - >out
	unset MBOX_PAYLOAD MBOX_LENGTH
	eval "$(cat out)"
	[ "$MBOX_LENGTH" = 1000000 ]
	printf %s "$MBOX_PAYLOAD" >got
	cmp in got
}

@test "-e refuses a NUL byte: the eval fails with 65, and the message stays" {
	printf 'a\0b' | msend box
	timeout 10 mrecv -e box >out 2>err && false || [ $? -eq 65 ]
	[ "$(<out)" = "(exit 65)" ]
	[ "$(<err)" = "mrecv: box: a payload has a NUL byte, which this form cannot hold" ]
	timeout 10 mrecv box >got
	printf 'a\0b' >want
	cmp want got
}

@test "-e with a NUL byte late in a payload leaves its quote open, so that eval takes nothing" {
	(head -c 200000 /dev/zero | tr '\0' x; printf '\0') | msend box
	run -65 timeout 10 mrecv -e box
	timeout 10 mrecv -e box >out 2>/dev/null || true
	run ! sh -c "$(cat out)"
}

# ---- failures

@test "a full disk behind the output is one line and 74, and the message stays" {
	for form in '' -F -J -e -o%p; do
		msend box hello
		timeout 10 mrecv $form box >/dev/full 2>err && false || [ $? -eq 74 ]
		[ "$(wc -l <err)" -eq 1 ]
		timeout 10 mrecv box >/dev/null
	done
	head -c 1000000 /dev/zero | msend box
	for form in '' -F -J -o%p; do
		timeout 10 mrecv $form box >/dev/full 2>err && false || [ $? -eq 74 ]
		[ "$(wc -l <err)" -eq 1 ]
	done
}
