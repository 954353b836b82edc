# SPDX-License-Identifier: ISC
# Processes of several users.  It takes root to be them.
#
# owner has the directory `own`, for mailboxes; mate is in its group, `other` is not; third and fourth are like other.

# shellcheck disable=SC2034 # used by the tests
OWNER=64001 MATE=64002 OTHER=64003 THIRD=64004 FOURTH=64005 TEAM=64100

users_setup()
{
	[ "$(id -u)" -eq 0 ] || skip "it takes root to be several users"
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	# a place that all can reach, with tools that all can run
	place=$(mktemp -d /tmp/letterbox.XXXXXX)
	chmod 755 "$place"
	cd "$place" || return
	mkdir bin own
	for tool in mkmbox rmmbox msend mrecv mtee mcall mstat; do
		cp "$(type -P "$tool")" bin
	done
	# as WHO COMMAND... -- run it as that user.
	cat >bin/as <<-END
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
	chmod 755 bin/as
	PATH=$place/bin:$PATH
	chown $OWNER:$TEAM own
	chmod 755 own
	export XDG_RUNTIME_DIR=
	unset TMPDIR
}

users_teardown()
{
	[ -z "${place:-}" ] || rm -rf "$place"
}
