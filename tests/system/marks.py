# SPDX-License-Identifier: MIT
"""What run.py is to know of a test."""


def alone(test):
    """Marks a test that measures time: it runs by itself."""
    test.alone = True
    return test


def once(test):
    """Marks a test that is not run again under the sanitizers: too heavy, or under strace to its end, where leaks
    can't be looked for."""
    test.once = True
    return test


def long(test):
    """Marks a test that mostly waits, for long: it begins first, so that nobody waits for it at the end."""
    test.long = True
    return test


def hard(test):
    """Marks a test that is too long for every run: scripts/test-hard.sh has it."""
    test.hard = True
    return test


def takes(seconds):
    """Marks a test that may take longer than the others."""
    def mark(test):
        test.timeout = seconds
        return test
    return mark
