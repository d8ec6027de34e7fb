/* SPDX-License-Identifier: MIT */
/* The count of references is a plain integer, because only the loop's thread ever touches it; a
 * writer thread merely reads what a snapshot shows it. */

#include "control/list.h"

#include <stdlib.h>
#include <string.h>

static char *append(char *to, const char *text, char **ret)
{
    *ret = to;
    return stpcpy(to, text) + 1;
}

/* One block for the entry and its texts: 65,536 entries are 65,536 allocations. */
ListEntry *list_entry_new(
        const Prefix *prefix, const char *by, const char *comment, const char *origin)
{
    size_t texts = strlen(by) + strlen(comment) + strlen(origin) + 3;
    ListEntry *entry = calloc(1, sizeof(*entry) + texts);
    char *end;

    if (!entry)
        return NULL;
    end = (char *)(entry + 1);
    entry->n_ref = 1;
    entry->prefix = *prefix;
    end = append(end, by, &entry->by);
    end = append(end, comment, &entry->comment);
    (void)append(end, origin, &entry->origin);
    return entry;
}

ListEntry *list_entry_ref(ListEntry *entry)
{
    entry->n_ref++;
    return entry;
}

ListEntry *list_entry_unref(ListEntry *entry)
{
    if (!entry || --entry->n_ref > 0)
        return NULL;
    free(entry);
    return NULL;
}
