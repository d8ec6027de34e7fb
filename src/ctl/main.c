/* SPDX-License-Identifier: MIT */
/* The command line of ntcctl: options in any place, then a verb from one table. */

#include "ctl/ctl.h"

#include "base/text.h"

#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>

typedef struct Verb {
    const char *name;
    int min, max; /* arguments; max -1: any number */
    const char *arguments;
    const char *help;
    int (*run)(Ctl *ctl);
} Verb;

static const Verb verbs[] = {
        {"status", 0, 0, "", "what the daemon is and does (the default)", verb_status},
        {"top", 0, 0, "", "the busiest addresses, live", verb_top},
        {"flows", 0, 0, "", "the flows with the most packets", verb_flows},
        {"events", 0, 0, "", "packets as they come", verb_events},
        {"alerts", 0, 0, "", "scans and floods that were noticed", verb_alerts},
        {"block", 1, -1, "ADDRESS...", "put addresses or prefixes on the blacklist", verb_block},
        {"unblock", 1, -1, "ADDRESS...", "take them off again", verb_unblock},
        {"allow", 1, -1, "ADDRESS...", "put them on the whitelist, which beats the blacklist",
                verb_allow},
        {"disallow", 1, -1, "ADDRESS...", "take them off again", verb_disallow},
        {"confirm", 1, -1, "ADDRESS...", "keep what was added with --confirm", verb_confirm},
        {"lists", 0, 1, "[blacklist|whitelist]", "what is on the lists", verb_lists},
        {"why", 1, 1, "ADDRESS", "what happens to an address, and which entry says so", verb_why},
        {"flush", 0, 0, "", "end all flows now", verb_flush},
        {"reload", 0, 0, "", "read the configuration again", verb_reload},
        {"token", 0, 0, "", "make the token for browsers on other machines", verb_token},
};

static const char options_help[] =
        "\nOptions:\n"
        "  --for TIME        block, allow: only for so long, like 90s, 15min, 1h, 7d\n"
        "  --comment TEXT    block, allow: why\n"
        "  --confirm TIME    block, allow: gone again unless confirmed within TIME\n"
        "  --force           block: also a protected address\n"
        "  --whitelist       confirm: of the whitelist\n"
        "  --sort ORDER      top: packets, bytes, ports, syn or dropped\n"
        "  --once            top: print and exit\n"
        "  --limit N         at most N rows, or packets\n"
        "  --since TIME      alerts: from then on, like 1h (ago) or 2026-01-31T12:00:00Z\n"
        "  --kind KIND       alerts: port-scan, host-sweep, syn-flood or volume\n"
        "  --ip ADDRESS      alerts: of this address\n"
        "  --url URL         events, alerts: where ntc's HTTP is, like http://localhost:8086\n"
        "  --new             token: make another one\n"
        "  --json            JSON instead of text\n"
        "  --no-pager        don't pipe long output into a pager\n"
        "  --no-legend       no headings and no totals\n"
        "  --no-ask-password don't ask for a password\n"
        "  --help, --version\n"
        "\nExit status: 0 success, 1 failure, 2 usage, 3 ntc is not running, 4 not permitted.\n";

