#!/bin/sh
# SPDX-License-Identifier: ISC
# pack.sh FILE... -- inputs as lines of a corpus, to standard output; pack.sh -u CORPUS DIRECTORY -- and back, as files.
set -eu

if [ "$1" = -u ]; then
	n=0
	while IFS= read -r line; do
		case $line in '#'*) continue ;; esac
		n=$((n + 1))
		printf %b "$line" >"$3/$n"
	done <"$2"
	exit
fi
for file; do
	od -An -v -to1 "$file" | tr -s ' ' '\n' | awk '
		BEGIN {
			for (i = 32; i < 127; i++)
				text[sprintf("%03o", i)] = sprintf("%c", i)
			text["134"] = "\\\\"
		}
		/./ { line = line ($0 in text && !(line == "" && $0 == "043") ? text[$0] : "\\0" $0) }
		END { print line }'
done
