# SPDX-License-Identifier: MIT
"""Network namespaces. Sockets are made inside one by a short visit (setns) and stay there, so that one process
sees several."""
import contextlib
import json
import os
import socket
import subprocess

from process import die_with_parent, libc, run

CLONE_NEWNET = 0x40000000


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def run(self, *command):
        return run("ip", "netns", "exec", self.name, *command)

    def popen(self, *command, **options):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command],
                                preexec_fn=die_with_parent, **options)

    @contextlib.contextmanager
    def inside(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        assert libc.setns(self.fd, CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert libc.setns(home, CLONE_NEWNET) == 0
            os.close(home)

    def socket(self, family, kind=socket.SOCK_STREAM, protocol=0):
        with self.inside():
            return socket.socket(family, kind, protocol)

    def statistics(self, interface):
        link = json.loads(self.ip("-j", "-s", "-s", "link", "show", "dev", interface))[0]
        return link["stats64"]

    def mac(self, interface):
        link = json.loads(self.ip("-j", "link", "show", "dev", interface))[0]
        return bytes.fromhex(link["address"].replace(":", ""))

    def delete(self):
        os.close(self.fd)
        subprocess.run(["ip", "netns", "delete", self.name])


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET
