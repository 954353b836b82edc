/* SPDX-License-Identifier: ISC */
/*
 * words: what a user types: command lines, numbers, sizes, durations, tags, headers, globs, names; and what is said of
 * it.
 *
 * The first byte chooses, the rest is the words, a NUL behind each.  Values are compared with what a plain reading of
 * them gives; and whatever is said is lines of printable ASCII, with the tool's name in front.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io.h"
#include "frame/filter.h"
#include "fuzz.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/header.h"
#include "tool/line.h"

enum { WORDS_MAX = 40 };

static const struct args_option table[] = {
	{ 'a', "all", NULL, "no value" },
	{ 'b', "both", NULL, "no value" },
	{ 'c', "count", "N", "a value" },
	{ 'w', "wait", "SECONDS", "a value" },
	{ 'W', "waiting", "SECONDS", "begins as another does" },
	ARGS_COMMON
};

static const struct tool tool = { "words", "words [-abV] [-c count] [-w wait] name...", table,
	{ "words one", "words -a one two" }, false };

/* ---- what is said: exit(3) and io_write are wrapped ---- */

static jmp_buf out;
static bool caught;             /* exit(3) is to come back to out */
static int exit_status;
static struct text said;

_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);
int __real_io_write(int fd, const void *buf, size_t n);
int __wrap_io_write(int fd, const void *buf, size_t n);

void
__wrap_exit(int status)
{
	if (!caught)
		__real_exit(status);
	exit_status = status;
	longjmp(out, 1);
}

int
__wrap_io_write(int fd, const void *buf, size_t n)
{
	if (fd > 2)
		return __real_io_write(fd, buf, n);
	text_add(&said, buf, n);
	return 0;
}

/* check_said -- lines of printable ASCII, the first of which the tool's name begins. */
static void
check_said(bool something)
{
	MUST(!something == (said.len == 0));
	if (said.len == 0)
		return;
	MUST(said.len > 7 && memcmp(said.p, "words: ", 7) == 0 && said.p[said.len - 1] == '\n');
	for (size_t i = 0; i < said.len; i++)
		MUST(said.p[i] == '\n' || (said.p[i] >= 0x20 && said.p[i] <= 0x7e));
}

/* ---- values ---- */

enum value { COUNT, CAPACITY, SIZE, SECONDS, TAG, GLOB, HEADER, SOURCE };

/* take -- read the option's value into what `to` is.  Returns 0, or -1 where it was refused by exit(3). */
static int
take(const struct args *a, enum value value, int kind, void *to)
{
	static const char *const ours[] = { "call", "reply", NULL };

	caught = true;
	if (setjmp(out) != 0) {
		caught = false;
		MUST(exit_status == CLI_USAGE);
		return -1;
	}
	switch (value) {
	case COUNT: *(uint64_t *)to = args_count(a, false); break;
	case CAPACITY: *(uint64_t *)to = args_count(a, true); break;
	case SIZE: *(uint64_t *)to = args_bytes(a); break;
	case SECONDS: *(uint64_t *)to = args_seconds(a); break;
	case TAG: *(struct slice *)to = args_tag(a); break;
	case GLOB: args_glob(a, to, kind); break;
	case HEADER: header_add(to, a, ours); break;
	case SOURCE: cli_source(to, a->value); break;
	}
	caught = false;
	return 0;
}

/* leading -- the digits that s begins with, as a number; above 2^63 - 1 it is UINT64_MAX.  Returns how many there are. */
static size_t
leading(const char *s, uint64_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; s[i] >= '0' && s[i] <= '9'; i++)
		*n = *n > (INT64_MAX - (uint64_t)(s[i] - '0')) / 10 ? UINT64_MAX : *n * 10 + (uint64_t)(s[i] - '0');
	return i;
}

