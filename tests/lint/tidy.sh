#!/bin/sh
# tidy.sh -- clang-tidy with the checks of .clang-tidy, a warning is an error.
set -eu

command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is not installed"; exit 77; }
mkdir -p build
log=build/lint-tidy.log
# shellcheck disable=SC2086  # FEATURES is a list of options
find src -name '*.c' | LC_ALL=C sort | xargs -P "$(nproc)" -I {} clang-tidy --quiet {} -- -Isrc $FEATURES '-DLETTERBOX_VERSION=""' >$log 2>&1 || {
	grep -vE '^([0-9]+ warnings|Suppressed|Use -header-filter)' $log
	exit 1
}
echo "tidy: $(find src -name '*.c' | wc -l) files, nothing found"
