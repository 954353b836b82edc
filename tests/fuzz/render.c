/* SPDX-License-Identifier: ISC */
/*
 * render: a message, hostile in each of its parts, as JSON, by a format, and as shell assignments.
 *
 * JSON is read back by a strict reader; what a format makes is made once more, piece by piece; assignments are taken
 * apart by themselves and by real shells, all of which must find in them what the message has, and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "deliver/render.h"
#include "fuzz.h"
#include "stream/reader.h"

enum { SHELLS = 4, PATIENCE_MS = 20000, FIELDS = 10 };

/* What a message is made of, as it was meant. */
struct meant {
	struct message m;
	struct slice payload;
	struct text extra, name, format, reply;
	bool has_reply;
	char number[3][32];             /* id, time, try, as text; empty where unknown */
};

/* ---- a message ---- */

/* put_name -- a tag or a source of these bytes: what may not stand there is another byte. */
static struct slice
put_name(char *to, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		to[i] = frame_name_ok((struct slice){ s.p + i, 1 }) ? s.p[i] : (char)('a' + (s.p[i] & 7));
	if (s.len == 0)
		to[s.len++] = '-';
	return (struct slice){ to, s.len };
}

static void
put_headers(struct meant *t, struct bytes *b)
{
	static const char *const keys[] = { "reply", "k", "call", "a-1" };
	char set[FRAME_HEADER_MAX], value[FRAME_HEADER_MAX];
	unsigned which;
	struct slice s;
	long n;

	for (int i = bytes_byte(b) % 4; i > 0; i--) {
		which = bytes_below(b, 4);
		s = bytes_slice(b, 200);
		n = frame_encode(value, sizeof value, s);
		MUST(n != -1);
		n = frame_set_header(set, (struct slice){ t->extra.p, t->extra.len }, keys[which],
		    (struct slice){ value, (size_t)n });
		MUST(n != -1);
		t->extra.len = 0;
		text_add(&t->extra, set, (size_t)n);
		if (which == 0) {
			t->has_reply = true;
			t->reply.len = 0;
			text_add(&t->reply, s.p, s.len);
		}
	}
}

/* put_text -- a C string of these bytes, which has no NUL. */
static void
put_text(struct text *t, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		text_add(t, s.p[i] == '\0' ? "\x9b" : s.p + i, 1);
	text_add(t, "", 1);
	t->len--;
}

static void
put_numbers(struct meant *t, struct bytes *b)
{
	struct message *m = &t->m;

	m->id = bytes_number(b);
	m->time_us = bytes_number(b);
	m->attempt = (uint32_t)bytes_number(b);
	m->uid = bytes_byte(b) % 4 == 0 ? (int64_t)(bytes_number(b) & UINT32_MAX) : -1;
	t->number[0][0] = t->number[1][0] = t->number[2][0] = '\0';
	if (m->id != 0)
		snprintf(t->number[0], 32, "%llu", (unsigned long long)m->id);
	if (m->time_us != 0)
		snprintf(t->number[1], 32, "%llu.%06llu", (unsigned long long)(m->time_us / 1000000),
		    (unsigned long long)(m->time_us % 1000000));
	if (m->attempt != 0)
		snprintf(t->number[2], 32, "%lu", (unsigned long)m->attempt);
}

/* place_payload -- in memory, in a file, or in a stream of chunks. */
static void
place_payload(struct meant *t, unsigned where, struct reader *r)
{
	struct message *m = &t->m, head;
	char line[FRAME_HEADER_MAX];
	size_t n, half = t->payload.len / 2;
	int fd = -1;

	m->fd = -1;
	m->len = t->payload.len;
	if (where == 0) {
		m->data = t->payload.p;
		return;
	}
	fd = memfd_create("payload", MFD_CLOEXEC);
	MUST(fd != -1);
	if (where == 1) {
		MUST(write(fd, t->payload.p, t->payload.len) == (ssize_t)t->payload.len);
		m->fd = fd;
		return;
	}
	n = frame_head(line, half, true, slice_of("t"), slice_of("s"), (struct slice){ NULL, 0 });
	MUST(write(fd, line, n) == (ssize_t)n && write(fd, t->payload.p, half) == (ssize_t)half);
	line[0] = '\n';
	n = 1 + frame_continuation(line + 1, t->payload.len - half, false);
	MUST(write(fd, line, n) == (ssize_t)n);
	MUST(write(fd, t->payload.p + half, t->payload.len - half) == (ssize_t)(t->payload.len - half));
	MUST(write(fd, "\n", where == 2) != -1 && lseek(fd, 0, SEEK_SET) == 0);
	reader_init(r, fd, READER_ALL);
	MUST(reader_next(r, &head) == 1 && head.data == NULL);
	m->reader = r;
	m->stream_read = head.stream_read;
	m->len = MESSAGE_LEN_UNKNOWN;
}

