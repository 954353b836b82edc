# SPDX-License-Identifier: ISC
# The peers that are servers: each on a socket or a free port of the loopback, with a folder of its own.
# shellcheck shell=bash disable=SC2153  # MEM, DISK, SERVERS: run.sh

# serve COMMAND... -- start a server, to be ended with the bench.
serve()
{
	"$@" >>"$MEM/servers.log" 2>&1 3>&- &
	SERVERS+=($!)
}

# await COMMAND... -- until it succeeds, two minutes at most.
await()
{
	local i
	for ((i = 0; i < 1200; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "bench: did not start: $*" >&2
	tail -5 "$MEM/servers.log" >&2
	exit 1
}

# free_port -- a port of the loopback that nobody has.
free_port()
{
	local port
	while :; do
		port=$((20000 + RANDOM % 20000))
		(exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# Redis: nothing written to disk, a unix socket: the fastest it has.
start_redis()
{
	REDIS=$MEM/redis.sock
	[ ! -S "$REDIS" ] || return 0
	REDIS_PORT=$(free_port)
	serve redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --unixsocket "$REDIS" --save '' --appendonly no --dir "$MEM"
	await redis-cli -s "$REDIS" ping
}

# mosquitto: no persistence; what is sent at QoS 0 is sent once and not confirmed.
start_mosquitto()
{
	[ -z "${MQTT:-}" ] || return 0
	MQTT=$(free_port)
	printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n' "$MQTT" >"$MEM/mosquitto.conf"
	serve mosquitto -c "$MEM/mosquitto.conf"
	await mosquitto_pub -p "$MQTT" -t up -m up
}

# beanstalkd: in memory alone, on a unix socket.
start_beanstalk()
{
	BEANSTALK=$MEM/beanstalk.sock
	[ ! -S "$BEANSTALK" ] || return 0
	serve beanstalkd -l "unix:$BEANSTALK"
	await test -S "$BEANSTALK"
}

# The same with a log on the disk, which is synced at each write.
start_beanstalk_durable()
{
	BEANSTALK_DURABLE=$MEM/beanstalk-durable.sock
	[ ! -S "$BEANSTALK_DURABLE" ] || return 0
	mkdir -p "$DISK/beanstalk"
	serve beanstalkd -l "unix:$BEANSTALK_DURABLE" -b "$DISK/beanstalk" -f 0
	await test -S "$BEANSTALK_DURABLE"
}

# RabbitMQ, for amqp-publish: a node of its own with an epmd of its own; the queue is not durable.
start_rabbit()
{
	local epmd dist
	[ -z "${RABBIT:-}" ] || return 0
	RABBIT=$(free_port)
	epmd=$(free_port)
	dist=$(free_port)
	export ERL_EPMD_PORT=$epmd RABBITMQ_NODE_PORT=$RABBIT RABBITMQ_NODENAME=bench@localhost HOME=$MEM/rabbit \
		RABBITMQ_MNESIA_BASE=$MEM/rabbit RABBITMQ_LOG_BASE=$MEM/rabbit RABBITMQ_PID_FILE=$MEM/rabbit/pid \
		RABBITMQ_ENABLED_PLUGINS_FILE=$MEM/rabbit/plugins RABBITMQ_DIST_PORT=$dist ERL_EPMD_ADDRESS=127.0.0.1 \
		RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
	mkdir -p "$MEM/rabbit"
	echo '[].' >"$MEM/rabbit/plugins"
	serve epmd -address 127.0.0.1 -port "$epmd"
	serve /usr/lib/rabbitmq/bin/rabbitmq-server
	# by either of the clients that the rows need
	await sh -c "amqp-declare-queue --url=amqp://127.0.0.1:$RABBIT -q bench || $BUILD/link/amqp $RABBIT make bench"
}

# sshd: keys of its own; `far' is this machine, by $SSH, a folder for PATH.  SHLVL: bash then reads no .bashrc there.
start_sshd()
{
	local port at=$MEM/sshd
	[ -z "${SSH:-}" ] || return 0
	SSH=$at/bin
	port=$(free_port)
	mkdir -p "$SSH"
	ssh-keygen -q -t ed25519 -N '' -f "$at/host" && ssh-keygen -q -t ed25519 -N '' -f "$at/user"
	[ "$EUID" -ne 0 ] || mkdir -p /run/sshd
	printf '%s\n' "ListenAddress 127.0.0.1:$port" "HostKey $at/host" "AuthorizedKeysFile $at/user.pub" 'PidFile none' \
		'StrictModes no' 'UsePAM no' "SetEnv PATH=$PATH SHLVL=2" >"$at/config"
	printf '#!/bin/sh\nexec %s -F none -o BatchMode=yes -o HostName=127.0.0.1 -p %s -i %s -o %s -o %s -o LogLevel=ERROR "$@"\n' \
		"$(command -v ssh)" "$port" "$at/user" StrictHostKeyChecking=no UserKnownHostsFile=/dev/null >"$SSH/ssh"
	chmod +x "$SSH/ssh"
	serve "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -f "$at/config"
	await "$SSH/ssh" far true
}
