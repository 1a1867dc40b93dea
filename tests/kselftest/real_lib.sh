# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC3043,SC3045,SC2034 # busybox has local, and read -t
#
# What the tests with a real guest share: the disk with Debian's QEMU, the guest
# and its console, and what can be done during a fetch. Sourced, from the folder
# that it is in, after ktap_helpers.sh; who does so calls finish at the end.

ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}
card=${VOLLEY_BDF:-0000:00:01.0}
drive=0000:00:09.0
# Those that the guest is to have.
devices=$card
# Of what tests/machine/serve sends: seq 1000000 2572863 | sha256sum; and of what
# is written to the drive: seq 2000000 3048575 | sha256sum
right_sums='3a197d3a0a6ce8a3bd7bdbb64500abe1b8cd9703e20708e1928c54af993a3a2c 2a9b6c4da50f3f02d861bd725400abfbc7c9ed21d73fcf1222ec10452b72547a'
volley=/sys/kernel/volley
work=/tmp/real_guest
root=$work/root
guest_line="quiet panic=-1 watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60"

finish() {
	local pid
	exec 3<&-
	for pid in $work/pid $work/other_pid; do
		[ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null
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

# until_true COMMAND...: some minutes of waiting are a failure.
until_true() {
	local try
	for try in $(seq 3000); do
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

# start COMMAND...: a VMM that has the guest's console as its own input and output.
start() {
	rm -f $work/in $work/out
	mkfifo $work/in $work/out
	{
		with_pid $work/pid "$@" <>$work/in 2>&1
		echo "vmm: status $?"
		rm $work/pid
	} | tee $work/log >$work/out &
	exec 3<$work/out 4<>$work/in
}

# with_pid FILE COMMAND...: its process is in that file while it runs.
with_pid() {
	# shellcheck disable=SC2016 # for that very shell
	sh -c 'echo $$ >"$0"; exec "$@"' "$@"
}

# qemu RUN ARGUMENT...: runs Debian's by that function, with these besides.
qemu() {
	local run="$1"
	shift
	$run chroot $root qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp 2 -m 256 \
		-display none -monitor none -serial stdio -nic none -no-reboot \
		-kernel /boot/vmlinuz -initrd /tmp/initramfs -append "console=ttyAMA0 $guest_line" "$@"
}

# start_guest ARGUMENT...: with these for QEMU besides.
start_guest() {
	local device
	for device in $devices; do
		set -- "$@" -device "vfio-pci,host=$device"
	done
	qemu start "$@"
}

# start_other DEVICE ARGUMENT...: another, with that device, whose console is fd 5 and
# file other_log; it is up when this returns.
start_other() {
	local device="$1"
	shift
	mkfifo $work/other_in
	qemu "with_pid $work/other_pid" -device "vfio-pci,host=$device" "$@" \
		<>$work/other_in >$work/other_log 2>&1 &
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

# is_ready: waits for the guest to have its devices up, and keeps their vectors.
is_ready() {
	expect ready
	all_vectors=$(vectors)
	ask vectors
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

# What the VMM's own end was like is in $ended.
wait_for_end() {
	local line
	ended=''
	while read -r -t 600 line <&3; do
		ended=$line
	done
	echo "# ${ended:-nothing from the VMM}"
}

# ends_well: the guest turns itself off when it is told so, and the VMM has no complaints.
ends_well() {
	echo off >&4
	wait_for_end
	[ "$ended" = "vmm: status 0" ]
}

no_vms() {
	[ -z "$(ls $volley/vms)" ]
}

vectors_match() {
	echo "# vectors: $answer"
	[ "$answer" -gt 1 ] && [ "$answer" -eq "$(echo "$all_vectors" | wc -l)" ]
}

# begin, at MIB, act COMMAND..., fetched: fetches one after the other, and what
# happens meanwhile. A few of the devices' interrupts come before and after anything
# that happens; idle, the card has a handful in two seconds. If not, or if an act
# fails, good is not empty any more, and says what it was.
begin() {
	good='' last=$(interrupts)
	echo fetch_on >&4
}

many_came() {
	now=$(interrupts)
	[ $((now - last)) -ge 20 ]
}

came() {
	local now
	until_true many_came || good="$good; $((now - last)) interrupts until $1"
	last=$now
}

at() {
	expect "at $1"
	came "$1 MiB"
}

act() {
	"$@" || good="$good; failed: $*"
	last=$(interrupts)
}

fetched() {
	came "the end"
	echo enough >&4
	expect fetched
}

# well: whether all went well since this was asked last.
well() {
	local bad="$good"
	good=''
	[ -z "$bad" ] || echo "# ${bad#; }"
	[ -z "$bad" ]
}

# Of what each device of the guest's was used for.
sums_right() {
	local right="${right_sums% *}"
	[ "$devices" = "$card" ] || right=$right_sums
	[ "$answer" = "$right" ] || echo "# checksums: $answer"
	[ "$answer" = "$right" ]
}

# setting NAME VALUE, counter NAME: of the only VM there is.
setting() {
	echo "$2" >"$volley/vms/$(ls $volley/vms)/$1"
}

counter() {
	cat "$volley/vms/$(ls $volley/vms)/$1"
}

# Whether each of the devices' vectors is a source of the VM that was started.
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

load() {
	forwarded=0
	insmod "$ko" "$@" && until_true attached
}

# Unloaded, the vectors are the devices' as before.
unload() {
	rmmod volley && [ ! -e $volley ] && [ "$(vectors)" = "$all_vectors" ]
}

more_forwarded() {
	local now
	now=$(counter forwarded)
	echo "# forwarded: $now"
	[ "$now" -gt "$forwarded" ] || return 1
	forwarded=$now
}

tune() {
	setting max_usecs "$1" && [ "$(counter max_usecs)" = "$1" ]
}

no_complaints() {
	[ -z "$answer" ] || echo "# $answer"
	[ -z "$answer" ]
}

nothing_left() {
	no_vms && [ -z "$(ls $volley/irqs)" ] && [ -z "$(vectors)" ]
}
