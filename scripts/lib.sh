# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts share: where things are, how they speak, how a long step
# shows that it is alive, and how two runs at once keep out of each other's
# way. Sourced, never run.
#
# The cache holds one folder per thing, named after the key of what went into
# it. A folder with a file `.complete` in it is finished and never changes.

volley_top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
volley_cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/volley
volley_logs=$volley_cache/logs
volley_me=${0##*/}

# The kernel series Volley is for; Debian's suite that the tools come from, and
# whose kernels they have built; and the kernel the tests are written on.
# shellcheck disable=SC2034 # used by what builds
volley_series=(7.3 7.2)
volley_suite=${VOLLEY_SUITE:-trixie}
# shellcheck disable=SC2034 # as above
case $volley_suite in
testing) volley_gcc=gcc-16 volley_kernels=testing volley_release=7.2-arm64 ;;
trixie) volley_gcc=gcc-14 volley_kernels=trixie-backports volley_release=7.3.4+deb13-arm64 ;;
*) volley_gcc='' volley_kernels='' volley_release=none ;;
esac
volley_release=${VOLLEY_RELEASE:-$volley_release}

# The stock kernel, or a debug kernel (kasan, kcsan) made from its source.
# setup-kernel is about the stock one, whoever calls it.
volley_debug=${VOLLEY_DEBUG:-}
[ "$volley_me" != setup-kernel ] || volley_debug=
volley_debug_configs=$volley_top/tests/machine/debug
# shellcheck disable=SC2034 # used by what builds
if [ -n "$volley_debug" ]; then
	# KASAN with Rust needs a kernel that clang has built.
	kernel_flags=(ARCH=arm64 LLVM=1)
else
	kernel_flags=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- "CC=aarch64-linux-gnu-$volley_gcc")
fi

