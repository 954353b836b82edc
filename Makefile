# letterbox: message passing for the shell
#
#   make                build the programs into bin/
#   make check          build, then run every test but the long ones
#   make check-long     the long ones: what a test of check has a short form of
#   make check-links    the links to other hosts and to brokers, with real servers; LINK_MESSAGES each journey
#   make check-sanitize the tests with the sanitizers; check-valgrind: under valgrind
#   make torture        kill each tool at each of its system calls, and make each of them fail: all points
#   make storm          kill ten thousands of senders, receivers, handlers and callers, and account for each message
#   make fuzz           fuzz the parsers and a mailbox's files; FUZZ_SECONDS for each target
#   make bench          compare it with its peers, 15 minutes; bench-quick: 2.  BENCH names some of the rows
#   make power          simulate a loss of power at each moment of some runs; POWER="-n STATES -s SEED SCENARIO..."
#   make links          build the adapters of mlink(1) whose libraries are here into build/link/; install-links installs them
#   make hot            write src/hot.ld anew: what a single message runs
#   make demo           watch it work: this machine's files as messages
#   make demo-hosts     the same with three hosts (network namespaces, as root) and a RabbitMQ of three nodes between them
#   make lint           static checks: layers, warnings, linters
#   make install        programs, manual pages and completions, below DESTDIR/PREFIX; uninstall removes them
#   make deb            packages for Debian and Ubuntu, of this commit, into build/deb
#   make dist           the archive of a release, into build
#   make clean          remove what was built
#   make help           print this
#
# Yours to set: CC CPPFLAGS CFLAGS LDFLAGS STRIP PREFIX DESTDIR
#   STATIC=no           link dynamically (default: static where the machine can)
#   WERROR=1            warnings are errors
#   V=1                 print commands in full

VERSION = 0.1.0

# The rooms of src/, lowest first: a file may use only what is in its own room or in one before it ("make lint"
# checks this).  For each room its modules: NAME is NAME.c with NAME.h, NAME.h is a header alone.  src/README.md is the map.
ROOMS = base frame stream mailbox/disk mailbox/box mailbox/wait mailbox/queue mailbox/send mailbox/recv mailbox/drop \
	mailbox channel deliver link tool
base = bytes.h fail.h alarm bootid clock hash io json memory near nofile num outbuf process reclock safefile signals splice tally users waiting
frame = filter frame message tmpfile
stream = fifo mend open reader sight splice_fan splice_in splice_out transmit writer
mailbox/disk = batch ctl damage dropdir due extent.h kept linkfile names once replydir seg wakefifo want
mailbox/box = audit callers compact create delay fscheck links mbox piece recover rights shut txn vouch
mailbox/wait = backlog keeper listen wait wake
mailbox/queue = evict fall latest listing offer request settle snapshot.c
mailbox/send = append completion fresh groupsync handover later newest room spool
mailbox/recv = claim end inflight.c known redeliver search verify
mailbox/drop = address put queue take
mailbox = change.c gather.c link.c look.h mailbox.h mode.h pieces.c receiver.c sender.c sending.h settings.h
channel = fan inlet input select serve sink
deliver = ack ahead command consumer deliver feed framer job jobs output render reply replybox rounds verdict window
link = adapter backlog carry child intake netrc pending settled url
tool = args boxes cli consume framed header line linkchild linkfind linkkeep linkplan \
	linktell linkurl list live nearby progress rates receive report screen \
	setting show table tell waits words

MODULES = $(foreach room,$(ROOMS),$($(room):%=$(room)/%))

# The programs: src/tool/NAME.c each.
TOOLS = msend mrecv mcall mkmbox chmbox rmmbox mtee mstat mlink

# The adapters that need a library: src/link/link-NAME.c, what else of src/link it consists of, its package.  They are
# programs of their own, linked dynamically: "make links" builds those whose library is here.
LINKS = amqp nats
LINK_amqp = amqp_link amqp_out amqp_in
LINK_nats = nats_answer nats_consumer nats_in nats_link nats_out
PACKAGE_amqp = librabbitmq
PACKAGE_nats = libnats
ADAPTERS = $(foreach name,$(LINKS),link/link-$(name).c $(LINK_$(name):%=link/%)) \
	$(OWN_ADAPTERS:%=link/%.c)

