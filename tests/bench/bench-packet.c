/* SPDX-License-Identifier: MIT */
/* usage: bench-packet [--rounds N] [--lists ENTRIES] [--only CASE,...] [--flows N] [--json FILE]
 *                     [--check]
 *
 * Prints a Markdown table and JSON. Of the rounds those count in which the empty program ran
 * fastest, a quarter: in the others somebody else used the same core, which virtual machines can't
 * see otherwise, and which costs short programs more than long ones. --flows is for the case
 * tcp4_flows. --check fails if an established TCP/IPv4 packet costs more than 0.45 of what it costs
 * the usual design. */

#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define V6          .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define ROUNDS_MAX  1001
#define RATIO_LIMIT 0.45
#define QUIET_SHARE 4

/* An event budget of 2,000/s is 33 packets a slice. */
static const BenchCase cases[] = {
        {"tcp4", "established TCP/IPv4", {}, .packets = 20000},
        {"tcp4_flows", "the same, 10,000 flows in turn", {}, .flows = 10000, .packets = 100000},
        {"tcp6", "established TCP/IPv6", {V6}, .packets = 20000},
        {"tcp4_egress", "established TCP/IPv4, egress", {}, .egress = true, .packets = 20000},
        {"tcp6_egress", "established TCP/IPv6, egress", {V6}, .egress = true, .packets = 20000},
        {"udp4", "UDP/IPv4", {.protocol = UDP}, .packets = 20000},
        {"vlan", "TCP/IPv4 behind a VLAN tag", {.vlans = {0x8100}}, .packets = 20000},
        {"twin", "established TCP/IPv4, 2 CPUs on it", {}, .twin = true, .packets = 20000},
        {"fresh", "new flows", {}, .flows = 50000, .fresh = true, .packets = 50000},
        {"full", "new flows, map full", {}, .flows = 50000, .full = true, .packets = 100000},
        {"stale", "10,000 flows, the lists changed", {}, .flows = 10000, .stale = true,
                .packets = 10000},
        {"events", "established TCP/IPv4, events on, 2,000/s", {}, .budget = 33, .packets = 20000},
        {"events_all", "established TCP/IPv4, an event each", {}, .budget = 65535,
                .packets = 50000},
};

static BenchCase chosen[COUNT(cases)];
static size_t n_chosen;
typedef struct Round {
    double ns[_BENCH_PROGRAM_MAX];
} Round;

static Round measured[COUNT(cases)][ROUNDS_MAX];
static double median[COUNT(cases)][_BENCH_PROGRAM_MAX];

static bool is_named(const char *names, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = strstr(names, name); at; at = strstr(at + 1, name))
        if ((at == names || at[-1] == ',') && (at[size] == ',' || !at[size]))
            return true;
    return false;
}

