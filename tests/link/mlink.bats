# SPDX-License-Identifier: ISC
# mlink with adapters that stand in for engines: what it says, when it tries again, and that nothing is left of it.
#
# The adapter link-test does as the files beside it say: `up' is there while the engine is; `reason' and `code' are what
# it says and exits with where it is not; `deaf' is there where it acknowledges nothing; its `in' gives the frames in `frames' to the command, then waits.

load ../helpers
load linking

setup()
{
	common_setup
	mkdir links
	cat >links/link-test <<-'END'
		#!/bin/sh
		[ "$1" != form ] || { echo stream; exit; }
		dir=${0%/*}/..
		echo "$$ $*" >>"$dir/runs"
		if [ ! -e "$dir/up" ]; then
			echo "link-test: $(cat "$dir/reason")" >&2
			exit "$(cat "$dir/code")"
		fi
		echo linked >&2
		if [ "$1" = in ]; then
			shift 2
			{ cat "$dir/frames"; cat "$dir/door"; } | exec "$@" >>"$dir/acks"
			exit
		fi
		[ ! -e "$dir/deaf" ] || exec sleep 1000
		tee -a "$dir/got" | sed -un 's/^M1 .* id=\([0-9]*\).*/\1/p'
	END
	chmod +x links/link-test
	export MBOX_LINKS=$PWD/links:$BUILD/link
	mkfifo door
	echo 'the engine is away' >reason
	echo 75 >code
	: >frames
}

teardown()
{
	common_teardown
}

# told TEXT -- how often it was said.
told()
{
	grep -cF -- "$1" said
}

# no_process -- whether nothing that a link has started is left.
no_process()
{
	local process
	for process in /proc/[0-9]*; do
		[ ! "$process/cwd" -ef "$PWD" ] || [ "${process#/proc/}" = "$$" ] || [ "${process#/proc/}" = "$BASHPID" ] ||
			[ "${process#/proc/}" = "$PPID" ] || [[ $(tr '\0' ' ' <"$process/cmdline") = *bats* ]] || return 1
	done
}

@test "a link says once that it is linked, once that it is lost and why, and tries again until it is linked again" {
	mkmbox jobs
	linking jobs test://host/q
	until_true says 'not linked (link-test: the engine is away), again in 0.'
	until_true sh -c '[ "$(wc -l <runs)" -ge 3 ]'
	[ "$(told 'not linked')" -eq 1 ]
	: >up
	until_true says 'mlink: jobs -> test://host/q: linked'
	rm up
	kill "$(tail -n 1 runs | cut -d' ' -f1)"
	until_true says 'jobs -> test://host/q: lost ('
	[ "$(told ': linked')" -eq 1 ]
}

@test "the pauses between tries get longer, from 0.2 seconds, by chance up to half less" {
	mkmbox jobs
	# another reason each time, so that each pause is told
	sed -i 's/(cat "\$dir\/reason")/$/' links/link-test
	linking jobs test://host/q
	until_true sh -c '[ "$(grep -c "again in" said)" -ge 5 ]'
	sed -n 's/.*again in \([0-9.]*\) s/\1/p' said | head -n 5 >pauses
	awk '{ most = 0.2 * 2 ^ (NR - 1); if ($1 > most + 0.05 || $1 < most / 2 - 0.05) bad = 1 } END { exit bad }' pauses
}

@test "a link that was there for more than 5 seconds is tried again at once, however long the pause before it was" {
	mkmbox jobs
	cat >links/link-test <<-'END'
		#!/bin/sh
		[ "$1" != form ] || { echo stream; exit; }
		echo linked >&2
		echo "$$" >>"${0%/*}/../runs"
		runs=$(wc -l <"${0%/*}/../runs")
		[ "$runs" -le 4 ] || exec sleep 5.2
		echo "link-test: reason $runs" >&2
		exit 75
	END
	linking jobs test://host/q
	until_true sh -c '[ "$(grep -c "again in" said)" -ge 5 ]'
	grep 'again in' said | sed -n '5s/.*again in \([0-9.]*\) s/\1/p' >pause
	[ "$(awk '$1 <= 0.25' pause | wc -l)" -eq 1 ]
}

@test "the pauses get longer too where the link is there each time, and breaks at once: a message in a circle, without -d" {
	mkmbox here there
	linking here there
	linking there here
	msend here round
	until_true says 'here -> there: lost'
	until_true sh -c 'mlink -l here | grep -Eq "lost +[2-9]s "'
	# the same each time, and told once
	[ "$(grep -c '^here -> there: ' said)" -le 2 ]
	[ "$(mrecv -p here)" = round ]
}

@test "what a link leaves behind is not the link: it is not told as linked, and why it ended is" {
	mkmbox jobs
	cat >links/link-test <<-'END'
		#!/bin/sh
		[ "$1" != form ] || { echo stream; exit; }
		echo linked >&2
		echo 'link-test: what is wrong' >&2
		sleep 2 &
		exit 75
	END
	linking jobs test://host/q
	until_true says 'lost (link-test: what is wrong), again'
	run ! says ': linked'
}

@test "two signals are two, even where they come at once: the second gives up what is on its way" {
	mkmbox jobs
	: >up
	: >deaf
	msend jobs x
	linking jobs test://host/q
	until_true says ': linked'
	kill -STOP "$link"
	kill -TERM "$link"
	kill -HUP "$link"
	kill -CONT "$link"
	until_true ended "$link"
	[ "$(mrecv -p jobs)" = x ]
}

@test "the terminal stops a link that waits, too" {
	mkmbox jobs
	echo 'no such queue' >reason
	echo 69 >code
	linking jobs test://host/q
	until_true says 'waits: link-test: no such queue'
	kill -TSTP "$link"
	until_true grep -q '^State:.T' "/proc/$link/status"
	kill -CONT "$link"
	kill -TERM "$link"
	ended_with 0 "$link"
}

@test "where a mailbox is made again and another process keeps the link there, the first one ends" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	first=$link
	until_true says ': linked'
	kill -STOP "$first"
	rmmbox jobs
	mkmbox jobs
	linking jobs test://host/q
	until_true sh -c 'mlink -l jobs | grep -q linked'
	kill -CONT "$first"
	ended_with 73 "$first"
	says "process $link keeps this link already"
}

