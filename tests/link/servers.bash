# SPDX-License-Identifier: ISC
# Real servers for the tests of links: each on free ports of the loopback, with a folder of its own, $SERVERS/NAME.
#
#     setup_file()    { load ../helpers; load servers; servers_begin; redis_start redis; }
#     teardown_file() { servers_end; }
#
#     sshd_start NAME                       then ssh -F "$SERVERS/NAME/config" far COMMAND, or "$SERVERS/NAME/bin" in PATH
#     redis_start NAME [OPTION...]          $(port_of NAME); appendfsync always, for a kill must lose nothing
#     postgres_start NAME [LINE...]         lines of postgresql.conf; user and database are $(id -un), all are trusted
#     rabbitmq_start NAME [LINE...]         lines of rabbitmq.conf; $(port_of NAME); no plugins; guest may do all
#     rabbitmq_cluster NAME1 NAME2 NAME3    the same, as one cluster; rabbitmq_ctl NAME COMMAND... is rabbitmqctl(8)
#     rabbitmq_queue NAME QUEUE [classic]   make a durable queue, a quorum queue unless it says classic
#     nats_start NAME [LINE...]             lines of the configuration; $(port_of NAME); JetStream
#     nats_cluster NAME1 NAME2 NAME3        the same, as one cluster; nats_js NAME SUBJECT [JSON] asks JetStream's interface
#     silent_start NAME                     accepts connections, and says nothing; $(port_of NAME)
#     gives_up ADAPTER URL                  it ends with 75 and a reason, in both directions
#     certificates                          a CA, $SERVERS/ca.pem, and server.pem, server.key, for the name localhost
#     server_kill NAME, server_again NAME   SIGKILL to it and all that it started; again with the same data and ports
#     server_end NAME, servers_end          end it, or all of them
#     until_server COMMAND...               as until_true, as long as a server may take
#
# A start returns when the server has answered, or 1 with what it printed.  `port_of NAME` is the port for clients.
# Pids are kept in files: what one test kills another may start again.

# shellcheck disable=SC2034  # for the suites
LINK_MESSAGES=${LINK_MESSAGES:-2000}    # what one journey is: the long forms set it to 20000

servers_begin()
{
	find_tools
	export SERVERS=$BATS_FILE_TMPDIR/servers
	mkdir -p "$SERVERS"
}

