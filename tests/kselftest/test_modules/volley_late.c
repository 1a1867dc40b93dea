// SPDX-License-Identifier: GPL-2.0
/*
 * Stops a thread that has asked for a kick of a vCPU (KVM_REQ_IRQ_PENDING) and is
 * about to kick it, as an interrupt, a preemption or a hypervisor below may:
 *
 *   echo 1234 > /sys/module/volley_late/parameters/thread
 *
 * "stopped" says whether it stands still there. It goes on when 0 is written to
 * "thread", or after SECONDS, before a kernel takes its CPU for locked up whose
 * thresholds are as long as scripts/boot sets them.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/timekeeping.h>

#define SECONDS	20

static int thread;
module_param(thread, int, 0600);
static bool stopped;
module_param(stopped, bool, 0400);

static int about_to_kick(struct kprobe *probe, struct pt_regs *regs)
{
	ktime_t end;

	if (!in_task() || READ_ONCE(thread) != current->pid)
		return 0;
	end = ktime_add_ms(ktime_get(), SECONDS * MSEC_PER_SEC);
	WRITE_ONCE(stopped, true);
	while (READ_ONCE(thread) && ktime_before(ktime_get(), end))
		cpu_relax();
	WRITE_ONCE(stopped, false);
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "__kvm_vcpu_kick",
	.pre_handler = about_to_kick,
};

static int __init late_init(void)
{
	return register_kprobe(&probe);
}

static void __exit late_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(late_init);
module_exit(late_exit);

MODULE_DESCRIPTION("Keeps a thread from kicking a vCPU for tests");
MODULE_LICENSE("GPL");