# Those that need none, and what belongs to them, are built and installed with the tools.
OWN_ADAPTERS = link-ssh batches
# ... and those that are scripts of sh(1), with what they share.
SHELL_ADAPTERS = link-redis link-postgres
SHELL_SHARED = engine.sh

# Shell tools kept in bin/ as they are (tracked by git; .gitignore names them too).
SCRIPTS =

# ---- where things go

BUILD = build
BIN = bin
STRIP ?= strip
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
LIBEXECDIR ?= $(PREFIX)/libexec/letterbox
MANDIR ?= $(DATADIR)/man
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
EXAMPLEDIR ?= $(DATADIR)/letterbox/examples

# ---- compiler and flags

comma = ,
# try FLAGS -- "yes" where $(CC) compiles and links with them.
try = $(shell f=$$(mktemp) && echo 'int main(void) { return 0; }' | $(CC) -Werror $(1) -x c - -o "$$f" 2>/dev/null && echo yes; rm -f "$$f")

# A one-shot tool spends most of its time starting up: static musl starts fastest, static glibc next.
STATIC ?= auto
LINK =
ifneq ($(STATIC),no)
ifeq ($(origin CC),default)
ifneq ($(shell command -v musl-gcc),)
CC = musl-gcc
endif
endif
LINK := $(if $(call try,-static -no-pie),-static -no-pie)
endif

CFLAGS ?= -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2

FEATURES = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
DEFINES = $(FEATURES) -DLETTERBOX_VERSION=\"$(VERSION)\"
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings $(if $(filter 1,$(WERROR)),-Werror)
# Code and constants are one segment, and what a static program has no use for, data that the dynamic linker has written
# to, makes no page of its own: each page touched at the start is a fault.  Nor is it compiled to be moved: tables of
# pointers are constants then.  What a single message runs, and the small objects, stand together (src/hot.ld).
HOT := $(if $(call try,$(LINK) $(LDFLAGS) -Wl$(comma)-T$(comma)src/hot.ld),-Wl$(comma)-T$(comma)src/hot.ld)
SEGMENTS = -Wl,-z,noseparate-code $(if $(LINK),-Wl$(comma)-z$(comma)norelro,-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now)
HARDEN := -fstack-protector-strong $(if $(call try,-fstack-clash-protection),-fstack-clash-protection)

COMPILE_FLAGS = $(DEFINES) $(WARNINGS) $(HARDEN) -ffunction-sections -fdata-sections $(CPPFLAGS) $(CFLAGS)
COMPILE = $(CC) $(if $(LINK),-fno-pie) $(COMPILE_FLAGS)
LINKING = $(CC) $(CFLAGS) $(LINK) -Wl,--gc-sections $(HOT) $(SEGMENTS) $(LDFLAGS)

Q = $(if $(filter 1,$(V)),,@)

# ---- building

OBJECTS = $(patsubst %,$(BUILD)/%.o,$(patsubst %.c,%,$(filter-out %.h,$(MODULES))))
PROGRAMS = $(TOOLS:%=$(BIN)/%)
LIBRARY = $(BUILD)/letterbox.a

all: $(PROGRAMS) $(patsubst %,$(BUILD)/link/%,$(OWN_ADAPTERS) $(SHELL_ADAPTERS) $(SHELL_SHARED))

$(BIN)/%: $(BUILD)/tool/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(OWN_ADAPTERS:%=$(BUILD)/link/%): $(BUILD)/link/%: $(BUILD)/link/%.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(patsubst %,$(BUILD)/link/%,$(SHELL_ADAPTERS) $(SHELL_SHARED)): $(BUILD)/link/%: src/link/%
	@mkdir -p $(@D)
	$(Q)install -m $(if $(filter %.sh,$@),644,755) $< $@

$(BUILD)/unit/unit: $(BUILD)/unit/unit.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/inspect: $(BUILD)/torture/inspect.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/faults: $(BUILD)/promises/faults.o
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/boot: $(BUILD)/promises/boot.o $(LIBRARY)
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/around: $(BUILD)/torture/around.o
	@echo "  link  $@"
	$(Q)$(LINKING) -o $@ $^

$(BUILD)/link/journey: $(BUILD)/link/journey.o $(LIBRARY)
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
	$(Q)$(LINKING) -Wl,--wrap=clock_gettime,--wrap=syscall -o $@ $^

