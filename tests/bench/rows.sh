# SPDX-License-Identifier: ISC
# The rows of make bench.  Each function prints what compare and amount (run.sh) ask for.
# shellcheck shell=bash disable=SC2153,SC2154  # MEM, DISK, B, SCALE and the sockets: run.sh, servers.sh
# shellcheck disable=SC2317,SC2329             # called by name

# ---- one message, one process

ONES=$((400 / SCALE + 50))

send_once() { fresh "$MEM/one" && echo "$(wall_of -n "$ONES" msend "$MEM/one" hello) $ONES"; }
receive_once()
{
	fresh "$MEM/one" && seq "$ONES" | msend -l "$MEM/one" && echo "$(wall_of -q -n "$ONES" mrecv "$MEM/one") $ONES"
}
start_true() { echo "$(wall_of -n "$ONES" /bin/true) $ONES"; }
start_empty() { echo "$(wall_of -n "$ONES" "$B/empty") $ONES"; }
# clients are slow: fewer of them
CLIENTS=$((ONES / 8))
client_redis() { echo "$(wall_of -q -n $CLIENTS redis-cli -s "$REDIS" LPUSH one hello) $CLIENTS"; }
client_mosquitto() { echo "$(wall_of -q -n $CLIENTS mosquitto_pub -p "$MQTT" -t one -m hello) $CLIENTS"; }
client_amqp()
{
	echo "$(wall_of -q -n $CLIENTS amqp-publish "--url=amqp://127.0.0.1:$RABBIT" -r bench -b hello) $CLIENTS"
}
client_nq() { mkdir -p "$MEM/nq" && echo "$(NQDIR=$MEM/nq wall_of -q -n $CLIENTS nq -q true) $CLIENTS"; }

one_rows()
{
	compare one-send dearer 0.42 "msend box hello, a process" "/bin/true, dynamic" send_once start_true
	compare one-receive dearer 0.42 "mrecv box, a process" "/bin/true, dynamic" receive_once start_true
	compare one-empty dearer - "an empty program, linked as ours" "/bin/true, dynamic" start_empty start_true
	compare one-send-empty dearer 1.25 "msend box hello, a process" "empty program, linked alike" send_once start_empty
	compare one-receive-empty dearer 1.25 "mrecv box, a process" "empty program, linked alike" receive_once start_empty
	wanted one-redis && start_redis
	compare one-redis faster 10 "msend box hello, a process" "redis-cli LPUSH" send_once client_redis
	wanted one-mosquitto && start_mosquitto
	compare one-mosquitto faster 10 "msend box hello, a process" "mosquitto_pub" send_once client_mosquitto
	wanted one-amqp && start_rabbit
	compare one-amqp faster 10 "msend box hello, a process" "amqp-publish" send_once client_amqp
	compare one-nq faster 10 "msend box hello, a process" "nq" send_once client_nq
}

# ---- streams

LINES=$((5000000 / SCALE))
FEW=$((1000000 / SCALE))

