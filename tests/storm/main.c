/* SPDX-License-Identifier: ISC */
/* main: the drivers are set to work, and in the end the judge. */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct settings set = { .seed = 1, .messages = 20000, .senders = 8, .receivers = WAYS, .medium = 4, .limit_s = 600,
	.calls = 50 };
struct shared *shared;
unsigned driver;

static void
on_end(int sig)
{
	static const char text[] = "storm: it does not come to an end\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof text - 1) == -1)
		_exit(1);
	kill(0, SIGKILL);
}

/* drive -- what driver number does: senders, then receivers, callers and servers. */
static void
drive(unsigned number)
{
	unsigned first = set.senders;

	if (number < first)
		send_all();
	else if (number < (first += set.receivers))
		receive_all((number - set.senders) % WAYS);
	else if (number < first + set.callers)
		call_all();
	else
		serve_all();
}

static pid_t
fork_driver(unsigned number)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid != 0)
		return pid;
	signal(SIGTERM, SIG_DFL);
	begin_driver(number);
	drive(number);
	_exit(end_driver() == 0 ? 0 : 1);
}

static void
wait_for(const pid_t *pid, unsigned n)
{
	int status;

	for (unsigned i = 0; i < n; i++) {
		while (waitpid(pid[i], &status, 0) == -1 && errno == EINTR)
			continue;
		if (status != 0)
			wrong(FAULTS_OTHER, "a driver failed: wait status %d", status);
	}
}

/* change_box -- close or open the mailbox. */
static void
change_box(const char *option)
{
	const char *const argv[] = { "chmbox", option, set.box, NULL };
	unsigned kill_ms = set.kill_ms;

	set.kill_ms = 0;
	if (finish(start(argv, -1, -1, -1)) != 0)
		wrong(FAULTS_OTHER, "chmbox %s failed", option);
	set.kill_ms = kill_ms;
}

/* storm -- run all, with the clock that ends it in a child of its own: SIGALRM is the drivers'. */
static void
storm(void)
{
	unsigned receivers = set.senders, callers = receivers + set.receivers, servers = callers + set.callers;
	unsigned n = servers + set.servers, found, empty;
	pid_t *pid = calloc(n, sizeof *pid), watch;
	time_t began = time(NULL);

	watch = fork();
	if (watch == 0) {
		signal(SIGALRM, on_end);
		alarm(set.limit_s);
		for (;;)
			pause();
	}
	shared->called = set.callers == 0 && !set.closes;
	for (unsigned i = n; i-- > 0;)          /* receivers first: some wait from the start */
		pid[i] = fork_driver(i);
	wait_for(pid, set.senders);
	shared->sent = true;
	if (set.closes)
		change_box("--close");
	wait_for(pid + callers, set.callers);
	shared->called = !set.closes;
	wait_for(pid + receivers, set.receivers);
	shared->called = true;
	wait_for(pid + servers, set.servers);
	printf("storm: seed %llu, %ld seconds\n", (unsigned long long)set.seed, (long)(time(NULL) - began));
	begin_driver(n);
	/* where the clock was set, what was put back may fall due late */
	for (found = 0, empty = 0; empty < (getenv("SPRAY_STEP") != NULL ? 3 : 1);)
		empty = receive_run(0, found++) ? empty + 1 : 0;
	if (found > empty && (set.kill_ms == 0 || set.closes) && getenv("SPRAY_STEP") == NULL)
		wrong(FAULTS_OTHER, "messages were left when all receivers had come to their end");
	receive_dead(found);
	end_driver();
	kill(watch, SIGKILL);
	while (waitpid(watch, NULL, 0) == -1 && errno == EINTR)
		continue;
	free(pid);
}

/* judge_callers -- nothing is left of callers, once the next one has looked. */
static void
judge_callers(void)
{
	const char *const call[] = { "mcall", "-w0.1", set.desk, "nobody", "there", NULL };
	const struct dirent *e;
	DIR *d;

	if (finish(start(call, -1, -1, -1)) != 124)
		wrong(FAULTS_OTHER, "a call is answered though nobody is there");
	d = opendir(set.desk);
	if (d == NULL)
		die(set.desk);
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".reply") != NULL)
			wrong(FAULTS_OTHER, "a caller has left %s", e->d_name);
	closedir(d);
	printf("storm: %u calls, %u answered, %u told that the server died\n", set.callers * set.calls, shared->answers,
	    shared->deaths);
}

