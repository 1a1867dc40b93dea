# SPDX-License-Identifier: GPL-2.0
#
# The targets meant for people; `make help` lists them. What volley.ko is made
# of is in Kbuild.

KDIR  ?= /lib/modules/$(shell uname -r)/build
V     ?= 0
RUSTC ?= rustc

native  := $(CURDIR)/out/native
scripts := $(CURDIR)/scripts
export V

.PHONY: all module sign install uninstall clean distclean help \
	stock samples deb dist demo demo-guest check check-debug check-kernels \
	bench bench-report soak tests shell clippy fmt fmtcheck

all: module

# A build for the kernel tree KDIR, apart from the sources. Whatever the
# kernel's build takes (ARCH=, CROSS_COMPILE=, CC=, LLVM=) can be given here.
module:
	@RUSTC='$(RUSTC)' $(scripts)/check-tree '$(KDIR)'
	@mkdir -p $(native) && rm -f $(native)/.kdir
	@+$(MAKE) --no-print-directory -C '$(KDIR)' M=$(CURDIR) MO=$(native) RUSTC='$(RUSTC)' modules
	@echo '$(KDIR)' >$(native)/.kdir
	@ln -sf out/native/volley.ko volley.ko

# With a key that the machine's firmware knows: KEY=FILE CERT=FILE, or the usual.
sign:
	@$(scripts)/sign $(if $(KEY),--key '$(KEY)') $(if $(CERT),--cert '$(CERT)')

install:
	@$(scripts)/install

uninstall:
	@$(scripts)/install --remove

stock:
	@$(scripts)/build-module

# For what `make` has built volley.ko for, or else for the stock kernel.
samples:
	@RUSTC='$(RUSTC)' $(scripts)/build-samples $(if $(wildcard $(native)/.kdir),"$$(cat $(native)/.kdir)")

deb:
	@$(scripts)/build-deb

dist:
	@$(scripts)/make-dist

demo:
	@$(scripts)/demo

# A Linux guest with an assigned network card and NVMe drive.
demo-guest:
	@$(scripts)/demo-guest

check:
	@$(scripts)/check

check-debug:
	@$(scripts)/check-debug

check-kernels:
	@$(scripts)/check-kernels

bench:
	@$(scripts)/bench

# Measures, and writes Documentation/performance/ anew.
bench-report:
	@$(scripts)/bench --report

# MINUTES= for how long, SEED= what is done, STORMS= only these.
soak:
	@$(scripts)/soak $(if $(MINUTES),--minutes '$(MINUTES)') $(if $(SEED),--seed '$(SEED)') $(STORMS)

tests: stock
	@$(scripts)/build-tests

shell: tests
	@$(scripts)/boot --interactive --device igb,addr=1 --device igb,addr=3

clippy:
	@$(scripts)/build-module --clippy

fmt:
	@$(scripts)/format

fmtcheck:
	@$(scripts)/format --check

# What is built from the sources, wherever it was built.
clean:
	@rm -rf out volley.ko tests/host/target
	@find . -path ./.git -prune -o -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' -o -name '*.rmeta' \
		-o -name modules.order -o -name Module.symvers -o -name bindings_generated.rs \) \
		-exec rm -f {} +

distclean: clean
	@$(scripts)/distclean

help:
	@echo 'On a fresh Debian 12 or newer, amd64 or arm64:'
	@echo '  make demo       show what Volley does, in an emulated arm64 KVM host'
	@echo '  make demo-guest the same with a real guest, its network card and NVMe drive'
	@echo '  make check      run every test'
	@echo
	@echo 'On an arm64 host:'
	@echo '  make            build volley.ko for the kernel tree KDIR'
	@echo '                  (default: $(KDIR))'
	@echo '  make stock      build volley.ko for the stock Debian kernel, with the'
	@echo '                  tools in the cache (VOLLEY_RELEASE=$$(uname -r) for this one)'
	@echo '  make samples    build the samples: modules with handlers of their own'
	@echo '  make sign       sign what was built for the running kernel, for Secure Boot'
	@echo '                  (KEY=FILE CERT=FILE; Documentation/secure-boot.rst)'
	@echo '  make install    install what was built for the running kernel, and volley-top'
	@echo '  make uninstall  take it away again'
	@echo '  scripts/volley-top    show VMs and their interrupts, live; change windows'
	@echo
	@echo 'To hand on:'
	@echo '  make deb        build Debian packages for the stock kernel, and for dkms'
	@echo '  make dist       pack the sources, as of the last commit, into a tarball'
	@echo
	@echo 'For work on Volley:'
	@echo '  make check-debug  run the tests on kernels that look for bugs: KASAN with'
	@echo '                  lockdep and kmemleak (part of check), and KCSAN'
	@echo '  make check-kernels    run a part of the tests on each kernel: 16k pages, RT'
	@echo '  make bench      measure what interrupts cost, beside the stock path'
	@echo '  make bench-report     and write Documentation/performance/ anew'
	@echo '  make soak       run all storms at once, for MINUTES=n (10); SEED=n does the same again'
	@echo '  make tests      build the module and the tests for the emulated host'
	@echo '  make shell      the same, and a shell in the emulated host'
	@echo '  make clippy     have clippy read the module, with the settings of the kernel'
	@echo '  make fmt        format the Rust sources; fmtcheck only checks'
	@echo '  make clean      remove what was built'
	@echo '  make distclean  and the cache (toolchain, kernel, logs) as well'
	@echo
	@echo 'V=1 shows what is going on. Each script in scripts/ has --help.'
