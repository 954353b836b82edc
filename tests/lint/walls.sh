#!/bin/sh
# walls.sh -- the walls between the rooms of src/ (its folders) stand, asked of every include, and with nm(1) of every
# function and variable that one object takes from another:
#   - a file uses only its own room and rooms before it in the Makefile's ROOMS; nothing uses a program;
#   - from outside mailbox/ only mailbox/mailbox.h is included, and only what it declares, at most 60 functions, called;
#   - within a room there is no circle.
# shellcheck disable=SC2086  # the lists are lists of words
set -eu

for tool in gcc nm; do
	command -v $tool >/dev/null || { echo "walls: $tool is not installed"; exit 77; }
done
dir=build/lint-walls
mkdir -p $dir
"${MAKE:-make}" -j"$(nproc)" CC=gcc STATIC=no CFLAGS=-O0 BUILD=$dir BIN=$dir/bin all >$dir/log 2>&1 || { cat $dir/log; exit 1; }

# A line for each use: FROM TO WHAT WHERE, the first two being modules (room/name), the third `include' or a name.
uses() {
	find src -name '*.[ch]' | LC_ALL=C sort | xargs awk '
		/^[ \t]*#[ \t]*include[ \t]*"/ {
			split($0, quoted, "\"")
			from = FILENAME
			sub(/^src\//, "", from)
			sub(/\.[ch]$/, "", from)
			print from, quoted[2], "include", FILENAME ":" FNR
		}'
	for name in $MODULES $(printf 'tool/%s ' $TOOLS); do
		[ "$name" = "${name%.h}" ] || continue
		nm -A --format=posix "$dir/${name%.c}.o"
	done | sed -e "s|^$dir/||" -e 's/\.o://' | awk '
		$3 ~ /^[TDBRC]$/ && $2 != "main" { home[$2] = $1 }
		$3 == "U" { n++; user[n] = $1; name[n] = $2 }
		END {
			for (i = 1; i <= n; i++)
				if (name[i] in home)
					print user[i], home[name[i]] ".h", name[i], "src/" user[i] ".c"
		}'
}

uses | awk -v rooms="$ROOMS" -v tools="$TOOLS" '
	function room(module) { sub(/\/[^\/]*$/, "", module); return module }
	function complain(text) { print "walls: " text; bad = 1 }
	BEGIN {
		n = split(rooms, list)
		for (i = 1; i <= n; i++)
			rank[list[i]] = i
		n = split(tools, list)
		for (i = 1; i <= n; i++)
			program["tool/" list[i]] = 1
		# what the face of the mailbox declares
		while ((getline line < "src/mailbox/mailbox.h") > 0)
			if (match(line, /[a-z_0-9]+\(/))
				face[substr(line, RSTART, RLENGTH - 1)] = 1
	}
	{
		from = $1
		to = $2
		if (to !~ /\.h$/ || !(room(to) in rank)) {
			complain($4 ": " to " is no module")
			next
		}
		sub(/\.h$/, "", to)
		if ($3 == "include")
			includes++
		else
			calls++
		what = $3 == "include" ? $2 : $3 " of " to
		if (to in program)
			complain($4 ": " what ": a program is used by nobody")
		if (from !~ /^mailbox\// && to ~ /^mailbox\// && ($3 == "include" ? to != "mailbox/mailbox" : !($3 in face)))
			complain($4 ": " what " is behind the face of the mailbox")
		if (from !~ /^mailbox\// && $3 in face)
			shown[$3] = 1
		# the types of the face are for the rooms behind it as well
		if (from == to || ($3 == "include" && room(to) == "mailbox"))
			next
		if (rank[room(to)] > rank[room(from)])
			complain($4 ": " what " stands above")
		if (room(to) == room(from) && !((from, to) in edge)) {
			edge[from, to] = 1
			below[from] = below[from] " " to
			left[from]++
			above[to] = above[to] " " from
			seen[from] = seen[to] = 1
		}
	}
	END {
		# take away, again and again, what uses nothing any more: what stays is in a circle, or above one
		do {
			gone = 0
			for (m in seen)
				if (left[m] == 0) {
					delete seen[m]
					gone++
					n = split(above[m], users, " ")
					for (i = 1; i <= n; i++)
						left[users[i]]--
				}
		} while (gone > 0)
		for (m in seen) {
			n = split(below[m], used, " ")
			for (i = 1; i <= n; i++)
				if (used[i] in seen)
					complain(m " uses " used[i] ", in a circle or above one")
		}
		for (m in shown)
			faces++
		if (faces > 60)
			complain("the face of the mailbox has " faces " functions that are called, at most 60")
		if (!bad)
			print "walls: " includes " includes and " calls " uses of a name, none upwards or in a circle; " faces \
			    " functions of the mailbox are called from outside it, all declared in its face"
		exit bad
	}
'
