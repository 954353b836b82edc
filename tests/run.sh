#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# run.sh [-j N] [BATS-OPTION...] -- FILE... -- run the test files, N of them at once (two a processor: they wait much),
# each by a bats of its own: what bats --jobs does, without GNU parallel.
#
# Prints a line a file, in front of it each test that failed, with what it printed, or was skipped; at the end
# "N passed, N failed, N skipped".  Exits 1 where a test failed, or none was run.
set -u
# a test that runs make is no part of the one that runs the tests
unset MAKEFLAGS

jobs=$((2 * $(nproc)))
if [ "${1:-}" = -j ]; then
	jobs=$2
	shift 2
fi
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	options+=("$1")
	shift
done
shift
logs=$(mktemp -d) || exit
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# one FILE -- run it, and tell how it went.  Its counts go to a file of their own.
one() {
	local file=$1 name began=$SECONDS log status=0 good bad skip
	name=${file##*/}
	log=$logs/$name
	bats --formatter tap "${options[@]}" "$file" >"$log" 2>&1 </dev/null || status=$?
	skip=$(grep -acE '^ok [0-9]+ .*# skip' "$log")
	good=$(($(grep -acE '^ok [0-9]+ ' "$log") - skip))
	bad=$(grep -acE '^not ok [0-9]+ ' "$log")
	# it ended early, or could not begin
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	echo "$good $bad $skip" >"$log.counts"
	{
		if [ "$bad" -gt 0 ]; then
			grep -avE '^ok [0-9]+ |^1\.\.' "$log"
		fi
		grep -aE '^ok [0-9]+ .*# skip' "$log"
		printf '%s  %4d s  %s: %d passed, %d failed, %d skipped\n' "$([ "$bad" -eq 0 ] && echo 'ok  ' || echo FAIL)" \
			$((SECONDS - began)) "$file" "$good" "$bad" "$skip"
	} >"$log.said"
	cat "$log.said"         # in one piece, between those of others
}

# What takes longest begins first, so that nothing is left to wait for at the end.
order() {
	local slow=" torture mtee streams resources rendezvous locked storm channels attack guard waiting mcall drops handlers crash matrix fuzz power docs "
	local name file
	for name in $slow; do
		for file; do
			[[ $file != */"$name".bats ]] || echo "$file"
		done
	done
	for file; do
		name=${file##*/}
		[[ $slow == *" ${name%.bats} "* ]] || echo "$file"
	done
}

running=0
while read -r file; do
	if [ "$running" -ge "$jobs" ]; then
		wait -n
		running=$((running - 1))
	fi
	one "$file" &
	running=$((running + 1))
done < <(order "$@")
wait
cat "$logs"/*.counts 2>/dev/null | awk '
	{ good += $1; bad += $2; skip += $3 }
	END {
		printf "%d passed, %d failed, %d skipped\n", good, bad, skip
		exit bad > 0 || good == 0
	}'
