#!/bin/sh
# SPDX-License-Identifier: ISC
# What make bench prints.
#
#     report.sh row PAIRS ROW | table PAIRS MACHINE CALLS | plot PAIRS MACHINE SVG | machine FOLDER...
#
# PAIRS, of run.sh: row, sense, target, what, peer, then two fields "NANOSECONDS NUMBER" (of an amount: the figure).
set -eu
LC_ALL=C
export LC_ALL

# summary PAIRS [ROW] -- a line a row: row, sense, target, what, peer, median of ours, of theirs, of the ratios, least, most.
# Ours and theirs: nanoseconds for one message, byte or run.
summary()
{
	awk -F'\t' -v only="${2:-}" '
	function sort(a, n,   i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	}
	function median(a, n) { sort(a, n); return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
	function end(   i) {
		if (n > 0)
			print head, median(ours, n), median(theirs, n), median(ratio, n), ratio[1], ratio[n]
		n = 0
	}
	BEGIN { OFS = "\t" }
	only != "" && $1 != only { next }
	$1 != row { end(); row = $1; head = $1 OFS $2 OFS $3 OFS $4 OFS $5 }
	{
		split($6, a, " "); split($7, b, " ")
		n++
		ours[n] = $2 == "amount" ? $6 + 0 : a[1] / a[2]
		theirs[n] = $2 == "amount" ? 1 : b[1] / b[2]
		ratio[n] = $2 == "faster" ? theirs[n] / ours[n] : ours[n] / theirs[n]
	}
	END { end() }' "$1"
}

# lines -- of a summary: what a person reads.
lines()
{
	awk -F'\t' '
	function cost(ns) {
		return ns >= 1e9 ? sprintf("%.2f s", ns / 1e9) : ns >= 1e6 ? sprintf("%.2f ms", ns / 1e6) : ns >= 1e3 ? sprintf("%.1f us", ns / 1e3) \
			: ns >= 12 ? sprintf("%.0f ns", ns) : sprintf("%.2f GB/s", 1 / ns)
	}
	{
		met = $3 == "-" ? "" : $2 == "faster" ? ($8 >= $3 ? "yes" : "no") : ($8 <= $3 ? "yes" : "no")
		target = $3 == "-" ? "" : ($2 == "faster" ? ">= " : "<= ") $3
		better = $2 == "faster" ? "+" : "-"
		if ($2 == "amount")
			printf "%-46s %-27s %10s %10s %6s %8.2f %15s %8s %4s\n", $4, $5, "", "", better, $8,
				sprintf("%.2f .. %.2f", $9, $10), target, met
		else
			printf "%-46s %-27s %10s %10s %6s %8.2f %15s %8s %4s\n", $4, $5, cost($6), cost($7), better, $8,
				sprintf("%.2f .. %.2f", $9, $10), target, met
	}'
}

heading()
{
	printf '%-46s %-27s %10s %10s %6s %8s %15s %8s %4s\n' 'what' 'beside' 'ours' 'theirs' 'better' 'ratio' 'spread' 'target' 'met'
	printf '%s\n' "$(printf '%0143d' 0 | tr 0 -)"
}

case $1 in
row)
	summary "$2" "$3" | lines
	;;
machine)
	shift
	printf '%s cores of %s; %s; %s; %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
		"$(uname -sr)" "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
		"$(grep -q hypervisor /proc/cpuinfo && echo 'a virtual machine' || echo 'no virtual machine')"
	printf 'disk: %s, memory: %s; %s; load %s\n' "$(stat -f -c %T "$1")" "$(stat -f -c %T "$2")" "$(msend -V)" \
		"$(cut -d' ' -f1 /proc/loadavg)"
	"$BUILD/bench/costs" "$1"
	;;
table)
	cat "$3"
	echo
	echo 'better +: the ratio is theirs by ours, the more the better; -: ours by theirs, or an amount, the less the better.'
	echo 'Medians of runs that take turns; spread: the least and the most of the ratios, pair by pair.'
	echo
	heading
	summary "$2" | lines
	if [ -s "$4" ]; then
		printf '\nSystem calls of one run (strace -c):\n'
		awk -F'\t' '{ printf "    %-30s %4d\n", $1, $2 }' "$4"
	fi
	;;
plot)
	# the rows with a target, each by how many times better than its target's peer it is, on one scale
	data=$(mktemp)
	trap 'rm -f "$data"' EXIT
	summary "$2" | awk -F'\t' '$2 != "amount" && $3 != "-" {
		r = $8; lo = $9; hi = $10; t = $3
		if ($2 == "dearer") { r = 1 / $8; lo = 1 / $10; hi = 1 / $9; t = 1 / $3 }
		gsub(/"/, "", $4); gsub(/"/, "", $5)
		printf "%d\t%g\t%g\t%g\t%g\t\"%s : %s\"\n", NR, r, lo, hi, t, $4, $5
	}' | awk -F'\t' -v OFS='\t' '{ $1 = NR; print }' >"$data"
	gnuplot -e "data='$data'; svg='$4'; machine='$(head -1 "$3" | tr -d "'")'" "$(dirname "$0")/plot.gp"
	;;
*)
	exit 64
	;;
esac