# stream FOLDER -- lines of 16 bytes, both ends at once, the output thrown away.
stream()
{
	fresh "$1/stream" -b inf && echo "$(wall_of sh -c "seq 1000000000000001 $((1000000000000000 + LINES)) |
		msend -l $1/stream & mrecv -f -l -c $LINES $1/stream >/dev/null; wait") $LINES"
}
stream_memory() { stream "$MEM"; }
stream_disk() { stream "$DISK"; }
stream_100()
{
	[ -e "$MEM/lines100" ] || yes "$(printf %0100d 0)" | head -n "$FEW" >"$MEM/lines100"
	fresh "$MEM/stream" -b inf && echo "$(wall_of sh -c "msend -l $MEM/stream <$MEM/lines100 &
		mrecv -f -l -c $FEW $MEM/stream >/dev/null; wait") $FEW"
}
peer_of() { echo "$(wall_of "$B/$1" "${@:2}") ${*: -2:1}"; }
zmq_16() { peer_of zmq "$MEM/zmq.sock" "$LINES" 16; }
zmq_100() { peer_of zmq "$MEM/zmq.sock" "$FEW" 100; }
nano_16() { peer_of nano "$MEM/nano.sock" $((FEW / 4)) 16; }
nng_16() { peer_of nng "$MEM/nng.sock" $((FEW / 50)) 16; }
redis_16() { peer_of queue redis "$REDIS" "$FEW" 16; }
redis_many_16() { peer_of queue redis-many "$REDIS" "$FEW" 16; }
redis_100() { peer_of queue redis "$REDIS" "$FEW" 100; }
beanstalk_16() { peer_of queue beanstalk "$BEANSTALK" $((FEW / 10)) 16; }
pipe_16() { peer_of ipc pipe "$FEW" 16; }
mq_16() { peer_of ipc mq "$FEW" 16; }
sysv_16() { peer_of ipc sysv "$FEW" 16; }
mosquitto_16()
{
	local n=$((FEW / 10))
	# a subscriber that is there first; -R: not what was retained; -C: so many
	echo "$(wall_of sh -c "mosquitto_sub -p $MQTT -t s -C $n >/dev/null & sleep 0.2
		seq 1000000000000001 $((1000000000000000 + n)) | mosquitto_pub -p $MQTT -t s -l; wait") $n"
}
cat_lines() { echo "$(wall_of sh -c "seq 1000000000000001 $((1000000000000000 + LINES)) | cat | cat >/dev/null") $LINES"; }
frames_on()
{
	fresh "$MEM/a" -b inf && fresh "$MEM/b" -b inf && fresh "$MEM/c" -b inf || exit
	seq 1000000000000001 $((1000000000000000 + FEW)) | msend -l "$MEM/a"
	echo "$(wall_of sh -c "mrecv -F -a $MEM/a | mtee $MEM/b $MEM/c >/dev/null") $FEW"
	rm -rf "$MEM/b" "$MEM/c"
}
lines_on()
{
	fresh "$MEM/a" -b inf && fresh "$MEM/b" -b inf || exit
	seq 1000000000000001 $((1000000000000000 + FEW)) | msend -l "$MEM/a"
	echo "$(wall_of sh -c "mrecv -l -a $MEM/a | msend -l $MEM/b") $FEW"
}

stream_rows()
{
	local what="seq | msend -l beside mrecv -f -l, 16 B"
	compare stream-zmq faster 3 "$what" "ZeroMQ PUSH/PULL ipc" stream_memory zmq_16
	compare stream-pipe faster 6.5 "$what" "pipe, a write each" stream_memory pipe_16
	wanted stream-redis && start_redis
	compare stream-redis faster 10 "$what" "Redis, pipelined" stream_memory redis_16
	compare stream-zmq100 faster 2.5 "msend -l beside mrecv -f -l, 100 B" "ZeroMQ PUSH/PULL ipc" stream_100 zmq_100
	compare stream-disk faster 0.67 "the same on disk" "on tmpfs" stream_disk stream_memory
	PAIRS=3
	wanted stream-redis-many && start_redis
	compare stream-redis-many faster - "$what" "Redis, 1,000 in an RPUSH" stream_memory redis_many_16
	compare stream-redis100 faster - "msend -l beside mrecv -f -l, 100 B" "Redis, pipelined" stream_100 redis_100
	compare stream-mq faster - "$what" "POSIX message queue" stream_memory mq_16
	compare stream-sysv faster - "$what" "System V message queue" stream_memory sysv_16
	compare stream-nanomsg faster - "$what" "nanomsg PUSH/PULL ipc" stream_memory nano_16
	compare stream-nng faster - "$what" "nng PUSH/PULL ipc" stream_memory nng_16
	wanted stream-beanstalk && start_beanstalk
	compare stream-beanstalk faster - "$what" "beanstalkd, 200 in flight" stream_memory beanstalk_16
	wanted stream-mosquitto && start_mosquitto
	compare stream-mosquitto faster - "$what" "mosquitto_pub -l, QoS 0" stream_memory mosquitto_16
	compare stream-cat faster - "$what" "seq | cat | cat (no messages)" stream_memory cat_lines
	compare frames faster - "mrecv -F a | mtee b c >/dev/null" "mrecv -l a | msend -l b" frames_on lines_on
	PAIRS=$ALL_PAIRS
}

# ---- on the disk before the sender goes on

SYNCED=$((3840 / SCALE))        # messages of 16 bytes, of all senders together