@test "what must be set right first is told once, and not tried again at once" {
	mkmbox jobs
	echo 'no such queue' >reason
	echo 69 >code
	linking jobs test://host/q
	until_true says 'waits: link-test: no such queue'
	[ "$(wc -l <runs)" -eq 1 ]
	[ "$(mlink -l jobs | awk 'NR == 2 { print $3, $6, $7 }')" = 'waits to test://host/q' ]
}

@test "a URL that the adapter refuses ends it with 64" {
	mkmbox jobs
	echo 'not such a URL' >reason
	echo 64 >code
	fails 64 mlink jobs test://host/q
	[[ $error = *'link-test: not such a URL' ]]
}

@test "what the adapter says while it is linked is said once" {
	mkmbox jobs
	: >up
	sed -i 's/^tee/for i in 1 2 3 4; do echo "link-test: message 7 is too large" >\&2; done; tee/' links/link-test
	linking jobs test://host/q
	until_true says 'jobs -> test://host/q: link-test: message 7 is too large'
	msend jobs x
	until_true exists got
	[ "$(told 'too large')" -eq 1 ]
}

@test "messages go to the engine in order, and leave the mailbox when they are acknowledged" {
	mkmbox jobs
	seq 500 | msend -l -t t jobs
	: >up
	linking jobs test://host/q
	until_true sh -c 'mstat -J jobs | grep -q "\"messages\":0"'
	grep -av '^M1' got | grep -v '^$' | cmp - <(seq 500)
}

@test "a link ends with 0 once its mailbox is closed and all of it is at the other side" {
	mkmbox jobs
	seq 20 | msend -l --close jobs
	: >up
	linking jobs test://host/q
	ended_with 0 "$link"
	says 'jobs -> test://host/q: closed and drained'
	[ "$(grep -ac '^M1' got)" -eq 20 ]
}

@test "between two mailboxes messages go with tag, source and headers, and those of a closed one all of it" {
	mkmbox here there
	msend -t 'a!' -s 'b%c' -H k=v here one
	printf 'two\0\n' | msend here
	msend -t last --close here three
	linking here there
	ended_with 0 "$link"
	mrecv -o '%t %s %h{k} %p' there >first
	echo 'a! b%c v one' | cmp - first
	mrecv there | cmp - <(printf 'two\0\n')
	[ "$(mrecv there)" = three ]
}

@test "messages come from the engine into the mailbox, and are acknowledged there" {
	mkmbox jobs
	printf 'M1 3 t s id=4 once=0123456789abcdef0123456789abcdef/4\none\nM1 3 t s id=9 once=0123456789abcdef0123456789abcdef/5\ntwo\n' >frames
	: >up
	linking test://host/q jobs
	[ "$(mrecv -c 2 -l jobs | xargs)" = 'one two' ]
	until_true grep -q '^9+$' acks
	[ "$(mlink -l jobs | awk 'NR == 2 { print $1, $3, $5, $6, $7, $8 }')" = 'jobs linked - from test://host/q -' ]
}