static void
options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+n:S:R:s:m:H:k:l:C:V:r:d:e")) != -1) {
		unsigned value = optarg == NULL ? 0 : (unsigned)strtoul(optarg, NULL, 10);

		switch (opt) {
		case 'n': set.messages = value; break;
		case 'S': set.senders = value; break;
		case 'R': set.receivers = value; break;
		case 's': set.seed = value; break;
		case 'm': set.medium = value; break;
		case 'H': set.huge = value; break;
		case 'k': set.kill_ms = value; break;
		case 'l': set.limit_s = value; break;
		case 'C': set.callers = value; break;
		case 'V': set.servers = value; break;
		case 'r': set.calls = value; break;
		case 'd': set.delay_ms = value; break;
		case 'e': set.closes = true; break;
		default: exit(64);
		}
	}
	if (optind == argc || set.delay_ms >= 1000 || set.senders == 0 || set.receivers == 0) {
		fprintf(stderr, "usage: storm [-n messages] [-S senders] [-R receivers] [-C callers] [-V servers] [-r calls]\n"
		    "             [-s seed] [-m n] [-H n] [-k ms] [-d ms] [-e] [-l seconds] directory [mkmbox options]\n");
		exit(64);
	}
	set.dir = argv[optind];
	set.mkmbox = argv + optind + 1;
	for (char **p = set.mkmbox; *p != NULL && p[1] != NULL; p++) {
		set.zero |= strcmp(*p, "-c") == 0 && strcmp(p[1], "0") == 0;
		set.latest |= strcmp(*p, "-o") == 0 && strcmp(p[1], "latest") == 0;
	}
}

/* make_box -- make a mailbox, as the command line says or as any.  Returns its name. */
static const char *
make_box(const char *name, bool plain)
{
	char *box = malloc(PATH_LEN);
	const char *argv[16] = { "mkmbox" };
	int n = 1;

	if (box == NULL)
		die("malloc");
	snprintf(box, PATH_LEN, "%s/%s", set.dir, name);
	for (char **p = set.mkmbox; !plain && *p != NULL && n < 14; p++)
		argv[n++] = *p;
	argv[n] = box;
	if (finish(start(argv, -1, -1, -1)) != 0) {
		fprintf(stderr, "storm: mkmbox failed\n");
		exit(1);
	}
	return box;
}

/* make_place -- the mailboxes. */
static void
make_place(void)
{
	unsigned kill_ms = set.kill_ms;

	set.kill_ms = 0;                /* mkmbox is left in peace */
	set.box = make_box("box", false);
	set.dead = make_box("dead", true);
	set.desk = make_box("desk", !set.zero);
	set.kill_ms = kill_ms;
}

/* faults -- how many there were. */
static unsigned
faults(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAULTS; i++)
		n += shared->faults[i];
	return n;
}

/* With the address sanitizer: what we hold until we exit is no leak.  The tools are asked all the same. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

int
main(int argc, char **argv)
{
	static char self[PATH_LEN];
	unsigned long before_kb;

	if (argc == 4 && strcmp(argv[1], "-P") == 0)
		return command(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "-B") == 0)
		return batch(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "-A") == 0)
		return answer(argv[2]);
	options(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof self - 1) == -1)
		die("/proc/self/exe");
	set.self = self;
	setpgid(0, 0);
	signal(SIGTERM, on_end);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	make_place();
	before_kb = kb_of(set.box);
	storm();
	judge();
	if (set.closes)
		change_box("--open");   /* nobody waits in one that is closed and empty */
	judge_box(set.box, before_kb);
	judge_box(set.dead, before_kb);
	if (set.callers > 0) {
		judge_callers();
		judge_box(set.desk, before_kb);
	}
	if (faults() > 0)
		printf("storm: %u faults\n", faults());
	return faults() > 0;
}