# synced SENDERS -- to a durable mailbox; synced_by KIND WHERE SENDERS -- by a peer.
synced()
{
	fresh "$DISK/synced" -d -b inf && echo "$(wall_of sh -c "for i in \$(seq $1); do
		seq 1000000000000001 $((1000000000000000 + SYNCED / $1)) | msend -v -l $DISK/synced >/dev/null & done; wait") $SYNCED"
}
synced_by() { echo "$(wall_of "$B/durable" "$1" "$2" "$3" $((SYNCED / $3)) 16) $SYNCED"; }
synced_files() { rm -rf "$DISK/files" && mkdir "$DISK/files" && synced_by file "$DISK/files" "$1"; }
synced_rows() { rm -f "$DISK"/rows* && synced_by sqlite "$DISK/rows" "$1"; }
synced_jobs() { synced_by beanstalk "$BEANSTALK_DURABLE" "$1"; }
for senders in 1 8 64; do
	eval "synced_$senders() { synced $senders; }; files_$senders() { synced_files $senders; }
		rows_$senders() { synced_rows $senders; }; jobs_$senders() { synced_jobs $senders; }"
done

durable_rows()
{
	local n what
	PAIRS=3
	for n in 1 8 64; do
		what="mkmbox -d, $n msend -v -l"
		compare durable-file$n faster - "$what" "a file a message, fsync" synced_$n files_$n
		compare durable-sqlite$n faster - "$what" "SQLite, WAL, FULL" synced_$n rows_$n
		wanted durable-beanstalk$n && start_beanstalk_durable
		compare durable-beanstalk$n faster - "$what" "beanstalkd -b -f 0" synced_$n jobs_$n
	done
	compare durable-shared faster 10 "mkmbox -d, 64 msend -v -l" "1 of them" synced_64 synced_1
	PAIRS=$ALL_PAIRS
}

# ---- how soon

latency_tools()
{
	fresh "$MEM/ping" && echo "$("$B/ping" tools $((2000 / SCALE)) "exec msend -l $MEM/ping" "exec mrecv -f -l $MEM/ping") 1"
}
latency_relay()
{
	mkfifo "$MEM/relay" && echo "$("$B/ping" tools $((2000 / SCALE)) "exec $B/ping relay 10 >$MEM/relay" \
		"exec $B/ping relay 9 <$MEM/relay") 1"
	rm -f "$MEM/relay"
}
latency_fifo() { echo "$("$B/ping" fifo "$MEM/fifo" $((2000 / SCALE))) 1"; }

# ---- large payloads

GIB=1073741824
HUGE=$((10 * GIB / SCALE))
LARGE=$((GIB / SCALE))

make_large()
{
	[ ! -e "$DISK/large" ] || return 0
	head -c "$LARGE" /dev/urandom >"$DISK/large"
	msend -t x - <"$DISK/large" >"$DISK/large.frame"
	truncate -s "$HUGE" "$DISK/huge"
	cat "$DISK/huge" "$DISK/large" "$DISK/large.frame" >/dev/null
	mkfifo "$MEM/f1" "$MEM/f2" "$MEM/f3" "$MEM/f4"
}
zero_file()
{
	fresh "$MEM/zero" -c 0 && echo "$(wall_of sh -c "msend $MEM/zero <$DISK/huge & mrecv $MEM/zero >/dev/null; wait") $HUGE"
}
cat_cat() { echo "$(wall_of sh -c "cat $DISK/huge | cat >/dev/null") $HUGE"; }
zero_pipe()
{
	fresh "$MEM/zero" -c 0 && echo "$(wall_of sh -c "head -c $LARGE /dev/zero | msend $MEM/zero &
		mrecv $MEM/zero | cat >/dev/null; wait") $LARGE"
}
plain_pipe() { echo "$(wall_of sh -c "head -c $LARGE /dev/zero | cat >/dev/null") $LARGE"; }
bounded()
{
	fresh "$MEM/bounded" &&
		echo "$(wall_of sh -c "msend $MEM/bounded <$DISK/large; mrecv $MEM/bounded >/dev/null") $LARGE"
}
cat_file()
{
	echo "$(wall_of sh -c "cat <$DISK/large >$MEM/copy; cat $MEM/copy >/dev/null; rm $MEM/copy") $LARGE"
}
# cat(1) may have the kernel copy; dd(1), like msend, has all of it pass through itself.
dd_file()
{
	echo "$(wall_of sh -c "dd bs=256k status=none <$DISK/large >$MEM/copy; dd bs=256k status=none <$MEM/copy >/dev/null
		rm $MEM/copy") $LARGE"
}
fan_out() # FEEDER READER TEE... -- to four FIFOs.
{
	local feeder=$1 reader=$2 f
	shift 2
	for f in 1 2 3 4; do feeder="$reader $MEM/f$f >/dev/null & $feeder"; done
	echo "$(wall_of sh -c "$feeder$* $MEM/f1 $MEM/f2 $MEM/f3 $MEM/f4 ${FAN_END:-}; wait") $LARGE"
}
mtee_pipe() { fan_out "msend -t x - <$DISK/large | " mrecv mtee -q; }
tee_pipe() { FAN_END='>/dev/null' fan_out "cat $DISK/large | " cat tee; }
mtee_file() { FAN_END="<$DISK/large.frame" fan_out "" mrecv mtee -q; }
tee_file() { FAN_END="<$DISK/large >/dev/null" fan_out "" cat tee; }
pee_pipe()
{
	echo "$(wall_of sh -c "cat $DISK/large | pee 'cat >/dev/null' 'cat >/dev/null' 'cat >/dev/null' 'cat >/dev/null'") $LARGE"
}
pv_pipe() { echo "$(wall_of sh -c "pv -q $DISK/huge | cat >/dev/null") $HUGE"; }
mtee_boxes()
{
	local i
	for i in 1 2 3 4; do fresh "$MEM/b$i"; done
	echo "$(wall_of sh -c "mtee -q $MEM/b1 $MEM/b2 $MEM/b3 $MEM/b4 <$DISK/large.frame") 1"
	rm -rf "$MEM"/b[1-4]
}
msend_box()
{
	fresh "$MEM/b1" && echo "$(wall_of sh -c "msend -t x $MEM/b1 <$DISK/large") 1"
	rm -rf "$MEM/b1"
}

