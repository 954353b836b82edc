#!/bin/sh
# sizes.sh -- a function has at most 60 lines, a tool's file 250, any other file 500.
set -eu

# A function is what stands between a { and a } in the first column: style(9) puts both there.
find src -name '*.[ch]' | LC_ALL=C sort | xargs awk -v tools="$TOOLS" '
	function file_ends() {
		if (lines > limit)
			complain(path ": " lines " lines, at most " limit)
		if (lines > longest)
			longest = lines
	}
	function complain(text) {
		print "sizes: " text
		bad = 1
	}
	BEGIN {
		n = split(tools, name)
		for (i = 1; i <= n; i++)
			tool["src/tool/" name[i] ".c"] = 1
	}
	FNR == 1 {
		file_ends()
		path = FILENAME
		limit = path in tool ? 250 : 500
		start = 0
	}
	{ lines = FNR }
	/^[A-Za-z_].*\(/ { title = $0; sub(/\(.*/, "", title); sub(/.*[ *]/, "", title) }
	/^[A-Za-z_].*\).*\{$/ && !/=/ { complain(path ":" FNR ": the brace of a function stands alone on its line") }
	/^\{/ { start = FNR }
	/^\}$/ && start {
		functions++
		if (FNR - start - 1 > 60)
			complain(path ":" start ": " title "() has " FNR - start - 1 " lines, at most 60")
		start = 0
	}
	END {
		file_ends()
		if (!bad)
			print "sizes: " functions " functions of at most 60 lines, files of at most " longest
		exit bad
	}
'
