# SPDX-License-Identifier: ISC
# What the tests of mailboxes share.
#
# Background children are started with `in_background COMMAND...`, which notes their pids: teardown ends those that run.

bats_require_minimum_version 1.5.0

# shellcheck disable=SC2034 # used by the tests
LIMIT=${LIMIT:-30}       # seconds that any command which can block may take
ROOT=${BASH_SOURCE[0]%/*}/..

# find_tools -- where make has put the programs, when bats is run by itself.
find_tools()
{
	: "${BIN:=$ROOT/bin}" "${BUILD:=$ROOT/build}"
	command -v mkmbox >/dev/null || PATH=$BIN:$PATH
}

common_setup()
{
	find_tools
	export LC_ALL=C
	unset MBOX_DIR MBOX_SOURCE
	children=()
	cd "$BATS_TEST_TMPDIR" || return
}

common_teardown()
{
	local pid kids
	[ ! -e tmux.socket ] || tmux -S tmux.socket kill-server || :
	# those that still run: the pid of one that has ended may be another process's by now
	for pid in $(jobs -rp); do
		# what runs under timeout(1) is a child of ours once removed
		kids=()
		read -r -a kids <"/proc/$pid/task/$pid/children" || :
		kill -KILL "${kids[@]}" "$pid" || :
	done
	end_strays
	wait
} 2>/dev/null           # bash would tell of each that it was killed

# end_strays -- end what still runs in the test's directory: commands that an mrecv which was killed has left behind.
end_strays()
{
	local process
	[ -e /proc/self/cwd ] || return 0
	for process in /proc/[0-9]*; do
		case ${process#/proc/} in "$$" | "$BASHPID" | "$PPID") continue ;; esac
		[ ! "$process/cwd" -ef "$BATS_TEST_TMPDIR" ] || kill -KILL "${process#/proc/}" 2>/dev/null || :
	done
}

# The tools that may wait, called by name, do so for a limited time.
msend()
{
	timeout -s KILL "$LIMIT" msend "$@"
}

mrecv()
{
	timeout -s KILL "$LIMIT" mrecv "$@"
}

# in_background COMMAND... -- run it, without the descriptor that bats waits for; its pid is in $child.
in_background()
{
	case $1 in
	msend | mrecv) set -- env "$@" ;;       # the tool itself, with a pid that is its own
	esac
	"$@" <&0 3>&- &
	child=$!
	children+=("$child")
}

# at_terminal COMMAND -- run it in the background, at a terminal of its own that nobody types at; what it shows is in
# the file $screen.
at_terminal()
{
	command -v script >/dev/null || skip "script is not installed"
	[ -p keys ] || mkfifo keys
	exec 9<>keys
	screen=screen.${#children[@]}
	in_background timeout "$LIMIT" script -qefc "$1" "$screen" <keys >/dev/null 9>&-
}

# status_of PID -- wait for a child of ours; its exit status is in $status.
status_of()
{
	until_true ended "$1" || return
	status=0
	wait "$1" || status=$?
}

# until_true COMMAND... -- wait until it succeeds.
until_true()
{
	local end=$((SECONDS + LIMIT)) looks=0
	until "$@" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "it never came to be: $*"
			return 1
		fi
		nap $((looks++ / 8))
	done
}

# nap [N] -- a hundredth of a second, and N more, at most a tenth.  No process is started for it: nobody ever writes
# into that pipe.
nap()
{
	local pause
	[ -p "$BATS_FILE_TMPDIR/.nap" ] || mkfifo "$BATS_FILE_TMPDIR/.nap"
	printf -v pause 0.%02d $((${1:-0} < 9 ? ${1:-0} + 1 : 10))
	read -r -t "$pause" <>"$BATS_FILE_TMPDIR/.nap" || :
}

# waiting BOX [N] -- whether N (or 1) processes have their bells at the mailbox.
waiting()
{
	local bells=("$1"/*.wake)
	[ -e "${bells[0]}" ] && [ "${#bells[@]}" -eq "${2:-1}" ]
}

# until_waiting BOX [N] -- wait until N (or 1) processes sleep at the mailbox, or are about to: a bell is made in the
# locked section that a message of its owner's comes with, and mstat waits for the end of that.
until_waiting()
{
	until_true waiting "$@" || return
	mstat "$1" >/dev/null 2>&1 || :
}

exists()
{
	[ -s "$1" ]
}

# got_signals PID -- whether no signal is on its way to it any more.
got_signals()
{
	run grep -E '^(Sig|Shd)Pnd:[[:space:]]0*[1-9a-f]' "/proc/$1/status"
	[ "$status" -eq 1 ]
}

# ended_with STATUS PID -- wait for a child of ours; it exits with STATUS.
ended_with()
{
	status_of "$2"
	[ "$status" -eq "$1" ] || { echo "status $status, not $1"; return 1; }
}

ended()
{
	# bash takes note of its children's ends by itself
	[[ $(jobs -p -r) != *"$1"* ]] && ! kill -0 "$1"
}

# needs_strace -- skip the test where strace(1) is missing, or can trace nothing; in CI it must not.
needs_strace()
{
	command -v strace >/dev/null && strace -qq -o /dev/null true && return
	[ "${CI:-}" != true ] || { echo "strace is not installed, or can trace nothing here"; return 1; }
	skip "strace is not installed, or can trace nothing here"
}

# terminal COLUMNS ROWS COMMAND -- run it in a terminal of that size, of UTF-8.
terminal()
{
	command -v tmux >/dev/null || {
		[ "${CI:-}" != true ] || { echo "tmux is not installed"; return 1; }
		skip "needs tmux"
	}
	env -u TMUX LC_ALL=C.UTF-8 PATH="$PATH" tmux -S tmux.socket -f /dev/null new-session -d -x "$1" -y "$2" "$3" 3>&-
}

# pane -- what the terminal shows.  painted: with its colours.
pane()
{
	tmux -S tmux.socket capture-pane -p
}

painted()
{
	tmux -S tmux.socket capture-pane -p -e
}

# sees PATTERN -- whether a line of it matches.  sees_not: whether none does.
sees()
{
	pane | grep -qE -- "$1"
}

sees_not()
{
	! sees "$1"
}

# keys KEY... -- type them.  resize COLUMNS ROWS -- give the terminal another size.
keys()
{
	tmux -S tmux.socket send-keys "$@"
}

resize()
{
	tmux -S tmux.socket resize-window -x "$1" -y "$2"
}

# files_of BOX -- what is in a mailbox beyond its own files and its segments.
files_of()
{
	local file
	for file in "$1"/{,.[!.]}* "$1"/*/{,.[!.]}*; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		file=${file##*/}
		[[ $file =~ ^(ctl|due|lock|once|want|[0-9]{20}(\.[0-9]+)?\.(log|idx))$ ]] || echo "$file"
	done
}

# as_nobody TOOL [ARGUMENT...] -- run a tool as a user without rights: as another one where we are root, who may do
# anything.  What it is about must lie here, where the other one can reach it.
as_nobody()
{
	local tool
	tool=$(type -P "$1")
	shift
	if [ "$EUID" -ne 0 ]; then
		timeout "$LIMIT" "$tool" "$@"
		return
	fi
	chmod go+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.."
	# the programs may lie where only root can go
	cp "$tool" "$BATS_TEST_TMPDIR/.tool"
	chmod go+rx "$BATS_TEST_TMPDIR/.tool"
	timeout "$LIMIT" chroot --userspec=65534:65534 --groups='' --skip-chdir / "$BATS_TEST_TMPDIR/.tool" "$@"
}

# pattern BYTES -- so many bytes in which no two places look alike, but for what is half a megabyte apart; NULs and
# newlines are among them.
pattern()
{
	local made=$BATS_FILE_TMPDIR/.pattern new=$BATS_FILE_TMPDIR/.pattern.$BASHPID i whole=()
	if [ ! -e "$made" ]; then
		awk 'BEGIN { for (i = 0; i < 60000; i++) printf "%07d\n%c", i, i % 256 }' | head -c 500000 >"$new" || :
		mv "$new" "$made"
	fi
	for ((i = 500000; i < $1; i += 500000)); do whole+=("$made"); done
	[ ${#whole[@]} -eq 0 ] || cat "${whole[@]}"
	head -c $(($1 - 500000 * ${#whole[@]})) "$made"
}

# same FILE FILE -- both have the same bytes.
same()
{
	cmp "$1" "$2"
}

# lines LINE... -- print each on a line of its own.
lines()
{
	printf '%s\n' "$@"
}

# fails STATUS COMMAND... -- it exits with STATUS and says why in one line on standard error, in $error.
fails()
{
	fails_with_input "$1" /dev/null "${@:2}"
}

# fails_with_input STATUS FILE COMMAND... -- as fails, with FILE as standard input.
fails_with_input()
{
	local expected=$1 input=$2
	shift 2
	status=0
	timeout "$LIMIT" "$@" >"$BATS_TEST_TMPDIR/.out" 2>"$BATS_TEST_TMPDIR/.err" <"$input" || status=$?
	said
	if [ "$status" -ne "$expected" ] || [[ $error != *$'\n' || $error = *$'\n'*$'\n'* ]]; then
		echo "status $status, not $expected: $error"
		return 1
	fi
	error=${error%$'\n'}
}

# said -- what fails and misused have kept of standard error, in $error.
said()
{
	IFS= read -r -d '' error <"$BATS_TEST_TMPDIR/.err" || :
}

# misused COMMAND... -- it refuses its command line: 64, with the reason and the synopsis.
misused()
{
	status=0
	timeout "$LIMIT" "$@" >/dev/null 2>"$BATS_TEST_TMPDIR/.err" </dev/null || status=$?
	said
	if [ "$status" -ne 64 ] || [[ $'\n'$error != *$'\n'"$1: "* ]]; then
		echo "status $status: $error"
		return 1
	fi
}
