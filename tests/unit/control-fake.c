/* SPDX-License-Identifier: MIT */
#include "control-world.h"

ListChange *fake_find(Fake *fake, const ListChange *change)
{
    for (size_t i = 0; i < fake->count; i++)
        if (fake->entries[i].list == change->list &&
                prefix_equal(&fake->entries[i].prefix, &change->prefix))
            return &fake->entries[i];
    return NULL;
}

static int fake_change(Fake *fake, const ListChange *change)
{
    ListChange *found = fake->slow ? NULL : fake_find(fake, change);

    cr_assert_neq(change->slot, SLOT_NONE);
    cr_assert_lt(change->slot, fake->slots);
    if (change->add && found)
        return -EEXIST;
    if (!change->add && !found)
        return -ENOENT;
    if (change->add) {
        fake->entries[fake->count++] = *change;
    } else {
        cr_assert_eq(found->slot, change->slot);
        *found = fake->entries[--fake->count];
    }
    if (fake->n_log < FAKE_LOG)
        fake->log[fake->n_log++] = *change;
    return 0;
}

static int fake_apply(Datapath *datapath, const ListChange *changes, size_t n)
{
    Fake *fake = (Fake *)datapath;
    int r = fake->refuse;

    fake->refuse = 0;
    fake->applies++;
    for (size_t i = 0; i < n && r >= 0; i++) {
        r = fake_change(fake, &changes[i]);
        cr_assert_eq(r, 0, "the kernel was asked for what is not so");
    }
    return r;
}

static int fake_read_hits(Datapath *datapath, uint32_t slot, Count *ret)
{
    *ret = (Count){slot, slot * 100ULL};
    return 0;
}

static int fake_read_counters(Datapath *datapath, Counters *ret)
{
    *ret = (Counters){};
    ret->by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP] = (Count){7, 700};
    ret->by[PROTOCOL_UDP][DIRECTION_EGRESS][ACTION_SKIP] = (Count){3, 300};
    return 0;
}

static int fake_recycle(Datapath *datapath, const uint32_t *slots, size_t n)
{
    ((Fake *)datapath)->recycled += n;
    return 0;
}

static uint32_t fake_slots(Datapath *datapath)
{
    return ((Fake *)datapath)->slots;
}

static bool fake_slots_used(Datapath *datapath)
{
    return ((Fake *)datapath)->slots_used;
}

static int fake_set_ssh_ports(Datapath *datapath, const uint16_t *ports, size_t n)
{
    ((Fake *)datapath)->n_ssh_ports = n;
    return 0;
}

const DatapathOps fake_ops = {.mode = "fake",
        .apply_lists = fake_apply,
        .read_hits = fake_read_hits,
        .read_counters = fake_read_counters,
        .recycle_slots = fake_recycle,
        .slots = fake_slots,
        .slots_used = fake_slots_used,
        .set_ssh_ports = fake_set_ssh_ports};
