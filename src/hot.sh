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
	# mrecv -n of an empty mailbox is 1
	valgrind --tool=lackey --trace-mem=yes --log-file="$dir/log" "$@" </dev/null >/dev/null || [ $? -eq 1 ]
	{
		nm "$(command -v "$1")" | sed -n 's/^\([0-9a-f]*\) [tTwW] \([^.]*\).*/\1 a \2/p'
		# as wide as those of nm
		sed -n 's/^I *0*\([0-9a-f]*\),.*/000000000000000\1/p' "$dir/log" | sed 's/.*\(.\{16\}\)$/\1 b/' |
			LC_ALL=C sort -u
	} | LC_ALL=C sort | awk '
		$2 == "a" && $1 != at { n = 0 }
		$2 == "a" { at = $1; names[n++] = $3; next }
		{ for (; n > 0; n--) print names[n - 1] }'
}

# names FILE WORDS... -- get in FILE the functions that these commands run, each name once.
names()
{
	file=$dir/$1
	shift
	for words; do
		# shellcheck disable=SC2086  # a tool and its arguments
		run $words
	done | LC_ALL=C sort -u >"$file"
}

mkmbox "$dir/box"
msend "$dir/box" the first one makes files
names sent "msend box hello" "msend -t tag box some words" "msend box"
names received "mrecv box" "mrecv box" "mrecv box" "mrecv box" "mrecv -n box"

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
		*(.text._Exit .text._Exit.*)
		KEEP(*(SORT_NONE(.fini)))
END
# what one of them alone runs has pages of its own
{
	LC_ALL=C comm -12 "$dir/sent" "$dir/received"
	LC_ALL=C comm -13 "$dir/sent" "$dir/received"
	LC_ALL=C comm -23 "$dir/sent" "$dir/received"
} | sed 's/.*/\t\t*(.text.& .text.&.*)/'
cat <<'END'
	}
}
INSERT BEFORE .text;
SECTIONS
{
	. = ALIGN(CONSTANT(MAXPAGESIZE));
}
INSERT BEFORE .init_array;
SECTIONS
{
	.bss.large (NOLOAD) : {
		*(.bss.large)
	}
}
INSERT AFTER .bss;
END
