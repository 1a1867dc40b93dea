// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's ITS: the commands libkvm has, and the few it lacks.
 */
#include <linux/bitfield.h>
#include <linux/sizes.h>

#include <kvm_util.h>
#include <processor.h>
#include <gic.h>
#include <gic_v3.h>
#include <gic_v3_its.h>

#include "guest.h"

/* Fields of the commands libkvm does not send (GICv3 architecture, 5.3). */
#define ITS_CMD_NUMBER		GENMASK_ULL(7, 0)
#define ITS_CMD_DEVICE		GENMASK_ULL(63, 32)
#define ITS_CMD_EVENT		GENMASK_ULL(31, 0)
#define ITS_CMD_COLLECTION	GENMASK_ULL(15, 0)

static void its_command(struct guest_shared *s, u64 number, u32 device,
			u32 event, u32 collection)
{
	u64 at = readq_relaxed(GITS_BASE_GVA + GITS_CWRITER);
	u64 *cmd = (u64 *)(s->cmdq + at);

	cmd[0] = FIELD_PREP(ITS_CMD_NUMBER, number) |
		 FIELD_PREP(ITS_CMD_DEVICE, device);
	cmd[1] = FIELD_PREP(ITS_CMD_EVENT, event);
	cmd[2] = FIELD_PREP(ITS_CMD_COLLECTION, collection);
	cmd[3] = 0;
	dsb(ishst);

	/* KVM carries the command out before the write returns. */
	writeq_relaxed((at + 32) % SZ_64K, GITS_BASE_GVA + GITS_CWRITER);
}

static void its_enable(bool on)
{
	u32 ctlr = readl_relaxed(GITS_BASE_GVA + GITS_CTLR);

	if (on)
		ctlr |= GITS_CTLR_ENABLE;
	else
		ctlr &= ~GITS_CTLR_ENABLE;
	writel_relaxed(ctlr, GITS_BASE_GVA + GITS_CTLR);
}

static void lpis_enable(bool on, u32 vcpu)
{
	u32 offset = vcpu * SZ_64K * 2 + GICR_CTLR;

	writel_relaxed(on ? GICR_CTLR_ENABLE_LPIS : 0, GICR_BASE_GVA + offset);
}

/* Maps a device and all of its events, as LPIs that are sent to @collection. */
static void map_device(struct guest_shared *s, u32 device, u32 collection)
{
	void *cmdq = (void *)s->cmdq;
	u32 event;

	its_send_mapd_cmd(cmdq, device, s->itt + device * SZ_64K, SZ_64K, true);
	for (event = 0; event < GUEST_EVENTS; event++)
		its_send_mapti_cmd(cmdq, device, event, collection,
				   GUEST_LPI_BASE + GUEST_LPI(device, event));
}

void guest_its_init(struct guest_shared *s)
{
	void *cmdq = (void *)s->cmdq;
	u32 device, i;

	its_init(s->collection_table, SZ_64K, s->device_table, SZ_64K,
		 s->cmdq, SZ_64K);

	/* One collection per vCPU; everything starts at the first. */
	for (i = 0; i < s->nr_vcpus; i++)
		its_send_mapc_cmd(cmdq, i, i, true);

	for (device = 0; device < s->nr_devices; device++)
		map_device(s, device, 0);

	for (i = 0; i < s->nr_vcpus; i++) {
		its_send_invall_cmd(cmdq, i);
		its_send_sync_cmd(cmdq, i);
	}
}

void guest_its_op(struct guest_shared *s, u32 op, const u32 *arg)
{
	switch (op) {
	case GUEST_OP_MAPTI:
		its_send_mapti_cmd((void *)s->cmdq, arg[0], arg[1], arg[2],
				   GUEST_LPI_BASE + arg[3]);
		break;
	case GUEST_OP_MOVI:
		its_command(s, GITS_CMD_MOVI, arg[0], arg[1], arg[2]);
		break;
	case GUEST_OP_MAPC:
		its_send_mapc_cmd((void *)s->cmdq, arg[1], arg[0], true);
		break;
	case GUEST_OP_DISCARD:
		its_command(s, GITS_CMD_DISCARD, arg[0], arg[1], 0);
		break;
	case GUEST_OP_INV:
		its_command(s, GITS_CMD_INV, arg[0], arg[1], 0);
		break;
	case GUEST_OP_INVALL:
		its_send_invall_cmd((void *)s->cmdq, arg[0]);
		break;
	case GUEST_OP_MAPD:
		if (arg[1])
			map_device(s, arg[0], arg[2]);
		else
			its_send_mapd_cmd((void *)s->cmdq, arg[0], s->itt + arg[0] * SZ_64K,
					  SZ_64K, false);
		break;
	case GUEST_OP_LPIS_ENABLE:
		lpis_enable(arg[0], arg[1]);
		break;
	case GUEST_OP_ITS_ENABLE:
		its_enable(arg[0]);
		break;
	default:
		GUEST_FAIL("unknown request %u", op);
	}
}
