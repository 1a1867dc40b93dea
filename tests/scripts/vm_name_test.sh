#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests samples/volley-vm-name on processes whose command lines are like QEMU's,
# or meant to fool it.

cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0 failed=0
mkfifo "$work/ready" "$work/go"

# name_of ARGUMENT...: what is said of a process that has these.
name_of() {
	# shellcheck disable=SC2016 # for that very shell
	sh -c 'echo >"$0/ready"; read -r _ <"$0/go"; :' "$work" "$@" &
	read -r _ <"$work/ready"
	samples/volley-vm-name $! 2>&1 | grep -v '^VOLLEY_UNIT='
	echo >"$work/go"
	wait $!
}

# gives WHAT EXPECTED ARGUMENT...
gives() {
	what=$1 expected=$2
	shift 2
	found=$(name_of "$@")
	number=$((number + 1))
	if [ "$found" = "${expected:+VOLLEY_NAME=$expected}" ]; then
		echo "ok $number $what"
	else
		failed=$((failed + 1))
		echo "# $found"
		echo "not ok $number $what"
	fi
}

# refuses WHAT ARGUMENT: no process, so nothing is printed, and it fails.
refuses() {
	number=$((number + 1))
	if found=$(samples/volley-vm-name "$2" 2>/dev/null) || [ -n "$found" ]; then
		failed=$((failed + 1))
		echo "not ok $number $1"
	else
		echo "ok $number $1"
	fi
}

newline='
'
hundred=$(printf 'n%.0s' $(seq 100))

echo "TAP version 13"
echo "1..31"
gives "a name" router -machine virt -name router -m 512
gives "two dashes" router --name router
gives "with options" router -name router,process=x,debug-threads=on
gives "libvirt's" router -name guest=router,debug-threads=on
gives "last" router -name debug-threads=on,guest=router
gives "both kinds: QEMU takes the key" router -name other,guest=router
gives "all characters" a_B-9.x -name a_B-9.x
gives "100 characters" "$hundred" -name "$hundred"
gives "no name" '' -machine virt
gives "nothing after -name" '' -m 512 -name
gives "empty" '' -name ''
gives "empty key" '' -name guest=
gives "options only" '' -name debug-threads=on
gives "-name within another argument" '' "-append=-name${newline}router" -m
gives "-name after a newline" '' -append "x${newline}-name" router
gives "the first counts" first -name first -name second
gives "101 characters" '' -name "${hundred}n"
gives "very long" '' -name "router,$(printf 'x=%.0s,' $(seq 2000))"
gives "a doubled comma" '' -name 'router,,x'
gives "a doubled comma with a key" '' -name 'guest=router,,x'
gives "a blank" '' -name 'router x'
gives "a newline" '' -name "router${newline}VOLLEY_UNIT=x"
gives "a command" '' -name "\$(touch $work/evil)"
gives "a command in backticks" '' -name "\`touch $work/evil\`"
gives "a command after it" '' -name "router;touch $work/evil"
gives "a pattern" '' -name '*'
gives "a path" '' -name ../router
gives "an option" '' -name -router
refuses "a number that is none" "1;touch $work/evil"
refuses "a path for a number" ../self
number=$((number + 1))
if [ -e "$work/evil" ]; then
	failed=$((failed + 1))
	echo "not ok $number nothing was run"
else
	echo "ok $number nothing was run"
fi
[ "$failed" -eq 0 ]
