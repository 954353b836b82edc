# SPDX-License-Identifier: ISC
# The documents hold together with the tools and with each other, and their examples run as they stand.
#
# Documents are compared and run once, not with the sanitizers again.
# bats file_tags=no-sanitize
#
# shellcheck disable=SC2317 # the functions that tests define are called by each()

bats_require_minimum_version 1.5.0

setup()
{
	# shellcheck source=tests/docs/docs.sh
	. "$BATS_TEST_DIRNAME/docs.sh"
	docs_setup
}

# each FUNCTION -- call it for every tool; fail at the end if it failed for one.
each()
{
	local tool status=0
	for tool in "${TOOLS[@]}"; do
		"$1" "$tool" || { echo "^^^ $tool"; status=1; }
	done
	return $status
}

letters()
{
	cut -d' ' -f1,3 | LC_ALL=C sort
}

@test "each tool does something for each option of its table" {
	compare()
	{
		same "the cases of src/tool/$1.c" "$(handled "$1")" \
		    'its table' "$(source_options "$1" | grep -v '^[hV] ' | sed -e 's/^- //' -e 's/ .*//' | LC_ALL=C sort)"
	}
	each compare
}

@test "each tool's --help lists the options that its table has" {
	compare() { same "src/tool/$1.c" "$(source_options "$1")" "$1 --help" "$(help_options "$1")"; }
	each compare
}

@test "each tool understands every long option that its --help lists" {
	compare()
	{
		local long value options
		options=$(help_options "$1")
		[ -n "$options" ] || { echo "$1 --help lists none"; return 1; }
		while read -r _ long value; do
			# --help comes behind, so that nothing is done; a value that any option takes.
			if [ "$value" = 1 ]; then
				case $long in
				header) value=--$long=a=1 ;;
				mode) value=--$long=0600 ;;
				overflow) value=--$long=block ;;
				*) value=--$long=1 ;;
				esac
			else
				value=--$long
			fi
			timeout 60 "$1" "$value" --help </dev/null >/dev/null || { echo "$1 $value --help: status $?"; return 1; }
		done <<<"$options"
	}
	each compare
}

@test "each tool's -h and --help print the same on standard output and exit 0" {
	compare() { same "$1 -h" "$("$1" -h)" "$1 --help" "$("$1" --help)"; }
	each compare
}

