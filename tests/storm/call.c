/* SPDX-License-Identifier: ISC */
/* call: the drivers of callers and of servers: mcall, and mrecv -r. */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 200 * 1000, ANSWER_MAX = 4096 };

/* make_request -- the bytes of a request.  Returns how many. */
static size_t
make_request(char *out, unsigned call, uint64_t key)
{
	size_t n = (size_t)snprintf(out, 64, "%u %u\n", driver, call), more = key % 97 == 0 ? key % 150000 : key % 400;

	fill(out + n, more, 0, key);
	return n + more;
}

/* make_answer -- the bytes of its answer (command.c). */
static size_t
make_answer(char *out, unsigned call, uint64_t key, const char *request, size_t len)
{
	uint64_t sum = 0;
	size_t n;

	for (size_t i = 0; i < len; i++)
		sum = mix(sum ^ (unsigned char)request[i]);
	n = (size_t)snprintf(out, 64, "%u %u %016llx\n", driver, call, (unsigned long long)sum);
	for (unsigned i = 0; i < key % 3000; i++)
		out[n++] = (char)('a' + (int)((key + i) % 26));
	return n;
}

/* give -- write a request to mcall, as far as it takes it. */
static void
give(int fd, const char *p, size_t n)
{
	ssize_t put;

	while (n > 0 && ((put = write(fd, p, n)) > 0 || errno == EINTR)) {
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	close(fd);
}

/* take -- read what mcall writes, to its end.  Returns how much, at most max. */
static size_t
take(int fd, char *p, size_t max)
{
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, p + have, max - have)) > 0 || (n == -1 && errno == EINTR))
		have += n > 0 ? (size_t)n : 0;
	close(fd);
	return have;
}

/* call_once -- one call, and what came of it. */
static void
call_once(unsigned call)
{
	static char request[REQUEST_MAX], must[ANSWER_MAX], got[ANSWER_MAX];
	const char *const argv[] = { "mcall", "-w60", set.desk, NULL };
	uint64_t key = call_key(set.seed, driver, call);
	size_t len = make_request(request, call, key), must_len = make_answer(must, call, key, request, len), got_len;
	int in[2], out[2], status;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(argv, in[0], out[1], in[1]);
	close(in[0]);
	close(out[1]);
	give(in[1], request, len);
	got_len = take(out[0], got, sizeof got);
	status = finish(pid);
	if (status == -1)
		return;
	if (status == 125 && set.kill_ms > 0 && got_len == 0) {
		__atomic_add_fetch(&shared->deaths, 1, __ATOMIC_RELAXED);
		return;
	}
	if (status != answer_status(key))
		wrong(FAULTS_OTHER, "call %u: status %d, not %d", call, status, answer_status(key));
	else if (got_len != must_len || memcmp(got, must, got_len) != 0)
		wrong(TORN, "call %u: not its answer: %.*s", call, (int)(got_len < 60 ? got_len : 60), got);
	__atomic_add_fetch(&shared->answers, 1, __ATOMIC_RELAXED);
}

void
call_all(void)
{
	for (unsigned call = 0; call < set.calls; call++)
		call_once(call);
}

void
serve_all(void)
{
	char seed[32];
	const char *const argv[] = { "mrecv", "-fr", "-j3", "-w2", set.desk, "--", set.self, "-A", seed, NULL };
	bool called;
	int status;

	snprintf(seed, sizeof seed, "%llu", (unsigned long long)set.seed);
	do {
		called = shared->called;
		status = finish(start(argv, -1, -1, -1));
		if (status > 0 && status != 124 && status != 75 && status != 3 && !(set.zero && status == 65))
			wrong(FAULTS_OTHER, "mrecv -r: status %d", status);
	} while (!called || status == -1);
}
