#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own tests of what Volley works with, first without the module and
# then with it: test by test, the results must be the same. None of them has both a VM
# and a device. So where there is a device that they do not use, another VM has that
# one, and is sent interrupts all the while, in both runs (victim.c).
#
# Usage: upstream.sh [short]
#
# short		leave out what takes long
#
# UPSTREAM=FOLDER	run the programs in there instead
# VOLLEY_TIMEOUT=SECONDS	for each minute of these take as much time as usual
# VOLLEY_KO=FILE	load this module
# VOLLEY_SYSFS=FOLDER	which is there while the module is
# VOLLEY_PCI=FOLDER	which has the devices
#
# Whatever differs has failed, even if it is the module that makes a test pass; and so
# has what fails in both, or skips as a whole: with that nothing was compared. None is
# known to, but for one program that may fail in both, at the same place ($may_fail). A
# part of a program that skips in both runs is reported as skipped.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh

ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}
sysfs=${VOLLEY_SYSFS:-/sys/kernel/volley}
pci=${VOLLEY_PCI:-/sys/bus/pci/devices}
programs=$(realpath "${UPSTREAM:-upstream}")
out=/tmp/upstream
# A kernel on which other things take longer, too.
times=$(((${VOLLEY_TIMEOUT:-60} + 59) / 60))
# It waits for hundreds of grace periods, which are not expedited on PREEMPT_RT. On a
# debug kernel it was not done after a quarter of an hour, for each run.
irqfd=600
case $(uname -v) in
*PREEMPT_RT*) irqfd=1800 ;;
esac
[ ! -e /sys/kernel/debug/kmemleak ] || irqfd=''
export VFIO_SELFTESTS_BDF="$VOLLEY_BDF"

# Each with the seconds that it may take; the margins are for an emulated host,
# in which a CPU may stand still. So are the waits of arch_timer_edge_cases. The physical
# timer of such a host is wrong when it is set to a time before its counter's zero, and
# there the program ends; what it does before, the timer's interrupts, is compared.
may_fail="arm64/arch_timer_edge_cases -p -i 1 -w 500 -l 1000"
choose() {
	cat <<-END
	120 arm64/vgic_init
	300 arm64/vgic_irq
	300 arm64/vgic_its_save
	300 arm64/vgic_lpi_stress
	120 arch_timer -n 2 -i 2 -p 20 -e 1000000 -m 0
	120 vfio/vfio_pci_device_test
	END
	[ "$1" != short ] || return 0
	# It goes from one CPU to another.
	[ "$(nproc)" -eq 1 ] || cat <<-END
	300 arm64/arch_timer_edge_cases -v -i 1 -w 500 -l 1000
	300 $may_fail
	END
	cat <<-END
	300 arm64/vgic_lpi_stress -v 4 -d 4 -e 16 -i 200
	900 vfio/vfio_pci_driver_test -v vfio_type1v2_iommu
	120 vfio/vfio_dma_mapping_test -v vfio_type1v2_iommu -v vfio_type1v2_iommu_anonymous
	END
	[ -z "$irqfd" ] || echo "$irqfd irqfd_test"
}

# find_spare: the number that victim has for the first igb that the tests do not use;
# nothing if they use all that there are.
find_spare() {
	number=0
	for device in "$pci"/*; do
		id=$(cat "$device/vendor" "$device/device" 2>/dev/null | tr '\n' ' ')
		[ "$id" = '0x8086 0x10c9 ' ] || continue
		[ "${device##*/}" = "$VOLLEY_BDF" ] || { echo "$number"; return; }
		number=$((number + 1))
	done
}

# counted: what the module has counted of the VM.
counted() {
	for name in received forwarded kicks_held; do
		echo "$name $(cat "$sysfs/vms/$victim"-*/$name 2>/dev/null)"
	done
}

# begin_victim FOLDER: returns when it is sent interrupts, or is no more. 8 of them,
# 50 us apart, and a rest of 10 ms, so that it leaves the tests most of the time: then
# the guest sleeps.
begin_victim() {
	loaded && volley=1 || volley=0
	./victim "$spare" 1 "$volley" 10000 >"$1/victim.log" 2>&1 3>"$1/victim" &
	victim=$!
	until [ -s "$1/victim" ] || ! kill -0 "$victim" 2>/dev/null; do sleep 0.1; done
	counted >"$1/before"
}

# end_victim FOLDER: it fails if it was ended before, or if an interrupt is lost.
end_victim() {
	counted >"$1/after"
	kill "$victim" 2>/dev/null
	wait "$victim"
	echo "$?" >"$1/victim.status"
}

# served NAME: whether the guest of that run took interrupts to the end, and all of them.
served() {
	status=$(cat "$out/$1/victim.status")
	taken=$(sed -n 's/^taken=//p' "$out/$1/victim.log")
	echo "# $1: the VM ended with status $status, its guest took ${taken:-none}"
	[ "$status" -ne 0 ] || [ "${taken:-0}" -eq 0 ] || return 0
	tail -n 20 "$out/$1/victim.log" | sed 's/^/# victim: /'
	return 1
}

