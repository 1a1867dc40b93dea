// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps a VM, without a vCPU, for as long as the machine runs.
 *
 * KVM's first VM and its last switch the scheduler's preemption notifiers on and
 * off by patching the code of each context switch. QEMU throws away what it has
 * translated of a patched instruction before it stores the new one: a CPU that
 * comes by in between translates the old one again, and keeps that. Such a CPU
 * does not tell KVM that a vCPU's thread has left it, and the host locks up.
 * With one VM that stays, nothing is patched while vCPUs run.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("keep_vm");
		return 1;
	}
	/* The parent goes on once there is the VM. */
	if (daemon(1, 1)) {
		perror("keep_vm");
		return 1;
	}
	for (;;)
		pause();
}
