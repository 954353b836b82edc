#!/bin/sh
# SPDX-License-Identifier: ISC
# deb.sh DIR VERSION [LINK...] -- make packages for Debian: DIR/letterbox_*.deb of what "make install install-links" has put
# below DIR/letterbox, and for each LINK, an adapter that needs a library, DIR/letterbox-link-LINK_*.deb of its own.
#
# DEBFULLNAME and DEBEMAIL are the maintainer.  The same commit gives the same bytes, by the same compiler.
set -eu
umask 022
export LC_ALL=C
dir=$(cd "$1" && pwd)
version=$2
shift 2

command -v dpkg-shlibdeps >/dev/null || { echo "deb.sh: dpkg-shlibdeps is not installed (apt-get install dpkg-dev)" >&2; exit 1; }
maintainer="${DEBFULLNAME:-The letterbox authors} <${DEBEMAIL:-letterbox@packages.invalid}>"
# a commit behind a release sorts behind it
if commit=$(git rev-parse --short HEAD 2>/dev/null); then
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
	git describe --exact-match --tags HEAD >/dev/null 2>&1 ||
		version=$version+git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$commit
fi
: "${SOURCE_DATE_EPOCH:=$(stat -c %Y CHANGES)}"
export SOURCE_DATE_EPOCH
version=$version-0.1

# needs FILE... -- the packages that have the libraries of these programs, each behind a comma.
needs() {
	mkdir -p "$dir/shlibdeps/debian"
	: >"$dir/shlibdeps/debian/control"
	(
		cd "$dir/shlibdeps"
		dpkg-shlibdeps -O --warnings=0 "$@" >found 2>said || { cat said >&2; exit 1; }
	)
	sed -n 's/^shlibs:Depends=/, /p' "$dir/shlibdeps/found"
}

# package NAME DEPENDS -- put DIR/NAME into a package; its description comes on standard input, its other fields in $fields.
package() {
	root=$dir/$1
	mkdir -p "$root/DEBIAN"
	(cd "$root" && find usr -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums)
	{
		echo "Package: $1"
		echo "Version: $version"
		echo "Architecture: $(dpkg --print-architecture)"
		echo "Maintainer: $maintainer"
		echo "Section: utils"
		echo "Priority: optional"
		echo "Installed-Size: $(du -k -s --apparent-size "$root/usr" | cut -f 1)"
		[ -z "$2" ] || echo "Depends: $2"
		printf '%s' "$fields"
		cat
	} >"$root/DEBIAN/control"
	dpkg-deb --root-owner-group --build "$root" "$dir/${1}_${version}_$(dpkg --print-architecture).deb"
}

# ---- what belongs to the packages

tools=$dir/letterbox
doc=$tools/usr/share/doc/letterbox
mkdir -p "$doc" "$tools/usr/share/lintian/overrides"
{
	echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
	echo "Upstream-Name: letterbox"
	echo
	echo "Files: *"
	sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
	echo "License: ISC"
	sed -n '/^Permission/,$s/^/ /p' LICENSE | sed 's/^ $/ ./'
} >"$doc/copyright"
gzip -9n <CHANGES >"$doc/changelog.gz"
gzip -9n >"$doc/changelog.Debian.gz" <<-END
	letterbox ($version) unstable; urgency=medium

	  * Packaged from its source by make deb; changelog.gz says what is new.

	 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
find "$tools/usr/share/man" -type f -exec gzip -9n {} +
# a tool that runs once for each message spends most of its time starting up, and starts twice as fast without ld.so
for file in "$tools"/usr/bin/* "$tools"/usr/libexec/letterbox/*; do
	readelf -d "$file" 2>/dev/null | grep -q '^There is no dynamic' &&
		echo "letterbox: statically-linked-binary [${file#"$tools"/}]"
done >"$tools/usr/share/lintian/overrides/letterbox" || :

# ---- the packages

for name; do
	root=$dir/letterbox-link-$name
	mkdir -p "$root/usr/libexec/letterbox" "$root/usr/share/doc"
	mv "$tools/usr/libexec/letterbox/link-$name" "$root/usr/libexec/letterbox"
	ln -s letterbox "$root/usr/share/doc/letterbox-link-$name"
	fields="Enhances: letterbox
"
	libraries=$(needs "$root/usr/libexec/letterbox/link-$name")
	package "letterbox-link-$name" "letterbox (= $version)$libraries" <<-END
		Description: message passing for the shell - links by $(echo "$name" | tr '[:lower:]' '[:upper:]')
		 Named mailboxes on the file system, and small tools that make them, send to
		 them and receive from them.
		 .
		 This is the adapter with which mlink carries the messages of a mailbox to
		 another machine by way of a broker that speaks $(echo "$name" | tr '[:lower:]' '[:upper:]').
	END
done

fields="Suggests: jq, openssh-client, redis-tools, postgresql-client
"
libraries=$(needs "$tools"/usr/bin/*)
package letterbox "${libraries#, }" <<-END
	Description: message passing for the shell
	 Named mailboxes on the file system, and small tools that make them, send to
	 them and receive from them. Receivers choose by tag and source, wait or do
	 not wait, and can run a command on each message, which leaves the mailbox
	 only when the command has succeeded.
	 .
	 It makes queues of jobs with workers, retry, back-off and dead letters out of
	 shell scripts, without a daemon, a broker or a configuration.
END
