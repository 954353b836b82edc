# SPDX-License-Identifier: ISC
# What suites of mlink share, whatever is at the other side.
# shellcheck disable=SC2034,SC2154  # link, for the tests; child, of helpers.bash

# linking ARGUMENT... -- keep a link in the background; what it says goes to `said'.
linking()
{
	in_background mlink "$@" 2>>said
	link=$child
}

# says TEXT -- whether it has said so.
says()
{
	grep -qF -- "$1" said
}
