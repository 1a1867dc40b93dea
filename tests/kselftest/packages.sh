#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages, as a Debian host would have them: apt installs them from a
# folder, without a network, updates them from an older version, and takes them
# away again without a trace; between that the module is loaded and the tools are
# run. It needs a machine with guest=1 (see list): a disk with Debian's apt and
# dpkg, over which a file system in memory takes what is written.
#
# What volley-dkms builds with is not installed but stood in for: here dkms only
# registers the sources.
# shellcheck disable=SC2016 # for dpkg-query, and for bash

cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./ktap_helpers.sh
# shellcheck source=tests/kselftest/real_lib.sh
. ./real_lib.sh

# What systemd's own programs would not do in what they take for a chroot.
export SYSTEMD_IGNORE_CHROOT=1 DEBIAN_FRONTEND=noninteractive
# What Python would keep of its own library.
export PYTHONDONTWRITEBYTECODE=1
release=$(uname -r)
modules=volley-modules-$release
disk=/tmp/packages_disk
over=/tmp/packages_over

finish_packages() {
	local status=$?
	cd / && finish
	umount $disk $over 2>/dev/null
	rmdir $disk $over 2>/dev/null
	return $status
}

# in_root COMMAND...: Debian's own program, where the shell would take busybox's.
in_root() {
	chroot $root /usr/bin/env PATH=/usr/sbin:/usr/bin "$@"
}

# The disk, with a file system over it that can be written to, and the modules
# of this machine in it as those of its kernel.
mount_over() {
	mkdir -p $disk $over $root
	modprobe virtio_blk && modprobe ext4 && modprobe overlay &&
		mount -t ext4 -o ro /dev/vda $disk && mount -t tmpfs none $over &&
		mkdir $over/upper $over/work &&
		mount -t overlay -o lowerdir=$disk,upperdir=$over/upper,workdir=$over/work none $root &&
		mount -o bind /dev $root/dev && mount -o bind /proc $root/proc &&
		mount -o bind /sys $root/sys && mount -t tmpfs none $root/tmp &&
		mount -t tmpfs none $root/run &&
		cp -r "/lib/modules/$release" $root/usr/lib/modules/ &&
		rm -r "$root/usr/lib/modules/$release/updates" && in_root depmod "$release" &&
		cp -r packages $root/tmp/ && cp $root/srv/dkms_*.deb $root/tmp/packages/
}

# in_host COMMAND...: on that host, with what it says in the results.
in_host() {
	in_root "$@" >$work/log 2>&1
	set -- $?
	[ "$1" -eq 0 ] || sed 's/^/# /' $work/log
	return "$1"
}

# apt installs from files, and knows of no archive. There is no user for it.
apt() {
	in_host apt-get -qy -o APT::Sandbox::User=root -o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts=/dev/null "$@"
}

# deb NAME: the package's file, as that host has it.
deb() {
	(cd $root && ls "tmp/packages/$1"_*.deb) | sed 's,^,/,'
}

# older NAME: the package as of a version before this one, with a file that this
# one does not have any more.
older() {
	dpkg_deb -R "$(deb "$1")" /tmp/older &&
		sed -i 's/^Version: .*/&~0/' $root/tmp/older/DEBIAN/control &&
		mkdir -p "$root/tmp/older/usr/share/doc/$1" &&
		touch "$root/tmp/older/usr/share/doc/$1/gone" &&
		dpkg_deb -Znone -b /tmp/older "/tmp/older_$1.deb" && rm -r $root/tmp/older
}

dpkg_deb() {
	in_host dpkg-deb "$@"
}

# stand_in: a package that says that it is what volley-dkms and dkms depend on.
stand_in() {
	local folder=$root/tmp/stand-in
	mkdir -p $folder/DEBIAN
	printf '%s\n' 'Package: stand-in' 'Version: 1' 'Architecture: all' 'Maintainer: none' \
		'Description: none' "Provides: bc, bindgen, binutils, bison, dpkg-dev, flex, gcc, gcc-14, libc6-dev, libdw-dev, libelf-dev, libssl-dev, linux-source-${release%.*}, make, pahole, patch, perl, rust-src, rustc, xz-utils" \
		>$folder/DEBIAN/control
	dpkg_deb -Znone -b /tmp/stand-in /tmp/stand-in.deb
}

