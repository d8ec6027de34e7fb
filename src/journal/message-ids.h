/* SPDX-License-Identifier: MIT */
#pragma once

/* The kinds of notable events. Each has a MESSAGE_ID (journal-fields(7)), fixed for ever, and a
 * catalog entry in units/ntc.catalog; a test holds the two against each other. */

typedef enum JournalEvent {
    JOURNAL_STARTED,
    JOURNAL_STOPPED,
    JOURNAL_ATTACHED,
    JOURNAL_DETACHED,
    JOURNAL_ATTACH_FAILED,
    JOURNAL_LIST_CHANGED,
    JOURNAL_LIST_EXPIRED,
    JOURNAL_FIRST_DROP,
    JOURNAL_LOSS,
    JOURNAL_STATE_RECOVERED,
    JOURNAL_STORAGE_FAILED,
    JOURNAL_RELOADED,
    JOURNAL_RELOAD_REFUSED,
    JOURNAL_ACCESS_DENIED,
    JOURNAL_ACCOUNTING_DRIFT,
    JOURNAL_FEEDS_APPLIED,
    JOURNAL_FEED_PROBLEM,
    JOURNAL_PORT_SCAN,
    JOURNAL_HOST_SWEEP,
    JOURNAL_SYN_FLOOD,
    JOURNAL_VOLUME,
    JOURNAL_FLUSHED,
    _JOURNAL_EVENT_MAX,
} JournalEvent;

const char *journal_event_name(JournalEvent event); /* NTC_EVENT: "started", "list-changed", ... */
const char *journal_event_id(JournalEvent event);   /* 32 hex digits */
