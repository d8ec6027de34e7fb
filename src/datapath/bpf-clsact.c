/* SPDX-License-Identifier: MIT */
#include "datapath/bpf-clsact.h"

#include "base/cleanup.h"

#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define PROGRAM_NAME_PREFIX "ntc_" /* all programs of bpf/ntc.bpf.c */
#define PRIORITIES_MAX      64

/* What the filters of one hook say. */
typedef struct Chain {
    int ours;                  /* priority of our filter; 0 */
    bool used[PRIORITIES_MAX]; /* priorities that hold anything */
} Chain;

static struct bpf_tc_hook hook_of(uint32_t ifindex, Direction direction)
{
    return (struct bpf_tc_hook){
            .sz = sizeof(struct bpf_tc_hook),
            .ifindex = (int)ifindex,
            .attach_point = direction == DIRECTION_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS,
    };
}

static int on_option(const struct nlattr *attribute, void *data)
{
    bool *ours = data;

    /* libbpf names a filter "program:[id]". */
    if (mnl_attr_get_type(attribute) == TCA_BPF_NAME)
        *ours = strncmp(mnl_attr_get_str(attribute), PROGRAM_NAME_PREFIX,
                        strlen(PROGRAM_NAME_PREFIX)) == 0;
    return MNL_CB_OK;
}

static int on_filter(const struct nlmsghdr *header, void *data)
{
    const struct tcmsg *filter = mnl_nlmsg_get_payload(header);
    unsigned priority = filter->tcm_info >> 16;
    const struct nlattr *attribute;
    bool is_bpf = false, named = false;
    Chain *chain = data;

    mnl_attr_for_each(attribute, header, sizeof(*filter))
    {
        if (mnl_attr_get_type(attribute) == TCA_KIND)
            is_bpf = strcmp(mnl_attr_get_str(attribute), "bpf") == 0;
        else if (mnl_attr_get_type(attribute) == TCA_OPTIONS && is_bpf)
            mnl_attr_parse_nested(attribute, on_option, &named);
    }
    if (priority < PRIORITIES_MAX)
        chain->used[priority] = true;
    if (is_bpf && named && filter->tcm_handle == CLSACT_HANDLE)
        chain->ours = (int)priority;
    return MNL_CB_OK;
}

static void socket_closep(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

/* All filters of the hook; an interface without clsact has none. */
static int read_chain(uint32_t ifindex, Direction direction, Chain *ret)
{
    _cleanup_(socket_closep) struct mnl_socket *socket =
            mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    char buffer[32768];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct tcmsg *request;
    int r = MNL_CB_OK;

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    header->nlmsg_type = RTM_GETTFILTER;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = 1;
    request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
    request->tcm_family = AF_UNSPEC;
    request->tcm_ifindex = (int)ifindex;
    request->tcm_parent = TC_H_MAKE(
            TC_H_CLSACT, direction == DIRECTION_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return -errno;
    *ret = (Chain){};
    while (r > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

        if (n < 0)
            return -errno;
        r = mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), on_filter, ret);
    }
    return r < 0 ? -errno : 0;
}

static int first_free(const Chain *chain)
{
    for (int priority = 1; priority < PRIORITIES_MAX; priority++)
        if (!chain->used[priority])
            return priority;
    return -EBUSY;
}

int clsact_attach(uint32_t ifindex, Direction direction, int prog_fd)
{
    struct bpf_tc_hook hook = hook_of(ifindex, direction);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = prog_fd, .handle = CLSACT_HANDLE);
    Chain chain;
    int r = bpf_tc_hook_create(&hook);

    if (r < 0 && r != -EEXIST)
        return r;
    r = read_chain(ifindex, direction, &chain);
    if (r < 0)
        return r;
    r = chain.ours ? chain.ours : first_free(&chain);
    if (r < 0)
        return r;
    options.priority = (__u32)r;
    options.flags = chain.ours ? BPF_TC_F_REPLACE : 0;
    r = bpf_tc_attach(&hook, &options);
    return r < 0 ? r : (int)options.priority;
}

int clsact_find(uint32_t ifindex, Direction direction)
{
    Chain chain;
    int r = read_chain(ifindex, direction, &chain);

    return r < 0 ? r : chain.ours;
}

int clsact_detach(uint32_t ifindex, Direction direction)
{
    struct bpf_tc_hook hook = hook_of(ifindex, direction);
    int priority = clsact_find(ifindex, direction);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = (__u32)priority);
    int r;

    if (priority <= 0)
        return priority;
    r = bpf_tc_detach(&hook, &options);
    return r < 0 ? r : 1;
}
