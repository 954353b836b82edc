/* SPDX-License-Identifier: ISC */
/*
 * nano: nanomsg PUSH and PULL over ipc://.
 *
 *     nano socket-path messages bytes
 *
 * Buffers of 1 MiB on both sides; messages in memory of the library (NN_MSG), which it then need not copy.
 */
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <signal.h>

#include "peer.h"

static struct peer peer;
static char address[256];

static int
open_socket(int type, int option)
{
	int s = peer_check(nn_socket(AF_SP, type), "nn_socket"), size = 1 << 20;

	peer_check(nn_setsockopt(s, NN_SOL_SOCKET, option, &size, sizeof size), "nn_setsockopt");
	return s;
}

static void
push(struct peer *p)
{
	int s = open_socket(NN_PUSH, NN_SNDBUF);
	void *m;

	peer_check(nn_connect(s, address), "nn_connect");
	for (long i = 0; i < p->n; i++) {
		m = nn_allocmsg(p->size, 0);
		memcpy(m, p->data, p->size);
		peer_check(nn_send(s, &m, NN_MSG, 0), "nn_send");
	}
	/* the parent ends us when it has them all */
	pause();
}

int
main(int argc, char **argv)
{
	pid_t pid;
	void *m;
	int s;

	peer_arguments(&peer, argc, argv, 2);
	snprintf(address, sizeof address, "ipc://%s", argv[1]);
	pid = peer_check(fork(), "fork");
	if (pid == 0) {
		push(&peer);
		return 0;
	}
	s = open_socket(NN_PULL, NN_RCVBUF);
	peer_check(nn_bind(s, address), "nn_bind");
	for (long i = 0; i < peer.n; i++) {
		peer_check(nn_recv(s, &m, NN_MSG, 0), "nn_recv");
		nn_freemsg(m);
	}
	kill(pid, SIGTERM);
	return 0;
}
