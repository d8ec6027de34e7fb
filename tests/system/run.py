#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the system tests: real packets through the daemon named by NTC_BINARY, in private network
namespaces. A line a test: PASS or FAIL, its name, how long it took. Needs root.

    tests/system/run.py [--name PREFIX] [WORD...]     only tests whose name contains a WORD

Each test is a function test_*() in a file test_*.py and runs in a process of its own, which must end
within TIMEOUT seconds. What a killed one leaves behind is removed by its name.
"""
import argparse
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
HERE = pathlib.Path(__file__).parent


def discover():
    for path in sorted(HERE.glob("test_*.py")):
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


def run(function):
    """(passed, output)"""
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            child(function, output.fileno())
        watch = os.pidfd_open(pid)
        late = not select.select([watch], [], [], TIMEOUT)[0]
        os.close(watch)
        if late:
            os.kill(pid, signal.SIGINT)  # its cleanup still runs
            time.sleep(3)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        remove_leftovers(pid)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if late:
        text += f"\nnot done after {TIMEOUT} s\n"
    return status == 0 and not late, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="system")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("system tests need root")
    if not os.access(os.environ.get("NTC_BINARY", ""), os.X_OK):
        sys.exit("NTC_BINARY must name the daemon's program")
    os.environ["NTC_BINARY"] = os.path.abspath(os.environ["NTC_BINARY"])
    failed = 0
    for name, function in discover():
        if arguments.words and not any(word in name for word in arguments.words):
            continue
        begin = time.monotonic()
        good, text = run(function)
        print("PASS" if good else "FAIL", f"{arguments.name}/{name} {time.monotonic() - begin:.1f} s",
              flush=True)
        if not good:
            print("    " + text.strip().replace("\n", "\n    "), flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
