/* SPDX-License-Identifier: ISC */
/*
 * durable: senders beside each other, each with one message after another, which is on the disk before the next.
 *
 *     durable file|sqlite|beanstalk where senders messages bytes
 *
 * file: a file a message in the folder `where', written and synced.  sqlite: a row a message, each a transaction, in the
 * database `where' (WAL, synchronous=FULL).  beanstalk: put, and its answer, over the unix socket `where'.
 * messages: of each sender.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "peer.h"

static const char *where;

static void
send_files(struct peer *p)
{
	char name[64];
	int at = peer_check(open(where, O_RDONLY | O_DIRECTORY), where), fd;

	for (long i = 0; i < p->n; i++) {
		snprintf(name, sizeof name, "%d.%ld", (int)getpid(), i);
		fd = peer_check(openat(at, name, O_CREAT | O_EXCL | O_WRONLY, 0600), name);
		if (write(fd, p->data, p->size) != (ssize_t)p->size || fsync(fd) == -1)
			peer_die(name);
		close(fd);
	}
}

/* query -- end unless it succeeds. */
static void
query(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
}

static sqlite3 *
open_database(void)
{
	sqlite3 *db;

	if (sqlite3_open(where, &db) != SQLITE_OK)
		peer_die(where);
	sqlite3_busy_timeout(db, 60000);
	query(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS q (id INTEGER PRIMARY KEY, m BLOB)");
	return db;
}

static void
send_rows(struct peer *p)
{
	sqlite3 *db = open_database();
	sqlite3_stmt *insert;

	if (sqlite3_prepare_v2(db, "INSERT INTO q (m) VALUES (?)", -1, &insert, NULL) != SQLITE_OK)
		peer_die("prepare");
	for (long i = 0; i < p->n; i++) {
		sqlite3_bind_blob(insert, 1, p->data, (int)p->size, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE) {
			fprintf(stderr, "insert: %s\n", sqlite3_errmsg(db));
			exit(1);
		}
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	sqlite3_close(db);
}

static void
send_jobs(struct peer *p)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int s = peer_check(socket(AF_UNIX, SOCK_STREAM, 0), "socket"), len;
	char *job = malloc(p->size + 64), answer[64];

	snprintf(to.sun_path, sizeof to.sun_path, "%s", where);
	peer_check(connect(s, (struct sockaddr *)&to, sizeof to), where);
	len = sprintf(job, "put 0 0 60 %zu\r\n%.*s\r\n", p->size, (int)p->size, p->data);
	for (long i = 0; i < p->n; i++)
		if (write(s, job, (size_t)len) != len || read(s, answer, sizeof answer) < 8 || memcmp(answer, "INSERTED", 8) != 0)
			peer_die("put");
}

int
main(int argc, char **argv)
{
	static struct peer peer;
	const char *kind = argc > 3 ? argv[1] : "";
	int r = 0;

	if (argc < 6)
		return 64;
	where = argv[2];
	peer_arguments(&peer, argc, argv, 4);
	if (strcmp(kind, "sqlite") == 0)
		sqlite3_close(open_database());
	for (long i = atol(argv[3]); i > 0; i--)
		peer_fork(strcmp(kind, "file") == 0 ? send_files : strcmp(kind, "sqlite") == 0 ? send_rows : send_jobs, &peer);
	for (long i = atol(argv[3]); i > 0; i--)
		r |= peer_wait();
	return r;
}
