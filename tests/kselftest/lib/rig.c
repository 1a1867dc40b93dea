// SPDX-License-Identifier: GPL-2.0
/*
 * Building, running and ending the VM of the tests.
 */
#include <signal.h>

#include <linux/sizes.h>

#include <kvm_util.h>
#include <processor.h>
#include <gic.h>
#include <gic_v3.h>
#include <vgic.h>
#include <ucall.h>

#include "rig.h"

#define RIG_MEMSLOT	1
#define LPI_PRIORITY	0xa0	/* that of everything else in libkvm's guests */

/* The tables of the ITS and the redistributors, in guest memory. */
static void rig_tables(struct rig *rig, int devices)
{
	struct guest_shared *s = rig->shared;
	struct kvm_vm *vm = rig->vm;
	size_t per_64k = vm_calc_num_guest_pages(vm->mode, SZ_64K);
	size_t pages = (5 + devices + rig->nr_vcpus) * per_64k;
	gpa_t base = (vm->max_gfn + 1 - pages) * vm->page_size;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, base, RIG_MEMSLOT,
				    pages, 0);
#define TABLES(nr)	vm_phy_pages_alloc(vm, (nr) * per_64k, base, RIG_MEMSLOT)
	s->device_table = TABLES(1);
	s->collection_table = TABLES(1);
	s->cmdq = TABLES(1);
	s->prop_table = TABLES(1);
	s->itt = TABLES(devices);
	s->pend_tables = TABLES(rig->nr_vcpus);
#undef TABLES
	virt_map(vm, s->cmdq, s->cmdq, per_64k);
}

void rig_lpi_enable(struct rig *rig, u32 lpi, bool on)
{
	u8 *prop = addr_gpa2hva(rig->vm, rig->shared->prop_table);

	WRITE_ONCE(prop[lpi], LPI_PRIORITY | LPI_PROP_GROUP1 |
		   (on ? LPI_PROP_ENABLED : 0));
}

void rig_inject(struct rig *rig, int vector)
{
	const u64 doorbell = GITS_BASE_GPA + GITS_TRANSLATER;
	struct kvm_msi msi = {
		.address_lo = doorbell,
		.address_hi = doorbell >> 32,
		.data = rig->event[0][vector],
		.flags = KVM_MSI_VALID_DEVID,
	};

	TEST_ASSERT(__vm_ioctl(rig->vm, KVM_SIGNAL_MSI, &msi) > 0, "it was not injected");
}

/* Every vector of every device has a message of its own for KVM. */
static void rig_set_routes(struct rig *rig)
{
	const u64 doorbell = GITS_BASE_GPA + GITS_TRANSLATER;
	struct kvm_irq_routing *table;
	int d, e, n = 0;

	table = calloc(1, sizeof(*table) +
		       GUEST_DEVICES * GUEST_EVENTS * sizeof(table->entries[0]));
	TEST_ASSERT(table, "no memory");
	for (d = 0; d < GUEST_DEVICES; d++) {
		for (e = 0; e < GUEST_EVENTS; e++) {
			table->entries[n++] = (struct kvm_irq_routing_entry) {
				.gsi = GUEST_LPI(d, e),
				.type = KVM_IRQ_ROUTING_MSI,
				.flags = KVM_MSI_VALID_DEVID,
				.u.msi.address_lo = doorbell,
				.u.msi.address_hi = doorbell >> 32,
				.u.msi.data = rig->event[d][e],
				.u.msi.devid = d,
			};
		}
	}
	if (rig->odd)
		table->entries[rig->odd->gsi] = *rig->odd;
	table->nr = n;
	kvm_gsi_routing_write(rig->vm, table);
}

void rig_route_oddly(struct rig *rig, const struct kvm_irq_routing_entry *odd)
{
	rig->odd = odd;
	rig_set_routes(rig);
}

void rig_route(struct rig *rig, int d, int vector, u32 event)
{
	rig->event[d][vector] = event;
	rig_set_routes(rig);
}

