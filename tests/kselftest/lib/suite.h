/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs that are a suite of tests: the library and the kernel's harness.
 */
#ifndef VOLLEY_TEST_SUITE_H
#define VOLLEY_TEST_SUITE_H

#include "setup.h"
#include "kselftest_harness.h"

#endif /* VOLLEY_TEST_SUITE_H */