int ctl_fail(Ctl *ctl, int status, const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("ntcctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (ctl->status == 0)
        ctl->status = status;
    return -EINVAL;
}

static void print_help(void)
{
    puts("Usage: ntcctl [OPTIONS] [VERB] [ARGUMENTS]\n"
         "See and stop the traffic of this machine, through ntc(8).\n\nVerbs:");
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        printf("  %-8s %-22s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    fputs(options_help, stdout);
}

/* --- options */

enum {
    OPTION_HELP = 256,
    OPTION_VERSION,
    OPTION_FOR,
    OPTION_COMMENT,
    OPTION_CONFIRM,
    OPTION_FORCE,
    OPTION_WHITELIST,
    OPTION_SORT,
    OPTION_ONCE,
    OPTION_LIMIT,
    OPTION_SINCE,
    OPTION_KIND,
    OPTION_IP,
    OPTION_URL,
    OPTION_NEW,
    OPTION_JSON,
    OPTION_NO_PAGER,
    OPTION_NO_LEGEND,
    OPTION_NO_ASK_PASSWORD,
};

static const struct option long_options[] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"for", required_argument, NULL, OPTION_FOR},
        {"comment", required_argument, NULL, OPTION_COMMENT},
        {"confirm", required_argument, NULL, OPTION_CONFIRM},
        {"force", no_argument, NULL, OPTION_FORCE},
        {"whitelist", no_argument, NULL, OPTION_WHITELIST},
        {"sort", required_argument, NULL, OPTION_SORT},
        {"once", no_argument, NULL, OPTION_ONCE},
        {"limit", required_argument, NULL, OPTION_LIMIT},
        {"since", required_argument, NULL, OPTION_SINCE},
        {"kind", required_argument, NULL, OPTION_KIND},
        {"ip", required_argument, NULL, OPTION_IP},
        {"url", required_argument, NULL, OPTION_URL},
        {"new", no_argument, NULL, OPTION_NEW},
        {"json", no_argument, NULL, OPTION_JSON},
        {"no-pager", no_argument, NULL, OPTION_NO_PAGER},
        {"no-legend", no_argument, NULL, OPTION_NO_LEGEND},
        {"no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD},
        {},
};

static int take_duration(Ctl *ctl, const char *text, uint64_t *ret_sec)
{
    if (parse_duration_sec(text, ret_sec) >= 0 && *ret_sec > 0)
        return 0;
    return ctl_fail(ctl, CTL_USAGE, "not a time: %s; write 90s, 15min, 1h or 7d", text);
}

static int take_number(Ctl *ctl, const char *text, uint64_t max, uint64_t *ret)
{
    if (parse_uint64(text, 1, max, ret) >= 0)
        return 0;
    return ctl_fail(
            ctl, CTL_USAGE, "not a number from 1 to %llu: %s", (unsigned long long)max, text);
}

static void take_flag(Ctl *ctl, int option)
{
    ctl->force |= option == OPTION_FORCE;
    ctl->whitelist |= option == OPTION_WHITELIST;
    ctl->once |= option == OPTION_ONCE;
    ctl->renew |= option == OPTION_NEW;
    ctl->json |= option == OPTION_JSON;
    ctl->no_pager |= option == OPTION_NO_PAGER || option == OPTION_JSON;
    ctl->no_legend |= option == OPTION_NO_LEGEND;
    ctl->no_ask_password |= option == OPTION_NO_ASK_PASSWORD;
}

static int take_option(Ctl *ctl, int option)
{
    switch (option) {
    case OPTION_FOR:
        return take_duration(ctl, optarg, &ctl->for_sec);
    case OPTION_CONFIRM:
        return take_duration(ctl, optarg, &ctl->confirm_sec);
    case OPTION_LIMIT:
        return take_number(ctl, optarg, 1000000, &ctl->limit);
    case OPTION_COMMENT:
        ctl->comment = optarg;
        return 0;
    case OPTION_SORT:
        ctl->sort = optarg;
        return 0;
    case OPTION_SINCE:
        ctl->since = optarg;
        return 0;
    case OPTION_KIND:
        ctl->kind = optarg;
        return 0;
    case OPTION_IP:
        ctl->ip = optarg;
        return 0;
    case OPTION_URL:
        ctl->url = optarg;
        return 0;
    case '?':
        return ctl_fail(ctl, CTL_USAGE, "see ntcctl --help");
    default:
        take_flag(ctl, option);
        return 0;
    }
}

/* 1: go on; 0: done; negative: told. */
static int parse_options(Ctl *ctl, int argc, char **argv)
{
    int option, r = 0;

    while (r >= 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
        if (option == OPTION_HELP) {
            print_help();
            return 0;
        }
        if (option == OPTION_VERSION)
            return puts("ntcctl " NTC_VERSION) < 0 ? -EIO : 0;
        r = take_option(ctl, option);
    }
    ctl->arguments = argv + optind;
    ctl->n_arguments = argc - optind;
    return r < 0 ? r : 1;
}

/* --- verbs */

static const Verb *nearest(const char *name)
{
    const Verb *best = NULL;
    size_t distance = strlen(name) / 2 + 1;

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        if (text_distance(name, verbs[i].name) < distance) {
            best = &verbs[i];
            distance = text_distance(name, best->name);
        }
    return best;
}

static const Verb *find_verb(Ctl *ctl)
{
    const char *name = ctl->n_arguments > 0 ? ctl->arguments[0] : "status";
    const Verb *near = nearest(name);

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    if (near)
        ctl_fail(ctl, CTL_USAGE, "unknown verb '%s'; did you mean %s?", name, near->name);
    else
        ctl_fail(ctl, CTL_USAGE, "unknown verb '%s'; see ntcctl --help", name);
    return NULL;
}

static int run(Ctl *ctl)
{
    const Verb *verb = find_verb(ctl);

    if (!verb)
        return -EINVAL;
    if (ctl->n_arguments > 0) {
        ctl->arguments++;
        ctl->n_arguments--;
    }
    if (ctl->n_arguments < verb->min || (verb->max >= 0 && ctl->n_arguments > verb->max))
        return ctl_fail(ctl, CTL_USAGE, "usage: ntcctl %s %s", verb->name, verb->arguments);
    return verb->run(ctl);
}

int main(int argc, char **argv)
{
    Ctl ctl = {};
    int r;

    setlocale(LC_ALL, "");
    r = parse_options(&ctl, argc, argv);
    if (r > 0)
        r = run(&ctl);
    pager_close(&ctl);
    agent_close(&ctl);
    ctl_close(&ctl);
    if (r < 0)
        return ctl.status ? ctl.status : CTL_FAILED;
    return EXIT_SUCCESS;
}
