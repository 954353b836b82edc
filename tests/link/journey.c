/* SPDX-License-Identifier: ISC */
/*
 * journey: messages for a journey, and what became of them.  A seed and a number say all of a message.
 *
 *     journey send SEED FIRST COUNT [BIG]     frames FIRST to FIRST + COUNT - 1; each BIGth has 5 MB
 *     journey check SEED COUNT [BIG]          reads frames; prints
 *                                             "N arrived: N lost, N twice, N out of order, N changed"
 *     journey port [COUNT]                    free ports of the loopback, a line each
 *
 * Twice counts each further arrival.  Out of order is what arrives for the first time after a later one has.
 * Changed is what has not the tag, source, headers and payload that it was sent with; the first ones are told, as are those out of order.
 * Exits 0 when nothing was lost or changed, and all first arrivals were in order; 1 when not; 2 at a wrong use.
 * The ports lie below those that the kernel gives to who connects, so that nobody else has them after a restart.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "frame/frame.h"

enum {
	BIG_LEN = 5000000,
	PORT_MIN = 10000, PORT_MAX = 32000,
	TOLD = 5,                       /* changed messages that are told */
};

struct sent {
	char tag[FRAME_NAME_MAX], source[FRAME_NAME_MAX], extra[1024];
	size_t tag_len, source_len, extra_len, len;
	char *payload;                  /* BIG_LEN bytes */
};

static uint64_t seed, big;

static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* name_of -- a tag or a source: any byte that may be in one; often short and plain. */
static size_t
name_of(char *out, uint64_t h)
{
	size_t len = h % 8 == 0 ? 1 + (h >> 8) % FRAME_NAME_MAX : 1 + (h >> 8) % 12;

	for (size_t i = 0; i < len; i++) {
		h = mix(h);
		do
			out[i] = (char)(h >>= 1);
		while ((unsigned char)out[i] <= ' ' || out[i] == 0x7f);
	}
	return len;
}

static size_t
length_of(uint64_t n, uint64_t h)
{
	static const unsigned edges[] = { 1, 4095, 4096, 4097, 65535, 65536, 65537, 100000 };

	if (big > 0 && n % big == big / 2)
		return BIG_LEN;
	switch (h % 100) {
	case 0:
		return (h >> 8) % 100000;
	case 1:
		return edges[(h >> 8) % 8];
	case 2: case 3: case 4: case 5:
		return (h >> 8) % 9000;
	case 6: case 7:
		return 0;
	default:
		return (h >> 8) % 1000;
	}
}

/* message_of -- all of message n. */
static void
message_of(struct sent *s, uint64_t n)
{
	uint64_t key = mix(seed ^ mix(n)), h = mix(key + 1);
	char raw[64];
	long len;

	s->tag_len = name_of(s->tag, mix(key + 2));
	s->source_len = name_of(s->source, mix(key + 3));
	s->extra_len = (size_t)sprintf(s->extra, "time=17%08llu.%06llu n=%llu",
	    (unsigned long long)h % 100000000, (unsigned long long)(h >> 32) % 1000000, (unsigned long long)n);
	if (h % 3 == 0) {
		for (size_t i = 0; i < sizeof raw; i++)
			raw[i] = (char)(mix(key + 4 + i) >> 8);
		s->extra_len += (size_t)sprintf(s->extra + s->extra_len, " any-%llu=", (unsigned long long)h % 10);
		len = frame_encode(s->extra + s->extra_len, sizeof s->extra - s->extra_len,
		    (struct slice){ raw, h % sizeof raw });
		s->extra_len += (size_t)len;
	}
	s->len = length_of(n, h);
	for (size_t i = 0; i < s->len; i += 8) {
		uint64_t word = mix(key + 1000 + i);

		memcpy(s->payload + i, &word, s->len - i < 8 ? s->len - i : 8);
	}
}

static uint64_t
number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*end != '\0' || end == text) {
		fprintf(stderr, "journey: not a number: %s\n", text);
		exit(2);
	}
	return n;
}

static void
sent_begin(struct sent *s)
{
	s->payload = malloc(BIG_LEN);
	if (s->payload == NULL)
		abort();
}

