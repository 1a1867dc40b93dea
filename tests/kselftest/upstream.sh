#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own tests of what Volley works with pass while it is loaded.

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh

ko=${VOLLEY_KO:-/lib/modules/$(uname -r)/updates/volley.ko}

# upstream SECONDS PROGRAM [ARGUMENT...]
upstream() {
	seconds=$1 program=$2
	shift 2
	name="${program##*/}${*:+ $*}"
	if timeout -s KILL "$seconds" "./upstream/$program" "$@" >/tmp/upstream.log 2>&1; then
		ktap_test_pass "$name"
	else
		sed 's/^/# /' /tmp/upstream.log
		ktap_test_fail "$name"
	fi
}

ktap_print_header
ktap_set_plan 8

ktap_test_result "module loads" insmod "$ko" max_usecs=100

upstream 300 arm64/vgic_init
upstream 300 arm64/vgic_irq
upstream 300 arm64/vgic_lpi_stress
upstream 300 arm64/vgic_lpi_stress -v 4 -d 4 -e 16 -i 200
upstream 600 irqfd_test

ktap_test_result "module is still loaded" test -d /sys/kernel/volley
ktap_test_result "module unloads" rmmod volley
ktap_finished
