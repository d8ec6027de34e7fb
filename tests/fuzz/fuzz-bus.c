/* SPDX-License-Identifier: MIT */
/* Option dictionaries of AddWithOptions, and D-Bus values as ntcctl shows them. The input is a row
 * of instructions for building a message that the bus would deliver; whatever is in it, the reader
 * takes all of it or says why not. */

#include "fuzz.h"

#include "base/json.h"
#include "bus/options.h"
#include "ctl/ctl.h"

#include <sys/socket.h>

enum { DEPTH_MAX = 4, TEXT_MAX = 40 };

typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

static uint8_t next(Input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static uint64_t next_number(Input *input)
{
    uint64_t number = 0;

    for (uint8_t n = next(input) % 9; n > 0; n--)
        number = number << 8 | next(input);
    return number;
}

/* What a bus lets through: UTF-8 without NUL, for here ASCII. */
static void next_text(Input *input, char text[static TEXT_MAX])
{
    size_t size = next(input) % TEXT_MAX;

    for (size_t i = 0; i < size; i++)
        text[i] = (char)(next(input) % 126 + 1);
    text[size] = '\0';
}

static void append_text(sd_bus_message *m, Input *input, bool object_path)
{
    char text[TEXT_MAX];

    next_text(input, text);
    if (object_path)
        CHECK(sd_bus_message_append_basic(m, 'o', "/org/ntc") >= 0);
    else
        CHECK(sd_bus_message_append_basic(m, 's', text) >= 0);
}

static void append_variant(sd_bus_message *m, Input *input, int depth);

static void append_options(sd_bus_message *m, Input *input, int depth)
{
    static const char *const names[] = {"ttl", "comment", "force", "confirm", "", "Ttl"};

    CHECK(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
    for (uint8_t n = next(input) % 8; n > 0; n--) {
        uint8_t which = next(input);

        CHECK(sd_bus_message_open_container(m, 'e', "sv") >= 0);
        if (which % 8 < ELEMENTSOF(names))
            CHECK(sd_bus_message_append(m, "s", names[which % 8]) >= 0);
        else
            append_text(m, input, false);
        append_variant(m, input, depth);
        CHECK(sd_bus_message_close_container(m) >= 0);
    }
    CHECK(sd_bus_message_close_container(m) >= 0);
}

static void append_number(sd_bus_message *m, Input *input, char type)
{
    union {
        uint64_t number;
        int flag;
        double real;
    } value = {.number = next_number(input)};

    if (type == 'b')
        value.flag = value.number & 1;
    CHECK(sd_bus_message_append_basic(m, type, &value) >= 0);
}

static void append_variant(sd_bus_message *m, Input *input, int depth)
{
    static const char *const types[] = {"t", "s", "b", "y", "n", "q", "i", "u", "x", "d", "o", "v",
            "as", "a{sv}", "(st)", "ay"};
    const char *type = types[next(input) % (depth < DEPTH_MAX ? ELEMENTSOF(types) : 11)];

    CHECK(sd_bus_message_open_container(m, 'v', type) >= 0);
    if (strcmp(type, "v") == 0)
        append_variant(m, input, depth + 1);
    else if (strcmp(type, "a{sv}") == 0)
        append_options(m, input, depth + 1);
    else if (strcmp(type, "as") == 0)
        CHECK(sd_bus_message_append(m, "as", 2, "one", "two") >= 0);
    else if (strcmp(type, "(st)") == 0)
        CHECK(sd_bus_message_append(m, "(st)", "three", next_number(input)) >= 0);
    else if (strcmp(type, "ay") == 0)
        CHECK(sd_bus_message_append(m, "ay", 2, 4, 5) >= 0);
    else if (strchr("so", type[0]))
        append_text(m, input, type[0] == 'o');
    else
        append_number(m, input, type[0]);
    CHECK(sd_bus_message_close_container(m) >= 0);
}

/* A message belongs to a bus, if only to one that nobody answers on. */
static sd_bus *connect_nowhere(void)
{
    static sd_bus *bus;
    int fds[2];

    if (bus)
        return bus;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
    CHECK(sd_bus_start(bus) >= 0);
    return bus;
}

static void check_json(sd_bus_message *m)
{
    _cleanup_json_ json_object *value = NULL;
    int r;

    CHECK(sd_bus_message_rewind(m, true) >= 0);
    r = json_from_message(m, &value);
    if (r < 0)
        return;
    CHECK(json_object_to_json_string(value));
    CHECK(sd_bus_message_at_end(m, true) > 0);
}

static void check_options(sd_bus_message *m)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    Command command = {.verb = COMMAND_ADD};
    int r = options_read(m, &command, &error);

    CHECK((r < 0) == (sd_bus_error_is_set(&error) != 0));
    if (r < 0) {
        CHECK(error.message && error.message[0]);
        return;
    }
    CHECK(sd_bus_message_at_end(m, true) > 0);
    CHECK(!command.comment || strlen(command.comment) < TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    Input input = {data, size};

    CHECK(sd_bus_message_new_method_call(connect_nowhere(), &m, "org.ntc", "/org/ntc",
                  "org.ntc.Blacklist", "AddWithOptions") >= 0);
    append_options(m, &input, 0);
    CHECK(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);
    check_options(m);
    check_json(m);
    return 0;
}
