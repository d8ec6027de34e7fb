# SPDX-License-Identifier: MIT
"""A journal of the test's own: a real systemd-journald over folders of the test, which only it and
the programs started through enter() see.

    with World() as world, PrivateJournal(world) as journal:
        ntc = world.launch(config, program=journal.enter(os.environ["NTC_BINARY"]))
"""
import json
import signal
import subprocess
import uuid

from process import die_with_parent

# Mounts vanish with the process that enters: they are in a mount namespace of its own.
from waiting import expect

# Mounts vanish with the process that enters: they are in a mount namespace of its own.
ENTER = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log
mount --bind "$0/socket" /run/systemd/journal
mount --bind "$0/volatile" /run/log
mount --bind "$0/log" /var/log
mount --bind "$0/machine-id" /etc/machine-id
exec "$@"
"""


class PrivateJournal:
    def __init__(self, world, persistent=True):
        self.folder = world.folder / "private-journal"
        self.persistent = persistent
        self.daemon = None

    def enter(self, *program):
        return ["unshare", "--mount", "sh", "-c", ENTER, str(self.folder), *program]

    def start(self):
        self.daemon = subprocess.Popen(self.enter("/lib/systemd/systemd-journald"), preexec_fn=die_with_parent,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        expect(lambda: (self.folder / "socket/socket").exists() or self.daemon.poll(), True)

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(10)
        (self.folder / "socket/socket").unlink(missing_ok=True)

    def __enter__(self):
        for name in ("socket", "volatile", "log"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "machine-id").write_text(uuid.uuid4().hex + "\n")
        if self.persistent:  # what journald otherwise waits for until /var is there
            (self.folder / "socket/flushed").touch()
        if self.persistent:
            (self.folder / "log/journal").mkdir()
        self.start()
        return self

    def __exit__(self, *_):
        if self.daemon.poll() is None:
            self.stop()

    def entries(self, *matches):
        """What journalctl finds, each entry as a dictionary."""
        output = subprocess.run(self.enter("journalctl", "--output=json", "--quiet", *matches), text=True,
                                capture_output=True, check=True).stdout
        return [json.loads(line) for line in output.splitlines()]

    def log(self, fields, user):
        """Sends an entry with these fields (NAME=value, one a line) as somebody."""
        subprocess.run(self.enter("setpriv", "--reuid", user, "logger", "--journald"), input=fields, text=True,
                       check=True)

    def flush(self):
        """Everything sent so far is written."""
        subprocess.run(self.enter("journalctl", "--sync"), check=False, capture_output=True)
