#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests scripts/sign: on made-up modules for what it does to a file, with the
# kernel's own sign-file and a key made for this; and on what it must refuse.
# Prints KTAP.
# shellcheck disable=SC2317 # much is called by its name

set -euo pipefail

top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
number=0 failed=0
SIGN_FILE=$(kernel_dir)/build/scripts/sign-file
export SIGN_FILE

# result NAME STATUS
result() {
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number $1"
	else
		sed 's/^/# /' "$work/said"
		echo "not ok $number $1"
		failed=1
	fi
}

# passes NAME COMMAND...
passes() {
	local status
	# Not in a condition: there bash goes on after errors.
	set +e
	(set -e && "${@:2}") >"$work/said" 2>&1
	status=$?
	set -e
	result "$1" "$status"
}

# refuses NAME EXPECTED ARGUMENT...: sign must fail and say so in one line, and
# leave the module as it was.
refuses() {
	local status=0
	cp "$work/module.ko" "$work/before"
	"$top/scripts/sign" "${@:3}" >"$work/said" 2>&1 || status=$?
	if [ "$status" -eq 1 ] && grep -qF -- "$2" "$work/said" && [ "$(wc -l <"$work/said")" -eq 1 ] &&
		cmp -s "$work/before" "$work/module.ko" && [ ! -e "$work/module.ko.signing" ]; then
		result "$1" 0
	else
		result "$1" 1
	fi
}

sign() {
	"$top/scripts/sign" --key "$work/k/key" --cert "$work/k/cert" "$@"
}

# A file that passes for a module, of an odd length.
fresh() {
	printf '.section .modinfo, "a"\n.string "license=GPL"\n' | as -o "$work/module.ko" -
	truncate -s $(($(stat -c %s "$work/module.ko") | 1)) "$work/module.ko"
	cp "$work/module.ko" "$work/unsigned"
}

# signed: it has what it had, and one signature behind it, which is right for
# what comes before and names the certificate's serial number and key.
signed() {
	local size length start
	size=$(stat -c %s "$work/module.ko")
	[ "$(tail -c 28 "$work/module.ko")" = '~Module signature appended~' ]
	length=$((0x$(tail -c 32 "$work/module.ko" | head -c 4 | od -An -tx1 | tr -d ' ')))
	start=$((size - 40 - length))
	cmp "$work/unsigned" <(head -c "$start" "$work/module.ko")
	tail -c +$((start + 1)) "$work/module.ko" | head -c "$length" >"$work/signature"
	openssl x509 -in "$work/k/cert" -inform DER -out "$work/pem"
	openssl cms -verify -binary -inform DER -in "$work/signature" -content "$work/unsigned" \
		-certfile "$work/pem" -nointern -noverify -out /dev/null
}

secret() {
	[ "$(stat -c %a "$work/k/key")" = 600 ]
	[ "$(stat -c %a "$work/k/cert")" = 644 ]
}

# For modules, and for nothing that boots.
uses() {
	openssl x509 -in "$work/k/cert" -inform DER -noout -text >"$work/text"
	grep -q 'Code Signing, 1.3.6.1.4.1.2312.16.1.2' "$work/text"
	grep -q 'CA:FALSE' "$work/text"
}

new_key() {
	"$top/scripts/sign" --new-key --key "$work/k/key" --cert "$work/k/cert" >"$work/new" 2>&1
	grep -qF "mokutil --import $work/k/cert" "$work/new"
}

twice() {
	sign "$work/module.ko" && sign "$work/module.ko" && signed
}

other_key_instead() {
	"$top/scripts/sign" --new-key --key "$work/other" --cert "$work/other.der"
	"$top/scripts/sign" --key "$work/other" --cert "$work/other.der" "$work/module.ko"
	if signed; then
		return 1
	fi
	sign "$work/module.ko"
	signed
}

signer() {
	[ "$(modinfo -F signer "$work/module.ko")" = "Modules of $(uname -n)" ]
}

several() {
	cp "$work/unsigned" "$work/second.ko"
	sign "$work/module.ko" "$work/second.ko"
	signed
	cmp "$work/module.ko" "$work/second.ko"
}

pem() {
	fresh
	openssl x509 -in "$work/k/cert" -inform DER -out "$work/cert.pem"
	"$top/scripts/sign" --key "$work/k/key" --cert "$work/cert.pem" "$work/module.ko"
	signed
}

mode() {
	fresh
	chmod 640 "$work/module.ko"
	sign "$work/module.ko"
	[ "$(stat -c %a "$work/module.ko")" = 640 ]
}

# Of a kernel whose headers are not here.
digest() {
	echo 'CONFIG_MODULE_SIG_HASH="sha384"' >"$work/config"
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho "$1" >%s\nexec %s "$@"\n' "$work/digest" "$SIGN_FILE" >"$work/sign-file"
	chmod +x "$work/sign-file"
	KERNEL_CONFIG=$work/config SIGN_FILE=$work/sign-file sign "$work/module.ko"
	[ "$(cat "$work/digest")" = sha384 ]
	signed
}

echo "KTAP version 1"
echo "1..25"
fresh
passes "makes a key, and says how to enrol it" new_key
passes "the key is secret" secret
passes "it is for modules" uses
refuses "makes no key in place of another" "there is a key already" \
	--new-key --key "$work/k/key" --cert "$work/none"
refuses "nor a certificate" "there is a certificate already" \
	--new-key --key "$work/none" --cert "$work/k/cert"
passes "signs" sign "$work/module.ko"
passes "the signature is right" signed
passes "modinfo shows the signer" signer
passes "a second signature replaces the first" twice
passes "so does another key's" other_key_instead
fresh
passes "signs several" several
passes "takes a certificate in PEM" pem
passes "keeps the mode" mode
passes "signs with the digest that the kernel has" digest
fresh
KERNEL_CONFIG=$work/none refuses "no such configuration" "no such configuration" \
	--key "$work/k/key" --cert "$work/k/cert" "$work/module.ko"
refuses "no such module" "no such file" --key "$work/k/key" --cert "$work/k/cert" "$work/none.ko"
echo text >"$work/text.ko"
refuses "no module" "not a kernel module" --key "$work/k/key" --cert "$work/k/cert" "$work/text.ko"
refuses "no such key" "cannot read the key" --key "$work/none" --cert "$work/k/cert" "$work/module.ko"
refuses "no such certificate" "cannot read the certificate" \
	--key "$work/k/key" --cert "$work/none" "$work/module.ko"
refuses "a key without a certificate" "--cert is missing" --key "$work/k/key" "$work/module.ko"
refuses "a certificate without a key" "--key is missing" --cert "$work/k/cert" "$work/module.ko"
refuses "no usual key" "there is no key at /var/lib/dkms/mok.key" "$work/module.ko"
SIGN_FILE=/bin/false refuses "sign-file fails" "cannot be signed" \
	--key "$work/k/key" --cert "$work/k/cert" "$work/module.ko"
SIGN_FILE=/bin/true refuses "sign-file does nothing" "left no signature" \
	--key "$work/k/key" --cert "$work/k/cert" "$work/module.ko"
KERNELRELEASE=0.0.0-none refuses "nothing was built" "nothing has been built for the kernel 0.0.0-none" \
	--key "$work/k/key" --cert "$work/k/cert"
exit "$failed"
