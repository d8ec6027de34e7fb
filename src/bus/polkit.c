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

#include "bus/polkit.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <utlist.h>

#define UID_UNKNOWN            ((uint32_t)-1)
#define ALLOW_USER_INTERACTION 1U
#define CANCELLATION_ID_MAX    32

#define DRIVER           "org.freedesktop.DBus"
#define DRIVER_PATH      "/org/freedesktop/DBus"
#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY "org.freedesktop.PolicyKit1.Authority"

typedef enum Stage {
    STAGE_LOOKUP,
    STAGE_POLKIT,
    STAGE_DECIDED,
    _STAGE_MAX,
} Stage;

typedef struct Check {
    struct Check *prev, *next; /* utlist */
    Polkit *polkit;
    sd_bus_message *call; /* a reference */
    Intent intent;
    Stage stage;
    uint32_t uid;
    uint64_t id; /* for polkit, to cancel by */
    bool allowed;
    const char *reason;     /* why not; static */
    sd_bus_slot *question;  /* that is out */
    sd_bus_slot *vanishing; /* watches the sender */
} Check;

struct Polkit {
    sd_bus *bus;
    uint64_t timeout_usec;
    Check *checks[_STAGE_MAX]; /* the decided ones apart: only they can be dispatched again */
    size_t count[_STAGE_MAX];
    uint64_t last_id;
};

/* --- the checks
 * ------------------------------------------------------------------------------------- */

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

static void enter(Check *check, Stage stage)
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
static int decide(Check *check, bool allowed, const char *reason)
{
    int r;

    check->question = sd_bus_slot_unref(check->question);
    check->vanishing = sd_bus_slot_unref(check->vanishing);
    check->allowed = allowed;
    check->reason = reason;
    leave(check);
    enter(check, STAGE_DECIDED);
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

static const char *sender_of(const Check *check)
{
    return sd_bus_message_get_sender(check->call);
}

static const char *cancellation_id(const Check *check, char buffer[static CANCELLATION_ID_MAX])
{
    snprintf(buffer, CANCELLATION_ID_MAX, "ntc-%" PRIu64, check->id);
    return buffer;
}

/* --- the questions
 * ---------------------------------------------------------------------------------- */

static int ask_uid(Check *check, sd_bus_message_handler_t on_answer)
{
    check->question = sd_bus_slot_unref(check->question);
    return sd_bus_call_method_async(check->polkit->bus, &check->question, DRIVER, DRIVER_PATH,
            DRIVER, "GetConnectionUnixUser", on_answer, check, "s", sender_of(check));
}

/* Only the bus knows, and only the bus is believed: a reply's sender can't be forged. */
static bool read_uid(sd_bus_message *reply, uint32_t *ret)
{
    const char *sender = sd_bus_message_get_sender(reply);

    return !sd_bus_message_is_method_error(reply, NULL) && sender && strcmp(sender, DRIVER) == 0 &&
           sd_bus_message_read(reply, "u", ret) >= 0;
}

static int on_uid_again(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Check *check = userdata;
    uint32_t uid;

    if (!read_uid(reply, &uid) || uid != check->uid)
        return decide(check, false, "the caller is gone");
    return decide(check, true, NULL);
}

/* Takes a dialog from the screen that nobody waits for any more. Not worth starting polkit for. */
static void cancel(const Check *check)
{
    sd_bus_message *m __attribute__((cleanup(sd_bus_message_unrefp))) = NULL;
    char id[CANCELLATION_ID_MAX];
    int r = sd_bus_message_new_method_call(check->polkit->bus, &m, POLKIT_NAME, POLKIT_PATH,
            POLKIT_AUTHORITY, "CancelCheckAuthorization");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", cancellation_id(check, id));
    if (r >= 0)
        r = sd_bus_message_set_auto_start(m, false);
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(m, false);
    if (r >= 0)
        r = sd_bus_send(NULL, m, NULL);
    if (r < 0)
        log_debug("Could not tell polkit to forget a check: %s", strerror(-r));
}

static int on_polkit(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Check *check = userdata;
    const sd_bus_error *problem = sd_bus_message_get_error(reply);
    int yes = 0, challenge = 0;

    if (problem) {
        cancel(check); /* it may only have been too slow */
        log_debug("polkit could not decide: %s: %s", problem->name, problem->message);
        return decide(check, false, "polkit could not be asked");
    }
    if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &yes, &challenge) < 0)
        return decide(check, false, "polkit's answer could not be read");
    if (!yes)
        return decide(check, false,
                challenge
                        ? "polkit wants an authentication that this call did not allow for, or that nobody gave"
                        : "polkit does not allow it");
    if (ask_uid(check, on_uid_again) < 0)
        return decide(check, false, "the bus could not be asked");
    return 0;
}

