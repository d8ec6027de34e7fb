# SPDX-License-Identifier: MIT
"""scripts/deploy.sh against a booted Debian as "the Pi": its own sshd, a user with sudo, and no way to the internet.

The script runs beside it, in the namespace of the peer. What the Pi's apt asks for is in its cache."""
import os
import shutil
import subprocess

from debian import BUILD, DebianMachine, ROOT, package
from machine import expect, run
from marks import takes
from stream import FOE, HOST


class Pi(DebianMachine):
    """A minimal Debian that one reaches by ssh."""

    def __enter__(self):
        super().__enter__()
        self.apt("install", "openssh-server", "sudo")
        self.run("useradd", "--create-home", "--shell", "/bin/bash", "pi")
        self.write("/etc/hosts", "127.0.0.1 localhost machine\n")
        self.write("/etc/sudoers.d/pi", "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440)
        self.key = self.folder / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        self.write("/home/pi/.ssh/authorized_keys", self.key.with_suffix(".pub").read_text())
        self.run("chown", "-R", "pi:pi", "/home/pi/.ssh")
        self.systemctl("start", "ssh.service")
        return self

    def deploy(self, target, **settings):
        options = f"-i {self.key} -o UserKnownHostsFile={self.folder}/known -o IdentitiesOnly=yes -F none"
        settings = {"RPI_HOST": HOST, "RPI_USER": "pi", "RPI_DIR": "ntc", "RPI_SSH_OPTIONS": options, **settings}
        return subprocess.run(["ip", "netns", "exec", self.peer.name, str(ROOT / "scripts/deploy.sh"), target],
                              env={**os.environ, **settings}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)

    def deployed(self, target, **settings):
        done = self.deploy(target, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, target, **settings):
        done = self.deploy(target, **settings)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def works(self):
        expect(lambda: self.run("systemctl", "is-active", "ntc.service", check=False), "active\n")
        expect(lambda: self.ntc.request("GET", "/healthz").status, 200)
        self.run("ntcctl", "block", FOE)
        assert not self.udp(self.peer, FOE, self.host, HOST)


class FullPi(Pi):
    """The same, of this machine's own root: all is there that a build needs."""
    lower = "/"

    def furnish(self):
        super().furnish()
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)  # images of containers have one: no service starts
        for cached in (BUILD / "root/var/cache/apt/archives").glob("*.deb"):
            shutil.copy2(cached, self.root / "var/cache/apt/archives")


@takes(240)
def test_rpi():
    with Pi() as pi:
        assert "rpi-install-service" in pi.deployed("rpi")
        assert f"http://{HOST}:8086/" in pi.deployed("rpi-install-service")
        pi.works()
        # All of it once more changes nothing.
        pi.deployed("rpi")
        pi.deployed("rpi-install-service")
        assert FOE in pi.ntc.entries("blacklist") and not pi.udp(pi.peer, FOE, pi.host, HOST)
        assert pi.run("ls", "/home/pi/ntc") == f"{package().name}\n"


@takes(600)
def test_rpi_build():
    with FullPi() as pi:
        for _ in range(2):
            pi.deployed("rpi-install-dependencies", NTC_NO_WEB="1")
            pi.deployed("rpi-build", NTC_NO_WEB="1")
        pi.deployed("rpi-install-service")
        pi.works()


@takes(240)
def test_says_what_is_missing():
    with Pi() as pi:
        assert "deploy.env.example" in pi.refused("rpi", RPI_HOST="")
        assert "letters, digits" in pi.refused("rpi", RPI_DIR="a;b")
        assert "folder of ntc's own" in pi.refused("rpi", RPI_DIR="/")
        assert "no connection" in pi.refused("rpi", RPI_USER="nobody-there")
        assert "run scripts/deploy.sh rpi" in pi.refused("rpi-install-service")
        assert "apt install docker.io" in pi.refused("rpi-install-stack")
        pi.write("/usr/local/bin/uname", "#!/bin/sh\necho 5.10.0-8-arm64\n", 0o755)
        assert "5.15 or newer" in pi.refused("rpi")
        pi.write("/usr/local/bin/dpkg", "#!/bin/sh\necho arm64\n", 0o755)
        pi.write("/usr/local/bin/uname", "#!/bin/sh\necho 5.15.84-v8+\n", 0o755)
        assert "5.18 or newer" in pi.refused("rpi")
        pi.write("/usr/local/bin/uname", "#!/bin/sh\necho 6.1.21-v8+\n", 0o755)
        pi.write("/usr/local/bin/dpkg", "#!/bin/sh\necho armhf\n", 0o755)
        assert "64-bit" in pi.refused("rpi")
        assert "Usage" in subprocess.run([str(ROOT / "scripts/deploy.sh"), "nonsense"],
                                         capture_output=True, text=True).stderr


@takes(240)
def test_stack_is_started_by_compose():
    """Not the containers: what the script asks of Docker."""
    with Pi() as pi:
        pi.write("/usr/bin/docker", '#!/bin/sh\necho "$PWD $*" >>/var/tmp/docker.log\n', 0o755)
        pi.deployed("rpi-install-stack")
        assert pi.read("/var/tmp/docker.log").splitlines()[-1] == \
            "/home/pi compose -f ntc/monitoring/docker-compose.yml up -d"
        assert (pi.root / "home/pi/ntc/monitoring/grafana/dashboards/overview.json").exists()


@takes(240)
def test_local():
    for _ in range(2):
        run(str(ROOT / "scripts/deploy.sh"), "local", env={**os.environ, "NTC_NO_WEB": "1"})
        run("./ntc", "--check-config", cwd=ROOT / "execute")
        config = ROOT / "execute/config.yaml"
        text = config.read_text().removeprefix("# mine\n")
        config.write_text("# mine\n" + text)
    assert config.read_text() == "# mine\n" + text, "overwrote the configuration"
    assert "ntc" in run("./ntc", "--version", cwd=ROOT / "execute")
