#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# Documentation/day.rst, as it stands: its commands are taken from there and run,
# one block after the other, with two guests under Debian's QEMU; after some of
# them it is looked whether what the page says is true. The identifier of the VM
# in it is replaced. It needs a machine with guest=1 and nvme=1 (see list).

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh

# take_out: a file for each literal block.
take_out() {
	awk -v to=$work/block '
		/^  / { if (literal) { print substr($0, 3) > (to "." number) } next }
		/::$/ { literal = 1; number = sprintf("%02d", ++n); next }
		/./ { literal = 0 }
	' day.rst
}

# What the page calls volley-top is on the disk, with the Python that it needs.
put_volley_top() {
	mkdir $work/bin && cp -r volley-top volley_top $root/tmp/ &&
		printf '#!/bin/sh\nexec chroot %s python3 /tmp/volley-top "$@"\n' $root >$work/bin/volley-top &&
		chmod 755 $work/bin/volley-top
}

# vm PID-FILE: the VM of that QEMU.
vm() {
	local folder
	for folder in "$volley/vms/$(cat "$1")"-*; do
		[ ! -d "$folder" ] || echo "${folder##*/}"
	done
}

both() {
	[ -n "$(vm $work/pid)" ] && [ -n "$(vm $work/other_pid)" ]
}

# Both are there, and have interrupts of their devices.
both_attached() {
	both && grep -qx "$(vm $work/pid)" $volley/irqs/*/vm &&
		grep -qx "$(vm $work/other_pid)" $volley/irqs/*/vm
}

# next: runs the next block; what it said is in $work/said.
next() {
	number=$((number + 1))
	sed "s/2817-11/$(vm $work/pid 2>/dev/null)/g" "$work/block.$(printf %02d $number)" >$work/script || return 1
	sed 's/^/# $ /' $work/script
	PATH=$work/bin:$PATH timeout 100 sh -e $work/script >$work/said 2>&1
	set -- $?
	sed 's/^/#   /' $work/said
	return "$1"
}

said() {
	grep -q "$@" $work/said
}

web() {
	vm $work/pid
}

loads() {
	next && until_true both_attached
}

lists_both() {
	next && said "^$(web)$" && said "^$(vm $work/other_pid)$"
}

tells_names() {
	next && said "^$(web) web$" && said "^$(vm $work/other_pid) db$"
}

shows_noisy_first() {
	next && [ "$(grep -E '^ *[0-9]+-[0-9]' $work/said | head -n 1 | awk '{ print $1 }')" = "$(web)" ]
}

counts() {
	next && said "$(web)/received:[1-9]" && said "$(web)/kicks_sent:[1-9]"
}

held() {
	[ "$(cat "$volley/vms/$(web)/kicks_held")" -gt 0 ]
}

holds() {
	next && until_true held && next && said 'kicks_held:[1-9]' &&
		[ "$(cat "$volley/vms/$(vm $work/other_pid)/kicks_held")" -eq 0 ]
}

takes_back() {
	next && [ "$(cat "$volley/vms/$(web)/max_usecs")" -eq 0 ]
}

gone() {
	[ ! -e $volley ] && [ ! -d /sys/module/volley ]
}

unloads() {
	next && gone
}

loads_again() {
	next && until_true both_attached && next && said "$(web)/max_usecs:10000" &&
		said "$(vm $work/other_pid)/max_usecs:10000"
}

# While web fetches, over and over.
web_fetches() {
	echo fetch_on >&4
	expect "at 1"
}

fetches_right() {
	echo enough >&4
	expect fetched
	sums_right
}

guests_go() {
	echo off >&4
	echo off >&5
	until_true no_vms && next && [ ! -s $work/said ]
}

ktap_print_header
ktap_set_plan 14
trap finish EXIT
rm -rf $work
mkdir -p $work
take_out
number=0
mount_disk || lost "the disk with Debian's QEMU could not be mounted (a machine without guest=1?)"
make_guest || lost "the guests' initramfs could not be made"
put_volley_top || lost "no volley-top"
start_guest -name web
start_other $drive -name db || lost "the guest db does not come up: $(tail -n 5 $work/other_log)"
expect ready

ktap_test_result "the module loads, and attaches both VMs" loads
ktap_test_result "both are listed" lists_both
ktap_test_result "QEMU's names tell which is which" tells_names
web_fetches
ktap_test_result "volley-top shows the noisy one first" shows_noisy_first
ktap_test_result "the counters tell the same" counts
echo write >&5
ktap_test_result "what was fetched meanwhile is right" fetches_right
web_fetches
ktap_test_result "a window holds kicks of that one only" holds
ktap_test_result "and can be taken back" takes_back
ktap_test_result "the module unloads while both are busy" unloads
ktap_test_result "and loads again, with a window for both" loads_again
ktap_test_result "what was fetched meanwhile is right again" fetches_right
ktap_test_result "the VMs go, and are forgotten" guests_go
ktap_test_result "nothing is left after unloading" unloads
set -- $work/block.*
ktap_test_result "every command of the page was run" test $number -eq $#
ktap_finished