@test "one link of a name is kept between the same two; a second says who keeps it, 73" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	until_true says ': linked'
	fails 73 mlink jobs test://host/q
	[[ $error = *"process $link keeps this link already"* ]]
	first=$link
	linking -n other jobs test://host/q
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 2 ]'
	[ "$(mlink -l jobs | awk 'NR > 1 { print $2, $8 }')" = "$(printf '%s\n' "$first -" "$link other")" ]
	# one that was killed keeps nothing
	kill -KILL "$first"
	linking jobs test://host/q
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 3 ]'
}

# bats test_tags=no-valgrind, no-sanitize
@test "a link whose mlink was killed starts again once all that it had started has ended: none overtakes what that has" {
	local old
	mkmbox jobs
	sed -i '3i trap "" TERM' links/link-test
	: >up
	linking test://host/q jobs
	until_true says 'linked'
	old=$(cut -d' ' -f1 runs)
	kill -KILL "$link"
	ended_with 137 "$link"
	[ "$(mlink -l jobs | wc -l)" -eq 1 ]
	# a sender dies, too, and who comes next tidies up
	run strace -qq -o trace --inject=pwrite64:signal=SIGKILL:when=2 "$(type -P msend)" jobs hello
	[ "$status" -eq 137 ]
	mstat jobs
	linking test://host/q jobs
	until_true says 'test://host/q -> jobs: waits: what an earlier mlink has started for it still runs'
	[ "$(wc -l <runs)" -eq 1 ]
	kill -KILL -- -"$old"
	until_true sh -c '[ "$(wc -l <runs)" -eq 2 ]'
	until_true sh -c 'mlink -l jobs | grep -q linked'
}

@test "a link that was killed, and left nothing, waits for nothing" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	until_true says 'linked'
	kill -KILL "$link"
	ended_with 137 "$link"
	until_true no_process
	linking jobs test://host/q
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 2 ]'
	run ! says waits
}

@test "mstat tells the links of a mailbox" {
	mkmbox jobs
	: >up
	linking -n two jobs test://host/q
	until_true says ': linked'
	mstat -J jobs | grep -qE '"links":\[\{"to":"test://host/q","name":"two","pid":'"$link"',"state":"linked","for":[0-9.]+\}\]'
	mstat jobs | awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "LINKS") column = i } NR == 2 { exit $column != 1 }'
}

@test "SIGTERM ends it with 0 and leaves nothing, no file in the mailbox and no process" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	until_true says ': linked'
	kill -TERM "$link"
	ended_with 0 "$link"
	[ "$(mlink -l jobs | wc -l)" -eq 1 ]
	[ -z "$(files_of jobs)" ]
	until_true no_process
}

@test "SIGINT ends it by that signal" {
	mkmbox jobs
	: >up
	# a background job of a script ignores it
	in_background bash -c 'env --default-signal=INT mlink jobs test://host/q 2>>said & echo $! >pid; wait $!; echo $? >status'
	until_true says ': linked'
	kill -INT "$(<pid)"
	until_true exists status
	[ "$(<status)" -eq 130 ]
}

@test "whichever process of a link is killed, the others end or are started again, and no message is lost" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	until_true says ': linked'
	kill -KILL "$(pgrep -P "$link" mrecv)"
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 2 ]'
	kill -KILL "$(tail -n 1 runs | cut -d' ' -f1)"
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 3 ]'
	msend jobs 'still there'
	until_true grep -aq 'still there' got
	kill -KILL "$link"
	until_true no_process
	[ "$(mlink -l jobs | wc -l)" -eq 1 ]
}

@test "a mailbox that is removed is waited for, and the link goes on with the new one" {
	mkmbox jobs
	: >up
	linking jobs test://host/q
	until_true says ': linked'
	rmmbox jobs
	until_true says 'waits: jobs is not there'
	mkmbox jobs
	msend jobs 'a new one'
	until_true grep -aq 'a new one' got
	until_true sh -c 'mlink -l jobs | grep -q linked'
}

@test "a mailbox that is removed is waited for also where nothing comes for it" {
	mkmbox jobs
	: >up
	linking test://host/q jobs
	until_true says ': linked'
	rmmbox jobs
	until_true says 'waits: jobs is not there'
	mkmbox jobs
	until_true sh -c 'mlink -l jobs | grep -q linked'
	until_true sh -c '[ "$(grep -c ": linked" said)" -eq 2 ]'
}

@test "only what the patterns choose is carried" {
	mkmbox jobs
	msend -t build -s ci jobs wanted
	msend -t test -s ci jobs left
	msend -t build -s me jobs left
	: >up
	linking -t 'bu*' -s ci jobs test://host/q
	until_true grep -aq wanted got
	[ "$(mstat -J jobs | grep -o '"messages":[0-9]*')" = '"messages":2' ]
}

