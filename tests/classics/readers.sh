#!/bin/sh
# SPDX-License-Identifier: ISC
# readers.sh -- readers and writers: many may read at a time, a writer must be alone.
#
# There are as many passes as readers that may be in at once.  A reader takes one, a writer takes all.  Two writers
# that had half of the passes each would wait for ever: so a writer first takes the pen, of which there is one.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

passes=4
mkmbox door pens reports
yes pass | head -n "$passes" | msend -l door
msend pens pen
echo 0 >"$MBOX_DIR/left"
echo 0 >"$MBOX_DIR/right"

# writer -- five times, adds one to both numbers: while it does they differ.
writer()
{
	for i in 1 2 3 4 5; do
		mrecv pens >/dev/null
		mrecv -c "$passes" door >/dev/null
		read -r n <"$MBOX_DIR/left"
		echo $((n + 1)) >"$MBOX_DIR/left"
		echo $((n + 1)) >"$MBOX_DIR/right"
		yes pass | head -n "$passes" | msend -l door
		msend pens pen
		msend -t write reports "$i"
	done
}

# reader -- ten times, reads both numbers: they must be the same.
reader()
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		mrecv door >/dev/null
		read -r left <"$MBOX_DIR/left"
		read -r right <"$MBOX_DIR/right"
		msend door pass
		if [ "$left" -eq "$right" ]; then
			msend -t 'read' reports "$i: $left"
		else
			msend -t torn reports "$i: $left $right"
		fi
	done
}

for i in 1 2 3; do
	writer &
	reader &
	reader &
done
wait
for tag in write read torn; do
	echo "$tag: $(mrecv -a -t "$tag" reports | wc -l | tr -d ' ')"
done
read -r n <"$MBOX_DIR/left"
echo "the number is $n"
