#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# workers.sh BOX WORKERS MESSAGES -- workers asleep at a mailbox, and messages that are each sent when the one before
# has been received, so that all of them are asleep.  What it costs is for who runs it (lap.c) to tell.
box=$1 workers=$2 messages=$3
pids=()
for ((i = 0; i < workers; i++)); do
	mrecv -f -l "$box" >/dev/null &
	pids+=($!)
done
# until all of them wait: the sixth column of mstat, as in 64r
until [ "$(mstat "$box" | awk 'END { print $6 + 0 }')" -ge "$workers" ]; do sleep 0.05; done
seq "$messages" | msend -S -l "$box"
kill "${pids[@]}"
wait
exit 0
