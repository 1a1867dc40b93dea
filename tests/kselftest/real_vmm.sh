#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# The same guest under two VMMs that have no code in common, Debian's QEMU and
# tests/vmm, fetches through the assigned card while the module is loaded, told
# to hold kicks, and unloaded: nothing depends on which VMM it is. It needs a
# machine with guest=1 (see real_guest.sh, which does more, under QEMU alone).
#
# Usage: real_vmm.sh [VMM...]		qemu, small (default: both)

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh

start_vmm() {
	case $1 in
	qemu) start_guest -name real-guest ;;
	small)
		start ./volley-test-vmm --cpus 2 --memory 256 --device "$card" \
			--kernel $root/boot/vmlinuz --initrd $root/tmp/initramfs --append "$guest_line" ;;
	*) lost "there is no such VMM: $1" ;;
	esac
}

right() {
	sums_right && fetches=$((fetches + 1))
}

# keep_figures: of the VM, for the table that ends the output.
columns="received forwarded kicks_held kicks_saved"
keep_figures() {
	local name
	figures=$without
	for name in $columns; do
		figures="$figures $(counter "$name")"
	done
	[ "$(counter received)" -gt 0 ]
}

# row VMM FETCHES FIGURE...
row() {
	printf "# %-6s%8s%20s%10s%10s%11s%12s\n" "$@"
}

shuts_down() {
	ends_well && [ -z "$(vectors)" ]
}

# try_vmm VMM: eight tests.
try_vmm() {
	fetches=0
	start_vmm "$1"
	is_ready
	ktap_test_result "$1: guest drives the card, with vectors of the host" vectors_match

	begin
	without=$last
	at 10
	fetched
	without=$((last - without))
	ktap_test_result "$1: fetch without the module" right

	begin
	at 1
	act load
	at 5
	act more_forwarded
	at 7
	act tune 10000
	at 10
	act more_forwarded
	fetched
	ktap_test_result "$1: module attaches the vectors, forwards, and holds kicks during a fetch" well
	ktap_test_result "$1: fetch while loading and tuning" right

	begin
	at 6
	act more_forwarded
	act keep_figures
	act unload
	fetched
	ktap_test_result "$1: module unloads during a fetch" well
	ktap_test_result "$1: fetch while unloading" right

	ask complaints
	ktap_test_result "$1: guest's kernel did not complain" no_complaints
	ktap_test_result "$1: guest shuts down" shuts_down
	# shellcheck disable=SC2086 # several
	row "$1" $fetches $figures >>$work/rows
}

ktap_print_header
[ $# -gt 0 ] || set -- qemu small
ktap_set_plan $(($# * 8))
trap finish EXIT
mount_disk || lost "the disk with Debian's QEMU could not be mounted (a machine without guest=1?)"
make_guest || lost "the guest's initramfs could not be made"
for vmm in "$@"; do
	try_vmm "$vmm"
done
# shellcheck disable=SC2086
row VMM fetches "interrupts without" $columns
cat $work/rows
ktap_finished
