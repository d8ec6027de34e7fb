# SPDX-License-Identifier: MIT
"""ntc --mock on a free port of this machine, with a feed and traffic, for as long as a with lasts."""
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Mock:
    """with Mock(program) as ntc: ntc.page() ..."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = pathlib.Path(self.folder.name) / "config.yaml"
        (config.parent / "some.list").write_text("198.51.100.7\n")
        config.write_text(f"server:\n  port: {self.port}\n  listen: [127.0.0.1]\nmock:\n  rate: 2000\n"
                          f"persistence:\n  path: {self.folder.name}/lists.json\n"
                          f"feeds:\n  blacklist_folder: {self.folder.name}\n")
        self.process = subprocess.Popen([self.program, "--mock", "--config", config], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while b"ntc_ip_syn_count{" not in self.page()[1]:
            assert time.monotonic() < until, "ntc --mock shows no traffic"
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.folder.cleanup()

    def page(self, accept=None):
        """(content type, body) of /metrics; empty while nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics",
                                         headers={"Accept": accept} if accept else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.headers["Content-Type"], answer.read()
        except urllib.error.URLError:
            return "", b""
