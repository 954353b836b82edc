#!/bin/sh
# The demo: files of this machine travel as messages. Three senders share the sending and four workers the work,
# one worker is killed while it works, and in the end every file has been counted.  Run it by: make demo
#
# It takes some seconds: a file costs five processes (msend; sh, wc, a substitution and msend again).
set -eu
export LC_ALL=C
top=$PWD                                # the source tree

# A mailbox's name without a slash is looked up in MBOX_DIR: all that follows happens in one temporary directory.
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
cd "$MBOX_DIR"

running=                                # the processes that this script has started
clean_up() {
	status=$?
	trap - EXIT
	for pid in $running; do
		kill "$pid" 2>/dev/null || :
	done
	wait
	rm -rf "$MBOX_DIR"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ------------------------------------------------------------------ the input: at most 100 files of this machine

{
	for place in /usr/share/doc /usr/include; do
		find "$place" -type f -perm -004 -size -200k ! -name '*.gz' 2>/dev/null | head -n 25
	done
	find "$top/src" "$top/man" "$top/tests" -type f
} | head -n 100 >files
total=$(wc -l <files)

# ------------------------------------------------------------------ the mailboxes

mkmbox -c 20 jobs                       # holds 20 messages: a sender that is faster than the workers sleeps
mkmbox results by-worker by-kind progress busy

cat <<-END
	1. $total files of this machine are messages:  3 senders -> jobs -> 4 workers -> results

	   Each worker starts a command (wc) for each message, and sends what it counted.
	   The mailbox jobs holds 20 messages; while it is full, its senders sleep.

END

# ------------------------------------------------------------------ the workers

# What a worker does with one message.  The payload is on standard input; the tag and the message's number in its
# mailbox are in the environment.  The result is a message too: of the same tag, and with the worker as its source.
# dave, past a third of the work, stops after sending a result, and says so.
work='
	counted=$(wc -lw)
	msend -s "$1" -t "$MBOX_TAG" results "$MBOX_ID" $counted
	if [ "$1" = dave ] && [ "$MBOX_ID" -gt "$2" ]; then
		msend busy "$$" "$MBOX_ID"
		exec sleep 60
	fi
'
worker() {                              # NAME: receive for ever, one command a message
	exec mrecv -f jobs -- sh -c "$work" work "$1" $((total / 3))
}

began=$(date +%s)
worker alice & alice=$!
worker bob   & bob=$!
worker carol & carol=$!
worker dave  & dave=$!
running="$alice $bob $carol $dave"

# ------------------------------------------------------------------ the senders

sender() {                              # N: send every third file, each a message that bears its kind as tag
	awk -v n="$1" 'NR % 3 == n' files | while IFS= read -r file; do
		case $file in
		*/copyright) kind=copyright ;;
		*.[1-8]) kind=manual ;;
		*.[ch]) kind=source ;;
		*) kind=text ;;
		esac
		msend -s "sender-$1" -t "$kind" jobs <"$file"
	done
}
for n in 0 1 2; do
	sender "$n" &
	running="$running $!"
done

# ------------------------------------------------------------------ the results: each goes to three mailboxes

# As many as there are files, and one more: that of the message which dave can not acknowledge.
mrecv -F -c $((total + 1)) -w 60 results | mtee -q by-worker by-kind progress &
running="$running $!"
show() {
	all=$((total + 1)) results=0 a=0 b=0 c=0 d=0
	while read -r name; do
		results=$((results + 1))
		case $name in
		alice) a=$((a + 1)) ;;
		bob) b=$((b + 1)) ;;
		carol) c=$((c + 1)) ;;
		dave) d=$((d + 1)) ;;
		esac
		[ $((results % (all / 8))) -ne 0 ] && [ $results -ne $all ] ||
			printf '   %3d of %d results   alice %2d   bob %2d   carol %2d   dave %2d\n' $results $all $a $b $c $d
	done
}
mrecv -c $((total + 1)) -w 60 -o '%s\n' progress | show &
gathering=$!
running="$running $gathering"

# ------------------------------------------------------------------ the accident

# Receiving is waiting: here until dave is in the middle of a message.
stuck=$(mrecv -w 60 busy)               # "PID NUMBER": of the command, and of the message
kill -KILL "$dave"
kill "${stuck% *}"                      # the command is an orphan now
boxes=$(mstat)
printf '%s\n' "
2. dave has been killed (SIGKILL) over message ${stuck#* } of jobs. Its result is sent, but it is not
   acknowledged, so another worker gets it again. The mailboxes at this moment:

$boxes
"

wait "$gathering"
worked=$(date +%s)

# SIGTERM lets a worker finish the message it is at; rmmbox refuses to remove a mailbox that still holds one.
kill "$alice" "$bob" "$carol"
wait
running=
rmmbox jobs results

# ------------------------------------------------------------------ what happened, gathered by source and by tag

cat <<-END

	3. All is received: $((worked - began)) s of work. Look at the end of this table: "together" must be what wc counts
	   in the files themselves, without any mailbox.

	   kind        messages      lines      words
END
row='{ lines += $2; words += $3 } END { printf "   %-11s %8d %10d %10d\n", name, NR, lines, words }'
for kind in manual copyright source text; do
	mrecv -a -t "$kind" by-kind | sort -n -u >"kind.$kind"          # a result that came twice counts once
	[ ! -s "kind.$kind" ] || awk -v name="$kind" "$row" "kind.$kind"
done
cat kind.* | awk -v name=together "$row" | tee received
# its last line is the total
xargs -n 100 wc -lw <files | awk '$3 != "total" { print NR, $1, $2 }' | awk -v name=wc "$row" | tee expected

echo
mrecv -a -o '%s %p' by-worker | awk '{ print $2, $1 }' | sort -n | awk '
	$1 == number { print "   Came twice: message " $1 ", from " name " and from " $2 ": at least once is the promise."; twice++ }
	{ number = $1; name = $2 }
	END { exit twice != 1 }'
if [ "$(cut -c 15- received)" != "$(cut -c 15- expected)" ]; then
	echo "demo: what was received is not what was sent"
	exit 1
fi
echo "   Nothing lost, nothing torn. The check took $(($(date +%s) - worked)) s more. Nearly all of that time went into starting some $((total * 5))"
echo "   processes, five for each message: make bench-quick measures letterbox itself."