large_rows()
{
	local row
	for row in zero-file zero-pv zero-pipe bounded bounded-dd fan-pipe fan-file fan-pee fan-boxes; do
		! wanted $row || { make_large; break; }
	done
	PAIRS=$((ALL_PAIRS > 5 ? 5 : ALL_PAIRS))
	compare zero-file faster 1.4 "$((HUGE >> 20)) MiB through capacity 0, from a file" "cat | cat" zero_file cat_cat
	compare zero-pv faster - "$((HUGE >> 20)) MiB through capacity 0, from a file" "pv | cat" zero_file pv_pipe
	compare zero-pipe faster 0.85 "a rendezvous in the middle of a pipeline" "without it" zero_pipe plain_pipe
	compare bounded faster 0.9 "$((LARGE >> 20)) MiB through a bounded mailbox" "cat >file; cat file" bounded cat_file
	compare bounded-dd faster - "$((LARGE >> 20)) MiB through a bounded mailbox" "dd >file; dd <file" bounded dd_file
	compare fan-pipe faster 4 "mtee to 4 FIFOs, from a pipe" "tee" mtee_pipe tee_pipe
	compare fan-file faster 3 "mtee to 4 FIFOs, from a file" "tee" mtee_file tee_file
	compare fan-pee faster - "mtee to 4 FIFOs, from a pipe" "pee" mtee_pipe pee_pipe
	compare fan-boxes dearer 1.3 "mtee to 4 mailboxes, $((LARGE >> 20)) MiB" "one msend of it" mtee_boxes msend_box
	PAIRS=$ALL_PAIRS
}

# ---- a backlog, and crowds

DEEP=$((1000000 / SCALE))

make_deep()
{
	[ ! -d "$MEM/deep" ] || return 0
	fresh "$MEM/deep" -b inf && seq "$DEEP" | msend -l "$MEM/deep" && msend -t rare "$MEM/deep" found
	fresh "$MEM/flat" -b inf && seq 10 | msend -l "$MEM/flat"
}
send_deep() { echo "$(wall_of -n "$ONES" msend "$MEM/deep" hello) $ONES"; }
send_flat() { echo "$(wall_of -n "$ONES" msend "$MEM/flat" hello) $ONES"; }
receive_deep() { echo "$(wall_of -q -n "$ONES" mrecv -T rare "$MEM/deep") $ONES"; }
receive_flat()
{
	seq "$ONES" | msend -l "$MEM/flat" && echo "$(wall_of -q -n "$ONES" mrecv -T rare "$MEM/flat") $ONES"
}
find_rare()
{
	cpu_of -q mrecv -t rare "$MEM/deep" | awk '{ printf "%.2f", $1 / 1e6 }'
	msend -t rare "$MEM/deep" found
}

