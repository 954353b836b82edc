# letterbox: message passing for the shell
#
#   make                build the programs into bin/
#   make check          build, then run every test but the long ones
#   make check-long     the long ones: what a test of check has a short form of
#   make torture        kill each tool at each of its system calls, and make each of them fail: all points
#   make storm          kill ten thousands of senders, receivers, handlers and callers, and account for each message
#   make fuzz           fuzz the parsers and a mailbox's files; FUZZ_SECONDS for each target
#   make bench          compare it with its peers, 15 minutes; bench-quick: 2.  BENCH names some of the rows
#   make power          simulate a loss of power at each moment of some runs; POWER="-n STATES -s SEED SCENARIO..."
#   make demo           watch it work: this machine's files as messages
#   make lint           static checks: layers, warnings, linters
#   make install        programs, manual pages and completions, below DESTDIR/PREFIX
#
# Yours to set: CC CPPFLAGS CFLAGS LDFLAGS PREFIX DESTDIR
#   STATIC=no           link dynamically (default: static where the machine can)
#   WERROR=1            warnings are errors
#   V=1                 print commands in full

VERSION = 0.1.0

# The rooms of src/, lowest first: a file may use only what is in its own room or in one before it ("make lint"
# checks this).  For each room its modules: NAME is NAME.c with NAME.h, NAME.h is a header alone.  src/README.md is the map.
ROOMS = base frame stream mailbox/disk mailbox/box mailbox/wait mailbox/queue mailbox/send mailbox/recv mailbox/drop \
	mailbox channel deliver tool
base = bytes.h fail.h alarm bootid clock hash io json memory nofile num outbuf process reclock safefile signals splice users
frame = filter frame message tmpfile
stream = fifo mend open reader sight splice_fan splice_in splice_out transmit writer
mailbox/disk = batch ctl damage dropdir due extent.h replydir seg wakefifo want
mailbox/box = audit callers compact create delay fscheck mbox piece recover rights shut txn
mailbox/wait = backlog keeper listen wait wake
mailbox/queue = evict fall listing offer request settle snapshot.c
mailbox/send = append completion groupsync handover later newest spool
mailbox/recv = claim end inflight.c redeliver search verify
mailbox/drop = address put queue take
mailbox = change.c look.h mailbox.h mode.h receiver.c sender.c settings.h
channel = fan inlet input select serve sink
deliver = command deliver feed job jobs output render reply replybox
tool = args cli header list rates receive setting show tell

MODULES = $(foreach room,$(ROOMS),$($(room):%=$(room)/%))

# The programs: src/tool/NAME.c each.
TOOLS = msend mrecv mcall mkmbox chmbox rmmbox mtee mstat

# Shell tools kept in bin/ as they are (tracked by git; .gitignore names them too).
SCRIPTS =

# ---- where things go

BUILD = build
BIN = bin
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d

# ---- compiler and flags

# try FLAGS -- "yes" where $(CC) compiles and links with them.
try = $(shell echo 'int main(void) { return 0; }' | $(CC) -Werror $(1) -x c - -o /dev/null 2>/dev/null && echo yes)

# A one-shot tool spends most of its time starting up: static musl starts fastest, static glibc next.
STATIC ?= auto
LINK =
ifneq ($(STATIC),no)
ifeq ($(origin CC),default)
ifneq ($(shell command -v musl-gcc),)
CC = musl-gcc
endif
endif
LINK := $(if $(call try,-static),-static)
endif

CFLAGS ?= -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2

FEATURES = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
DEFINES = $(FEATURES) -DLETTERBOX_VERSION=\"$(VERSION)\"
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings $(if $(filter 1,$(WERROR)),-Werror)
HARDEN := -fstack-protector-strong $(if $(call try,-fstack-clash-protection),-fstack-clash-protection)

COMPILE = $(CC) $(DEFINES) $(WARNINGS) $(HARDEN) -ffunction-sections -fdata-sections $(CPPFLAGS) $(CFLAGS)
LINKING = $(CC) $(CFLAGS) $(LINK) -Wl,--gc-sections,--sort-section=alignment -Wl,-z,relro,-z,now $(LDFLAGS)

