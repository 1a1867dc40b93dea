#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Looks at the Debian packages that have been built, from outside (for what apt
# makes of them see tests/kselftest/packages.sh), and at the tarball. Prints KTAP.

# shellcheck disable=SC2317 # report calls them
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
out=$(out_dir)
release=$(cat "$(kernel_dir)/release")
version=$(cat VERSION)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
# shellcheck source=tests/scripts/report.sh
. tests/scripts/report.sh

all_there() {
	local name
	for name in "volley-modules-${release}_${version}_arm64" volley-{dkms,tools,dev}"_${version}_all"; do
		dpkg-deb --extract "$out/deb/$name.deb" "$work/root" || return 1
	done
}

# Without the name of a vendor lintian does not start; a root that was only
# unpacked has none.
lintian_clean() {
	mkdir -p "$work/origins"
	printf 'Vendor: Debian\nVendor-URL: https://www.debian.org/\n' |
		tee "$work/origins/debian" >"$work/origins/default"
	DPKG_ORIGINS_DIR=$work/origins lintian --allow-root --fail-on error,warning \
		--show-overrides --info "$out"/deb/*.deb
}

# The very module that the tests have loaded, but for what debuggers read.
module_is_ours() {
	local ko=$work/root/usr/lib/modules/$release/updates/volley.ko
	[ "$(modinfo -F vermagic "$ko" | cut -d ' ' -f 1)" = "$release" ] &&
		[ "$(modinfo -F srcversion "$ko")" = "$(modinfo -F srcversion "$out/module/volley.ko")" ] &&
		[ "$(stat -c %s "$ko")" -lt 1000000 ]
}

pages_clean() {
	local page
	for page in "$work"/root/usr/share/man/man*/*; do
		zcat "$page" | groff -man -ww -Tutf8 -z >"$work/page" 2>&1 || return 1
		cat "$work/page"
		[ ! -s "$work/page" ] || return 1
	done
}

