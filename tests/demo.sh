#!/bin/sh
# The demo: files of this machine travel as messages. Three senders share the sending and four workers the work,
# one worker is killed while it works, and in the end every file has been counted.  Run it by: make demo
set -eu
export LC_ALL=C
top=$PWD                                # the source tree
began=$(date +%s)

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

# ------------------------------------------------------------------ the input: at most 300 files of this machine

{
	for place in /usr/share/man /usr/share/doc /usr/include /usr/share/dict; do
		find "$place" -type f -perm -004 -size -1500k 2>/dev/null | head -n 80
	done
	find "$top/src" "$top/man" "$top/tests" -type f
} | head -n 300 >files
total=$(wc -l <files)

kind_of() {                             # FILE: what it is, told from its name
	case $1 in
	*/copyright) echo copyright ;;
	*[Cc]hange[Ll]og* | */NEWS*) echo changelog ;;
	*/man/* | *.[1-8]) echo manual ;;
	*.h) echo header ;;
	*/dict/*) echo dictionary ;;
	*) echo text ;;
	esac
}

contents() {                            # FILE: what is in it, unpacked where it is compressed
	case $1 in
	*.gz) gzip -dc <"$1" ;;
	*) cat <"$1" ;;
	esac
}

# ------------------------------------------------------------------ the mailboxes

mkmbox -c 100 jobs                      # holds 100 messages: a sender that is faster than the workers sleeps
mkmbox results by-worker by-kind busy

# ------------------------------------------------------------------ the workers

# What a worker does with one message.  The payload is on standard input; the tag and the message's number in its
# mailbox are in the environment.  The result is a message too: of the same tag, and with the worker as its source.
# dave, past a quarter of the work, stops after sending a result, and says so.
work='
	counted=$(wc -lw)
	msend -s "$1" -t "$MBOX_TAG" results "$MBOX_ID" $counted
	if [ "$1" = dave ] && [ "$MBOX_ID" -gt "$2" ]; then
		msend busy "$$" "$MBOX_ID"
		exec sleep 60
	fi
'
worker() {                              # NAME: receive for ever, one command a message
	exec mrecv -f jobs -- sh -c "$work" work "$1" $((total / 4))
}

worker alice & alice=$!
worker bob   & bob=$!
worker carol & carol=$!
worker dave  & dave=$!
running="$alice $bob $carol $dave"

# ------------------------------------------------------------------ the senders

sender() {                              # N: send every third file, each a message that bears its kind as tag
	awk -v n="$1" 'NR % 3 == n' files | while IFS= read -r file; do
		contents "$file" | msend -s "sender-$1" -t "$(kind_of "$file")" jobs
	done
}

echo "$total files -> 3 senders -> mailbox jobs -> 4 workers -> mailbox results"
echo "Each file is a message; each worker starts a command for each message (wc), and sends what it counted."
echo
for n in 0 1 2; do
	sender "$n" &
	running="$running $!"
done

# ------------------------------------------------------------------ the accident

# Receiving is waiting: here until dave is in the middle of a message.
stuck=$(mrecv -w 60 busy)               # "PID NUMBER": of the command, and of the message
kill -KILL "$dave"
kill "${stuck% *}"                      # the command is an orphan now

echo
echo "dave has been killed (SIGKILL) over message ${stuck#* } of jobs: its result is sent, but it is not acknowledged,"
echo "so another worker gets it again.  The mailboxes at this moment:"
echo
mstat

# ------------------------------------------------------------------ the results: each goes to two mailboxes

# As many as there are files, and one more: that of the message which dave could not acknowledge.
{ mrecv -F -c $((total + 1)) -w 30 results | mtee -q by-worker by-kind; } &
gathering=$!
running="$running $gathering"
echo
while kill -0 "$gathering" 2>/dev/null; do
	echo "  $(mrecv -p -a -o '%i\n' by-kind | wc -l) of $((total + 1)) results are in"
	sleep 1
done
wait "$gathering"
worked=$(date +%s)

# SIGTERM lets a worker finish the message it is at; rmmbox refuses to remove a mailbox that still holds one.
kill "$alice" "$bob" "$carol"
wait
running=
rmmbox jobs results

# ------------------------------------------------------------------ what happened, gathered by source and by tag

echo
echo "The work took $((worked - began)) s.  Now the check: \`together' must be what find and wc count without any mailbox."
echo
echo "worker      messages"
for name in alice bob carol dave; do
	mrecv -a -s "$name" by-worker >"worker.$name" || :
	printf '%-11s %8d%s\n' "$name" "$(wc -l <"worker.$name")" "$([ $name != dave ] || echo '   until killed')"
done

echo
echo "kind        messages      lines      words"
row='{ lines += $2; words += $3 } END { printf "%-11s %8d %10d %10d\n", name, NR, lines, words }'
for kind in manual copyright changelog header dictionary text; do
	mrecv -a -t "$kind" by-kind | sort -n -u >"kind.$kind"          # a result that came twice counts once
	[ ! -s "kind.$kind" ] || awk -v name="$kind" "$row" "kind.$kind"
done
cat kind.* | awk -v name=together "$row" | tee received
while IFS= read -r file; do
	contents "$file" | wc -lw
done <files | awk -v name='find | wc' '{ $0 = NR " " $0 } '"$row" | tee expected

echo
for name in alice bob carol dave; do
	awk -v name="$name" '{ print $1, name }' "worker.$name"
done | sort -n | awk '
	$1 == number { print "came twice: message " $1 ", from " name " and from " $2; twice++ }
	{ number = $1; name = $2 }
	END { exit twice != 1 }'

if [ "$(cut -c 12- received)" != "$(cut -c 12- expected)" ]; then
	echo "demo: what was received is not what was sent"
	exit 1
fi
echo "nothing lost, nothing torn: $total files; the check took $(($(date +%s) - worked)) s"
