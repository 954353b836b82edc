#!/bin/sh
# shell.sh -- shellcheck over every shell file of the tree.
set -eu

command -v shellcheck >/dev/null || { echo "shell: shellcheck is not installed"; exit 77; }

# SC2016: awk and sh programs stand in single quotes on purpose.  SC2012: the names of our own files are plain.
check() { shellcheck --external-sources --exclude=SC2016,SC2012 "$@"; }

scripts='' sourced=''
for file in .ci/run bin/* src/link/link-* src/link/*.sh src/packaging/* src/*.sh tests/*.sh tests/*/*.sh tests/*.bash completions/bash/*; do
	[ -f "$file" ] || continue
	first=$(head -c 80 "$file" | tr -d '\0' | head -n 1)
	case $file:$first in
	*:'#!'*sh | src/link/*.sh:*) scripts="$scripts $file" ;;
	bin/* | src/link/*) ;;          # a program
	*) sourced="$sourced $file" ;;
	esac
done
# shellcheck disable=SC2086  # lists of names
{
	check $scripts
	# SC2034, SC2154: their variables are for, or from, who reads them in.
	check --exclude=SC2034,SC2154 --shell=bash $sourced
	# SC2030, SC2031: each test is a subshell.  SC2317: what run and the like call looks unreachable.
	# SC2154: variables of the helpers.  SC2034: counters of loops.  SC1010, SC2210, SC2238: words and files named as
	# commands are.  SC2002, SC2015, SC2059, SC2086, SC2094, SC2129, SC2257: meant as they stand.
	check --exclude=SC1010,SC2002,SC2015,SC2030,SC2031,SC2034,SC2059,SC2086,SC2094,SC2129,SC2154,SC2210,SC2238,SC2257,SC2317 \
		tests/*/*.bats
	set -- $scripts $sourced tests/*/*.bats
}
echo "shell: $# files, nothing found"
