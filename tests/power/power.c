/* SPDX-License-Identifier: ISC */
/*
 * power: cut the power at each moment of a run that strace(1) has recorded, and see what letterbox makes of the disk.
 *
 *     power TRACE ROOT WORK MAILBOX STATES SEED
 *
 * TRACE: strace -f -y -xx of a script that ran in ROOT and wrote to the file `marks` there: "acked NAME..." when a sender
 * had success, "may NAME..." before a receiver could take them, "made" when the mailbox was.  For each call that changes
 * something, STATES disk states are rebuilt in WORK in which the power went just after it: what was synced is there; of
 * every other write each sector of 512 bytes may be there, as any later or earlier write left it, or hold what stood on
 * the disk before; every other change of a directory may be there or not.  The first four are the extremes.
 * Then the real tools receive, send and receive again.  A message NAME is "NAME." or, where it is large, "NAME:" and
 * what large() puts behind it; so each line received is known to be whole.  MAILBOX with a + is durable: what was acked
 * is there, unless it may have been received.  Prints how many states were tried; exits 1 where one went wrong.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPS = 20000, NODES = 2000, PATH = 512, SECTOR = 512, LINE = 4 << 20, PIDS = 64, LARGE = 90000 };

enum kind { MAKE, MAKE_DIR, MAKE_FIFO, WRITE, RENAME, UNLINK, SYNC, MARK };

struct op {
	enum kind kind;
	int node;                       /* file; SYNC of a directory: -1 */
	char path[PATH], to[PATH];      /* relative to ROOT; SYNC: of the directory */
	uint64_t off, len;
	char *data;                     /* WRITE, MARK */
	int began;                      /* SYNC: covers the ops before this one */
	int durable;                    /* the SYNC that covers it; OPS none */
};

static struct op *ops;
static int ops_n, nodes_n;
static char live[NODES][PATH];          /* the name of each file as the run goes; "" none */
static const char *root, *work, *box;
static bool durable;
static uint64_t rng;
static long tried, failures;

