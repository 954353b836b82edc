#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# workers.sh BOX WORKERS MESSAGES [BURSTS] -- workers asleep at a mailbox, and messages.
#
# Without BURSTS each is sent when the one before has been received, so that all workers are asleep; what that costs is
# for who runs it (lap.c) to tell.  With BURSTS the messages are sent all at once, so often, each time when all workers
# are asleep, and the CPU time of msend and the workers in it is printed, in nanoseconds for all bursts together.
box=$1 workers=$2 messages=$3 bursts=${4:-0}
pids=()
for ((i = 0; i < workers; i++)); do
	mrecv -f -l "$box" >/dev/null &
	pids+=($!)
done

# all_wait -- until all of them wait, and nothing else does: the first column of mstat, and the sixth, as in 64r
all_wait()
{
	until [ "$(mstat "$box" | awk 'END { print $1 + 0, $6 + 0 }')" = "0 $workers" ]; do sleep 0.02; done
}

# spent -- the CPU time of the workers until now, in nanoseconds
spent()
{
	cat "${pids[@]/%//schedstat}" | awk '{ t += $1 } END { printf "%.0f\n", t }'
}

all_wait
if [ "$bursts" -gt 0 ]; then
	seq "$messages" >"$box.in"
	cd /proc || exit
	# each worker has had messages before, and its memory with them
	for ((i = 0; i < workers / 2; i++)); do
		msend -l "$box" <"$box.in"
		all_wait
	done
	cpu=$((-$(spent)))
	for ((i = 0; i < bursts; i++)); do
		cpu=$((cpu + $("$B/lap" msend -l "$box" <"$box.in" | cut -d' ' -f2)))
		all_wait
	done
	echo $((cpu + $(spent)))
	rm -f "$box.in"
else
	seq "$messages" | msend -S -l "$box"
fi
kill "${pids[@]}"
wait
exit 0
