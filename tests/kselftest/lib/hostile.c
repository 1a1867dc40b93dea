// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that means no good. This runs inside the VM: no libc, no host calls.
 */
#include <linux/bitfield.h>
#include <linux/sizes.h>

#include <kvm_util.h>
#include <processor.h>
#include <gic.h>
#include <gic_v3.h>
#include <gic_v3_its.h>

#include "hostile.h"

/* Commands of the ITS and their fields (GICv3 architecture, 5.3). */
#define COMMAND_SIZE	32
#define COMMANDS	(SZ_64K / COMMAND_SIZE)
#define VALID		BIT_ULL(63)

#define GITS_SIZE	0x20000
#define GICD_SIZE	0x10000
#define GICR_SIZE	0x20000	/* of each vCPU */

/* How many commands a storm leaves at once. KVM carries them out before the guest goes on. */
#define STORM		256

/*
 * It is wild for one of four such times, in milliseconds. Then it sets its interrupt
 * controller up anew, and is no more than unfriendly: interrupts have to get through,
 * or else there is nobody whom the next wild time could harm.
 */
#define PHASE_MS	50

struct hostile {
	struct guest_shared *shared;
	struct guest_vcpu *me;
	u64 state;
	bool wild;
	u32 next;	/* of the commands that set the ITS up */
};

/* Marsaglia's xorshift64, multiplied. */
static u64 any(struct hostile *h)
{
	u64 x = h->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	h->state = x;
	return x * 0x2545f4914f6cdd1d;
}

static u64 below(struct hostile *h, u64 limit)
{
	return (any(h) >> 32) % limit;
}

/* A number below @limit, which makes sense; or, at times, one that does not. */
static u64 near(struct hostile *h, u64 limit)
{
	switch (h->wild ? below(h, 16) : 15) {
	case 0:
		return any(h);
	case 1:
		return limit + below(h, 2);
	case 2:
		return ~0ULL >> below(h, 64);
	case 3:
		return 1ULL << below(h, 64);
	}
	return below(h, limit);
}

/* Addresses in the guest: of its tables, of nothing, of its devices. */
static u64 address(struct hostile *h)
{
	switch (below(h, 6)) {
	case 0:
		return h->shared->itt;
	case 1:
		return h->shared->pend_tables;
	case 2:
		return GITS_BASE_GPA;
	case 3:
		return any(h);
	case 4:
		return 0;
	}
	return h->shared->itt + SZ_64K;
}

/* A command that is known, with fields that may be so or so; or one that is not known. */
static void make_command(struct hostile *h, u64 *cmd)
{
	static const u8 known[] = {
		GITS_CMD_MAPTI, GITS_CMD_MAPTI, GITS_CMD_MAPTI, GITS_CMD_MOVI, GITS_CMD_DISCARD,
		GITS_CMD_INV, GITS_CMD_MOVALL, GITS_CMD_INVALL, GITS_CMD_INT, GITS_CMD_INT,
		GITS_CMD_CLEAR, GITS_CMD_SYNC,
		/* Only when it is wild. */
		GITS_CMD_MAPI, GITS_CMD_MAPD, GITS_CMD_MAPC, GITS_CMD_MAPD, GITS_CMD_MAPC,
	};
	u64 number = known[below(h, sizeof(known) - (h->wild ? 0 : 5))];
	u64 valid = below(h, 4) ? VALID : 0;

	cmd[0] = number | near(h, GUEST_DEVICES) << 32;
	cmd[1] = near(h, GUEST_EVENTS);
	cmd[2] = near(h, h->shared->nr_vcpus);
	cmd[3] = 0;
	switch (number) {
	case GITS_CMD_MAPD:
		cmd[1] = near(h, 16);
		cmd[2] = (address(h) & GENMASK_ULL(51, 8)) | valid;
		break;
	case GITS_CMD_MAPC:
		cmd[2] = (near(h, h->shared->nr_vcpus) & 0xffff) |
			 near(h, h->shared->nr_vcpus) << 16 | valid;
		break;
	case GITS_CMD_MAPTI:
		cmd[1] |= (GUEST_LPI_BASE + near(h, GUEST_LPIS)) << 32;
		break;
	case GITS_CMD_MOVALL:
		cmd[2] = near(h, h->shared->nr_vcpus) << 16;
		cmd[3] = near(h, h->shared->nr_vcpus) << 16;
		break;
	}
	if (h->wild && !below(h, 32))
		cmd[0] = any(h);
}

