#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# A real guest with an assigned network card and an assigned NVMe drive (see
# real_guest.sh) fetches 12 MiB and uses the drive, again and again: without the
# module, with it, with windows, and while it is loaded, tuned and unloaded. Prints
# what that took; it passes if everything that came through is right.
# scripts/demo-guest shows it as a table.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh
devices="$card $drive"
rounds=2

# exits: how often the VM has left the guest, by KVM.
exits() {
	cat /sys/kernel/debug/kvm/"$(cat $work/pid)"-*/exits
}

# counters NAME...: of the module, 0 each without it.
counters() {
	local name
	for name; do
		cat $volley/vms/*/"$name" 2>/dev/null || echo 0
	done
}

# state: what has been counted so far, in one line.
state() {
	echo "$(cut -d ' ' -f 1 /proc/uptime) $(interrupts) $(exits)" \
		"$(counters forwarded kicks_sent kicks_saved | tr '\n' ' ')"
}

# column NAME [PARAMETER...]: the figures of that way, NAME.KEY=VALUE each.
column() {
	local name=$1 before after right=0
	shift
	if [ "$name" != absent ]; then
		insmod "$ko" "$@" && until_true attached || return 1
	fi
	before=$(state)
	for _ in $(seq "$rounds"); do
		echo fetch >&4
		expect fetched
		sums_right && right=$((right + 1))
	done
	after=$(state)
	[ "$name" = absent ] || rmmod volley || return 1
	echo "$name $rounds $right $before $after" | awk '{
		nr = split("seconds interrupts exits forwarded kicks_sent kicks_saved", keys, " ")
		print "# " $1 ".rounds=" $2
		print "# " $1 ".right=" $3
		for (i = 1; i <= nr; i++)
			printf "# %s.%s=%.0f\n", $1, keys[i], $(i + nr + 3) - $(i + 3)
	}'
	[ "$right" -eq "$rounds" ]
}

# meanwhile: the module comes, is tuned, and goes, twice during one fetch.
meanwhile() {
	local at=0
	begin
	for _ in 1 2; do
		at $((at + 1)) && act load max_usecs=1000
		at $((at + 3)) && act more_forwarded && act tune 10000
		at $((at + 5)) && act more_forwarded && act unload
		at=$((at + 6))
	done
	fetched
	well && sums_right && echo "# meanwhile=$at"
}

ktap_print_header
ktap_set_plan 6
trap finish EXIT
mount_disk || lost "the disk with Debian's QEMU could not be mounted (a machine without guest=1?)"
make_guest || lost "the guest's initramfs could not be made"
start_guest -name demo
is_ready
ktap_test_result "without Volley" column absent
ktap_test_result "max_usecs=0" column zero
ktap_test_result "max_usecs=1000" column short max_usecs=1000
ktap_test_result "max_usecs=10000" column long max_usecs=10000
ktap_test_result "adaptive=1 max_usecs=10000" column adaptive adaptive=1 max_usecs=10000
ktap_test_result "loaded, tuned and unloaded during a fetch" meanwhile
ktap_finished
