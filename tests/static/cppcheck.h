/* SPDX-License-Identifier: MIT */
/* The macros of uthash, utlist and libbpf in words that cppcheck can read; scripts/static.sh. */

#define DL_FOREACH(head, el)           for (el = (head); el; el = (el)->next)
#define DL_FOREACH_SAFE(head, el, tmp) for (el = (head); el && (tmp = (el)->next, 1); el = tmp)
#define HASH_ITER(hh, head, el, tmp)   for (el = (head), tmp = el; el; el = tmp)
#define LIBBPF_OPTS(type, name, ...)   struct type name = {__VA_ARGS__}