/* Leaves @nr commands; another vCPU may be doing so as well, and neither cares. */
static void send_commands(struct hostile *h, unsigned int nr,
			  void (*make)(struct hostile *h, u64 *cmd))
{
	u64 at = readq_relaxed(GITS_BASE_GVA + GITS_CWRITER) / COMMAND_SIZE;
	unsigned int i;

	for (i = 0; i < nr; i++)
		make(h, (u64 *)(h->shared->cmdq + (at + i) % COMMANDS * COMMAND_SIZE));
	dsb(ishst);
	writeq_relaxed((at + nr) % COMMANDS * COMMAND_SIZE, GITS_BASE_GVA + GITS_CWRITER);
}

/* An interrupt for whomever. */
static void make_interrupt(struct hostile *h, u64 *cmd)
{
	cmd[0] = GITS_CMD_INT | below(h, GUEST_DEVICES) << 32;
	cmd[1] = below(h, GUEST_EVENTS);
	cmd[2] = 0;
	cmd[3] = 0;
}

static void storm(struct hostile *h)
{
	unsigned int intid, i;

	send_commands(h, STORM, make_interrupt);
	for (i = 0; i < 64; i++) {
		intid = gic_get_and_ack_irq();
		if (intid == IAR_SPURIOUS)
			break;
		gic_set_eoi(intid);
	}
}

/* What maps everything as it was at first. */
static void make_mapping(struct hostile *h, u64 *cmd)
{
	u32 at = h->next++, vcpus = h->shared->nr_vcpus, device, event;

	cmd[1] = cmd[3] = 0;
	if (at < vcpus) {
		cmd[0] = GITS_CMD_MAPC;
		cmd[2] = at | at << 16 | VALID;
		return;
	}
	at -= vcpus;
	device = at / (1 + GUEST_EVENTS);
	event = at % (1 + GUEST_EVENTS);
	cmd[0] = (u64)device << 32;
	if (!event--) {
		cmd[0] |= GITS_CMD_MAPD;
		cmd[1] = 15;
		cmd[2] = (h->shared->itt + device * SZ_64K) | VALID;
		return;
	}
	cmd[0] |= GITS_CMD_MAPTI;
	cmd[1] = event | (u64)(GUEST_LPI_BASE + GUEST_LPI(device, event)) << 32;
	cmd[2] = 0;
}

/* The LPIs of this vCPU. */
static void enable_lpis(struct hostile *h)
{
	u32 v = guest_get_vcpuid();
	struct guest_shared *s = h->shared;

#define REDIST(reg)	(GICR_BASE_GVA + v * GICR_SIZE + (reg))
	writel_relaxed(0, REDIST(GICR_CTLR));
	writeq_relaxed(s->prop_table | 15, REDIST(GICR_PROPBASER));
	writeq_relaxed(s->pend_tables + v * SZ_64K, REDIST(GICR_PENDBASER));
	writel_relaxed(GICR_CTLR_ENABLE_LPIS, REDIST(GICR_CTLR));
#undef REDIST
}

static void set_up_anew(struct hostile *h)
{
	struct guest_shared *s = h->shared;

	writel_relaxed(GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_G1A | GICD_CTLR_ENABLE_G1,
		       GICD_BASE_GVA + GICD_CTLR);
	writel_relaxed(0, GITS_BASE_GVA + GITS_CTLR);
	its_init(s->collection_table, SZ_64K, s->device_table, SZ_64K, s->cmdq, SZ_64K);
	h->next = 0;
	send_commands(h, s->nr_vcpus + GUEST_DEVICES * (1 + GUEST_EVENTS), make_mapping);
}

static void commands(struct hostile *h)
{
	send_commands(h, 1 + below(h, 16), make_command);
}

/* Where something happens. The guest sees devices at their physical addresses. */
static unsigned long interesting(struct hostile *h)
{
	static const u32 its[] = {
		GITS_CTLR, GITS_CBASER, GITS_CWRITER, GITS_CREADR, GITS_BASER, GITS_BASER + 8,
		GITS_TYPER, GITS_TRANSLATER,
	};
	static const u32 dist[] = {
		GICD_CTLR, GICD_CTLR, GICD_ISENABLER, GICD_ICENABLER, GICD_ISPENDR, GICD_ICPENDR,
		GICD_ISACTIVER, GICD_ICACTIVER, GICD_IPRIORITYR, GICD_ICFGR, GICD_IROUTER,
		GICD_IGROUPR,
	};
	static const u32 redist[] = {
		GICR_CTLR, GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER, GICR_WAKER, GICR_INVLPIR,
		GICR_INVALLR, GICR_SYNCR, SZ_64K + GICR_ISENABLER0, SZ_64K + GICR_ICENABLER0,
		SZ_64K + GICR_ISPENDR0, SZ_64K + GICR_ICPENDR0, SZ_64K + GICR_ISACTIVER0,
		SZ_64K + GICR_IPRIORITYR0,
	};

	switch (below(h, 3)) {
	case 0:
		return GITS_BASE_GPA + its[below(h, ARRAY_SIZE(its))];
	case 1:
		return GICD_BASE_GPA + dist[below(h, ARRAY_SIZE(dist))] + 4 * below(h, 4);
	}
	return GICR_BASE_GPA + below(h, h->shared->nr_vcpus) * GICR_SIZE +
	       redist[below(h, ARRAY_SIZE(redist))];
}

