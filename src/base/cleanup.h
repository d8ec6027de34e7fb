/* SPDX-License-Identifier: MIT */
#pragma once

/* Ownership helpers. A local that owns something is declared with a cleanup attribute, so that
 * every return path releases it and a reader can see that nothing leaks without reading the
 * callees:
 *
 *     _cleanup_free_ char *text = NULL;
 *     _cleanup_(worker_freep) Worker *worker = NULL;
 *     ...
 *     *ret_worker = TAKE_PTR(worker);
 *
 * Every `x_free()` of the tree takes NULL and half-built objects, and returns NULL. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

/* Moves ownership out of a local: yields the value and leaves the empty value behind. */
#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        typeof(ptr) *_p = &(ptr);                                                                  \
        typeof(ptr) _v = *_p;                                                                      \
        *_p = NULL;                                                                                \
        _v;                                                                                        \
    })
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int *_fd = &(fd);                                                                          \
        int _v = *_fd;                                                                             \
        *_fd = -EBADF;                                                                             \
        _v;                                                                                        \
    })

/* Defines `name##p(T *p)` for _cleanup_, from `T name(T)`, a free function that takes NULL. */
#define DEFINE_CLEANUP(type, name)                                                                 \
    static inline void name##p(type *p)                                                            \
    {                                                                                              \
        if (*p)                                                                                    \
            (void)name(*p);                                                                        \
    }                                                                                              \
    struct name##_cleanup_needs_a_semicolon

static inline void freep(void *p)
{
    free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes `fd` if it is one, keeps errno, returns the empty value. */
static inline int safe_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -EBADF;
}

static inline void closep(int *fd)
{
    safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

static inline void fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}
#define _cleanup_fclose_ _cleanup_(fclosep)

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b)                                                                               \
    ({                                                                                             \
        typeof(a) _a = (a);                                                                        \
        typeof(b) _b = (b);                                                                        \
        _a < _b ? _a : _b;                                                                         \
    })
#define MAX_OF(a, b)                                                                               \
    ({                                                                                             \
        typeof(a) _a = (a);                                                                        \
        typeof(b) _b = (b);                                                                        \
        _a > _b ? _a : _b;                                                                         \
    })
