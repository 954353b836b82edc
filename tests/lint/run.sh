#!/bin/sh
# run.sh [check...] -- run the named checks of this directory, all by default; "make lint" calls it from the top.
#
# A check prints one line when all is well and ends with 0, with 1 after saying what is wrong, and with 77 where the
# tool it needs is not installed: a notice here, an error where CI=true.
set -u
: "${ROOMS:?set by make lint}" "${MODULES:?set by make lint}" "${TOOLS:?set by make lint}" "${FEATURES:?set by make lint}"
failed=0
[ $# -gt 0 ] || set -- walls sizes warnings tidy cppcheck shell man
for check in "$@"; do
	sh "tests/lint/$check.sh"
	case $? in
	0) ;;
	77) [ "${CI:-}" != true ] || failed=1 ;;
	*) failed=1 ;;
	esac
done
[ $failed = 0 ] || echo "lint: something to mend, see above"
exit $failed
