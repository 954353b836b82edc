/* SPDX-License-Identifier: ISC */
/*
 * zmq: ZeroMQ PUSH and PULL over ipc://, one I/O thread each.
 *
 *     zmq socket-path messages bytes
 *
 * As its guide has it for throughput, and its own perf/local_thr does: messages are queued without waiting for each
 * other, and the library sends them on in batches.  The high-water mark is 100,000 on both sides: the default of 1,000
 * makes the two ends wait for each other.
 */
#include <signal.h>
#include <zmq.h>

#include "peer.h"

static struct peer peer;
static char address[256];

static void *
open_socket(int type, int option)
{
	void *s = zmq_socket(zmq_ctx_new(), type);
	int mark = 100000, all = -1;

	if (s == NULL || zmq_setsockopt(s, option, &mark, sizeof mark) == -1
	    || zmq_setsockopt(s, ZMQ_LINGER, &all, sizeof all) == -1)
		peer_die("zmq_socket");
	return s;
}

static void
push(struct peer *p)
{
	void *s = open_socket(ZMQ_PUSH, ZMQ_SNDHWM);

	peer_check(zmq_connect(s, address), "zmq_connect");
	for (long i = 0; i < p->n; i++)
		peer_check(zmq_send(s, p->data, p->size, 0), "zmq_send");
	zmq_close(s);
	/* the parent has them all when it exits: no need to wait for the context */
	pause();
}

int
main(int argc, char **argv)
{
	void *s;
	zmq_msg_t m;

	peer_arguments(&peer, argc, argv, 2);
	snprintf(address, sizeof address, "ipc://%s", argv[1]);
	/* no context before the fork: its threads would not come along */
	pid_t pid = fork();
	peer_check(pid, "fork");
	if (pid == 0) {
		push(&peer);
		return 0;
	}
	s = open_socket(ZMQ_PULL, ZMQ_RCVHWM);
	peer_check(zmq_bind(s, address), "zmq_bind");
	zmq_msg_init(&m);
	for (long i = 0; i < peer.n; i++)
		peer_check(zmq_msg_recv(&m, s, 0), "zmq_msg_recv");
	kill(pid, SIGTERM);
	return 0;
}