static void
try_seconds(const struct args *a)
{
	static const struct { const char *unit; uint64_t ns; } units[] = {
		{ "", 1000000000 }, { "s", 1000000000 }, { "ms", 1000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
	};
	const uint64_t most = UINT64_C(1) << 62;
	uint64_t ns = 0, unit = 0, whole, part, sum = 0;
	size_t n = leading(a->value, &whole), digits = 0;
	const char *rest = a->value + n;
	int r = take(a, SECONDS, 0, &ns);
	bool good;

	if (*rest == '.') {
		digits = leading(rest + 1, &part);
		rest += 1 + digits;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(rest, units[i].unit) == 0)
			unit = units[i].ns;
	good = unit != 0 && n + digits > 0 && whole <= most / unit;
	if (good) {
		sum = whole * unit;
		part = unit;
		for (size_t i = 0; i < digits; i++) {
			part /= 10;
			sum += part * (uint64_t)(rest[(long)i - (long)digits] - '0');
		}
		good = sum <= most;
	}
	MUST((r == 0) == good);
	MUST(r == -1 || ns == (sum > 0 ? sum : 1));
	check_said(r == -1);
}

static void
try_number(const struct args *a, enum value value)
{
	static const char units[] = "KMG";
	uint64_t got = 0, n;
	bool bytes = value == SIZE, inf_ok = value != COUNT;
	size_t len = leading(a->value, &n);
	const char *rest = a->value + len, *unit = *rest != '\0' && bytes ? strchr(units, *rest) : NULL;
	int r = take(a, value, 0, &got), shift = 0;
	bool good;

	if (unit != NULL) {
		shift = 10 * (int)(unit - units + 1);
		rest++;
	}
	good = len > 0 && *rest == '\0' && n <= (uint64_t)INT64_MAX >> shift && (inf_ok || n >= 1);
	n <<= shift;
	if (inf_ok && strcmp(a->value, "inf") == 0) {
		good = true;
		n = UINT64_MAX;
	}
	MUST((r == 0) == good && (r == -1 || got == n));
	check_said(r == -1);
}

static void
try_tag(const struct args *a)
{
	struct slice tag;
	int r = take(a, TAG, 0, &tag);

	MUST((r == 0) == frame_name_ok(slice_of(a->value)));
	check_said(r == -1);
}

/* try_headers -- what is taken can stand in a frame, and says what was given. */
static void
try_headers(struct args *a, char **words)
{
	struct header h = { .len = 0 };
	char line[FRAME_HEADER_MAX], decoded[FRAME_HEADER_MAX], key[FRAME_KEY_MAX + 1];
	struct frame f;
	struct slice value;
	const char *equals;
	size_t n;

	for (; *words != NULL; words++) {
		a->value = *words;
		said.len = 0;
		if (take(a, HEADER, 0, &h) == -1) {
			check_said(true);
			continue;
		}
		check_said(false);
		equals = strchr(*words, '=');
		MUST(equals != NULL && frame_key_ok((struct slice){ *words, (size_t)(equals - *words) }));
		memcpy(key, *words, (size_t)(equals - *words));
		key[equals - *words] = '\0';
		MUST(frame_header((struct slice){ h.text, h.len }, key, &value));
		n = (size_t)frame_decode(decoded, value);
		MUST(slice_eq((struct slice){ decoded, n }, slice_of(equals + 1)));
		MUST(strcmp(key, "id") != 0 && strcmp(key, "uid") != 0 && strcmp(key, "call") != 0);
	}
	n = frame_head(line, 0, false, slice_of("t"), slice_of("s"), (struct slice){ h.text, h.len });
	MUST(n == 0 || frame_parse(&f, line, n, NULL) == 0);
}

/* ---- globs ---- */

/* glob -- whether a pattern without brackets matches, by trying. */
static bool
glob(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s != '\0') {
		if (*p == '*') {
			star = ++p;
			from = s;
		} else if (*p == '\\' ? p[1] == *s : *p == '?' || *p == *s) {
			p += 1 + (*p == '\\');
			s++;
		} else if (star != NULL) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

/* is_plain -- whether glob() knows the pattern. */
static bool
is_plain(const char *p)
{
	size_t n = strlen(p), slashes = 0;

	while (slashes < n && p[n - 1 - slashes] == '\\')
		slashes++;
	return strchr(p, '[') == NULL && slashes % 2 == 0;
}

static uint32_t
rank_of(char *const *patterns, const char *kinds, char want, char not, const char *name)
{
	uint32_t wanted = 0, rank = FILTER_NO_MATCH;

	for (size_t i = 0; kinds[i] != '\0'; i++) {
		if (kinds[i] == not && glob(patterns[i], name))
			return FILTER_NO_MATCH;
		if (kinds[i] != want)
			continue;
		if (rank == FILTER_NO_MATCH && glob(patterns[i], name))
			rank = wanted;
		wanted++;
	}
	return wanted == 0 ? 0 : rank;
}

/* try_globs -- the last word is the name, the others are patterns, of kinds that their first byte tells. */
static void
try_globs(struct args *a, char **words, unsigned n)
{
	struct filter f = { .len = 0 };
	char *taken[WORDS_MAX], kinds[WORDS_MAX + 1];
	unsigned used = 0;
	bool plain = true;
	struct slice name;
	int r;

	for (unsigned i = 0; i + 1 < n; i++) {
		char kind = "tsTS"[(unsigned char)words[i][0] % 4];

		a->value = words[i][0] != '\0' ? words[i] + 1 : words[i];
		said.len = 0;
		r = take(a, GLOB, kind, &f);
		check_said(r == -1);
		MUST(filter_ok(&f));
		if (r == -1)
			continue;
		plain = plain && is_plain(a->value);
		taken[used] = a->value;
		kinds[used++] = kind;
	}
	kinds[used] = '\0';
	name = slice_of(n > 0 ? words[n - 1] : "");
	if (name.len > FRAME_NAME_MAX)
		name.len = FRAME_NAME_MAX;
	if (!plain || strlen(name.p) != name.len) {
		filter_match(&f, name, name);
		return;
	}
	MUST(filter_rank_tag(&f, name) == rank_of(taken, kinds, 't', 'T', name.p));
	MUST(filter_rank_source(&f, name) == rank_of(taken, kinds, 's', 'S', name.p));
}

/* ---- names ---- */

static void
try_names(struct args *a, char **words, unsigned n)
{
	char path[PATH_MAX], buf[FRAME_NAME_MAX + 1];
	int r;

	if (n < 2)
		return;
	setenv("MBOX_DIR", words[0], 1);
	r = cli_path(path, words[1]);
	if (r == 0 && (strchr(words[1], '/') != NULL || strcmp(words[1], "-") == 0 || words[0][0] == '\0')) {
		MUST(strcmp(path, words[1]) == 0);
	} else if (r == 0) {
		MUST(strlen(path) == strlen(words[0]) + 1 + strlen(words[1]));
		MUST(memcmp(path, words[0], strlen(words[0])) == 0 && strcmp(strrchr(path, '/') + 1, words[1]) == 0);
	} else {
		MUST(errno == (words[1][0] == '\0' ? ENOENT : ENAMETOOLONG));
	}
	setenv("MBOX_SOURCE", words[0], 1);
	setenv("LOGNAME", words[1], 1);
	a->value = n > 2 ? words[2] : NULL;
	r = take(a, SOURCE, 0, buf);
	MUST(r == -1 || frame_name_ok(slice_of(buf)));
	check_said(r == -1);
	said.len = 0;
	line_warn("%s", words[0]);
	check_said(true);
	said.len = 0;
	errno = (int)strlen(words[1]);
	MUST(cli_fail("open", words[0]) >= 0);
	check_said(true);
}

/* ---- command lines ---- */

/* try_options -- each word is used once, as an option, its value or an operand; in their order. */
static void
try_options(char **words, unsigned n, bool leading_only)
{
	char *argv[WORDS_MAX + 2] = { words[WORDS_MAX] };
	struct args a;
	volatile unsigned options = 0;
	int opt;

	memcpy(argv + 1, words, n * sizeof *words);
	optind = 0;
	args_init(&a, &tool, (int)n + 1, argv);
	caught = true;
	if (setjmp(out) != 0) {
		caught = false;
		MUST(exit_status == CLI_USAGE || exit_status == CLI_OK);
		if (exit_status == CLI_USAGE)
			check_said(true);
		return;
	}
	while ((opt = leading_only ? args_leading(&a) : args_option(&a)) != 0) {
		MUST(strchr("abcwW", opt) != NULL && options < 2000);
		options = options + 1;
		if (opt == 'c')
			args_count(&a, false);
		if (opt == 'w')
			args_seconds(&a);
	}
	caught = false;
	check_said(opt != 0);
	if (opt == 0 && !leading_only)
		MUST(a.operands_n <= n && a.operands[a.operands_n] == NULL);
	if (opt == 0 && leading_only)
		MUST(a.next <= argv + n + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "words", option[] = "-x";
	char *words[WORDS_MAX + 2] = { NULL }, *copy = malloc(size + 2), *p;
	struct args a = { .value = option };
	unsigned n = 0, what = size > 0 ? data[0] % 10 : 0;

	cli_begin(&tool);
	MUST(copy != NULL);
	snprintf(a.option, sizeof a.option, "-x");
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	for (p = copy + 1; size > 1 && p < copy + size && n < WORDS_MAX; p += strlen(p) + 1)
		words[n++] = p;
	if (n > 0)
		a.value = words[0];
	said.len = 0;
	switch (what) {
	case 0: try_seconds(&a); break;
	case 1: try_number(&a, SIZE); break;
	case 2: try_number(&a, CAPACITY); break;
	case 3: try_number(&a, COUNT); break;
	case 4: try_tag(&a); break;
	case 5: try_headers(&a, words); break;
	case 6: try_globs(&a, words, n); break;
	case 7: try_names(&a, words, n); break;
	default:
		words[WORDS_MAX] = name;
		try_options(words, n, what == 9);
	}
	free(copy);
	return 0;
}
