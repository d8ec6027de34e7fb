/* SPDX-License-Identifier: MIT */
/* Entries and snapshots: what is shared. The count of references is a plain integer, because only
 * the loop's thread ever touches it; a writer thread merely reads what a snapshot holds for it. */

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

static int snapshot_list(const List *list, ListSnapshot *snapshot)
{
    ListId id = list_id(list);
    size_t count = list_count(list);
    ListEntry **entries = calloc(count ? count : 1, sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    list_copy(list, entries);
    for (size_t i = 0; i < count; i++)
        if (!entries[i]->from_feed)
            entries[snapshot->count[id]++] = list_entry_ref(entries[i]);
    snapshot->entries[id] = entries;
    return 0;
}

int list_snapshot_new(List *const lists[static _LIST_MAX], ListSnapshot **ret)
{
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = calloc(1, sizeof(*snapshot));
    int r = snapshot ? 0 : -ENOMEM;

    for (int id = 0; id < _LIST_MAX && r >= 0; id++)
        r = snapshot_list(lists[id], snapshot);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(snapshot);
    return 0;
}

ListSnapshot *list_snapshot_free(ListSnapshot *snapshot)
{
    if (!snapshot)
        return NULL;
    for (int id = 0; id < _LIST_MAX; id++) {
        for (size_t i = 0; i < snapshot->count[id]; i++)
            list_entry_unref(snapshot->entries[id][i]);
        free(snapshot->entries[id]);
    }
    free(snapshot);
    return NULL;
}
