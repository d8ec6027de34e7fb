/* SPDX-License-Identifier: MIT */
/* A search belongs to the worker from submit to done, and touches nothing but itself. What memory
 * holds is merged in afterwards, on the loop's thread; an entry of this process that memory holds
 * too is then left out, by its number. */

#include "journal/alert-history.h"

#include "base/clock.h"
#include "base/worker.h"
#include "journal/alert-entry.h"

#include <string.h>
#include <systemd/sd-journal.h>

#define SEARCHES_MAX  8
#define SEARCH_NS     (2 * NSEC_PER_SEC)
#define LOOKED_AT_MAX 100000U
#define EXIT_USEC     USEC_PER_SEC
/* An alert is written after its time: at once, or when the block that follows from it is durable.
 */
#define WRITTEN_LATE_USEC (60 * USEC_PER_SEC)

struct AlertHistory {
    const AlertLog *log;
    Worker *worker;
};

typedef struct Search {
    AlertHistory *history;
    AlertQuery query;
    AlertsFoundFn found;
    void *userdata;
    AlertSource source;
    bool truncated;
    size_t count;
    Alert alerts[]; /* twice the limit: the journal's, and memory's */
} Search;

static void journal_closep(sd_journal **journal)
{
    sd_journal_close(*journal);
}

/* --- the journal, on the worker */

static int add_match(sd_journal *journal, const char *field, const char *value)
{
    char match[128];

    snprintf(match, sizeof(match), "%s=%s", field, value);
    return sd_journal_add_match(journal, match, 0);
}

static int match_kinds(sd_journal *journal, const AlertQuery *query)
{
    int r = 0;

    for (int kind = 0; kind < _ALERT_KIND_MAX && r >= 0; kind++)
        if (!query->has_kind || query->kind == (AlertKind)kind)
            r = add_match(journal, "MESSAGE_ID", journal_event_id(alert_event((AlertKind)kind)));
    return r;
}

static int match_writers(sd_journal *journal)
{
    char uid[16];
    int r = add_match(journal, "_UID", "0");

    snprintf(uid, sizeof(uid), "%u", geteuid());
    return r < 0 ? r : add_match(journal, "_UID", uid);
}

/* Of one field any value will do, of different fields one each (sd_journal_add_match(3)). */
static int match(sd_journal *journal, const AlertQuery *query)
{
    char ip[ADDRESS_TEXT_MAX];
    int r = match_kinds(journal, query);

    if (r >= 0)
        r = match_writers(journal);
    if (r >= 0 && query->has_ip && prefix_is_single(&query->ip))
        r = add_match(journal, "NTC_ADDRESS", address_format(&query->ip.address, ip));
    return r;
}

static int seek(sd_journal *journal, const AlertQuery *query)
{
    uint64_t until_usec = query->until_wall_ns / NSEC_PER_USEC;

    if (query->until_wall_ns == UINT64_MAX)
        return sd_journal_seek_tail(journal);
    return sd_journal_seek_realtime_usec(journal, until_usec + WRITTEN_LATE_USEC);
}

static bool is_before(sd_journal *journal, uint64_t since_wall_ns)
{
    uint64_t usec;

    return sd_journal_get_realtime_usec(journal, &usec) >= 0 &&
           usec < since_wall_ns / NSEC_PER_USEC;
}

static void take_entry(Search *search, sd_journal *journal)
{
    Alert alert;

    if (alert_entry_read(journal, &alert) < 0 || !alert_matches(&alert, &search->query))
        return;
    if (search->count == search->query.limit)
        search->truncated = true;
    else
        search->alerts[search->count++] = alert;
}

static int read_backwards(Search *search, sd_journal *journal)
{
    uint64_t end_ns = clock_monotonic_ns() + SEARCH_NS;
    int r = seek(journal, &search->query);

    for (unsigned n = 0; r >= 0 && !search->truncated; n++) {
        r = sd_journal_previous(journal);
        if (r <= 0 || is_before(journal, search->query.since_wall_ns))
            break;
        if (n == LOOKED_AT_MAX || clock_monotonic_ns() > end_ns)
            search->truncated = true;
        else
            take_entry(search, journal);
    }
    return r;
}

/* Files that this process may not read don't count as being there. */
static int search_run(void *data)
{
    Search *search = data;
    _cleanup_(journal_closep) sd_journal *journal = NULL;
    int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

    if (r < 0)
        return r;
    if (sd_journal_has_persistent_files(journal) > 0)
        search->source = ALERTS_JOURNAL;
    else if (sd_journal_has_runtime_files(journal) > 0)
        search->source = ALERTS_VOLATILE_JOURNAL;
    else
        return 0;
    r = match(journal, &search->query);
    return r < 0 ? r : read_backwards(search, journal);
}

/* --- together with memory, on the loop */

static int newest_first(const void *a, const void *b)
{
    const Alert *x = a, *y = b;

    if (x->wall_ns != y->wall_ns)
        return x->wall_ns > y->wall_ns ? -1 : 1;
    return x->number > y->number ? -1 : x->number < y->number;
}

static void leave_out_remembered(Search *search)
{
    size_t kept = 0;

    for (size_t i = 0; i < search->count; i++)
        if (!alert_log_get(search->history->log, search->alerts[i].number))
            search->alerts[kept++] = search->alerts[i];
    search->count = kept;
}

static void add_remembered(Search *search)
{
    bool more;

    leave_out_remembered(search);
    search->count += alert_log_find(
            search->history->log, &search->query, &search->alerts[search->count], &more);
    qsort(search->alerts, search->count, sizeof(Alert), newest_first);
    search->truncated |= more || search->count > search->query.limit;
    search->count = MIN_OF(search->count, (size_t)search->query.limit);
}

/* A journal that can't be read is one that isn't there. */
static void search_done(void *data, int result)
{
    _cleanup_free_ Search *search = data;
    AlertPage page = {.alerts = search->alerts};

    if (result < 0) {
        search->source = ALERTS_MEMORY;
        search->count = 0;
    }
    add_remembered(search);
    page.source = search->source;
    page.truncated = search->truncated;
    page.count = search->count;
    search->found(0, &page, search->userdata);
}

int alert_history_find(
        AlertHistory *history, const AlertQuery *query, AlertsFoundFn found, void *userdata)
{
    Search *search = calloc(1, sizeof(*search) + (2 * (size_t)query->limit + 1) * sizeof(Alert));

    if (!search)
        return -ENOMEM;
    *search = (Search){.history = history,
            .query = *query,
            .found = found,
            .userdata = userdata,
            .source = ALERTS_MEMORY};
    if (!journal_is_there()) {
        search_done(search, 0);
        return 0;
    }
    if (worker_submit(history->worker, search_run, search_done, search) >= 0)
        return 0;
    free(search);
    return -EBUSY;
}

int alert_history_new(sd_event *event, const AlertLog *log, AlertHistory **ret)
{
    _cleanup_(alert_history_freep) AlertHistory *history = calloc(1, sizeof(*history));
    int r;

    if (!history)
        return -ENOMEM;
    history->log = log;
    r = alert_entry_begin_run();
    if (r >= 0)
        r = worker_new(event, "ntc-history", SEARCHES_MAX, &history->worker);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(history);
    return 0;
}

AlertHistory *alert_history_free(AlertHistory *history)
{
    if (!history)
        return NULL;
    if (history->worker)
        worker_free_timeout(history->worker, EXIT_USEC);
    free(history);
    return NULL;
}
