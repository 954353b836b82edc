# SPDX-License-Identifier: ISC
# Journeys of LINK_MESSAGES messages from a mailbox to an engine and into a mailbox, by mlink on both legs, while all
# that carries them is killed.
#
#     parts=sshd journey_links URL SERVER...            out to URL and home: see below
#     supervised mlink jobs nats://...                  started again whenever it ends; the pid of who does so is in $child
#     stop_supervised PID...                            end them, and all that they have started: no orphan stays
#     idle_links URL                                    out to URL and home, with nothing to carry: both sleep
#     journey_judge BOX SEED MESSAGES                   what arrived is in $arrived, as the judge says it: see journey.c
#
# SEED=N gives a run again, as far as processes allow; it is told.

journey()
{
	"$BUILD/link/journey" "$@"
}

# supervised COMMAND... -- what it says goes to the file supervised.log.
supervised()
{
	case $1 in
	msend | mrecv) set -- env "$@" ;;       # the tool itself, not the helpers' function
	esac
	again_and_again "$@" 3>&- &
	child=$!
	children+=("$child")
}

again_and_again()
{
	while :; do
		"$@" >>supervised.log 2>&1 </dev/null || :
		nap
	done
}

# stop_supervised PID... -- no further start; what runs is asked to end, and nothing of it stays.
stop_supervised()
{
	local pid kids=()
	for pid; do
		read -r -a kids <"/proc/$pid/task/$pid/children" || :
		kill -KILL "$pid"
		kill -TERM "${kids[@]}" || :
	done
	until_true no_orphans
} 2>/dev/null

