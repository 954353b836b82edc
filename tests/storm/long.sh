#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# long.sh [STORM-OPTION...] -- the storm in full: what "make storm" does.  The short form is tests/storm/storm.bats.
#
# Each part prints its tally; the first is the long one.  Exits 1 where any of them found a fault, or was too tame: fewer
# than 1,000,000 messages or 20,000 kills in the first.
set -u

: "${BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build}"
storm=$BUILD/storm/storm
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
failed=0

# part TITLE STORM-ARGUMENTS... [-- MKMBOX-OPTIONS...] -- one storm, in a directory of its own.
part()
{
	local title=$1 options=() dir=$work/part
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	echo "== $title"
	rm -rf "$dir"
	mkdir "$dir"
	"$storm" -l 3000 -s "${SEED:-$RANDOM}" "${options[@]}" "${given[@]}" "$dir" "$@" 2>&1 | sed "s,$dir/,," | tee "$work/said"
	[ "${PIPESTATUS[0]}" -eq 0 ] || failed=1
}

# at_least WHAT N PATTERN -- the number in front of what the pattern matches is that, or more.
at_least()
{
	local n
	n=$(grep -oE "[0-9]+ $3" "$work/said" | head -n 1 | cut -d ' ' -f 1)
	if [ "${n:-0}" -lt "$2" ]; then
		echo "only ${n:-0} $1, not $2"
		failed=1
	fi
}

given=("$@")
part "1,000,000 messages and 20,000 kills" -n 3000000 -S 8 -R 10 -C 4 -V 4 -r 3000 -k 100 -m 200 -- -c 3000 -b 32M
at_least messages 1000000 'messages received'
at_least kills 20000 'tools killed'
part "8 senders, 8 receivers, 200,000 messages, three of 50 MB" -n 200000 -S 8 -R 8 -m 400 -H 3
at_least messages 200000 'messages received'
part "the same, with kills" -n 300000 -S 8 -R 8 -m 400 -H 3 -k 60
at_least messages 200000 'messages received'
part "a quarter is sent for later, and the mailbox is closed in the end" -n 300000 -S 8 -R 10 -m 200 -k 60 -d 900 -e
at_least messages 200000 'messages received'
part "the last value of each tag" -n 300000 -S 8 -R 10 -m 200 -k 60 -- -o latest
at_least messages 50000 'replaced'
part "nobody is killed" -n 300000 -S 12 -R 20 -C 4 -V 4 -r 1000 -m 40 -H 2
part "capacity 0" -n 100000 -C 4 -V 4 -r 1000 -k 30 -m 20 -- -c 0
part "the same, closed in the end" -n 50000 -k 30 -m 20 -e -- -c 0
PATH=$BUILD/storm/bin:$PATH
export SPRAY_US=700 SPRAY_STEP=300
part "signals, and a clock that is set every 0.3 s" -n 400000 -C 4 -V 4 -r 1000 -k 25 -m 40 -- -c 3000 -b 32M
part "the same at capacity 0" -n 40000 -C 4 -V 4 -r 500 -k 40 -m 10 -- -c 0
[ "$failed" -eq 0 ] && echo "storm: no fault in any part"
exit "$failed"
