/* SPDX-License-Identifier: MIT */
/* A scan goes through its phases in portions: READ the live flows, COLLECT those that are over, END
 * them, then FINISH with the second reading of the counters.
 *
 * The self-check rests on the datapath's order: a packet is counted first and added to its flow
 * then. So what the flows hold, plus what ended, can't be less than what was counted before the
 * scan (C1) nor more than what was counted after it (C2). What is ended between is read and deleted
 * in one operation, and lies between the two as well.
 *
 * After maps were adopted, how much had ended before our time is not known: it lies between bounds
 * that each scan narrows, `base` (kept in the flow table) and base + base_slack. Packets in flight
 * when a scan begins are in C1 and in no flow yet, and are taken as ended: the base may be too high
 * by them, one a CPU. That shows as soon as a scan finds more than was counted, and the base is
 * lowered then; not by more than could have been in flight, or the self-check would find nothing.
 */

#include "flow/scanner.h"

#define IN_FLIGHT_MAX 64U   /* packets, one a CPU */
#define READ_PORTION  2048U /* samples a step */
#define END_PORTION   512U  /* deletions a step: a system call each */

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
    FlowKey *ending;     /* what this scan ends; NULL outside PHASE_END */
    FlowEnd *reasons;
    size_t n_ending, n_ended;
    Counters before; /* C1 */
    ScanResult result;
    uint64_t base, base_slack;
    uint64_t in_flight_left;    /* by how much the base may still be lowered */
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
    scanner->base_slack = UINT64_MAX;
    scanner->in_flight_left = IN_FLIGHT_MAX;
}

static void drop_ending(Scanner *scanner)
{
    free(scanner->ending);
    free(scanner->reasons);
    scanner->ending = NULL;
    scanner->reasons = NULL;
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
    scanner->result = (ScanResult){.started_ns = now_ns};
    scanner->phase = PHASE_READ;
    flow_table_set_quiet(scanner->table, scanner->adopting);
    flow_table_scan_begin(scanner->table, now_ns);
    return 0;
}

/* --- READ */

/* How many flows must go. The datapath may hold more than was read: room is made before it is
 * full. */
static size_t room_wanted(const Scanner *scanner)
{
    size_t capacity = flow_table_capacity(scanner->table);
    uint64_t live = flow_table_totals(scanner->table)->live, target = capacity - capacity / 5;

    if (live > capacity - capacity / 10)
        return (size_t)(live - target);
    if (scanner->before.untracked_packets > scanner->untracked_packets)
        return MAX_OF(capacity / 10, (size_t)1);
    return 0;
}

static int collect(Scanner *scanner, uint64_t now_ns)
{
    size_t live = (size_t)flow_table_totals(scanner->table)->live;

    scanner->ending = calloc(live + 1, sizeof(*scanner->ending));
    scanner->reasons = calloc(live + 1, sizeof(*scanner->reasons));
    if (!scanner->ending || !scanner->reasons)
        return -ENOMEM;
    scanner->n_ending = flow_table_collect_ended(
            scanner->table, now_ns, room_wanted(scanner), scanner->ending, scanner->reasons, live);
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
        int r = end_one(scanner, &scanner->ending[scanner->n_ended],
                scanner->reasons[scanner->n_ended], now_ns);

        if (r < 0)
            return r;
    }
    return stop < scanner->n_ending;
}

/* --- FINISH */

static uint64_t explained(const Scanner *scanner)
{
    const FlowTotals *totals = flow_table_totals(scanner->table);

    return totals->ended_packets + totals->live_packets;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Narrows what is known of the base: the true sum lies in [low, high] and in [c1, c2]. */
static void narrow_base(Scanner *scanner, uint64_t low, uint64_t high, uint64_t c1, uint64_t c2)
{
    uint64_t new_low = MAX_OF(low, c1), new_high = MIN_OF(high, c2);

    scanner->base += new_low - low;
    scanner->base_slack = new_high - new_low;
    flow_table_set_ended_base(scanner->table, scanner->base);
}

static void lower_base(Scanner *scanner, uint64_t excess)
{
    scanner->base -= excess;
    scanner->in_flight_left -= excess;
    flow_table_set_ended_base(scanner->table, scanner->base);
}

static uint64_t check(Scanner *scanner, const Counters *after)
{
    uint64_t c1 = counters_tracked_packets(&scanner->before);
    uint64_t c2 = counters_tracked_packets(after);
    uint64_t low = explained(scanner), high = add_saturating(low, scanner->base_slack);

    if (high < c1)
        return c1 - high;
    if (low > c2 && low - c2 <= MIN_OF(scanner->in_flight_left, scanner->base))
        lower_base(scanner, low - c2);
    else if (low > c2)
        return low - c2;
    else if (scanner->base_slack > 0)
        narrow_base(scanner, low, high, c1, c2);
    return 0;
}

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
    scanner->result.drift_packets = check(scanner, &scanner->result.counters);
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
