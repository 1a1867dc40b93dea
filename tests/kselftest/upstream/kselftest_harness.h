/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goes before the kernel's for the upstream VFIO tests: an emulated host needs
 * longer for one of them than the 30 seconds that it may take upstream.
 */
#ifndef VOLLEY_UPSTREAM_HARNESS_H
#define VOLLEY_UPSTREAM_HARNESS_H

#include_next <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif /* VOLLEY_UPSTREAM_HARNESS_H */
