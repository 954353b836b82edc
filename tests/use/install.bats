# SPDX-License-Identifier: ISC
# From the source to a machine's own folders and away again: make install, make deb, make help.
#
# What is looked at are files, and not what the tools do.
# bats file_tags=no-sanitize,no-valgrind

setup()
{
	load ../helpers.bash
	common_setup
	ROOT=$BATS_TEST_DIRNAME/../..
	root=$BATS_TEST_TMPDIR/root
}

teardown()
{
	common_teardown
}

# installing TARGET -- make TARGET of what is built already.
installing()
{
	make -C "$ROOT" -s -o all "$1" DESTDIR="$root" PREFIX=/usr BUILD="$(cd "$BUILD" && pwd)" BIN="$(cd "$BIN" && pwd)"
}

# need COMMAND... -- skip the test where one is missing; with CI=true fail it.
need()
{
	local command
	for command; do
		command -v "$command" >/dev/null && continue
		[ "${CI:-}" != true ] || { echo "$command is not installed"; return 1; }
		skip "$command is not installed"
	done
}

# bare_debian -- a Debian with nothing but what is essential, and apt, at $root.
bare_debian()
{
	need debootstrap
	[ "$(id -u)" -eq 0 ] || skip "only root can make a root for it"
	[ -d "$BATS_FILE_TMPDIR/bare" ] ||
		debootstrap --variant=minbase bookworm "$BATS_FILE_TMPDIR/bare" >log 2>&1 || { tail log; return 1; }
	cp -a "$BATS_FILE_TMPDIR/bare" "$root"
}

@test "make install puts stripped programs, pages, completions and examples in place, and make uninstall leaves nothing" {
	installing install
	for program in "$BIN"/*; do
		"$root/usr/bin/${program##*/}" --version
		[ "$(nm "$root/usr/bin/${program##*/}" 2>/dev/null | wc -l)" -eq 0 ]
		[ -s "$root/usr/share/man/man1/${program##*/}.1" ]
		[ -s "$root/usr/share/bash-completion/completions/${program##*/}" ]
		[ -L "$root/usr/share/bash-completion/completions/${program##*/}" ]
		[ -s "$root/usr/share/fish/vendor_completions.d/${program##*/}.fish" ]
	done
	[ -x "$root/usr/libexec/letterbox/link-ssh" ]
	[ "$("$root/usr/libexec/letterbox/link-redis" form) $("$root/usr/libexec/letterbox/link-postgres" form)" = 'batch batch' ]
	# they name the folders in which things are now
	grep -q '^ExecStart=/usr/bin/mlink ' "$root/usr/share/letterbox/examples/letterbox-link@.service"
	grep -q '^cd /usr/share/letterbox/examples' "$root/usr/share/man/man1/mlink.1"
	run ! grep -rE '/usr/local/(bin/m|libexec|share)' "$root"
	installing uninstall
	find "$root" ! -type d | tee left
	[ ! -s left ]
}

@test "what cannot be put in place ends make install" {
	mkdir -p "$root/usr/share/bash-completion/completions/letterbox"
	run installing install
	[ "$status" -ne 0 ]
	[ -z "$(find "$root/usr/share/bash-completion/completions/letterbox" ! -type d)" ]
}

@test "make help lists what there is to make" {
	make -C "$ROOT" -s help | tee text
	grep -q '^make  *build the programs' text
	grep -oE '^make [a-z-]+|[ ;(][a-z]+-(quick|links|valgrind)\>|\<uninstall\>' text | sed 's/.*[ ;(]//' | sort -u >told
	sed -n 's/^\.PHONY: //p' "$ROOT/Makefile" | tr ' ' '\n' | grep -vxE 'all|FORCE|fuzzers|storm-parts' | sort >there
	diff told there
}

# bats test_tags=long
@test "make deb: packages that lintian finds no fault in, that apt installs, that work, and whose purge leaves nothing" {
	need dpkg-deb dpkg-shlibdeps lintian
	build() { make -C "$ROOT" -s deb BUILD="$BATS_TEST_TMPDIR/build" BIN="$BATS_TEST_TMPDIR/build/bin" >log 2>&1 || { tail log; return 1; }; }
	build
	debs=(build/deb/*.deb)
	lintian --allow-root --fail-on error,warning "${debs[@]}"
	# the same bytes once more
	sha256sum "${debs[@]}" >sums
	build
	sha256sum -c sums

	bare_debian
	mkdir "$root/debs"
	cp "${debs[@]}" "$root/debs"
	files() { (cd "$root" && find . -xdev ! -path './var/*' ! -path './proc/*' ! -path './debs*' ! -type d | sort); }
	files >before
	# shellcheck disable=SC2016 # for the inner shell to expand
	chroot "$root" sh -ec '
		export DEBIAN_FRONTEND=noninteractive
		apt-get install -qq -y --no-install-recommends /debs/*.deb >/dev/null
		cd /tmp
		mkmbox q
		msend q hi
		mrecv q
		rmmbox q
		mlink -V
		ldd /usr/libexec/letterbox/link-* 2>&1 | grep "not found" && exit 1
		for name in $(dpkg-query -W -f "\${Package} " "letterbox*"); do dpkg --verify "$name"; done
		dpkg -L letterbox | grep -x /usr/share/doc/letterbox/examples/letterbox-link@.service
	' >said 2>said.err </dev/null || { cat said said.err; return 1; }
	diff said - <<-END
		hi
		$(mlink -V)
		/usr/share/doc/letterbox/examples/letterbox-link@.service
	END
	chroot "$root" apt-get purge -qq -y --auto-remove 'letterbox*' >log 2>&1 </dev/null || { cat log; return 1; }
	files | diff before -
	find "$root" -xdev -name '*letterbox*' ! -path "$root/debs*" | tee left
	[ ! -s left ]
}

# bats test_tags=long
@test "on a bare Debian README's first command line installs what its session needs" {
	. "$ROOT/tests/docs/docs.sh"
	bare_debian
	mkdir "$root/letterbox"
	cp -R "$ROOT"/{Makefile,README.md,src,man,completions} "$root/letterbox"
	line=$(sed -n '/^# Debian, Ubuntu$/{n;p;q}' "$ROOT/README.md")
	chroot "$root" sh -ec "cd /letterbox; $line" >log 2>&1 </dev/null || { tail -n 30 log; return 1; }
	sed '/^## A session/,/^## /!d' "$ROOT/README.md" >session
	readme_transcript session >expected
	transcript_script <expected >"$root/script"
	chroot "$root" sh -c 'cd /tmp; sh /script' >said 2>&1 </dev/null
	[ "$(wc -l <said)" -ge 10 ]
	diff -u expected said
}
