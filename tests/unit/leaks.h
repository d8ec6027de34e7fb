/* SPDX-License-Identifier: MIT */
#pragma once

/* Criterion runs each test in a child that ends without the leak check of the sanitizer, so a test
 * calls it at its end. It aborts: a failed assertion outside of a test's body would pass. */

#include <stdlib.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static inline void abort_on_leaks(void)
{
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}
