// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules may link to. The functions themselves are in rust/api.rs.
 */

#include <linux/export.h>

#include "../api/volley.h"

/* They are defined elsewhere, and declared by the header. */
#define EXPORT_RUST_GPL(name) EXPORT_SYMBOL_GPL(name)

EXPORT_RUST_GPL(volley_register_irq);
EXPORT_RUST_GPL(volley_register_device);
EXPORT_RUST_GPL(volley_unregister);