/* ---- JSON ---- */

struct json {
	const char *p, *end;
};

static void
eat(struct json *j, const char *text)
{
	MUST((size_t)(j->end - j->p) >= strlen(text) && memcmp(j->p, text, strlen(text)) == 0);
	j->p += strlen(text);
}

static bool
stands(const struct json *j, const char *text)
{
	return (size_t)(j->end - j->p) >= strlen(text) && memcmp(j->p, text, strlen(text)) == 0;
}

/* put_utf8 -- the character with this number. */
static void
put_utf8(struct text *t, unsigned c)
{
	char two[2] = { (char)(c < 0x80 ? c : 0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };

	text_add(t, two, c < 0x80 ? 1 : 2);
}

/* eat_string -- a string, strictly as RFC 8259 has it, and no control character in it as it is. */
static void
eat_string(struct json *j, struct text *t)
{
	static const char hex[] = "0123456789abcdef";
	unsigned c;
	size_t n;

	t->len = 0;
	for (eat(j, "\""); !stands(j, "\""); j->p += n) {
		MUST(j->p < j->end);
		n = json_plain(j->p, (size_t)(j->end - j->p));
		MUST(n > 0);
		if (*j->p != '\\') {
			text_add(t, j->p, n);
			continue;
		}
		MUST(j->end - j->p > (j->p[1] == 'u' ? 6 : 2));
		n = 2;
		if (j->p[1] == 'u') {
			c = 0;
			for (int i = 0; i < 4; i++) {
				MUST(strchr(hex, j->p[2 + i]) != NULL);
				c = c << 4 | (unsigned)(strchr(hex, j->p[2 + i]) - hex);
			}
			put_utf8(t, c);
			n = 6;
		} else {
			MUST(strchr("nt\"\\", j->p[1]) != NULL);
			text_add(t, j->p[1] == 'n' ? "\n" : j->p[1] == 't' ? "\t" : j->p + 1, 1);
		}
	}
	eat(j, "\"");
}

static void
eat_this_string(struct json *j, struct slice s)
{
	static struct text is;

	eat_string(j, &is);
	MUST(slice_eq((struct slice){ is.p, is.len }, s));
}

static void
eat_number(struct json *j, const char *before, const char *number)
{
	if (*number == '\0')
		return;
	eat(j, before);
	eat(j, number);
}

static void
eat_base64(struct json *j, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned have = 0;
	const char *digit;
	size_t n = 0;

	for (; j->p < j->end && *j->p != '"' && *j->p != '='; j->p++) {
		digit = strchr(digits, *j->p);
		MUST(digit != NULL && *digit != '\0');
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			MUST(n < s.len && (unsigned char)s.p[n] == (bits >> have & 255));
			n++;
		}
	}
	MUST(n == s.len);
	while (stands(j, "="))
		j->p++;
}

/* eat_member -- a member: its value as text, or, where it is no UTF-8, in base64 and under another name. */
static void
eat_member(struct json *j, struct slice name, struct slice s)
{
	static struct text key, should;
	bool text = json_is_utf8(s);

	should.len = 0;
	text_add(&should, name.p, name.len);
	if (!text)
		text_add(&should, "_base64", 7);
	eat_string(j, &key);
	MUST(slice_eq((struct slice){ key.p, key.len }, (struct slice){ should.p, should.len }));
	eat(j, text ? ":" : ":\"");
	if (text)
		eat_this_string(j, s);
	else
		eat_base64(j, s);
	eat(j, text ? "" : "\"");
}

