#!/bin/sh
# ranks.sh -- a module includes only modules that stand before it in the Makefile's MODULES (and its own header);
# a tool includes modules, and no tool; every file of src/ is in those lists, and what they name is there.
# shellcheck disable=SC2086  # the lists are lists of words
set -eu

status=0
{
	for name in $MODULES; do
		echo "src/${name%.h}.h"
		[ "$name" != "${name%.h}" ] || echo "src/$name.c"
	done
	for name in $TOOLS; do echo "src/$name.c"; done
	ls src/*.c src/*.h
} | sort | uniq -u | while read -r file; do
	[ -e "$file" ] && echo "ranks: $file: not in the Makefile" || echo "ranks: $file: in the Makefile, and not there"
done | grep . && status=1

awk -v listed="$MODULES $TOOLS" -v tools="$TOOLS" '
	BEGIN {
		n = split(listed, name)
		for (i = 1; i <= n; i++) {
			sub(/\.h$/, "", name[i])
			rank[name[i]] = i
		}
		n = split(tools, name)
		for (i = 1; i <= n; i++)
			tool[name[i]] = 1
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		to = quoted[2]
		sub(/\.[ch]$/, "", to)
		from = FILENAME
		sub(/.*\//, "", from)
		sub(/\.[ch]$/, "", from)
		if (!(from in rank))
			next
		edges++
		if (quoted[2] !~ /\.h$/ || !(to in rank))
			what = "is no module"
		else if (to in tool)
			what = "is a tool"
		else if (rank[to] > rank[from])
			what = "stands above " from
		else if (to == from && FILENAME ~ /\.h$/)
			what = "includes itself"
		else
			next
		print "ranks: " FILENAME ":" FNR ": " quoted[2] " " what
		bad = 1
	}
	END {
		if (!bad)
			print "ranks: " edges " includes, all of them downwards"
		exit bad
	}
' src/*.c src/*.h || status=1
exit $status
