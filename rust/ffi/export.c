// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules may link to. The functions themselves are in rust/api.rs.
 */

#include <linux/export.h>

#include "../api/volley.h"

EXPORT_SYMBOL_GPL(volley_register_irq);
EXPORT_SYMBOL_GPL(volley_register_device);
EXPORT_SYMBOL_GPL(volley_unregister);
