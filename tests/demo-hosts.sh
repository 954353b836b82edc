#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# The demo with three hosts: network namespaces, each with mailboxes, a node of RabbitMQ and links of its own.  Host one sends
# jobs, hosts two and three share the work, three is cut off from the network, works on with what it has, and comes back;
# in the end every job has its result.  What the links of host three say is shown as they say it.  The three nodes are
# one cluster, and the queues are on all of them.  As root: make demo-hosts
set -eu
export LC_ALL=C
jobs=${JOBS_SENT:-900}

for program in ip rabbitmq-server epmd mlink; do
	command -v "$program" >/dev/null || { echo "demo-hosts: $program is not installed"; exit 1; }
done
[ "$EUID" -eq 0 ] || { echo "demo-hosts: only root may make network namespaces"; exit 1; }

work=$(mktemp -d)
net=lb$$                                # the namespaces are $net-1 to -3, and $net-0 for the switch between them
running=()
clean_up()
{
	local status=$? i
	trap - EXIT
	[ $status -eq 0 ] || tail -n 5 "$work"/*/log
	kill -KILL "${running[@]}" || :          # what they have started ends with them
	wait || :
	for i in 0 1 2 3; do ip netns delete "$net-$i" || :; done
	rm -rf "$work"
	exit $status
} 2>/dev/null
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# on HOST COMMAND... -- run it there, in the folder of that host's mailboxes.
on()
{
	local host=$1
	shift
	(cd "$work/$host" && MBOX_DIR=$PWD exec ip netns exec "$net-$host" "$@")
}

# started HOST COMMAND... -- the same in the background; what it says goes to the host's log.
started()
{
	local host=$1
	shift
	(cd "$work/$host" && MBOX_DIR=$PWD exec ip netns exec "$net-$host" "$@") >>"$work/$host/log" 2>&1 </dev/null &
	running+=($!)
}

# until_so COMMAND... -- look until it succeeds, for five minutes.
until_so()
{
	local end=$((SECONDS + 300))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "demo-hosts: it never came to be: $*"; exit 1; }
		sleep 0.1
	done
}

# ------------------------------------------------------------------ the hosts and the network between them

ip netns add "$net-0"
ip -n "$net-0" link add switch type bridge
ip -n "$net-0" link set switch up
for host in 1 2 3; do
	mkdir "$work/$host"
	ip netns add "$net-$host"
	ip -n "$net-0" link add "cable$host" type veth peer name eth0 netns "$net-$host"
	ip -n "$net-0" link set "cable$host" master switch up
	ip -n "$net-$host" address add "10.77.0.$host/24" dev eth0
	ip -n "$net-$host" link set eth0 up
	ip -n "$net-$host" link set lo up
done

# ------------------------------------------------------------------ the engine: three nodes, each message on all three

for host in 1 2 3; do
	cat >"$work/$host/rabbitmq.conf" <<-END
		listeners.tcp.1 = 0.0.0.0:5672
		loopback_users = none
		vm_memory_high_watermark.absolute = 400MB
		disk_free_limit.absolute = 50MB
		cluster_partition_handling = pause_minority
		cluster_formation.peer_discovery_backend = classic_config
		cluster_formation.classic_config.nodes.1 = rabbit@10.77.0.1
		cluster_formation.classic_config.nodes.2 = rabbit@10.77.0.2
		cluster_formation.classic_config.nodes.3 = rabbit@10.77.0.3
	END
	echo '[].' >"$work/$host/plugins"
	(umask 077 && echo DEMO$$ >"$work/$host/.erlang.cookie")
	# without its script's shell around it; a node that is silent for six seconds is lost
	cat >"$work/$host/env" <<-END
		export HOME=$work/$host RABBITMQ_USE_LONGNAME=true RABBITMQ_NODENAME=rabbit@10.77.0.$host
		export RABBITMQ_CONFIG_FILE=$work/$host/rabbitmq RABBITMQ_MNESIA_BASE=$work/$host/stored RABBITMQ_LOG_BASE=$work/$host
		export RABBITMQ_PID_FILE=$work/$host/node.pid RABBITMQ_ENABLED_PLUGINS_FILE=$work/$host/plugins RUNNING_UNDER_SYSTEMD=true
		export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 2:2 -kernel net_ticktime 6'
		exec /usr/lib/rabbitmq/bin/"\$@"
	END
	started "$host" epmd
	started "$host" sh env rabbitmq-server
done

# queue NAME -- on all three: a message is there once two of them have it.
queue()
{
	printf '{"queues":[{"name":"%s","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"quorum"}}]}' \
		"$1" >"$work/queue.json"
	on 1 sh env rabbitmqctl -q import_definitions "$work/queue.json"
}
echo "three hosts, a node of RabbitMQ on each: they need some time to find each other"
until_so on 1 sh env rabbitmqctl -q await_online_nodes 3
until_so queue jobs
until_so queue results

# ------------------------------------------------------------------ mailboxes and links; scripts know mailboxes only

# servers HOST -- of the three, its own first.
servers()
{
	local i all=10.77.0.$1
	for i in 1 2 3; do [ "$i" = "$1" ] || all+=,10.77.0.$i; done
	echo "$all"
}

for host in 1 2 3; do on $host mkmbox jobs results; done
started 1 mlink jobs "amqp://$(servers 1)/jobs"
started 1 mlink "amqp://$(servers 1)/results" results
for host in 2 3; do
	started $host mlink "amqp://$(servers $host)/jobs" jobs
	started $host mlink results "amqp://$(servers $host)/results"
	# a worker: a result for each job
	started $host mrecv -f jobs -- sh -c "read n; msend -s host$host results \$n \$((n * n))"
done

# ------------------------------------------------------------------ the work, and the accident

# count HOST MEMBER -- of the mailbox results there, as mstat(1) has it: messages, sent.
count() { on "$1" mstat -J results | sed "s/.*\"$2\":\([0-9]*\).*/\1/"; }
more_than() { [ "$(count "$1" "$2")" -gt "$3" ]; }

linked() { grep -q 'jobs: linked' "$work/$1/log"; }
until_so linked 2
until_so linked 3
began=$EPOCHREALTIME
tail -f -n +1 "$work/3/log" 2>/dev/null | while IFS= read -r line; do
	case $line in
	mlink:*) awk -v now="$EPOCHREALTIME" -v began="$began" -v line="${line#mlink: }" 'BEGIN { printf "  %5.1f s  host three: %s\n", now - began, line }' ;;
	esac
