#!/bin/sh
# SPDX-License-Identifier: ISC
# buffer.sh -- producers and consumers with a bounded buffer between them.
#
# The buffer is a mailbox with room for four items.  Whoever finds it full waits, and whoever finds it empty.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

mkmbox -c 4 buffer
mkmbox totals

# producer FROM TO -- sends these numbers, each an item.
producer()
{
	seq "$1" "$2" | msend -l buffer
}

# consumer -- adds up what it gets, to the end.
consumer()
{
	items=0 sum=0
	while item=$(mrecv buffer) && [ "$item" != end ]; do
		items=$((items + 1)) sum=$((sum + item))
	done
	msend totals "$items $sum"
}

consumer &
consumer &
consumer &
producer 1 40 & one=$!
producer 41 70 & two=$!
producer 71 100 & three=$!
wait "$one" "$two" "$three"
yes end | head -n 3 | msend -l buffer
mrecv -c 3 totals | awk '{ items += $1; sum += $2 } END { print items " items, sum " sum }'
wait
