#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tarball that scripts/make-dist packs: the same each time, with the files of
# the last commit and no others. Prints KTAP.

# shellcheck disable=SC2317 # report calls them
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# shellcheck source=tests/scripts/report.sh
. tests/scripts/report.sh

packs() { tarball=$(scripts/make-dist) && [ "$tarball" = "$PWD/out/dist/volley-$(git show HEAD:VERSION).tar.xz" ]; }

# With another umask, another time, and other settings of git.
same_again() {
	cp -- "$tarball" "$work/first"
	sleep 1
	(umask 077 && GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=tar.umask GIT_CONFIG_VALUE_0=user scripts/make-dist) &&
		cmp -- "$tarball" "$work/first"
}

same_files() {
	mkdir "$work/files"
	tar -xf "$tarball" -C "$work/files" --strip-components=1 &&
		diff <(cd "$work/files" && find . -type f -o -type l | sort) \
			<(git ls-tree -r --name-only HEAD | sed 's,^,./,' | sort) &&
		git ls-tree -r HEAD | while read -r _ _ hash name; do
			[ "$(git hash-object "$work/files/$name")" = "$hash" ] || { echo "differs: $name"; exit 1; }
		done
}

usable() { make -s -C "$work/files" help; }

echo "KTAP version 1"
echo "1..4"
tarball=
report "make-dist packs it" packs
report "the same commit gives the same tarball" same_again
report "it has the files of the commit" same_files
report "make works in it" usable
exit "$failed"
