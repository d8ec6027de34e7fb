/* SPDX-License-Identifier: MIT */
/* The lists in the kernel: four prefix tries (each list by family), and the generation that makes
 * every cached verdict stale. It is raised after the tries were changed, never before: a packet
 * judged under the new generation has seen the new lists. */

#include "datapath/bpf-internal.h"

#include "base/clock.h"
#include "base/loop-timer.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/* --- changing them */

#define BATCH_MAX   256
#define SETTLE_USEC 1000U
#define RUN_MSEC    20 /* no program takes as long: soft interrupts are off while it runs */

typedef union TrieKey {
    struct ntc_prefix4 v4;
    struct ntc_prefix6 v6;
} TrieKey;

static bool is_ipv4(const Prefix *prefix)
{
    return prefix->bits >= 96 && address_is_ipv4(&prefix->address);
}

static struct bpf_map *trie_of(const BpfDatapath *bpf, const ListChange *change)
{
    const struct ntc_bpf *s = bpf->skeleton;
    bool black = change->list == LIST_BLACKLIST;

    if (is_ipv4(&change->prefix))
        return black ? s->maps.ntc_black4 : s->maps.ntc_white4;
    return black ? s->maps.ntc_black6 : s->maps.ntc_white6;
}

static void make_key(const Prefix *prefix, TrieKey *ret)
{
    if (is_ipv4(prefix)) {
        ret->v4.bits = prefix->bits - 96U;
        memcpy(ret->v4.address, prefix->address.bytes + 12, 4);
    } else {
        ret->v6.bits = prefix->bits;
        memcpy(ret->v6.address, prefix->address.bytes, 16);
    }
}

static int change_one(BpfDatapath *bpf, const ListChange *change, bool add)
{
    int trie = bpf_map__fd(trie_of(bpf, change)), r;
    TrieKey key;

    make_key(&change->prefix, &key);
    r = add ? bpf_map_update_elem(trie, &key, &change->slot, BPF_ANY)
            : bpf_map_delete_elem(trie, &key);
    return r < 0 ? -errno : 0;
}

/* How many of the changes, from the first on, are additions to one and the same trie. */
static size_t count_alike(const BpfDatapath *bpf, const ListChange *changes, size_t n)
{
    size_t i = 0;

    while (i < n && i < BATCH_MAX && changes[i].add &&
            trie_of(bpf, &changes[i]) == trie_of(bpf, &changes[0]))
        i++;
    return i;
}

static int add_together(BpfDatapath *bpf, const ListChange *changes, size_t n)
{
    const struct bpf_map *trie = trie_of(bpf, &changes[0]);
    size_t key_size = bpf_map__key_size(trie);
    uint8_t keys[BATCH_MAX * sizeof(TrieKey)];
    __u32 slots[BATCH_MAX], count = (__u32)n;

    for (size_t i = 0; i < n; i++) {
        TrieKey key;

        make_key(&changes[i].prefix, &key);
        memcpy(keys + i * key_size, &key, key_size);
        slots[i] = changes[i].slot;
    }
    return bpf_map_update_batch(bpf_map__fd(trie), keys, slots, &count, NULL) < 0 ? -errno : 0;
}

/* Additions go to the kernel in one call. When it fails they are made again one by one: to add
 * twice is to add once, and it shows what the kernel refuses (before 5.13 it knows no batches for
 * tries). *done counts what may be in force, and is to be undone: to remove what isn't there is no
 * harm. */
static int apply_alike(BpfDatapath *bpf, const ListChange *changes, size_t n, size_t *done)
{
    bool together = n > 1;
    int r = together ? add_together(bpf, changes, n) : -EAGAIN;

    if (r >= 0) {
        *done += n;
        return 0;
    }
    r = 0;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = change_one(bpf, &changes[i], changes[i].add);
    *done += r >= 0 || together ? n : 0;
    return r;
}

/* Tries without entries aren't looked into. While they change all are, so that an entry is never
 * passed by; and as long as the program of the process before may still run, whose tries may be
 * others than ours, though its control block is ours. */
static void set_empty(BpfDatapath *bpf, __u32 tries)
{
    __atomic_store_n(&bpf->control->empty_tries, tries, __ATOMIC_SEQ_CST);
}

static bool is_empty(const struct bpf_map *trie)
{
    TrieKey first;

    return bpf_map_get_next_key(bpf_map__fd(trie), NULL, &first) < 0 && errno == ENOENT;
}

static void note_empty_tries(BpfDatapath *bpf)
{
    const struct ntc_bpf *s = bpf->skeleton;
    __u32 tries = 0;

    if (bpf->old_program)
        return;
    tries |= is_empty(s->maps.ntc_black4) ? NTC_TRIE_BLACK4 : 0;
    tries |= is_empty(s->maps.ntc_black6) ? NTC_TRIE_BLACK6 : 0;
    tries |= is_empty(s->maps.ntc_white4) ? NTC_TRIE_WHITE4 : 0;
    tries |= is_empty(s->maps.ntc_white6) ? NTC_TRIE_WHITE6 : 0;
    set_empty(bpf, tries);
}

