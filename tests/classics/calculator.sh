#!/bin/sh
# SPDX-License-Identifier: ISC
# calculator.sh -- clients and servers: a request, and its answer.
#
# Two servers share a mailbox.  A client asks, and gets the answer to its own question, whoever answers it; and the
# status of the command that did.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

mkmbox sums results

server()
{
	exec mrecv -f -r sums -- sh -c 'read -r a op b && case $op in
		+) echo $((a + b)) ;;
		-) echo $((a - b)) ;;
		*) exit 3 ;;
	esac'
}

client()
{
	status=0
	answer=$(mcall sums "$1") || status=$?
	msend results "$1 = ${answer:-?}, status $status"
}

server & one=$!
server & two=$!
for i in 1 2 3 4 5; do
	client "$i + $i" &
	client "$i - 1" &
done
client '1 ^ 1' &
mrecv -c 11 results | sort
kill "$one" "$two"
wait