Q = $(if $(filter 1,$(V)),,@)

# ---- building

OBJECTS = $(patsubst %,$(BUILD)/%.o,$(patsubst %.c,%,$(filter-out %.h,$(MODULES))))
PROGRAMS = $(TOOLS:%=$(BIN)/%)
LIBRARY = $(BUILD)/letterbox.a

all: $(PROGRAMS)

$(BIN)/%: $(BUILD)/tool/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/unit/unit: $(BUILD)/unit/unit.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/inspect: $(BUILD)/torture/inspect.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/around: $(BUILD)/torture/around.o
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

# The storm, and the tools instrumented for it.
STORM = main content tool send receive command call judge
storm-parts: $(BUILD)/storm/storm $(TOOLS:%=$(BUILD)/storm/bin/%)
$(BUILD)/storm/storm: $(STORM:%=$(BUILD)/storm/%.o)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^
$(BUILD)/storm/bin/%: $(BUILD)/tool/%.o $(BUILD)/storm/spray.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(LINKING) -Wl,--wrap=clock_gettime -o $@ $^

# A fuzz target over its corpus; with libFuzzer in place of run.c (make fuzz) it also searches for more inputs.
FUZZERS = frame stream box render words
FUZZ_PARTS = fuzz patch
FUZZ_MAIN = $(BUILD)/fuzz/run.o
$(BUILD)/fuzz-%: $(BUILD)/fuzz/%.o $(FUZZ_PARTS:%=$(BUILD)/fuzz/%.o) $(LIBRARY) $(filter %.o,$(FUZZ_MAIN))
	@echo "  link  $@"
	$(Q)$(LINKING) $(FUZZ_WRAP) -o $@ $(filter-out $(LIBRARY),$^) $(filter-out %.o,$(FUZZ_MAIN)) $(LIBRARY)
$(BUILD)/fuzz-words: FUZZ_WRAP = -Wl,--wrap=exit,--wrap=io_write

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(COMPILE) -Isrc -MMD -MP -c -o $@ $<

$(BUILD)/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(COMPILE) -Isrc -MMD -MP -c -o $@ $<

# Rebuild all when flags or compiler have changed.
$(BUILD)/flags: export FLAGS = $(COMPILE) + $(LINKING)
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo "$$FLAGS" | cmp -s - $@ || { echo "$$FLAGS" >$@; \
		echo "letterbox $(VERSION), $(or $(LINK:-%=%),dynamic), by $(CC) $(CFLAGS)"; }

