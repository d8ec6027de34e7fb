/* SPDX-License-Identifier: MIT */
#include "detect/alert-log.h"

struct AlertLog {
    uint64_t last;
    uint64_t totals[_ALERT_KIND_MAX];
    size_t capacity;
    Alert alerts[];
};

int alert_log_new(size_t capacity, AlertLog **ret)
{
    AlertLog *log;

    if (capacity == 0)
        return -EINVAL;
    log = calloc(1, sizeof(*log) + capacity * sizeof(Alert));
    if (!log)
        return -ENOMEM;
    log->capacity = capacity;
    *ret = log;
    return 0;
}

AlertLog *alert_log_free(AlertLog *log)
{
    free(log);
    return NULL;
}

uint64_t alert_log_add(AlertLog *log, const Alert *alert)
{
    Alert *copy = &log->alerts[++log->last % log->capacity];

    *copy = *alert;
    copy->number = log->last;
    log->totals[alert->kind]++;
    return log->last;
}

const Alert *alert_log_get(const AlertLog *log, uint64_t number)
{
    if (number < alert_log_first(log) || number > log->last)
        return NULL;
    return &log->alerts[number % log->capacity];
}

uint64_t alert_log_first(const AlertLog *log)
{
    return log->last > log->capacity ? log->last - log->capacity + 1 : 1;
}

uint64_t alert_log_last(const AlertLog *log)
{
    return log->last;
}

uint64_t alert_log_total(const AlertLog *log, AlertKind kind)
{
    return log->totals[kind];
}

size_t alert_log_find(const AlertLog *log, const AlertQuery *query, Alert *alerts, bool *ret_more)
{
    size_t n = 0;

    *ret_more = false;
    for (uint64_t number = log->last; number >= alert_log_first(log); number--) {
        const Alert *alert = alert_log_get(log, number);

        if (!alert_matches(alert, query))
            continue;
        if (n == query->limit) {
            *ret_more = true;
            break;
        }
        alerts[n++] = *alert;
    }
    return n;
}
