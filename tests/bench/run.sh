#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# make bench: letterbox beside its peers, each figure a ratio of runs that take turns.
#
#     run.sh [-q] OUT [ROW...]
#
# -q: smaller and fewer, for a first look.  PAIRS, in the environment: so many pairs of runs for a row (7).  OUT: folder for table.txt, rows.tsv, bench.svg.  ROW: only those (see rows.sh).
# Needs BIN, the folder of the tools, and BUILD, where the drivers are built.

# shellcheck disable=SC1091,SC2034  # servers.sh and rows.sh, and what is for them

set -u -o pipefail
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)

PAIRS=${PAIRS:-7} SCALE=1
if [ "${1:-}" = -q ]; then
	PAIRS=3 SCALE=8
	shift
fi
[ $# -ge 1 ] || { echo "usage: run.sh [-q] OUT [ROW...]" >&2; exit 64; }
mkdir -p "$1" || exit
OUT=$(cd "$1" && pwd)
shift
ONLY=("$@")

# the data of peers and mailboxes: in memory, and beside OUT on a disk
MEM=$(mktemp -d /dev/shm/letterbox-bench.XXXXXX) || exit
DISK=$(mktemp -d "$OUT/work.XXXXXX") || exit
SERVERS=()

finish()
{
	local pid
	for pid in ${SERVERS[@]+"${SERVERS[@]}"}; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$MEM" "$DISK"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

PATH=$BIN:$PATH
B=$BUILD/bench

# ---- measuring

# lap ... -- as lap.c; wall_of, cpu_of, kib_of: one of its three figures.  A run that fails ends the bench.
lap() { "$B/lap" "$@" || { echo "bench: failed: $*" >&2; kill $$; exit 1; }; }
wall_of() { lap "$@" | cut -d' ' -f1; }
cpu_of() { lap "$@" | cut -d' ' -f2; }
kib_of() { lap "$@" | cut -d' ' -f3; }

# wanted ROW -- whether a row was asked for.
wanted()
{
	local row
	[ ${#ONLY[@]} -gt 0 ] || return 0
	for row in "${ONLY[@]}"; do
		[ "$row" != "$1" ] || return 0
	done
	return 1
}

# compare ROW faster|dearer TARGET WHAT PEER OURS THEIRS -- run two functions in turns; each prints nanoseconds and, after
# a space, for how many messages, bytes or runs (1 where there is none).
# faster: the ratio is theirs by ours, and TARGET the least it should be; dearer: ours by theirs, and the most.
# A TARGET of - is none: the row only tells.
compare()
{
	local row=$1 sense=$2 target=$3 what=$4 peer=$5 ours=$6 theirs=$7 i a b
	wanted "$row" || return 0
	for ((i = 0; i < PAIRS; i++)); do
		if ((i % 2 == 0)); then
			a=$($ours) && b=$($theirs) || exit
		else
			b=$($theirs) && a=$($ours) || exit
		fi
		printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$row" "$sense" "$target" "$what" "$peer" "$a" "$b" >>"$OUT/pairs.tsv"
	done
	"$here/report.sh" row "$OUT/pairs.tsv" "$row"
}

# amount ROW TARGET UNIT WHAT FUNCTION -- a figure that has no peer; the function prints it in UNIT.
amount()
{
	local row=$1 target=$2 unit=$3 what=$4 function=$5 i
	wanted "$row" || return 0
	for ((i = 0; i < PAIRS; i++)); do
		printf '%s\tamount\t%s\t%s\t%s\t%s\t1\n' "$row" "$target" "$what" "$unit" "$($function)" >>"$OUT/pairs.tsv"
	done
	"$here/report.sh" row "$OUT/pairs.tsv" "$row"
}

# fresh NAME OPTION... -- a new mailbox at NAME.
fresh()
{
	local box=$1
	shift
	rm -rf "$box" && mkmbox "$@" "$box"
}

. "$here/servers.sh"
. "$here/rows.sh"

rm -f "$OUT/pairs.tsv" "$OUT/calls.txt"
: >"$OUT/pairs.tsv"
"$here/report.sh" machine "$DISK" "$MEM" >"$OUT/machine.txt"
all_rows
"$here/report.sh" table "$OUT/pairs.tsv" "$OUT/machine.txt" "$OUT/calls.txt" >"$OUT/table.txt"
"$here/report.sh" plot "$OUT/pairs.tsv" "$OUT/machine.txt" "$OUT/bench.svg"
cat "$OUT/table.txt"
