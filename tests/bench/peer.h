/* SPDX-License-Identifier: ISC */
/* peer: what the drivers of all peers share: N messages of SIZE bytes from a child to its parent. */
#ifndef PEER_H
#define PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEER_SIZE_MAX = 1 << 20 };

struct peer {
	long n;
	size_t size;
	char data[PEER_SIZE_MAX];
};

/* peer_die -- say what failed, and end. */
static inline void
peer_die(const char *what)
{
	perror(what);
	exit(1);
}

/* peer_check -- end unless a call that returns -1 on failure succeeded. */
static inline int
peer_check(int r, const char *what)
{
	if (r == -1)
		peer_die(what);
	return r;
}

/* peer_arguments -- N and SIZE from the two arguments from index on. */
static inline void
peer_arguments(struct peer *p, int argc, char **argv, int index)
{
	if (argc < index + 2 || (p->n = atol(argv[index])) < 1 || (p->size = (size_t)atol(argv[index + 1])) < 1
	    || p->size > sizeof p->data) {
		fprintf(stderr, "usage: %s ... messages bytes\n", argv[0]);
		exit(64);
	}
	memset(p->data, 'x', p->size);
}

/* peer_fork -- run send in a child. */
static inline void
peer_fork(void (*send)(struct peer *), struct peer *p)
{
	pid_t pid = fork();

	peer_check(pid, "fork");
	if (pid == 0) {
		send(p);
		exit(0);
	}
}

/* peer_wait -- the exit status for main: whether the child succeeded. */
static inline int
peer_wait(void)
{
	int status;

	if (wait(&status) == -1)
		peer_die("wait");
	return status != 0;
}

#endif