# forwarded NAME: and whether, while the tests ran, the module took and forwarded some.
forwarded() {
	served "$1" && awk '
		FNR == NR { before[$1] = $2; next }
		{ print "# " $1 ": " before[$1] " before, " $2 " after" }
		/^(received|forwarded) / && $2 > before[$1] { grown++ }
		END { exit grown != 2 }' "$out/$1/before" "$out/$1/after"
}

# run NAME: runs each, and leaves what it said and its results in a folder of that
# name. Results are a line for each test, and one for all: what came of it, its
# name, and why it was skipped, with tabs between them.
run() {
	number=0
	folder=$out/$1
	mkdir -p "$folder"
	[ -z "$spare" ] || begin_victim "$folder"
	while read -r seconds program <&9; do
		number=$((number + 1))
		echo "# $1: $program"
		# shellcheck disable=SC2086 # a program and its arguments
		timeout -s KILL "$((seconds * times))" "$programs/"$program \
			</dev/null >"$folder/$number.log" 2>&1 9<&-
		echo "$?" >"$folder/$number.status"
		awk -v status="$(cat "$folder/$number.status")" '
			/^(not )?ok [0-9]+/ {
				what = /^not/ ? "failed" : "passed"
				name = $0
				sub(/^(not )?ok [0-9]+ *(- *)?/, "", name)
				if (sub(/ *# *(SKIP|XFAIL|TODO) */, "\t", name))
					what = "skipped"
				print what "\t" name
				if (what == "skipped")
					skipped++
				else
					ran++
			}
			# What libkvm says of an assertion.
			!place && match($0, /[^\/ ]+\.c:[0-9]+: /) {
				place = " at " substr($0, RSTART, RLENGTH - 2)
			}
			NF { last = $0 }
			END {
				what = "ended with status " status place
				if (status == 0)
					what = ran || !skipped ? "passed" : "skipped"
				else if (status == 4)
					what = "skipped"
				else if (status == 126 || status == 127)
					what = "could not be run"
				else if (status == 137)
					what = "was killed, or took too long"
				sub(/^(1\.\.0 *)?# *(SKIP)? *(- *)?/, "", last)
				print what "\tthe program as a whole\t" last
			}' "$folder/$number.log" >"$folder/$number.results"
	done 9<"$out/list"
	[ -z "$spare" ] || end_victim "$folder"
}

# compare NUMBER NAME: the results as subtests, and what becomes of them.
compare() {
	awk -F '\t' -v may_fail="$([ "$2" != "$may_fail" ] || echo 1)" '
		FNR == NR { without[$2] = $1; why[$2] = $3; if (!seen[$2]++) order[++n] = $2; next }
		{ with[$2] = $1; if (!seen[$2]++) order[++n] = $2 }
		function clean(text) { gsub(/#/, "", text); return text }
		END {
			print "  KTAP version 1"
			print "  1.." n
			for (i = 1; i <= n; i++) {
				test = order[i]
				a = test in without ? without[test] : "missing"
				b = test in with ? with[test] : "missing"
				whole = test == "the program as a whole"
				skip = a == "skipped" && !whole
				good = a == "passed" || skip || (may_fail && whole && a ~ /^ended .* at /)
				if (a != b || (a != "passed" && !skip)) {
					print "  # without the module: " a
					print "  # with it: " b
				}
				if (a != b || !good) {
					print "  not ok " i " " clean(test)
					bad = 1
				} else if (skip) {
					print "  ok " i " " clean(test) " # SKIP " clean(why[test])
				} else {
					print "  ok " i " " clean(test)
				}
			}
			exit bad
		}' "$out/without/$1.results" "$out/with/$1.results"
}

# report NUMBER NAME: all that there is about one program.
report() {
	if compare "$1" "$2"; then
		ktap_test_pass "$2"
	else
		tail -n 20 "$out/without/$1.log" | sed 's/^/# without: /'
		tail -n 20 "$out/with/$1.log" | sed 's/^/# with: /'
		ktap_test_fail "$2"
	fi
}

loaded() { [ -d "$sysfs" ]; }
not_loaded() { ! loaded; }

rm -rf "$out"
mkdir -p "$out"
choose "${1:-}" >"$out/list"
total=$(grep -c . "$out/list")
spare=$(find_spare)

# The VFIO tests map a gigabyte each time, which in small pages takes minutes.
huge=/sys/kernel/mm/transparent_hugepage/shmem_enabled
[ ! -w "$huge" ] || echo always >"$huge"

ktap_print_header
if [ -n "$spare" ]; then
	ktap_set_plan $((total + 7))
else
	ktap_set_plan $((total + 5))
	echo "# there is no device but the tests' own: no VM is sent interrupts beside them"
fi

ktap_test_result "module is not loaded" not_loaded
run without
ktap_test_result "still not" not_loaded
[ -z "$spare" ] || ktap_test_result "a VM beside them took its interrupts" served without
# Only the VM beside them has sources. A millisecond is long enough for several of its
# interrupts, and so for kicks that are held and for windows that end.
ktap_test_result "module loads" insmod "$ko" max_usecs=1000
run with
ktap_test_result "module is still loaded" loaded
[ -z "$spare" ] || ktap_test_result "a VM beside them took its interrupts from the module" forwarded with
number=0
while read -r _ program; do
	number=$((number + 1))
	report "$number" "$program"
done <"$out/list"
ktap_test_result "module unloads" rmmod volley
ktap_finished
