/* SPDX-License-Identifier: MIT */
/* Attaching: TCX first in the chain where the kernel has it (6.6), else clsact with a handle and
 * priority of our own. TCX links vanish with the process; clsact filters are removed by us, and
 * only ours. */

#include "datapath/bpf-clsact.h"
#include "datapath/bpf-internal.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    TCX_INGRESS = 46, /* BPF_TCX_INGRESS, linux 6.6 */
    TCX_EGRESS = 47,
    TCX_BEFORE = 1 << 3, /* BPF_F_BEFORE: with no other program named, first of all */
};

/* The link type decides whether frames have an Ethernet header. -EOPNOTSUPP for one we can't parse.
 */
static int link_is_raw_ip(const char *name, bool *ret)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {};

    if (fd < 0)
        return -errno;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    switch (request.ifr_hwaddr.sa_family) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
        *ret = false;
        return 0;
    case ARPHRD_NONE:
    case ARPHRD_RAWIP:
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
        *ret = true;
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

static int program_fd(BpfDatapath *bpf, bool raw_ip, Direction direction)
{
    struct ntc_bpf *s = bpf->skeleton;

    if (direction == DIRECTION_INGRESS)
        return bpf_program__fd(raw_ip ? s->progs.ntc_ingress_ip : s->progs.ntc_ingress);
    return bpf_program__fd(raw_ip ? s->progs.ntc_egress_ip : s->progs.ntc_egress);
}

/* The link of an earlier process, with our program put behind it in one step. */
static int take_over(BpfDatapath *bpf, int prog_fd, uint32_t ifindex, Direction direction)
{
    _cleanup_close_ int fd = bpf_claim_link(bpf, ifindex, direction);

    if (fd < 0)
        return fd;
    return bpf_link_update(fd, prog_fd, NULL) < 0 ? -errno : TAKE_FD(fd);
}

static int attach_tcx(int prog_fd, uint32_t ifindex, Direction direction)
{
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = TCX_BEFORE);
    int fd = bpf_link_create(prog_fd, (int)ifindex,
            (enum bpf_attach_type)(direction == DIRECTION_INGRESS ? TCX_INGRESS : TCX_EGRESS),
            &options);

    return fd < 0 ? -errno : fd;
}

static void release(BpfAttachment *attachment)
{
    for (int d = 0; d < _DIRECTION_MAX; d++) {
        if (attachment->link_fd[d] >= 0)
            attachment->link_fd[d] = safe_close(attachment->link_fd[d]);
        else if (attachment->shown.attached[d])
            (void)clsact_detach(attachment->shown.ifindex, (Direction)d);
        attachment->shown.attached[d] = false;
    }
}

static int attach_direction(BpfDatapath *bpf, BpfAttachment *attachment, Direction direction)
{
    int prog_fd = program_fd(bpf, attachment->shown.raw_ip, direction);
    uint32_t ifindex = attachment->shown.ifindex;
    int r = -EINVAL; /* what a kernel without TCX says */

    if (!bpf->limits.clsact_only)
        r = take_over(bpf, prog_fd, ifindex, direction);
    if (!bpf->limits.clsact_only && r < 0)
        r = attach_tcx(prog_fd, ifindex, direction);
    attachment->shown.hook = r >= 0 ? "tcx" : "clsact";
    if (r >= 0)
        attachment->link_fd[direction] = r;
    else if (r == -EINVAL)
        r = clsact_attach(ifindex, direction, prog_fd);
    attachment->shown.attached[direction] = r >= 0;
    return r < 0 ? r : 0;
}

static BpfAttachment *find(BpfDatapath *bpf, uint32_t ifindex)
{
    for (size_t i = 0; i < bpf->n_attachments; i++)
        if (bpf->attachments[i].shown.ifindex == ifindex)
            return &bpf->attachments[i];
    return NULL;
}

int bpf_attach(Datapath *datapath, uint32_t ifindex, const char *name)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    BpfAttachment attachment = {.shown.ifindex = ifindex, .link_fd = {-EBADF, -EBADF}};
    int r;

    if (find(bpf, ifindex))
        return -EALREADY;
    if (bpf->n_attachments == ATTACHMENTS_MAX)
        return -E2BIG;
    snprintf(attachment.shown.interface, sizeof(attachment.shown.interface), "%s", name);
    r = link_is_raw_ip(name, &attachment.shown.raw_ip);
    for (int d = 0; r >= 0 && d < _DIRECTION_MAX; d++)
        r = attach_direction(bpf, &attachment, (Direction)d);
    if (r < 0) {
        release(&attachment);
        return r;
    }
    bpf->attachments[bpf->n_attachments++] = attachment;
    return 0;
}

