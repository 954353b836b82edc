/* SPDX-License-Identifier: ISC */
/*
 * unit: the codec, filters and streams of frames, promise by promise.
 *
 * Prints a line a promise, "ok - ..." or "not ok - ...", and exits 1 if one is broken.  Files are made in $TMPDIR.
 * A promise that hangs is ended by SIGALRM.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/reclock.h"
#include "frame/filter.h"
#include "frame/frame.h"
#include "frame/message.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/ctl.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mailbox.h"
#include "mailbox/recv/claim.h"
#include "mailbox/send/append.h"
#include "mailbox/send/completion.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "stream/open.h"
#include "stream/reader.h"
#include "stream/writer.h"

#define CHECK(what) \
	do { \
		if (!(what)) { \
			printf("# %s:%d: %s (errno %s)\n", __FILE__, __LINE__, #what, strerror(errno)); \
			return false; \
		} \
	} while (0)

#define S(literal) ((struct slice){ literal, sizeof(literal) - 1 })
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- frame ---- */

static const struct valid { const char *line; uint64_t len; const char *tag, *source, *extra; } valid_lines[] = {
	{ "M1 5 build alice\n", 5, "build", "alice", "" },
	{ "M1 0 - a\n", 0, "-", "a", "" },
	{ "M1 10+ t s\n", 10, "t", "s", "" },
	{ "M1 0+ t s k=v\n", 0, "t", "s", "k=v" },
	{ "M1 9223372036854775807 t s\n", INT64_MAX, "t", "s", "" },
	{ "M1 1 t s k=\n", 1, "t", "s", "k=" },
	{ "M1 1 t s re=7 reply=/tmp/a%20b k-2==\n", 1, "t", "s", "re=7 reply=/tmp/a%20b k-2==" },
	{ "M1 1 t%zz=+ \xc3\xa9\xff a=%00%FF\n", 1, "t%zz=+", "\xc3\xa9\xff", "a=%00%FF" },
	{ "M1 7\n", 7, NULL, NULL, NULL },
	{ "M1 0+\n", 0, NULL, NULL, NULL },
};

static const struct { const char *line; size_t bad; } malformed_lines[] = {
	{ "", 0 },
	{ "\n", 0 },
	{ "m1 5 t s\n", 0 },
	{ "M2 5 t s\n", 1 },
	{ "M1\t5 t s\n", 2 },
	{ "M1  5 t s\n", 3 },
	{ "M1 \n", 3 },
	{ "M1 +5 t s\n", 3 },
	{ "M1 -5 t s\n", 3 },
	{ "M1 05 t s\n", 4 },
	{ "M1 00 t s\n", 4 },
	{ "M1 5x t s\n", 4 },
	{ "M1 5++ t s\n", 5 },
	{ "M1 5 + t s\n", 10 },                        /* "+" is a tag, t a source, s no header */
	{ "M1 9223372036854775808 t s\n", 21 },
	{ "M1 99999999999999999999 t s\n", 21 },
	{ "M1 5 \n", 5 },
	{ "M1 5 t\n", 6 },
	{ "M1 5 t \n", 7 },
	{ "M1 5  t s\n", 5 },
	{ "M1 5 t  s\n", 7 },
	{ "M1 5 t s \n", 9 },
	{ "M1 5 t s\r\n", 8 },
	{ "M1 5 t\x7f s\n", 6 },
	{ "M1 5 t\x1b s\n", 6 },
	{ "M1 5 t s k\n", 10 },
	{ "M1 5 t s =v\n", 9 },
	{ "M1 5 t s K=v\n", 9 },
	{ "M1 5 t s 1=v\n", 9 },
	{ "M1 5 t s k_=v\n", 10 },
	{ "M1 5 t s k=v \n", 13 },
	{ "M1 5 t s k=v  l=w\n", 13 },
	{ "M1 5 t s k=%\n", 12 },
	{ "M1 5 t s k=%2\n", 13 },
	{ "M1 5 t s k=%2a\n", 13 },
	{ "M1 5 t s k=%G0\n", 12 },
	{ "M1 5 t s k=\xc3\xa9\n", 11 },
	{ "M1 5 t s k=1 l=2 k=3\n", 17 },
	{ "M1 5 t s\nM1 5 t s\n", 9 },
	{ "M1 5 t s", 8 },
	{ "M1 5 t s k=%4", 13 },
};

