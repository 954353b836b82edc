/* SPDX-License-Identifier: ISC */
/*
 * ping: how long a line takes that finds everybody asleep.
 *
 *     ping fifo PATH times                     through a FIFO, from one process to another
 *     ping tools times SENDER RECEIVER         into SENDER's standard input, out of RECEIVER's standard output;
 *                                              both are run by sh -c
 *     ping relay calls                         what a tool must do at least: read each line, make so many system calls
 *                                              (8 bytes written to a file in memory), and write it
 *
 * prints the median, in nanoseconds.  Lines are half a millisecond apart.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "peer.h"

enum { GAP_NS = 500000, LINE = 20 };

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
print_median(uint64_t *lap, long n)
{
	qsort(lap, (size_t)n, sizeof *lap, compare);
	printf("%llu\n", (unsigned long long)lap[n / 2]);
}

/* put -- write the time, as a line, after a gap. */
static void
put(int fd)
{
	char line[LINE + 1];

	nanosleep(&(struct timespec){ .tv_nsec = GAP_NS }, NULL);
	snprintf(line, sizeof line, "%019llu\n", (unsigned long long)now_ns());
	if (write(fd, line, LINE) != LINE)
		peer_die("write");
}

/* get -- read such a line.  Returns how old it is. */
static uint64_t
get(int fd)
{
	char line[LINE];
	uint64_t now;
	ssize_t got;

	for (size_t have = 0; have < LINE; have += (size_t)got)
		if ((got = read(fd, line + have, LINE - have)) <= 0)
			peer_die("read");
	now = now_ns();
	return now - strtoull(line, NULL, 10);
}

static int
through_fifo(const char *path, long n, uint64_t *lap)
{
	int fd;
	pid_t pid;

	peer_check(mkfifo(path, 0600), path);
	pid = peer_check(fork(), "fork");
	if (pid == 0) {
		fd = peer_check(open(path, O_WRONLY), path);
		for (long i = 0; i < n; i++)
			put(fd);
		exit(0);
	}
	fd = peer_check(open(path, O_RDONLY), path);
	for (long i = 0; i < n; i++)
		lap[i] = get(fd);
	unlink(path);
	print_median(lap, n);
	return peer_wait();
}

/* start -- run a command with one of its standard descriptors a pipe.  Returns the other end. */
static int
start(const char *command, int its, pid_t *pid)
{
	int ends[2];

	peer_check(pipe2(ends, O_CLOEXEC), "pipe");
	*pid = peer_check(fork(), "fork");
	if (*pid == 0) {
		dup2(ends[its], its);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[its]);
	return ends[1 - its];
}

static int
through_tools(long n, const char *sender, const char *receiver, uint64_t *lap)
{
	pid_t send_pid, receive_pid;
	int in = start(sender, 0, &send_pid), out = start(receiver, 1, &receive_pid);

	for (long i = 0; i < n; i++) {
		put(in);
		lap[i] = get(out);
	}
	print_median(lap, n);
	close(in);
	kill(receive_pid, SIGTERM);
	while (wait(NULL) != -1)
		;
	return 0;
}

static int
relay(long calls)
{
	int fd = peer_check(memfd_create("relay", 0), "memfd_create");
	char line[LINE];

	while (read(STDIN_FILENO, line, LINE) == LINE) {
		for (long i = 0; i < calls; i++)
			peer_check(pwrite(fd, line, 8, 0), "pwrite");
		peer_check(write(STDOUT_FILENO, line, LINE), "write");
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static uint64_t lap[1000000];

	if (argc == 3 && strcmp(argv[1], "relay") == 0)
		return relay(atol(argv[2]));

	if (argc == 4 && strcmp(argv[1], "fifo") == 0 && atol(argv[3]) > 0 && atol(argv[3]) < 1000000)
		return through_fifo(argv[2], atol(argv[3]), lap);
	if (argc == 5 && strcmp(argv[1], "tools") == 0 && atol(argv[2]) > 0 && atol(argv[2]) < 1000000)
		return through_tools(atol(argv[2]), argv[3], argv[4], lap);
	fprintf(stderr, "usage: ping fifo path times | ping tools times sender receiver | ping relay calls\n");
	return 64;
}
