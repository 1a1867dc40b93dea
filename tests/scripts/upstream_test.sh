#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Gives tests/kselftest/upstream.sh programs, a VM and a module that are made up, whose
# results are the same with the module and without, or not; prints KTAP.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/../../scripts/lib.sh"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
number=0 failed=0 kind=short
helpers=$(kernel_dir)/source/tools/testing/selftests/kselftest/ktap_helpers.sh
export VOLLEY_SYSFS=$work/loaded UPSTREAM=$work/upstream VOLLEY_KO=volley.ko VOLLEY_BDF=0000:00:01.0 \
	VOLLEY_PCI=$work/pci

# tool NAME TEXT: a shell script of this name, found before all others.
tool() {
	mkdir -p -- "$(dirname -- "$work/$1")"
	printf '#!/bin/sh\n%s\n' "$2" >"$work/$1"
	chmod +x "$work/$1"
}

# igb BDF...: these are there.
igb() {
	local bdf
	rm -rf -- "$VOLLEY_PCI"
	for bdf; do
		mkdir -p -- "$VOLLEY_PCI/$bdf"
		echo 0x8086 >"$VOLLEY_PCI/$bdf/vendor"
		echo 0x10c9 >"$VOLLEY_PCI/$bdf/device"
	done
	mkdir -p -- "$VOLLEY_PCI/0000:00:00.0"
	echo 0x1b36 | tee "$VOLLEY_PCI/0000:00:00.0/vendor" >"$VOLLEY_PCI/0000:00:00.0/device"
}

