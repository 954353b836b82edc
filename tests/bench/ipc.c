/* SPDX-License-Identifier: ISC */
/*
 * ipc: what the kernel itself offers, used at its best.
 *
 *     ipc pipe|mq|sysv messages bytes
 *
 * pipe: a write(2) each, as a program that must not lose its last message does; the reader takes 64 KiB at a time.
 * mq: mq_send and mq_receive, with the longest queue that an unprivileged process may have (10 messages, or what
 * /proc/sys/fs/mqueue/msg_default says).  sysv: msgsnd and msgrcv, queue of the system's default size.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "peer.h"

static struct peer peer;

static int ends[2];
static mqd_t queue;
static int sysv;
static struct { long type; char data[PEER_SIZE_MAX]; } letter;

static void
pipe_send(struct peer *p)
{
	close(ends[0]);
	for (long i = 0; i < p->n; i++)
		if (write(ends[1], p->data, p->size) != (ssize_t)p->size)
			peer_die("write");
}

static void
pipe_receive(struct peer *p)
{
	static char buf[65536];
	size_t left = (size_t)p->n * p->size;
	ssize_t got;

	close(ends[1]);
	for (; left > 0; left -= (size_t)got)
		if ((got = read(ends[0], buf, sizeof buf)) <= 0)
			peer_die("read");
}

static void
mq_sender(struct peer *p)
{
	for (long i = 0; i < p->n; i++)
		peer_check(mq_send(queue, p->data, p->size, 0), "mq_send");
}

static void
mq_receiver(struct peer *p)
{
	for (long i = 0; i < p->n; i++)
		if (mq_receive(queue, p->data, p->size, NULL) == -1)
			peer_die("mq_receive");
}

static void
sysv_send(struct peer *p)
{
	letter.type = 1;
	memcpy(letter.data, p->data, p->size);
	for (long i = 0; i < p->n; i++)
		peer_check(msgsnd(sysv, &letter, p->size, 0), "msgsnd");
}

static void
sysv_receive(struct peer *p)
{
	for (long i = 0; i < p->n; i++)
		if (msgrcv(sysv, &letter, p->size, 0, 0) == -1)
			peer_die("msgrcv");
}

int
main(int argc, char **argv)
{
	char name[32];
	struct mq_attr attr = { .mq_maxmsg = 10 };
	int status;

	peer_arguments(&peer, argc, argv, 2);
	if (strcmp(argv[1], "pipe") == 0) {
		peer_check(pipe(ends), "pipe");
		peer_fork(pipe_send, &peer);
		pipe_receive(&peer);
		return peer_wait();
	}
	if (strcmp(argv[1], "mq") == 0) {
		snprintf(name, sizeof name, "/bench.%ld", (long)getpid());
		attr.mq_msgsize = (long)peer.size;
		queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
		peer_check(queue, "mq_open");
		mq_unlink(name);
		peer_fork(mq_sender, &peer);
		mq_receiver(&peer);
		return peer_wait();
	}
	sysv = peer_check(msgget(IPC_PRIVATE, 0600), "msgget");
	peer_fork(sysv_send, &peer);
	sysv_receive(&peer);
	status = peer_wait();
	msgctl(sysv, IPC_RMID, NULL);
	return status;
}