@test "a password in a URL is refused, and what keeps it is named; it is not shown" {
	mkmbox jobs
	misused mlink jobs amqp://user:geheim@host/q
	[[ $error = *'~/.netrc'* && $error != *geheim* ]]
	misused mlink redis://:geheim@host/q jobs
	[[ $error = *'$REDISCLI_AUTH'* && $error != *geheim* ]]
	misused mlink jobs 'postgres://host/q?password=geheim'
	[[ $error = *'~/.pgpass'* && $error != *geheim* ]]
}

@test "two URLs, one mailbox on both sides, and options that have no meaning are refused" {
	mkmbox jobs
	misused mlink test://host/a test://host/b
	[[ $error = *'put a mailbox between them'* ]]
	misused mlink jobs ./jobs
	misused mlink jobs
	misused mlink -k 3 jobs test://host/q
	misused mlink -t a test://host/q jobs
	misused mlink -b 3 jobs test://host/q
	misused mlink 'test://host/a b' jobs
	mkmbox -c 0 desk
	misused mlink jobs desk
	[[ $error = 'mlink: desk has capacity 0: '* ]]
	misused mlink desk jobs
	misused mlink desk test://host/q
	misused mlink test://host/q desk
}

@test "a mailbox that is not there is 66, a scheme without an adapter 127, and what is no adapter 126" {
	mkmbox jobs
	fails 66 mlink nosuch test://host/q
	fails 66 mlink jobs nosuch
	fails 127 mlink jobs nosuch://host/q
	printf '#!/bin/sh\necho nothing\n' >links/link-none
	chmod +x links/link-none
	fails 126 mlink jobs none://host/q
}

@test "the scope is a word that stays the same from start to start, and differs by name and mailbox" {
	mkmbox jobs others
	sed -i '2a echo "$MBOX_LINK_SCOPE" >>"$dir/../scopes"' links/link-test
	sed -i '2i dir=${0%/*}' links/link-test
	: >up
	for link in 'jobs' 'jobs' '-n b jobs' 'others'; do
		: >said
		# shellcheck disable=SC2086  # words
		linking $link test://host/q
		until_true says ': linked'
		kill "$child"
		ended_with 0 "$child"
	done
	grep -v '^$' scopes | uniq | tee list
	[ "$(wc -l <list)" -eq 3 ]
	run ! grep -qvE '^[a-z]+\.[0-9a-f]{16}$' list
}

# batch_adapter -- link-lot takes batches: what it has stored is in `lots', a line for each batch in `sizes'.  It refuses a
# batch that has `poison' in it.
batch_adapter()
{
	cat >links/link-lot <<-'END'
		#!/bin/sh
		[ "$1" != form ] || { echo batch; exit; }
		dir=${0%/*}/..
		cat >"$dir/batch"
		[ -e "$dir/up" ] || { echo 'link-lot: away' >&2; exit 75; }
		grep -aq poison "$dir/batch" && exit 65
		grep -ac '^M1' "$dir/batch" >>"$dir/sizes"
		sed '/^M1/d; /^$/d' "$dir/batch" >>"$dir/lots"
	END
	chmod +x links/link-lot
}

empty()
{
	mstat -J "$1" | grep -q '"messages":0,'
}

@test "an engine that takes batches gets them in order, none larger than -b says" {
	batch_adapter
	mkmbox jobs
	seq 200 | msend -l --close jobs
	: >up
	linking -b 30 jobs lot://host/q
	ended_with 0 "$link"
	cmp lots <(seq 200)
	[ "$(sort -n sizes | tail -n 1)" -le 30 ]
	[ "$(wc -l <sizes)" -lt 100 ]
}

@test "of a batch that is refused only what is refused becomes a dead letter, and the rest is stored" {
	batch_adapter
	mkmbox jobs dead
	{ seq 40; echo poison; seq 41 80; } | msend -l jobs
	: >up
	linking -d dead -k 1 jobs lot://host/q
	until_true empty jobs
	cmp lots <(seq 80)
	[ "$(mrecv -o '%p %h{status}' dead)" = 'poison refused' ]
	[ "$(mstat -J dead | grep -o '"sent":[0-9]*')" = '"sent":1' ]
}

@test "a link of batches tells whether the engine is there, and whether its URL is one, before there is a message" {
	batch_adapter
	mkmbox jobs
	linking jobs lot://host/q
	until_true says 'not linked (link-lot: away)'
	: >up
	until_true says ': linked'
	fails 64 mlink -n other jobs redis://nonsense
}

@test "a batch that finds the engine away stays, and comes when that is back" {
	batch_adapter
	mkmbox jobs
	seq 20 | msend -l jobs
	linking jobs lot://host/q
	until_true says 'not linked (link-lot: away)'
	: >up
	until_true empty jobs
	cmp lots <(seq 20)
	until_true says ': linked'
}
