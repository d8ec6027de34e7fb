/* SPDX-License-Identifier: MIT */
/* The access table against what the vtables offer and what polkit is told there is. The running
 * daemon is held against it in tests/system/test_bus.py. */

#include "bus/bus-internal.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct Offer {
    const char *interface;
    const sd_bus_vtable *vtable;
} Offer;

static const Offer offers[] = {
        {INTERFACE_MANAGER, manager_vtable},
        {INTERFACE_BLACKLIST, list_vtable},
        {INTERFACE_WHITELIST, list_vtable},
        {INTERFACE_LOG_CONTROL, log_control_vtable},
};

/* Calls `each` for all there is to call, to get and to set. */
static size_t walk(void (*each)(AccessKind kind, const char *interface, const sd_bus_vtable *item))
{
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(offers); i++)
        for (const sd_bus_vtable *v = offers[i].vtable; v->type != _SD_BUS_VTABLE_END; v++) {
            if (v->type == _SD_BUS_VTABLE_METHOD)
                each(ACCESS_CALL, offers[i].interface, v), n++;
            if (v->type == _SD_BUS_VTABLE_PROPERTY || v->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY)
                each(ACCESS_GET, offers[i].interface, v), n++;
            if (v->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY)
                each(ACCESS_SET, offers[i].interface, v), n++;
        }
    return n;
}

static const char *name_of(AccessKind kind, const sd_bus_vtable *item)
{
    return kind == ACCESS_CALL ? item->x.method.member : item->x.property.member;
}

static void has_action(AccessKind kind, const char *interface, const sd_bus_vtable *item)
{
    const char *action = access_action(kind, interface, name_of(kind, item));

    cr_assert(action, "%s.%s is not in the table", interface, name_of(kind, item));
    if (kind == ACCESS_GET)
        cr_assert_str_eq(action, ACCESS_OPEN, "sd-bus asks nobody before it answers a Get");
    if (kind == ACCESS_SET)
        cr_assert_str_neq(action, ACCESS_OPEN, "%s.%s", interface, name_of(kind, item));
}

Test(access, all_there_is_has_an_action)
{
    cr_assert_geq(walk(has_action), 30);
}

/* Without the flag sd-bus itself demands a capability, and polkit is never asked. */
static void is_unprivileged(AccessKind kind, const char *interface, const sd_bus_vtable *item)
{
    if (kind != ACCESS_GET)
        cr_assert(
                item->flags & SD_BUS_VTABLE_UNPRIVILEGED, "%s.%s", interface, name_of(kind, item));
}

Test(access, the_decision_is_ours)
{
    walk(is_unprivileged);
}

Test(access, only_reads_are_open)
{
    static const char *const open[] = {"List", "GetFlows", "GetTalkers", "GetStatus", "Explain"};
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(offers); i++)
        for (const sd_bus_vtable *v = offers[i].vtable; v->type != _SD_BUS_VTABLE_END; v++) {
            bool reads = false;

            if (v->type != _SD_BUS_VTABLE_METHOD)
                continue;
            for (size_t j = 0; j < ELEMENTSOF(open); j++)
                reads |= strcmp(v->x.method.member, open[j]) == 0;
            cr_assert_eq(strcmp(access_action(ACCESS_CALL, offers[i].interface, v->x.method.member),
                                 ACCESS_OPEN) == 0,
                    reads, "%s.%s", offers[i].interface, v->x.method.member);
            n += reads;
        }
    cr_assert_eq(n, 6); /* List of either list */
}

Test(access, what_is_not_in_the_table_is_for_nobody)
{
    cr_assert_null(access_action(ACCESS_CALL, INTERFACE_BLACKLIST, "Clear"));
    cr_assert_null(access_action(ACCESS_CALL, "org.ntc.Greylist", "Add"));
    cr_assert_null(access_action(ACCESS_CALL, INTERFACE_BLACKLIST, "Count"));
    cr_assert_null(access_action(ACCESS_SET, INTERFACE_BLACKLIST, "Count"));
    cr_assert_null(access_action(ACCESS_SET, INTERFACE_LOG_CONTROL, "SyslogIdentifier"));
    cr_assert_null(access_action(ACCESS_CALL, INTERFACE_BLACKLIST, ""));
}

/* One list's editors have no say about the other. */
Test(access, each_list_has_its_own_action)
{
    static const char *const members[] = {"Add", "AddWithOptions", "Remove", "Confirm"};

    for (size_t i = 0; i < ELEMENTSOF(members); i++) {
        cr_assert_str_eq(access_action(ACCESS_CALL, INTERFACE_BLACKLIST, members[i]),
                "org.ntc.edit-blacklist");
        cr_assert_str_eq(access_action(ACCESS_CALL, INTERFACE_WHITELIST, members[i]),
                "org.ntc.edit-whitelist");
    }
}

static char policy[16384];

static void is_known_to_polkit(AccessKind kind, const char *interface, const sd_bus_vtable *item)
{
    const char *action = access_action(kind, interface, name_of(kind, item));
    char element[128];

    if (strcmp(action, ACCESS_OPEN) == 0)
        return;
    snprintf(element, sizeof(element), "<action id=\"%s\">", action);
    cr_assert(strstr(policy, element), "polkit/org.ntc.policy lacks %s", element);
}

Test(access, polkit_knows_every_action)
{
    FILE *file = fopen(NTC_SOURCE_DIR "/polkit/org.ntc.policy", "re");

    cr_assert(file);
    policy[fread(policy, 1, sizeof(policy) - 1, file)] = '\0';
    fclose(file);
    walk(is_known_to_polkit);
}
