#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The command line, the same in every tool: how options may be written, and what is said where they are wrong.

load ../helpers

setup()
{
	common_setup
	TOOLS=(mkmbox chmbox rmmbox msend mrecv mcall mtee mstat mlink)
}

teardown()
{
	common_teardown
}

# says MESSAGE TAIL TOOL ARGUMENT... -- the tool prints exactly this line and what begins with the tail, and exits 64, by
# whatever name it is called.
says()
{
	local message=$1 tail=$2 tool=$3 program called err
	shift 3
	program=$(type -P "$tool")
	for called in "$tool" ./bin/"$tool" /usr/local/libexec/of/some/package/"$tool" x ''; do
		status=0
		err=$(exec -a "$called" "$program" "$@" 2>&1 >/dev/null </dev/null) || status=$?
		if [ "$status" -ne 64 ] || [[ $err$'\n' != "$tool: $message"$'\n'"$tail"* ]] ||
		    { [ -z "$tail" ] && [[ $err = *$'\n'* ]]; }; then
			echo "$tool $* called '$called': status $status: $err"
			return 1
		fi
	done
}

# refuses MESSAGE TOOL ARGUMENT... -- with the synopsis behind it.  wrong: that line alone.
refuses()
{
	says "$1" "usage: $2 " "${@:2}"
}

wrong()
{
	says "$1" '' "${@:2}"
}

@test "an option that is none is named as it was typed" {
	for tool in "${TOOLS[@]}"; do
		refuses 'unknown option: -Z' "$tool" -Z
		refuses 'unknown option: --zebra' "$tool" --zebra
		refuses 'unknown option: --zebra' "$tool" --zebra=stripes
		refuses 'unknown option: --helpless' "$tool" --helpless
		refuses 'unknown option: --' "$tool" --=x
		refuses 'unknown option: ---' "$tool" ---
		refuses 'unknown option: -\x1b' "$tool" $'-\e[31m'
		refuses 'unknown option: --\x1b[31m' "$tool" $'--\e[31m'
	done
	refuses 'unknown option: -Z' msend -nZ box
	refuses 'unknown option: -Z' mrecv box -aZ
	refuses 'unknown option: -Z' mtee -q box -Z other
}

@test "an option that takes a value and has none is told" {
	refuses '-w takes a value, and none follows' msend -w
	refuses '-w takes a value, and none follows' mrecv box -nw
	refuses '--wait takes a value, and none follows' mcall --wait
	refuses '--wait takes a value, and none follows' mcall --wa
	refuses '-c takes a value, and none follows' mkmbox box -c
	refuses '--tag takes a value, and none follows' mtee box --tag
}

@test "an option that takes no value and has one is told" {
	for tool in "${TOOLS[@]}"; do
		refuses '--help takes no value' "$tool" --help=me
		refuses '--version takes no value' "$tool" --vers=
	done
	refuses '--nonblock takes no value' msend --nonblock=1 box
	refuses '--force takes no value' rmmbox box --force=yes
}

@test "a long name cut short is taken where only one option begins so, and else the choice is told" {
	mkmbox --cap=1 box
	[ "$(mkmbox --vers)" = "$(mkmbox --version)" ]
	msend --non --ta=build box hello
	run -1 msend --nonb box hello
	refuses 'ambiguous option: --not (--not-source, --not-tag)' mrecv --not=x box
	refuses 'ambiguous option: --s (--sync, --source)' msend --s box
	# a name that is whole is taken though another begins with it too
	[ "$(mrecv --non --tag=build --not-tag=x box)" = hello ]
}

@test "a value that is wrong is told with the option as it was typed" {
	fails 64 mrecv -w soon box
	[[ $error == "mrecv: -w: 'soon' is not a duration "* ]]
	fails 64 mrecv --wai=soon box
	[[ $error == "mrecv: --wait: 'soon' is not a duration "* ]]
	fails 64 mkmbox --bytes 12Q box
	[[ $error == "mkmbox: --bytes: '12Q' is not a number of bytes "* ]]
	fails 64 mcall --tag 'a b' box
	[[ $error == "mcall: --tag: 'a b' is not a tag "* ]]
	fails 64 mtee --source= box
	[[ $error == "mtee: --source: '' is not a pattern "* ]]
	wrong "--mode: '0700' is not a mode for a mailbox: the owner needs rw, and each class rw, r, w or nothing (0600, 0640, 0660, 0622)" mkmbox --mode=0700 box
	wrong "-H: 'id' is reserved: senders cannot set it" msend -Hid=1 box
	[ ! -e box ]
}

