/* SPDX-License-Identifier: MIT */
/* The connection. It is made anew when it breaks, from a timer and never from within one of its own
 * callbacks; sd-bus itself waits for a bus socket that isn't there yet. With the connection go
 * everything that belongs to it: the calls that wait, and what polkit was asked. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop-timer.h"

#include <string.h>

#define SYSTEM_BUS       "unix:path=/run/dbus/system_bus_socket"
#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"

#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
#define LATE_USEC      (3 * USEC_PER_SEC)
#define NAME_USEC      (10 * USEC_PER_SEC)

/* As HTTP's: packets and timers come first, and who asks over the one doesn't keep others waiting
 * who ask over the other. */
#define BUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/* org.freedesktop.DBus.RequestName */
enum { NAME_PRIMARY_OWNER = 1, NAME_EXISTS = 3, NAME_ALREADY_OWNER = 4 };

/* --- the name */

static void name_is_ours(BusServer *server)
{
    server->has_name = true;
    server->attempts = 0;
    server->name_refused = false;
    sd_event_source_set_enabled(server->late, SD_EVENT_OFF);
    log_info("On the bus as %s", BUS_NAME);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    const sd_bus_error *problem = sd_bus_message_get_error(reply);
    uint32_t code = 0;

    if (!problem && sd_bus_message_read(reply, "u", &code) < 0)
        code = 0;
    if (code == NAME_PRIMARY_OWNER || code == NAME_ALREADY_OWNER) {
        name_is_ours(server);
        return 0;
    }
    if (!server->name_refused)
        log_warning("The bus does not give us %s: %s; going on without, and trying again", BUS_NAME,
                problem ? problem->message : "another ntc has it");
    server->name_refused = true;
    sd_event_source_set_enabled(server->late, SD_EVENT_OFF);
    (void)loop_timer_set(server->retry, NAME_USEC);
    return 0;
}

static int request_name(BusServer *server)
{
    return sd_bus_request_name_async(server->bus, NULL, BUS_NAME, 0, on_name, server);
}

/* --- the connection */

static void disconnect(BusServer *server)
{
    server->has_name = false;
    list_calls_forget(server);
    server->polkit = polkit_free(server->polkit);
    if (server->bus) {
        sd_bus_detach_event(server->bus);
        server->bus = sd_bus_close_unref(server->bus);
    }
}

static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    uint64_t usec = RETRY_MIN_USEC << MIN_OF(server->attempts, 6u);

    if (server->has_name)
        log_info("The bus is gone; going on without, until it is back");
    server->has_name = false;
    server->attempts++;
    (void)loop_timer_set(server->retry, MIN_OF(usec, RETRY_MAX_USEC));
    return 0;
}

static int add_objects(BusServer *server)
{
    sd_bus *bus = server->bus;
    int r = sd_bus_add_object_vtable(
            bus, NULL, BUS_PATH, INTERFACE_MANAGER, manager_vtable, server);

    for (ListId id = 0; id < _LIST_MAX && r >= 0; id++)
        r = sd_bus_add_object_vtable(
                bus, NULL, BUS_PATH, list_interface(id), list_vtable, &server->lists[id]);
    if (r >= 0)
        r = sd_bus_add_object_vtable(
                bus, NULL, LOG_CONTROL_PATH, INTERFACE_LOG_CONTROL, log_control_vtable, NULL);
    if (r >= 0)
        r = sd_bus_add_filter(bus, NULL, guard_filter, server);
    if (r >= 0)
        r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL,
                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, server);
    return r;
}

static int start_bus(BusServer *server)
{
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    int r = sd_bus_new(&server->bus);

    if (r >= 0)
        r = polkit_new(server->bus, POLKIT_TIMEOUT_USEC, &server->polkit);
    if (r >= 0)
        r = sd_bus_set_address(server->bus, address && address[0] ? address : SYSTEM_BUS);
    if (r >= 0)
        r = sd_bus_set_bus_client(server->bus, true);
    if (r >= 0)
        r = sd_bus_negotiate_fds(server->bus, false); /* strangers could use up all we may have */
    if (r >= 0)
        r = sd_bus_set_watch_bind(server->bus, true);
    if (r >= 0)
        r = add_objects(server);
    if (r >= 0)
        r = sd_bus_start(server->bus);
    if (r >= 0)
        r = sd_bus_attach_event(server->bus, server->event, BUS_PRIORITY);
    if (r >= 0)
        r = request_name(server);
    return r;
}

static void connect_bus(BusServer *server)
{
    int r = start_bus(server);

    if (r >= 0)
        return;
    log_debug("No connection to the bus: %s", strerror(-r));
    disconnect(server);
    (void)loop_timer_set(server->retry, RETRY_MAX_USEC);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    BusServer *server = userdata;

    if (server->bus && sd_bus_is_ready(server->bus) > 0 && request_name(server) >= 0)
        return 0;
    disconnect(server);
    connect_bus(server);
    return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
    log_info("There is no message bus; going on without D-Bus until there is");
    return 0;
}

bool bus_server_has_name(const BusServer *server)
{
    return server->has_name;
}

/* --- construction */

int bus_server_new(sd_event *event, const BusContext *context, BusServer **ret)
{
    _cleanup_(bus_server_freep) BusServer *server = calloc(1, sizeof(*server));
    int r;

    if (!server)
        return -ENOMEM;
    server->event = sd_event_ref(event);
    server->context = *context;
    for (ListId id = 0; id < _LIST_MAX; id++)
        server->lists[id] = (ListObject){server, id};
    r = loop_timer_new(event, on_retry, server, &server->retry);
    if (r >= 0)
        r = loop_timer_new(event, on_counts_due, server, &server->told);
    if (r >= 0)
        r = loop_timer_new(event, on_late, server, &server->late);
    if (r >= 0)
        r = loop_timer_set(server->late, LATE_USEC);
    if (r < 0)
        return r;
    connect_bus(server);
    *ret = TAKE_PTR(server);
    return 0;
}

BusServer *bus_server_free(BusServer *server)
{
    if (!server)
        return NULL;
    disconnect(server);
    sd_event_source_disable_unref(server->late);
    sd_event_source_disable_unref(server->told);
    sd_event_source_disable_unref(server->retry);
    sd_event_unref(server->event);
    free(server->interfaces);
    free(server);
    return NULL;
}
