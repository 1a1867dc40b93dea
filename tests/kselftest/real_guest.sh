#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3045 # busybox's read has -t
#
# A real guest, Linux under Debian's own QEMU, drives an assigned network card
# and an assigned NVMe drive itself. It fetches 12 MiB after 12 MiB through the
# one, while it writes 8 MiB to the other and reads them back, and meanwhile the
# module is loaded, tuned and unloaded. It needs a machine with guest=1 and nvme=1
# (see list): a disk with that QEMU, and a network behind the card in which
# tests/machine/serve answers.
#
# The guest is told on its console what to do, and says there how far it is;
# this script acts when a fetch is at a certain MiB. That the fetch really goes
# on before and after is seen from the devices' interrupts, counted by the host.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh

devices="$card $drive"

# look: all counters in variables, new_* and from the look before old_*, once
# two in a row found the same: then nothing is on its way, neither to the guest
# nor in it. They must be quick, for the idle card has something to say as well.
look() {
	local before='' now name value folder
	folder=$volley/vms/$(ls $volley/vms)
	for _ in $(seq 200); do
		ask interrupts
		now="taken=$answer counted=$(interrupts)"
		for name in received forwarded merged to_host consumed kick_requests kicks_sent \
			kicks_held kicks_saved; do
			read -r value <"$folder/$name"
			now="$now $name=$value"
		done
		if [ "$now" = "$before" ]; then
			echo "# $now"
			for name in $now; do
				eval "old_${name%=*}=\${new_${name%=*}:-} new_$name"
			done
			return
		fi
		before=$now
	done
	lost "no two looks at the counters found the same"
}

# shellcheck disable=SC2154 # look has set them
add_up() {
	[ "$new_received" -eq $((new_forwarded + new_merged + new_to_host + new_consumed)) ] &&
		[ "$new_kick_requests" -eq $((new_kicks_sent + new_kicks_saved)) ]
}

# shellcheck disable=SC2154
all_received() {
	[ $((new_counted - old_counted)) -eq $((new_received - old_received)) ]
}

# taken PART: whether the guest took what was sent to it, and nothing twice. One
# in PART less is right: what arrives while its virtual interrupt waits in a list
# register merges there, where nobody can count it.
# shellcheck disable=SC2154
taken() {
	local took=$((new_taken - old_taken)) sent=$((new_forwarded - old_forwarded))
	sent=$((sent + new_to_host - old_to_host))
	echo "# sent to the guest: $sent, taken by it: $took"
	[ "$took" -le "$sent" ] && [ "$took" -ge $((sent - sent / $1)) ]
}

# as_nobody COMMAND...: a Python program on the disk, without any privileges.
as_nobody() {
	chroot $root python3 -c 'import os, sys; os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])' "$@"
}

# The figures of the VM and its sources, a line each; as volley-top has them.
files_have() {
	(cd $volley && grep -r '' vms irqs)
}

top_has() {
	as_nobody /tmp/volley-top --json --interval 0 >$work/top.json &&
		chroot $root python3 -c '
import json, sys
found = json.load(sys.stdin)
for kind in ("vms", "irqs"):
    for name, entry in found[kind].items():
        files = {key: value for key, value in entry.items() if not isinstance(value, (dict, float, type(None)))}
        files.update(entry["counters"])
        for separator, parts in (("_", entry["reasons"]), ("/", entry["histograms"])):
            for key, numbers in parts.items():
                files.update((key + separator + of, number) for of, number in numbers.items())
        for key, value in files.items():
            print(f"{kind}/{name}/{key}:{value}")' <$work/top.json
}

# top_agrees: while the guest is stopped, so that the devices are idle for once.
top_agrees() {
	local status=0
	kill -STOP "$(cat $work/pid)"
	until [ "$(files_have)" = "$(sleep 0.5; files_have)" ]; do :; done
	files_have >$work/files_have
	top_has >$work/top_has || status=1
	kill -CONT "$(cat $work/pid)"
	echo "# figures: $(wc -l <$work/top_has)"
	! grep -vxF -f $work/files_have $work/top_has || status=1
	# It has all but what is of vCPUs.
	! grep -vxF -f $work/top_has $work/files_have | grep -v /vcpus/ || status=1
	return $status
}

# top_between: what it says was received is no less than before, no more than after.
top_between() {
	local before now
	before=$(counter received)
	now=$(top_has | sed -n 's,^vms/.*/received:,,p')
	echo "# received: $before, ${now:-none}, $(counter received)"
	[ "${now:-0}" -ge "$before" ] && [ "$now" -le "$(counter received)" ]
}

# watch_live: drives it in a terminal, as real_top.py does (see there), which waits
# for the next fetch.
watch_live() {
	chroot $root python3 /tmp/real_top.py "$(ls $volley/vms)" &
	live=$!
	until_true test -e $root/tmp/watching
}

shut_down() {
	load max_usecs=10000 && ends_well
}

ktap_print_header
ktap_set_plan 28
trap finish EXIT
mount_disk || lost "the disk with Debian's QEMU could not be mounted (a machine without guest=1?)"
make_guest || lost "the guest's initramfs could not be made"
start_guest -name real-guest
is_ready
ktap_test_result "guest drives both devices, with vectors of the host" vectors_match

begin
at 3
at 9
fetched
ktap_test_result "fetch without the module" sums_right
ktap_test_result "devices interrupt all the time" well

# The guest goes on while the host acts: the next look is some MiB away.
begin
at 2
act load
at 7
act more_forwarded
ktap_test_result "module loads and attaches the guest's vectors during a fetch" well
at 10
act more_forwarded
fetched
act more_forwarded
ktap_test_result "forwards more and more until the end" well
ktap_test_result "fetch while loading" sums_right

look
begin
mib=-2
for usecs in 100 10000 0; do
	mib=$((mib + 4))
	at $mib
	act tune $usecs
	at $((mib + 2))
	act more_forwarded
	ktap_test_result "goes on with max_usecs=$usecs set during a fetch" well
done
fetched
ktap_test_result "fetch while tuning" sums_right
look
ktap_test_result "counters add up" add_up
ktap_test_result "each interrupt the host counted was received" all_received
ktap_test_result "guest took what was forwarded, and nothing twice" taken 2

# One packet at a time, so that little merges. But the emulated card often raises
# a vector again after half a millisecond: 1 to 3 in 100 are missing then.
ask ping
ktap_test_result "all of 100 pings are answered" test "$answer" = 100
look
ktap_test_result "guest took what was forwarded for pings" taken 8
ktap_test_result "counters still add up" add_up

cp -r volley-top volley_top terminal.py real_top.py $root/tmp/
ktap_test_result "volley-top has the figures that the files have" top_agrees
watch_live
begin
at 1
act top_between
act wait $live
fetched
ktap_test_result "volley-top shows a fetch and tunes the VM" well
ktap_test_result "fetch while volley-top looks" sums_right
look
ktap_test_result "counters add up after that" add_up

begin
at 1
act unload
at 5
ktap_test_result "module unloads during a fetch" well
act load max_usecs=10000
at 10
act more_forwarded
ktap_test_result "loads again, holding kicks, during the same" well
act unload
fetched
ktap_test_result "unloads again during the same" well
ktap_test_result "fetch while unloading" sums_right

ask complaints
ktap_test_result "guest's kernel did not complain" no_complaints
ktap_test_result "guest shuts down while the module is loaded" shut_down
ktap_test_result "nothing of its VM is left" until_true nothing_left
ktap_test_result "module unloads" rmmod volley
ktap_finished