static int
do_send(uint64_t first, uint64_t count)
{
	struct sent s;
	char head[FRAME_HEADER_MAX];

	sent_begin(&s);
	for (uint64_t n = first; n < first + count; n++) {
		message_of(&s, n);
		fwrite(head, 1, frame_head(head, s.len, false, (struct slice){ s.tag, s.tag_len },
		    (struct slice){ s.source, s.source_len }, (struct slice){ s.extra, s.extra_len }), stdout);
		fwrite(s.payload, 1, s.len, stdout);
		putchar('\n');
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

/* What came: its header line, and its payload gathered from all chunks. */
struct came {
	char head[FRAME_HEADER_MAX], more[FRAME_HEADER_MAX];
	struct frame frame;
	char *payload;
	size_t len, cap;
};

static void
torn(const char *what)
{
	printf("journey: %s\n", what);
	exit(1);
}

static bool
read_head(char *line, struct frame *f)
{
	size_t len = 0;
	int c;

	while ((c = getchar()) != EOF) {
		line[len++] = (char)c;
		if (c == '\n' || len == FRAME_HEADER_MAX)
			break;
	}
	if (c == EOF && len == 0)
		return false;
	if (frame_parse(f, line, len, NULL) != 0)
		torn("what came is no frame");
	return true;
}

static bool
read_message(struct came *c)
{
	struct frame part;

	if (!read_head(c->head, &c->frame))
		return false;
	part = c->frame;
	for (c->len = 0; ; ) {
		if (c->len + part.len > c->cap) {
			c->cap = 2 * (c->len + part.len);
			c->payload = realloc(c->payload, c->cap);
			if (c->payload == NULL)
				abort();
		}
		if (fread(c->payload + c->len, 1, part.len, stdin) != part.len || getchar() != '\n')
			torn("a payload was cut short");
		c->len += part.len;
		if (!part.more)
			return true;
		if (!read_head(c->more, &part))
			torn("a message was cut short");
	}
}

/* headers_are -- whether the headers that were sent are there as they were, in that order; others may be between. */
static bool
headers_are(struct slice extra, struct slice came)
{
	struct slice key, value, k, v;

	while (frame_next_header(&extra, &key, &value) == 1) {
		do {
			if (frame_next_header(&came, &k, &v) != 1)
				return false;
		} while (k.len != key.len || memcmp(k.p, key.p, k.len) != 0);
		if (v.len != value.len || memcmp(v.p, value.p, v.len) != 0)
			return false;
	}
	return true;
}

/* differs -- what is not as it was sent; NULL: it is all the same. */
static const char *
differs(const struct sent *s, const struct came *c)
{
	if (s->tag_len != c->frame.tag.len || memcmp(s->tag, c->frame.tag.p, s->tag_len) != 0)
		return "tag";
	if (s->source_len != c->frame.source.len || memcmp(s->source, c->frame.source.p, s->source_len) != 0)
		return "source";
	if (!headers_are((struct slice){ s->extra, s->extra_len }, c->frame.extra))
		return "headers";
	if (s->len != c->len || memcmp(s->payload, c->payload, s->len) != 0)
		return "payload";
	return NULL;
}

/* number_of -- the number of a message that is on the journey, or count. */
static uint64_t
number_of(const struct came *c, uint64_t count)
{
	struct slice value;
	char text[24] = "";

	if (frame_header(c->frame.extra, "n", &value) != 1 || value.len >= sizeof text)
		return count;
	memcpy(text, value.p, value.len);
	return strtoull(text, NULL, 10);
}

static int
do_check(uint64_t count)
{
	struct sent s;
	struct came c = { .payload = NULL };
	uint64_t arrived = 0, lost = 0, twice = 0, late = 0, changed = 0, highest = 0;
	unsigned char *seen = calloc(1, count + 1);

	if (seen == NULL)
		abort();
	for (sent_begin(&s); read_message(&c); arrived++) {
		uint64_t n = number_of(&c, count);
		const char *what = "number";

		if (n < count) {
			message_of(&s, n);
			what = differs(&s, &c);
			twice += seen[n];
			if (seen[n] == 0 && n < highest && late++ < TOLD)
				printf("journey: message %llu came after %llu: %.*s\n", (unsigned long long)n,
				    (unsigned long long)highest, (int)strcspn(c.head, "\n"), c.head);
			highest = n > highest ? n : highest;
			seen[n] = 1;
		}
		if (what != NULL && changed++ < TOLD)
			printf("journey: message %llu came with another %s: %.*s\n", (unsigned long long)n, what,
			    (int)strcspn(c.head, "\n"), c.head);
	}
	for (uint64_t n = 0; n < count; n++)
		if (seen[n] == 0 && lost++ < TOLD)
			printf("journey: message %llu is lost\n", (unsigned long long)n);
	printf("%llu arrived: %llu lost, %llu twice, %llu out of order, %llu changed\n", (unsigned long long)arrived,
	    (unsigned long long)lost, (unsigned long long)twice, (unsigned long long)late, (unsigned long long)changed);
	return lost + late + changed > 0;
}

/* do_port -- ports that can be bound now; they are held until all are found, so that they differ. */
static int
do_port(uint64_t count)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint32_t dice;

	while (count > 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || getrandom(&dice, sizeof dice, 0) != sizeof dice)
			return 1;
		dice = PORT_MIN + dice % (PORT_MAX - PORT_MIN);
		at.sin_port = htons((uint16_t)dice);
		if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0) {
			printf("%u\n", dice);
			count--;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "port") == 0 && argc <= 3)
		return do_port(argc > 2 ? number(argv[2]) : 1);
	seed = argc > 3 ? number(argv[2]) : 0;
	if (strcmp(verb, "send") == 0 && (argc == 5 || argc == 6)) {
		big = argc > 5 ? number(argv[5]) : 0;
		return do_send(number(argv[3]), number(argv[4]));
	}
	if (strcmp(verb, "check") == 0 && (argc == 4 || argc == 5)) {
		big = argc > 4 ? number(argv[4]) : 0;
		return do_check(number(argv[3]));
	}
	fprintf(stderr, "usage: journey send SEED FIRST COUNT [BIG] | check SEED COUNT [BIG] | port [COUNT]\n");
	return 2;
}