static bool
valid_lines_come_back(void)
{
	char out[FRAME_HEADER_MAX];
	struct frame f;
	size_t n;

	for (size_t i = 0; i < COUNT(valid_lines); i++) {
		const struct valid *v = &valid_lines[i];

		CHECK(frame_parse(&f, v->line, strlen(v->line), NULL) == 0);
		CHECK(f.len == v->len && f.continuation == (v->tag == NULL));
		CHECK(f.more == (v->line[3 + strspn(v->line + 3, "0123456789")] == '+'));
		if (v->tag == NULL) {
			n = frame_continuation(out, f.len, f.more);
		} else {
			CHECK(slice_is(f.tag, v->tag) && slice_is(f.source, v->source) && slice_is(f.extra, v->extra));
			n = frame_head(out, f.len, f.more, f.tag, f.source, f.extra);
		}
		CHECK(n == strlen(v->line) && memcmp(out, v->line, n) == 0);
	}
	return true;
}

static bool
malformed_lines_are_refused(void)
{
	struct frame f;
	size_t bad;

	for (size_t i = 0; i < COUNT(malformed_lines); i++) {
		const char *line = malformed_lines[i].line;

		bad = SIZE_MAX;
		errno = 0;
		if (frame_parse(&f, line, strlen(line), &bad) != -1 || errno != EBADMSG ||
		    bad != malformed_lines[i].bad) {
			printf("# malformed line %zu: bad byte at %zu\n", i, bad);
			return false;
		}
	}
	return true;
}

static bool
prefixes_end_too_early(void)
{
	struct frame f;
	size_t bad;

	for (size_t i = 0; i < COUNT(valid_lines); i++) {
		for (size_t n = 0; n < strlen(valid_lines[i].line); n++)
			CHECK(frame_parse(&f, valid_lines[i].line, n, &bad) == -1 && bad == n);
	}
	return true;
}

static bool
limits_of_names_and_lines_hold(void)
{
	char line[FRAME_HEADER_MAX + 2], name[FRAME_NAME_MAX + 1], out[FRAME_HEADER_MAX];
	struct frame f;
	size_t bad, n;

	memset(name, 'n', sizeof(name));
	n = (size_t)snprintf(line, sizeof(line), "M1 1 %.255s s %.255s=v\n", name, name);
	CHECK(frame_parse(&f, line, n, &bad) == 0 && f.tag.len == 255);
	n = (size_t)snprintf(line, sizeof(line), "M1 1 %.256s s\n", name);
	CHECK(frame_parse(&f, line, n, &bad) == -1 && bad == 5 + 255);
	n = (size_t)snprintf(line, sizeof(line), "M1 1 t s %.256s=v\n", name);
	CHECK(frame_parse(&f, line, n, &bad) == -1 && bad == 9 + 255);
	CHECK(frame_name_ok((struct slice){ name, 255 }) && !frame_name_ok((struct slice){ name, 256 }));
	CHECK(frame_key_ok((struct slice){ name, 255 }) && !frame_key_ok((struct slice){ name, 256 }));
	CHECK(!frame_name_ok(S("")) && !frame_name_ok(S("a b")) && !frame_name_ok(S("a\n")));
	CHECK(frame_name_ok(S("\xff")));
	CHECK(!frame_key_ok(S("")) && !frame_key_ok(S("-a")) && frame_key_ok(S("a-0")) && !frame_key_ok(S("aB")));

	memset(line, 'v', sizeof(line));
	memcpy(line, "M1 1 t s k=", 11);
	line[FRAME_HEADER_MAX - 1] = '\n';
	CHECK(frame_parse(&f, line, FRAME_HEADER_MAX, &bad) == 0);
	CHECK(frame_head(out, 1, false, f.tag, f.source, f.extra) == FRAME_HEADER_MAX);
	CHECK(frame_head(out, 10, false, f.tag, f.source, f.extra) == 0 && errno == EMSGSIZE);
	CHECK(frame_head(out, 1, true, f.tag, f.source, f.extra) == 0 && errno == EMSGSIZE);
	line[FRAME_HEADER_MAX - 1] = 'v';
	line[FRAME_HEADER_MAX] = '\n';
	CHECK(frame_parse(&f, line, FRAME_HEADER_MAX + 1, &bad) == -1 && bad == FRAME_HEADER_MAX - 1);
	return true;
}

