# SPDX-License-Identifier: MIT
"""A running process under strace(1): which calls it makes, and how they may fail."""
import contextlib
import os
import subprocess

from process import die_with_parent


class Strace:
    """Looks at the calls that concern one of the paths, by the very names that the process uses; `options`, like
    injections: see strace(1)."""

    def __init__(self, pid, log, paths, *options):
        self.log = log
        words = [word for path in paths for word in ("-P", str(path))]
        self.process = subprocess.Popen(["strace", "-f", "-p", str(pid), *words, "-o", str(log), *options],
                                        stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        said = [self.process.stderr.readline()]
        while "attached" not in said[-1]:
            assert said[-1], f"strace of process {pid} ended: {''.join(said)}"
            said.append(self.process.stderr.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # asked to end, it may wait for ever for a thread of those that it killed
        self.process.communicate()

    def injected(self):
        return "(INJECTED)" in self.log.read_text()

    def calls(self):
        """Their names, in order."""
        lines = [line.split(None, 1)[1] for line in self.log.read_text().splitlines()]
        return [line.split("(")[0] for line in lines if "(" in line and not line.startswith(("<...", "+++", "---"))]


@contextlib.contextmanager
def instead_of_ntc(world, log, *options):
    """What is started as ntc runs under strace from its first call on, under the process id that it would have."""
    binary = os.path.abspath(os.environ["NTC_BINARY"])
    script = world.folder / "ntc-under-strace"
    words = " ".join(f"'{word}'" for word in ("strace", "-D", "-f", "-o", str(log), *options, binary))
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    os.environ["NTC_BINARY"] = str(script)
    try:
        yield
    finally:
        os.environ["NTC_BINARY"] = binary
