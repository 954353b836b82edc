/* SPDX-License-Identifier: ISC */
/* framed: see framed.h.  A crash leaves the request as a whole, or none. */
#include "tool/framed.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "stream/open.h"

/* set -- set a header of m, or with value.p NULL remove it.  Returns 0, or -1 with EMSGSIZE. */
static int
set(struct input *in, struct message *m, const char *key, struct slice value)
{
	char next[FRAME_HEADER_MAX];
	long n = frame_set_header(next, m->extra, key, value);

	if (n == -1)
		return -1;
	memcpy(in->extra, next, (size_t)n);
	m->extra = (struct slice){ in->extra, (size_t)n };
	return 0;
}

/* dress -- make the frame that was read the request.  Returns 0, or -1 with EMSGSIZE. */
static int
dress(struct input *in, struct message *m, const char *const *ours)
{
	struct slice rest = in->head.extra, key, value;
	char name[FRAME_KEY_MAX + 1];

	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	for (; *ours != NULL; ours++)
		if (set(in, m, *ours, (struct slice){ NULL, 0 }) == -1)
			return -1;
	while (frame_next_header(&rest, &key, &value)) {
		memcpy(name, key.p, key.len);
		name[key.len] = '\0';
		if (set(in, m, name, value) == -1)
			return -1;
	}
	return 0;
}

int
framed_send(struct input *in, const char *const *ours)
{
	static char tag[FRAME_NAME_MAX], source[FRAME_NAME_MAX];
	struct message m;
	int fd = open_read("-"), r;

	in->failed_at = "read";
	in->failed_on = "standard input";
	if (fd == -1)
		return -1;
	reader_init(&in->reader, fd, READER_ONE);
	r = io_await_input() == -1 ? -1 : reader_next(&in->reader, &m);
	if (r == 0)
		in->reader.reason = "there is no frame";
	if (r == 1) {
		in->failed_at = "send to";
		in->failed_on = in->sink->name;
		/* what tells of the request later: the frame is gone then */
		in->head.tag = (struct slice){ memcpy(tag, m.tag.p, m.tag.len), m.tag.len };
		in->head.source = (struct slice){ memcpy(source, m.source.p, m.source.len), m.source.len };
		r = dress(in, &m, ours) == 0 && sink_message(in->sink, &m) == 0;
	}
	close(fd);
	return r == 1 ? 0 : -1;
}