# everything: all files of that host with what is known of them; not those that
# apt and dpkg keep of what they have done. Of dpkg's lists only what there is;
# of what depmod makes the contents.
everything() {
	in_root find / -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/apt \
		-o -path '/var/lib/dpkg/*-old' -o -path '/var/lib/dpkg/lock*' -o -path /var/lib/dpkg/status \
		-o -path /var/lib/dpkg/triggers \) -prune -o ! -type d ! -path '*/modules/*/modules.*' \
		-printf '%p %y %m %s %l\n' -o -type d -printf '%p %y %m\n' |
		sed 's,^\(/var/lib/dpkg/info/[^ ]*\) .*,\1,' | sort
	(cd $root && md5sum "usr/lib/modules/$release"/modules.*)
	in_root dpkg-query -W -f '${Package} ${Version} ${Status}\n' | sort
}

versions_of() {
	in_root dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' "$@" | sort -u
}

installs_older() {
	older "$modules" && older volley-tools && older volley-dev &&
		apt install "/tmp/older_$modules.deb" /tmp/older_volley-tools.deb /tmp/older_volley-dev.deb &&
		[ "$(versions_of "$modules" volley-tools volley-dev)" = "ii $version~0" ]
}

# What the host's administrator has changed stays.
updates() {
	sed -i 's/^#options/options/' $root/etc/modprobe.d/volley.conf &&
		sed -i 's/^#volley/volley/' $root/etc/modules-load.d/volley.conf &&
		apt install "$(deb "$modules")" "$(deb volley-tools)" "$(deb volley-dev)" &&
		[ "$(versions_of "$modules" volley-tools volley-dev)" = "ii $version" ] &&
		grep -q '^options' $root/etc/modprobe.d/volley.conf &&
		[ -z "$(find $root/usr/share/doc -name gone)" ]
}

# says FILE VALUE: in sysfs.
says() {
	[ "$(cat "$volley/$1")" = "$2" ]
}

inert() {
	in_host /usr/lib/systemd/systemd-modules-load && [ ! -d $volley ]
}

loads() {
	in_host modprobe volley && says max_usecs 0 && rmmod volley
}

loads_as_configured() {
	in_host /usr/lib/systemd/systemd-modules-load && says max_usecs 50 && says adaptive 1
}

same_version() {
	says version "$version" && [ "$(cat /sys/module/volley/version)" = "$version" ] &&
		[ "$(in_root modinfo -F version volley)" = "$version" ] &&
		[ "$(in_root volley-top --version)" = "volley-top $version" ] &&
		zcat $root/usr/share/man/man7/volley.7.gz | grep -q "\"Volley $version\""
}

tools_run() {
	in_host volley-top --once --interval 0 && grep -q '^VM ' $work/log &&
		in_host /usr/libexec/volley-vm-name 1 &&
		[ -s $root/usr/share/man/man8/volley-top.8.gz ]
}

completes() {
	in_host bash -c '. /usr/share/bash-completion/completions/volley-top &&
		COMP_WORDS=(volley-top --pro) COMP_CWORD=1 && _volley_top && echo "${COMPREPLY[@]}" &&
		COMP_WORDS=(volley-top --sort kicks_h) COMP_CWORD=2 && _volley_top && echo "${COMPREPLY[@]}"' &&
		[ "$(cat $work/log)" = "--prometheus
kicks_held" ]
}

# The module that is installed and the one that dkms would build exclude each
# other. There are no headers of the kernel here, so nothing is built.
dkms_registers() {
	stand_in && apt install /tmp/stand-in.deb "$(deb dkms)" "$(deb volley-dkms)" &&
		[ "$(versions_of volley-dkms)" = "ii $version" ] &&
		[ ! -e "$root/usr/lib/modules/$release/updates/volley.ko" ] &&
		in_host dkms status && grep -q "^volley/$version: added" $work/log
}

goes() {
	apt purge "$modules" volley-tools volley-dev volley-dkms dkms stand-in
}

no_trace() {
	everything >$work/after
	# Without diff -u, which busybox's would need files for.
	diff $work/before $work/after >$work/log || { sed 's/^/# /' $work/log; return 1; }
}

ktap_print_header
ktap_set_plan 12
trap finish_packages EXIT
mount_over || lost "the disk with Debian's apt could not be mounted (a machine without guest=1?)"
version=$(in_root dpkg-deb -f "$(deb volley-tools)" Version)
[ -n "$version" ] || lost "there are no packages"
everything >$work/before

ktap_test_result "apt installs an older version" installs_older
ktap_test_result "installed, nothing is in effect" inert
ktap_test_result "the module loads, and changes nothing" loads
ktap_test_result "apt updates it, and keeps what was configured" updates
ktap_test_result "what was configured is in effect" loads_as_configured
ktap_test_result "everything says the same version" same_version
ktap_test_result "tools run" tools_run
ktap_test_result "options are completed" completes
ktap_test_result "module unloads" rmmod volley
ktap_test_result "dkms takes the place of the module" dkms_registers
ktap_test_result "apt takes them away" goes
ktap_test_result "without a trace" no_trace
ktap_finished
