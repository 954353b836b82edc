/* SPDX-License-Identifier: ISC */
/*
 * costs: what this machine takes for the things that all figures are made of, a line in all.
 *
 * A system call: getppid(2).  A page fault: the first write to a page of an anonymous mapping.  A process: posix_spawn(3)
 * of /bin/true, and its end.  A wake-up: a byte through a pipe to a process that sleeps on it, half of there and back.
 * A sync: one block written to a file in the folder that is named, and fdatasync(2).  Medians of ROUNDS.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "peer.h"

enum { ROUNDS = 9, CALLS = 20000, PAGES = 2048, PAGE = 4096, SPAWNS = 20, TURNS = 2000, SYNCS = 20 };

extern char **environ;
static const char *folder;
static int there[2], back[2];

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
calls(void)
{
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

static void
faults(void)
{
	char *p = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		peer_die("mmap");
	madvise(p, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < PAGES; i++)
		((volatile char *)p)[(size_t)i * PAGE] = 1;
	munmap(p, (size_t)PAGES * PAGE);
}

static void
spawns(void)
{
	char *const argv[] = { "true", NULL };
	pid_t pid;

	for (int i = 0; i < SPAWNS; i++)
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0 || waitpid(pid, NULL, 0) != pid)
			peer_die("/bin/true");
}

static void
answer(struct peer *p)
{
	close(there[1]);
	while (read(there[0], p->data, 1) == 1)
		if (write(back[1], p->data, 1) != 1)
			return;
}

static void
wakes(void)
{
	char byte = 'x';

	for (int i = 0; i < TURNS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			peer_die("pipe");
}

static void
syncs(void)
{
	static char block[PAGE], name[4096];
	int fd;

	snprintf(name, sizeof name, "%s/costs", folder);
	fd = peer_check(open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600), name);
	for (int i = 0; i < SYNCS; i++)
		if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) == -1)
			peer_die(name);
	close(fd);
	unlink(name);
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
print(const char *what, void (*run)(void), int n, double unit, const char *name, const char *end)
{
	double lap[ROUNDS], began;

	for (int i = 0; i < ROUNDS; i++) {
		began = now_ns();
		run();
		lap[i] = (now_ns() - began) / n;
	}
	qsort(lap, ROUNDS, sizeof *lap, compare);
	printf("%s %.2f %s%s", what, lap[ROUNDS / 2] / unit, name, end);
}

int
main(int argc, char **argv)
{
	static struct peer peer;

	if (argc != 2)
		return 64;
	folder = argv[1];
	print("a system call", calls, CALLS, 1e3, "us", ", ");
	print("a page fault", faults, PAGES, 1e3, "us", ", ");
	print("a process", spawns, SPAWNS, 1e6, "ms", ", ");
	peer_check(pipe(there), "pipe");
	peer_check(pipe(back), "pipe");
	fflush(stdout);
	peer_fork(answer, &peer);
	print("a wake-up", wakes, 2 * TURNS, 1e3, "us", ", ");
	close(there[1]);
	print("a sync of the disk", syncs, SYNCS, 1e3, "us", "\n");
	return peer_wait();
}
