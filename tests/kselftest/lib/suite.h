/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs that are a suite of tests: the library and the kernel's harness.
 */
#ifndef VOLLEY_TEST_SUITE_H
#define VOLLEY_TEST_SUITE_H

#include "setup.h"
#include "kselftest_harness.h"

/* For tests that hang; how long one takes depends on what else runs beside the machine. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif /* VOLLEY_TEST_SUITE_H */
