#!/bin/sh
# man.sh -- mandoc's own lint over the manual pages, each word of it an error.
set -eu

command -v mandoc >/dev/null || { echo "man: mandoc is not installed"; exit 77; }
[ -n "$(ls man)" ] || { echo "man: no pages"; exit 1; }
mandoc -T lint -W warning man/*.[0-9]
echo "man: $(ls man/*.[0-9] | wc -l) pages, nothing found"
