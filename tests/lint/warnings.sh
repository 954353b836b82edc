#!/bin/sh
# warnings.sh -- gcc and clang build everything, the unit tests too, without one warning.
set -eu

for cc in gcc clang; do
	command -v $cc >/dev/null || { echo "warnings: $cc is not installed"; exit 77; }
done
for cc in gcc clang; do
	dir=build/lint-$cc
	mkdir -p $dir
	"${MAKE:-make}" -j"$(nproc)" CC=$cc STATIC=no WERROR=1 BUILD=$dir BIN=$dir/bin all $dir/unit/unit fuzzers storm-parts links >$dir/log 2>&1 || {
		echo "warnings: $cc has something to say"
		grep -v '^  ' $dir/log
		exit 1
	}
done
echo "warnings: none by gcc, none by clang"