# What documents refer to is where they are, or on the web.
# shellcheck disable=SC2016 # for grep and sed
links_lead_somewhere() {
	local doc=$work/root/usr/share/doc/volley-tools link links
	links=$(grep -o '](\([^)]*\))' "$doc/README.md" | sed 's/^](//; s/[#)].*//'
		cat "$doc"/*.rst | grep -o ':doc:`[^`]*`' | sed 's/.*[<`]\(.*[^>]\)>*`/\1.rst/')
	[ "$(wc -l <<<"$links")" -ge 40 ] || return 1
	while read -r link; do
		case $link in
		https://* | /usr/share/common-licenses/*) ;;
		*) [ -e "$doc/$link" ] || { echo "leads nowhere: $link"; return 1; } ;;
		esac
	done <<<"$links"
}

# Only comments in /etc.
nothing_in_effect() { ! grep -rv '^#' "$work/root/etc"; }

# What bash completes is what volley-top takes.
completion_knows_all() {
	local word words
	words=$(scripts/volley-top --help | grep -o -e '--[a-z]*' | sort -u)
	words+=" $(scripts/volley-top --help | tr -d ' \n' | sed 's/.*--sortCOLUMN\([a-z_,]*\);.*/\1/' | tr , ' ')"
	[ "$(wc -w <<<"$words")" -ge 18 ] || return 1
	for word in $words; do
		grep -qw -e "$word" "$work/root/usr/share/bash-completion/completions/volley-top" ||
			{ echo "not known: $word"; return 1; }
	done
}

# dkms_conf RELEASE: what dkms would read there.
dkms_conf_is_read() {
	(
		cd "$work/root/usr/src/volley-$version"
		# shellcheck disable=SC2034 # for the file
		kernelver=$release kernel_source_dir=$(kernel_dir)/build dkms_tree=/var/lib/dkms
		# shellcheck disable=SC1091 # made when it is packed
		. ./dkms.conf
		[[ ${MAKE[0]} == *" CC=aarch64-linux-gnu-$volley_gcc modules" ]] &&
			[ "$PACKAGE_VERSION" = "$version" ] && [ -x "${PRE_BUILD%% *}" ] &&
			[[ $release =~ $BUILD_EXCLUSIVE_KERNEL ]] && [[ aarch64 =~ $BUILD_EXCLUSIVE_ARCH ]] &&
			! [[ 6.12.117+deb13-arm64 =~ $BUILD_EXCLUSIVE_KERNEL ]] && ! [[ 7.31.0 =~ $BUILD_EXCLUSIVE_KERNEL ]]
	)
}

# In the folder $dkms dkms itself makes the module of volley-dkms, from what Debian's
# packages have: the kernel's source, its configuration and its symbols, but no metadata.
dkms_builds_here() {
	local headers=$dkms/headers ko top
	top=linux-source-$(series_of "$release")
	mkdir -p "$headers/include" "$dkms/tree"
	cp "$(kernel_dir)/config" "$headers/.config"
	cp "$(kernel_dir)/Module.symvers" "$headers/"
	tar -cf "$dkms/source.tar" -C "$(kernel_dir)/source" --transform "flags=r;s,^[.],$top," .
	dkms_here add "volley/$version"
	if ! VOLLEY_LINUX_SOURCE=$dkms/source.tar dkms_here build "volley/$version" \
		-k "$release" -a aarch64 --kernelsourcedir "$headers"; then
		tail -n 20 "$dkms/tree/volley/$version/build/make.log"
		return 1
	fi
	ko=$dkms/tree/volley/$version/$release/aarch64/module/volley.ko
	[ "$(modinfo -F version "$ko")" = "$version" ] &&
		[ "$(modinfo -F vermagic "$ko")" = "$(modinfo -F vermagic "$out/module/volley.ko")" ] &&
		[ "$(modinfo -F srcversion "$ko")" = "$(modinfo -F srcversion "$out/module/volley.ko")" ] &&
		# Of the tree that it was built with nothing is left.
		[ "$(du -sm "$dkms/tree" | cut -f 1)" -lt 30 ] &&
		# Where packages.rst says that it is.
		grep -q volley_register "${ko%/*}/Module.symvers"
}

dkms_builds() {
	local dkms=$out/dkms status=0
	remove "$dkms"
	dkms_builds_here || status=1
	remove "$dkms"
	return "$status"
}

dkms_here() { dkms "$@" --dkmstree "$dkms/tree" --sourcetree "$work/root/usr/src"; }

kernel_make() {
	make -C "$(kernel_dir)/build" M="$1" "${kernel_flags[@]}" -j"$(nproc)" "${@:2}" modules
}

# As volley-dev installs them, but for where its files are.
examples_build() {
	local examples=$work/root/usr/share/doc/volley-dev/examples usr=$work/root/usr
	sed -i "s,/usr/include/volley,$usr/include/volley,; s,/usr/src/volley,$usr/src/volley," \
		"$examples"/{Kbuild,volley_filter.rs}
	kernel_make "$examples" KBUILD_EXTRA_SYMBOLS="$usr/src/volley/$release/Module.symvers" &&
		[ "$(modinfo -F depends "$examples/volley_redirect.ko")" = volley ] &&
		[ "$(modinfo -F depends "$examples/volley_filter.ko")" = volley ]
}

# prepare_ends STATUS REASON RELEASE HEADERS: prepare-kernel must end so, and say why.
# 1 is a failure; 77 has dkms skip the kernel.
prepare_ends() {
	local said status=0
	said=$("$work/root/usr/src/volley-$version/prepare-kernel" "${@:3}" "$work/tree" 2>&1) || status=$?
	echo "$status: $said"
	[ "$status" -eq "$1" ] && [[ $said == *"$2"* ]] && [ ! -e "$work/tree" ]
}

# Where the version of each package is its name.
with_other_versions() {
	mkdir -p "$work/bin"
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho "$4"\n' >"$work/bin/dpkg-query"
	chmod +x "$work/bin/dpkg-query"
	PATH=$work/bin:$PATH "$@"
}

make_headers() {
	mkdir -p "$work/headers"
	touch "$work/headers/Module.symvers" "$work/source.tar.xz"
	printf 'CONFIG_%s\n' RUST=y "RUSTC_VERSION_TEXT=\"$1\"" "CC_VERSION_TEXT=\"${2:-bash} 5\"" >"$work/headers/.config"
}

echo "KTAP version 1"
echo "1..17"
report "all packages are there" all_there
report "lintian finds nothing" lintian_clean
report "the module is the one that was built" module_is_ours
report "groff finds nothing in the manual pages" pages_clean
report "links in documents lead somewhere" links_lead_somewhere
report "nothing in /etc is in effect" nothing_in_effect
report "bash completes all that volley-top takes" completion_knows_all
report "dkms.conf is for this kernel and no other series" dkms_conf_is_read
report "dkms builds the same module" dkms_builds
report "the examples build and link" examples_build
report "prepare-kernel wants headers" prepare_ends 1 "install linux-headers-7.3.9" 7.3.9 "$work/none"
make_headers "$(rustc --version)"
report "prepare-kernel skips a kernel whose source is not here" \
	prepare_ends 77 "apt install linux-source-7.3" 7.3.9 "$work/headers"
# apt is content with the first of the series; the kernel may be of the other.
report "prepare-kernel skips one of another series" \
	prepare_ends 77 "apt install linux-source-7.2" 7.2.9+deb13-arm64 "$work/headers"
export VOLLEY_LINUX_SOURCE=$work/source.tar.xz
report "prepare-kernel skips a kernel that the source is not of" with_other_versions \
	prepare_ends 77 "apt install linux-source-7.3=linux-headers-7.3.9" 7.3.9 "$work/headers"
make_headers "$(rustc --version)" aarch64-linux-gnu-no-gcc
report "prepare-kernel skips a kernel whose compiler is not here" \
	prepare_ends 77 "apt install no-gcc" 7.3.9 "$work/headers"
make_headers "rustc 1.0"
report "prepare-kernel skips a kernel whose rustc is another" \
	prepare_ends 77 "was built with 'rustc 1.0'" 7.3.9 "$work/headers"
sed -i /CONFIG_RUST=/d "$work/headers/.config"
report "prepare-kernel wants Rust" prepare_ends 1 "without CONFIG_RUST" 7.3.9 "$work/headers"
exit "$failed"
