#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# power.sh [-n STATES] [-s SEED] [scenario...] -- record what runs do to the disk, and cut the power at every moment.
#
#   -n  disk states a moment (default 12); from 4 on the extremes are among them
#   -s  the seed of all the others
# See power.c.  A scenario is a function below; one whose name begins with plain_ has a mailbox that is not durable.
# shellcheck disable=SC2317  # the scenarios are called by name
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${BIN:=$here/../../bin}" "${BUILD:=$here/../../build}"
PATH=$(cd "$BIN" && pwd):$PATH
BOOT=$(cd "$BUILD" && pwd)/boot
export BOOT PATH MBOX_SOURCE=power LC_ALL=C
unset MBOX_DIR

mark() { printf '%s ' "$@" >>marks; }

# big NAME -- a frame with a payload that is large; power.c knows what it must be.
big() {
	awk -v name="$1" 'BEGIN {
		printf "M1 90000 - s\n%s:", name
		n = length(name)
		for (i = n + 1; i < 90000; i++) printf "%s", substr(name, i % n + 1, 1)
		print ""
	}'
}

made() { mkmbox ${durable:+-d} "$@" && mark made; }
sent() { msend box "$1." && mark acked "$1"; }

s_single() {
	made box
	sent a1
	sent a2
	msend -t tag box a3. && mark acked a3
}

s_receive() {
	made box
	for i in 1 2 3 4; do sent "a$i"; done
	mark may a1
	mrecv box >/dev/null
	sent b1
	mark may a2 a3 a4 b1
	mrecv -a box >/dev/null
	sent c1
	sent c2
}

s_lines() {
	made box
	seq -f 'l%.0f.' 40 | msend -l box && mark acked $(seq -f 'l%.0f' 40)
	sent a1
	seq -f 'm%.0f.' 30 | msend -l -x 1h box && mark acked $(seq -f 'm%.0f' 30)
}

s_roll() {
	made box
	seq 4090 | awk '{ print "M1 " length + 2 " t" $0 " s"; print "r" $0 "." }' | msend -F box && mark acked r1 r2000 r4090
	sent a1
	seq 12 | awk '{ print "M1 " length + 2 " u" $0 " s"; print "q" $0 "." }' | msend -F box && mark acked $(seq -f 'q%.0f' 12)
	sent a2
	mark may r1 r4090
	mrecv -a -t 't*' -T t2000 box >/dev/null
	sent a3
}

s_big() {
	made box
	sent a1
	big g1 >../frame
	msend -F box <../frame && mark acked g1
	sent a2
	mark may g1
	mrecv -i 2 box >/dev/null
	sent a3
}

s_sync() {
	made box
	sent a1
	mark may a1 a2
	msend -S box a2. & mrecv -c 2 box >/dev/null
	wait && mark acked a2
	sent a3
}

# the first mailbox has the large payload written, the other a link to it, which is not recorded
s_several() {
	mkmbox other
	made box
	sent a1
	{ printf 'M1 3 - s\nn1.\n'; big g2; } | mtee -q box other && mark acked n1 g2
	sent a2
}

s_crowd() {
	made box
	for i in 1 2 3 4 5; do sent "c$i" & done
	wait
	sent d1
}

# named NAME N -- a frame that is sent once; it goes to $FRAMES as well, to be sent again.
named() { printf 'M1 %d - s id=%d once=%032x/%d\n%s.\n' $((${#1} + 1)) "$2" 7 "$2" "$1" | tee -a "$FRAMES"; }

once() { msend -F -u scope box && mark acked "$@"; }

# what is sent here once is sent once more after the cut; an unnamed one has a number between theirs
s_once() {
	: >"$FRAMES"
	made box
	named o1 1 | once o1
	named o2 2 | once o2
	{ named o3 3; named o4 4; } | once o3 o4
	sent a1
	named o5 5 | once o5
	mark may o1 o2 o3 o4
	mrecv -c 4 box >/dev/null
	named o6 6 | once o6
	{ named o7 7; named o2 2; named o8 8; } | once o7 o8
	mark may a1 o5 o6 o7 o8
	mrecv -a box >/dev/null
	named o9 9 | once o9
}

# a copy is audited by the first who opens it; one of its messages was damaged on the way
s_audit() {
	umask 077
	mkmbox ${durable:+-d} first
	for i in 1 2 3 4; do msend first "a$i."; done
	big g1 >../frame
	msend -F first <../frame
	printf X | dd bs=1 seek=30 conv=notrunc status=none of=first/00000000000000000001.log
	mkdir box
	for file in first/*; do dd bs=64k status=none if="$file" of="box/${file#first/}"; done
	[ -z "$durable" ] || sync box/* box .
	mark made
	mark acked a1 a3 a4 g1
	mstat box >/dev/null
	sent b1
	mark may a1
	mrecv box >/dev/null
	sent b2
}

scenario=''
states=12 seed=1
while getopts n:s:-: opt; do
	case $opt in
	n) states=$OPTARG ;;
	s) seed=$OPTARG ;;
	-) scenario=$OPTARG ;;
	*) exit 64 ;;
	esac
done
shift $((OPTIND - 1))
if [ -n "$scenario" ]; then
	durable=1
	[ "$scenario" = "${scenario#plain_}" ] || durable=''
	"s_${scenario#plain_}"
	exit
fi
if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true; then
	echo "power: strace is missing, or can trace nothing here"
	exit 77
fi
[ $# -gt 0 ] || set -- single receive lines roll big sync several crowd audit once \
	plain_single plain_receive plain_lines plain_roll plain_big plain_audit plain_once
top=$(mktemp -d "${TMPDIR:-/tmp}/power.XXXXXX") || exit
trap 'rm -rf "$top"' EXIT
"${CC:-cc}" -std=gnu17 -O2 -w -o "$top/power" "$here/power.c" || exit
status=0
for scenario; do
	rm -rf "$top/now" "$top/disk"
	mkdir -p "$top/now/run" "$top/disk"
	# a run is a shell of its own, so that all it does is recorded
	(cd "$top/now/run" && FRAMES=$top/disk/frames strace -f -y -xx -qq -s 1000000 -o "$top/trace" \
		-e trace=openat,mkdir,mknodat,write,pwrite64,renameat,unlinkat,fsync,fdatasync \
		bash "$here/power.sh" --"$scenario" 2>"$top/said") || { echo "power: $scenario: $(cat "$top/said")"; status=1; continue; }
	box=+box
	[ "$scenario" = "${scenario#plain_}" ] || box=box
	n=$states
	case $scenario in *roll) n=$(((states + 11) / 12)) ;; esac
	printf '%-14s ' "$scenario:"
	"$top/power" "$top/trace" "$top/now/run" "$top/disk" "$box" "$n" "$seed" >"$top/told" || status=1
	tail -n 1 "$top/told"
	sed '$d' "$top/told" | head -n 20
done
exit $status