/* Makes the VM, its vCPUs and its interrupt controller: each time with the same layout. */
static void rig_make_vm(struct rig *rig)
{
	struct kvm_arm_counter_offset no_offset = {};
	struct guest_shared *s;
	int i;

	/* The guest's code is this program: libkvm loads it by this name. */
	program_invocation_name = "/proc/self/exe";
	rig->vm = vm_create_with_vcpus(rig->nr_vcpus, guest_main, rig->vcpu);
	/* KVM names it after the thread that makes it. */
	snprintf(rig->id, sizeof(rig->id), "%d-%d", gettid(), rig->vm->fd);
	/* One clock for the guest and the host's user space. */
	vm_ioctl(rig->vm, KVM_ARM_SET_COUNTER_OFFSET, &no_offset);

	vm_init_descriptor_tables(rig->vm);
	vm_install_exception_handler(rig->vm, VECTOR_IRQ_CURRENT, guest_irq);

	rig->shared_gva = vm_alloc(rig->vm, sizeof(*s), KVM_UTIL_MIN_VADDR);
	s = addr_gva2hva(rig->vm, rig->shared_gva);
	rig->shared = s;
	memset(s, 0, sizeof(*s));
	s->nr_vcpus = rig->nr_vcpus;
	s->nr_devices = GUEST_DEVICES;
	for (i = 0; i < rig->nr_vcpus; i++) {
		vcpu_init_descriptor_tables(rig->vcpu[i]);
		vcpu_args_set(rig->vcpu[i], 1, rig->shared_gva);
	}

	rig->its_fd = vgic_its_setup(rig->vm);
	rig_tables(rig, GUEST_DEVICES);
}

void rig_set_mode(struct rig *rig, enum guest_mode mode)
{
	/* For good: the last sleep ends with an interrupt only. */
	if (mode == GUEST_WFI)
		WRITE_ONCE(rig->may_sleep, true);
	WRITE_ONCE(rig->shared->mode, mode);
}

struct rig *rig_create(const struct rig_config *config)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int d, e, i;

	TEST_ASSERT(rig, "no memory");
	rig->nr_vcpus = config->vcpus ?: 1;
	TEST_ASSERT(rig->nr_vcpus <= GUEST_VCPUS, "too many vCPUs");
	memcpy(rig->cpu, config->cpu, sizeof(rig->cpu));

	rig_make_vm(rig);
	rig_set_mode(rig, config->mode);
	for (i = 0; i < GUEST_LPIS; i++)
		rig_lpi_enable(rig, i, true);
	for (d = 0; d < GUEST_DEVICES; d++) {
		for (e = 0; e < GUEST_EVENTS; e++) {
			rig->event[d][e] = e;
			rig->lpi[d][e] = GUEST_LPI(d, e);
		}
	}
	rig_set_routes(rig);
	return rig;
}

void rig_renew(struct rig *rig, struct rig_vm *old)
{
	*old = (struct rig_vm) { .vm = rig->vm, .its_fd = rig->its_fd };
	memcpy(old->vcpu, rig->vcpu, sizeof(old->vcpu));
	rig_make_vm(rig);
	rig_set_routes(rig);
}

void rig_vm_free(struct rig_vm *old)
{
	close(old->its_fd);
	kvm_vm_free(old->vm);
}

void rig_connect(struct rig *rig, int d, struct device *dev)
{
	int i;

	rig->dev[d] = dev;
	for (i = 0; i < dev->vectors; i++)
		kvm_assign_irqfd(rig->vm, GUEST_LPI(d, i), device_eventfd(dev, i));
}

void rig_disconnect(struct rig *rig, int d)
{
	struct device *dev = rig->dev[d];
	int i;

	for (i = 0; i < dev->vectors; i++)
		kvm_deassign_irqfd(rig->vm, GUEST_LPI(d, i), device_eventfd(dev, i));
}

struct vcpu_arg {
	struct rig *rig;
	int v;
};

static void *vcpu_thread(void *data)
{
	struct rig *rig = ((struct vcpu_arg *)data)->rig;
	int v = ((struct vcpu_arg *)data)->v;
	struct ucall uc;

	free(data);
	for (;;) {
		while (told(&rig->pause[v])) {
			tell(&rig->paused[v], true);
			host_sleep_us(50);
		}
		if (__vcpu_run(rig->vcpu[v])) {
			TEST_ASSERT(errno == EINTR, "KVM_RUN of vCPU %d: %s", v, strerror(errno));
			continue;
		}
		assert_on_unhandled_exception(rig->vcpu[v]);
		switch (get_ucall(rig->vcpu[v], &uc)) {
		case UCALL_SYNC:
			tell(&rig->parked[v], true);
			while (told(&rig->parked[v]))
				host_sleep_us(50);
			break;
		case UCALL_DONE:
			return NULL;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
			break;
		default:
			TEST_FAIL("vCPU %d: unexpected exit", v);
		}
	}
}

