/* SPDX-License-Identifier: ISC */
/*
 * nng: nng PUSH and PULL over ipc://.
 *
 *     nng socket-path messages bytes
 *
 * Send buffer of 8,192 messages, the most it takes; messages of the library's own, which it need not copy.
 */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <signal.h>

#include "peer.h"

static struct peer peer;
static char address[256];

static void
check(int r, const char *what)
{
	if (r != 0) {
		fprintf(stderr, "%s: %s\n", what, nng_strerror(r));
		exit(1);
	}
}

static void
push(struct peer *p)
{
	nng_socket s;
	nng_msg *m;

	check(nng_push0_open(&s), "nng_push0_open");
	nng_socket_set_int(s, NNG_OPT_SENDBUF, 8192);
	while (nng_dial(s, address, NULL, 0) != 0)
		;
	for (long i = 0; i < p->n; i++) {
		check(nng_msg_alloc(&m, p->size), "nng_msg_alloc");
		memcpy(nng_msg_body(m), p->data, p->size);
		check(nng_sendmsg(s, m, 0), "nng_sendmsg");
	}
	/* the parent ends us when it has them all */
	pause();
}

int
main(int argc, char **argv)
{
	nng_socket s;
	nng_msg *m;
	pid_t pid;

	peer_arguments(&peer, argc, argv, 2);
	snprintf(address, sizeof address, "ipc://%s", argv[1]);
	pid = peer_check(fork(), "fork");
	if (pid == 0) {
		push(&peer);
		return 0;
	}
	check(nng_pull0_open(&s), "nng_pull0_open");
	nng_socket_set_int(s, NNG_OPT_RECVBUF, 8192);
	check(nng_listen(s, address, NULL, 0), "nng_listen");
	for (long i = 0; i < peer.n; i++) {
		check(nng_recvmsg(s, &m, 0), "nng_recvmsg");
		nng_msg_free(m);
	}
	kill(pid, SIGTERM);
	return 0;
}
