#!/bin/sh
# cppcheck.sh -- cppcheck over all of src/; what it is not to say is named below, or where it stands, with why.
set -eu

command -v cppcheck >/dev/null || { echo "cppcheck: cppcheck is not installed"; exit 77; }
mkdir -p build/lint-cppcheck
# variableScope: style(9) declares variables at the head of a function.
# knownConditionTrueFalse: version 2.10 holds "i < step" for false where step may be 0.
# unreachableCode: it takes raise(3) for a function that does not return.
cppcheck --quiet --std=c11 --platform=unix64 -j "$(nproc)" --cppcheck-build-dir=build/lint-cppcheck \
	--enable=warning,performance,portability,style --inline-suppr --error-exitcode=1 \
	--suppress=variableScope --suppress=knownConditionTrueFalse --suppress=unreachableCode \
	-Isrc -D_GNU_SOURCE -D__linux__ '-DLETTERBOX_VERSION=""' src
echo "cppcheck: nothing found"