static uint64_t
draw(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

/* ---- the trace ---- */

/* unhex -- "\xHH..." up to the byte `end`, into out.  Returns the bytes. */
static size_t
unhex(const char *p, char end, char *out, size_t room)
{
	size_t n = 0;
	unsigned byte;

	for (; *p != end && *p != '\0'; p++) {
		if (p[0] == '\\' && p[1] == 'x' && sscanf(p + 2, "%2x", &byte) == 1) {
			p += 3;
			if (n < room)
				out[n++] = (char)byte;
		}
	}
	if (n < room)
		out[n] = '\0';
	return n;
}

/* inside -- path without ROOT in front; NULL for another. */
static const char *
inside(const char *path)
{
	size_t n = strlen(root);

	return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n + (path[n] == '/') : NULL;
}

/*
 * path_of -- the nth descriptor among the arguments, as a path relative to ROOT; named: with the name behind it, in that
 * directory.  Returns false where it is elsewhere.
 */
static bool
path_of(const char *args, int nth, bool named, char *out)
{
	char dir[PATH] = "", name[PATH] = "";
	const char *p = args;

	for (; *p != '\0' && *p != '='; p++) {
		if (*p == '<' && nth-- == 0) {
			unhex(p + 1, '>', dir, sizeof dir);
			p = strchr(p, '>');
			if (p == NULL)
				return false;
			if (named && strncmp(p, ">, \"", 4) == 0)
				unhex(p + 4, '"', name, sizeof name);
			break;
		}
		if (*p == '"')
			for (p++; *p != '"' && *p != '\0'; p++)
				;
	}
	if (inside(dir) == NULL)
		return false;
	snprintf(out, PATH, "%.250s%s%.250s", inside(dir), name[0] && inside(dir)[0] ? "/" : "", name);
	return true;
}

static int
node_of(const char *path)
{
	for (int i = nodes_n - 1; i >= 0; i--)
		if (live[i][0] != '\0' && strcmp(live[i], path) == 0)
			return i;
	return -1;
}

static struct op *
add(enum kind kind, const char *path, int node)
{
	struct op *o = &ops[ops_n++];

	*o = (struct op){ .kind = kind, .node = node, .durable = OPS };
	snprintf(o->path, PATH, "%s", path);
	return o;
}

static void
take_write(const char *args, const char *path, bool at)
{
	const char *data = strchr(args, '"');
	struct op *o;
	int node = node_of(path);
	char *buf;
	size_t n;

	if (data == NULL || (strcmp(path, "marks") != 0 && node == -1))
		return;
	buf = malloc(strlen(data) / 4 + 1);
	n = unhex(data + 1, '"', buf, strlen(data) / 4);
	o = add(strcmp(path, "marks") == 0 ? MARK : WRITE, path, node);
	buf[n] = '\0';
	o->data = buf;
	o->len = n;
	if (at)
		o->off = strtoull(strrchr(args, ',') + 1, NULL, 10);
	/* without a place: behind what was written before, as who copies a file does */
	for (const struct op *before = ops; !at && before < o; before++)
		if (before->kind == WRITE && before->node == node)
			o->off += before->len;
}

static void
take_make(enum kind kind, const char *path)
{
	if (node_of(path) != -1 || strcmp(path, "marks") == 0)
		return;
	snprintf(live[nodes_n], PATH, "%s", path);
	add(kind, path, nodes_n++);
}

/* take -- one call that has succeeded.  began: the op that was next when it was called. */
static void
take(const char *name, const char *args, int began)
{
	char path[PATH], to[PATH];
	int node;
	struct op *o;

	if (strcmp(name, "mkdir") == 0) {
		unhex(strchr(args, '"') + 1, '"', path, sizeof path);
		add(MAKE_DIR, path, -1);
		return;
	}
	/* what is written is no name */
	if (!path_of(args, 0, strchr("pwf", name[0]) == NULL, path))
		return;
	if (strcmp(name, "openat") == 0 && strstr(args, "O_CREAT") != NULL) {
		take_make(MAKE, path);
	} else if (strcmp(name, "mknodat") == 0) {
		take_make(MAKE_FIFO, path);
	} else if (strcmp(name, "pwrite64") == 0 || strcmp(name, "write") == 0) {
		take_write(args, path, name[0] == 'p');
	} else if (strcmp(name, "renameat") == 0 && path_of(args, 1, true, to) && (node = node_of(path)) != -1) {
		if (node_of(to) != -1)
			live[node_of(to)][0] = '\0';
		o = add(RENAME, path, node);
		snprintf(o->to, PATH, "%s", to);
		snprintf(live[node], PATH, "%s", to);
	} else if (strcmp(name, "unlinkat") == 0 && (node = node_of(path)) != -1) {
		add(UNLINK, path, node);
		live[node][0] = '\0';
	} else if (strcmp(name, "fsync") == 0 || strcmp(name, "fdatasync") == 0) {
		add(SYNC, path, node_of(path))->began = began;
	}
}

/* result_of -- where the arguments end, of a call that has succeeded; NULL for another. */
static const char *
result_of(const char *text)
{
	const char *p = strrchr(text, '='), *end;

	/* what is returned may have a path behind it, but no "= " */
	if (p == NULL || p[1] != ' ' || p[2] == '-')
		return NULL;
	for (end = p - 1; end > text && *end == ' '; end--)
		;
	return *end == ')' ? end : NULL;
}

static void
read_trace(const char *file)
{
	static char line[LINE], pending[PIDS][LINE / 8];
	static int pids[PIDS], began[PIDS];
	FILE *f = fopen(file, "r");
	char name[32];
	const char *args, *ret;
	int pid, slot, start;

	while (f != NULL && fgets(line, sizeof line, f) != NULL && ops_n < OPS - 1) {
		char *text = line + strspn(line, "0123456789");
		pid = atoi(line);
		text += strspn(text, " ");
		start = ops_n;
		for (slot = 0; slot < PIDS && pids[slot] != pid && pids[slot] != 0; slot++)
			;
		if (slot == PIDS)
			continue;
		pids[slot] = pid;
		if (strstr(text, "<unfinished") != NULL) {
			*strstr(text, "<unfinished") = '\0';
			snprintf(pending[slot], sizeof pending[slot], "%s", text);
			began[slot] = ops_n;
			continue;
		}
		if (strncmp(text, "<... ", 5) == 0 && strchr(text, '>') != NULL) {
			static char whole[LINE];
			snprintf(whole, sizeof whole, "%s%s", pending[slot], strchr(text, '>') + 1);
			snprintf(line, sizeof line, "%s", whole);
			text = line;
			start = began[slot];
		}
		args = strchr(text, '(');
		ret = result_of(text);
		if (args == NULL || ret == NULL || args - text >= (long)sizeof name)
			continue;
		snprintf(name, sizeof name, "%.*s", (int)(args - text), text);
		text[ret - text] = '\0';
		take(name, args, start);
	}
	if (f != NULL)
		fclose(f);
}

/* in_dir -- whether the op changes the directory `dir`. */
static bool
in_dir(const struct op *o, const char *dir)
{
	const char *slash = strrchr(o->path, '/');
	size_t n = slash != NULL ? (size_t)(slash - o->path) : 0;

	return strlen(dir) == n && strncmp(o->path, dir, n) == 0;
}

static void
find_durable(void)
{
	for (int s = 0; s < ops_n; s++) {
		if (ops[s].kind != SYNC)
			continue;
		for (int i = 0; i < ops[s].began; i++) {
			struct op *o = &ops[i];
			bool covered = o->kind == WRITE ? o->node == ops[s].node && ops[s].node != -1
			    : o->kind < SYNC && ops[s].node == -1 && in_dir(o, ops[s].path);

			if (covered && o->durable == OPS)
				o->durable = s;
		}
	}
}

/* ---- a disk ---- */

/* chance -- how likely it is that something that was not synced is there: never and always are the extremes. */
struct chance { unsigned data, dirs; };

static bool
kept(const struct op *o, int cut, unsigned percent)
{
	return o->durable <= cut || draw(100) < percent;
}

/* put_file -- what is on the disk of a file. */
static void
put_file(const char *path, int node, int cut, unsigned percent)
{
	char *data = NULL;
	uint64_t len = 0, room = 0;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (int i = 0; i <= cut; i++) {
		const struct op *o = &ops[i];

		if (o->kind != WRITE || o->node != node)
			continue;
		if (o->off + o->len > room) {
			data = realloc(data, o->off + o->len);
			memset(data + room, 0, o->off + o->len - room);
			room = o->off + o->len;
		}
		for (uint64_t at = o->off, step; at < o->off + o->len; at += step) {
			step = SECTOR - at % SECTOR;
			if (at + step > o->off + o->len)
				step = o->off + o->len - at;
			if (!kept(o, cut, percent)) {
				/* a sector that is new may have anything on it, where the length has reached the disk */
				if (draw(8) == 0 && at >= len && percent > 0 && percent < 100) {
					memset(data + at, (int)draw(256), step);
					len = at + step;
				}
				continue;
			}
			memcpy(data + at, o->data + (at - o->off), step);
			if (at + step > len)
				len = at + step;
		}
	}
	for (uint64_t done = 0; fd != -1 && done < len;) {
		static const char zeros[65536];
		uint64_t n = len - done < sizeof zeros ? len - done : sizeof zeros;
		/* leave holes where there is nothing */
		if (memcmp(data + done, zeros, n) != 0 && pwrite(fd, data + done, n, (off_t)done) != (ssize_t)n)
			abort();
		done += n;
	}
	if (fd != -1 && ftruncate(fd, (off_t)len) == -1)
		abort();
	close(fd);
	free(data);
}

static void
put_disk(int cut, struct chance c)
{
	static char name[NODES][PATH];
	static enum kind kind[NODES];
	char path[3 * PATH];

	memset(name, 0, sizeof name);
	snprintf(path, sizeof path, "exec rm -rf '%s/disk'", work);
	if (system(path) != 0)
		abort();
	snprintf(path, sizeof path, "%s/disk", work);
	if (mkdir(path, 0777) == -1)
		abort();
	for (int i = 0; i <= cut; i++) {
		const struct op *o = &ops[i];

		if (o->kind >= SYNC || o->kind == WRITE || !kept(o, cut, c.dirs))
			continue;
		if (o->kind == MAKE_DIR) {
			snprintf(path, sizeof path, "%s/disk/%s", work, o->path);
			mkdir(path, 0700);
			continue;
		}
		for (int n = 0; n < nodes_n && o->kind == RENAME; n++)
			if (strcmp(name[n], o->to) == 0)
				name[n][0] = '\0';
		if (o->kind == UNLINK)
			name[o->node][0] = '\0';
		else
			snprintf(name[o->node], PATH, "%s", o->kind == RENAME ? o->to : o->path);
		if (o->kind == MAKE || o->kind == MAKE_FIFO)
			kind[o->node] = o->kind;
	}
	for (int n = 0; n < nodes_n; n++) {
		if (name[n][0] == '\0')
			continue;
		snprintf(path, sizeof path, "%s/disk/%s", work, name[n]);
		if (kind[n] == MAKE_FIFO)
			mkfifo(path, 0600);
		else
			put_file(path, n, cut, c.data);
	}
}

/* ---- what the tools make of it ---- */

/* sh -- run a command in the disk; its output is in `out`.  Returns its status. */
static int __attribute__((format(printf, 1, 2)))
sh(const char *format, ...)
{
	char command[6 * PATH], text[2 * PATH];
	va_list args;
	int r;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(command, sizeof command, "cd '%s/disk' && exec timeout -s KILL 20 %s >../out 2>../err </dev/null", work, text);
	r = system(command);
	return WIFEXITED(r) ? WEXITSTATUS(r) : 128;
}

static char *
slurp(const char *name)
{
	static char buf[2 << 20];
	char path[2 * PATH];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", work, name);
	fd = open(path, O_RDONLY);
	n = fd == -1 ? 0 : read(fd, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return buf;
}

/* is_message -- whether a line is a whole message; name: gets whose. */
static bool
is_message(const char *line, size_t len, char *name)
{
	size_t n = strcspn(line, ".:\n");

	if (n == 0 || n > 30)
		return false;
	snprintf(name, 32, "%.*s", (int)n, line);
	if (line[n] == '.')
		return len == n + 1;
	for (size_t i = n + 1; line[n] == ':' && i < len; i++)
		if (line[i] != name[i % n])
			return false;
	return line[n] == ':' && len == LARGE;
}

/* marked -- whether a mark of this kind before the cut has the name. */
static bool
marked(int cut, const char *kind, const char *name)
{
	char word[64];
	size_t n = strlen(kind);

	snprintf(word, sizeof word, " %s ", name);
	for (int i = 0; i <= cut; i++)
		if (ops[i].kind == MARK && strncmp(ops[i].data, kind, n) == 0 && (*name == '\0' || strstr(ops[i].data, word) != NULL))
			return true;
	return false;
}

static void __attribute__((format(printf, 3, 4)))
bad(int cut, int state, const char *format, ...)
{
	va_list args;

	failures++;
	printf("power: cut after op %d (%s), state %d: ", cut, ops[cut].path, state);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("; %s\n", strtok(slurp("err"), "\n") != NULL ? slurp("err") : "");
}

/* read_lines -- the names of the messages in `out'.  Returns how many. */
static int
read_lines(int cut, int state, char (*got)[32])
{
	const char *p;
	size_t len;
	int n = 0;

	for (p = slurp("out"); *p != '\0'; p += len + (p[len] == '\n')) {
		len = strcspn(p, "\n");
		if (!is_message(p, len, got[n]))
			bad(cut, state, "torn or invented: %.60s", p);
		for (int i = 0; i < n; i++)
			if (strcmp(got[i], got[n]) == 0)
				bad(cut, state, "%s is there twice", got[n]);
		n++;
	}
	return n;
}

/*
 * was_followed -- whether the message that is to be sent once was acknowledged, and another such one behind it: then it is
 * on the disk that it was.
 */
static bool
was_followed(int cut, const char *name)
{
	char word[64];
	bool was = false;

	snprintf(word, sizeof word, " %s ", name);
	for (int i = 0; i <= cut; i++) {
		if (ops[i].kind != MARK || strncmp(ops[i].data, "acked o", 7) != 0)
			continue;
		if (was)
			return true;
		was = strstr(ops[i].data, word) != NULL;
	}
	return false;
}

/*
 * check_again -- the frames in `frames', sent once more: what was there does not come twice, nor what was received and of
 * which that is known; what is nowhere is there now.  got: the n messages that were there.
 */
static void
check_again(int cut, int state, char (*got)[32], int n)
{
	static char again[100][32], name[32];
	char text[4096], *word, *rest;
	int m, r = sh("bash -c 'msend -n -F -u scope %s <../frames'", box);

	if (r != 0 || (r = sh("mrecv -n -a -l %s", box)) > 1) {
		bad(cut, state, "sent again: status %d", r);
		return;
	}
	m = read_lines(cut, state, again);
	snprintf(text, sizeof text, "%s", slurp("frames"));
	for (word = strtok_r(text, "\n", &rest); word != NULL; word = strtok_r(NULL, "\n", &rest)) {
		bool before = false, now = false;

		if (!is_message(word, strlen(word), name))
			continue;
		for (int i = 0; i < n; i++)
			before = before || strcmp(got[i], name) == 0;
		for (int i = 0; i < m; i++)
			now = now || strcmp(again[i], name) == 0;
		if (!before && !now && !marked(cut, "may", name))
			bad(cut, state, "%s was sent again, and is lost", name);
		if (now && durable && (before || was_followed(cut, name)))
			bad(cut, state, "%s came twice", name);
	}
}

static void
check_acked(int cut, int state, char (*got)[32], int n)
{
	char text[4096], *word, *rest;

	for (int i = 0; i <= cut; i++) {
		if (ops[i].kind != MARK || strncmp(ops[i].data, "acked ", 6) != 0)
			continue;
		snprintf(text, sizeof text, "%s", ops[i].data + 6);
		for (word = strtok_r(text, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
			int k = 0;
			while (k < n && strcmp(got[k], word) != 0)
				k++;
			if (k == n && !marked(cut, "may", word))
				bad(cut, state, "%s was acknowledged, and is lost", word);
		}
	}
}

static void
check(int cut, int state)
{
	static char got[70000][32];
	int n = 0, r;
	bool made = marked(cut, "made", "");
	const char *p;
	size_t len;

	/* what is sent again tells a boot from a copy */
	if (*slurp("frames") != '\0')
		sh("'%s' %s", getenv("BOOT"), box);
	r = sh("mrecv -n -a -l %s", box);
	tried++;
	if (!made && r >= 64)
		return;                 /* nobody was told that there is a mailbox */
	/* one that is not durable may itself be lost */
	if (!durable && (r == 66 || (r == 65 && strstr(slurp("err"), "its file ctl is damaged") != NULL)))
		return;
	if (r > 1) {
		bad(cut, state, "mrecv -a has status %d", r);
		return;
	}
	p = slurp("err");
	if (strchr(p, '\n') != NULL && strchr(p, '\n')[1] != '\0' && durable)
		bad(cut, state, "more than one line");
	n = read_lines(cut, state, got);
	if (durable)
		check_acked(cut, state, got, n);
	if (*slurp("frames") != '\0')
		check_again(cut, state, got, n);
	if ((r = sh("msend -n %s last.", box)) != 0 || (r = sh("mrecv -n %s", box)) != 0 || strcmp(slurp("out"), "last.\n") != 0)
		bad(cut, state, "the next send and receive: status %d, received %.20s", r, slurp("out"));
}

int
main(int argc, char **argv)
{
	static const struct chance extremes[] = { { 0, 0 }, { 100, 100 }, { 0, 100 }, { 100, 0 } };
	int states;

	if (argc != 7)
		return 64;
	ops = calloc(OPS, sizeof *ops);
	root = argv[2];
	work = argv[3];
	durable = argv[4][0] == '+';
	box = argv[4] + durable;
	states = atoi(argv[5]);
	rng = strtoull(argv[6], NULL, 10) * 2654435761U + 88172645463325252ULL;
	read_trace(argv[1]);
	find_durable();
	for (int cut = 0; cut < ops_n; cut++) {
		/* nothing more is on the way than one op ago */
		if (ops[cut].kind == MARK && strncmp(ops[cut].data, "may", 3) == 0)
			continue;
		for (int i = 0; i < states; i++) {
			/* what there is to choose grows with the number of the state: a seeded walk over the rest */
			struct chance c = i < 4 ? extremes[i] : (struct chance){ (unsigned)draw(101), (unsigned)draw(101) };
			if (states < 4 && i == 0)
				c = extremes[draw(4)];
			put_disk(cut, c);
			check(cut, i);
		}
	}
	printf("%ld ops, %ld states, %ld failures\n", (long)ops_n, tried, failures);
	return failures > 0 || tried == 0;
}
