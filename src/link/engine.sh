# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
# engine.sh -- what link-redis and link-postgres share: each reads it in, and ends with `adapter "$@"'.
#
# It has the functions
#
#     parse URL               take the URL apart
#     put                     store the batch of frames on standard input: all of it, or end
#     receive COMMAND...      take messages, and give them to the command
#     acknowledge ID...       have those no more: the command has stored them
#     status_of REASON        $status is the exit status for what the server has said
set -u

name=${0##*/}

tell() { echo "$name: $*" >&2; }

# fail STATUS WORDS... -- say why, and end.
fail() {
	status=$1
	shift
	tell "$*"
	exit "$status"
}

# refused REASON -- the server has answered with an error, or has not: say so, and end with the status of its kind.
refused() {
	reason=$(printf '%s' "$1" | tr '\n' ' ' | tr -d '\000-\037\177' | cut -c 1-300)
	status_of "$reason"
	fail "$status" "${reason:-the server does not answer}"
}

# run COMMAND... -- run it, its input the file 3, its output 5, its errors 7; a signal to stop ends it too.
child=
run() {
	"$@" <&3 >&5 2>&7 &
	child=$!
	{ wait "$child"; } 2>/dev/null          # a shell tells of a signal
	status=$?
	child=
	return "$status"
}

stop() {
	[ -z "$child" ] || kill -TERM "$child" 2>/dev/null
	exit 143
}

# nameless -- files without names: 5 is to be written, and read as 6; 7 and 8 likewise.  A kill in between leaves empty
# ones.
nameless() {
	folder=$(mktemp -d "${TMPDIR:-/tmp}/letterbox.XXXXXX") || fail 75 "no temporary file"
	# shellcheck disable=SC2094  # a description each
	exec 5>>"$folder/1" 6<"$folder/1" 7>>"$folder/2" 8<"$folder/2"
	rm -r "$folder"
}

# decode TEXT -- %XX in it decoded, to $decoded.
decode() {
	decoded='' rest=$1
	case $rest in
	*%00* | *%[!0-9A-Fa-f]* | *%?[!0-9A-Fa-f]* | *% | *%?)
		fail 64 "$shown: a % in it is not followed by two hexadecimal digits of a byte that is not 0" ;;
	esac
	while [ "$rest" != "${rest#*%}" ]; do
		decoded=$decoded${rest%%\%*} rest=${rest#*%}
		# shellcheck disable=SC2059  # a format; the x keeps a newline
		byte=$(printf "\\$(printf %o "0x${rest%"${rest#??}"}")x")
		decoded=$decoded${byte%x} rest=${rest#??}
	done
	decoded=$decoded$rest
}

# parts URL PORT SECRET -- what stands in it goes to $user, $host, $port and $path, which is not decoded yet, and the URL
# for messages to $shown.  SECRET says where a password belongs.
parts() {
	rest=${1#*://} path='' user='' port=$2
	host=${rest%%[/?]*}
	shown=${1%"$rest"}${rest#"${host%@*}@"}
	case $host in *@*) user=${host%@*} host=${host##*@} ;; esac
	case $user in *[:@]*) fail 64 "$shown: a password does not belong into a URL: $3" ;; esac
	case $rest in *\?*) fail 64 "$shown: there are no options: a ? in a name is written as %3F" ;; esac
	case $rest in */*) path=${rest#*/} ;; esac
	decode "$user"
	user=$decoded
	case $host in
	\[*\]) host=${host#\[} host=${host%\]} ;;
	\[*\]:*) port=${host##*\]:} host=${host#\[} host=${host%\]:*} ;;
	*:*) port=${host#*:} host=${host%%:*} ;;
	esac
	case $port in '' | *[!0-9]* | ??????*) port=0 ;; esac
	case $host in '' | *[][]*) port=0 ;; esac
	if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then fail 64 "$shown: no host, or no port from 1 to 65535"; fi
}

# name_of BYTES -- as a tag: what may not be in one becomes %XX.
name_of() {
	printf '%s' "$1" | od -An -v -tu1 | tr -s ' ' '\n' | awk '
		/./ { s = s ($1 > 32 && $1 < 127 && $1 != 37 ? sprintf("%c", $1) : sprintf("%%%02X", $1)) }
		END { print substr(s, 1, 255) }'
}

# give COMMAND... -- the frames of file 6 to the command; those of $ids of which it says that they are stored are
# acknowledged.  Its exit status says nothing about them: what it was given may have been cut short.
give() {
	exec 3<&6 9>&2
	nameless
	exec 7>&9
	run "$@"
	outcome=$?
	acks=$(sed -n 's/^\([0-9]\{1,9\}\)+$/\1/p' <&6 | tail -n 1)
	n=0 stored=
	for id in $ids; do
		[ "$n" -lt "${acks:-0}" ] || break
		n=$((n + 1)) stored="$stored $id"
	done
	# shellcheck disable=SC2086  # numbers
	[ -z "$stored" ] || acknowledge $stored
	case $outcome in
	0) [ "$stored" = " $ids" ] || fail 75 "$1 has not acknowledged all that it was given" ;;
	64 | 66 | 69 | 77) exit 69 ;;
	*) exit 75 ;;
	esac
}

adapter() {
	trap stop TERM INT HUP
	case ${1:-}:$# in
	form:1) echo batch ;;
	out:2)
		parse "$2"
		put
		;;
	in:[3-9]* | in:[1-9][0-9]*)
		parse "$2"
		shift 2
		receive "$@"
		;;
	*) fail 64 "usage: $name form | out URL | in URL command..." ;;
	esac
}
