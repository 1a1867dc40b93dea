/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM's state, saved and restored as a VMM does for a live migration.
 */
#ifndef VOLLEY_TEST_MIGRATE_H
#define VOLLEY_TEST_MIGRATE_H

#include "rig.h"

/*
 * Has KVM write its ITS tables, and which LPIs are pending, to the guest's
 * memory. The vCPUs must be paused.
 */
void migrate_save_tables(struct rig *rig);
/* Whether LPI number @lpi is pending in those tables. */
bool migrate_is_pending(struct rig *rig, u32 lpi);
/*
 * Has none pending in those tables, before the guest goes on. KVM changes only
 * what the table of an LPI's vCPU says: one that is moved would be pending in the
 * other's for ever, and come by itself when LPIs are enabled there.
 */
void migrate_forget(struct rig *rig);
/*
 * Has the guest go on in a VM of its own, made from nothing but the saved state:
 * its memory, its vCPUs' registers and those of the interrupt controller. The
 * vCPUs must be paused, and the tables saved; devices are connected again.
 */
void migrate_to_new_vm(struct rig *rig);

#endif /* VOLLEY_TEST_MIGRATE_H */
