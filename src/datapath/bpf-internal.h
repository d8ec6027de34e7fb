/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the bpf*.c files and nobody else. */

#include "abi.h"
#include "datapath/datapath.h"
#include "ntc.skel.h"

#define ATTACHMENTS_MAX 64

typedef struct BpfAttachment {
    Attachment shown;
    int link_fd[_DIRECTION_MAX]; /* TCX; -EBADF with clsact */
} BpfAttachment;

/* A TCX link of an earlier process, waiting to be claimed by an attach. */
typedef struct InheritedLink {
    uint32_t ifindex;
    Direction direction;
    int fd;
} InheritedLink;

/* A walk over both maps of flows. The keys' room serves for either form. */
typedef struct FlowScan {
    struct ntc_flow_key *keys;
    struct ntc_flow *values;
    __u32 cursor;
    bool started; /* in this map */
    bool ipv6;    /* the second map's turn */
    bool over;
    struct ntc_known *learning; /* the set of known flows that is made anew; NULL if none is */
} FlowScan;

typedef struct BpfDatapath {
    Datapath base; /* first */
    struct ntc_bpf *skeleton;
    struct ntc_control *control; /* the program's, shared memory */
    struct ring_buffer *ring;
    sd_event_source *ring_source;
    sd_event_source *settled; /* after a change of the lists */
    PacketEventFn on_event;
    void *userdata;
    DatapathLimits limits;
    BpfAttachment attachments[ATTACHMENTS_MAX];
    Attachment shown[ATTACHMENTS_MAX];
    size_t n_attachments;
    InheritedLink inherited[ATTACHMENTS_MAX * _DIRECTION_MAX];
    size_t n_inherited;
    bool adopted;                /* the counters are of an earlier process */
    bool slots_used;             /* the hits are */
    bool lists_used;             /* the lists are */
    bool control_used;           /* the control block is */
    bool old_program;            /* that of the earlier process may still run */
    bool leave_filters;          /* clsact filters outlive each process on purpose */
    struct ntc_counters *percpu; /* room for one element of each per-CPU map */
    struct ntc_hits *hits;
    int n_cpus;
    FlowScan scan;
} BpfDatapath;

int bpf_attach(Datapath *datapath, uint32_t ifindex, const char *name);
int bpf_detach(Datapath *datapath, uint32_t ifindex);
int bpf_verify(Datapath *datapath, uint32_t ifindex);
const Attachment *bpf_attachments(Datapath *datapath, size_t *ret_count);
void bpf_detach_all(BpfDatapath *bpf);
/* Those of earlier processes that no attachment has replaced. How many, or the first -errno. */
int bpf_drop_filters(BpfDatapath *bpf);

/* After the maps are loaded. */
int bpf_lists_init(BpfDatapath *bpf, sd_event *event);
int bpf_apply_lists(Datapath *datapath, const ListChange *changes, size_t n);
int bpf_read_hits(Datapath *datapath, uint32_t slot, Count *ret);
/* The program of the process before is gone: waits until it is through, and makes every verdict so
 * far stale. */
void bpf_lists_alone(BpfDatapath *bpf);
/* Until every program that runs now is through. */
void bpf_wait_for_programs(void);
int bpf_recycle_slots(Datapath *datapath, const uint32_t *slots, size_t n);
uint32_t bpf_slots(Datapath *datapath);
int bpf_set_ssh_ports(Datapath *datapath, const uint16_t *ports, size_t n);

int bpf_flows_init(BpfDatapath *bpf);
void bpf_flows_done(BpfDatapath *bpf);
int bpf_scan_begin(Datapath *datapath);
int bpf_scan_next(Datapath *datapath, FlowSample *samples, size_t max);
int bpf_end_flow(Datapath *datapath, const FlowKey *key, FlowSample *ret);
void bpf_flows_have_room(Datapath *datapath);

/* `program_id` 0: whatever stands behind it. */
bool bpf_link_is_alive(int link_fd, uint32_t ifindex, uint32_t program_id);

/* Before loading: maps of the same shape are used on, links are taken for later. */
int bpf_inherit(BpfDatapath *bpf, HandoverFd *inherited, size_t n);
/* The inherited link of that place, if it is alive; the caller's from then on. -ENOENT. */
int bpf_claim_link(BpfDatapath *bpf, uint32_t ifindex, Direction direction);
void bpf_drop_inherited(BpfDatapath *bpf);
bool bpf_adopted(Datapath *datapath);
bool bpf_was_attached(Datapath *datapath, uint32_t ifindex);
bool bpf_slots_used(Datapath *datapath);
uint64_t bpf_event_base(Datapath *datapath, uint64_t fresh);
size_t bpf_handover(Datapath *datapath, HandoverFd *ret, size_t max);
void bpf_handover_done(Datapath *datapath);
void bpf_leave_attached(Datapath *datapath);

int bpf_read_lists(Datapath *datapath, ListVisitFn visit, void *userdata);

/* What to do about an error of loading; static. */
const char *bpf_hint(int error);
