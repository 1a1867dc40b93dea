# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC3043,SC3045,SC2034 # busybox has local, and read -t
#
# What the tests with a real guest share: the disk with Debian's QEMU, the guest
# and its console. Sourced, from the folder that it is in, after ktap_helpers.sh;
# who does so calls finish at the end.

ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}
card=${VOLLEY_BDF:-0000:00:01.0}
drive=0000:00:09.0
# Those that the guest is to have.
devices=$card
# Of what tests/machine/serve sends: seq 1000000 3621439 | sha256sum; and of what
# is written to the drive: seq 2000000 3048575 | sha256sum
right_sums='fe163635e69dff4e88fa59598c7d59e6c1d067a1fac3d6aee5190896060bc426 2a9b6c4da50f3f02d861bd725400abfbc7c9ed21d73fcf1222ec10452b72547a'
volley=/sys/kernel/volley
work=/tmp/real_guest
root=$work/root

finish() {
	local pid
	exec 3<&-
	for pid in $work/pid $work/other_pid; do
		[ ! -s $pid ] || kill "$(cat $pid)" 2>/dev/null
	done
	wait
	[ ! -d /sys/module/volley ] || rmmod volley
	umount $root/run $root/tmp $root/sys $root/proc $root/dev/pts $root/dev $root 2>/dev/null
	# Not what is on the disk.
	grep -q " $root " /proc/mounts || rm -rf $work
}

# lost REASON: nothing can go on from here.
lost() {
	echo "# the last the guest's console had to say:"
	tail -n 30 $work/log 2>/dev/null | tr -d '\r' | sed 's/^/#   /'
	ktap_exit_fail_msg "$*"
}

# until_true COMMAND...: a minute of waiting is a failure.
until_true() {
	local try
	for try in $(seq 600); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "# in vain, $try times: $*"
	return 1
}

mount_disk() {
	mkdir -p $root
	modprobe virtio_blk && modprobe ext4 &&
		mount -t ext4 -o ro /dev/vda $root &&
		mount -o bind /dev $root/dev && mount -o bind /dev/pts $root/dev/pts &&
		mount -o bind /proc $root/proc &&
		mount -o bind /sys $root/sys && mount -t tmpfs none $root/tmp &&
		mount -t tmpfs none $root/run
}

# The guest's initramfs: busybox, the devices' drivers and what these need.
make_guest() {
	local stage=$work/stage file
	mkdir -p $stage/bin $stage/dev $stage/proc $stage/sys
	cp /bin/busybox $stage/bin/ && cp real_guest_init.sh $stage/init || return 1
	for file in igb nvme; do
		modprobe -D $file
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >$work/files
	grep -q 'igb\.ko$' $work/files && grep -q 'nvme\.ko$' $work/files || return 1
	while read -r file; do
		cp "$file" $stage/ || return 1
		echo "${file##*/}" >>$stage/modules
	done <$work/files
	(cd $stage && find . | cpio -o -H newc) >$root/tmp/initramfs 2>/dev/null
}

# qemu PID-FILE ARGUMENT...: Debian's, with these besides.
qemu() {
	local pid=$1
	shift
	# shellcheck disable=SC2016 # for that very shell
	sh -c 'echo $$ >"$0"; exec "$@"' "$pid" chroot $root qemu-system-aarch64 \
		-M virt,gic-version=3 -accel kvm -cpu host -smp 2 -m 256 \
		-display none -monitor none -serial stdio -nic none -no-reboot \
		-kernel /boot/vmlinuz -initrd /tmp/initramfs \
		-append "console=ttyAMA0 quiet panic=-1 watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60" "$@"
}

# start_guest ARGUMENT...: with these for QEMU besides.
start_guest() {
	local device
	for device in $devices; do
		set -- "$@" -device "vfio-pci,host=$device"
	done
	mkfifo $work/in $work/out
	{
		qemu $work/pid "$@" <>$work/in 2>&1
		echo "qemu: status $?"
		rm $work/pid
	} | tee $work/log >$work/out &
	exec 3<$work/out 4<>$work/in
}

# start_other DEVICE ARGUMENT...: another, with that device, whose console is fd 5 and
# file other_log; it is up when this returns.
start_other() {
	local device=$1
	shift
	mkfifo $work/other_in
	qemu $work/other_pid -device "vfio-pci,host=$device" "$@" <>$work/other_in >$work/other_log 2>&1 &
	exec 5<>$work/other_in
	until_true grep -q '^guest: ready' $work/other_log
}

# expect WORD: waits for the guest to say it, and keeps the rest in $answer.
expect() {
	local line
	while read -r -t 600 line <&3; do
		case $line in
		"guest: failed"*) lost "$line" ;;
		"guest: $1" | "guest: $1 "*)
			answer=${line#"guest: $1"}
			answer=${answer# }
			return ;;
		esac
	done
	lost "the guest did not say: $1"
}

ask() {
	echo "$1" >&4
	expect "$1"
}

# What /proc/interrupts has of the guest's devices.
lines() {
	local device
	for device in $devices; do
		grep -F "($device)" /proc/interrupts
	done
}

# Their interrupts, by their numbers.
vectors() {
	lines | awk '{ sub(":", "", $1); print $1 }'
}

interrupts() {
	lines | awk '{
			for (i = 2; $i ~ /^[0-9]+$/; i++)
				sum += $i
		}
		END { print sum + 0 }'
}

# Whether each of the devices' vectors is a source of the VM that QEMU made.
attached() {
	local irq vm
	vm=$(ls $volley/vms)
	case $vm in
	"$(cat $work/pid)"-*) [ -d "/sys/kernel/debug/kvm/$vm" ] || return 1 ;;
	*) return 1 ;;
	esac
	[ "$(ls $volley/irqs)" = "$(vectors | sort)" ] || return 1
	for irq in $(vectors); do
		[ "$(cat $volley/irqs/"$irq"/vm)" = "$vm" ] || return 1
	done
}

# What QEMU's own end was like is in $ended.
wait_for_end() {
	local line
	ended=''
	while read -r -t 600 line <&3; do
		ended=$line
	done
	echo "# ${ended:-nothing from QEMU}"
}