done &
running+=($!)
say() { awk -v now="$EPOCHREALTIME" -v began="$began" -v line="$*" 'BEGIN { printf "  %5.1f s  %s\n", now - began, line }'; }

say "host one sends $((jobs * 5 / 6)) jobs; hosts two and three work"
seq $((jobs * 5 / 6)) | on 1 msend -l jobs
until_so more_than 1 messages $((jobs / 6))
until_so more_than 3 sent 0

ip -n "$net-0" link set cable3 down
say "host three is cut off, $(count 1 messages) results are at host one; $((jobs / 6)) more jobs are sent"
seq $((jobs * 5 / 6 + 1)) "$jobs" | on 1 msend -l jobs
# its own server is there, but has lost the other two: what is sent to it is not acknowledged
lost() { grep -q '^mlink: results .*lost (' "$work/3/log"; }
until_so lost
idle() { on 2 mstat -J jobs | grep -q '"messages":0' && on 3 mstat -J jobs | grep -q '"messages":0'; }
until_so idle
say "both have done what they had: $(count 1 messages) results are at host one, $(count 3 messages) wait at host three"

ip -n "$net-0" link set cable3 up
say "host three is back"

# all_in -- each job has its result: those that were on their way to host three when it was cut off may come twice.
all_in()
{
	on 1 mrecv -p -a -o '%s %p' results >"$work/got" || return
	[ "$(cut -d ' ' -f 2 "$work/got" | sort -u | wc -l)" -eq "$jobs" ]
}
until_so all_in
say "every job has its result"

echo
cut -d ' ' -f 1 "$work/got" | sort | uniq -c | awk '{ print $2 ": " $1 " jobs" }'
twice=$(cut -d ' ' -f 2 "$work/got" | sort | uniq -d | wc -l)
sum=$(cut -d ' ' -f 2,3 "$work/got" | sort -u | awk '{ sum += $2 } END { print sum }')
[ "$sum" = "$(seq "$jobs" | awk '{ sum += $1 * $1 } END { print sum }')" ]
echo "none of $jobs jobs was lost, $twice were done twice; the sum of their results is right: $sum"
