#!/bin/sh
# SPDX-License-Identifier: ISC
# loop.sh each|open BOX N -- a shell loop that sends N lines and one that receives them, as README's recipes have it:
# with a process a message, or with one msend and one mrecv kept open.
# shellcheck disable=SC2030,SC2031  # each loop counts for itself
box=$2 n=$3 i=0
if [ "$1" = open ]; then
	while [ $((i += 1)) -le "$n" ]; do
		echo "line $i"
	done | msend -l "$box"
	i=0
	mrecv -f -l -c "$n" "$box" | while read -r line; do
		[ "$line" = "line $((i += 1))" ] || exit 1
	done
else
	while [ $((i += 1)) -le "$n" ]; do
		msend "$box" "line $i"
	done
	i=0
	while [ $((i += 1)) -le "$n" ]; do
		line=$(mrecv "$box")
		[ "$line" = "line $i" ] || exit 1
	done
fi
