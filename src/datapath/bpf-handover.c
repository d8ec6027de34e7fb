/* SPDX-License-Identifier: MIT */
/* Handover from one process to the next: while nobody runs, the service manager's copies of the
 * links keep the old program in place, and it goes on judging by the old maps. The new process
 * takes over every map whose shape is still what it wants, fills the others, and only then puts its
 * own program behind the links, each in one step (BPF_LINK_UPDATE, Linux 5.7). So there is no
 * moment without a program and its lists.
 *
 * Not all maps need be there, or fit: sizes change, and a process may be killed while it hands them
 * over one by one. A map that says nothing without another is then made anew, too. And the old
 * program shares flows and generation with the new one, but not its lists, while those are filled:
 * what it judged by then is made stale once it is gone. */

#include "datapath/bpf-clsact.h"
#include "datapath/bpf-internal.h"

#include "base/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#define MAP_NAME_FORMAT  HANDOVER_PREFIX "map%d-%s"      /* ABI version, map */
#define LINK_NAME_FORMAT HANDOVER_PREFIX "link-%u-%d-%u" /* ifindex, direction, link id */

static void map_name(const struct bpf_map *map, char name[static HANDOVER_NAME_MAX])
{
    snprintf(name, HANDOVER_NAME_MAX, MAP_NAME_FORMAT, NTC_ABI_VERSION, bpf_map__name(map));
}

/* All that could make an old map unfit: what it holds is covered by the ABI version in its name. */
static bool same_shape(const struct bpf_map *map, int fd)
{
    struct bpf_map_info info = {};
    __u32 size = sizeof(info);

    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
           info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
           info.max_entries == bpf_map__max_entries(map);
}

static HandoverFd *find_map(const struct bpf_map *map, HandoverFd *inherited, size_t n)
{
    char name[HANDOVER_NAME_MAX];

    map_name(map, name);
    for (size_t i = 0; i < n; i++)
        if (inherited[i].fd >= 0 && strcmp(inherited[i].name, name) == 0)
            return same_shape(map, inherited[i].fd) ? &inherited[i] : NULL;
    return NULL;
}

/* Hits are the difference of two maps. Flows are part of what was counted, and their verdicts of a
 * generation. */
static bool makes_sense(
        const struct ntc_bpf *s, const struct bpf_map *map, HandoverFd *inherited, size_t n)
{
    if (map == s->maps.ntc_hits || map == s->maps.ntc_hits_base)
        return find_map(s->maps.ntc_hits, inherited, n) &&
               find_map(s->maps.ntc_hits_base, inherited, n);
    if (map == s->maps.ntc_flows4 || map == s->maps.ntc_flows6)
        return find_map(s->maps.ntc_counters, inherited, n) &&
               find_map(s->maps.data_control, inherited, n);
    return true;
}

static void inherit_link(BpfDatapath *bpf, HandoverFd *inherited)
{
    InheritedLink link;
    unsigned id;
    int direction;

    if (sscanf(inherited->name, LINK_NAME_FORMAT, &link.ifindex, &direction, &id) != 3 ||
            direction < 0 || direction >= _DIRECTION_MAX ||
            bpf->n_inherited == ELEMENTSOF(bpf->inherited))
        return;
    link.direction = (Direction)direction;
    link.fd = TAKE_FD(inherited->fd);
    bpf->inherited[bpf->n_inherited++] = link;
}

static void note_reuse(BpfDatapath *bpf, const struct bpf_map *map)
{
    const struct ntc_bpf *s = bpf->skeleton;

    bpf->adopted = bpf->adopted || map == s->maps.ntc_counters;
    bpf->slots_used = bpf->slots_used || map == s->maps.ntc_hits;
    bpf->control_used = bpf->control_used || map == s->maps.data_control;
    bpf->lists_used = bpf->lists_used || map == s->maps.ntc_black4;
}

/* libbpf keeps duplicates. Ours are closed when none of them is looked for any more. */
static int inherit_maps(BpfDatapath *bpf, HandoverFd *inherited, size_t n)
{
    const struct ntc_bpf *s = bpf->skeleton;
    bool taken[HANDOVER_MAX] = {};
    struct bpf_map *map;

    bpf_object__for_each_map(map, s->obj)
    {
        const HandoverFd *found = find_map(map, inherited, n);

        if (!found || !makes_sense(s, map, inherited, n))
            continue;
        if (bpf_map__reuse_fd(map, found->fd) < 0)
            return -errno;
        taken[found - inherited] = true;
        note_reuse(bpf, map);
    }
    for (size_t i = 0; i < n; i++)
        if (taken[i])
            inherited[i].fd = safe_close(inherited[i].fd);
    return 0;
}

