/* SPDX-License-Identifier: MIT */
/* One entry of the state file, and how long it still has to live. */

#include "base/clock.h"
#include "base/text.h"
#include "control/store-internal.h"

#include <string.h>

/* The wall clock may have been set since the file was written: within one boot what is shown
 * follows the deadline, but not for the sake of milliseconds. */
#define WALL_SLACK_NS (2 * NSEC_PER_SEC)

/* --- the fields */

enum {
    FIELD_IP,
    FIELD_ADDED,
    FIELD_BY,
    FIELD_COMMENT,
    FIELD_ORIGIN,
    FIELD_EXPIRES,
    FIELD_DEADLINE,
    FIELD_REMAINING,
    FIELD_UNCONFIRMED,
    FIELD_CONFIRMED_TTL,
    _FIELD_MAX,
};

static const struct {
    const char *key;
    JsonKind kind;
} fields[_FIELD_MAX] = {
        [FIELD_IP] = {"ip", JSON_KIND_TEXT},
        [FIELD_ADDED] = {"added", JSON_KIND_TEXT},
        [FIELD_BY] = {"by", JSON_KIND_TEXT},
        [FIELD_COMMENT] = {"comment", JSON_KIND_TEXT},
        [FIELD_ORIGIN] = {"origin", JSON_KIND_TEXT},
        [FIELD_EXPIRES] = {"expires", JSON_KIND_TEXT},
        [FIELD_DEADLINE] = {"expires_boottime_ns", JSON_KIND_TEXT},
        [FIELD_REMAINING] = {"remaining_sec", JSON_KIND_NUMBER},
        [FIELD_UNCONFIRMED] = {"unconfirmed", JSON_KIND_BOOL},
        [FIELD_CONFIRMED_TTL] = {"confirmed_ttl_sec", JSON_KIND_NUMBER},
};

/* Each of its kind, and there once at most. */
typedef struct Fields {
    bool present[_FIELD_MAX];
    const char *texts[_FIELD_MAX];
    uint64_t numbers[_FIELD_MAX]; /* also of what is true or false */
} Fields;

static int field_number(const char *key)
{
    for (int i = 0; i < _FIELD_MAX; i++)
        if (strcmp(key, fields[i].key) == 0)
            return i;
    return -1;
}

static int read_field(JsonReader *reader, int field, Fields *ret)
{
    if (ret->present[field] || json_reader_kind(reader) != fields[field].kind) {
        json_reader_skip(reader);
        return -EINVAL;
    }
    ret->present[field] = true;
    switch (fields[field].kind) {
    case JSON_KIND_TEXT:
        ret->texts[field] = json_reader_text(reader);
        return ret->texts[field] ? 0 : -EINVAL;
    case JSON_KIND_BOOL:
        ret->numbers[field] = json_reader_bool(reader);
        return 0;
    default:
        return json_reader_uint64(reader, &ret->numbers[field]);
    }
}

/* Whatever it is, all of it is taken. */
static int read_fields(JsonReader *reader, Fields *ret)
{
    int r = 0;

    if (json_reader_kind(reader) == JSON_KIND_TEXT) /* of version 0 */
        return read_field(reader, FIELD_IP, ret);
    if (json_reader_kind(reader) != JSON_KIND_OBJECT) {
        json_reader_skip(reader);
        return -EINVAL;
    }
    for (json_reader_enter(reader); json_reader_more(reader);) {
        int field = field_number(json_reader_text(reader));

        if (field < 0)
            json_reader_skip(reader);
        else if (read_field(reader, field, ret) < 0)
            r = -EINVAL;
    }
    return r;
}

/* --- their meaning */

static int get_text(const Fields *f, int field, size_t max, const char *fallback, const char **ret)
{
    const char *text = f->present[field] ? f->texts[field] : fallback;

    if (strlen(text) >= max || !text_is_printable(text))
        return -EINVAL;
    *ret = text;
    return 0;
}

/* *ret_wall_ns is left alone where there is none. */
static int get_time(const Fields *f, int field, uint64_t *ret_wall_ns)
{
    return f->present[field] ? time_parse_rfc3339(f->texts[field], ret_wall_ns) : 0;
}

/* What is left, in ns; 0 = run out. Never more than what was saved. In another boot the entry's own
 * time may be of a clock that was wrong and has been set before the file was saved: then what was
 * left counts from there. */
static uint64_t remaining_ns(uint64_t expires_wall_ns, uint64_t deadline_ns, uint64_t saved_ns,
        const StoreOrigin *origin, const StoreClock *now)
{
    uint64_t end = MAX_OF(expires_wall_ns, origin->saved_wall_ns + saved_ns);
    uint64_t clock = now->wall_ns;

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
        const Fields *f, const StoreOrigin *origin, const StoreClock *now, ListEntry *entry)
{
    uint64_t expires_wall_ns = 0, deadline_ns = UINT64_MAX, left_ns;
    uint64_t left_sec = f->numbers[FIELD_REMAINING];

    if (get_time(f, FIELD_EXPIRES, &expires_wall_ns) < 0 ||
            (f->present[FIELD_DEADLINE] &&
                    parse_uint64(f->texts[FIELD_DEADLINE], 0, UINT64_MAX, &deadline_ns) < 0) ||
            f->present[FIELD_EXPIRES] != f->present[FIELD_REMAINING] || left_sec > LIST_TTL_MAX_SEC)
        return -EINVAL;
    if (!f->present[FIELD_EXPIRES])
        return 1;
    left_ns = remaining_ns(expires_wall_ns, deadline_ns, left_sec * NSEC_PER_SEC, origin, now);
    if (left_ns == 0)
        return 0;
    set_expiry(entry, expires_wall_ns, left_ns, origin, now);
    return 1;
}

static int read_confirmation(const Fields *f, ListEntry *entry)
{
    entry->unconfirmed = f->numbers[FIELD_UNCONFIRMED];
    if (f->numbers[FIELD_CONFIRMED_TTL] > LIST_TTL_MAX_SEC ||
            (entry->unconfirmed && entry->expires_boottime_ns == 0))
        return -EINVAL;
    if (entry->unconfirmed) /* says nothing of an entry that stays, and isn't saved */
        entry->confirmed_ttl_sec = f->numbers[FIELD_CONFIRMED_TTL];
    return 1;
}

int store_read_entry(
        JsonReader *reader, const StoreOrigin *origin, const StoreClock *now, ListEntry **ret)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
    const char *by, *comment, *from;
    uint64_t added_ns = now->wall_ns;
    Fields f = {};
    Prefix prefix;
    int r;

    if (read_fields(reader, &f) < 0 || !f.present[FIELD_IP] ||
            prefix_parse(f.texts[FIELD_IP], &prefix, NULL) < 0 ||
            get_time(&f, FIELD_ADDED, &added_ns) < 0 ||
            get_text(&f, FIELD_BY, LIST_BY_MAX, "", &by) < 0 ||
            get_text(&f, FIELD_COMMENT, LIST_COMMENT_MAX, "", &comment) < 0 ||
            get_text(&f, FIELD_ORIGIN, LIST_COMMENT_MAX, "manual", &from) < 0)
        return -EINVAL;
    entry = list_entry_new(&prefix, by, comment, from);
    if (!entry)
        return -ENOMEM;
    entry->added_wall_ns = added_ns;
    r = read_expiry(&f, origin, now, entry);
    if (r > 0)
        r = read_confirmation(&f, entry);
    if (r > 0)
        *ret = TAKE_PTR(entry);
    return r;
}
