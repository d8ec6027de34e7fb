/* SPDX-License-Identifier: MIT */
/* The command line. */

#include "daemon.h"

#include "base/log.h"
#include "base/text.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
        "Usage: ntc [OPTIONS]\n"
        "Watch and control the traffic of this machine.\n\n"
        "  --config FILE      read FILE (default: ./config.yaml, then /etc/ntc/config.yaml)\n"
        "  --mock             synthetic traffic instead of the kernel's: needs no privileges\n"
        "  --interface NAME   watch NAME: a name, a shell glob, or \"auto\"; may be repeated\n"
        "  --port N           serve HTTP on port N\n"
        "  --detach           remove ntc's tc filters that a killed daemon left behind, and exit\n"
        "  --check-config     check the configuration and exit: 0 if it is good, 78 if not\n"
        "  --version          print the version\n"
        "  --help             print this\n";

typedef struct Arguments {
    DaemonOptions options;
    bool check_only;
    bool detach_only;
} Arguments;

static int usage_error(const char *message, const char *what)
{
    fprintf(stderr, "ntc: %s%s; see ntc --help\n", message, what);
    return -EINVAL;
}

/* 1: go on; 0: done, exit successfully; -EINVAL: told on stderr. */
static int parse_arguments(int argc, char **argv, Arguments *ret)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
            {"mock", no_argument, NULL, 'm'}, {"interface", required_argument, NULL, 'i'},
            {"detach", no_argument, NULL, 'D'}, {"port", required_argument, NULL, 'p'},
            {"check-config", no_argument, NULL, 'C'}, {"version", no_argument, NULL, 'V'},
            {"help", no_argument, NULL, 'h'}, {}};
    uint64_t port;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (c == 'c')
            ret->options.config_path = optarg;
        else if (c == 'm')
            ret->options.mock = true;
        else if (c == 'D')
            ret->detach_only = true;
        else if (c == 'C')
            ret->check_only = true;
        else if (c == 'i' && string_list_add(&ret->options.interfaces, optarg) < 0)
            return usage_error("too many --interface options at ", optarg);
        else if (c == 'p' && parse_uint64(optarg, 0, 65535, &port) < 0)
            return usage_error("not a port (0 to 65535): ", optarg);
        else if (c == 'p')
            ret->options.port = (int)port;
        else if (c == 'V')
            return puts("ntc " NTC_VERSION) < 0 ? -EIO : 0;
        else if (c == 'h')
            return fputs(usage, stdout) < 0 ? -EIO : 0;
        else if (c != 'i')
            return usage_error("bad command line", "");
    }
    return optind < argc ? usage_error("unexpected argument: ", argv[optind]) : 1;
}

/* The exit status. */
static int run(const Arguments *arguments)
{
    _cleanup_(config_freep) Config *config = NULL;
    ConfigError error = {};

    if (daemon_load_config(&arguments->options, &config, &error) < 0) {
        daemon_failed(error.message);
        return CONFIG_EXIT_STATUS_BAD;
    }
    return arguments->check_only ? EXIT_SUCCESS : daemon_run(&arguments->options, TAKE_PTR(config));
}

/* As programs of systemd do, see systemd(1). */
static void set_log_level(void)
{
    const char *name = getenv("SYSTEMD_LOG_LEVEL");
    int level = name ? log_level_of(name) : -ENOENT;

    if (level >= 0)
        log_set_level(level);
}

int main(int argc, char **argv)
{
    Arguments arguments = {.options.port = -1};
    int r = parse_arguments(argc, argv, &arguments);

    if (r <= 0)
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    set_log_level();
    if (arguments.detach_only)
        return daemon_detach();
    r = run(&arguments);
    string_list_clear(&arguments.options.interfaces);
    if (r != EXIT_SUCCESS && !arguments.check_only)
        daemon_wait_before_retry();
    return r;
}