static bool
values_survive_their_encoding(void)
{
	char raw[256], coded[3 * 256], back[3 * 256];
	struct frame f;
	char line[1024];
	long n;

	for (int i = 0; i < 256; i++)
		raw[i] = (char)i;
	n = frame_encode(coded, sizeof(coded), (struct slice){ raw, sizeof(raw) });
	CHECK(n == 93 + 3 * (256 - 93));
	CHECK(frame_encode(coded, (size_t)n - 1, (struct slice){ raw, sizeof(raw) }) == -1 && errno == EMSGSIZE);
	CHECK(frame_parse(&f, line, (size_t)sprintf(line, "M1 0 t s k=%.*s\n", (int)n, coded), NULL) == 0);
	memcpy(back, coded, (size_t)n);
	CHECK(frame_decode(back, (struct slice){ back, (size_t)n }) == 256 && memcmp(back, raw, 256) == 0);
	CHECK(frame_decode(back, S("%4")) == -1 && frame_decode(back, S("%c3")) == -1);
	CHECK(frame_decode(back, S("a b")) == -1 && frame_decode(back, S("")) == 0);
	return true;
}

/* ---- filter, clock, message ---- */

static bool
filters_rank_and_exclude(void)
{
	struct filter f = { 0 };
	char many[512];

	CHECK(filter_match(&f, S("any"), S("who")) && filter_ok(&f));
	CHECK(filter_add(&f, 't', "urgent") == 0 && filter_add(&f, 't', "job.*") == 0 && filter_add(&f, 't', "-") == 0);
	CHECK(filter_add(&f, 'T', "job.[0-9]") == 0 && filter_add(&f, 'S', "mallory*") == 0);
	CHECK(filter_add(&f, 's', "?*") == 0);
	CHECK(filter_rank_tag(&f, S("urgent")) == 0 && filter_rank_tag(&f, S("job.x")) == 1);
	CHECK(filter_rank_tag(&f, S("-")) == 2);
	CHECK(filter_rank_tag(&f, S("job.7")) == FILTER_NO_MATCH && filter_rank_tag(&f, S("x")) == FILTER_NO_MATCH);
	CHECK(filter_match(&f, S("urgent"), S("a")) && !filter_match(&f, S("urgent"), S("mallory.1")));
	CHECK(filter_ok(&f));
	CHECK(filter_add(&f, 't', "") == -1 && errno == EINVAL);
	CHECK(filter_add(&f, 'x', "a") == -1 && errno == EINVAL);
	memset(many, 'a', sizeof(many));
	many[256] = '\0';
	CHECK(filter_add(&f, 't', many) == -1 && errno == EINVAL);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(many, sizeof many, "tag.%u", i);
		CHECK(filter_add(&f, 't', many) == 0);
	}
	CHECK(filter_ok(&f) && filter_count(&f, 't') == 10003 && filter_rank_tag(&f, S("tag.9999")) == 10002);
	f.text[f.len - 1] = 'x';
	CHECK(!filter_ok(&f));
	memcpy(many, "ta\0t\0", 6);
	f = (struct filter){ .len = 4, .text = many };
	CHECK(!filter_ok(&f));          /* a kind without its pattern */
	f.text[3] = '\0';
	CHECK(!filter_ok(&f));
	f = (struct filter){ .len = 2, .text = many + 3 };
	f.text[0] = 't';
	CHECK(!filter_ok(&f));          /* an empty pattern */
	return true;
}

