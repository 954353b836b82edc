# SPDX-License-Identifier: ISC
# Processes of several users.  It takes root to be them.
#
# owner has the directory `own`, for mailboxes; mate is in its group, `other` is not; third and fourth are like other.

# shellcheck disable=SC2034 # used by the tests
OWNER=64001 MATE=64002 OTHER=64003 THIRD=64004 FOURTH=64005 TEAM=64100

setup_file()
{
	find_tools
	[ "$EUID" -eq 0 ] && command -v setpriv >/dev/null || return 0
	# a place that all can reach, with tools that all can run
	all_places=$(mktemp -d /tmp/letterbox.XXXXXX)
	export all_places
	mkdir "$all_places/bin"
	cp "$(type -P mkmbox)" "$(type -P chmbox)" "$(type -P rmmbox)" "$(type -P msend)" "$(type -P mrecv)" "$(type -P mtee)" "$(type -P mcall)" \
	    "$(type -P mstat)" "$all_places/bin"
	# as WHO COMMAND... -- run it as that user.
	cat >"$all_places/bin/as" <<-END
		#!/bin/sh
		case \$1 in
		owner) uid=$OWNER gid=$TEAM ;;
		mate) uid=$MATE gid=$TEAM ;;
		other) uid=$OTHER gid=$OTHER ;;
		third) uid=$THIRD gid=$THIRD ;;
		fourth) uid=$FOURTH gid=$FOURTH ;;
		esac
		shift
		exec timeout -s KILL $LIMIT setpriv --reuid \$uid --regid \$gid --clear-groups "\$@"
	END
	chmod 755 "$all_places" "$all_places/bin/as"
}

teardown_file()
{
	[ -z "${all_places:-}" ] || rm -rf "$all_places"
}

users_setup()
{
	[ "$EUID" -eq 0 ] || skip "it takes root to be several users"
	[ -n "${all_places:-}" ] || skip "setpriv is not installed"
	place=$all_places/$BATS_TEST_NUMBER
	mkdir -m 755 "$place" "$place/own" "$place/bin"
	cd "$place" || return
	PATH=$place/bin:$all_places/bin:$PATH
	chown $OWNER:$TEAM own
	unset TMPDIR
}

users_teardown()
{
	[ -z "${place:-}" ] || rm -rf "$place"
}
