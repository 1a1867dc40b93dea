# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # failed is for who sources it
#
# How tests in shell report in KTAP. Sourced; whoever does so prints the plan and
# fails if `failed` is not 0.

number=0 failed=0

# report NAME COMMAND...: shows what the command says only if it fails, and of
# that the end.
report() {
	local what=$1 said
	shift
	number=$((number + 1))
	said=$(mktemp)
	if "$@" >"$said" 2>&1; then
		echo "ok $number $what"
	else
		tail -n 30 "$said" | sed 's/^/# /'
		echo "not ok $number $what"
		failed=1
	fi
	rm -f -- "$said"
}
