/* SPDX-License-Identifier: MIT */
/* The questions, in order: who is it, may he, is he still there. All are asynchronous, and at most
 * one of a check is out at any time. */

#include "bus/polkit-internal.h"

#include "base/log.h"

#include <inttypes.h>
#include <string.h>

#define ALLOW_USER_INTERACTION 1U
#define CANCELLATION_ID_MAX    32

#define DRIVER           "org.freedesktop.DBus"
#define DRIVER_PATH      "/org/freedesktop/DBus"
#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY "org.freedesktop.PolicyKit1.Authority"

static const char *sender_of(const Check *check)
{
    return sd_bus_message_get_sender(check->call);
}

static const char *cancellation_id(const Check *check, char buffer[static CANCELLATION_ID_MAX])
{
    snprintf(buffer, CANCELLATION_ID_MAX, "ntc-%" PRIu64, check->id);
    return buffer;
}

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
        return check_decide(check, false, "the caller is gone");
    return check_decide(check, true, NULL);
}

/* Takes a dialog from the screen that nobody waits for any more. Not worth starting polkit for. */
static void cancel(const Check *check)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
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
        return check_decide(check, false, "polkit could not be asked");
    }
    if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &yes, &challenge) < 0)
        return check_decide(check, false, "polkit's answer could not be read");
    if (!yes)
        return check_decide(check, false,
                challenge
                        ? "polkit wants an authentication that this call did not allow for, or that nobody gave"
                        : "polkit does not allow it");
    if (ask_uid(check, on_uid_again) < 0)
        return check_decide(check, false, "the bus could not be asked");
    return 0;
}

static int on_vanished(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
    Check *check = userdata;
    const char *name, *before, *after;

    if (sd_bus_message_read(signal, "sss", &name, &before, &after) < 0 || after[0])
        return 0;
    cancel(check);
    return check_decide(check, false, "the caller is gone");
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
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
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
        return check_decide(check, false, "the caller is gone");
    if (check->uid == 0)
        return check_decide(check, true, NULL);
    if (!has_room(check->polkit, check))
        return check_decide(check, false, "too many requests wait for an authorisation already");
    check->id = ++check->polkit->last_id;
    check_enter(check, STAGE_POLKIT);
    if (watch_sender(check) < 0 || ask_polkit(check) < 0)
        return check_decide(check, false, "polkit could not be asked");
    return 0;
}

int check_ask(Check *check)
{
    return ask_uid(check, on_uid);
}
