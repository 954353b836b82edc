# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# What docs.bats takes out of the documents, to compare it with each other.  Sourced by bash.
#
# Options are compared as lines "LETTER LONG VALUE", LETTER being - where the option has none, VALUE 1 where it takes one,
# else 0; sorted.

# shellcheck disable=SC2034 # used by docs.bats
TOOLS=(mkmbox chmbox rmmbox msend mrecv mcall mtee mstat mlink)

# docs_setup -- the set-up of a suite: its tests run in the checkout, with the programs that make has built.
docs_setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return
	ROOT=$PWD
	: "${BIN:=$ROOT/bin}"
	command -v mkmbox >/dev/null || PATH=$BIN:$PATH
}

# need COMMAND -- skip the test where COMMAND is missing; with CI=true fail it.
need()
{
	command -v "$1" >/dev/null && return
	[ "${CI:-}" = true ] && echo "$1 is missing" && return 1
	skip "$1 is missing"
}

# same WHAT1 TEXT1 WHAT2 TEXT2 -- whether the texts are the same; tells the difference.
same()
{
	[ -n "$2" ] || { echo "$1: nothing found"; return 1; }
	diff -u --label "$1" --label "$3" <(printf '%s\n' "$2") <(printf '%s\n' "$4")
}

# handled TOOL -- the letters that the source has a case or a flag for, and the names of options without one.
handled()
{
	{
		grep -oE "\<case '.'" "$ROOT/src/tool/$1.c" | grep -oE "'.'" | tr -d "'"
		# flags that a table has: { 'a', &...
		grep -oE "\{ '.', &" "$ROOT/src/tool/$1.c" | grep -oE "'.'" | tr -d "'"
		grep -oE '(\<case [A-Z_]+:|\{ [A-Z_]+, &)' "$ROOT/src/tool/$1.c" | grep -vE '\<(ARGS_|E[A-Z0-9]+\>)' | tr -d '{}:,& ' | sed -e 's/^case//' |
			tr '[:upper:]_' '[:lower:]-'
	} | LC_ALL=C sort -u
}

# source_options TOOL -- the table of options in the source, with those that all tools have.
source_options()
{
	sed -nE -e "s/.*\{ '(.)', \"([a-z-]+)\", (NULL|\"[A-Z=]+\"), .*/\1 \2 \3/p" \
	    -e 's/.*\{ [A-Z_]+, "([a-z-]+)", (NULL|"[A-Z=]+"), .*/- \1 \2/p' "$ROOT/src/tool/$1.c" "$ROOT/src/tool/args.h" |
	    sed -e 's/ NULL$/ 0/' -e 's/ "[A-Z=]*"$/ 1/' | LC_ALL=C sort
}

# help_options TOOL -- the lines "  -b, --bytes bytes   text" of TOOL --help.
help_options()
{
	"$1" --help | sed -nE \
	    -e 's/^ +-(.), --([a-z-]+)[ =][^ ]+( .*)?$/\1 \2 1/p' -e t \
	    -e 's/^ +-(.), --([a-z-]+)(  .*)?$/\1 \2 0/p' -e t \
	    -e 's/^ +--([a-z-]+)[ =][^ ]+( .*)?$/- \1 1/p' -e t \
	    -e 's/^ +--([a-z-]+)(  .*)?$/- \1 0/p' | LC_ALL=C sort
}

# examples TOOL -- the examples of its --help, a line each.
examples()
{
	"$1" --help | sed -n "/^Examples (more in $1(1)):\$/,\$s/^  //p"
}

# help_synopsis TOOL -- the synopsis that TOOL -h prints, on one line.
help_synopsis()
{
	"$1" -h | sed -n '/^ *-/q;p' | tr -s ' \t\n' '   ' | sed -e 's/^usage: //' -e 's/ $//'
}

# page_synopsis TOOL -- the synopsis of the page, as it is rendered, on one line.
page_synopsis()
{
	mandoc -T ascii -O width=500 "$ROOT/man/$1.1" | sed -e "s/.$(printf '\b')//g" |
	    sed -n '/^SYNOPSIS$/,/^DESCRIPTION$/p' | sed '1d;$d' | tr -s ' \t\n' '   ' | sed -e 's/^ //' -e 's/ $//'
}

# synopsis_letters -- "LETTER VALUE" of the synopsis on standard input.
synopsis_letters()
{
	grep -oE '\[-[^][]+\]|\<m[a-z]+ -[a-zA-Z]\>' | sed 's/^m[a-z]* //' | tr -d '[]' | sed 's/ | -/\n-/g' | while read -r letters value; do
		[ "$letters" = -- ] && continue
		if [[ $letters = --* ]]; then
			echo "- ${value:+1}" | sed 's/ $/ 0/'
			continue
		fi
		printf '%s\n' "${letters#-}" | grep -o . | sed "s/\$/ ${value:+1}/; s/ \$/ 0/"
	done | LC_ALL=C sort
}

# page_options TOOL -- the .It Fl list of the page.
page_options()
{
	sed -nE \
	    -e 's/^\.It Fl (.) Ar .*, Fl \\-([a-z-]+) Ar .*/\1 \2 1/p' -e t \
	    -e 's/^\.It Fl (.) , Fl \\-([a-z-]+)$/\1 \2 0/p' -e t \
	    -e 's/^\.It Fl \\-([a-z-]+) Ar .*/- \1 1/p' -e t \
	    -e 's/^\.It Fl \\-([a-z-]+)$/- \1 0/p' "$ROOT/man/$1.1" | LC_ALL=C sort
}

