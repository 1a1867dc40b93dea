// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules may link to; the functions themselves are in rust/api.rs.
 * And the version that modinfo shows, for which module! has no word.
 */

#include <linux/export.h>
#include <linux/module.h>

#include "../api/volley.h"

/* They are defined elsewhere, and declared by the header. */
#define EXPORT_RUST_GPL(name) EXPORT_SYMBOL_GPL(name)

EXPORT_RUST_GPL(volley_register_irq);
EXPORT_RUST_GPL(volley_register_device);
EXPORT_RUST_GPL(volley_unregister);

MODULE_VERSION(VOLLEY_VERSION);