int bpf_detach(Datapath *datapath, uint32_t ifindex)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    BpfAttachment *attachment = find(bpf, ifindex);

    if (!attachment)
        return -ENOENT;
    release(attachment);
    *attachment = bpf->attachments[--bpf->n_attachments];
    return 0;
}

/* Closing a link lets go of it; whether it goes depends on who else holds it. */
static void abandon(BpfAttachment *attachment)
{
    for (int d = 0; d < _DIRECTION_MAX; d++)
        attachment->link_fd[d] = safe_close(attachment->link_fd[d]);
}

void bpf_detach_all(BpfDatapath *bpf)
{
    while (bpf->n_attachments > 0) {
        BpfAttachment *attachment = &bpf->attachments[--bpf->n_attachments];

        if (bpf->leave_filters)
            abandon(attachment);
        else
            release(attachment);
    }
}

static bool is_by_filter(BpfDatapath *bpf, uint32_t ifindex, Direction direction)
{
    const BpfAttachment *attachment = find(bpf, ifindex);

    return attachment && attachment->shown.attached[direction] &&
           attachment->link_fd[direction] < 0;
}

/* From every interface, but those filters by which `keep`, if there is one, is attached now. */
static int remove_filters(BpfDatapath *keep)
{
    struct if_nameindex *all = if_nameindex();
    int n = 0, error = 0;

    if (!all)
        return -errno;
    for (const struct if_nameindex *i = all; i->if_index != 0; i++)
        for (Direction d = 0; d < _DIRECTION_MAX; d++) {
            int r = keep && is_by_filter(keep, i->if_index, d) ? 0 : clsact_detach(i->if_index, d);

            n += r > 0;
            error = error < 0 ? error : MIN_OF(r, 0);
        }
    if_freenameindex(all);
    return error < 0 ? error : n;
}

int datapath_bpf_detach_all(void)
{
    return remove_filters(NULL);
}

int bpf_drop_filters(BpfDatapath *bpf)
{
    return remove_filters(bpf);
}

/* A TCX link whose interface is gone, or which someone detached by force, has ifindex 0. The struct
 * of this header version may not know tcx yet; its ifindex stands where xdp's does (linux/bpf.h).
 */
bool bpf_link_is_alive(int link_fd, uint32_t ifindex, uint32_t program_id)
{
    struct bpf_link_info info = {};
    __u32 size = sizeof(info);

    return bpf_obj_get_info_by_fd(link_fd, &info, &size) == 0 && info.xdp.ifindex == ifindex &&
           (program_id == 0 || info.prog_id == program_id);
}

static uint32_t program_id(int prog_fd)
{
    struct bpf_prog_info info = {};
    __u32 size = sizeof(info);

    return bpf_obj_get_info_by_fd(prog_fd, &info, &size) < 0 ? 0 : info.id;
}

/* Root can put another program behind our own link. A filter of which the kernel can't be asked now
 * is taken for there: to attach anew would begin with removing it. */
static bool is_ours(BpfDatapath *bpf, const BpfAttachment *attachment, Direction direction)
{
    int prog_fd = program_fd(bpf, attachment->shown.raw_ip, direction);
    uint32_t ifindex = attachment->shown.ifindex;

    if (attachment->link_fd[direction] < 0)
        return clsact_find(ifindex, direction) != 0;
    return bpf_link_is_alive(attachment->link_fd[direction], ifindex, program_id(prog_fd));
}

int bpf_verify(Datapath *datapath, uint32_t ifindex)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    BpfAttachment *attachment = find(bpf, ifindex);
    int r = 0;

    if (!attachment)
        return -ENOENT;
    for (int d = 0; d < _DIRECTION_MAX; d++) {
        attachment->shown.attached[d] = is_ours(bpf, attachment, (Direction)d);
        if (!attachment->shown.attached[d])
            r = -ENODEV;
    }
    return r;
}

const Attachment *bpf_attachments(Datapath *datapath, size_t *ret_count)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;

    for (size_t i = 0; i < bpf->n_attachments; i++)
        bpf->shown[i] = bpf->attachments[i].shown;
    *ret_count = bpf->n_attachments;
    return bpf->shown;
}