static void
check_json(const struct meant *t, struct slice out)
{
	struct json j = { out.p, out.p + out.len };
	struct slice rest = { t->extra.p, t->extra.len }, k, v;
	char text[FRAME_HEADER_MAX], number[32];
	bool known = t->m.reader == NULL, first = true;
	long n;

	eat(&j, "{");
	eat_number(&j, "\"id\":", t->number[0]);
	eat(&j, t->number[0][0] != '\0' ? "," : "");
	eat_member(&j, slice_of("tag"), t->m.tag);
	eat(&j, ",");
	eat_member(&j, slice_of("source"), t->m.source);
	eat_number(&j, ",\"time\":", t->number[1]);
	eat_number(&j, ",\"try\":", t->number[2]);
	snprintf(number, sizeof number, "%lld", (long long)t->m.uid);
	if (t->m.uid >= 0)
		eat_number(&j, ",\"uid\":", number);
	snprintf(number, sizeof number, "%zu", t->payload.len);
	known = known || stands(&j, ",\"length\":");
	if (known)
		eat_number(&j, ",\"length\":", number);
	eat(&j, ",\"headers\":{");
	while (frame_next_header(&rest, &k, &v)) {
		eat(&j, first ? "" : ",");
		first = false;
		n = frame_decode(text, v);
		MUST(n != -1);
		eat_member(&j, k, (struct slice){ text, (size_t)n });
	}
	if (stands(&j, "},\"payload\":")) {
		eat(&j, "},\"payload\":");
		MUST(json_is_utf8(t->payload));
		eat_this_string(&j, t->payload);
	} else {
		eat(&j, "},\"base64\":\"");
		eat_base64(&j, t->payload);
		eat(&j, "\"");
		if (!known)
			eat_number(&j, ",\"length\":", number);
	}
	eat(&j, "}\n");
	MUST(j.p == j.end);
}

/* ---- formats ---- */

/* add_name -- a name; on a screen what is no printable character is escaped. */
static void
add_name(struct text *to, struct slice s, bool screen)
{
	char hex[8];

	for (size_t at = 0, n; at < s.len; at += n) {
		n = json_plain(s.p + at, s.len - at);
		if (n > 0 || !screen)
			text_add(to, s.p + at, n == 0 ? 1 : n);
		else
			text_add(to, hex, (size_t)snprintf(hex, sizeof hex, "\\x%02x", (unsigned char)s.p[at]));
		n = n == 0 ? 1 : n;
	}
}

/* add_directive -- what the directive at p, behind its %, makes.  Returns where it ends. */
static const char *
add_directive(struct text *to, const struct meant *t, const char *p, bool screen)
{
	char key[FRAME_KEY_MAX + 1], number[32];
	struct slice value = { NULL, 0 };
	const char *end;

	switch (*p) {
	case '%': text_add(to, "%", 1); break;
	case 't': add_name(to, t->m.tag, screen); break;
	case 's': add_name(to, t->m.source, screen); break;
	case 'i': text_add(to, t->number[0], strlen(t->number[0])); break;
	case 'd': text_add(to, t->number[1], strlen(t->number[1])); break;
	case 'm': add_name(to, (struct slice){ t->name.p, t->name.len }, screen); break;
	case 'p': text_add(to, t->payload.p, t->payload.len); break;
	case 'l': text_add(to, number, (size_t)snprintf(number, sizeof number, "%zu", t->payload.len)); break;
	default:
		end = strchr(p, '}');
		memcpy(key, p + 2, (size_t)(end - p - 2));
		key[end - p - 2] = '\0';
		if (strcmp(key, "id") == 0)
			value = slice_of(t->number[0]);
		else if (strcmp(key, "time") == 0)
			value = slice_of(t->number[1]);
		else if (strcmp(key, "try") == 0)
			value = slice_of(t->number[2]);
		else if (strcmp(key, "uid") == 0)
			value = (struct slice){ number, t->m.uid < 0 ? 0 : (size_t)snprintf(number, sizeof number, "%lld", (long long)t->m.uid) };
		else if (!frame_header((struct slice){ t->extra.p, t->extra.len }, key, &value))
			value.len = 0;
		text_add(to, value.p, value.len);
		return end + 1;
	}
	return p + 1;
}

static void
check_format(const struct meant *t, struct slice out, bool screen)
{
	static struct text should;

	should.len = 0;
	for (const char *p = t->format.p; *p != '\0';) {
		if (*p == '%') {
			p = add_directive(&should, t, p + 1, screen);
		} else if (*p == '\\') {
			text_add(&should, p[1] == 'n' ? "\n" : p[1] == 't' ? "\t" : p[1] == '0' ? "\0" : "\\", 1);
			p += 2;
		} else {
			text_add(&should, p++, 1);
		}
	}
	MUST(slice_eq(out, (struct slice){ should.p, should.len }));
}

/* ---- shells ---- */

static struct shell {
	char argv[4][12];
	const char *locale;
	pid_t pid;                      /* 0 not started, -1 not there */
	int in, out;
} shells[SHELLS] = {
	{ .argv = { "dash" }, .locale = "C" },
	{ .argv = { "bash", "--norc" }, .locale = "C" },
	{ .argv = { "bash", "--norc", "--posix" }, .locale = "C.UTF-8" },
	{ .argv = { "busybox", "sh" }, .locale = "C" },
};

