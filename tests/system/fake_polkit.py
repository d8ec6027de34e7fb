# SPDX-License-Identifier: MIT
"""polkit's name on a private bus, answering as the test says, or not at all.

    polkit = FakePolkit(bus)
    call = nobody.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
    question = polkit.asked()
    assert question.action == "org.ntc.edit-blacklist"
    polkit.answer(question, yes=True)
    assert nobody.reply(call) == [True]
"""
from collections import namedtuple

import dbus_wire
from private_bus import DRIVER, Connection

NAME = "org.freedesktop.PolicyKit1"
Question = namedtuple("Question", "message subject action details interactive id")


class FakePolkit(Connection):
    def __init__(self, bus):
        super().__init__(bus.socket)
        bus.connections.append(self)
        assert self.call(*DRIVER, "RequestName", "su", NAME, 0) == [1]

    def asked(self, within=10.0):
        """The next question; None: nobody asks."""
        message = self.receive(lambda m: m.kind == dbus_wire.CALL and m.member == "CheckAuthorization", within)
        if message is None:
            return None
        assert message.interface == NAME + ".Authority", message
        assert message.path == "/org/freedesktop/PolicyKit1/Authority", message
        (kind, subject), action, details, flags, cancellation = message.body
        assert kind == "system-bus-name" and list(subject) == ["name"], message.body
        return Question(message, subject["name"][1], action, details, bool(flags & 1), cancellation)

    def cancelled(self, within=10.0):
        """The id of the next question that needs no answer any more."""
        message = self.receive(lambda m: m.member == "CancelCheckAuthorization", within)
        return message and message.body[0]

    def reply_to(self, question, signature, *body):
        self.send(dbus_wire.RETURN, signature, body, destination=question.message.sender,
                  reply_to=question.message.serial)

    def answer(self, question, yes, challenge=False):
        self.reply_to(question, "(bba{ss})", (yes, challenge, {}))

    def fail(self, question, name="org.freedesktop.PolicyKit1.Error.Failed"):
        self.send(dbus_wire.ERROR, "s", ["no idea"], destination=question.message.sender, error=name,
                  reply_to=question.message.serial)
