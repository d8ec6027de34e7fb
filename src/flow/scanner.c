/* SPDX-License-Identifier: MIT */
/* A scan goes through its phases in portions: READ the live flows, COLLECT those that are over, END
 * them, then FINISH with the second reading of the counters. */

#include "flow/scanner.h"

#include "flow/self-check.h"

#define READ_PORTION 512U /* samples a step */
#define END_PORTION  128U /* deletions a step: a system call each */

typedef enum Phase {
    PHASE_NONE,
    PHASE_READ,
    PHASE_COLLECT,
    PHASE_END,
} Phase;

struct Scanner {
    Datapath *datapath; /* borrowed */
    FlowTable *table;   /* borrowed */
    Phase phase;
    FlowSample *samples; /* READ_PORTION of them */
    EndingFlow *ending;  /* what this scan ends; NULL outside PHASE_END */
    size_t n_ending, n_ended;
    Counters before; /* C1 */
    ScanResult result;
    SelfCheck self_check;
    uint64_t untracked_packets; /* as of the last complete scan */
    bool adopting;
};

int scanner_new(Datapath *datapath, FlowTable *table, Scanner **ret)
{
    _cleanup_(scanner_freep) Scanner *scanner = calloc(1, sizeof(*scanner));

    if (!scanner)
        return -ENOMEM;
    scanner->datapath = datapath;
    scanner->table = table;
    scanner->samples = calloc(READ_PORTION, sizeof(*scanner->samples));
    if (!scanner->samples)
        return -ENOMEM;
    *ret = TAKE_PTR(scanner);
    return 0;
}

void scanner_adopt(Scanner *scanner)
{
    scanner->adopting = true;
    self_check_adopt(&scanner->self_check);
}

static void drop_ending(Scanner *scanner)
{
    free(scanner->ending);
    scanner->ending = NULL;
    scanner->n_ending = scanner->n_ended = 0;
}

Scanner *scanner_free(Scanner *scanner)
{
    if (!scanner)
        return NULL;
    drop_ending(scanner);
    free(scanner->samples);
    free(scanner);
    return NULL;
}

bool scanner_running(const Scanner *scanner)
{
    return scanner->phase != PHASE_NONE;
}

static int give_up(Scanner *scanner, int r)
{
    drop_ending(scanner);
    scanner->phase = PHASE_NONE;
    return r;
}

int scanner_begin(Scanner *scanner, uint64_t now_ns)
{
    const DatapathOps *ops = scanner->datapath->ops;
    Counters before;
    int r;

    if (scanner_running(scanner))
        return 0;
    r = ops->read_counters(scanner->datapath, &before);
    if (r >= 0)
        r = ops->scan_begin(scanner->datapath);
    if (r < 0)
        return r;
    scanner->before = before;
    if (scanner->adopting) /* what found no room in the process before is no reason to make some */
        scanner->untracked_packets = before.untracked_packets;
    scanner->result = (ScanResult){.started_ns = now_ns};
    scanner->phase = PHASE_READ;
    flow_table_set_quiet(scanner->table, scanner->adopting);
    flow_table_scan_begin(scanner->table, now_ns);
    return 0;
}

/* --- READ */

/* How many flows of a family must go. The datapath may hold more than was read: room is made before
 * it is full. A packet may go untracked for other reasons (before Linux 6.7 an insert fails while
 * somebody else holds a lock of the map), which no flow is to pay for in a table half empty. In a
 * flood of new flows any room is gone within milliseconds, and a large one only pushes out more
 * flows for the flood's. */
static size_t room_wanted(const Scanner *scanner, FlowFamily family)
{
    const uint64_t *live = flow_table_totals(scanner->table)->live_of;
    size_t capacity = flow_table_capacity(scanner->table);
    uint64_t untracked = scanner->before.untracked_packets - scanner->untracked_packets;
    uint64_t target = capacity - capacity / (untracked > capacity ? 20 : 5);
    bool largest = live[family] == MAX_OF(live[FLOW_IPV4], live[FLOW_IPV6]);

    if (live[family] > capacity - capacity / 10)
        return live[family] > target ? (size_t)(live[family] - target) : 0;
    return untracked > 0 && largest && live[family] > capacity / 2
                   ? MAX_OF(capacity / 10, (size_t)1)
                   : 0;
}

static int collect(Scanner *scanner, uint64_t now_ns)
{
    size_t live = (size_t)flow_table_totals(scanner->table)->live;
    size_t room[] = {room_wanted(scanner, FLOW_IPV4), room_wanted(scanner, FLOW_IPV6)};

    scanner->ending = calloc(live + 1, sizeof(*scanner->ending));
    if (!scanner->ending)
        return -ENOMEM;
    scanner->n_ending =
            flow_table_collect_ended(scanner->table, now_ns, room, scanner->ending, live);
    scanner->phase = PHASE_END;
    return 0;
}

