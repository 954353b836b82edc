/* SPDX-License-Identifier: ISC */
/* command: what mrecv runs, ourselves: passes its message on as a frame; puts some back, fails with some. */
#include "storm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* note_back -- note in the file that message id is put back without a try counted.  Returns whether it could. */
static bool
note_back(const char *path, const char *id)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	uint64_t number = strtoull(id, NULL, 10);
	bool noted = fd != -1 && write(fd, &number, sizeof number) == sizeof number;

	close(fd);
	return noted;
}

/* read_all -- standard input, to its end: who is ended by mrecv on the way has written nothing. */
static char *
read_all(size_t *used)
{
	char *all = NULL;
	size_t room = 0, n;

	*used = 0;
	do {
		if (*used + 1 >= room && (all = realloc(all, room = 2 * room + PIECE)) == NULL)
			_exit(99);
		*used += n = fread(all + *used, 1, room - *used - 1, stdin);
	} while (n > 0);
	all[*used] = '\0';
	return all;
}

/* alone -- whoever writes to the same pipe waits until we have. */
static void
alone(const char *backs)
{
	char path[PATH_LEN];
	int fd;

	snprintf(path, sizeof path, "%s.lock", backs);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX) == -1)
		_exit(99);
}

int
command(const char *seed, const char *backs)
{
	const char *id = getenv("MBOX_ID"), *try = getenv("MBOX_TRY"), *len = getenv("MBOX_LENGTH"),
	    *due = getenv("MBOX_H_DUE");
	uint64_t number = strtoull(id, NULL, 10), base = strtoull(seed, NULL, 10);
	uint64_t luck = mix(base + number * 97 + (uint64_t)strtoull(try, NULL, 10));
	size_t used;
	char *payload;

	if (luck % 50 == 0 || mix(base ^ number * 31) % 211 == 0)       /* now and then; or always */
		return 1;
	if (luck % 50 == 1 && (mix(luck ^ (uint64_t)getpid()) & 1) == 0)
		return note_back(backs, id) ? 75 : 99;
	payload = read_all(&used);
	/* mrecv was killed while it wrote */
	if (len != NULL && *len != '\0' && strtoull(len, NULL, 10) != used)
		return 1;
	alone(backs);
	printf("M1 %zu %s %s id=%s try=%s reply=%s%s%s\n", used, getenv("MBOX_TAG"), getenv("MBOX_SOURCE"), id, try,
	    getenv("MBOX_REPLY"), due != NULL ? " due=" : "", due != NULL ? due : "");
	fwrite(payload, 1, used, stdout);
	putchar('\n');
	free(payload);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* give_up -- fail: of a batch, what stands behind the first message that fails alone is put back. */
static int
give_up(const char *frames, size_t used, const char *backs)
{
	const char *at = frames;

	/* a payload that has these bytes too spares one message the judge's look, no more */
	while ((at = memmem(at, used - (size_t)(at - frames), " id=", 4)) != NULL)
		if (!note_back(backs, at += 4))
			return 99;
	return 1;
}

int
batch(const char *seed, const char *backs)
{
	size_t used;
	char *frames = read_all(&used);

	if (mix((uint64_t)strtoull(seed, NULL, 10) + used + (uint64_t)getpid()) % 20 == 0)
		return give_up(frames, used, backs);
	fwrite(frames, 1, used, stdout);
	free(frames);
	return fflush(stdout) == 0 ? 0 : 1;
}

int
answer(const char *seed)
{
	size_t used;
	char *request = read_all(&used);
	unsigned caller, call;
	uint64_t key, sum = 0;

	if (sscanf(request, "%u %u\n", &caller, &call) != 2)
		return 99;
	key = call_key(strtoull(seed, NULL, 10), caller, call);
	if (mix(key ^ (uint64_t)getpid()) % 40 == 0)
		return 75;              /* for another server, or another time */
	for (size_t i = 0; i < used; i++)
		sum = mix(sum ^ (unsigned char)request[i]);
	printf("%u %u %016llx\n", caller, call, (unsigned long long)sum);
	for (unsigned i = 0; i < key % 3000; i++)
		putchar('a' + (int)((key + i) % 26));
	free(request);
	return fflush(stdout) == 0 ? answer_status(key) : 98;
}