# A fuzz target over its corpus; with libFuzzer in place of run.c (make fuzz) it also searches for more inputs.
FUZZERS = frame stream box render words
FUZZ_PARTS = fuzz patch
FUZZ_MAIN = $(BUILD)/fuzz/run.o
$(BUILD)/fuzz-%: $(BUILD)/fuzz/%.o $(FUZZ_PARTS:%=$(BUILD)/fuzz/%.o) $(LIBRARY) $(filter %.o,$(FUZZ_MAIN))
	@echo "  link  $@"
	$(Q)$(LINKING) $(FUZZ_WRAP) -o $@ $(filter-out $(LIBRARY),$^) $(filter-out %.o,$(FUZZ_MAIN)) $(LIBRARY)
$(BUILD)/fuzz-words: FUZZ_WRAP = -Wl,--wrap=exit,--wrap=io_write

$(LIBRARY): $(OBJECTS) src/hot.ld
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

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
		echo "letterbox $(VERSION), $(if $(LINK),static,dynamic), by $(CC) $(CFLAGS)"; }

-include $(OBJECTS:.o=.d) $(TOOLS:%=$(BUILD)/tool/%.d) $(wildcard $(BUILD)/*/*.d) $(wildcard $(BUILD)/link/part/*/*.d)

# What adapters are made of is compiled anew for them, as their libraries are linked: with glibc, say, beside tools with musl.
LINK_CC = $(if $(filter musl-gcc,$(CC)),gcc,$(CC))
LINK_DIR = $(BUILD)/link
LINK_OBJECTS = $(patsubst %,$(LINK_DIR)/part/%.o,$(filter-out %.h,$(foreach room,base frame stream link,$($(room):%=$(room)/%))) \
	deliver/command deliver/render)
LINK_HERE := $(foreach name,$(LINKS),$(if $(shell pkg-config --exists $(PACKAGE_$(name)) 2>/dev/null && echo yes),$(name)))

$(LINK_DIR)/part/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(LINK_CC) $(COMPILE_FLAGS) -Isrc -MMD -MP -c -o $@ $<

$(LINK_DIR)/part.a: $(LINK_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

define adapter
$(LINK_DIR)/link-$(1): $(patsubst %,$(LINK_DIR)/part/link/%.o,link-$(1) $(LINK_$(1))) $(LINK_DIR)/part.a
	@echo "  link  $$@"
	$(Q)$(LINK_CC) $(CFLAGS) -Wl,--gc-sections -Wl,-z,relro,-z,now $(LDFLAGS) -o $$@ $$^ $$$$(pkg-config --libs $(PACKAGE_$(1)))
endef
$(foreach name,$(LINKS),$(eval $(call adapter,$(name))))

# Another program at a broker, for the tests and the benchmark.
$(LINK_DIR)/amqp: tests/link/amqp.c
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(LINK_CC) $(COMPILE_FLAGS) -o $@ $< $$(pkg-config --libs librabbitmq)

links: $(LINK_HERE:%=$(LINK_DIR)/link-%)
	@for name in $(filter-out $(LINK_HERE),$(LINKS)); do \
		echo "letterbox: link-$$name is left out: its library is not here (pkg-config)"; done

fuzzers: $(FUZZERS:%=$(BUILD)/fuzz-%)

# ---- checking

# Tests find the programs first in PATH and other parts by BIN and BUILD.  TESTS names some of them, BATSFLAGS is for
# bats (BATSFLAGS="--filter REGEX"), TAGS the tags that a test must have, JOBS the number of files that run in parallel:
# two a processor, for two thirds of their time they wait.
# Those with the tag servers are for check-links.
# FUSE: whether bindfs(1) can mount here; where it cannot there is nothing for the tests with that tag to see.
TESTS = tests/*/*.bats
BATSFLAGS =
TAGS = !long,!servers$(if $(FUSE),,$(comma)!fuse)
JOBS = $(shell expr 2 \* $$(nproc))
FIRST = $(abspath $(BIN))
FUSE = $(shell d=$$(mktemp -d) && mkdir "$$d/a" "$$d/b" && if bindfs "$$d/a" "$$d/b" 2>/dev/null; then \
	umount "$$d/b" && echo yes; fi; rmdir "$$d/a" "$$d/b" "$$d")
RUN_TESTS = @PATH="$(FIRST):$$PATH" BIN="$(abspath $(BIN))" BUILD="$(abspath $(BUILD))" \
	tests/run.sh -j $(JOBS) --filter-tags '$(TAGS)' $(BATSFLAGS) -- $(TESTS)
check: all $(BUILD)/unit/unit $(BUILD)/inspect $(BUILD)/around $(BUILD)/faults $(BUILD)/boot $(BUILD)/bench/empty $(BUILD)/link/journey fuzzers storm-parts
	$(RUN_TESTS)

check-long: TAGS = long,!servers
check-long: TESTS = $(shell grep -lE '^\# bats (file|test)_tags=.*\<long\>' tests/*/*.bats)
check-long: check

