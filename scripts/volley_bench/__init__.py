# SPDX-License-Identifier: GPL-2.0
"""What scripts/bench measures: reading, comparing and showing it."""
