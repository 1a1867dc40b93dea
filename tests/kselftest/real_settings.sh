#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# The settings of samples/, as Debian's systemd applies them: modules-load.d and
# modprobe.d when the module is loaded, tmpfiles.d after that, and udev's rules
# when a VM appears, by the name that QEMU was given and by the unit it runs in.
# It needs a machine with guest=1 (see list), whose disk has all of these.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh

# What systemd's own programs would not do in what they take for a chroot.
export SYSTEMD_IGNORE_CHROOT=1
unit='machine-qemu\x2d1\x2dbuild.scope'

finish_settings() {
	[ -z "$udevd" ] || { kill "$udevd" && wait "$udevd"; }
	umount $work/cgroup $root/usr/lib/modules $root/usr/local 2>/dev/null
	finish
}

# The samples, where Documentation/settings.rst says, but for /run in place of
# /etc, which programs look into as well.
install_samples() {
	mkdir -p $root/run/udev/rules.d $root/run/tmpfiles.d $root/run/modprobe.d \
		$root/run/modules-load.d &&
		mount -o bind /lib/modules $root/usr/lib/modules &&
		mount -t tmpfs none $root/usr/local && mkdir $root/usr/local/libexec &&
		cp samples/volley-vm-name $root/usr/local/libexec/ &&
		cp samples/[89]0-volley.rules $root/run/udev/rules.d/ &&
		cp samples/volley-tmpfiles.conf $root/run/tmpfiles.d/volley.conf &&
		cp samples/volley-modprobe.conf $root/run/modprobe.d/volley.conf &&
		cp samples/volley-modules-load.conf $root/run/modules-load.d/volley.conf
}

# says FOLDER NAME=VALUE...: whether these are the values in it.
says() {
	local folder=$volley/$1 file
	shift
	for file in "$@"; do
		[ "$(cat "$folder/${file%=*}" 2>/dev/null)" = "${file#*=}" ] || return 1
	done
}

# vm_says NAME=VALUE...: the same for the only VM there is.
vm_says() {
	says "vms/$(ls $volley/vms)" "$@"
}

# show FOLDER...: what the settings are, for whoever reads the results.
show() {
	(cd $volley && grep -r '' "$@" | grep -E 'max_|adaptive|enabled' | sed 's/^/# /')
}

# loaded_at_boot: by systemd, with the parameters of modprobe.d.
loaded_at_boot() {
	chroot $root /usr/lib/systemd/systemd-modules-load
	show max_usecs adaptive
	says . max_usecs=50 adaptive=1
}

defaults_off() {
	echo 0 >$volley/max_usecs && echo 0 >$volley/adaptive
}

tmpfiles() {
	defaults_off && chroot $root systemd-tmpfiles --create --prefix=$volley
	show max_usecs adaptive
	says . max_usecs=50 adaptive=1
}

start_udevd() {
	chroot $root /usr/lib/systemd/systemd-udevd --resolve-names=never >$work/udevd.log 2>&1 &
	udevd=$!
	until_true test -S $root/run/udev/control
}

# Loaded by whomever, without parameters.
applied_after_load() {
	rmmod volley && insmod "$ko" && until_true says . max_usecs=50 adaptive=1
}

by_name() {
	until_true vm_says max_usecs=100 max_irqs=32 adaptive=0 || show vms
	vm_says enabled=1 max_usecs=100 max_irqs=32 adaptive=0
}

# The module's next load is when the VM appears next.
by_unit() {
	local group=$work/cgroup
	mkdir $group && mount -t cgroup2 none $group && mkdir "$group/$unit" &&
		cat $work/pid >"$group/$unit/cgroup.procs" && rmmod volley && insmod "$ko" &&
		until_true vm_says max_usecs=1000 adaptive=1
}

# What belongs to another name, or to another unit, is left alone.
nothing_else() {
	show vms
	vm_says enabled=1 max_irqs=32
}

ended_well() {
	ends_well && until_true no_vms
}

udev_well() {
	grep -i volley $work/udevd.log | sed 's/^/# /'
	kill -0 "$udevd" && ! grep -iq volley $work/udevd.log
}

ktap_print_header
ktap_set_plan 9
udevd=
trap finish_settings EXIT
mount_disk || lost "the disk with Debian's systemd could not be mounted (a machine without guest=1?)"
make_guest || lost "the guest's initramfs could not be made"
install_samples || lost "the samples could not be put into place"

ktap_test_result "modules-load.d loads it, with the parameters of modprobe.d" loaded_at_boot
ktap_test_result "tmpfiles.d sets defaults" tmpfiles
start_udevd || lost "udevd does not start"
ktap_test_result "udev has tmpfiles.d applied when the module is loaded" applied_after_load

start_guest -name guest=router,debug-threads=on
expect ready
ktap_test_result "a VM gets what udev's rules have for its name" by_name
ktap_test_result "and what they have for its unit" by_unit
ktap_test_result "and nothing that is for others" nothing_else
ktap_test_result "guest shuts down" ended_well
ktap_test_result "udev has no complaints of its own" udev_well
ktap_test_result "module unloads" rmmod volley
ktap_finished