static const char *const names[FIELDS] = { "MBOX_REPLY", "MBOX_TAG", "MBOX_SOURCE", "MBOX_ID", "MBOX_TIME", "MBOX_TRY",
	"MBOX_NAME", "MBOX_PAYLOAD", "MBOX_LENGTH", "canary" };

/* is_there -- whether there is such a shell; it is started at the first call. */
static bool
is_there(struct shell *s)
{
	static char script[] =
	    "while read -r _; do\n"
	    "unset MBOX_REPLY MBOX_TAG MBOX_SOURCE MBOX_ID MBOX_TIME MBOX_TRY MBOX_NAME MBOX_PAYLOAD MBOX_LENGTH\n"
	    "canary=sings\n"
	    "eval \"$(cat env)\"\n"
	    "printf '%s\\0' \"$MBOX_REPLY\" \"$MBOX_TAG\" \"$MBOX_SOURCE\" \"$MBOX_ID\" \"$MBOX_TIME\" \"$MBOX_TRY\" "
	    "\"$MBOX_NAME\" \"$MBOX_PAYLOAD\" \"$MBOX_LENGTH\" \"$canary\"\n"
	    "done\n", option[] = "-c";
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char *argv[8] = { NULL };
	unsigned n = 0;

	if (s->pid != 0)
		return s->pid != -1;
	for (; s->argv[n][0] != '\0'; n++)
		argv[n] = s->argv[n];
	argv[n++] = option;
	argv[n] = script;
	signal(SIGPIPE, SIG_IGN);
	setenv("LC_ALL", s->locale, 1);
	MUST(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	MUST(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_adddup2(&actions, in[0], 0) == 0
	    && posix_spawn_file_actions_adddup2(&actions, out[1], 1) == 0);
	if (posix_spawnp(&s->pid, argv[0], &actions, NULL, argv, environ) != 0)
		s->pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	s->in = in[1];
	s->out = out[0];
	return s->pid != -1;
}

/* ask_shell -- have a shell evaluate the file env, and compare what it found. */
static void
ask_shell(struct shell *s, const struct slice *values)
{
	struct pollfd p = { .fd = s->out, .events = POLLIN };
	static struct text got;
	char piece[4096];
	size_t at = 0;
	ssize_t n;
	int nuls = 0, ready;

	MUST(write(s->in, "go\n", 3) == 3);
	for (got.len = 0; nuls < FIELDS; text_add(&got, piece, (size_t)n)) {
		do
			ready = poll(&p, 1, PATIENCE_MS);
		while (ready == -1 && errno == EINTR);  /* libFuzzer's clock */
		MUST(ready == 1);
		n = read(s->out, piece, sizeof piece);
		MUST(n > 0);
		for (ssize_t i = 0; i < n; i++)
			nuls += piece[i] == '\0';
	}
	for (int i = 0; i < FIELDS; i++) {
		MUST(slice_is(values[i], got.p + at));
		at += values[i].len + 1;
	}
	MUST(at == got.len);
}

/* eat_assignment -- NAME='...' and nothing else, with the value that it should have. */
static void
eat_assignment(struct json *j, const char *name, struct slice value)
{
	struct text got = { NULL, 0, 0 };

	eat(j, name);
	for (eat(j, "='"); !stands(j, "'\n"); j->p++) {
		MUST(j->p < j->end);
		if (stands(j, "'\\''"))
			j->p += 3;
		else
			MUST(*j->p != '\'');
		text_add(&got, "'", *j->p == '\'');
		text_add(&got, j->p, *j->p != '\'');
	}
	eat(j, "'\n");
	MUST(slice_eq((struct slice){ got.p, got.len }, value));
	free(got.p);
}

/* next_header -- the variable of the next header that can be one.  Returns whether there is one. */
static bool
next_header(struct slice *rest, char *name, char *text, struct slice *value)
{
	struct slice key;
	long len;

	do {
		if (!frame_next_header(rest, &key, value))
			return false;
		len = frame_decode(text, *value);
	} while (len == -1 || memchr(text, '\0', (size_t)len) != NULL);
	*value = (struct slice){ text, (size_t)len };
	snprintf(name, FRAME_HEADER_MAX, "MBOX_H_%.*s", (int)key.len, key.p);
	for (char *p = name; *p != '\0'; p++)
		*p = *p == '-' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	return true;
}

/* eat_headers -- the variables of the message before go, those of this one come. */
static void
eat_headers(struct json *j, const struct message *m)
{
	char name[FRAME_HEADER_MAX], text[FRAME_HEADER_MAX];
	struct slice rest = m->extra, value;

	eat(j, "eval \"unset -v MBOX_HEADERS ${MBOX_HEADERS-}\"\nMBOX_HEADERS='");
	eat(j, m->uid >= 0 ? "MBOX_H_UID " : "");
	while (next_header(&rest, name, text, &value)) {
		eat(j, name);
		eat(j, " ");
	}
	eat(j, "'\n");
	rest = m->extra;
	snprintf(text, sizeof text, "%lld", (long long)m->uid);
	if (m->uid >= 0)
		eat_assignment(j, "MBOX_H_UID", slice_of(text));
	while (next_header(&rest, name, text, &value))
		eat_assignment(j, name, value);
}

/* check_assignments -- line by line, what it should be, and nothing else. */
static void
check_assignments(struct slice out, const struct message *m, const struct slice *values)
{
	struct json j = { out.p, out.p + out.len };

	eat_headers(&j, m);
	for (int i = 0; i < FIELDS - 1; i++)
		eat_assignment(&j, names[i], values[i]);
	MUST(j.p == j.end);
}

static void
check_env(const struct meant *t, struct slice out, bool ask)
{
	char number[32];
	struct slice values[FIELDS] = { { t->reply.p, t->has_reply ? t->reply.len : 0 }, t->m.tag, t->m.source,
		slice_of(t->number[0]), slice_of(t->number[1]), slice_of(t->number[2]), { t->name.p, t->name.len },
		t->payload, { number, (size_t)snprintf(number, sizeof number, "%zu", t->payload.len) }, slice_of("sings") };
	int fd;

	check_assignments(out, &t->m, values);
	if (!ask)
		return;
	fd = open("env", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd != -1 && write(fd, out.p, out.len) == (ssize_t)out.len);
	close(fd);
	for (int i = 0; i < SHELLS; i++)
		if (is_there(&shells[i]))
			ask_shell(&shells[i], values);
}

/* ---- all ---- */

static bool
has_nul(struct slice s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

/* make -- a message of what the input says. */
static void
make(struct meant *t, struct bytes *in, char *tag, char *source)
{
	t->m.tag = put_name(tag, bytes_slice(in, FRAME_NAME_MAX));
	t->m.source = put_name(source, bytes_slice(in, FRAME_NAME_MAX));
	put_numbers(t, in);
	put_headers(t, in);
	t->m.extra = (struct slice){ t->extra.p, t->extra.len };
	put_text(&t->name, bytes_slice(in, 100));
	put_text(&t->format, bytes_slice(in, 100));
	t->payload = bytes_rest(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outbuf b;
	static struct reader r;
	struct bytes in = { data, data + size };
	char tag[FRAME_NAME_MAX + 1], source[FRAME_NAME_MAX + 1];
	struct meant t = { .has_reply = false };
	unsigned how = bytes_byte(&in), where = how / 4 % 4;
	enum render_form form = (enum render_form)(how % 4);
	struct slice out;

	fuzz_scratch();
	make(&t, &in, tag, source);
	place_payload(&t, where, &r);
	outbuf_init(&b, -1);
	if (form < RENDER_FORMAT || render_format_count(t.format.p, 'p') != -1)
		render_message(&b, form, t.format.p, t.name.p, &t.m);
	else
		b.error = EINVAL;
	out = (struct slice){ b.buf, b.used };
	if (b.error == 0 && where != 3) {
		if (form == RENDER_JSON)
			check_json(&t, out);
		else if (form >= RENDER_FORMAT)
			check_format(&t, out, form == RENDER_SCREEN);
		else
			check_env(&t, out, how >= 240);
	} else {
		MUST(b.error == EINVAL || b.error == EBADMSG || where == 3
		    || (form == RENDER_ENV && b.error == EILSEQ
		    && (has_nul(t.payload) || has_nul((struct slice){ t.reply.p, t.reply.len }))));
		if (where == 3)
			MUST(b.error != 0 || form >= RENDER_FORMAT);
	}
	if (t.m.fd != -1)
		close(t.m.fd);
	if (t.m.reader != NULL)
		close(r.fd);
	free(t.extra.p);
	free(t.name.p);
	free(t.format.p);
	free(t.reply.p);
	return 0;
}