-include $(OBJECTS:.o=.d) $(TOOLS:%=$(BUILD)/tool/%.d) $(wildcard $(BUILD)/*/*.d)

fuzzers: $(FUZZERS:%=$(BUILD)/fuzz-%)

# ---- checking

# Tests find the programs first in PATH and other parts by BIN and BUILD.  TESTS names some of them, BATSFLAGS is for
# bats (BATSFLAGS="--filter REGEX"), TAGS the tags that a test must have, JOBS the number of files that run in parallel:
# two a processor, for two thirds of their time they wait.
# FUSE: whether bindfs(1) can mount here; where it cannot there is nothing for the tests with that tag to see.
TESTS = tests/*/*.bats
BATSFLAGS =
TAGS = !long$(if $(FUSE),,$(comma)!fuse)
JOBS = $(shell expr 2 \* $$(nproc))
FIRST = $(abspath $(BIN))
FUSE = $(shell d=$$(mktemp -d) && mkdir "$$d/a" "$$d/b" && if bindfs "$$d/a" "$$d/b" 2>/dev/null; then \
	umount "$$d/b" && echo yes; fi; rmdir "$$d/a" "$$d/b" "$$d")
check: all $(BUILD)/unit/unit $(BUILD)/inspect $(BUILD)/around fuzzers storm-parts
	@PATH="$(FIRST):$$PATH" BIN="$(abspath $(BIN))" BUILD="$(abspath $(BUILD))" \
		tests/run.sh -j $(JOBS) --filter-tags '$(TAGS)' $(BATSFLAGS) -- $(TESTS)

check-long: TAGS = long
check-long: TESTS = $(shell grep -lE '^\# bats (file|test)_tags=.*\<long\>' tests/*/*.bats)
check-long: check

# The same tests with the sanitizers.  Reports go to files, so that none is lost in a test that checks neither status
# nor standard error; strace(1) and the leak checker exclude each other.
# LEAKS=0: without that checker, which takes half the time.  Static libraries, where available, start faster.
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_LINK = $(if $(call try,-fsanitize=address$(comma)undefined -static-libasan -static-libubsan),-static-libasan -static-libubsan)
LEAKS = 1
comma = ,
check-sanitize: D = $(abspath build/sanitize)
check-sanitize:
	@rm -rf $(D)/log && mkdir -p $(D)/log $(D)/first && chmod 1777 $(D)/log
	@printf '#!/bin/sh\nASAN_OPTIONS=$$ASAN_OPTIONS:detect_leaks=0 exec %s "$$@"\n' "$$(command -v strace)" >$(D)/first/strace
	@chmod +x $(D)/first/strace
	@ASAN_OPTIONS=log_path=$(D)/log/asan:exitcode=99:detect_leaks=$(LEAKS) UBSAN_OPTIONS=log_path=$(D)/log/ubsan:print_stacktrace=1 \
	$(MAKE) --no-print-directory -j$(JOBS) check STATIC=no BUILD=build/sanitize BIN=build/sanitize/bin \
		FIRST='$(D)/first:$(D)/bin' CFLAGS='$(SANITIZE)' LDFLAGS='$$(SANITIZE_LINK)' TESTS='$(TESTS)' \
		TAGS='$(TAGS),!no-sanitize' BATSFLAGS='$(BATSFLAGS)'
	@# a tool that a test kills while the leak checker looks at it leaves a line, and no report
	@grep -LE 'ERROR: |runtime error' $(D)/log/* 2>/dev/null | xargs -r rm -f
	@! cat $(D)/log/* 2>/dev/null || { echo "check-sanitize: see the reports above"; exit 1; }

VALGRIND = valgrind -q --vgdb=no --leak-check=full --error-exitcode=99 --child-silent-after-fork=yes
check-valgrind: D = $(abspath build/valgrind)
check-valgrind:
	@rm -rf $(D)/log $(D)/first && mkdir -p $(D)/log $(D)/first && chmod 1777 $(D)/log
	@for tool in $(TOOLS); do \
		printf '#!/bin/sh\nexec %s "$$@"\n' "$(VALGRIND) --log-file=$(D)/log/$$tool.%p $(D)/bin/$$tool" \
			>$(D)/first/$$tool && chmod +x $(D)/first/$$tool || exit 1; \
	done
	@LIMIT=60 $(MAKE) --no-print-directory -j$(JOBS) check STATIC=no BUILD=build/valgrind BIN=build/valgrind/bin \
		FIRST='$(D)/first' CFLAGS='-O1 -g' TESTS='$(TESTS)' \
		TAGS='$(TAGS),!no-valgrind' BATSFLAGS='$(BATSFLAGS)'
	@find $(D)/log -size 0 -exec rm {} +
	@# valgrind does not know the write hints of an inode, and passes them on
	@! grep -hv 'Warning: unimplemented fcntl command: 103[56]$$' $(D)/log/* 2>/dev/null || { \
		echo "check-valgrind: see the reports above"; exit 1; }

# tests/torture/torture.bats tries a sample of the points.  TORTURE names some of the uses: make torture TORTURE="msend mrecv"
TORTURE =
torture: all $(BUILD)/inspect $(BUILD)/around
	@PATH="$(FIRST):$$PATH" BIN="$(abspath $(BIN))" BUILD="$(abspath $(BUILD))" tests/torture/torture.sh $(TORTURE)

# tests/storm/storm.bats is the short form.  STORM_ARGS is for all parts of it: make storm STORM_ARGS="-s 7"
STORM_ARGS =
storm: all storm-parts
	@PATH="$(FIRST):$$PATH" BUILD="$(abspath $(BUILD))" tests/storm/long.sh $(STORM_ARGS)

# Each target in turn, one process; findings are in build/libfuzzer/found, new inputs in .../corpus.
FUZZ_SECONDS = 60
FUZZ = $(FUZZERS)
fuzz: D = build/libfuzzer
fuzz:
	@$(MAKE) --no-print-directory $(FUZZ:%=$(D)/fuzz-%) CC=clang STATIC=no BUILD=$(D) FUZZ_MAIN=-fsanitize=fuzzer \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
	@tests/fuzz/fuzz.sh $(D) $(FUZZ_SECONDS) $(FUZZ)
# ---- measuring

# Drivers of peers are linked as the peers' packages require, however the tools are built.
BENCH =
BENCH_OUT = $(BUILD)/bench/out
DRIVERS = $(patsubst %,$(BUILD)/bench/%,lap ping ipc spawn queue zmq nano nng)
$(BUILD)/bench/%: tests/bench/%.c tests/bench/peer.h
	@mkdir -p $(@D)
	@echo "  bench $@"
	$(Q)gcc -O2 -std=gnu17 -Wall -Wextra -o $@ $< $(if $(findstring zmq,$@),-lzmq)$(if $(findstring nng,$@),-lnng)$(if \
		$(findstring nano,$@),-lnanomsg)

$(BUILD)/bench/empty: $(BUILD)/bench/empty.o
	@echo "  bench $@"
	$(Q)$(LINKING) -o $@ $^

bench bench-quick: all $(DRIVERS) $(BUILD)/bench/empty
	@BIN="$(abspath $(BIN))" BUILD="$(abspath $(BUILD))" tests/bench/run.sh $(if $(filter bench-quick,$@),-q) \
		$(BENCH_OUT) $(BENCH)

# tests/power/power.bats tries one disk state for each moment of some of the runs.
POWER = -n 12
power: all
	@BIN="$(abspath $(BIN))" tests/power/power.sh $(POWER)

# LINT names some of the checks in tests/lint: make lint LINT="walls man"
LINT =
lint:
	@MAKE='$(MAKE)' ROOMS='$(ROOMS)' MODULES='$(MODULES)' TOOLS='$(TOOLS)' FEATURES='$(FEATURES)' tests/lint/run.sh $(LINT)

demo: all
	@PATH="$(abspath $(BIN)):$$PATH" tests/demo.sh

# ---- installing

# each DIRECTORY,COMMAND -- run COMMAND for each file $$f of a directory, which may be empty.
each = @for f in $(1)/*; do [ ! -f "$$f" ] || $(2) || exit 1; done
PUT = install -m 644 "$$f"

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(PROGRAMS) $(SCRIPTS:%=bin/%) $(DESTDIR)$(BINDIR)
	$(call each,man,$(PUT) "$(DESTDIR)$(MANDIR)/man$${f##*.}")
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(call each,completions/bash,$(PUT) "$(DESTDIR)$(BASHDIR)")
	$(call each,completions/zsh,$(PUT) "$(DESTDIR)$(ZSHDIR)")
	$(call each,completions/fish,$(PUT) "$(DESTDIR)$(FISHDIR)")

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(SCRIPTS:%=$(DESTDIR)$(BINDIR)/%)
	$(call each,man,rm -f "$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}")
	$(call each,completions/bash,rm -f "$(DESTDIR)$(BASHDIR)/$${f##*/}")
	$(call each,completions/zsh,rm -f "$(DESTDIR)$(ZSHDIR)/$${f##*/}")
	$(call each,completions/fish,rm -f "$(DESTDIR)$(FISHDIR)/$${f##*/}")

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=letterbox-$(VERSION)/ -o $(BUILD)/letterbox-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(BUILD)
	rm -f $(PROGRAMS)

.PHONY: power storm storm-parts all bench bench-quick fuzzers check check-long check-sanitize check-valgrind torture fuzz lint demo install uninstall dist clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
