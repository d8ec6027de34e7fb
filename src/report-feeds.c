/* SPDX-License-Identifier: MIT */
#include "report-internal.h"

#include "base/text.h"

#include <syslog.h>

static void tell_feed_problem(Report *report, const FeedFile *file, const char *message)
{
    char f[2][REPORT_FIELD_MAX];

    snprintf(f[0], REPORT_FIELD_MAX, "NTC_LIST=%s", list_name(file->list));
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_FEED=%s", file->name);
    journal_send(report->journal, JOURNAL_FEED_PROBLEM, LOG_WARNING,
            (const char *const[]){f[0], f[1], NULL}, "The %s's feed %s", list_name(file->list),
            message);
}

static void tell_feed_problems(Report *report, const FeedFile *file)
{
    size_t told = MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX);
    char more[FEED_PROBLEM_MAX];

    for (size_t i = 0; i < told; i++)
        tell_feed_problem(report, file, file->told[i]);
    if (file->problems == told)
        return;
    snprintf(more, sizeof(more), "%.*s: %zu more problems like these", text_fit(file->name, 200),
            file->name, file->problems - told);
    tell_feed_problem(report, file, more);
}

void report_feeds(Report *report, const FeedsReport *feeds)
{
    char f[2][REPORT_FIELD_MAX];

    snprintf(f[0], REPORT_FIELD_MAX, "NTC_ADDED=%zu", feeds->added);
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_REMOVED=%zu", feeds->removed);
    if (feeds->added + feeds->removed > 0)
        journal_send(report->journal, JOURNAL_FEEDS_APPLIED, LOG_INFO,
                (const char *const[]){f[0], f[1], NULL},
                "Feeds: %zu entries added to the lists, %zu removed", feeds->added, feeds->removed);
    if (!feeds->problems_changed)
        return;
    if (feeds->no_room > 0)
        report_simple(report, JOURNAL_FEED_PROBLEM, LOG_WARNING,
                "%zu entries of feeds found no room; lists.capacity sets it", feeds->no_room);
    for (size_t i = 0; i < feeds->set->n_files; i++)
        tell_feed_problems(report, feeds->set->files[i]);
}
