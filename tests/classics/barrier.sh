#!/bin/sh
# SPDX-License-Identifier: ISC
# barrier.sh -- processes that go from step to step together.
#
# Everybody says `here` and waits for a `go`.  When all are here the barrier sends as many.  A step's tag keeps a fast
# process from taking the `go` of a slow one.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

processes=6
mkmbox here go log

process()
{
	for step in one two three; do
		msend log "$step"
		msend here "$1"
		mrecv -t "$step" go >/dev/null
	done
}

for i in $(seq "$processes"); do
	process "$i" &
done
for step in one two three; do
	mrecv -c "$processes" here >/dev/null
	seq "$processes" | msend -t "$step" -l go
done
wait
mrecv -a log | uniq -c | while read -r count step; do
	echo "step $step: $count"
done
