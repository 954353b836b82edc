#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The command line, the same in every tool: how options may be written, and what is said where they are wrong.

load ../helpers

setup()
{
	common_setup
	TOOLS=(mkmbox rmmbox msend mrecv mcall mtee mstat)
}

teardown()
{
	common_teardown
}

# refuses MESSAGE TOOL ARGUMENT... -- the tool prints exactly this line and the synopsis, and exits 64, by
# whatever name it is called.
refuses()
{
	local message=$1 tool=$2 program called err
	shift 2
	program=$(type -P "$tool")
	for called in "$tool" ./bin/"$tool" /usr/local/libexec/of/some/package/"$tool" x ''; do
		status=0
		err=$(exec -a "$called" "$program" "$@" 2>&1 >/dev/null </dev/null) || status=$?
		if [ "$status" -ne 64 ] || [ "${err%%$'\n'*}" != "$tool: $message" ] ||
		    [[ $err != "$tool: $message"$'\nusage: '"$tool "* ]]; then
			echo "$tool $* called '$called': status $status: $err"
			return 1
		fi
	done
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
	refuses "--mode: '0700' is not a mode for a mailbox: the owner needs rw, and each class rw, r, w or nothing (0600, 0640, 0660, 0622)" mkmbox --mode=0700 box
	refuses "-H: 'id' is reserved: senders cannot set it" msend -Hid=1 box
	[ ! -e box ]
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