static void nothing(int sig)
{
}

void rig_start(struct rig *rig)
{
	struct sigaction action = { .sa_handler = nothing };
	struct vcpu_arg *arg;
	int v;

	sigaction(SIGUSR1, &action, NULL);
	for (v = 0; v < rig->nr_vcpus; v++) {
		arg = malloc(sizeof(*arg));
		TEST_ASSERT(arg, "no memory");
		*arg = (struct vcpu_arg) { rig, v };
		kvm_pthread_create(&rig->thread[v], NULL, vcpu_thread, arg);
		pin_task_to_cpu(rig->thread[v], host_cpu(rig->cpu[v]));
	}
	rig->running = true;
	for (v = rig->nr_vcpus - 1; v >= 0; v--)
		HOST_WAIT_FOR(told(&rig->shared->vcpu[v].ready),
			      "vCPU %d did not start", v);
}

void rig_post(struct rig *rig, int v, u32 op, const u32 *arg)
{
	struct guest_vcpu *g = &rig->shared->vcpu[v];

	g->op = op;
	memcpy(g->arg, arg, sizeof(g->arg));
	tell(&g->asked, g->asked + 1);
}

/* True; and a sleeping guest wakes up and looks whether it is asked something. */
static bool rig_nudge(struct rig *rig, int v)
{
	if (READ_ONCE(rig->may_sleep))
		pthread_kill(rig->thread[v], SIGUSR1);
	return true;
}

bool rig_answered(struct rig *rig, int v)
{
	struct guest_vcpu *g = &rig->shared->vcpu[v];

	return rig_nudge(rig, v) && told(&g->answered) == g->asked;
}

void rig_ask(struct rig *rig, int v, u32 op, u32 a0, u32 a1, u32 a2, u32 a3)
{
	u32 arg[4] = { a0, a1, a2, a3 };

	rig_post(rig, v, op, arg);
	HOST_WAIT_FOR(rig_answered(rig, v), "vCPU %d does not answer", v);
	if (op == GUEST_OP_MAPTI)
		rig->lpi[a0][a1] = a3;
}

void rig_park(struct rig *rig, int v)
{
	rig_post(rig, v, GUEST_OP_PARK, (u32[4]) {});
	HOST_WAIT_FOR(rig_nudge(rig, v) && told(&rig->parked[v]),
		      "vCPU %d does not park", v);
}

void rig_resume(struct rig *rig, int v)
{
	tell(&rig->parked[v], false);
	HOST_WAIT_FOR(rig_answered(rig, v), "vCPU %d does not go on", v);
}

void rig_interrupt(struct rig *rig, int v)
{
	pthread_kill(rig->thread[v], SIGUSR1);
}

/* True; and a vCPU that is in the guest comes out, or does not get in. */
static bool rig_stay_out(struct rig *rig, int v)
{
	WRITE_ONCE(rig->vcpu[v]->run->immediate_exit, 1);
	rig_interrupt(rig, v);
	return true;
}

void rig_pause(struct rig *rig, int v)
{
	tell(&rig->paused[v], false);
	tell(&rig->pause[v], true);
	HOST_WAIT_FOR(rig_stay_out(rig, v) && told(&rig->paused[v]),
		      "vCPU %d does not pause", v);
}

void rig_unpause(struct rig *rig, int v)
{
	WRITE_ONCE(rig->vcpu[v]->run->immediate_exit, 0);
	tell(&rig->pause[v], false);
}

bool rig_alive(struct rig *rig, int v)
{
	struct guest_vcpu *g = &rig->shared->vcpu[v];
	u64 loops = READ_ONCE(g->loops);

	return host_wait_for(rig_nudge(rig, v) && READ_ONCE(g->loops) > loops);
}

void rig_stop(struct rig *rig)
{
	int v;

	if (!rig->running)
		return;
	for (v = 0; v < rig->nr_vcpus; v++) {
		rig_ask(rig, v, GUEST_OP_STOP, 0, 0, 0, 0);
		kvm_pthread_join(rig->thread[v], NULL);
	}
	rig->running = false;
}

void rig_free(struct rig *rig)
{
	int d;

	rig_stop(rig);
	close(rig->its_fd);
	kvm_vm_free(rig->vm);
	for (d = 0; d < GUEST_DEVICES; d++)
		if (rig->dev[d])
			device_close(rig->dev[d]);
	free(rig);
}