static bool
a_wider_filter_matches_what_the_filter_does(void)
{
	char text[64];
	struct filter f = { 0 }, wider = { .text = text, .room = sizeof text };

	CHECK(filter_add(&f, 'T', "no") == 0 && filter_add(&f, 's', "who") == 0 && filter_add(&f, 't', "a") == 0);
	filter_widen(&wider, &f);
	CHECK(wider.len == f.len && filter_ok(&wider) && filter_match(&wider, S("a"), S("who")));
	CHECK(!filter_match(&wider, S("b"), S("who")) && !filter_match(&wider, S("a"), S("me")));
	while (f.len <= 2 * sizeof text)
		CHECK(filter_add(&f, 't', "another") == 0);
	filter_widen(&wider, &f);
	CHECK(filter_ok(&wider) && filter_match(&wider, S("a"), S("who")) && filter_match(&wider, S("b"), S("who")));
	CHECK(!filter_match(&wider, S("no"), S("who")) && !filter_match(&wider, S("a"), S("me")));
	return true;
}

static bool
durations_are_read(void)
{
	static const struct { const char *text; uint64_t ns; } good[] = {
		{ "0", 0 }, { "10", 10000000000 }, { "0.25", 250000000 }, { "500ms", 500000 * UINT64_C(1000) },
		{ "10s", 10000000000 }, { "5m", 300000000000 }, { "2h", 7200000000000 }, { "0.000000001", 1 },
		{ "1.5ms", 1500000 }, { ".5", 500000000 }, { "1.", 1000000000 },
	};
	static const char *const bad[] = {
		"", ".", ".s", "s", "-1", "+1", "1..", "1x", "1 s", "inf", "0x1", "1e3", "1d",
	};
	uint64_t ns;

	for (size_t i = 0; i < COUNT(good); i++)
		CHECK(clock_parse(good[i].text, &ns) == 0 && ns == good[i].ns);
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK(clock_parse(bad[i], &ns) == -1 && errno == EINVAL);
	CHECK(clock_parse("4611686018.5", &ns) == -1 && errno == ERANGE);
	CHECK(clock_parse("99999999999999999999999h", &ns) == -1 && errno == ERANGE);
	CHECK(clock_left_ms(CLOCK_NEVER, 7) == 7 && clock_left_ms(0, 7) == 0);
	CHECK(clock_after(CLOCK_NEVER) == CLOCK_NEVER);
	CHECK(clock_at_least(CLOCK_NEVER, 1) == CLOCK_NEVER && clock_at_least(0, CLOCK_NEVER) == CLOCK_NEVER);
	CHECK(clock_at_least(0, 1000000000000) > clock_mono_ns() && clock_left_ms(clock_at_least(0, 0), 7) == 0);
	CHECK(clock_left_ms(clock_after(1000000000000), 7) == 7 && clock_left_ms(clock_after(0), 7) == 0);
	return true;
}

static bool
fields_leave_and_join_the_headers(void)
{
	static const char line[] = "M1 3 t s id=7 time=1700000000.000250 try=2 uid=1000 a=1 re=5\n";
	static const char mixed[] = "M1 3 t s a=1 id=7 b=2 try=x c=3 uid=99999999999 d= time=1.5\n";
	char scratch[FRAME_HEADER_MAX], out[FRAME_HEADER_MAX];
	struct message m;
	struct frame f;

	CHECK(frame_parse(&f, line, strlen(line), NULL) == 0);
	message_of_frame(&m, &f, scratch);
	CHECK(m.id == 7 && m.time_us == 1700000000000250 && m.attempt == 2 && m.uid == 1000 && m.len == 3);
	CHECK(slice_is(m.extra, "a=1 re=5") && m.extra.p != scratch);
	CHECK(message_head(out, &m, 3, false) == strlen(line) && memcmp(out, line, strlen(line)) == 0);
	CHECK(frame_parse(&f, mixed, strlen(mixed), NULL) == 0);
	message_of_frame(&m, &f, scratch);
	CHECK(m.id == 7 && m.time_us == 0 && m.attempt == 0 && m.uid == -1 && slice_is(m.extra, "a=1 b=2 c=3 d="));
	return true;
}

#include "unit_reader.h"
#include "unit_writer.h"
#include "unit_mbox.h"

