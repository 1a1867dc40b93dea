#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3045 # busybox's read has -t
#
# The first process of the real guest (see real_guest.sh): brings its devices up,
# and then does what it is told on its console. What it answers begins with
# "guest: "; nothing else is on the console from then on.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
stty -echo -onlcr

# What a kernel says that has lost interrupts, or its mind.
complaints='WARNING:|BUG:|Oops|Call trace:|detected .*stall|soft lockup|hard LOCKUP|nobody cared'
complaints="$complaints|NETDEV WATCHDOG|Tx Unit Hang|Reset adapter"

drive=/dev/nvme0n1
# What the devices' interrupts are called.
ours='eth0|nvme'

say() {
	echo "guest: $*"
}

# Writes 8 MiB to the drive, if there is one, and prints the checksum of what is
# on it then, past the page cache.
use_drive() {
	[ -b $drive ] || return 0
	seq 2000000 3048575 | dd of=$drive bs=64k conv=fsync 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	head -c 8388608 $drive | sha256sum | cut -d ' ' -f 1
}

# Fetches once, says how far it is after each MiB, and prints the checksum.
fetch() {
	wget -q -O - http://10.0.2.100/ | {
		for mib in $(seq 12); do
			dd bs=1M count=1 iflag=fullblock 2>/dev/null
			say "at $mib" >&3
		done
		cat
	} | sha256sum | cut -d ' ' -f 1
}

# fetch_on: prints the one checksum of all fetches until the console has another line.
fetch_on() {
	until read -r -t 0; do
		fetch
	done | sort -u
}

while read -r module; do
	insmod "/$module" || say "failed to load $module"
done </modules
# What has been fetched is soon read: a fetch that is at its end has no more to come.
echo 4096 131072 262144 >/proc/sys/net/ipv4/tcp_rmem
if [ -d /sys/class/net/eth0 ]; then
	ip address add 10.0.2.15/24 dev eth0
	ip link set eth0 up
	until [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" = 1 ]; do
		sleep 0.1
	done
elif [ ! -b $drive ]; then
	say "failed to find a device"
fi
dmesg -n 1
exec 3>&1
say ready

while read -r command; do
	case $command in
	write)
		use_drive >/drive_sum
		say write ;;
	fetch | fetch_on)
		use_drive >/drive_sum &
		$command >/card_sum
		wait
		# shellcheck disable=SC2046 # one line
		say fetched $(cat /card_sum /drive_sum) ;;
	ping)
		replies=0
		for _ in $(seq 100); do
			! ping -q -c 1 -W 60 10.0.2.2 >/dev/null || replies=$((replies + 1))
		done
		say "ping $replies" ;;
	vectors)
		say "vectors $(grep -cE "$ours" /proc/interrupts)" ;;
	interrupts)
		say "interrupts $(awk "/$ours/"' { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i }
			END { print sum + 0 }' /proc/interrupts)" ;;
	enough) ;;
	complaints)
		say "complaints $(dmesg | grep -E "$complaints" | tr '\n' ';')" ;;
	off)
		poweroff -f ;;
	esac
done
