/* SPDX-License-Identifier: MIT */
/* The ids are random (sd-id128 new) and never change: scripts and catalogs refer to them. */

#include "journal/message-ids.h"

#include <stddef.h>

typedef struct EventInfo {
    const char *name;
    const char *id;
} EventInfo;

static const EventInfo events[_JOURNAL_EVENT_MAX] = {
        [JOURNAL_STARTED] = {"started", "aeadb9d89a8a4d4f8387e7a955789975"},
        [JOURNAL_STOPPED] = {"stopped", "f3031fb803f9480eb4d45c2e0eb21def"},
        [JOURNAL_ATTACHED] = {"attached", "b32dc04ebce4446cbd2f8061e59f88de"},
        [JOURNAL_DETACHED] = {"detached", "08e836550b9f4282b6dc652233ea0ee3"},
        [JOURNAL_ATTACH_FAILED] = {"attach-failed", "59565fe2516a47ef95f635fcb4ef3d92"},
        [JOURNAL_LIST_CHANGED] = {"list-changed", "c89e3357b6924d95a8e56921ad70558d"},
        [JOURNAL_LIST_EXPIRED] = {"list-expired", "3707343b11a84155942f6b1982d02715"},
        [JOURNAL_FIRST_DROP] = {"first-drop", "c856d2373fde4a7a9f364fd7dc817bb0"},
        [JOURNAL_LOSS] = {"loss", "7e99cd14eb18459dbf6942337ec3b412"},
        [JOURNAL_STATE_RECOVERED] = {"state-recovered", "295997e519a64abfa8a0623969b2d9a0"},
        [JOURNAL_STORAGE_FAILED] = {"storage-failed", "2bbb6559788049c39f61b941848cb9ed"},
        [JOURNAL_RELOADED] = {"reloaded", "8ef3590cf6344c38b93d9b2fb33eaf98"},
        [JOURNAL_RELOAD_REFUSED] = {"reload-refused", "bd81f0808c934207b6959174691fb9fc"},
        [JOURNAL_ACCESS_DENIED] = {"access-denied", "7f21c5dc57394829b042b27ce65631b1"},
        [JOURNAL_ACCOUNTING_DRIFT] = {"accounting-drift", "990affffb02748cc89912355d1db82c5"},
        [JOURNAL_FEEDS_APPLIED] = {"feeds-applied", "4e0192b5c2cf48788de3b43dfdc57e2c"},
        [JOURNAL_FEED_PROBLEM] = {"feed-problem", "be29c4926a8f402e976fa5491c2366e9"},
        [JOURNAL_PORT_SCAN] = {"port-scan", "57b1ee6b203d4ae7a6c24d3fd616b499"},
        [JOURNAL_HOST_SWEEP] = {"host-sweep", "b4bd9b4d18ee4bdc876c46348504cac1"},
        [JOURNAL_SYN_FLOOD] = {"syn-flood", "5610103b902649c6a1834a68042cabf0"},
        [JOURNAL_VOLUME] = {"volume", "87079198fdec4fd197ca3bb8e5b128b6"},
        [JOURNAL_FLUSHED] = {"flushed", "518fd6c08f664330bbb025746c313312"},
};

const char *journal_event_name(JournalEvent event)
{
    return (unsigned)event < _JOURNAL_EVENT_MAX ? events[event].name : NULL;
}

const char *journal_event_id(JournalEvent event)
{
    return (unsigned)event < _JOURNAL_EVENT_MAX ? events[event].id : NULL;
}