@test "each tool's --help fits in 80 columns, and in 24 lines but for mrecv; it has two examples and names the page" {
	compare()
	{
		local lines
		mapfile -t lines < <("$1" --help)
		! printf '%s\n' "${lines[@]}" | grep -E '^.{81}' && { [ "$1" = mrecv ] || [ ${#lines[@]} -le 24 ]; } &&
		    [ "$(examples "$1" | grep -cw "$1")" -eq 2 ]
	}
	each compare
}

@test "the examples of each tool's --help are command lines that it understands" {
	cd "$BATS_TEST_TMPDIR"
	printf '#!/bin/sh\ncat >/dev/null\n' >work
	chmod +x work
	echo it >request
	compare()
	{
		local line status
		while IFS= read -r line; do
			rm -rf jobs failed desk first second errors all
			[ "$1" = mkmbox ] || mkmbox jobs failed desk first second errors all
			[ "$1" != mtee ] || msend jobs x
			# what waits for something, a message or another machine, has done its part by then
			status=0
			timeout 2 bash -o pipefail -c "$line" </dev/null >out 2>err || status=$?
			[ "$status" -eq 0 ] || [ "$status" -eq 124 ] || { echo "$line: $status"; cat err; return 1; }
		done < <(examples "$1")
	}
	each compare
}

@test "each tool's synopsis has its options but -h and -V" {
	compare()
	{
		same "src/tool/$1.c" "$(source_options "$1" | grep -v '^[hV] ' | letters)" \
		    "$1 -h" "$(help_synopsis "$1" | synopsis_letters)"
	}
	each compare
}

@test "each page's SYNOPSIS is what the tool prints" {
	need mandoc
	compare() { same "man/$1.1" "$(page_synopsis "$1")" "$1 -h" "$(help_synopsis "$1")"; }
	each compare
}

@test "a usage error prints the synopsis on standard error and exits 64" {
	compare()
	{
		local err status=0
		err=$("$1" --no-such-option 2>&1 >/dev/null </dev/null) || status=$?
		[ "$status" -eq 64 ] && [[ $(tr -s ' \t\n' '   ' <<<"$err") == *"usage: $(help_synopsis "$1")"* ]] ||
		    { echo "status $status: $err"; return 1; }
	}
	each compare
}

@test "each page's list of options is that of --help" {
	compare() { same "man/$1.1" "$(page_options "$1")" "$1 --help" "$(help_options "$1")"; }
	each compare
}

@test "bash completes the options that --help lists" {
	need bash
	compare() { same completions/bash "$(bash_options "$1")" "$1 --help" "$(help_options "$1")"; }
	each compare
}

@test "zsh completes the options that --help lists" {
	need zsh
	compare() { same completions/zsh "$(zsh_options "$1")" "$1 --help" "$(help_options "$1")"; }
	each compare
}

@test "fish completes the options that --help lists" {
	need fish
	compare() { same completions/fish "$(fish_options "$1")" "$1 --help" "$(help_options "$1")"; }
	each compare
}

@test "bash completes mailboxes, waiting tags and the values of options" {
	need bash
	cd "$BATS_TEST_TMPDIR"
	mkmbox jobs
	mkdir other
	msend -t build jobs x
	msend -t 'err*' jobs x
	mkfifo door
	same 'msend' "$(complete_bash msend '')" expected 'door jobs other/'
	same 'rmmbox j' "$(complete_bash rmmbox j)" expected 'jobs'
	same 'mrecv -nt' "$(complete_bash mrecv -nt '')" expected 'build err\*'
	same 'mrecv -t b' "$(complete_bash mrecv -t b)" expected 'build'
	same 'mrecv -i' "$(complete_bash mrecv jobs -i '')" expected '1 2'
	same 'mrecv -d' "$(complete_bash mrecv -d '')" expected 'jobs other/'
	same 'mrecv --dead=' "$(complete_bash mrecv --dead = "$PWD/jo")" expected "$PWD/jobs"
	same 'mkmbox -m' "$(complete_bash mkmbox -m '')" expected '0600 0620 0622 0640 0644 0660 0664 0666'
	same 'mkmbox -o' "$(complete_bash mkmbox -o '')" expected 'block oldest latest'
	same 'MBOX_DIR' "$(cd /; MBOX_DIR=$BATS_TEST_TMPDIR complete_bash mstat '')" expected 'jobs'
	# completing takes nothing away
	same 'mrecv -a' "$(mrecv -a -o '%t\n' jobs | xargs)" expected 'build err*'
}

@test "fish completes mailboxes, waiting tags and the values of options" {
	need fish
	cd "$BATS_TEST_TMPDIR"
	mkmbox jobs
	mkdir other
	msend -t build jobs x
	mkfifo door
	same 'msend' "$(complete_fish 'msend ')" expected 'door jobs other/'
	same 'mstat' "$(complete_fish 'mstat ')" expected 'jobs other/'
	same 'mrecv -t' "$(complete_fish 'mrecv -t ')" expected 'build'
	same 'mrecv -i' "$(complete_fish 'mrecv -i ')" expected '1'
	same 'mrecv -d' "$(complete_fish 'mrecv -d ')" expected 'jobs other/'
	same 'mrecv --dead=' "$(complete_fish "mrecv --dead=$PWD/jo")" expected "--dead=$PWD/jobs"
	same 'mkmbox -m' "$(complete_fish 'mkmbox -m ')" expected '0600 0620 0622 0640 0644 0660 0664 0666'
	same 'mkmbox -o' "$(complete_fish 'mkmbox -o ')" expected 'block latest oldest'
}

@test "no completion offers a placeholder for a value" {
	words='(seconds|bytes|format|glob|mode|count)'
	run ! grep -rnE "\($words\)|-a '?$words\>|%s.n' $words\>" "$ROOT/completions"
}

@test "the shells find no fault in the completions" {
	need zsh
	need fish
	bash -n "$ROOT/completions/bash/letterbox"
	zsh -n "$ROOT/completions/zsh/_letterbox"
	for file in "$ROOT"/completions/fish/*.fish; do
		fish --no-execute "$file"
	done
}

@test "every tool has a page, and a completion for each shell" {
	for tool in "${TOOLS[@]}"; do
		[ -f "$ROOT/man/$tool.1" ]
		[ -f "$ROOT/completions/bash/$tool" ]
		[ -f "$ROOT/completions/fish/$tool.fish" ]
		head -n 1 "$ROOT/completions/zsh/_letterbox" | grep -qw "$tool"
	done
	# and the other way round: every tool that is built is one of those that are compared here
	for tool in "$BIN"/*; do
		[[ " ${TOOLS[*]} " == *" ${tool##*/} "* ]]
	done
}

@test "mandoc finds no fault in the pages" {
	need mandoc
	mandoc -T lint -W warning "$ROOT"/man/*.[1-8]
}

@test "groff finds no fault in the pages, and no line is wider than a terminal of 80 columns" {
	need groff
	for page in "$ROOT"/man/*.[1-8]; do
		groff -mandoc -Tutf8 -ww -P-c -rLL=80n "$page" 2>&1 >"$BATS_TEST_TMPDIR/page" | sed "s|^|${page##*/}: |"
		LC_ALL=C.UTF-8 col -bx <"$BATS_TEST_TMPDIR/page" | LC_ALL=C.UTF-8 grep -E '^.{81}' |
		    sed "s|^|${page##*/}: too wide: |"
	done | tee "$BATS_TEST_TMPDIR/faults"
	[ ! -s "$BATS_TEST_TMPDIR/faults" ]
}

@test "the units for systemd are sound" {
	need systemd-analyze
	for unit in "$ROOT"/man/examples/*.service; do
		sed "s|/usr/local/bin/|$(cd "$BIN" && pwd)/|" "$unit" >"$BATS_TEST_TMPDIR/${unit##*/}"
		systemd-analyze --man=no verify "$BATS_TEST_TMPDIR/${unit##*/}"
	done
}

