/* SPDX-License-Identifier: MIT */
/* The busiest addresses, again and again, like top(1). A key sorts by another column. */

#include "ctl/ctl.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define REFRESH_MSEC          1000
#define ROWS_WITHOUT_TERMINAL 20
#define LINES_AROUND          5 /* that aren't rows */

static const Column columns[] = {
        {"ADDRESS", "ip", COLUMN_TEXT},
        {"PACKETS/S", "packets_per_second", COLUMN_RATE},
        {"BYTES/S", "bytes_per_second", COLUMN_BYTES},
        {"PACKETS", "packets", COLUMN_NUMBER},
        {"DROPPED", "dropped_packets", COLUMN_NUMBER},
        {"PORTS", "unique_dst_ports", COLUMN_NUMBER},
        {"SYN", "syn_count", COLUMN_NUMBER},
        {"ACK", "ack_count", COLUMN_NUMBER, 1},
        {"LAST SEEN", "last_seen", COLUMN_TIME, 2},
        {},
};

typedef struct Order {
    const char *name; /* of --sort */
    char key;         /* on the keyboard */
    const char *field;
} Order;

static const Order orders[] = {
        {"packets", 'p', "packets_per_second"},
        {"bytes", 'b', "bytes_per_second"},
        {"ports", 'o', "unique_dst_ports"},
        {"syn", 's', "syn_count"},
        {"dropped", 'd', "dropped_packets"},
};

static const Order *order; /* qsort() has no argument for it, and there is one top at a time */

static int compare(const void *a, const void *b)
{
    double one =
            json_object_get_double(json_object_object_get(*(json_object *const *)a, order->field));
    double other =
            json_object_get_double(json_object_object_get(*(json_object *const *)b, order->field));

    return (one < other) - (one > other);
}

static int choose_order(Ctl *ctl)
{
    order = &orders[0];
    if (!ctl->sort)
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(orders); i++)
        if (strcmp(ctl->sort, orders[i].name) == 0) {
            order = &orders[i];
            return 0;
        }
    return ctl_fail(
            ctl, CTL_USAGE, "sort by packets, bytes, ports, syn or dropped, not by %s", ctl->sort);
}

static int read_talkers(Ctl *ctl, json_object **ret)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_call(ctl, false, MANAGER, "GetTalkers", &reply, "u", 0U);

    if (r < 0)
        return r;
    *ret = json_object_get(json_object_array_get_idx(reply, 0));
    json_object_array_sort(*ret, compare);
    return 0;
}

/* --- once */

static int print_once(Ctl *ctl)
{
    _cleanup_json_ json_object *rows = NULL;
    size_t max = ctl->limit ? ctl->limit : ROWS_WITHOUT_TERMINAL;
    int r = read_talkers(ctl, &rows);

    if (r < 0)
        return r;
    if (ctl->json) {
        size_t n = json_object_array_length(rows);

        if (n > max)
            json_object_array_del_idx(rows, max, n - max);
        json_print(rows);
        return 0;
    }
    return table_print(ctl, rows, columns, max) < 0
                   ? ctl_fail(ctl, CTL_FAILED, "could not print the table")
                   : 0;
}

/* --- live */

static struct termios terminal_before;
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    interrupted = 1;
}

static void enter_screen(void)
{
    struct termios raw;

    tcgetattr(STDIN_FILENO, &terminal_before);
    raw = terminal_before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    fputs("\033[?1049h\033[?25l", stdout); /* the alternate screen, no cursor */
}

static void leave_screen(const int *entered)
{
    if (!*entered)
        return;
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

static size_t rows_that_fit(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row <= LINES_AROUND)
        return ROWS_WITHOUT_TERMINAL;
    return size.ws_row - LINES_AROUND;
}

static double number_of(json_object *object, const char *key)
{
    return json_object_get_double(json_object_object_get(object, key));
}

static int draw(Ctl *ctl)
{
    _cleanup_json_ json_object *manager = NULL, *rows = NULL;
    char bytes[32];
    int r = ctl_properties(ctl, MANAGER, &manager);

    if (r >= 0)
        r = read_talkers(ctl, &rows);
    if (r < 0)
        return r;
    format_value(
            COLUMN_BYTES, json_object_object_get(manager, "BytesPerSecond"), bytes, sizeof(bytes));
    fputs("\033[H\033[J", stdout);
    printf("%sntc%s  %.1f packets/s  %s/s  %.0f flows  %.0f addresses, the last 60 s by %s\n\n",
            COLOUR_BOLD, COLOUR_NONE, number_of(manager, "PacketsPerSecond"), bytes,
            number_of(manager, "ActiveFlows"), number_of(manager, "ActiveAddresses"), order->name);
    if (table_print(ctl, rows, columns, rows_that_fit()) < 0)
        return ctl_fail(ctl, CTL_FAILED, "could not print the table");
    printf("\n%ssort: p packets, b bytes, o ports, s syn, d dropped; q quits%s", COLOUR_DIM,
            COLOUR_NONE);
    fflush(stdout);
    return 0;
}

/* True: go on. */
static bool take_key(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;

    if (poll(&input, 1, REFRESH_MSEC) <= 0)
        return !interrupted;
    if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
        return false;
    for (size_t i = 0; i < ELEMENTSOF(orders); i++)
        if (orders[i].key == key)
            order = &orders[i];
    return true;
}

int verb_top(Ctl *ctl)
{
    _cleanup_(leave_screen) int entered = 0;
    _cleanup_json_ json_object *probe = NULL;
    int r = choose_order(ctl);

    if (r < 0)
        return r;
    if (ctl->json || ctl->once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return print_once(ctl);
    r = read_talkers(ctl, &probe); /* an error is told before the screen changes */
    if (r < 0)
        return r;
    enter_screen();
    entered = 1;
    do
        r = draw(ctl);
    while (r >= 0 && take_key());
    return r;
}