# bash_options TOOL -- what the bash completion offers after a hyphen, and whether it then completes a value.
bash_options()
{
	bash --norc -c '
		. "$0" || exit
		COMP_WORDS=("$1" -) COMP_CWORD=1
		_letterbox
		set -- "$1" "${COMPREPLY[@]}"
		while [ $# -ge 2 ]; do
			# one without a letter
			[[ $2 != --* ]] || set -- "$1" - "${@:2}"
			kind=$(_letterbox_kind "$1" "$2")
			[ "$2" != - ] || kind=$(_letterbox_kind "$1" "$3")
			[ "$kind" = "$(_letterbox_kind "$1" "$3")" ] || echo "$2 and $3 differ"
			[ "$2" = - ] && echo "- ${3#--} $((${#kind} > 0))" || echo "${2#-} ${3#--} $((${#kind} > 0))"
			set -- "$1" "${@:4}"
		done' "$ROOT/completions/bash/$1" "$1" | LC_ALL=C sort
}

# complete_bash WORD... -- what bash completes the last word to, on one line.
complete_bash()
{
	bash --norc -c '
		. "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_letterbox
		echo "${COMPREPLY[*]}"' "$ROOT/completions/bash/$1" "$@"
}

# complete_fish LINE -- what fish completes the line to, on one line.
complete_fish()
{
	fish --no-config -c 'set -p fish_complete_path $argv[1]; complete -C $argv[2]' "$ROOT/completions/fish" "$1" |
	    cut -f1 | LC_ALL=C sort | xargs
}

# zsh_options TOOL -- what the zsh completion hands to _arguments.
zsh_options()
{
	zsh -f -c '
		_arguments() { print -rl -- "$@" }
		service=$2 words=($2 "") CURRENT=2
		. $1/completions/zsh/_letterbox' zsh "$ROOT" "$1" |
	    sed -nE 's/^(\([^)]*\)|\*)?(--?[a-zA-Z0-9-]+[+=]?)\[([^]]*)\].*/\2 \3/p' |
	    awk '{
		# the short and the long form follow each other, with one description
		name = $1; value = sub(/[+=]$/, "", name); sub(/^[^ ]* /, "")
		if (name ~ /^--/) {
			print short == "" ? "-" : short, substr(name, 3), value
			short = ""
		} else {
			short = substr(name, 2)
		}
	    }' | LC_ALL=C sort
}

# fish_options TOOL -- the complete commands of the fish completion.
fish_options()
{
	fish --no-config -c '
		function complete
			argparse -i "s=" "l=" x "d=" -- $argv
			set -q _flag_l; or return 0
			set -q _flag_s; or set _flag_s -
			test -n "$_flag_d"; or echo "--$_flag_l has no description"
			echo $_flag_s $_flag_l (set -q _flag_x; and echo 1; or echo 0)
		end
		source $argv[1]' "$ROOT/completions/fish/$1.fish" | LC_ALL=C sort
}

# page_transcript PAGE -- the literal blocks of a page that begin with "$ ", roff escapes undone.
page_transcript()
{
	awk '
		/^\.Bd -literal/ { block = 1; first = 1; keep = 0; next }
		/^\.Ed/ { block = 0; next }
		block {
			if (first) { keep = /^\$ /; first = 0 }
			if (!keep) next
			gsub(/\\\(aq/, "\047"); gsub(/\\\(ga/, "`"); gsub(/\\\(ha/, "^"); gsub(/\\\(ti/, "~")
			gsub(/\\&/, ""); gsub(/\\-/, "-"); gsub(/\\e/, "\\")
			print
		}' "$1"
}

# readme_transcript FILE -- the blocks of a Markdown file for any shell, marked console.
readme_transcript()
{
	awk '/^```console$/ { block = 1; next } /^```/ { block = 0 } block' "$1"
}

# readme_bash_transcript FILE -- the same with those that take bash, marked shellsession.
readme_bash_transcript()
{
	awk '/^```(console|shellsession)$/ { block = 1; next } /^```/ { block = 0 } block' "$1"
}

# transcript_script -- make of a transcript on standard input a script whose output is the transcript again: it
# prints each command ("$ ", and "> " for the lines that go on), then runs it.
transcript_script()
{
	awk '
		function flush() {
			if (text == "") return
			quoted = shown; gsub(/\047/, "\047\\\047\047", quoted)
			printf "printf \047%%s\\n\047 \047%s\047\n%s\n", quoted, text
			text = ""
		}
		/^\$ / { flush(); shown = $0; text = substr($0, 3); next }
		/^> / { shown = shown "\n" $0; text = text "\n" substr($0, 3); next }
		END { flush() }
		{ if (text != "") flush() }'
}

# replay TRANSCRIPT-COMMAND FILE [SHELL...] -- run a transcript in an empty directory, and compare.
replay()
{
	local dir=$BATS_TEST_TMPDIR/replay
	mkdir "$dir" || return
	"$1" "$2" >"$BATS_TEST_TMPDIR/expected"
	[ -s "$BATS_TEST_TMPDIR/expected" ] || { echo "$2 has no example that runs"; return 1; }
	[ $# -gt 2 ] || set -- "$1" "$2" sh
	transcript_script <"$BATS_TEST_TMPDIR/expected" >"$BATS_TEST_TMPDIR/script"
	(
		cd "$dir" || exit
		unset MBOX_DIR MBOX_SOURCE
		LC_ALL=C timeout 300 "${@:3}" "$BATS_TEST_TMPDIR/script" >"$BATS_TEST_TMPDIR/actual" 2>&1 </dev/null 3>&-
	) || { echo "$2: the last example ended with status $?"; cat "$BATS_TEST_TMPDIR/actual"; return 1; }
	diff -u --label "$2" --label 'what came' "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/actual"
}