@test "what people look for is in the line by which apropos finds a page" {
	names=$(sed -n '/^\.Nd /p' "$ROOT"/man/*.[1-8])
	for word in queue job worker retry back-off limit stuck cancel cron systemd group quota power backup move Python message; do
		grep -qiw "${word}s\{0,1\}" <<<"$names" || { echo "$word: apropos finds no page"; return 1; }
	done
}

@test "the first screen of letterbox-operations(7) answers what is asked every day" {
	need groff
	screen=$(groff -mandoc -Tascii -P-c -rLL=80n "$ROOT/man/letterbox-operations.7" | col -bx | head -n 23)
	for line in 'later each time .* -B' 'four at once .* -j 4' 'stuck .* mstat -m' 'cancel job 7 .* -i 7' 'cron .* msend -n' \
	    'Python .*subprocess' 'group .* mkmbox -m 660 -g' 'power .* mkmbox -d' 'all is done .* chmbox --close' 'another disk .* msend -F'; do
		grep -q "$line" <<<"$screen" || { echo "$line: not there"; return 1; }
	done
}

@test "each page has its sections in the fixed order" {
	for tool in "${TOOLS[@]}"; do
		same "man/$tool.1" "$(sed -n 's/^\.Sh //p' "$ROOT/man/$tool.1")" 'the order' "$(printf '%s\n' \
		    NAME SYNOPSIS DESCRIPTION ENVIRONMENT 'EXIT STATUS' EXAMPLES 'SEE ALSO' CAVEATS)"
	done
}

@test "each page's EXIT STATUS has no status that letterbox(7) lacks" {
	statuses() { sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \([0-9].*\)/\1/p' "$1" | sort -u; }
	for tool in "${TOOLS[@]}"; do
		[ -n "$(statuses "$ROOT/man/$tool.1")" ]
		same "man/$tool.1" '-' extra "-$(comm -23 <(statuses "$ROOT/man/$tool.1") <(statuses "$ROOT/man/letterbox.7"))"
	done
}

@test "the examples of mkmbox(1) run as they stand" {
	replay page_transcript "$ROOT/man/mkmbox.1"
}

@test "the examples of chmbox(1) run as they stand" {
	replay page_transcript "$ROOT/man/chmbox.1"
}

@test "the examples of rmmbox(1) run as they stand" {
	replay page_transcript "$ROOT/man/rmmbox.1"
}

@test "the examples of msend(1) run as they stand" {
	replay page_transcript "$ROOT/man/msend.1"
}

@test "the examples of mrecv(1) run as they stand" {
	replay page_transcript "$ROOT/man/mrecv.1"
}

@test "the examples of mcall(1) run as they stand" {
	replay page_transcript "$ROOT/man/mcall.1"
}

@test "the examples of mtee(1) run as they stand" {
	replay page_transcript "$ROOT/man/mtee.1"
}

@test "the examples of mstat(1) run as they stand" {
	need jq
	replay page_transcript "$ROOT/man/mstat.1"
}

@test "the examples of mlink(1) run as they stand" {
	replay page_transcript "$ROOT/man/mlink.1"
}

@test "the examples of letterbox(5) run as they stand" {
	replay page_transcript "$ROOT/man/letterbox.5"
}

@test "the examples of letterbox(7) run as they stand" {
	replay page_transcript "$ROOT/man/letterbox.7"
}

@test "the examples of letterbox-operations(7) are what comes" {
	need python3
	need perl
	need cc
	replay page_transcript "$ROOT/man/letterbox-operations.7"
}

@test "the Makefile lists the source files that are there" {
	listed=$(make -C "$ROOT" -s --no-print-directory --eval 'docs-list: ; @echo $(MODULES:%=module:%) $(ADAPTERS:%=module:%) $(TOOLS:%=tool/%)' docs-list |
	    tr ' ' '\n' | sed -e 's/^module:\(.*\.[ch]\)$/\1/' -e t -e 's/^module:\(.*\)/\1.c\n\1.h/' -e t -e 's/$/.c/' | sort)
	same Makefile "$listed" src "$(cd "$ROOT/src" && find . -name '*.[ch]' | cut -c 3- | sort)"
}

@test "src/README.md has a line for each module, in its room, and for nothing else" {
	listed=$(make -C "$ROOT" -s --no-print-directory --eval 'docs-list: ; @echo $(MODULES) $(ADAPTERS) $(SHELL_ADAPTERS:%=link/%) $(SHELL_SHARED:%=link/%) $(TOOLS:%=tool/%)' docs-list |
	    tr ' ' '\n' | sed 's/\.[ch]$//' | sort)
	told=$(sed -n '/^### Modules/,/^## /p' "$ROOT/src/README.md" | awk -F '`' '
		/^\| `[a-z\/]*\/` \| \|$/ { room = $2; next }
		/^\| `/ {
			sub(/ \|.*/, "", $0)
			for (i = 2; i <= NF; i += 2)
				print room $i
		}' | sort)
	same Makefile "$listed" src/README.md "$told"
}

