# SPDX-License-Identifier: ISC
# The first ten minutes: README's session and cookbook run in each shell that it names, in its order; so does the demo.
#
# Documents are run once, not with the sanitizers again.
# bats file_tags=no-sanitize

bats_require_minimum_version 1.5.0

setup()
{
	# shellcheck source=tests/docs/docs.sh
	. "$BATS_TEST_DIRNAME/docs.sh"
	docs_setup
}

@test "README's session and cookbook run in bash, in the order in which they stand" {
	replay readme_bash_transcript "$ROOT/README.md" bash
}

@test "README's session and cookbook run in dash" {
	need dash
	replay readme_transcript "$ROOT/README.md" dash
}

@test "README's session and cookbook run in zsh" {
	need zsh
	replay readme_transcript "$ROOT/README.md" zsh -f
}

@test "README's session and cookbook run in busybox sh" {
	need busybox
	replay readme_transcript "$ROOT/README.md" busybox sh
}

@test "README names the shells in which its cookbook was run, and installs before its session" {
	grep -q 'run in bash, dash, zsh and busybox sh' "$ROOT/README.md"
	first=$(awk '/^```sh$/ { block = 1; next } /^```/ && block { exit } block' "$ROOT/README.md")
	[ "$(grep -vc '^#' <<<"$first")" -eq "$(grep -c '&& make install$' <<<"$first")" ]
	# every picture and page that it shows is there
	for file in $(grep -oE '\]\([^)#]+\)' "$ROOT/README.md" | tr -d '])(' | grep -v '^https:'); do
		[ -s "$ROOT/$file" ] || { echo "$file is not there"; return 1; }
	done
}

@test "the demo shows how far it is, before and after the accident, and what to look at" {
	TMPDIR=$BATS_TEST_TMPDIR timeout 300 sh tests/demo.sh >"$BATS_TEST_TMPDIR/said" 3>&-
	cd "$BATS_TEST_TMPDIR"
	cat said
	[ "$(grep -n ' results ' said | head -n 1 | cut -d: -f1)" -lt "$(grep -n 'has been killed' said | cut -d: -f1)" ]
	[ "$(grep -cE '^ +[0-9]+ of [0-9]+ results ' said)" -ge 8 ]
	grep -q 'Look at ' said
	grep -q 'Came twice: message ' said
	grep -q 'Nothing lost, nothing torn' said
	[ "$(ls)" = said ]
}