static int on_vanished(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
    Check *check = userdata;
    const char *name, *before, *after;

    if (sd_bus_message_read(signal, "sss", &name, &before, &after) < 0 || after[0])
        return 0;
    cancel(check);
    return decide(check, false, "the caller is gone");
}

static int watch_sender(Check *check)
{
    char rule[512];
    int n = snprintf(rule, sizeof(rule),
            "type='signal',sender='" DRIVER "',path='" DRIVER_PATH "',interface='" DRIVER
            "',member='NameOwnerChanged',arg0='%s'",
            sender_of(check));

    if (n >= (int)sizeof(rule))
        return -ENAMETOOLONG;
    return sd_bus_add_match_async(
            check->polkit->bus, &check->vanishing, rule, on_vanished, NULL, check);
}

static int append_details(sd_bus_message *m, const Intent *intent)
{
    const char *const pairs[][2] = {
            {"member", intent->member}, {"list", intent->list}, {"address", intent->address}};
    int r = sd_bus_message_open_container(m, 'a', "{ss}");

    for (size_t i = 0; i < ELEMENTSOF(pairs) && r >= 0; i++)
        if (pairs[i][1] && pairs[i][1][0])
            r = sd_bus_message_append(m, "{ss}", pairs[i][0], pairs[i][1]);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int ask_polkit(Check *check)
{
    sd_bus_message *m __attribute__((cleanup(sd_bus_message_unrefp))) = NULL;
    bool interactive = sd_bus_message_get_allow_interactive_authorization(check->call) > 0;
    char id[CANCELLATION_ID_MAX];
    int r = sd_bus_message_new_method_call(check->polkit->bus, &m, POLKIT_NAME, POLKIT_PATH,
            POLKIT_AUTHORITY, "CheckAuthorization");

    if (r >= 0)
        r = sd_bus_message_append(
                m, "(sa{sv})", "system-bus-name", 1, "name", "s", sender_of(check));
    if (r >= 0)
        r = sd_bus_message_append(m, "s", check->intent.action);
    if (r >= 0)
        r = append_details(m, &check->intent);
    if (r >= 0)
        r = sd_bus_message_append(
                m, "us", interactive ? ALLOW_USER_INTERACTION : 0U, cancellation_id(check, id));
    check->question = sd_bus_slot_unref(check->question);
    if (r >= 0)
        r = sd_bus_call_async(check->polkit->bus, &check->question, m, on_polkit, check,
                check->polkit->timeout_usec);
    return r;
}

static bool has_room(const Polkit *polkit, const Check *check)
{
    size_t of_sender = 0, of_uid = 0;
    const Check *other;

    DL_FOREACH(polkit->checks[STAGE_POLKIT], other)
    {
        of_sender += strcmp(sender_of(other), sender_of(check)) == 0;
        of_uid += other->uid == check->uid;
    }
    return polkit->count[STAGE_POLKIT] < POLKIT_PENDING_MAX &&
           of_sender < POLKIT_PENDING_PER_SENDER_MAX && of_uid < POLKIT_PENDING_PER_UID_MAX;
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Check *check = userdata;

    if (!read_uid(reply, &check->uid))
        return decide(check, false, "the caller is gone");
    if (check->uid == 0)
        return decide(check, true, NULL);
    if (!has_room(check->polkit, check))
        return decide(check, false, "too many requests wait for an authorisation already");
    check->id = ++check->polkit->last_id;
    leave(check);
    enter(check, STAGE_POLKIT);
    if (watch_sender(check) < 0 || ask_polkit(check) < 0)
        return decide(check, false, "polkit could not be asked");
    return 0;
}

/* --- what handlers call
 * ----------------------------------------------------------------------------- */

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
    enter(check, STAGE_LOOKUP);
    if (ask_uid(check, on_uid) >= 0)
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