# Links, beside real servers: what a file with the tag servers has needs some of them.  One journey is LINK_MESSAGES.
LINK_MESSAGES = 20000
check-links: TESTS = $(shell grep -l '^\# bats file_tags=.*\<servers\>' tests/link/*.bats)
check-links: TAGS = servers
check-links: JOBS = 1
check-links: export LINK_MESSAGES := $(LINK_MESSAGES)
check-links: all links $(BUILD)/link/journey $(if $(filter amqp,$(LINK_HERE)),$(LINK_DIR)/amqp)
	$(RUN_TESTS)

# The same tests with the sanitizers.  Reports go to files, so that none is lost in a test that checks neither status
# nor standard error; strace(1) and the leak checker exclude each other.
# LEAKS=0: without that checker, which takes half the time.  Static libraries, where available, start faster.
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_LINK = $(if $(call try,-fsanitize=address$(comma)undefined -static-libasan -static-libubsan),-static-libasan -static-libubsan)
LEAKS = 1
check-sanitize: D = $(abspath build/sanitize)
check-sanitize:
	@rm -rf $(D)/log && mkdir -p $(D)/log $(D)/first && chmod 1777 $(D)/log
	@printf '#!/bin/sh\nASAN_OPTIONS=$$ASAN_OPTIONS:detect_leaks=0 exec %s "$$@"\n' "$$(command -v strace)" >$(D)/first/strace
	@chmod +x $(D)/first/strace
	@ASAN_OPTIONS=log_path=$(D)/log/asan:exitcode=99:detect_leaks=$(LEAKS) UBSAN_OPTIONS=log_path=$(D)/log/ubsan:print_stacktrace=1 \
	LIMIT=60 $(MAKE) --no-print-directory -j$(JOBS) check STATIC=no BUILD=build/sanitize BIN=build/sanitize/bin \
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
DRIVERS = $(patsubst %,$(BUILD)/bench/%,lap costs ping ipc spawn queue durable zmq nano nng)
$(BUILD)/bench/%: tests/bench/%.c tests/bench/peer.h
	@mkdir -p $(@D)
	@echo "  bench $@"
	$(Q)gcc -O2 -std=gnu17 -Wall -Wextra -o $@ $< $(if $(findstring zmq,$@),-lzmq)$(if $(findstring nng,$@),-lnng)$(if \
		$(findstring nano,$@),-lnanomsg)$(if $(findstring durable,$@),-lsqlite3)

$(BUILD)/bench/empty: $(BUILD)/bench/empty.o
	@echo "  bench $@"
	$(Q)$(LINKING) -o $@ $^

bench bench-quick: all links $(DRIVERS) $(BUILD)/bench/empty $(if $(filter amqp,$(LINK_HERE)),$(LINK_DIR)/amqp)
	@BIN="$(abspath $(BIN))" BUILD="$(abspath $(BUILD))" tests/bench/run.sh $(if $(filter bench-quick,$@),-q) \
		$(BENCH_OUT) $(BENCH)

# tests/power/power.bats tries one disk state for each moment of some of the runs.
POWER = -n 12
power: all $(BUILD)/boot
	@BIN="$(abspath $(BIN))" tests/power/power.sh $(POWER)

# LINT names some of the checks in tests/lint: make lint LINT="walls man"
LINT =
lint:
	@MAKE='$(MAKE)' ROOMS='$(ROOMS)' MODULES='$(MODULES)' TOOLS='$(TOOLS)' FEATURES='$(FEATURES)' tests/lint/run.sh $(LINT)

hot: all
	@src/hot.sh "$(abspath $(BIN))" >$(BUILD)/hot.ld && mv $(BUILD)/hot.ld src/hot.ld

demo: all
	@PATH="$(abspath $(BIN)):$$PATH" tests/demo.sh

demo-hosts: all links
	@PATH="$(abspath $(BIN)):$$PATH" MBOX_LINKS="$(abspath $(LINK_DIR))" tests/demo-hosts.sh

# ---- installing

# each FILES,COMMAND -- run COMMAND for each file $$f of a pattern, which may match none.
each = @for f in $(1); do [ ! -f "$$f" ] || $(2) || exit 1; done
PUT = install -m 644 "$$f"
# put_naming TARGET -- the same for pages and units: they name the folders in which things are now.
put_naming = sed -e 's|/usr/local/bin/m|$(BINDIR)/m|g' -e 's|/usr/local/libexec/letterbox|$(LIBEXECDIR)|g' \
	-e 's|/usr/local/share/letterbox/examples|$(EXAMPLEDIR)|g' "$$f" >"$(1)" && chmod 644 "$(1)"

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(PROGRAMS) $(SCRIPTS:%=bin/%) $(DESTDIR)$(BINDIR)
	install -d $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(OWN_ADAPTERS:%=$(BUILD)/link/%) $(SHELL_ADAPTERS:%=$(BUILD)/link/%) $(DESTDIR)$(LIBEXECDIR)
	install -m 644 $(SHELL_SHARED:%=$(BUILD)/link/%) $(DESTDIR)$(LIBEXECDIR)
	$(STRIP) $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(OWN_ADAPTERS:%=$(DESTDIR)$(LIBEXECDIR)/%)
	$(call each,man/*.[1-8],$(call put_naming,$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}))
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(call each,completions/bash/*,if [ -L "$$f" ]; then ln -sf letterbox "$(DESTDIR)$(BASHDIR)/$${f##*/}"; \
		else $(PUT) "$(DESTDIR)$(BASHDIR)"; fi)
	$(call each,completions/zsh/*,$(PUT) "$(DESTDIR)$(ZSHDIR)")
	$(call each,completions/fish/*,$(PUT) "$(DESTDIR)$(FISHDIR)")
	install -d $(DESTDIR)$(EXAMPLEDIR)
	$(call each,man/examples/*,$(call put_naming,$(DESTDIR)$(EXAMPLEDIR)/$${f##*/}))

