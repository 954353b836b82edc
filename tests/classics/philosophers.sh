#!/bin/sh
# SPDX-License-Identifier: ISC
# philosophers.sh -- five philosophers at a table, with a fork between each two of them.
#
# A fork on the table is a message, its tag is its number.  To pick it up is to receive it, to put it down is to send
# it.  Everybody picks up the fork with the lower number first, so they never all sit there with one fork each.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

meals=4
mkmbox table diary
for fork in 1 2 3 4 5; do
	msend -t "$fork" table fork
done

# philosopher NAME LOWER HIGHER
philosopher()
{
	meal=0
	while [ "$meal" -lt "$meals" ]; do
		mrecv -t "$2" table >/dev/null
		mrecv -t "$3" table >/dev/null
		msend diary "$1 eats"
		msend diary "$1 thinks"
		msend -t "$3" table fork
		msend -t "$2" table fork
		meal=$((meal + 1))
	done
}

philosopher 1 1 2 &
philosopher 2 2 3 &
philosopher 3 3 4 &
philosopher 4 4 5 &
philosopher 5 1 5 &
wait

# neighbours share a fork: they must never have eaten at the same time
mrecv -a diary | awk '
	$2 == "thinks" { eating[$1] = 0 }
	$2 == "eats" {
		meals[$1]++
		eating[$1] = 1
		left = $1 == 1 ? 5 : $1 - 1
		right = $1 == 5 ? 1 : $1 + 1
		if (eating[left] || eating[right])
			print $1 " eats beside a neighbour who eats"
	}
	END {
		for (i = 1; i <= 5; i++)
			print "philosopher " i " ate " meals[i] " times"
	}'