@test "the synopsis is printed where it has the answer, and nowhere else: in every tool" {
	# a word too few
	for tool in mkmbox chmbox rmmbox mcall; do refuses 'no mailbox is named' "$tool"; done
	for tool in msend mrecv mtee; do refuses 'no channel is named' "$tool"; done
	for words in '' 'from' 'from to there'; do refuses 'a link is between two: FROM and TO' mlink $words; done
	for words in 'mkmbox -m' 'chmbox -g' 'msend -d' 'mrecv -o' 'mcall -s' 'mtee -t' 'mlink -k'; do
		refuses "${words#* } takes a value, and none follows" $words
	done
	refuses '--source takes a value, and none follows' mstat --source
	refuses 'nothing is to be changed: give an option' chmbox box
	refuses 'no channel follows the last -s or -t' mtee box -t x
	refuses 'no command follows --' mrecv box --
	# a value that is none
	number='a whole number from 1 on'
	glob="'' is not a pattern of 1 to 255 bytes"
	time="'x' is not a duration (0.25, 500ms, 10s, 5m, 2h)"
	wrong "-c: 'x' is not a whole number from 0 on, or inf" mkmbox -c x box
	wrong "-o: 'x' is not block, oldest or latest" mkmbox -o x box
	wrong "-c: '9223372036854775808' is not below 2^63" chmbox -c 9223372036854775808 box
	wrong "-b: '9999999999G' is not below 2^63" chmbox -b 9999999999G box
	wrong "-b: 'x' is not a number of bytes (4096, 64K, 10M, 1G, inf)" chmbox -b x box
	wrong "-m: '9' is not a mode for a mailbox: not an octal number" chmbox -m 9 box
	wrong "-g: 'no such' is no group in /etc/group, and no number of one" chmbox -g 'no such' box
	wrong "-d: 'x' is not a duration, or @ and seconds since the epoch" msend -d x box
	# the 2^62 nanoseconds that a duration has at most
	for words in 'msend -d' 'msend -x' 'mrecv -w' 'mcall -w'; do
		wrong "-${words#*-}: '99999999999' is not within 146 years" $words 99999999999 box
	done
	wrong "-d: '@99999999999' is not within 146 years" msend -d @99999999999 box
	wrong "-B: '1:99999999h' is not within 146 years" mrecv -B 1:99999999h box -- true
	wrong "-u: '' is not a name of 1 to 64 bytes without white space" msend -F -u '' box
	wrong "-H: 'x' is not KEY=VALUE with a key of a-z, 0-9 and -" msend -H x box
	wrong "-s: '' is not a source (1 to 255 bytes, no white space, no control bytes)" msend -s '' box
	wrong "-B: 'x' is not a duration, or two as in 1s:10m, the second no shorter" mrecv -B x box -- true
	wrong "-o: '%x' is not a format (%t %s %i %l %p %m %d %h{key})" mrecv -o %x box
	wrong "-c: '0' is not $number" mrecv -c 0 box
	wrong "-b: '0' is not $number, or that and a number of bytes as in 100:16M" mrecv -b 0 box -- true
	wrong "-w: $time" mcall -w x box
	wrong "-t: $glob" mtee -t '' box
	wrong "--tag: $glob" mstat -m --tag ''
	wrong "-j: 'x' is not $number" mlink -j x from to
	# options that do not go together
	wrong '-n and -w exclude each other' msend -n -w 1 box
	wrong '-l and -0 exclude each other' msend -l -0 box
	wrong '-a and -f exclude each other' mrecv -a -f box
	wrong '--close and --open exclude each other' chmbox --close --open box
	wrong '-m, -t and --waiters exclude each other' mstat -m -t
	wrong '-F takes the request from standard input: -H, -s, -t and a message do not go with it' mcall -F -t x box
	wrong '-k makes dead letters: it needs a mailbox for them (-d)' mlink -k 3 from to
	wrong '-o chooses what a full mailbox drops: with -c 0 there is nothing to drop' mkmbox -o latest -c 0 box
	[ ! -e box ]
	# a channel that does not go with an option
	touch file
	wrong '-S: file is not a mailbox' msend -S file x
	wrong '-i: file is not a mailbox' mrecv -i 1 file
	wrong '-A: file is not a mailbox' mrecv -A file
}

@test "values stand behind their option, in the same word or in the next" {
	mkmbox -c1 -b 1K box
	msend -nttag -s me box -t build
	[ "$(mrecv -no'%t %s %p' box)" = 'tag me -t build' ]
	msend --tag tag --source=me -w1s box -- words
	[ "$(mrecv --format '%t %s %p' box)" = 'tag me -- words' ]
	# a value may look like an option, or be empty
	msend -t -n box hello
	[ "$(mrecv -no %t box)" = -n ]
	refuses "-t takes a value, and none follows" mrecv box -t
	[ "$(mrecv -n --format= box || echo $?)" = 1 ]
}

@test "options of msend and mcall end at the first operand, those of mkmbox, rmmbox, mstat and mrecv do not" {
	mkmbox one -c 1 two -p
	[ "$(mstat one -t two -J | wc -l)" -eq 0 ]
	msend one -n
	[ "$(mrecv one -n two)" = -n ]
	rmmbox one -f two
	[ ! -e one ] && [ ! -e two ]
}

@test "-- ends the options, - is an operand" {
	mkmbox -- -c 5
	[ -d ./-c ] && [ -d 5 ]
	msend -- -c hello
	[ "$(mrecv -n -- -c)" = hello ]
	[ "$(mrecv -n -- -c 5 -- true || echo $?)" = 1 ]
	[ "$(mstat -- -c 5 | wc -l)" -eq 3 ]
	rmmbox -- -c 5
	[ "$(msend - hello | mrecv -)" = hello ]
	touch file
	msend - hello | mtee -q -t '*' -- file
	[ "$(mrecv file)" = hello ]
	for tool in mkmbox rmmbox; do refuses 'no mailbox is named' "$tool" --; done
	for tool in msend mrecv mtee; do refuses 'no channel is named' "$tool" --; done
	refuses 'no command follows --' mrecv -- box --
}
