#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each script must refuse an argument that is one too many, and at once: one that was
# ignored would have something done that nobody has asked for. Prints KTAP.

# shellcheck disable=SC2317 # report calls them
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# shellcheck source=tests/scripts/report.sh
. tests/scripts/report.sh
# What goes on nevertheless does not get far, and leaves everything as it is: there is no
# such suite, and nothing where it would look.
export VOLLEY_SUITE=none XDG_CACHE_HOME=$work/cache INSTALL_MOD_PATH=$work KERNELRELEASE=none

# takes SCRIPT: arguments that it takes, after which there can be no other.
takes() {
	case ${1##*/} in
	bench-report | bench-show | build-samples | check-tree | verdict) echo "$work" ;;
	bench-where) echo "--initramfs none --folder $work --figures none" ;;
	build-module | build-vmm) echo --clippy ;;
	check) echo --fast ;;
	demo) echo --bursts 5 ;;
	format) echo --check ;;
	install) echo --remove ;;
	check-kernels) echo --list ;;
	esac
}

# refuses REASON COMMAND...: it fails soon, and says why.
refuses() {
	local said status=0
	said=$(timeout 20 "${@:2}" </dev/null 2>&1) || status=$?
	echo "$status: $said"
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ] && [[ $said =~ $1 ]]
}

# What follows enter is another command's.
mapfile -t scripts < <(find scripts -maxdepth 1 -type f -perm -u+x ! -name enter | sort)

echo "KTAP version 1"
echo "1..$((${#scripts[@]} + 1))"
for script in "${scripts[@]}"; do
	mapfile -t arguments < <(takes "$script" | tr ' ' '\n')
	report "$script" refuses '(unknown argument|unrecognized arguments): --another' \
		"$script" "${arguments[@]}" --another
done
report "bench writes no report of a part alone" refuses '--add' \
	scripts/bench --only receive --report
exit "$failed"