no_orphans()
{
	local process
	for process in /proc/[0-9]*; do
		case ${process#/proc/} in "$$" | "$BASHPID" | "$PPID") continue ;; esac
		[ ! "$process/cwd" -ef "$BATS_TEST_TMPDIR" ] || return 1
	done
}

# journey_big -- each such message has 5 MB: none in the short form.
journey_big()
{
	echo $((LINK_MESSAGES < 20000 ? 0 : LINK_MESSAGES / 4))
}

# journey_sent TO -- send all messages up to that number which have not been.
journey_sent()
{
	journey send "$seed" "$sent" $(($1 - sent)) "$(journey_big)" | LIMIT=$limit msend -F away && sent=$1
}

# look -- how many have arrived, in $arrived.
look()
{
	[[ $(mstat -J home) =~ \"messages\":([0-9]+) ]] && arrived=${BASH_REMATCH[1]}
}

# on_the_way -- whether some of what was sent has not arrived.
on_the_way()
{
	look && [ "$arrived" -lt "$sent" ]
}

# goes_on -- whether some have arrived since the last kill, or all have.
goes_on()
{
	look && { [ "$arrived" -gt "$before" ] || [ "$arrived" -eq "$sent" ]; }
}

# stopped_one PID... -- stop one of all that these have started, at random; it is $victim.
stopped_one()
{
	local pid family all=()
	for pid; do
		family=()
		family "$pid"
		all+=("${family[@]:1}")
	done
	[ ${#all[@]} -gt 0 ] && victim=${all[RANDOM % ${#all[@]}]} && kill -STOP "$victim"
} 2>/dev/null

# all_of COMMAND NAMES -- the command for each server, at once.  A server that is alone stays our child: one whose end
# nobody has asked for is there still, for PostgreSQL.
all_of()
{
	local name pids=() pid
	[[ $2 = *' '* ]] || { "$1" "$2"; return; }
	for name in $2; do
		"$1" "$name" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return
	done
}

# journey_links URL SERVER... -- LINK_MESSAGES messages to URL and from there, in portions: in the middle of each a process
# of the links is killed, or, in the last of every so many, the next SERVER ('a b': both at once), which is started
# again.  A kill counts where messages were on their way: the victim stands still while more are sent.  Between two of
# them something arrives.
# $parts: a server of which what it has started is killed like the links; $down, $up: in place of a server's kill and
# start.  All must arrive, once and in order.
journey_links()
{
	local url=$1 doomed=("${@:2}") limit=${JOURNEY_LIMIT:-600} seed=${SEED:-$((RANDOM + 1))}
	local rounds=$((LINK_MESSAGES < 20000 ? 20 : 60)) i out in victim sent=0 arrived before=-1 hits=0
	echo "SEED=$seed"
	RANDOM=$seed
	mkmbox -b inf away home
	supervised mlink away "$url"
	out=$child
	supervised mlink "$url" home
	in=$child
	for ((i = 1; i <= rounds; i++)); do
		journey_sent $((sent + (LINK_MESSAGES * i / rounds - sent) / 2)) || return
		LIMIT=$limit until_true goes_on || { journey_stands; return 1; }
		nap $((RANDOM % 10))
		if [ $((i % (rounds / (${#doomed[@]} + 1)))) -eq 0 ] && [ ${#doomed[@]} -gt 0 ]; then
			all_of "${down:-server_kill}" "${doomed[0]}"
			journey_sent $((LINK_MESSAGES * i / rounds)) || return
			# the others of a cluster may have let all of them through
			! on_the_way || hits=$((hits + 1))
			all_of "${up:-server_again}" "${doomed[0]}" || return
			doomed=("${doomed[@]:1}")
		else
			until_true stopped_one "$out" "$in" ${parts:+"$(<"$SERVERS/$parts/pid")"} || return
			journey_sent $((LINK_MESSAGES * i / rounds)) || return
			! on_the_way || { kill -KILL "$victim" && hits=$((hits + 1)); }
			kill -CONT "$victim" 2>/dev/null || :
		fi
		before=$arrived
	done
	# on one link nothing overtakes: what has not come when this does is lost
	msend -t journey-end away ''
	LIMIT=$limit mrecv -t journey-end home || { journey_stands; return 1; }
	journey_judge home "$seed" "$LINK_MESSAGES"
	stop_supervised "$out" "$in"
	echo "$hits of $rounds kills while messages were on their way"
	[ "$hits" -ge $((rounds / 4)) ] && [ "$arrived" = "$LINK_MESSAGES arrived: 0 lost, 0 twice, 0 out of order, 0 changed" ] ||
		{ journey_stands; return 1; }
}

# journey_stands -- what tells why it did not come to its end.
journey_stands()
{
	tail -n 20 supervised.log
	mstat away home
}

# journey_judge BOX SEED MESSAGES -- receive all that is there, but for the ends, and judge it.
journey_judge()
{
	mrecv -a -t journey-end "$1" || :
	arrived=$(mrecv -a -F "$1" | journey check "$2" "$3" "$(journey_big)") || :
	echo "$arrived"
}

# wakes PID -- how often each process of a link has woken up, in all of its threads, by its pid in ${wakes[@]}.
wakes()
{
	local family=() pid file key n
	wakes=()
	family "$1"
	for pid in "${family[@]}"; do
		for file in /proc/"$pid"/task/*/status; do
			while read -r key n; do
				[ "$key" != voluntary_ctxt_switches: ] || wakes[pid]=$((${wakes[pid]:-0} + n))
			done <"$file"
		done
	done
} 2>/dev/null

# quiet PID -- whether each of the link's processes wakes up at most once a second for about five of them, and all together
# at most eight times: the rest is for what an engine wants to hear now and then.  A script wakes up for each process that
# it starts.
quiet()
{
	local wakes before=() pid n sum=0 began=${EPOCHREALTIME//[!0-9]/} ms
	wakes "$1"
	for pid in "${!wakes[@]}"; do before[pid]=${wakes[pid]}; done
	run -124 timeout 5 mrecv -w 3600 -t none home
	wakes "$1"
	ms=$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))
	: >busy
	for pid in "${!wakes[@]}"; do
		[ -n "${before[pid]:-}" ] || continue
		n=$((wakes[pid] - before[pid]))
		sum=$((sum + n))
		echo "$(<"/proc/$pid/comm") woke up $n times in $ms ms" >>busy
		[ "$n" -le $((ms / 1000 + 1)) ] || sum=$ms
	done
	[ "$sum" -le $((ms * 8 / 5000)) ]
}

# idle_links URL -- a message goes there and comes back; then nothing is to be done.
idle_links()
{
	local out in
	mkmbox away home
	in_background mlink away "$1"
	out=$child
	in_background mlink "$1" home
	in=$child
	msend away there
	[ "$(mrecv home)" = there ]
	until_true quiet "$out" && until_true quiet "$in" || { cat busy; return 1; }
}