# last_value N [random] -- N tags, each of which has its last value already, get new ones, in turns or at random.
last_value()
{
	local n=$((320000 / SCALE)) at=$MEM/last of=$MEM/last.$1${2:-}
	[ -e "$of" ] || awk -v n="$n" -v tags="$1" -v random="${2:-}" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "M1 1 t%d s\nx\n", random ? int(rand() * tags) : i % tags
	}' >"$of"
	fresh "$at" -o latest -b inf && seq 0 $(($1 - 1)) | sed 's/.*/M1 1 t& s\nx/' | msend -F "$at" &&
		echo "$(wall_of sh -c "msend -F $at <$of") $n"
}
last_value_many() { last_value 16000; }
last_value_any() { last_value 16000 random; }
last_value_few() { last_value 10; }

# workers N -- messages one after another, each sent once the one before has been received, with N workers asleep.
workers()
{
	local n=$((10000 / SCALE))
	fresh "$MEM/work" && echo "$(cpu_of bash "$here/workers.sh" "$MEM/work" "$1" "$n") $n"
}
workers_64() { workers 64; }
workers_1() { workers 1; }

# burst N -- 10,000 messages at once, with N workers asleep; 20 times.
burst() { fresh "$MEM/burst" && echo "$(B=$B bash "$here/workers.sh" "$MEM/burst" "$1" 10000 20) 200000"; }
burst_64() { burst 64; }
burst_1() { burst 1; }

# crowd N -- N senders and N receivers, one message in each locked section.
crowd()
{
	local each=$((48000 / SCALE / $1))
	fresh "$MEM/crowd" -b inf && echo "$(wall_of sh -c "for i in \$(seq $1); do
		seq $each | msend -v -l $MEM/crowd >/dev/null & mrecv -f -l -c $each -t - -t '*' $MEM/crowd >/dev/null & done
		wait") $((each * $1))"
}
crowd_16() { crowd 16; }
crowd_1() { crowd 1; }

crowd_rows()
{
	local row
	for row in deep-send deep-receive deep-rare; do
		! wanted $row || { make_deep; break; }
	done
	compare last-value dearer 1.3 "-o latest, msend -F, 16000 tags in turns" "10 tags" last_value_many last_value_few
	compare last-random dearer 1.3 "-o latest, msend -F, 16000 tags at random" "10 tags" last_value_any last_value_few
	compare deep-send dearer 1.2 "msend, $DEEP messages waiting" "10 waiting" send_deep send_flat
	compare deep-receive dearer 1.2 "mrecv, $DEEP messages waiting" "few waiting" receive_deep receive_flat
	amount deep-rare 10 "ms of CPU" "mrecv -t of the newest of $DEEP" find_rare
	rm -rf "$MEM/deep" "$MEM/flat"
	compare workers dearer 2 "a message to 64 idle workers, CPU" "to 1 worker" workers_64 workers_1
	compare burst dearer 2 "10000 messages at once to 64 idle workers, CPU" "to 1 worker" burst_64 burst_1
	compare crowd faster 0.5 "16 senders and 16 receivers, one at a time" "1 and 1" crowd_16 crowd_1
}

# ---- commands and shells

spawn_ours()
{
	local n=$ONES
	fresh "$MEM/jobs" && seq "$n" | msend -l "$MEM/jobs" &&
		echo "$(wall_of sh -c "mrecv -j 2 -a $MEM/jobs -- true") $n"
}
spawn_c() { echo "$(wall_of "$B/spawn" "$ONES" true) $ONES"; }

# loop SHELL each|open -- a loop that sends and one that receives, with a process a message or with two for all.
loop()
{
	local n=$((ONES / 2))
	fresh "$MEM/loop" && echo "$(wall_of "$1" "$here/loop.sh" "$2" "$MEM/loop" "$n") $n"
}
bash_open() { loop bash open; }
bash_each() { loop bash each; }
dash_open() { loop dash open; }
dash_each() { loop dash each; }

shell_rows()
{
	compare spawn faster - "mrecv -j 2 -a box -- true" "posix_spawn loop in C" spawn_ours spawn_c
	PAIRS=3
	compare loop-bash faster - "bash loop, msend -l and mrecv kept open" "a process each" bash_open bash_each
	compare loop-dash faster - "dash loop, msend -l and mrecv kept open" "a process each" dash_open dash_each
	PAIRS=$ALL_PAIRS
}

# ---- links to engines