install-links: links
	install -d $(DESTDIR)$(LIBEXECDIR)
	for name in $(LINK_HERE); do install -m 755 $(LINK_DIR)/link-$$name $(DESTDIR)$(LIBEXECDIR) || exit 1; done
	$(if $(LINK_HERE),$(STRIP) $(LINK_HERE:%=$(DESTDIR)$(LIBEXECDIR)/link-%))

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(SCRIPTS:%=$(DESTDIR)$(BINDIR)/%)
	$(call each,man/*.[1-8],rm -f "$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}")
	$(call each,completions/bash/*,rm -f "$(DESTDIR)$(BASHDIR)/$${f##*/}")
	$(call each,completions/zsh/*,rm -f "$(DESTDIR)$(ZSHDIR)/$${f##*/}")
	$(call each,completions/fish/*,rm -f "$(DESTDIR)$(FISHDIR)/$${f##*/}")
	$(call each,man/examples/*,rm -f "$(DESTDIR)$(EXAMPLEDIR)/$${f##*/}")
	rm -f $(patsubst %,$(DESTDIR)$(LIBEXECDIR)/%,$(OWN_ADAPTERS) $(SHELL_ADAPTERS) $(SHELL_SHARED)) $(LINKS:%=$(DESTDIR)$(LIBEXECDIR)/link-%)

# letterbox, and a package for each adapter whose library is here
deb:
	@rm -rf $(BUILD)/deb
	@$(MAKE) --no-print-directory install install-links DESTDIR=$(BUILD)/deb/letterbox PREFIX=/usr \
		STRIP="$(STRIP) -R .comment" ZSHDIR=/usr/share/zsh/vendor-completions \
		EXAMPLEDIR=/usr/share/doc/letterbox/examples
	@sh src/packaging/deb.sh $(BUILD)/deb $(VERSION) $(LINK_HERE)

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=letterbox-$(VERSION)/ -o $(BUILD)/letterbox-$(VERSION).tar.gz HEAD

help:
	@sed -n '/^[^#]/q; s/^# \{0,3\}//p' $(firstword $(MAKEFILE_LIST))

clean:
	rm -rf $(BUILD)
	rm -f $(PROGRAMS)

.PHONY: hot power storm storm-parts all bench bench-quick fuzzers check check-long check-links check-sanitize check-valgrind torture fuzz lint demo demo-hosts install install-links links uninstall deb dist help clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
