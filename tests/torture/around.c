/* SPDX-License-Identifier: ISC */
/*
 * around: run a command in surroundings that it did not choose.
 *
 *     around HOW command [argument...]
 *
 * HOW is of letters:
 *     b        signals are blocked
 *     i        signals are ignored
 *     n        standard input, output and error are non-blocking
 *     0, 1, 2  that stream is closed
 *     s        standard output is a socket whose peer has left
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* SIGTERM is left alone: that is how the tests end what waits. */
static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGPIPE, SIGUSR1, SIGCHLD };

#define SIGNALS (sizeof signals / sizeof signals[0])

static void
block(void)
{
	sigset_t set;
	int s;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i]);
	for (s = SIGRTMIN; s <= SIGRTMAX; s++)
		sigaddset(&set, s);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void
ignore(void)
{
	for (size_t i = 0; i < SIGNALS; i++)
		signal(signals[i], SIG_IGN);
}

static void
make_nonblocking(void)
{
	for (int fd = 0; fd <= 2; fd++)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int
talk_to_nobody(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || dup2(pair[0], 1) < 0)
		return -1;
	close(pair[0]);
	return close(pair[1]);
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 64;
	for (const char *how = argv[1]; *how != '\0'; how++) {
		switch (*how) {
		case 'b': block(); break;
		case 'i': ignore(); break;
		case 'n': make_nonblocking(); break;
		case 's':
			if (talk_to_nobody() < 0)
				return 125;
			break;
		case '0': case '1': case '2': close(*how - '0'); break;
		case '-': break;
		default: return 64;
		}
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "around: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
