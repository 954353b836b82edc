#!/bin/sh
# SPDX-License-Identifier: ISC
# pipeline.sh -- stages that work at the same time, each on another message.
#
# A stage runs its command on each message, and sends what comes out to the next one.  A message leaves a stage only
# when the next one has it, so it is safe if a stage is killed; and there is room for two between stages, so a slow
# stage holds up those before it.  The tag travels along.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

messages=8
mkmbox -c 2 words loud backwards counted

# stage FROM TO COMMAND -- COMMAND is a line of shell, from standard input to standard output.
stage()
{
	mrecv -c "$messages" "$1" -- sh -c "$3 | msend -t \"\$MBOX_TAG\" $2"
}

stage words loud 'tr a-z A-Z' &
stage loud backwards rev &
stage backwards counted 'awk "{ print \$0, length(\$0) }"' &
n=0
for word in the quick brown fox jumps over lazy dogs; do
	n=$((n + 1))
	msend -t "word-$n" words "$word"
done &
mrecv -c "$messages" -o '%t: %p' counted
wait
