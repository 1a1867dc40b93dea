#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3045 # busybox's read has -t
#
# The recipes of Documentation/tracing.rst that need nothing but tracefs and
# sysfs do what they say: each is taken from there, and run as it stands while
# interrupts flow. But for: the identifier of the VM; how long a trace is looked
# at; and that a histogram is once it has something.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh

ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}
tests=$PWD
volley=/sys/kernel/volley
tracing=/sys/kernel/tracing
work=/tmp/recipes

finish() {
	[ ! -s $work/load ] || kill "$(cat $work/load)" 2>/dev/null
	wait
	[ ! -d /sys/module/volley ] || rmmod volley
	rm -rf $work
}

# take_out: a file for each literal block of the section, in its order.
take_out() {
	awk -v to=$work/block '
		/^=+$/ { if (inside && last != "Recipes") exit }
		/^Before unloading$/ { exit }
		/^Recipes$/ { inside = 1 }
		{ last = $0 }
		!inside { next }
		/^    / { if (literal) { print substr($0, 5) > (to "." number) } next }
		/::$/ { literal = 1; number = sprintf("%02d", ++n); next }
		/./ { literal = 0 }
	' tracing.rst
}

# ours FILE: whether this machine has what the block needs.
ours() {
	! grep -qE '^ *(perf|trace-cmd|bpftrace)( |$)' "$1"
}

# adapt FILE: the block, for this VM.
adapt() {
	sed -e "s/vm_pid == 1234/vm_pid == ${vm%-*}/" \
		-e "s/vm_fd == 17/vm_fd == ${vm#*-}/" \
		-e 's/^cat trace_pipe$/timeout 60 cat trace_pipe | head -n 3/' \
		-e 's/^cat \(.*\/hist\)$/until grep -q "^ *Hits: [1-9]" \1; do sleep 0.1; done; &/' "$1"
}

# has_vm: the module knows a VM, and its name.
has_vm() {
	vm=$(ls $volley/vms 2>/dev/null)
	[ -n "$vm" ] && [ -e "$volley/vms/$vm/max_usecs" ]
}

until_true() {
	local try
	for try in $(seq 600); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "# in vain, $try times: $*"
	return 1
}

start_load() {
	insmod "$ko" || return 1
	"$tests/volley_burst" --vectors 4 --spacing-us 300 --bursts 1000000 \
		--max-usecs 5000 >$work/burst.log 2>&1 &
	echo $! >$work/load
	until_true has_vm
}

left_to_host() {
	[ "$(cat "$volley/vms/$vm/to_host")" -gt 0 ]
}

# recipe FILE: it succeeds, and says something if it ends with a look.
recipe() {
	# One about what is left to the host wants to see something.
	! grep -q to_host "$1" || {
		echo 0 >"$volley/vms/$vm/enabled" && until_true left_to_host &&
			echo 1 >"$volley/vms/$vm/enabled" || return 1
	}
	# That one is about a module that is not loaded yet.
	! grep -q '^modprobe volley' "$1" || rmmod volley || return 1
	adapt "$1" >$work/script
	(cd $tracing && timeout 200 sh -e $work/script) >$work/said 2>&1 || {
		sed 's/^/# /' $work/script $work/said
		return 1
	}
	! grep -q '^modprobe volley' "$1" || {
		until_true has_vm && echo 5000 >"$volley/vms/$vm/max_usecs" || return 1
	}
	# A histogram has a line with totals, whatever it counts.
	case $(tail -n 1 "$1") in
	cat\ *hist) grep -q '^ *Hits: [1-9]' $work/said ;;
	cat\ * | grep\ *) [ -s $work/said ] ;;
	*) true ;;
	esac || {
		sed 's/^/# /' $work/script $work/said
		echo "# VM $(ls $volley/vms)"
		sed 's/^/# hooked: /' $tracing/enabled_functions
		return 1
	}
}

# all_off: nothing is left of any recipe.
all_off() {
	! cat $tracing/events/volley/*/trigger $tracing/events/synthetic/*/trigger \
		$tracing/synthetic_events $tracing/set_event 2>/dev/null |
		grep -v '^#' | sed 's/^/# left: /' | grep .
}

trap finish EXIT
rm -rf $work
mkdir -p $work
take_out
nr=0
for block in "$work"/block.*; do
	ours "$block" || { rm "$block"; continue; }
	nr=$((nr + 1))
done

ktap_print_header
ktap_set_plan $((nr + 3))
if ! start_load; then
	sed 's/^/# /' $work/burst.log
	ktap_exit_fail_msg "no load"
fi
ktap_test_result "there are recipes" test $nr -ge 10
for block in "$work"/block.*; do
	ktap_test_result "${block##*.}: $(tail -n 1 "$block" | tr -d '#*')" recipe "$block"
done
ktap_test_result "all of it is off again" all_off
kill "$(cat $work/load)"
rm $work/load
wait
ktap_test_result "the module unloads" rmmod volley
ktap_finished