static int read_portion(Scanner *scanner, uint64_t now_ns)
{
    int n = scanner->datapath->ops->scan_next(scanner->datapath, scanner->samples, READ_PORTION);

    if (n < 0)
        return n;
    /* A sample without room is counted by the table, and shows as drift. */
    for (int i = 0; i < n; i++)
        (void)flow_table_add(scanner->table, &scanner->samples[i], now_ns);
    scanner->result.flows_read += (uint64_t)n;
    if (n > 0)
        return 1;
    flow_table_scan_end(scanner->table, now_ns);
    flow_table_set_quiet(scanner->table, false);
    scanner->adopting = false;
    scanner->phase = PHASE_COLLECT;
    return 1;
}

/* --- END */

static int end_one(Scanner *scanner, const FlowKey *key, FlowEnd reason, uint64_t now_ns)
{
    FlowSample last;
    int r = scanner->datapath->ops->end_flow(scanner->datapath, key, &last);

    if (r == -ENOENT) {
        flow_table_vanish(scanner->table, key);
        return 0;
    }
    if (r < 0)
        return r;
    flow_table_end(scanner->table, &last, reason, now_ns);
    scanner->result.flows_ended++;
    return 0;
}

/* Returns 1 if some are left. */
static int end_portion(Scanner *scanner, uint64_t now_ns)
{
    size_t stop = MIN_OF(scanner->n_ending, scanner->n_ended + END_PORTION);

    for (; scanner->n_ended < stop; scanner->n_ended++) {
        const EndingFlow *ending = &scanner->ending[scanner->n_ended];
        int r = end_one(scanner, &ending->key, ending->reason, now_ns);

        if (r < 0)
            return r;
    }
    return stop < scanner->n_ending;
}

/* --- FINISH */

static void tell_room(Scanner *scanner, const Counters *after)
{
    if (scanner->result.flows_ended > 0 || after->untracked_packets > scanner->untracked_packets)
        scanner->datapath->ops->flows_have_room(scanner->datapath);
    scanner->untracked_packets = after->untracked_packets;
}

static int finish(Scanner *scanner, uint64_t now_ns)
{
    int r = scanner->datapath->ops->read_counters(scanner->datapath, &scanner->result.counters);

    if (r < 0)
        return r;
    scanner->result.drift_packets = self_check(
            &scanner->self_check, scanner->table, &scanner->before, &scanner->result.counters);
    scanner->result.finished_ns = now_ns;
    tell_room(scanner, &scanner->result.counters);
    drop_ending(scanner);
    scanner->phase = PHASE_NONE;
    return 0;
}

int scanner_step(Scanner *scanner, uint64_t now_ns, ScanResult *ret)
{
    int r = 0;

    if (scanner->phase == PHASE_READ || scanner->phase == PHASE_COLLECT) {
        r = scanner->phase == PHASE_READ ? read_portion(scanner, now_ns) : collect(scanner, now_ns);
        return r < 0 ? give_up(scanner, r) : 1;
    }
    if (scanner->phase == PHASE_END) {
        r = end_portion(scanner, now_ns);
        if (r == 0)
            r = finish(scanner, now_ns);
        if (r < 0)
            return give_up(scanner, r);
    }
    if (r == 0)
        *ret = scanner->result;
    return r;
}

int scanner_run(Scanner *scanner, uint64_t now_ns, ScanResult *ret)
{
    int r = scanner_begin(scanner, now_ns);

    while (r >= 0) {
        r = scanner_step(scanner, now_ns, ret);
        if (r == 0)
            break;
    }
    return r;
}

/* --- flush */

typedef struct KeyList {
    FlowKey *keys;
    size_t count;
} KeyList;

static bool take_key(const Flow *flow, void *userdata)
{
    KeyList *list = userdata;

    list->keys[list->count++] = flow->sample.key;
    return true;
}

/* A scan first, so that the flows that began since the last one go too. */
int scanner_flush(Scanner *scanner, uint64_t now_ns)
{
    _cleanup_free_ FlowKey *keys = NULL;
    ScanResult ignored;
    KeyList list = {};
    uint64_t ended;
    int r = 0;

    if (scanner_running(scanner))
        r = scanner_run(scanner, now_ns, &ignored);
    if (r >= 0)
        r = scanner_run(scanner, now_ns, &ignored);
    if (r < 0)
        return r;
    keys = calloc((size_t)flow_table_totals(scanner->table)->live + 1, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    list.keys = keys;
    flow_table_foreach(scanner->table, take_key, &list);
    ended = scanner->result.flows_ended;
    for (size_t i = 0; i < list.count && r >= 0; i++)
        r = end_one(scanner, &keys[i], FLOW_END_FLUSH, now_ns);
    scanner->datapath->ops->flows_have_room(scanner->datapath);
    return r < 0 ? r : (int)(scanner->result.flows_ended - ended);
}