static const struct {
	bool (*holds)(void);
	const char *title;
} promises[] = {
	{ valid_lines_come_back, "every valid header line is read and comes back byte for byte" },
	{ malformed_lines_are_refused, "every malformed header line is refused at its first wrong byte" },
	{ prefixes_end_too_early, "a header line that stops anywhere is told to end there" },
	{ limits_of_names_and_lines_hold, "names end at 255 bytes and header lines at 4096" },
	{ values_survive_their_encoding, "a header's value of any bytes survives its encoding" },
	{ filters_rank_and_exclude, "a filter ranks by its patterns' order, and exclusions win" },
	{ a_wider_filter_matches_what_the_filter_does, "what has place of a filter matches all that the filter does" },
	{ durations_are_read, "durations are read with their units, and nothing else is" },
	{ fields_leave_and_join_the_headers, "id, time, try and uid leave the headers and join them again" },
	{ ctl_stands_still_only_where_both_copies_say_so, "ctl stands still only where both copies say so" },
	{ what_a_newer_version_has_set_is_refused, "what a newer version has set is refused" },
	{ nothing_in_an_index_stands_on_something_else, "nothing in an index stands on something else" },
	{ an_index_is_no_longer_than_its_messages_need, "an index is no longer than its messages need" },
	{ ctl_that_cannot_be_is_refused, "a ctl that cannot be is refused, whichever field says so" },
	{ slots_that_cannot_be_are_refused, "slots that cannot be are refused, whichever field says so" },
	{ wants_beyond_the_first_thousand_have_their_place, "wants beyond the first thousand have their place, and their turn" },
	{ no_spool_without_a_want, "no file is made for a large payload where no want can tell whose it is" },
	{ dropped_is_what_is_gone, "a message that is there was not dropped, whatever its sender's want says" },
	{ what_could_not_be_settled_twice_is_settled_once, "what a failing disk kept from being settled is settled once" },
	{ split_all, "a stream may be split at any byte" },
	{ split_shared, "a stream may be split at any byte, where receivers share it" },
	{ split_one, "a stream may be split at any byte, where one message is taken" },
	{ cut_short_is_told_everywhere, "a stream cut short at any byte is told from one that ended" },
	{ a_new_header_tells_of_a_cut_message, "a header where a continuation must stand begins a new message" },
	{ bad_bytes_are_placed, "a bad byte in a stream is told by its offset, and nothing is read on from there" },
	{ one_takes_no_byte_more, "taking one message takes no byte of the next, and holds the lock inside it only" },
	{ shared_finishes_what_it_began, "sharing receivers take whole messages, and hand them out unlocked" },
	{ a_slow_message_is_handed_out_as_it_comes, "a message in chunks is handed out as they come" },
	{ sizes_through_pipes, "payloads of any length pass a pipe, with and without a deadline" },
	{ sizes_through_fifos, "payloads of any length pass a FIFO" },
	{ sizes_through_files, "payloads of any length pass a file" },
	{ writers_never_mix, "writers to one FIFO never mix, and each one's order is kept" },
	{ receivers_share_a_fifo, "receivers that share a FIFO get whole messages" },
	{ no_room_tears_nothing, "a send that finds no room by its deadline tears nothing" },
	{ a_full_disk_leaves_no_torn_frame, "a file that cannot grow is cut back to whole messages" },
	{ drain_tells_what_is_unread, "a drain waits for the readers and tells what they left" },
	{ a_file_is_followed, "a file that grows byte by byte is followed" },
	{ a_stop_ends_a_wait, "a signal that asks to stop ends a wait" },
	{ a_stop_ends_what_begins_after_it, "a signal that asks to stop ends a system call that begins just after it" },
};

int
main(void)
{
	bool good = true;

	signal(SIGPIPE, SIG_IGN);
	printf("1..%zu\n", COUNT(promises));
	for (size_t i = 0; i < COUNT(promises); i++) {
		bool holds;

		fflush(stdout);
		alarm(120);
		holds = promises[i].holds();
		printf("%s %zu - %s\n", holds ? "ok" : "not ok", i + 1, promises[i].title);
		good = good && holds;
	}
	return good ? 0 : 1;
}
