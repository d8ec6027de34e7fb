# SPDX-License-Identifier: MIT
"""A program on a TCX hook that counts what passes it, and what of it is from the blacklisted sources of tests/bench/flood:
one in front of ntc and one behind it know, to the packet, what ntc must have counted and dropped."""
import ctypes
import os
import socket
import struct

from kernel import (LINK_CREATE, MAP_CREATE, MAP_LOOKUP, MAP_TYPE_ARRAY, PROG_TYPE_SCHED_CLS, TCX_INGRESS, address_of,
                    bpf, instruction, load_map_fd, load_program)

BEFORE = 1 << 3  # BPF_F_BEFORE: with no other program named, first of all
ALL, BLACKLISTED = 0, 1


def signed(word):
    return word - (1 << 32) if word >> 31 else word


def load_half(offset):
    return instruction(0x28, immediate=offset)


def load_word(offset):
    return instruction(0x20, immediate=offset)


def jump_if_equal(word, offset):
    return instruction(0x16, offset=offset, immediate=signed(word))  # of 32 bits


def masked(word):
    return instruction(0x54, immediate=signed(word))


def jump(offset):
    return instruction(0x05, offset=offset)


def count(fd, index):
    return (instruction(0x62, 10, 0, -4, index)     # *(u32 *)(r10 - 4) = index
            + load_map_fd(1, fd)
            + instruction(0xBF, 2, 10)              # r2 = r10 - 4
            + instruction(0x07, 2, 0, 0, -4)
            + instruction(0x85, 0, 0, 0, 1)         # bpf_map_lookup_elem
            + instruction(0x15, 0, 0, 2, 0)         # if r0 == 0 goto +2
            + instruction(0xB7, 1, 0, 0, 1)         # r1 = 1
            + instruction(0xDB, 0, 1, 0, 0))        # lock *(u64 *)(r0) += r1


def program(fd):
    """198.18.0.0/15 and 2001:db8:bad::/48, of Ethernet frames."""
    black = count(fd, BLACKLISTED)
    size = len(black) // 8
    return (instruction(0xBF, 6, 1)                 # r6 = ctx
            + count(fd, ALL)
            + load_half(12)
            + jump_if_equal(0x0800, 2)
            + jump_if_equal(0x86DD, 5)
            + jump(7 + size)
            + load_word(26)
            + masked(0xFFFE0000)
            + jump_if_equal(0xC6120000, 4)
            + jump(3 + size)
            + load_word(26)
            + masked(0xFFFF0000)
            + instruction(0x56, offset=size, immediate=0x0BAD0000)  # if it is not: over it
            + black
            + instruction(0xB7, immediate=-1)       # next
            + instruction(0x95))


class Witness:
    def __init__(self, namespace, interface, flags=0):
        self.map, _ = bpf(MAP_CREATE, struct.pack("<IIII", MAP_TYPE_ARRAY, 4, 8, 2))
        self.program = load_program(PROG_TYPE_SCHED_CLS, program(self.map), "witness")
        with namespace.inside():
            index = socket.if_nametoindex(interface)
            self.link, _ = bpf(LINK_CREATE, struct.pack("<IIII", self.program, index, TCX_INGRESS, flags))

    def count(self, which):
        key = ctypes.create_string_buffer(struct.pack("<I", which), 4)
        value = ctypes.create_string_buffer(8)
        bpf(MAP_LOOKUP, struct.pack("<IIQQQ", self.map, 0, address_of(key), address_of(value), 0))
        return struct.unpack("<Q", value.raw)[0]

    def close(self):
        for fd in (self.link, self.program, self.map):
            os.close(fd)
