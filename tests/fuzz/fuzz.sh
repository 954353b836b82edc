#!/bin/sh
# SPDX-License-Identifier: ISC
# fuzz.sh DIRECTORY SECONDS TARGET... -- run each fuzz target of DIRECTORY for so long, from its corpus here.
#
# DIRECTORY/corpus/TARGET keeps what it learned for the next time, DIRECTORY/found/ the inputs that broke something.
# The status is 1 where there is any.
set -u
dir=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
# in memory, where there is such a place: a mailbox for each input is much to ask of a disk
scratch=$(mktemp -d /dev/shm/fuzz.XXXXXX 2>/dev/null || mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$dir/found"
top=$(cd "$dir" && pwd) status=0
for target; do
	mkdir -p "$top/corpus/$target" "$scratch/seed"
	rm -f "$scratch"/seed/*
	"$here/pack.sh" -u "$here/$target.corpus" "$scratch/seed"
	TMPDIR=$scratch ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:handle_abort=1 \
		nice -n 19 "$top/fuzz-$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
		-malloc_limit_mb=256 -max_len=2000 -print_final_stats=1 -artifact_prefix="$top/found/$target-" \
		"$top/corpus/$target" "$scratch/seed" >"$top/$target.log" 2>&1 || status=1
	printf '%-8s %12s inputs, %6s new, %5s found\n' "$target" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$top/$target.log")" \
		"$(sed -n 's/^stat::new_units_added: *//p' "$top/$target.log")" \
		"$(find "$top/found" -name "$target-*" | wc -l)"
done
[ "$status" -eq 0 ] || echo "see $dir/found and the logs beside it"
exit $status
