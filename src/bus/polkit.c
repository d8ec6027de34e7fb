/* SPDX-License-Identifier: MIT */
/* A check goes through these stages, and can end as a no in any of them:
 *
 *   LOOKUP   the bus is asked who the sender is; root is let through from here
 *   POLKIT   polkit thinks, or somebody types a password; the sender is watched meanwhile. After a
 *            yes the bus is asked again: still there, and of the same uid?
 *   DECIDED  the verdict is there, and the call stands in the bus' read queue once more
 *
 * polkit does not tell when the one it is asked about goes away, and has said yes to callers that
 * were gone (CVE-2021-3560): therefore the second question, which the bus itself answers. */

#include "bus/polkit-internal.h"

#include <string.h>

/* --- the checks */

static Check *check_free(Check *check)
{
    if (!check)
        return NULL;
    sd_bus_slot_unref(check->question);
    sd_bus_slot_unref(check->vanishing);
    sd_bus_message_unref(check->call);
    free(check);
    return NULL;
}

static void insert(Check *check, Stage stage)
{
    Polkit *polkit = check->polkit;

    check->stage = stage;
    DL_APPEND(polkit->checks[stage], check);
    polkit->count[stage]++;
}

static void leave(Check *check)
{
    Polkit *polkit = check->polkit;

    DL_DELETE(polkit->checks[check->stage], check);
    polkit->count[check->stage]--;
}

void check_enter(Check *check, Stage stage)
{
    leave(check);
    insert(check, stage);
}

static void forget(Check *check)
{
    leave(check);
    check_free(check);
}

static Check *find_decided(const Polkit *polkit, sd_bus_message *call)
{
    Check *check;

    DL_FOREACH(polkit->checks[STAGE_DECIDED], check)
    if (check->call == call)
        return check;
    return NULL;
}

/* The call is dispatched again, now with a verdict. Where it can't be, it gets its no here. */
int check_decide(Check *check, bool allowed, const char *reason)
{
    int r;

    check->question = sd_bus_slot_unref(check->question);
    check->vanishing = sd_bus_slot_unref(check->vanishing);
    check->allowed = allowed;
    check->reason = reason;
    check_enter(check, STAGE_DECIDED);
    r = sd_bus_message_rewind(check->call, true);
    if (r >= 0)
        r = sd_bus_enqueue_for_read(check->polkit->bus, check->call);
    if (r >= 0)
        return 0;
    sd_bus_reply_method_errorf(check->call, SD_BUS_ERROR_LIMITS_EXCEEDED,
            "The call could not be taken up again: %s", strerror(-r));
    forget(check);
    return 0;
}

/* --- what handlers call */

static bool same_intent(const Intent *a, const Intent *b)
{
    bool same_list = a->list && b->list ? strcmp(a->list, b->list) == 0 : a->list == b->list;

    return same_list && strcmp(a->action, b->action) == 0 && strcmp(a->member, b->member) == 0 &&
           strcmp(a->address, b->address) == 0;
}

static int put_aside(Polkit *polkit, sd_bus_message *call, const Intent *intent)
{
    Check *check;

    if (!sd_bus_message_get_sender(call) || polkit->count[STAGE_LOOKUP] >= POLKIT_LOOKUPS_MAX)
        return -EACCES;
    check = calloc(1, sizeof(*check));
    if (!check)
        return -EACCES;
    check->polkit = polkit;
    check->call = sd_bus_message_ref(call);
    check->intent = *intent;
    check->uid = UID_UNKNOWN;
    insert(check, STAGE_LOOKUP);
    if (check_ask(check) >= 0)
        return 0;
    forget(check);
    return -EACCES;
}

int polkit_authorise(
        Polkit *polkit, sd_bus_message *call, const Intent *intent, const char **ret_reason)
{
    const Check *check = find_decided(polkit, call);
    const char *reason = NULL;
    int r;

    if (!check) {
        r = put_aside(polkit, call, intent);
        reason = "the bus could not be asked who you are";
    } else if (!same_intent(&check->intent, intent)) {
        r = -EACCES;
        reason = "the authorisation was for something else";
    } else {
        r = check->allowed ? 1 : -EACCES;
        reason = check->reason;
    }
    if (r < 0 && ret_reason)
        *ret_reason = reason;
    return r;
}

uint32_t polkit_uid(const Polkit *polkit, sd_bus_message *call)
{
    const Check *check = find_decided(polkit, call);

    return check ? check->uid : UID_UNKNOWN;
}

void polkit_settle(Polkit *polkit, sd_bus_message *call)
{
    Check *check = find_decided(polkit, call);

    if (check)
        forget(check);
}

size_t polkit_pending(const Polkit *polkit)
{
    return polkit->count[STAGE_LOOKUP] + polkit->count[STAGE_POLKIT];
}

int polkit_new(sd_bus *bus, uint64_t timeout_usec, Polkit **ret)
{
    Polkit *polkit = calloc(1, sizeof(*polkit));

    if (!polkit)
        return -ENOMEM;
    polkit->bus = bus;
    polkit->timeout_usec = timeout_usec;
    *ret = polkit;
    return 0;
}

Polkit *polkit_free(Polkit *polkit)
{
    if (!polkit)
        return NULL;
    for (Stage stage = 0; stage < _STAGE_MAX; stage++)
        while (polkit->checks[stage])
            forget(polkit->checks[stage]);
    free(polkit);
    return NULL;
}