/* NULL: all. Each run meets every flow at least once, so that round -1 makes them. */
static void choose(const char *names, uint32_t flows)
{
    for (size_t c = 0; c < COUNT(cases); c++) {
        BenchCase bench = cases[c];

        if (names && !is_named(names, bench.name))
            continue;
        if (flows && strcmp(bench.name, "tcp4_flows") == 0) {
            bench.label = "established TCP/IPv4, flows in turn";
            bench.flows = flows;
        }
        chosen[n_chosen++] = bench;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int compare_rounds(const void *a, const void *b)
{
    const Round *x = a, *y = b;

    return compare(&x->ns[BENCH_EMPTY], &y->ns[BENCH_EMPTY]);
}

static double median_of(const Round *rounds, size_t n, BenchProgram p)
{
    static double values[ROUNDS_MAX];

    for (size_t i = 0; i < n; i++)
        values[i] = rounds[i].ns[p];
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
}

static void summarise(size_t rounds)
{
    size_t quiet = (rounds + QUIET_SHARE - 1) / QUIET_SHARE;

    for (size_t c = 0; c < n_chosen; c++) {
        qsort(measured[c], rounds, sizeof(Round), compare_rounds);
        for (BenchProgram p = BENCH_EMPTY; p < _BENCH_PROGRAM_MAX; p++)
            median[c][p] = median_of(measured[c], quiet, p);
    }
}

static int measure(int rounds)
{
    /* Round -1 warms up. */
    for (int round = -1; round < rounds; round++) {
        for (size_t c = 0; c < n_chosen; c++) {
            for (BenchProgram p = BENCH_EMPTY; p < _BENCH_PROGRAM_MAX; p++) {
                double ns = bench_run(p, &chosen[c]);

                if (ns < 0)
                    return (int)ns;
                if (round >= 0)
                    measured[c][round].ns[p] = ns;
            }
        }
    }
    summarise((size_t)rounds);
    return 0;
}

static double net(size_t c, BenchProgram p)
{
    return median[c][p] - median[c][BENCH_EMPTY];
}

static double ratio(size_t c)
{
    return net(c, BENCH_NTC) / net(c, BENCH_USUAL);
}

static void print_table(int rounds, uint32_t entries)
{
    struct utsname name;

    uname(&name);
    printf("ns per packet, net of an empty program; median of the quiet quarter of %d interleaved rounds; "
           "%u entries in each list; Linux %s\n\n",
            rounds, entries, name.release);
    printf("| packet | empty (gross) | usual design | ntc | ntc/usual |\n|---|--:|--:|--:|--:|\n");
    for (size_t c = 0; c < n_chosen; c++)
        printf("| %s | %.1f | %.1f | %.1f | %.2f |\n", chosen[c].label, median[c][BENCH_EMPTY],
                net(c, BENCH_USUAL), net(c, BENCH_NTC), ratio(c));
    printf("\n");
}

static void print_json(FILE *file, int rounds, uint32_t entries)
{
    fprintf(file, "{\"unit\":\"ns\",\"rounds\":%d,\"entries\":%u,\"cases\":[", rounds, entries);
    for (size_t c = 0; c < n_chosen; c++)
        fprintf(file,
                "%s{\"name\":\"%s\",\"label\":\"%s\",\"empty\":%.1f,\"usual\":%.1f,\"ntc\":%.1f,\"ratio\":%.3f}",
                c ? "," : "", chosen[c].name, chosen[c].label, median[c][BENCH_EMPTY],
                net(c, BENCH_USUAL), net(c, BENCH_NTC), ratio(c));
    fprintf(file, "]}\n");
}

static void report(int rounds, uint32_t entries, FILE *json)
{
    print_table(rounds, entries);
    print_json(json, rounds, entries);
    fflush(json);
    printf("%s: ntc/usual = %.2f (of established TCP/IPv4 <= %.2f is expected); "
           "records the usual design lost: %llu\n",
            chosen[0].label, ratio(0), RATIO_LIMIT, (unsigned long long)bench_usual_lost());
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
            {"rounds", required_argument, NULL, 'r'},
            {"lists", required_argument, NULL, 'l'},
            {"only", required_argument, NULL, 'o'},
            {"flows", required_argument, NULL, 'f'},
            {"json", required_argument, NULL, 'j'},
            {"check", no_argument, NULL, 'c'},
            {},
    };
    FILE *json = stdout;
    const char *only = NULL;
    uint32_t entries = 65536; /* the default capacity */
    uint32_t flows = 0;
    int rounds = 31, check = 0, option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'r')
            rounds = atoi(optarg);
        else if (option == 'l')
            entries = (uint32_t)atoi(optarg);
        else if (option == 'o')
            only = optarg;
        else if (option == 'f')
            flows = (uint32_t)atoi(optarg);
        else if (option == 'j')
            json = fopen(optarg, "we"); /* before it gives up its privileges */
        else if (option == 'c')
            check = 1;
        else
            return 2;
    }
    choose(only, flows);
    if (rounds < 1 || rounds > ROUNDS_MAX || flows > FLOWS_MAX || n_chosen == 0 || !json) {
        fprintf(stderr, "usage: bench-packet [--rounds N] [--lists ENTRIES] [--only CASE,...] "
                        "[--flows N] [--json FILE] [--check]\n");
        return 2;
    }
    r = bench_load(entries);
    if (r == 0)
        r = measure(rounds);
    if (r < 0) {
        fprintf(stderr, "bench-packet: %s\n", strerror(-r));
        return 1;
    }
    report(rounds, entries, json);
    bench_unload();
    return (check && ratio(0) > RATIO_LIMIT);
}
