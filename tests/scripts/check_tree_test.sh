#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shows scripts/check-tree kernel trees that it must refuse, each for the reason
# named, and one that it must not; prints KTAP.

set -euo pipefail

check=$(dirname -- "$0")/../../scripts/check-tree
tree=$(mktemp -d)
trap 'rm -rf -- "$tree"' EXIT
number=0 failed=0

# fresh: a tree with nothing to object to, for the rustc that is here.
fresh() {
	rm -rf -- "${tree:?}"/*
	mkdir -p "$tree"/{include/config,rust}
	touch "$tree"/{Makefile,Module.symvers,rust/libkernel.rmeta}
	echo 7.3.4-test >"$tree/include/config/kernel.release"
	printf 'CONFIG_%s=y\n' ARM64 RUST KVM KPROBES KALLSYMS KALLSYMS_ALL FPROBE >"$tree/include/config/auto.conf"
	echo "CONFIG_RUSTC_VERSION_TEXT=$(rustc --version)" >>"$tree/include/config/auto.conf"
}

# report NAME EXPECTED: runs check-tree; it must say EXPECTED and fail, or say
# nothing and succeed if EXPECTED is empty.
report() {
	local status=0 said
	said=$("$check" "$tree" 2>&1) || status=1
	number=$((number + 1))
	if [ "$status" -eq "$([ -z "$2" ]; echo $?)" ] && [[ $said == *"$2"* ]] &&
		[ "$(wc -l <<<"$said")" -eq 1 ]; then
		echo "ok $number $1"
	else
		echo "# it said: $said"
		echo "not ok $number $1"
		failed=1
	fi
}

without() {
	fresh
	sed -i "/^CONFIG_$1=/d" "$tree/include/config/auto.conf"
	report "without CONFIG_$1" "${2:-without CONFIG_$1}"
}

series() {
	fresh
	echo "$1" >"$tree/include/config/kernel.release"
	report "release $1" "$2"
}

echo "KTAP version 1"
echo "1..20"

fresh
report "a good tree" ""
without RUST
without KVM
without KPROBES
without KALLSYMS
without KALLSYMS_ALL
without FPROBE
without ARM64 "not for arm64"
series 7.3.4+deb13-arm64 ""
series 7.3 ""
series 7.3-rc1 ""
series 7.2.12+deb13-arm64 ""
series 7.1.9 "unsupported kernel series"
series 7.30.1 "unsupported kernel series"
series "" "unsupported kernel series"
fresh
sed -i 's/rustc 1/rustc 9/' "$tree/include/config/auto.conf"
report "another rustc" "the wrong rustc"
fresh
rm "$tree/rust/libkernel.rmeta"
report "no Rust metadata" "no Rust metadata"
fresh
rm "$tree/Module.symvers"
report "no Module.symvers" "no Module.symvers"
fresh
rm "$tree/include/config/auto.conf"
report "not prepared" "not prepared"
fresh
rm "$tree/Makefile"
report "no tree" "no kernel tree"

exit "$failed"
