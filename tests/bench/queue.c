/* SPDX-License-Identifier: ISC */
/*
 * queue: Redis and beanstalkd, many commands in flight.
 *
 *     queue redis|redis-many|beanstalk socket messages bytes
 *
 * redis: RPUSH a message each, pipelined 64 KiB at a time as its page on pipelining has it, by one client; LPOP of
 * up to 1,000 at a time by another.  redis-many: 1,000 messages in one RPUSH, which is no longer a message a command.
 * beanstalk: put by one client, 64 KiB of commands at a time; reserve and delete by another, 200 at a time.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <poll.h>

#include "peer.h"

enum { CHUNK = 65536, MANY = 1000, AT_ONCE = 200 };

static struct peer peer;
static const char *path, *kind;

static int
dial(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int s = peer_check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	peer_check(connect(s, (struct sockaddr *)&to, sizeof to), path);
	return s;
}

/* exchange -- write all of out, taking in answers meanwhile.  Counts those lines that begin with first.  */
static long
exchange(int s, const char *out, size_t len, char first)
{
	static char buf[CHUNK], last = '\n';
	struct pollfd p = { .fd = s };
	long n = 0;
	ssize_t r;

	do {
		p.events = (short)(len > 0 ? POLLIN | POLLOUT : POLLIN);
		peer_check(poll(&p, 1, -1), "poll");
		if (p.revents & POLLIN) {
			r = recv(s, buf, sizeof buf, 0);
			if (r <= 0)
				peer_die("recv");
			for (ssize_t i = 0; i < r; last = buf[i++])
				n += last == '\n' && buf[i] == first;
		}
		if (p.revents & POLLOUT) {
			r = send(s, out, len, MSG_DONTWAIT);
			if (r > 0) {
				out += r;
				len -= (size_t)r;
			}
		}
	} while (len > 0);
	return n;
}

/* fill -- as many commands as fit, of at most n messages.  Returns the bytes; sent: gets the messages. */
static size_t
fill(char *out, long n, long *sent)
{
	size_t used = 0;
	long many;

	for (*sent = 0; *sent < n && used + MANY * 8 + 2 * peer.size < CHUNK; *sent += many) {
		many = 1;
		if (strcmp(kind, "beanstalk") == 0) {
			used += (size_t)sprintf(out + used, "put 0 0 60 %zu\r\n%.*s\r\n", peer.size, (int)peer.size, peer.data);
			continue;
		}
		if (strcmp(kind, "redis-many") == 0)
			many = n - *sent < MANY ? n - *sent : MANY;
		if (many > 1 && used > 0)
			break;
		used += (size_t)sprintf(out + used, "*%ld\r\n$5\r\nRPUSH\r\n$1\r\nq\r\n", many + 2);
		for (long i = 0; i < many; i++)
			used += (size_t)sprintf(out + used, "$%zu\r\n%.*s\r\n", peer.size, (int)peer.size, peer.data);
	}
	return used;
}

static void
produce(struct peer *p)
{
	char *out = malloc(CHUNK + MANY * (2 * p->size + 16));
	long left = p->n, sent, open = 0;
	char first = strcmp(kind, "beanstalk") == 0 ? 'I' : ':';
	int s = dial();
	size_t len;

	for (; left > 0; left -= sent) {
		len = fill(out, left, &sent);
		open += strcmp(kind, "redis-many") == 0 ? 1 : sent;
		open -= exchange(s, out, len, first);
	}
	while (open > 0)
		open -= exchange(s, NULL, 0, first);
}

static void
consume_redis(struct peer *p)
{
	static const char pop[] = "*3\r\n$4\r\nLPOP\r\n$1\r\nq\r\n$4\r\n1000\r\n";
	int s = dial();

	/* each message is a line of its own, of x's: an empty queue answers with none */
	for (long left = p->n; left > 0; )
		left -= exchange(s, pop, sizeof pop - 1, 'x');
}

static void
consume_beanstalk(struct peer *p)
{
	static char out[AT_ONCE * 40], in[CHUNK];
	int s = dial();
	FILE *f = fdopen(s, "r");
	unsigned long id;
	size_t used;

	setvbuf(f, in, _IOFBF, sizeof in);
	for (long left = p->n, now; left > 0; left -= now) {
		char line[256], *body = malloc(p->size + 2);

		now = left < AT_ONCE ? left : AT_ONCE;
		for (used = 0; used < (size_t)now * 9; used += 9)
			memcpy(out + used, "reserve\r\n", 9);
		if (write(s, out, used) != (ssize_t)used)
			peer_die("write");
		used = 0;
		for (long i = 0; i < now; i++) {
			if (fgets(line, sizeof line, f) == NULL || sscanf(line, "RESERVED %lu", &id) != 1
			    || fread(body, 1, p->size + 2, f) != p->size + 2)
				peer_die("reserve");
			used += (size_t)sprintf(out + used, "delete %lu\r\n", id);
		}
		if (write(s, out, used) != (ssize_t)used)
			peer_die("write");
		for (long i = 0; i < now; i++)
			if (fgets(line, sizeof line, f) == NULL)
				peer_die("delete");
		free(body);
	}
}

int
main(int argc, char **argv)
{
	kind = argv[1];
	path = argv[2];
	peer_arguments(&peer, argc, argv, 3);
	peer_fork(produce, &peer);
	if (strcmp(kind, "beanstalk") == 0)
		consume_beanstalk(&peer);
	else
		consume_redis(&peer);
	return peer_wait();
}