# needs_server PROGRAM... -- skip the test, or all of a file, where one is missing; in CI none must be.
needs_server()
{
	local program missing=()
	for program; do
		command -v "$program" >/dev/null || missing+=("${program##*/}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "${CI:-}" != true ] || { echo "not installed: ${missing[*]}"; return 1; }
	skip "not installed: ${missing[*]}"
}

free_ports()
{
	mapfile -t ports < <("$BUILD/link/journey" port "${1:-1}")
	[ ${#ports[@]} -eq "${1:-1}" ]
}

port_of()
{
	echo "$(<"$SERVERS/$1/port")"
}

until_server()
{
	LIMIT=120 until_true "$@"
}

# server_made NAME [PORTS] -- its folder, in $at, and its ports, in ${ports[@]}: the first is that for its clients.
server_made()
{
	at=$SERVERS/$1
	mkdir -p "$at/data" && free_ports "${2:-1}" && echo "${ports[0]}" >"$at/port"
}

# server_runs NAME READY... -- start what $SERVERS/NAME/start says; READY succeeds once it answers.
server_runs()
{
	printf '%q ' "${@:2}" >"$SERVERS/$1/ready"
	server_again "$1"
}

server_again()
{
	local at=$SERVERS/$1
	(cd "$at" && exec bash ./start >>log 2>&1 </dev/null 3>&-) &
	echo $! >"$at/pid"
	disown $!
	eval "until_server answers \$1 $(<"$at/ready")" || return
	[ ! -e "$at/gone" ]
}

# answers NAME READY... -- whether it is ready; one that has ended is waited for no more.
answers()
{
	rm -f "$SERVERS/$1/gone"
	"${@:2}" >/dev/null 2>&1 && return
	kill -0 "$(<"$SERVERS/$1/pid")" && return 1
	: >"$SERVERS/$1/gone"
	echo "$1 has ended:"
	tail -n 20 "$SERVERS/$1/log"
}

# family PID -- it and all that it has started, as far as they have not left it, in ${family[@]}.
family()
{
	local thread pid kids
	family+=("$1")
	[ -e "/proc/$1/task" ] || return 0
	for thread in /proc/"$1"/task/*; do
		kids=()
		read -r -a kids <"$thread/children" || :
		for pid in "${kids[@]}"; do
			family "$pid"
		done
	done
} 2>/dev/null

server_kill()
{
	local family=() pid
	pid=$(<"$SERVERS/$1/pid") || return
	# stopped first, so that none is born meanwhile
	kill -STOP "$pid" || :
	family "$pid"
	kill -KILL "${family[@]}" || :
	for pid in "${family[@]}"; do
		until_true gone "$pid" || return
	done
} 2>/dev/null

# gone PID -- whether the process has ended; that its parent has not asked yet does not matter.
# Its first thread may end before the others, which hold its ports until then.
gone()
{
	local line threads
	threads=(/proc/"$1"/task/*)
	read -r line <"/proc/$1/stat" || return 0
	[[ ${line##*) } = Z* ]] && [ ${#threads[@]} -le 1 ]
}

server_end()
{
	server_kill "$1" || :
	rm -rf "${SERVERS:?}/$1"
}

servers_end()
{
	local at
	for at in "$SERVERS"/*/pid; do
		[ ! -e "$at" ] || { at=${at%/pid}; server_end "${at##*/}"; }
	done
}

# greets PORT BYTES PATTERN -- whether who listens there answers BYTES (as printf(1) knows them) with the line PATTERN.
greets()
{
	local line=
	# shellcheck disable=SC2059  # a format
	{
		exec 9<>"/dev/tcp/127.0.0.1/$1" || return
		printf "$2" >&9
		LC_ALL=C IFS= read -r -t 5 -d "${4:-$'\n'}" line <&9
		exec 9>&-
	} 2>/dev/null
	# shellcheck disable=SC2053  # a pattern
	[[ $line = $3 ]]
}

# certificates -- of a CA of ours, and of a server for the name localhost.
certificates()
{
	(
		cd "$SERVERS" || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ours -keyout ca.key -out ca.pem
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr
		echo 'subjectAltName = DNS:localhost' >names
		openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
	) >/dev/null 2>&1
}

# ---------------------------------------------------------------- one that says nothing

silent_start()
{
	local at ports
	server_made "$1" || return
	echo "exec python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", ${ports[0]})); k = []
while True: k.append(s.accept())'" >"$at/start"
	server_runs "$1" greets "${ports[0]}" '' ''
}

gives_up()
{
	local in out
	printf 'M1 1 t s id=1\nx\n' >frame
	in_background timeout "$LIMIT" "$1" in "$2" cat 2>in.said
	in=$child
	in_background timeout "$LIMIT" "$1" out "$2" <frame 2>out.said
	out=$child
	ended_with 75 "$in"
	ended_with 75 "$out"
	cat in.said out.said
	[[ $(<in.said) = link-?*:?* && $(<out.said) = link-?*:?* ]]
}

# ---------------------------------------------------------------- sshd

# SHLVL: at that level bash does not take itself for ssh's, and reads no file of this user's, whom these kills do not concern.
sshd_start()
{
	local at ports sshd
	sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
	server_made "$1" || return
	ssh-keygen -q -t ed25519 -N '' -f "$at/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$at/user_key" || return
	cp "$at/user_key.pub" "$at/authorized_keys"
	[ "$EUID" -ne 0 ] || mkdir -p /run/sshd
	lines "ListenAddress 127.0.0.1:${ports[0]}" "HostKey $at/host_key" "AuthorizedKeysFile $at/authorized_keys" \
		'PidFile none' 'StrictModes no' 'UsePAM no' 'PasswordAuthentication no' 'PermitRootLogin yes' \
		'PrintMotd no' 'MaxStartups 100' "SetEnv PATH=$PATH SHLVL=2" >"$at/sshd_config"
	lines 'Host far' '	HostName 127.0.0.1' "	Port ${ports[0]}" 'Host *' "	User $(id -un)" "	IdentityFile $at/user_key" \
		'	IdentitiesOnly yes' "	UserKnownHostsFile $at/known_hosts" '	GlobalKnownHostsFile none' \
		'	StrictHostKeyChecking yes' '	BatchMode yes' >"$at/config"
	echo "[127.0.0.1]:${ports[0]} $(<"$at/host_key.pub")" >"$at/known_hosts"
	mkdir -p "$at/bin"
	lines '#!/bin/sh' "exec $(command -v ssh) -F '$at/config' \"\$@\"" >"$at/bin/ssh"
	chmod +x "$at/bin/ssh"
	echo "exec $sshd -D -e -f sshd_config" >"$at/start"
	server_runs "$1" greets "${ports[0]}" '' 'SSH-2.0-*'
}

# ---------------------------------------------------------------- Redis

redis_start()
{
	local at ports
	server_made "$1" || return
	printf 'exec redis-server %s' "--bind 127.0.0.1 --port ${ports[0]} --dir data --save '' --appendonly yes \
		--appendfsync always " >"$at/start"
	[ $# -eq 1 ] || printf '%q ' "${@:2}" >>"$at/start"
	server_runs "$1" greets "${ports[0]}" 'PING\r\n' $'[+-][PN]*\r'         # +PONG, or -NOAUTH
}

# ---------------------------------------------------------------- PostgreSQL

postgres_start()
{
	local at ports bin user=
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
	[ -x "$bin/postgres" ] || bin=$(dirname "$(command -v postgres)")
	server_made "$1" || return
	# it refuses to run as root
	[ "$EUID" -ne 0 ] || user='setpriv --reuid=postgres --regid=postgres --clear-groups'
	[ -z "$user" ] || {
		chown postgres: "$at/data"
		chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR" "$SERVERS" "$at"
	} 2>/dev/null
	(cd / && $user "$bin/initdb" -A trust -U "$(id -un)" -E UTF8 --no-locale -N "$at/data" >"$at/log" 2>&1) || return
	lines "listen_addresses = '127.0.0.1'" "port = ${ports[0]}" "unix_socket_directories = ''" "${@:2}" \
		>>"$at/data/postgresql.conf"
	echo "cd / && exec $user $bin/postgres -D $at/data" >"$at/start"
	server_runs "$1" psql -h 127.0.0.1 -p "${ports[0]}" -d postgres -Atqc 'SELECT 1' || return
	createdb -h 127.0.0.1 -p "${ports[0]}" "$(id -un)"
}

# ---------------------------------------------------------------- RabbitMQ

# A node is the program itself, without its script's shell around it, and has no epmd but that of its folder.
rabbitmq_start()
{
	local at ports
	rabbitmq_made "$1" "${@:2}" && rabbitmq_runs "$1"
}

rabbitmq_made()
{
	local name=$1
	server_made "$name" 3 || return
	[ -e "$SERVERS/cookie" ] || (umask 077 && echo "COOKIE$RANDOM$RANDOM" >"$SERVERS/cookie")
	cp -p "$SERVERS/cookie" "$at/.erlang.cookie"
	echo '[].' >"$at/plugins"
	lines "listeners.tcp.1 = 127.0.0.1:${ports[0]}" 'vm_memory_high_watermark.absolute = 400MB' 'disk_free_limit.absolute = 50MB' \
		'loopback_users = none' 'heartbeat = 3600' 'log.console = false' "${@:2}" >"$at/rabbitmq.conf"
	lines "export HOME=$at RABBITMQ_NODENAME=$name@localhost RABBITMQ_NODE_PORT=${ports[0]}" \
		"export RABBITMQ_DIST_PORT=${ports[1]} RABBITMQ_CONFIG_FILE=$at/rabbitmq RABBITMQ_MNESIA_BASE=$at/data" \
		"export RABBITMQ_LOG_BASE=$at RABBITMQ_PID_FILE=$at/node.pid RABBITMQ_ENABLED_PLUGINS_FILE=$at/plugins" \
		"export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=\$(<$SERVERS/epmd.port)" \
		"export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}'" >"$at/env"
	lines '. ./env' 'RUNNING_UNDER_SYSTEMD=true exec /usr/lib/rabbitmq/bin/rabbitmq-server' >"$at/start"
}

# rabbitmq_runs NAME... -- start what is made, all at once: it takes half a minute on a slow machine.
rabbitmq_runs()
{
	local name pids=() pid
	epmd_start || return
	for name; do
		server_runs "$name" greets "$(port_of "$name")" 'AMQP\0\0\011\01' $'\01*' $'\xce' 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return
	done
}

# epmd_start -- one for all nodes of these tests, else the first of them would start one that stays.
epmd_start()
{
	local at ports
	[ ! -e "$SERVERS/epmd/pid" ] || return 0
	server_made epmd || return
	cp "$at/port" "$SERVERS/epmd.port"
	echo "exec epmd -address 127.0.0.1 -port ${ports[0]}" >"$at/start"
	server_runs epmd greets "${ports[0]}" '\0\01n' '*' ''
}

rabbitmq_ctl()
{
	(
		# shellcheck disable=SC1090,SC1091  # made above
		. "$SERVERS/$1/env"
		timeout 120 /usr/lib/rabbitmq/bin/rabbitmqctl -q "${@:2}"
	)
}

rabbitmq_cluster()
{
	local name nodes=()
	local at ports
	for name; do
		nodes+=("cluster_formation.classic_config.nodes.$((${#nodes[@]} + 1)) = $name@localhost")
	done
	for name; do
		rabbitmq_made "$name" 'cluster_formation.peer_discovery_backend = classic_config' "${nodes[@]}" || return
	done
	rabbitmq_runs "$@" && until_server rabbitmq_ctl "$1" await_online_nodes $#
}

rabbitmq_queue()
{
	printf '{"queues":[{"name":"%s","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"%s"}}]}' \
		"$2" "${3:-quorum}" >"$SERVERS/$1/queue.json"
	rabbitmq_ctl "$1" import_definitions "$SERVERS/$1/queue.json"
}

# ---------------------------------------------------------------- NATS

nats_start()
{
	local at ports
	nats_made "$1" "${@:2}" && server_runs "$1" nats_ready "${ports[1]}"
}

nats_made()
{
	server_made "$1" 3 || return
	lines "server_name: $1" "listen: 127.0.0.1:${ports[0]}" "http: 127.0.0.1:${ports[1]}" \
		"jetstream { store_dir: '$at/data' }" "${@:2}" >"$at/nats.conf"
	echo "exec nats-server -c nats.conf" >"$at/start"
}

# nats_ready PORT -- whether it says, at its port for HTTP, that it is well, JetStream included.
nats_ready()
{
	greets "$1" 'GET /healthz HTTP/1.0\r\n\r\n' '*200 OK*'
}

nats_cluster()
{
	local name at ports routes='' pids=() pid
	for name; do
		nats_made "$name" 'max_payload: 8MB' || return
		echo "${ports[1]}" >"$at/http"
		echo "${ports[2]}" >"$at/route"
		routes+="nats://127.0.0.1:${ports[2]}, "
	done
	for name; do
		echo "cluster { name: test, listen: '127.0.0.1:$(<"$SERVERS/$name/route")', routes: [ $routes] }" \
			>>"$SERVERS/$name/nats.conf"
	done
	for name; do
		server_runs "$name" nats_ready "$(<"$SERVERS/$name/http")" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return
	done
}

# nats_js NAME SUBJECT [JSON] -- ask JetStream's interface: STREAM.CREATE.q and so on; prints the answer.
# Fails without an answer, and where it tells of an error.
nats_js()
{
	local line='' reply='' subject="\$JS.API.$2" json=${3:-}
	{
		exec 9<>"/dev/tcp/127.0.0.1/$(port_of "$1")" || return
		printf 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\n' >&9
		printf 'PUB %s answer %d\r\n%s\r\n' "$subject" ${#json} "$json" >&9
		while IFS= read -r -t 10 line <&9; do
			case $line in
			MSG*) IFS= read -r -t 10 reply <&9; break ;;
			HMSG*) break ;;                 # nobody answers
			esac
		done
		exec 9>&-
	} 2>/dev/null
	reply=${reply%$'\r'}
	[ -n "$reply" ] || return
	echo "$reply"
	[[ $reply != *'"error":'* ]]
}
