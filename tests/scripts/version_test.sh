#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Whatever says which version of Volley it belongs to says what VERSION says: a
# semantic version. Prints KTAP. (What the loaded module and installed packages
# say is in tests/kselftest/packages.sh.)

# shellcheck disable=SC2317 # report calls them
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
out=$(out_dir)
version=$(cat VERSION)
number=0 failed=0

# report NAME COMMAND...
report() {
	local what=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $what"
	else
		echo "not ok $number $what"
		failed=1
	fi
}

# is FOUND: exactly the version.
is() {
	[ "$1" = "$version" ] || { echo "# it says: $1"; return 1; }
}

# By the expression of semver.org.
semantic() {
	local part='(0|[1-9][0-9]*)' name='(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)'
	[[ $1 =~ ^$part\.$part\.$part(-$name(\.$name)*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$ ]]
}

refuses() { ! semantic "$1"; }

changelog() {
	is "$(awk '/^=+$/ && last ~ /^[0-9]/ { print last; exit } { last = $0 }' Documentation/changelog.rst)"
}

footer() { is "$(sed -n 's/^\.TH .* "Volley \([^"]*\)".*/\1/p' "$1")"; }

module() { is "$(modinfo -F version "$out/module/volley.ko")"; }

packages() {
	local deb debs=("$out"/deb/*.deb)
	[ -e "${debs[0]}" ] || { echo "# no packages have been built"; return 1; }
	for deb in "${debs[@]}"; do
		is "$(dpkg-deb -f "$deb" Version)" || return 1
	done
}

pages=(Documentation/man/*)
echo "KTAP version 1"
echo "1..$((9 + ${#pages[@]}))"
report "VERSION is a semantic version" semantic "$version"
for bad in 1.0 01.0.0 1.0.0-01 v1.0.0; do
	report "$bad is none" refuses "$bad"
done
report "changelog" changelog
for page in "${pages[@]}"; do
	report "footer of ${page##*/}" footer "$page"
done
report "volley-top" is "$(scripts/volley-top --version | cut -d ' ' -f 2)"
report "modinfo" module
report "packages" packages
exit "$failed"
