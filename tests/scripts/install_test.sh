#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests scripts/install: what it puts where, that it takes all of it away again,
# and that it leaves alone what a package has. Prints KTAP.

# shellcheck disable=SC2317 # report calls them
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
release=$(cat "$(kernel_dir)/release")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# shellcheck source=tests/scripts/report.sh
. tests/scripts/report.sh
root=$work/root
ko=lib/modules/$release/updates/volley.ko
mkdir -p "$root/lib/modules/$release" "$work/bin"

to_root() { INSTALL_MOD_PATH=$root KERNELRELEASE=$release scripts/install "$@"; }

installs() {
	to_root &&
		# Or what `make` has built for this release, if that is newer.
		{ cmp "$root/$ko" "$(out_dir)/module/volley.ko" || cmp "$root/$ko" out/native/volley.ko; } &&
		"$root/usr/sbin/volley-top" --help >/dev/null &&
		cmp "$root/usr/src/volley/volley.h" rust/api/volley.h &&
		grep -q volley "$root/usr/src/volley/Module.symvers" &&
		grep -q updates/volley.ko "$root/lib/modules/$release/modules.dep"
}

# Of another kernel's, too, which is not the running one any more.
removes() {
	mkdir -p "$root/lib/modules/7.2.1/updates"
	cp "$root/$ko" "$root/lib/modules/7.2.1/updates/"
	to_root --remove && [ -z "$(find "$root" -name '*volley*')" ] &&
		! grep -q volley "$root/lib/modules/$release/modules.dep"
}

# refuses EXPECTED ARGUMENT...: where each file is the package p's, which knows it by
# the path that it has, whatever links lead there.
refuses() {
	local said
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\ncase $2 in /usr/*) echo "p: $2" ;; *) exit 1 ;; esac\n' >"$work/bin/dpkg-query"
	chmod +x "$work/bin/dpkg-query"
	! said=$(PATH=$work/bin:$PATH KERNELRELEASE=$release scripts/install "${@:2}" 2>&1) || return 1
	echo "$said"
	[[ $said == *"$1 belongs to the package p; run: apt remove p" ]]
}

# Of two for the same kernel the one that was built last, by `make` or by `make stock`.
newest() {
	local top=$work/top newer older said
	mkdir -p "$top/rust" "$top/out/native" "$top/out/$release/module"
	cp -r scripts "$top/" && cp -r rust/api "$top/rust/" || return 1
	touch "$top/out/native/Module.symvers" "$top/out/$release/module/Module.symvers"
	for newer in native "$release/module"; do
		for older in native "$release/module"; do
			cp "$(out_dir)/module/volley.ko" "$top/out/$older/"
			touch -d yesterday "$top/out/$older/volley.ko"
		done
		touch "$top/out/$newer/volley.ko"
		said=$(INSTALL_MOD_PATH=$work/other KERNELRELEASE=$release "$top/scripts/install" 2>&1) || return 1
		echo "$said"
		[[ $said == *"installed out/$newer/volley.ko as "* ]] || return 1
	done
}

# Whatever it is compressed with.
leaves_to_dkms() {
	local said
	mkdir -p "$root/${ko%/*}/dkms"
	touch "$root/${ko%/*}/dkms/volley.ko.xz"
	! said=$(to_root 2>&1) || return 1
	echo "$said"
	rm -r "$root/${ko%/*}/dkms"
	[[ $said == *"apt remove volley-dkms" ]] && [ ! -e "$root/$ko" ]
}

not_built() {
	local said
	! said=$(KERNELRELEASE=7.3.99 INSTALL_MOD_PATH=$root scripts/install 2>&1) || return 1
	echo "$said"
	[[ $said == *"no volley.ko for the kernel 7.3.99"* ]] && [ ! -e "$root/lib/modules/7.3.99" ]
}

echo "KTAP version 1"
echo "1..7"
report "everything is installed" installs
report "everything is removed, of all kernels" removes
report "what a package has is not replaced" refuses "/$ko"
report "what a package has is not removed" refuses /usr/sbin/volley-top --remove
report "of two modules for a kernel the newer one is installed" newest
report "none is installed beside the one that dkms has built" leaves_to_dkms
report "wants a module for that kernel" not_built
exit "$failed"
