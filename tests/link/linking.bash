# SPDX-License-Identifier: ISC
# What suites of mlink share, whatever is at the other side.
# shellcheck disable=SC2034,SC2154  # link, for the tests; child, of helpers.bash

# linking ARGUMENT... -- keep a link in the background; what it says goes to `said'.
linking()
{
	in_background mlink "$@" 2>>said
	link=$child
}

# says TEXT -- whether it has said so.
says()
{
	grep -qF -- "$1" said
}

# hostile -- header lines that anybody may give, in ${hostile[@]}: a mailbox takes what an adapter makes of any.  The last
# is the longest that goes as it is; of the one before it the headers are too long.
hostile()
{
	local long names i once=once=00112233445566778899aabbccddeeff
	printf -v long 'k%.0s' {1..5000}
	names="${long:0:255} ${long:0:255}"
	hostile=('' ' ' M1 'M1 5 t' 'M1 5 t ' 'M1 5 t s ' 'M1 5 t s  k=v' 'M1 5+' 'M1 5+ t s' 'M1 05 t s' 'M2 5 t s' 'M1 -5 t s'
		'M1 99999999999999999999999 t s' $'M1 5 t s\n' $'M1 5 t s\nM1 5 t s' $'M1 5 t\ts' 'M1 5 t s k=v k=w' 'M1 5 t s k='
		'M1 5 t s k=%zz' 'M1 5 t s k=%4' 'M1 5 t s K=v' 'M1 5 t s =v' 'M1 5 t s k' $'M1 5 \351\200 \377 k=v' $'M1 5 t s k=\351'
		"M1 5 ${long:0:256} s" "M1 5 t ${long:0:256}" "M1 5 t s ${long:0:255}=v" "M1 5 t s ${long:0:256}=v"
		"M1 5 t s $once" "M1 5 t s $once/0" "M1 5 t s $once/01" "M1 5 t s $once/-1" "M1 5 t s $once/18446744073709551616"
		"M1 5 t s $once/99999999999999999999999" 'M1 5 t s id=x time=x try=x uid=x to=x via=x once=x'
		'M1 5 t s id=18446744073709551616 time=9 try=0 uid=-1' "M1 5 t s time=$long" "M1 5 t s to=$long" "M1 5 t s via=$long"
		"M1 5 $long $long" "$long")
	for i in 3400 3440 3449 3500 3560 3570; do
		hostile+=("M1 5 $names k=${long:0:i}" "M1 5 $names time=2026-01-01T00:00:00Z k=${long:0:i}")
	done
	hostile+=("M1 5 $names k=${long:0:3449} via=one,two" "M1 5 $names id=1 time=1 k=${long:0:3448}")
}

# hostile_came BOX -- their payloads, which are their numbers, are in the mailbox, and the last two as they must be.
hostile_came()
{
	local last=$((${#hostile[@]} - 1)) i
	for ((i = 0; i < last - 1; i++)); do [ "$(mrecv -n "$1")" = "$i" ] || return; done
	mrecv -c 2 -F "$1" | sed 's/^M1 .* time=[0-9.]* //; s/k\{3448\}$/all/' >came
	cat came
	[ "$(<came)" = "$(lines via=one,two $((last - 1)) k=all "$last")" ]
}
