#!/bin/sh
# SPDX-License-Identifier: ISC
# one.sh MODEL 'DEFINES' [np]: one verification.  np: no endless run without progress instead of safety.
# Prints errors=, states=, seconds=.  TRAIL=N prints the last N lines of a counterexample, SHOW=1 the whole report;
# PANCC: the compiler of the verifier, with its options (gcc -O1).
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cp "$here/fifo.h" "$here/$1.pml" "$work" && cd "$work" || exit 2

case ${3:-} in
np) build='-DNP' how='-l' ;;
*) build='-DSAFETY' how='' ;;
esac
began=$(date +%s%N)
# shellcheck disable=SC2086     # the defines are several words
spin -a $2 "$1.pml" >spin.out 2>&1 || { cat spin.out; exit 2; }
# shellcheck disable=SC2086
${PANCC:-gcc -O1} -w -DMEMLIM=6000 -DCOLLAPSE -DNOFAIR $build -o pan pan.c || exit 2
# shellcheck disable=SC2086
./pan -E -m300000 -n $how >pan.out 2>&1
ended=$(date +%s%N)

if grep -q -e 'max search depth too small' -e 'out of memory' -e 'reached -DMEMLIM' pan.out; then
	printf 'incomplete '
fi
errors=$(sed -n 's/.*errors: *\([0-9]*\).*/\1/p' pan.out | head -n 1)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out | head -n 1)
printf 'errors=%s states=%s seconds=%d.%d\n' "${errors:-?}" "${states:-?}" \
	$(((ended - began) / 1000000000)) $(((ended - began) / 100000000 % 10))
[ -z "${SHOW:-}" ] || cat pan.out
if [ -n "${TRAIL:-}" ] && [ "${errors:-0}" != 0 ]; then
	# shellcheck disable=SC2086
	spin -t -p -g -l $2 "$1.pml" 2>&1 | tail -n "$TRAIL"
fi