say() { printf '%s: %s\n' "$volley_me" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# usage TEXT: what --help prints. The caller's header comment is the text.
usage() {
	sed -n '3,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"
}

# no_more ARGUMENT...: refuses what a script does not take.
no_more() {
	[ $# -eq 0 ] || die "unknown argument: $1 (see --help)"
}

# What is not supported is refused here once: a path that kbuild, make or
# bubblewrap would trip over, another suite.
check_surroundings() {
	local path
	[ -n "$volley_gcc" ] ||
		die "unsupported suite of Debian's: VOLLEY_SUITE=$volley_suite (supported: trixie, testing)"
	for path in "$volley_top" "$volley_cache"; do
		case $path in
		*[[:space:]:\'\"\$\\]*)
			die "the kernel's build cannot live in a path with blanks, colons or quotes: $path" ;;
		/*) ;;
		*) die "not an absolute path: $path" ;;
		esac
	done
}

# series_of RELEASE: the one it is of; fails if Volley is not for that.
series_of() {
	local series
	for series in "${volley_series[@]}"; do
		case $1 in
		"$series" | "$series"[.-]*) echo "$series"; return ;;
		esac
	done
	return 1
}

# for_qemu PATH: as a value among QEMU's options, in which a comma ends it.
for_qemu() { echo "${1//,/,,}"; }

# key TEXT...: a short name for everything that went into a cached thing.
key() { printf '%s\n' "$@" | sha256sum | cut -c1-12; }

# lock_file FILE WHAT [-s]: held until the script ends (-s: shared with others
# who say so). Waits for another run, and says that it does.
lock_file() {
	local how=${3:--x} fd
	exec {fd}>>"$1"
	if ! flock "$how" -n "$fd"; then
		say "waiting for another run that is using $2"
		flock "$how" "$fd"
	fi
}

# lock NAME [-s]: the same for something in the cache.
lock() {
	mkdir -p "$volley_cache"
	lock_file "$volley_cache/$1.lock" "$1" "${2:--x}"
}

# need_disk GIGABYTES FOLDER WHAT
need_disk() {
	local free
	mkdir -p "$2"
	free=$(df -Pk -- "$2" | awk 'NR == 2 { printf "%d", $4 / 100000 }')
	[ "$free" -ge $(($1 * 10)) ] ||
		die "not enough disk: $3 takes $1 GB under $2, where only $((free / 10)).$((free % 10)) GB are free; XDG_CACHE_HOME=FOLDER puts it elsewhere"
}

# pause SECONDS: a sleep that leaves no process behind when it is cut short.
pause() { read -rt "$1" <> <(:) || true; }

# ticker TEXT: says every so often that a step is still running.
ticker() {
	local start=$SECONDS every=15
	[ ! -t 2 ] || every=1
	while kill -0 $$ 2>/dev/null; do
		pause "$every"
		if [ -t 2 ]; then
			printf '\r%s: %s (%d s)' "$volley_me" "$1" $((SECONDS - start)) >&2
		else
			say "... $1, $((SECONDS - start)) s"
		fi
	done
}

# step NAME TEXT COMMAND...: runs a long command with its output in a log; with
# V=1 the output is shown as well. If it fails, so does the script. Not to be
# called in a condition: bash would then go on after errors in a function.
step() {
	local log=$volley_logs/${volley_debug:+$volley_debug-}${1#"$volley_debug-"}.log
	local text=$2 start=$SECONDS status=0 tick
	shift 2
	mkdir -p "$volley_logs"
	say "$text"
	if [ "${V:-0}" != 0 ]; then
		set +e
		(set -e && "$@") </dev/null > >(tee -- "$log" >&2) 2>&1
		status=$?
		set -e
	else
		ticker "$text" &
		tick=$!
		set +e
		(set -e && "$@") </dev/null >"$log" 2>&1
		status=$?
		set -e
		kill "$tick" 2>/dev/null || true
		wait "$tick" 2>/dev/null || true
		[ ! -t 2 ] || printf '\r\033[K' >&2
	fi
	if [ "$status" -eq 0 ]; then
		say "$text: done in $((SECONDS - start)) s"
		return
	fi
	explain "$log"
	tail -n 25 -- "$log" | sed 's/^/    /' >&2
	die "$text: failed with status $status; all of it: $log"
}

# explain LOG: one line about what went wrong, if the log tells why.
explain() {
	if grep -Eqi 'no space left on device|not enough free space' "$1"; then
		die "the disk is full; 9 GB are needed under $volley_cache, 20 GB for make check (log: $1)"
	elif grep -Eqi '(failed|unable) .*crates\.io' "$1"; then
		die "crates.io cannot be reached, from which cargo gets what the tests are built with; check the network (log: $1)"
	elif grep -Eqi 'temporary failure resolving|could not (resolve|connect)|unable to connect|network is unreachable|connection (refused|timed out|failed)|no route to host|^ +(40[34]|50[0-9])  .*\[IP' "$1"; then
		die "the Debian archive cannot be reached or lacks what is needed; check the network (http_proxy is honoured, VOLLEY_MIRROR=URI names another mirror; log: $1)"
	elif grep -Eqi 'release file for .* is expired' "$1"; then
		die "the mirror of the Debian archive has not been brought up to date for weeks; use another one (VOLLEY_MIRROR=URI), or take it as it is (VOLLEY_STALE=1; log: $1)"
	elif grep -Eqi 'NO_PUBKEY|signature.*(invalid|could not be verified)|is not signed' "$1"; then
		die "the archive's signature cannot be checked; update the package debian-archive-keyring (log: $1)"
	fi
}

# Where the toolchain root is: its key covers all that setup-root depends on.
root_dir() {
	local arch
	arch=$(dpkg --print-architecture)
	echo "$volley_cache/root-$volley_suite-$(key "$arch" "$volley_gcc" "$(cat "$volley_top/scripts/setup-root")")"
}

# Where the stock kernel is: key over its release, the tools and this very path
# (a build tree holds absolute paths).
stock_kernel_dir() {
	echo "$volley_cache/kernel-$volley_suite-$(key "$(root_dir)" "$volley_kernels" "$(cat "$volley_top/scripts/setup-kernel")")-$volley_release"
}

# Where the kernel is that is built for and booted.
kernel_dir() {
	local stock
	stock=$(stock_kernel_dir)
	if [ -z "$volley_debug" ]; then
		echo "$stock"
	else
		echo "$volley_cache/$volley_debug-$(key "$stock" "$(cat "$volley_top/scripts/setup-debug-kernel" \
			"$volley_debug_configs"/{common,"$volley_debug"}.config)")"
	fi
}

# need_kernel: makes it, if it is not there.
need_kernel() { "$volley_top/scripts/setup-${volley_debug:+debug-}kernel" >/dev/null; }

# Where what is built from this checkout for that kernel goes.
out_dir() { echo "$volley_top/out/$(cat "$(kernel_dir)/release")"; }

# fresh_output FOLDER: empties it if it was made for another kernel or by other
# tools, whose files the make rules in there would still look for.
fresh_output() {
	[ "$(cat "$1/.made-for" 2>/dev/null)" = "$(kernel_dir)" ] || remove "$1"
	mkdir -p "$1"
	kernel_dir >"$1/.made-for"
}

# sweep PATTERN KEEP: removes what other versions of the scripts left, unless
# someone is using it.
sweep() {
	local dir fd
	# shellcheck disable=SC2231 # a pattern
	for dir in "$volley_cache"/$1/; do
		dir=${dir%/}
		if [ ! -d "$dir" ] || [ "$dir" = "$2" ]; then
			continue
		fi
		exec {fd}>>"$dir.lock"
		if flock -n "$fd"; then
			remove "$dir"
			rm -f -- "$dir.lock"
		fi
		exec {fd}>&-
	done
}

# remove FOLDER: also when something in it was made read-only.
remove() {
	[ -e "$1" ] || return 0
	chmod -R u+w -- "$1" 2>/dev/null || true
	rm -rf -- "$1"
}