# LINKED messages of 100 bytes wait in a mailbox, or in the engine.  The windows are those of the tools: 1000 out, 500 in.
LINKED=$((40000 / SCALE))
LINKED_SSH=$((800000 / SCALE))

linked_box()
{
	[ -e "$MEM/linked" ] || yes "$(printf %0100d 0)" | head -n "$LINKED_SSH" >"$MEM/linked"
	fresh "$MEM/from" -b inf && head -n "$1" "$MEM/linked" | msend -l "$MEM/from"
}
rabbit() { "$BUILD/link/amqp" "$RABBIT" "$@"; }
rabbit_queue()
{
	rabbit delete bench-link >/dev/null 2>&1
	rabbit make bench-link x-queue-type=quorum
}
amqp_out()
{
	rabbit_queue && linked_box "$LINKED" && echo "$(wall_of -q sh -c \
		"mrecv -a -A -u $MEM/from -- $BUILD/link/link-amqp out amqp://127.0.0.1:$RABBIT/bench-link 2>/dev/null") $LINKED"
}
amqp_publish() { rabbit_queue && echo "$(wall_of "$BUILD/link/amqp" "$RABBIT" publish bench-link "$LINKED" 100 1000) $LINKED"; }
amqp_full() { rabbit_queue && rabbit publish bench-link "$LINKED" 100 1000; }
amqp_in()
{
	amqp_full && fresh "$MEM/to" -b inf && echo "$(wall_of -q sh -c \
		"$BUILD/link/link-amqp in amqp://127.0.0.1:$RABBIT/bench-link msend -F -u bench -A $MEM/to 2>/dev/null &
		mrecv -f -c $LINKED $MEM/to; kill \$!; wait") $LINKED"
}
amqp_consume() { amqp_full && echo "$(wall_of "$BUILD/link/amqp" "$RABBIT" consume bench-link "$LINKED" 500) $LINKED"; }
redis_out()
{
	linked_box "$LINKED" && echo "$(wall_of sh -c \
		"mrecv -a -A -j 20000 -u $MEM/from -- $BUILD/link/batches $BUILD/link/link-redis out redis://127.0.0.1:$REDIS_PORT/link") $LINKED"
}
redis_each()
{
	local n=$((LINKED / 4))
	echo "$(wall_of -q sh -c "head -n $n $MEM/linked | sed 's/^/XADD each * payload /' | redis-cli -p $REDIS_PORT") $n"
}
ssh_out()
{
	linked_box "$LINKED_SSH" && fresh "$MEM/to" -b inf && echo "$(PATH=$SSH:$PATH MBOX_LINK_SCOPE=bench wall_of sh -c \
		"mrecv -a -A -u $MEM/from -- $BUILD/link/link-ssh out ssh://far/$MEM/to 2>/dev/null") $LINKED_SSH"
}
ssh_pipe()
{
	linked_box "$LINKED_SSH" && fresh "$MEM/to" -b inf && echo "$(PATH=$SSH:$PATH wall_of sh -c \
		"mrecv -a -F $MEM/from | ssh far msend -F $MEM/to") $LINKED_SSH"
}
ssh_cat()
{
	linked_box "$LINKED_SSH" && mrecv -p -a -F -u "$MEM/from" >"$MEM/frames" && echo "$(PATH=$SSH:$PATH wall_of sh -c \
		"cat $MEM/frames | ssh far 'cat >/dev/null'") $LINKED_SSH"
}
once_frames() { linked_box "$LINKED_SSH" && mrecv -a -F -u "$MEM/from" >"$MEM/frames" && fresh "$MEM/to" -b inf; }
once_send() { once_frames && echo "$(wall_of sh -c "msend -F -u bench $MEM/to <$MEM/frames") $LINKED_SSH"; }
frames_send() { once_frames && echo "$(wall_of sh -c "msend -F $MEM/to <$MEM/frames") $LINKED_SSH"; }