int bpf_inherit(BpfDatapath *bpf, HandoverFd *inherited, size_t n)
{
    int r;

    n = MIN_OF(n, (size_t)HANDOVER_MAX);
    r = inherit_maps(bpf, inherited, n);
    for (size_t i = 0; i < n && r >= 0; i++)
        if (inherited[i].fd >= 0)
            inherit_link(bpf, &inherited[i]);
    return r;
}

static InheritedLink *find_link(BpfDatapath *bpf, uint32_t ifindex, Direction direction)
{
    for (size_t i = 0; i < bpf->n_inherited; i++) {
        InheritedLink *link = &bpf->inherited[i];

        if (link->fd >= 0 && link->ifindex == ifindex && link->direction == direction &&
                bpf_link_is_alive(link->fd, ifindex, 0))
            return link;
    }
    return NULL;
}

int bpf_claim_link(BpfDatapath *bpf, uint32_t ifindex, Direction direction)
{
    InheritedLink *link = find_link(bpf, ifindex, direction);

    return link ? TAKE_FD(link->fd) : -ENOENT;
}

bool bpf_was_attached(Datapath *datapath, uint32_t ifindex)
{
    for (Direction d = 0; d < _DIRECTION_MAX; d++)
        if (find_link((BpfDatapath *)datapath, ifindex, d) || clsact_find(ifindex, d) > 0)
            return true;
    return false;
}

void bpf_drop_inherited(BpfDatapath *bpf)
{
    for (size_t i = 0; i < bpf->n_inherited; i++)
        safe_close(bpf->inherited[i].fd);
    bpf->n_inherited = 0;
}

bool bpf_adopted(Datapath *datapath)
{
    return ((BpfDatapath *)datapath)->adopted;
}

bool bpf_slots_used(Datapath *datapath)
{
    return ((BpfDatapath *)datapath)->slots_used;
}

uint64_t bpf_event_base(Datapath *datapath, uint64_t fresh)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;

    if (!bpf->adopted || !bpf->control_used)
        bpf->control->event_seq = fresh;
    return bpf->control->event_seq;
}

void bpf_leave_attached(Datapath *datapath)
{
    ((BpfDatapath *)datapath)->leave_filters = true;
}

/* Filters are nobody's while nobody runs. Without leave_filters they may be those of another ntc
 * that does. */
void bpf_handover_done(Datapath *datapath)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    int r = bpf->leave_filters ? bpf_drop_filters(bpf) : 0;

    if (r < 0)
        log_warning("Could not remove all filters that ntc left before: %s", strerror(-r));
    bpf_drop_inherited(bpf);
    bpf_lists_alone(bpf);
}

static uint32_t link_id(int fd)
{
    struct bpf_link_info info = {};
    __u32 size = sizeof(info);

    return bpf_obj_get_info_by_fd(fd, &info, &size) < 0 ? 0 : info.id;
}

size_t bpf_handover(Datapath *datapath, HandoverFd *ret, size_t max)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    struct bpf_map *map;
    size_t n = 0;

    bpf_object__for_each_map(map, bpf->skeleton->obj)
    {
        /* The program's constants: of this build alone. */
        if (n == max || strcmp(bpf_map__name(map), ".rodata") == 0)
            continue;
        map_name(map, ret[n].name);
        ret[n++].fd = bpf_map__fd(map);
    }
    for (size_t i = 0; i < bpf->n_attachments; i++)
        for (int d = 0; d < _DIRECTION_MAX && n < max; d++) {
            const BpfAttachment *attachment = &bpf->attachments[i];

            if (attachment->link_fd[d] < 0)
                continue;
            snprintf(ret[n].name, sizeof(ret[n].name), LINK_NAME_FORMAT, attachment->shown.ifindex,
                    d, link_id(attachment->link_fd[d]));
            ret[n++].fd = attachment->link_fd[d];
        }
    return n;
}