@test "the Makefile lists the tools that are documented" {
	same Makefile "$(make -C "$ROOT" -s --no-print-directory --eval 'docs-list: ; @echo $(sort $(TOOLS))' docs-list)" \
	    tests/docs/docs.sh "$(printf '%s\n' "${TOOLS[@]}" | sort | xargs)"
}

@test "letterbox(7) names for each promise what it rests on and the tests that show it, and these are there" {
	page=$BATS_TEST_DIRNAME/../../man/letterbox.7
	section=$(sed -n '/^\.Ss What each rests on/,/^\.Sh/p' "$page")
	promises=$(sed -n '/^\.Sh PROMISES/,/^\.El/p' "$page" | grep -c '^\.It$')
	[ "$(grep -c '^\.It [0-9]*\.$' <<<"$section")" -eq "$promises" ]
	for ((i = 1; i <= promises; i++)); do
		sed -n "/^\.It $i\.$/,/^\.\(It\|El\)/p" <<<"$section" | grep -q '^\.Pa tests/'
	done
	named=$(grep '^\.Pa tests/' <<<"$section" | tr ' ' '\n' | grep '^tests/' | sort -u)
	[ "$(wc -l <<<"$named")" -ge 10 ]
	for file in $named; do
		[ -s "$BATS_TEST_DIRNAME/../../$file" ] || { echo "$file is not there"; return 1; }
		case $file in *.bats) grep -q '^@test ' "$BATS_TEST_DIRNAME/../../$file" ;; esac
	done
	assumptions=$(sed -n '/^\.Sh ASSUMPTIONS/,/^\.El/p' "$page")
	grep -o '^On [A-E, and]*' <<<"$section" | grep -o '[A-E]' | sort -u >"$BATS_TEST_TMPDIR/letters"
	[ -s "$BATS_TEST_TMPDIR/letters" ]
	while read -r letter; do grep -qx "\.It $letter\." <<<"$assumptions"; done <"$BATS_TEST_TMPDIR/letters"
}

@test "tests/README.md names each suite and each promise, and what it names is there" {
	cd "$ROOT/tests"
	same 'tests/README.md' "$(sed -n '/^## Which suite/,/^## /s/`/\n/gp' README.md | grep '\.bats$' | LC_ALL=C sort -u)" \
	    'the suites that make check runs' "$(printf '%s\n' */*.bats | LC_ALL=C sort)"
	same 'the suites that make check runs' "$(printf '%s\n' */*.bats | LC_ALL=C sort)" \
	    'all suites' "$(find . -name '*.bats' | sed 's,^\./,,' | LC_ALL=C sort)"
	same 'tests/README.md' "$(sed -nE 's/^\| ([0-9]+)\. .*/\1/p' README.md)" \
	    'letterbox(7)' "$(seq "$(sed -n '/^\.Sh PROMISES/,/^\.El/p' "$ROOT/man/letterbox.7" | grep -c '^\.It$')")"
	for name in $(grep -oE '`[a-z_]+(/|\.sh|\.bash|\.c)`' README.md | tr -d '`'); do
		[ -e "$name" ] || [ -e "unit/$name" ] || { echo "$name is not there"; return 1; }
	done
	while read -r _ name; do
		grep -qE "^([a-z-]+ )*$name( [a-z-]+)*:" "$ROOT/Makefile" || { echo "make $name: there is no such thing"; return 1; }
	done < <(grep -oE '(`|^    )make [a-z-]+' README.md | sort -u)
	# and the other way round: each folder has a line
	for name in */; do
		grep -qF "| \`$name\`" README.md || { echo "$name is not in tests/README.md"; return 1; }
	done
}
