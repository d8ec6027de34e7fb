#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the system tests: real packets through the daemon named by NTC_BINARY, in private network
namespaces. A line a test: PASS or FAIL, its name, how long it took. Needs root.

    tests/system/run.py [--name PREFIX] [--folder FOLDER] [--jobs N] [--again] [--hard] [WORD...]

runs only tests whose name contains a WORD, of this folder or another; --again leaves out those that are
marked as once; --hard runs those that are marked as hard, and only them.

Each test is a function test_*() in a file test_*.py and runs in a process of its own, which must end
within TIMEOUT seconds, or those that it is marked to take. What a killed one leaves behind is removed by its name.
"""
import argparse
import contextlib
import importlib
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TIMEOUT = 90
HERE = pathlib.Path(__file__).resolve().parent


def discover(folder):
    sys.path[:0] = map(str, (folder, HERE, HERE.parent))
    for path in sorted(folder.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function):
                yield f"{path.stem[5:]}/{name[5:]}", function


def child(function, output):
    """In the forked process: never returns."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # whatever ends a test is its failure
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def remove_leftovers(pid):
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        name = line.split()[0]
        if name.startswith(f"ntc-test-{pid}-"):
            subprocess.run(["ip", "netns", "delete", name])
    until = time.monotonic() + 3  # the processes of a killed machine are still dying
    while (left := list(pathlib.Path("/sys/fs/cgroup").glob(f"*/ntc-test-{pid}"))) and time.monotonic() < until:
        for folder in [folder for path in left for folder, _, _ in os.walk(path, topdown=False)]:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


class Running:
    """A test that has been started."""

    def __init__(self, name, function):
        self.name = name
        self.output = tempfile.TemporaryFile()
        self.begin = time.monotonic()
        self.timeout = getattr(function, "timeout", TIMEOUT)
        self.pid = os.fork()
        if self.pid == 0:
            child(function, self.output.fileno())
        self.watch = os.pidfd_open(self.pid)
        self.late = False

    def give_up(self):
        self.late = True
        os.kill(self.pid, signal.SIGINT)  # its cleanup still runs
        time.sleep(3)
        os.kill(self.pid, signal.SIGKILL)

    def finish(self):
        """(passed, output, seconds)"""
        os.close(self.watch)
        _, status = os.waitpid(self.pid, 0)
        remove_leftovers(self.pid)
        self.output.seek(0)
        text = self.output.read().decode(errors="replace")
        self.output.close()
        if self.late:
            text += f"\nnot done after {self.timeout} s\n"
        return status == 0 and not self.late, text, time.monotonic() - self.begin


def ended(running):
    """Waits until one of them has ended, or is given up, and takes it off the list."""
    ready, _, _ = select.select([test.watch for test in running], [], [], 1)
    for test in running:
        if test.watch in ready:
            running.remove(test)
            return test
        if time.monotonic() - test.begin > test.timeout:
            test.give_up()
            running.remove(test)
            return test
    return None


def run_all(tests, jobs, prefix):
    """How many failed."""
    waiting, running, failed = list(tests), [], 0
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(Running(*waiting.pop(0)))
        test = ended(running)
        if test is None:
            continue
        good, text, seconds = test.finish()
        print("PASS" if good else "FAIL", f"{prefix}/{test.name} {seconds:.1f} s", flush=True)
        if not good:
            print("    " + text.strip().replace("\n", "\n    "), flush=True)
            failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="system")
    parser.add_argument("--folder", type=pathlib.Path, default=HERE)
    parser.add_argument("--jobs", type=int, default=min(4, len(os.sched_getaffinity(0))))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("system tests need root")
    if not os.access(os.environ.get("NTC_BINARY", ""), os.X_OK):
        sys.exit("NTC_BINARY must name the daemon's program")
    os.environ["NTC_BINARY"] = os.path.abspath(os.environ["NTC_BINARY"])
    tests = [(name, function) for name, function in discover(arguments.folder)
             if (not arguments.words or any(word in name for word in arguments.words))
             and not (arguments.again and hasattr(function, "once"))
             and arguments.hard == hasattr(function, "hard")]
    tests.sort(key=lambda test: not hasattr(test[1], "long"))
    if not tests:
        sys.exit("no such test")
    tests.sort(key=lambda test: -getattr(test[1], "timeout", TIMEOUT))  # the longest first
    alone = [test for test in tests if hasattr(test[1], "alone")]
    failed = run_all([test for test in tests if test not in alone], arguments.jobs, arguments.name)
    failed += run_all(alone, 1, arguments.name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
