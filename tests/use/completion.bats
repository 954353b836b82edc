#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Completion as it is used: in interactive shells, by the Tab key.  tests/docs compares what is offered with the tools.
#
# The shells are run once, not with the sanitizers again.
# bats file_tags=no-sanitize

load ../helpers

setup()
{
	common_setup
	mkmbox jobs 'my box'
	msend -t build jobs x
	completions=$(cd "$ROOT/completions" && pwd)
}

teardown()
{
	common_teardown
}

# shell NAME -- start it in a terminal, with the completions and a prompt of its own.
shell()
{
	case $1 in
	bash) session='bash --norc -i' ready='PS1="% "; . '"$completions/bash/letterbox" ;;
	zsh) session='zsh -f -i' ready='PS1="%% "; fpath=('"$completions"'/zsh $fpath); autoload -U compinit; compinit -D -u' ;;
	fish) session='fish --no-config -i'
		ready='function fish_prompt; printf "%% "; end; set -p fish_complete_path '"$completions/fish" ;;
	esac
	command -v "$1" >/dev/null || {
		[ "${CI:-}" != true ] || { echo "$1 is not installed"; return 1; }
		skip "$1 is not installed"
	}
	terminal 150 40 "HOME=$BATS_TEST_TMPDIR $session"
	keys "$ready; clear; echo rea''dy" Enter
	until_true sees '^ready$'
}

# completed TYPED TO -- Tab makes TO of what is typed.
completed()
{
	keys "$1" Tab
	until_true sees "^% $2 *$" || { pane; return 1; }
	keys C-u
	until_true sees '^% *$'
}

# completes -- what is completed in each of the shells.
completes()
{
	completed 'mstat jo' 'mstat jobs'
	completed 'mstat my' 'mstat my\\ box'
	completed 'chmbox jobs --pau' 'chmbox jobs --pause'
	completed 'mlink --win' 'mlink --window=?.*'
	completed 'mlink jobs post' 'mlink jobs postgres://'
	completed 'mrecv -d jo' 'mrecv -d jobs'
	completed 'mrecv -t b' 'mrecv -t build'
	completed 'mstat --wai' 'mstat --waiters'
}

# goes_on -- a peek that hangs gives the prompt back.
goes_on()
{
	mkdir first
	printf '#!/bin/sh\n: >hangs\nexec sleep 1000\n' >first/mrecv
	chmod +x first/mrecv
	keys "$1" Enter
	keys 'mrecv -t ' Tab
	until_true exists_at_all hangs
	keys C-u "echo it go''es on" Enter
	until_true sees '^it goes on$'
}

exists_at_all()
{
	[ -e "$1" ]
}

@test "bash completes mailboxes, options, URLs and tags by Tab" {
	shell bash
	completes
}

@test "zsh completes mailboxes, options, URLs and tags by Tab" {
	shell zsh
	completes
}

@test "fish completes mailboxes, options, URLs and tags by Tab" {
	shell fish
	completes
}

@test "a peek that hangs holds no prompt up: bash" {
	shell bash
	goes_on 'PATH=$PWD/first:$PATH'
}

@test "a peek that hangs holds no prompt up: zsh" {
	shell zsh
	goes_on 'PATH=$PWD/first:$PATH'
}

@test "a peek that hangs holds no prompt up: fish" {
	shell fish
	goes_on 'set -p PATH $PWD/first'
}