link_rows()
{
	PAIRS=$((ALL_PAIRS > 5 ? 5 : ALL_PAIRS))
	if { wanted link-amqp-out || wanted link-amqp-in; } && [ -x "$BUILD/link/link-amqp" ]; then
		start_rabbit
		compare link-amqp-out faster 0.8 "mrecv -A box -- link-amqp out, a quorum queue" "librabbitmq, window 1000" amqp_out amqp_publish
		compare link-amqp-in faster 0.6 "link-amqp in, msend -u, mrecv" "librabbitmq, window 500" amqp_in amqp_consume
	fi
	wanted link-redis && start_redis
	compare link-redis faster 2 "mrecv -A box -- link-redis out" "redis-cli, an XADD each" redis_out redis_each
	if wanted link-ssh || wanted link-cat; then start_sshd; fi
	compare link-ssh faster 0.8 "mrecv -A box -- link-ssh out" "mrecv -F | ssh far msend -F" ssh_out ssh_pipe
	compare link-cat faster - "mrecv -A box -- link-ssh out" "cat | ssh far cat >/dev/null" ssh_out ssh_cat
	compare link-once faster 0.7 "msend -F -u, each frame once" "msend -F" once_send frames_send
	rm -rf "$MEM/from" "$MEM/to" "$MEM/frames" "$MEM/linked"
	PAIRS=$ALL_PAIRS
}

# ---- memory and system calls

# memory TOOL... -- the largest resident set, MiB, of one process.
memory() { kib_of -q "$@" | awk '{ printf "%.2f", $1 / 1024 }'; }
memory_msend() { fresh "$DISK/m" && memory msend "$DISK/m" <"$DISK/large"; }
memory_mrecv() { memory mrecv "$DISK/m"; fresh "$DISK/m"; msend "$DISK/m" <"$DISK/large"; }
memory_lines() { fresh "$MEM/m" -b inf && seq "$FEW" | memory msend -l "$MEM/m"; }
memory_follow() { memory mrecv -a "$MEM/m"; fresh "$MEM/m" -b inf; seq "$FEW" | msend -l "$MEM/m"; }
memory_mtee() { fresh "$MEM/m2" -b inf; mrecv -F -a "$MEM/m" | memory mtee "$MEM/m2"; seq "$FEW" | msend -l "$MEM/m"; }
memory_mcall()
{
	fresh "$MEM/call" && (mrecv -r "$MEM/call" -- cat & lap -q mcall "$MEM/call" hello; wait) |
		awk '{ printf "%.2f", $3 / 1024 }'
}
memory_mstat() { memory mstat "$MEM/m"; }

# calls WHAT TOOL... -- a line for the table: system calls of one run.
calls()
{
	local what=$1
	shift
	strace -c -o "$MEM/calls" "$@" >/dev/null </dev/null
	awk -v what="$what" '$NF == "total" { printf "%s\t%d\n", what, $(NF - 1) == "total" ? $3 : ($4 ~ /^[0-9]+$/ ? $4 : $3) }' \
		"$MEM/calls" >>"$OUT/calls.txt"
}

cost_rows()
{
	PAIRS=3
	if wanted memory-msend || wanted memory-mrecv; then
		make_large
	fi
	amount memory-msend 2 MiB "memory: msend, $((LARGE >> 20)) MiB payload" memory_msend
	amount memory-mrecv 2 MiB "memory: mrecv, $((LARGE >> 20)) MiB payload" memory_mrecv
	amount memory-lines 2 MiB "memory: msend -l" memory_lines
	amount memory-follow 2 MiB "memory: mrecv -a, $FEW waiting" memory_follow
	amount memory-mtee 2 MiB "memory: mtee" memory_mtee
	amount memory-mcall 2 MiB "memory: mcall" memory_mcall
	amount memory-mstat 2 MiB "memory: mstat" memory_mstat
	PAIRS=$ALL_PAIRS
	wanted calls || return 0
	fresh "$MEM/calls.box" && msend "$MEM/calls.box" first
	calls "msend box hello" msend "$MEM/calls.box" hello
	calls "mrecv box" mrecv "$MEM/calls.box"
	mrecv -a "$MEM/calls.box" >/dev/null
	calls "mrecv -n of an empty box" mrecv -n "$MEM/calls.box"
	calls "mstat box" mstat "$MEM/calls.box"
	calls "mkmbox box" mkmbox "$MEM/calls.new"
	calls "rmmbox box" rmmbox "$MEM/calls.new"
}

all_rows()
{
	ALL_PAIRS=$PAIRS
	one_rows
	stream_rows
	durable_rows
	compare latency dearer 5 "a line, msend -l to mrecv -f, all asleep" "FIFO between two processes" latency_tools latency_fifo
	compare latency-limit dearer - "two processes on the way, as many system calls" "FIFO between two processes" latency_relay latency_fifo
	large_rows
	crowd_rows
	shell_rows
	link_rows
	cost_rows
}
