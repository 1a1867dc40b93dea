#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Gives tests/kselftest/upstream.sh programs and a module that are made up, whose
# results are the same with the module and without, or not; prints KTAP.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/../../scripts/lib.sh"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
number=0 failed=0
helpers=$(kernel_dir)/source/tools/testing/selftests/kselftest/ktap_helpers.sh
export VOLLEY_SYSFS=$work/loaded UPSTREAM=$work/upstream VOLLEY_KO=volley.ko VOLLEY_BDF=0000:00:01.0

# tool NAME TEXT: a shell script of this name, found before all others.
tool() {
	mkdir -p -- "$(dirname -- "$work/$1")"
	printf '#!/bin/sh\n%s\n' "$2" >"$work/$1"
	chmod +x "$work/$1"
}

# fresh: programs of which all pass, and a module that can be loaded.
fresh() {
	local program
	rm -rf -- "${work:?}"/*
	tool bin/insmod "mkdir '$VOLLEY_SYSFS'"
	tool bin/rmmod "rmdir '$VOLLEY_SYSFS'"
	for program in arm64/{vgic_init,vgic_irq,vgic_its_save,vgic_lpi_stress} arch_timer \
		irqfd_test vfio/vfio_{pci_device,pci_driver,dma_mapping}_test; do
		tool "upstream/$program" 'exit 0'
	done
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

# gives STATUS NAME LINE...: it ends with that status, and prints these lines.
gives() {
	local status=0 expected=$1 name=$2 said line bad=''
	shift 2
	said=$(PATH=$work/bin:$PATH sh "$work/upstream.sh" short 2>&1) || status=$?
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
echo "1..19"

fresh
gives 0 "all pass" "1..11" "ok 6 arm64/vgic_irq" "  ok 1 $whole" "ok 11 module unloads"
program 'exit 0' 'exit 254'
gives 1 "fails with the module" "not ok 6 arm64/vgic_irq" "  not ok 1 $whole" \
	"  # without the module: passed" "  # with it: ended with status 254"
program 'exit 254' 'exit 0'
gives 1 "fails without the module only" "not ok 6 arm64/vgic_irq"
program 'exit 1' 'exit 254'
gives 1 "fails in another way" "not ok 6 arm64/vgic_irq"
program 'exit 254' 'exit 254'
gives 1 "fails in both" "not ok 6 arm64/vgic_irq" "  # with it: ended with status 254"
program 'echo "1..0 # SKIP - no vGIC"; exit 4' 'echo "1..0 # SKIP - no vGIC"; exit 4'
gives 0 "skips" "ok 6 arm64/vgic_irq" "  ok 1 $whole # SKIP no vGIC"
program 'exit 0' 'echo "1..0 # SKIP - no vGIC"; exit 4'
gives 1 "skips with the module" "not ok 6 arm64/vgic_irq" "  # with it: skipped"
program 'exit 0' 'kill -9 $$'
gives 1 "is killed with the module" "not ok 6 arm64/vgic_irq" \
	"  # with it: was killed, or took too long"
fresh
rm "$UPSTREAM/arm64/vgic_irq"
gives 1 "is missing in both" "not ok 6 arm64/vgic_irq" "  not ok 1 $whole" \
	"  # without the module: could not be run" "  # with it: could not be run"
fresh
chmod -x "$UPSTREAM/arm64/vgic_irq"
gives 1 "cannot be executed in both" "not ok 6 arm64/vgic_irq" "  # with it: could not be run"

good=$(suite "ok 1 f.first" "ok 2 f.second" 0)
program "$good" "$good"
gives 0 "a suite passes" "ok 6 arm64/vgic_irq" "  1..3" "  ok 1 f.first" "  ok 2 f.second" "  ok 3 $whole"
program "$good" "$(suite "ok 1 f.first" "not ok 2 f.second" 1)"
gives 1 "a test of a suite fails with the module" "not ok 6 arm64/vgic_irq" "  ok 1 f.first" "  not ok 2 f.second"
program "$good" "$(suite "ok 1 f.first" "not ok 2 f.second" 0)"
gives 1 "and the suite says it has passed" "not ok 6 arm64/vgic_irq" "  not ok 2 f.second"
program "$good" "$(suite "ok 1 f.first" "" 0)"
gives 1 "a test is missing" "not ok 6 arm64/vgic_irq" "  # with it: missing"
skips=$(suite "ok 1 f.first # SKIP no pages" "ok 2 f.second" 0)
program "$skips" "$skips"
gives 0 "a test of a suite skips" "  ok 1 f.first # SKIP no pages" "  ok 2 f.second"
program "$good" "$skips"
gives 1 "and only with the module" "  # with it: skipped"

program 'exit 0' "rmdir '$VOLLEY_SYSFS'"
gives 1 "the module goes away" "not ok 4 module is still loaded"
fresh
tool bin/insmod 'exit 1'
gives 1 "the module does not load" "not ok 3 module loads"
fresh
mkdir "$VOLLEY_SYSFS"
gives 1 "the module was there before" "not ok 1 module is not loaded"
exit "$failed"
