#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# On a host that is not for it the module is refused, and the log says why.
#
# Usage: refuse.sh REASON

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh

reason=$1
ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}

refused() {
	! insmod "$ko" 2>/tmp/refuse.log && grep -q 'No such device' /tmp/refuse.log
}

refused_often() {
	for _ in $(seq 10); do
		refused || return 1
	done
}

logged() {
	dmesg | grep -q "volley: .*$reason"
}

nothing_left() {
	[ ! -e /sys/module/volley ] && [ ! -e /sys/kernel/volley ]
}

ktap_print_header
ktap_set_plan 4
ktap_test_result "refused with ENODEV" refused
ktap_test_result "refused again and again" refused_often
ktap_test_result "the log gives the reason" logged
ktap_test_result "nothing is left" nothing_left
ktap_finished
