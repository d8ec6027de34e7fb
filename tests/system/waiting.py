# SPDX-License-Identifier: MIT
"""Until something is as it should be."""
import time


def expect(what, wanted, within=5.0):
    """Waits until what() == wanted."""
    until = time.monotonic() + within
    while (value := what()) != wanted:
        assert time.monotonic() < until, f"wanted {wanted!r}, still {value!r} after {within} s"
        time.sleep(0.02)


def settled(what, quiet=0.5, within=10.0):
    """The value of what() once it has not changed for `quiet` seconds."""
    until = time.monotonic() + within
    value, since = what(), time.monotonic()
    while time.monotonic() - since < quiet:
        assert time.monotonic() < until, "does not settle"
        time.sleep(0.05)
        now = what()
        if now != value:
            value, since = now, time.monotonic()
    return value