# victim END [START]: a VM with the second device does that, in shell, at the end and
# before it is sent interrupts; 3 have come when the tests start.
victim() {
	tool victim "[ \"\$1\" = 1 ] || exit 1
vm='$VOLLEY_SYSFS'/vms/\$\$-9
[ ! -d '$VOLLEY_SYSFS' ] || { mkdir -p \"\$vm\"; echo 3 | tee \"\$vm/received\" >\"\$vm/forwarded\"; }
trap '$1' TERM
${2:-}
echo \"\$\$\" | tee '$work/victim.pid' >&3
while :; do sleep 0.1; done"
}

# counts NAME...: the module counts some more of these while arch_timer runs.
counts() {
	tool upstream/arch_timer "for vm in '$VOLLEY_SYSFS'/vms/*; do
	[ ! -d \"\$vm\" ] || for name in $*; do echo 9 >\"\$vm/\$name\"; done
done"
}

# fresh: programs of which all pass, a VM that is sent interrupts, and a module that
# can be loaded.
fresh() {
	local program
	rm -rf -- "${work:?}"/*
	tool bin/insmod "mkdir '$VOLLEY_SYSFS'"
	tool bin/rmmod "rm -r '$VOLLEY_SYSFS'"
	tool bin/nproc 'echo 4'
	for program in arm64/{vgic_init,vgic_irq,vgic_its_save,vgic_lpi_stress} arch_timer \
		arm64/arch_timer_edge_cases irqfd_test vfio/vfio_{pci_device,pci_driver,dma_mapping}_test; do
		tool "upstream/$program" 'exit 0'
	done
	counts received forwarded
	victim 'echo taken=7; exit 0'
	igb 0000:00:01.0 0000:00:03.0
	cp "$volley_top/tests/kselftest/upstream.sh" "$helpers" "$work/"
}

# program WITHOUT WITH: what arm64/vgic_irq does then, in shell.
program() {
	fresh
	tool upstream/arm64/vgic_irq "if [ -d '$VOLLEY_SYSFS' ]; then
	$2
else
	$1
fi"
}

# gives STATUS NAME LINE...: it ends with that status, and prints these lines. With
# kind='' it is to leave nothing out.
gives() {
	local status=0 expected=$1 name=$2 said line bad=''
	shift 2
	said=$(PATH=$work/bin:$PATH sh "$work/upstream.sh" "$kind" 2>&1) || status=$?
	[ "$status" -eq "$expected" ] || bad="status $status"
	for line; do
		grep -qxF -- "$line" <<<"$said" || bad="no line: $line"
	done
	number=$((number + 1))
	if [ -z "$bad" ]; then
		echo "ok $number $name"
	else
		printf '# %s\n' "${said//$'\n'/$'\n'# }"
		echo "# $bad"
		echo "not ok $number $name"
		failed=1
	fi
}

# The results of a program that is a suite of two tests.
suite() {
	printf 'echo "TAP version 13"; echo 1..2; echo "%s"; echo "%s"; exit %s' "$@"
}

whole="the program as a whole"
echo "TAP version 13"
echo "1..40"

fresh
gives 0 "all pass" "1..13" "ok 8 arm64/vgic_irq" "  ok 1 $whole" "ok 13 module unloads"
program 'exit 0' 'exit 254'
gives 1 "fails with the module" "not ok 8 arm64/vgic_irq" "  not ok 1 $whole" \
	"  # without the module: passed" "  # with it: ended with status 254"
program 'exit 254' 'exit 0'
gives 1 "fails without the module only" "not ok 8 arm64/vgic_irq"
program 'exit 1' 'exit 254'
gives 1 "fails in another way" "not ok 8 arm64/vgic_irq"
program 'exit 254' 'exit 254'
gives 1 "fails in both" "not ok 8 arm64/vgic_irq" "  # with it: ended with status 254"
program 'echo "1..0 # SKIP - no vGIC"; exit 4' 'echo "1..0 # SKIP - no vGIC"; exit 4'
gives 1 "skips in both" "not ok 8 arm64/vgic_irq" "  not ok 1 $whole" \
	"  # without the module: skipped" "  # with it: skipped"
program 'exit 0' 'echo "1..0 # SKIP - no vGIC"; exit 4'
gives 1 "skips with the module" "not ok 8 arm64/vgic_irq" "  # with it: skipped"
program 'exit 0' 'kill -9 $$'
gives 1 "is killed with the module" "not ok 8 arm64/vgic_irq" \
	"  # with it: was killed, or took too long"
fresh
rm "$UPSTREAM/arm64/vgic_irq"
gives 1 "is missing in both" "not ok 8 arm64/vgic_irq" "  not ok 1 $whole" \
	"  # without the module: could not be run" "  # with it: could not be run"
fresh
chmod -x "$UPSTREAM/arm64/vgic_irq"
gives 1 "cannot be executed in both" "not ok 8 arm64/vgic_irq" "  # with it: could not be run"

good=$(suite "ok 1 f.first" "ok 2 f.second" 0)
program "$good" "$good"
gives 0 "a suite passes" "ok 8 arm64/vgic_irq" "  1..3" "  ok 1 f.first" "  ok 2 f.second" "  ok 3 $whole"
program "$good" "$(suite "ok 1 f.first" "not ok 2 f.second" 1)"
gives 1 "a test of a suite fails with the module" "not ok 8 arm64/vgic_irq" "  ok 1 f.first" "  not ok 2 f.second"
program "$good" "$(suite "ok 1 f.first" "not ok 2 f.second" 0)"
gives 1 "and the suite says it has passed" "not ok 8 arm64/vgic_irq" "  not ok 2 f.second"
program "$good" "$(suite "ok 1 f.first" "" 0)"
gives 1 "a test is missing" "not ok 8 arm64/vgic_irq" "  # with it: missing"
skips=$(suite "ok 1 f.first # SKIP no pages" "ok 2 f.second" 0)
program "$skips" "$skips"
gives 0 "a test of a suite skips" "  ok 1 f.first # SKIP no pages" "  ok 2 f.second"
program "$good" "$skips"
gives 1 "and only with the module" "  # with it: skipped"
skips=$(suite "ok 1 f.first # SKIP no pages" "ok 2 f.second # SKIP no pages" 0)
program "$skips" "$skips"
gives 1 "all tests of a suite skip" "not ok 8 arm64/vgic_irq" "  ok 1 f.first # SKIP no pages" \
	"  not ok 3 $whole" "  # with it: skipped"

# edge WITHOUT WITH: where arch_timer_edge_cases -p fails then.
edge() {
	fresh
	tool upstream/arm64/arch_timer_edge_cases "[ \"\$1\" = -p ] || exit 0
if [ -d '$VOLLEY_SYSFS' ]; then
	$2
else
	$1
fi"
}

at='echo "  /src/timer.c:570: it is late"; exit 254' edge="14 arm64/arch_timer_edge_cases -p -i 1 -w 500 -l 1000"
kind=''
edge "$at" "$at"
gives 0 "one may fail in both" "ok $edge" "  # with it: ended with status 254 at timer.c:570"
edge 'exit 0' 'exit 0'
gives 0 "it passes in both" "ok $edge"
edge "$at" "${at/570/571}"
gives 1 "it fails elsewhere" "not ok $edge" "  # without the module: ended with status 254 at timer.c:570" \
	"  # with it: ended with status 254 at timer.c:571"
edge "$at" 'exit 0'
gives 1 "it fails without the module only" "not ok $edge"
edge 'exit 0' "$at"
gives 1 "it fails with it only" "not ok $edge"
edge 'exit 4' 'exit 4'
gives 1 "it skips in both" "not ok $edge"
edge 'kill -9 $$' 'kill -9 $$'
gives 1 "it is killed in both" "not ok $edge"
tool bin/nproc 'echo 1'
gives 0 "there is one CPU only, so it is left out" "1..17" "ok 13 arm64/vgic_lpi_stress -v 4 -d 4 -e 16 -i 200"
program "$at" "$at"
gives 1 "no other may fail in both" "not ok 8 arm64/vgic_irq" "  # with it: ended with status 254 at timer.c:570"
kind=short

program 'exit 0' "rm -r '$VOLLEY_SYSFS'"
gives 1 "the module goes away" "not ok 5 module is still loaded"
fresh
tool bin/insmod 'exit 1'
gives 1 "the module does not load" "not ok 4 module loads"
fresh
mkdir "$VOLLEY_SYSFS"
gives 1 "the module was there before" "not ok 1 module is not loaded"

stock="3 a VM beside them took its interrupts" volley="6 a VM beside them took its interrupts from the module"
fresh
gives 0 "a VM beside the tests" "ok $stock" "ok $volley" "# received: 3 before, 9 after"
victim 'echo taken=7; exit 1'
gives 1 "it loses an interrupt" "not ok $stock" "not ok $volley"
victim 'echo taken=0; exit 0'
gives 1 "it takes none" "not ok $stock" "not ok $volley"
victim '' 'echo "no device"; exit 1'
gives 1 "it does not come up" "not ok $stock" "not ok $volley" "# victim: no device"
# shellcheck disable=SC2016 # it is the program's
die='kill -9 "$(cat "${0%/upstream/*}/victim.pid")"'
program "$die" :
gives 1 "it ends half way" "not ok $stock" "ok $volley" "# without: the VM ended with status 137, its guest took none"
program : "$die"
gives 1 "it ends half way with the module" "ok $stock" "not ok $volley"
fresh
counts forwarded
gives 1 "the module receives nothing" "ok $stock" "not ok $volley" "# received: 3 before, 3 after"
counts received
gives 1 "it forwards nothing" "ok $stock" "not ok $volley" "# forwarded: 3 before, 3 after"
fresh
tool upstream/arch_timer "rm -rf '$VOLLEY_SYSFS'/vms"
gives 1 "it does not know the VM any more" "ok $stock" "not ok $volley"
fresh
igb 0000:00:03.0 0000:00:05.0
VOLLEY_BDF=0000:00:05.0
sed -i 's/= 1 /= 0 /' "$work/victim"
gives 0 "the tests use the second device" "ok $stock" "ok $volley"
VOLLEY_BDF=0000:00:01.0
igb 0000:00:01.0
gives 0 "there is one device only" "1..11" "ok 3 module loads" "ok 6 arm64/vgic_irq" \
	"# there is no device but the tests' own: no VM is sent interrupts beside them"
exit "$failed"