static void raise_generation(BpfDatapath *bpf)
{
    __u32 next = bpf->control->generation + 1;

    __atomic_store_n(&bpf->control->generation, next ? next : 1, __ATOMIC_SEQ_CST);
}

/* The program reads the generation and then the tries, but a CPU that lets loads pass each other
 * (arm64) may see the tries of before and the generation of after: then a flow keeps an old verdict
 * for new. So the generation is raised once more when such a moment is long over. */
static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    raise_generation(userdata);
    return 0;
}

int bpf_lists_init(BpfDatapath *bpf, sd_event *event)
{
    bpf->old_program = bpf->control_used;
    set_empty(bpf, 0);
    note_empty_tries(bpf);
    return loop_timer_new(event, on_settled, bpf, &bpf->settled);
}

int bpf_apply_lists(Datapath *datapath, const ListChange *changes, size_t n)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    size_t done = 0;
    int r = 0;

    set_empty(bpf, 0);
    while (done < n && r >= 0) {
        size_t alike = count_alike(bpf, changes + done, n - done);

        r = apply_alike(bpf, changes + done, MAX_OF(alike, (size_t)1), &done);
    }
    while (r < 0 && done > 0) {
        done--;
        (void)change_one(bpf, &changes[done], !changes[done].add);
    }
    note_empty_tries(bpf);
    raise_generation(bpf);
    (void)loop_timer_set(bpf->settled, SETTLE_USEC);
    return r;
}

/* MEMBARRIER_CMD_GLOBAL waits for a grace period of RCU (membarrier(2)): no program that was
 * running is any more when it returns. A kernel with nohz_full= refuses it (EINVAL), and one may be
 * built without. */
void bpf_wait_for_programs(void)
{
    struct timespec left = {.tv_nsec = RUN_MSEC * (long)NSEC_PER_MSEC};

    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) >= 0)
        return;
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

void bpf_lists_alone(BpfDatapath *bpf)
{
    bpf_wait_for_programs();
    bpf->old_program = false;
    note_empty_tries(bpf);
    raise_generation(bpf);
}

/* Each word of the bitmap is replaced whole: a port in both the old and the new set is never cut
 * off. */
int bpf_set_ssh_ports(Datapath *datapath, const uint16_t *ports, size_t n)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    _cleanup_free_ uint64_t *bits = calloc(ELEMENTSOF(bpf->control->ssh_ports), sizeof(*bits));

    if (!bits)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        bits[ports[i] / 64] |= 1ULL << (ports[i] % 64);
    for (size_t i = 0; i < ELEMENTSOF(bpf->control->ssh_ports); i++)
        __atomic_store_n(&bpf->control->ssh_ports[i], bits[i], __ATOMIC_RELAXED);
    return 0;
}

/* --- reading them */

#define READ_BATCH 1024

static Prefix prefix_of_key(const void *key, bool ipv4)
{
    Prefix prefix = {};

    if (ipv4) {
        const struct ntc_prefix4 *k = key;
        struct in_addr in;

        memcpy(&in, k->address, sizeof(in));
        prefix.address = address_from_in(in);
        prefix.bits = (uint8_t)(k->bits + 96);
    } else {
        const struct ntc_prefix6 *k = key;

        memcpy(prefix.address.bytes, k->address, 16);
        prefix.bits = (uint8_t)k->bits;
    }
    return prefix;
}

static int read_trie(struct bpf_map *map, ListId list, bool ipv4, ListVisitFn visit, void *userdata)
{
    size_t key_size = bpf_map__key_size(map);
    _cleanup_free_ uint8_t *keys = calloc(READ_BATCH, key_size);
    _cleanup_free_ __u32 *slots = calloc(READ_BATCH, sizeof(*slots));
    TrieKey cursor;
    bool first = true, more = true;

    if (!keys || !slots)
        return -ENOMEM;
    while (more) {
        __u32 count = READ_BATCH;
        int r = bpf_map_lookup_batch(
                bpf_map__fd(map), first ? NULL : &cursor, &cursor, keys, slots, &count, NULL);

        if (r < 0 && errno != ENOENT)
            return -errno;
        more = r == 0;
        first = false;
        for (__u32 i = 0; i < count; i++) {
            ListChange held = {list, true, prefix_of_key(keys + i * key_size, ipv4), slots[i]};

            visit(&held, userdata);
        }
    }
    return 0;
}

int bpf_read_lists(Datapath *datapath, ListVisitFn visit, void *userdata)
{
    struct ntc_bpf *s = ((BpfDatapath *)datapath)->skeleton;
    int r = read_trie(s->maps.ntc_black4, LIST_BLACKLIST, true, visit, userdata);

    if (r >= 0)
        r = read_trie(s->maps.ntc_black6, LIST_BLACKLIST, false, visit, userdata);
    if (r >= 0)
        r = read_trie(s->maps.ntc_white4, LIST_WHITELIST, true, visit, userdata);
    if (r >= 0)
        r = read_trie(s->maps.ntc_white6, LIST_WHITELIST, false, visit, userdata);
    return r < 0 ? r : ((BpfDatapath *)datapath)->lists_used;
}