static unsigned long anywhere(struct hostile *h)
{
	switch (below(h, 3)) {
	case 0:
		return GITS_BASE_GPA + below(h, GITS_SIZE);
	case 1:
		return GICD_BASE_GPA + below(h, GICD_SIZE);
	}
	return GICR_BASE_GPA + below(h, h->shared->nr_vcpus * GICR_SIZE);
}

/* What of the CPU interface is the guest's own. */
static void cpu_interface(struct hostile *h)
{
	switch (below(h, 8)) {
	case 0:
		write_sysreg_s(any(h) & 0xff, SYS_ICC_PMR_EL1);
		break;
	case 1:
		write_sysreg_s(below(h, 2), SYS_ICC_IGRPEN1_EL1);
		break;
	case 2:
		write_sysreg_s(any(h) & 7, SYS_ICC_BPR1_EL1);
		break;
	case 3:
		write_sysreg_s(any(h) & 3, SYS_ICC_CTLR_EL1);
		break;
	case 4:
		write_sysreg_s(near(h, GUEST_LPI_BASE + GUEST_LPIS) & 0xffffff, SYS_ICC_EOIR1_EL1);
		break;
	case 5:
		write_sysreg_s(near(h, GUEST_LPI_BASE + GUEST_LPIS) & 0xffffff, SYS_ICC_DIR_EL1);
		break;
	case 6:
		/* To all others, or to those it says. */
		write_sysreg_s(any(h) & (GENMASK_ULL(27, 24) | BIT_ULL(40) | 0xf),
			       SYS_ICC_SGI1R_EL1);
		break;
	default:
		gic_get_and_ack_irq();
	}
}

/* Reads a register of four bytes. */
static void look(unsigned long at)
{
	u32 val;

	asm volatile("ldr %w0, [%1]" : "=r" (val) : "r" (at & ~3UL) : "memory");
}

/*
 * Whether it is what turns off another vCPU's LPIs. If that has one in a list register
 * and another vCPU gets it then, KVM warns, with the module or without.
 */
static bool turns_off_lpis(unsigned long at)
{
	unsigned long offset = at - GICR_BASE_GPA;

	return at >= GICR_BASE_GPA && offset % GICR_SIZE / 4 == GICR_CTLR / 4 &&
	       offset / GICR_SIZE != guest_get_vcpuid();
}

static void registers(struct hostile *h)
{
	unsigned long at = below(h, 2) ? interesting(h) : anywhere(h);
	unsigned int size = 1U << below(h, 4);
	u64 val = near(h, 256);

	if (!below(h, 4)) {
		cpu_interface(h);
		return;
	}
	if (!h->wild || !below(h, 4)) {
		look(at);
		return;
	}
	at &= ~(unsigned long)(size - 1);
	if (turns_off_lpis(at))
		return;
	switch (size) {
	case 1:
		asm volatile("strb %w0, [%1]" :: "r" (val), "r" (at) : "memory");
		break;
	case 2:
		asm volatile("strh %w0, [%1]" :: "r" (val), "r" (at) : "memory");
		break;
	case 4:
		asm volatile("str %w0, [%1]" :: "r" (val), "r" (at) : "memory");
		break;
	default:
		asm volatile("str %0, [%1]" :: "r" (val), "r" (at) : "memory");
	}
}

void guest_hostile(struct guest_shared *shared, enum hostile_role role, u32 seed)
{
	struct hostile h = {
		.shared = shared,
		.me = &shared->vcpu[guest_get_vcpuid()],
		.state = (seed + 1) * 0x9e3779b97f4a7c15,
	};
	u64 phase = read_sysreg(cntfrq_el0) / 1000 * PHASE_MS;
	bool was_wild = false;

	WRITE_ONCE(h.me->loops, 0);
	while (!told(&shared->peace)) {
		h.wild = read_sysreg(cntvct_el0) / phase % 4 == 0;
		if (was_wild && !h.wild && role != HOSTILE_MUTE) {
			enable_lpis(&h);
			if (role == HOSTILE_COMMANDS)
				set_up_anew(&h);
		}
		was_wild = h.wild;
		switch (role) {
		case HOSTILE_STORM:
			storm(&h);
			break;
		case HOSTILE_COMMANDS:
			commands(&h);
			break;
		case HOSTILE_REGISTERS:
			registers(&h);
			break;
		default:
			cpu_relax();
		}
		WRITE_ONCE(h.me->loops, h.me->loops + 1);
	}
}
