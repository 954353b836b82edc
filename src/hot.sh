#!/bin/sh
# hot.sh BIN -- print src/hot.ld, by what the tools in BIN run for a single message (needs valgrind and nm).
# make hot writes it anew: after a change of what a one-shot runs, or where tests/promises/guard.bats asks for it.
set -eu
PATH=$1:$PATH
for tool in valgrind nm; do
	command -v $tool >/dev/null || { echo "hot.sh: $tool is not installed" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
MBOX_DIR=$dir
export MBOX_DIR

# run TOOL ARGUMENT... -- the functions that it runs, by all their names.
run()
{
	rm -f "$dir/out"
	# mrecv -n of an empty mailbox is 1
	valgrind --tool=callgrind --show-below-main=yes --callgrind-out-file="$dir/out" --log-file="$dir/log" \
		"$@" </dev/null >/dev/null || [ $? -eq 1 ]
	nm "$(command -v "$1")" | awk '
		NR == FNR { if ($2 ~ /^[tTwW]$/) { sub(/\..*/, "", $3); names[$1] = names[$1] " " $3; at[$3] = $1 } next }
		/^c?fn=\([0-9]+\) / { sub(/[.\047].*/, "", $2); print (($2 in at) ? names[at[$2]] : $2) }
	' - "$dir/out" | tr ' ' '\n'
}

mkmbox "$dir/box"
for words in "msend box hello" "msend -t tag box some words" "msend box" "mrecv box" "mrecv box" "mrecv box" \
	"mrecv -n box"; do
	# shellcheck disable=SC2086  # a tool and its arguments
	run $words
done >"$dir/all"
echo _Exit >>"$dir/all"
grep -E '^[A-Za-z_][A-Za-z0-9_]*$' "$dir/all" | LC_ALL=C sort -u >"$dir/names"

cat <<'END'
/*
 * For the linker.  What a single message runs stands together, in few pages, and large objects stand behind small ones
 * (base/memory.h): each page that a one-shot touches costs it time.  Made by `make hot'; a name that is gone does no harm.
 */
SECTIONS
{
	.text.oneshot : {
		*crt*.o(.text .text.*)
		*(.text.startup .text.startup.*)
		*:mem*.*o(.text .text.*)
		*:__set_thread_area.*o(.text .text.*)
END
sed 's/.*/\t\t*(.text.& .text.&.*)/' "$dir/names"
cat <<'END'
	}
}
INSERT BEFORE .text;
SECTIONS
{
	.bss.large (NOLOAD) : {
		*(.bss.large)
	}
}
INSERT AFTER .bss;
END
