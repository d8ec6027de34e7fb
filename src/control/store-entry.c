/* SPDX-License-Identifier: MIT */
/* One entry of the state file, and how long it still has to live. */

#include "base/clock.h"
#include "base/text.h"
#include "control/store-internal.h"

#include <string.h>

/* The wall clock may have been set since the file was written: within one boot what is shown
 * follows the deadline, but not for the sake of milliseconds. */
#define WALL_SLACK_NS (2 * NSEC_PER_SEC)

static int get_text(
        json_object *object, const char *key, size_t max, const char *fallback, const char **ret)
{
    const char *text = fallback;
    int r = json_get_string(object, key, &text);

    if (r < 0)
        return r;
    if (strlen(text) >= max || !text_is_printable(text))
        return -EINVAL;
    *ret = text;
    return r;
}

static int get_time(json_object *object, const char *key, uint64_t *ret_wall_ns)
{
    const char *text;
    int r = json_get_string(object, key, &text);

    if (r <= 0)
        return r;
    r = time_parse_rfc3339(text, ret_wall_ns);
    return r < 0 ? r : 1;
}

static int get_decimal(json_object *object, const char *key, uint64_t *ret)
{
    const char *text;
    int r = json_get_string(object, key, &text);

    if (r <= 0)
        return r;
    r = parse_uint64(text, 0, UINT64_MAX, ret);
    return r < 0 ? -EINVAL : 1;
}

/* What is left, in ns; 0 = run out. Never more than what was saved. */
static uint64_t remaining_ns(uint64_t expires_wall_ns, uint64_t deadline_ns, uint64_t saved_ns,
        const StoreOrigin *origin, const StoreClock *now)
{
    uint64_t end = expires_wall_ns, clock = now->wall_ns;

    if (origin->same_boot) {
        end = MIN_OF(deadline_ns, origin->saved_boottime_ns + saved_ns);
        clock = now->boottime_ns;
    }
    return end > clock ? MIN_OF(end - clock, saved_ns) : 0;
}

static void set_expiry(ListEntry *entry, uint64_t expires_wall_ns, uint64_t left_ns,
        const StoreOrigin *origin, const StoreClock *now)
{
    uint64_t wall_ns = now->wall_ns + left_ns;
    uint64_t distance = MAX_OF(wall_ns, expires_wall_ns) - MIN_OF(wall_ns, expires_wall_ns);

    entry->expires_boottime_ns = now->boottime_ns + left_ns;
    entry->expires_wall_ns = distance <= WALL_SLACK_NS ? expires_wall_ns : wall_ns;
}

/* 1: set, or lives for ever. 0: run out. */
static int read_expiry(
        json_object *object, const StoreOrigin *origin, const StoreClock *now, ListEntry *entry)
{
    uint64_t expires_wall_ns = 0, deadline_ns = UINT64_MAX, left_sec = 0, left_ns;
    int has_expires = get_time(object, "expires", &expires_wall_ns);
    int has_left = json_get_uint64(object, "remaining_sec", &left_sec);
    int r = get_decimal(object, "expires_boottime_ns", &deadline_ns);

    if (has_expires < 0 || has_left < 0 || r < 0)
        return -EINVAL;
    if (!has_expires && !has_left)
        return 1;
    if (!has_expires || !has_left || left_sec > LIST_TTL_MAX_SEC)
        return -EINVAL;
    left_ns = remaining_ns(expires_wall_ns, deadline_ns, left_sec * NSEC_PER_SEC, origin, now);
    if (left_ns == 0)
        return 0;
    set_expiry(entry, expires_wall_ns, left_ns, origin, now);
    return 1;
}

static int read_confirmation(json_object *object, ListEntry *entry)
{
    int r = json_get_bool(object, "unconfirmed", &entry->unconfirmed);

    if (r >= 0)
        r = json_get_uint64(object, "confirmed_ttl_sec", &entry->confirmed_ttl_sec);
    if (r < 0 || entry->confirmed_ttl_sec > LIST_TTL_MAX_SEC ||
            (entry->unconfirmed && entry->expires_boottime_ns == 0))
        return -EINVAL;
    if (!entry->unconfirmed)
        entry->confirmed_ttl_sec = 0; /* says nothing of an entry that stays, and isn't saved */
    return 1;
}

int store_read_entry(
        json_object *object, const StoreOrigin *origin, const StoreClock *now, ListEntry **ret)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
    const char *ip, *by, *comment, *from;
    uint64_t added_ns = now->wall_ns;
    Prefix prefix;
    int r;

    if (!json_object_is_type(object, json_type_object) || json_get_string(object, "ip", &ip) <= 0 ||
            prefix_parse(ip, &prefix, NULL) < 0 || get_time(object, "added", &added_ns) < 0 ||
            get_text(object, "by", LIST_BY_MAX, "", &by) < 0 ||
            get_text(object, "comment", LIST_COMMENT_MAX, "", &comment) < 0 ||
            get_text(object, "origin", LIST_COMMENT_MAX, "manual", &from) < 0)
        return -EINVAL;
    entry = list_entry_new(&prefix, by, comment, from);
    if (!entry)
        return -ENOMEM;
    entry->added_wall_ns = added_ns;
    r = read_expiry(object, origin, now, entry);
    if (r > 0)
        r = read_confirmation(object, entry);
    if (r > 0)
        *ret = TAKE_PTR(entry);
    return r;
}
