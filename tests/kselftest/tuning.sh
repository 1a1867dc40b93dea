#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Measures the recipes of Documentation/tuning.rst, and prints a table; no test.
# An emulated CPU is some 50 times slower than a real one: 1 ms between
# interrupts here is some 20 microseconds there, and a window of 10 ms is 200.

# run TEXT SETTINGS OPTION...: one line of the table. The settings are those that
# the VM starts with; "stock" is without the module.
run() {
	text=$1 settings=$2
	shift 2
	[ ! -d /sys/module/volley ] || rmmod volley
	# shellcheck disable=SC2086 # several parameters
	[ "$settings" = stock ] || insmod /volley.ko $settings || exit 1
	./volley_burst "$@" >/tmp/burst || { cat /tmp/burst; exit 1; }
	awk -F= -v text="$text" '
		{ value[$1] = $2 }
		END {
			irqs = value["delivered"]
			printf "  %-44s %6.2f %8.2f %8s\n", text, value["exits"] / irqs,
			       value["kicks"] / irqs, ("kicks_held" in value) ? value["kicks_held"] : "-"
		}' /tmp/burst
}

table() {
	run "without Volley" stock "$@"
	run "latency first: max_usecs=0" "" "$@"
	run "throughput first: max_usecs=10000" "max_usecs=10000" "$@"
	run "  and max_irqs=16" "max_usecs=10000 max_irqs=16" "$@"
	run "many VMs: adaptive=1 max_usecs=10000" "adaptive=1 max_usecs=10000" "$@"
}

printf '%-46s %6s %8s %8s\n' "" "exits" "kicks" "held"
echo "8 vectors, 1 ms apart, again and again: a busy device"
table --vectors 8 --bursts 60 --spacing-us 1000
echo "1 vector, every 40 ms: an idle one"
table --vectors 1 --bursts 60 --pause-us 40000
rmmod volley
