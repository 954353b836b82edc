#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# bats file_tags=servers
# What the tests of links stand on: servers that can be killed and go on, and a judge that sees what went wrong.

load ../helpers
load servers

setup_file()
{
	load ../helpers
	load servers
	servers_begin
}

teardown_file()
{
	servers_end
}

setup()
{
	common_setup
}

teardown()
{
	common_teardown
}

journey()
{
	"$BUILD/link/journey" "$@"
}

@test "the judge of a journey: all arrived as it was sent" {
	run journey check 7 300 < <(journey send 7 0 300)
	[ "$status" -eq 0 ]
	[ "$output" = "300 arrived: 0 lost, 0 twice, 0 out of order, 0 changed" ]
}

@test "the judge of a journey counts what is lost, came twice, out of order or changed" {
	for first in 0 30 20; do journey send 7 $first 10; done >messages
	journey send 7 25 1 >>messages
	journey send 7 26 1 | sed 's/ n=26/ n=27/' >>messages
	run journey check 7 40 <messages
	[ "$status" -eq 1 ]
	[[ $output = *'message 27 came with another '*'32 arrived: 10 lost, 2 twice, 10 out of order, 1 changed' ]]
}

@test "an sshd can be reached, killed, and reached again" {
	needs_server ssh ssh-keygen /usr/sbin/sshd
	sshd_start sshd
	[ "$(ssh -F "$SERVERS/sshd/config" far 'echo "$((6 * 7))"')" = 42 ]
	server_kill sshd
	run ! ssh -F "$SERVERS/sshd/config" far true
	server_again sshd
	PATH=$SERVERS/sshd/bin:$PATH ssh far true
	server_end sshd
}

@test "what a killed Redis had accepted is there when it runs again" {
	needs_server redis-server redis-cli
	redis_start redis
	[ "$(redis-cli -p "$(port_of redis)" incr number)" = 1 ]
	server_kill redis
	run ! redis-cli -p "$(port_of redis)" incr number
	server_again redis
	[ "$(redis-cli -p "$(port_of redis)" incr number)" = 2 ]
	server_end redis
}

@test "what a killed PostgreSQL had committed is there when it runs again" {
	needs_server psql
	sql() { psql -h 127.0.0.1 -p "$(port_of postgres)" -Atqc "$1"; }
	postgres_start postgres
	sql 'CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (42)'
	server_kill postgres
	run ! sql 'SELECT 1'
	server_again postgres
	[ "$(sql 'SELECT n FROM numbers')" = 42 ]
	server_end postgres
}

@test "a killed NATS server has its streams when it runs again" {
	needs_server nats-server
	nats_start nats
	nats_js nats STREAM.CREATE.jobs '{"name":"jobs","subjects":["jobs"],"storage":"file"}'
	server_kill nats
	run ! nats_js nats STREAM.INFO.jobs
	server_again nats
	nats_js nats STREAM.INFO.jobs
	run ! nats_js nats STREAM.INFO.none
	server_end nats
}

@test "a killed RabbitMQ has its queues when it runs again" {
	needs_server rabbitmq-server
	rabbitmq_start rabbit
	rabbitmq_queue rabbit jobs
	server_kill rabbit
	server_again rabbit
	rabbitmq_ctl rabbit list_queues name | grep jobs
	server_end rabbit
}

# bats test_tags=long
@test "three NATS servers are one cluster" {
	needs_server nats-server
	nats_cluster nats1 nats2 nats3
	until_server nats_js nats1 STREAM.CREATE.jobs '{"name":"jobs","subjects":["jobs"],"storage":"file","num_replicas":3}'
	server_kill nats1
	until_server nats_js nats2 STREAM.INFO.jobs
	server_again nats1
	until_server nats_js nats1 STREAM.INFO.jobs
	for name in nats1 nats2 nats3; do server_end $name; done
}

# bats test_tags=long
@test "three RabbitMQ nodes are one cluster" {
	needs_server rabbitmq-server
	rabbitmq_cluster rabbit1 rabbit2 rabbit3
	rabbitmq_queue rabbit1 jobs
	server_kill rabbit1
	until_server rabbitmq_ctl rabbit2 list_queues name
	[[ $(rabbitmq_ctl rabbit2 list_queues name members) = *rabbit1*rabbit2*rabbit3* || -n $(rabbitmq_ctl rabbit3 list_queues name) ]]
	server_again rabbit1
	until_server rabbitmq_ctl rabbit1 await_online_nodes 3
	for name in rabbit1 rabbit2 rabbit3; do server_end $name; done
}
