#!/usr/bin/env python3
"""notices.py LOG [HOW]: org.freedesktop.Notifications on the session bus, as a desktop has it.

Writes a line of JSON for each call: {"call": "Notify", "id": 1, "replaces": 0, "summary": …, "body": …}. HOW:
"plain" reads no markup, "silent" takes the calls and never answers.
"""

import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"


class Notices(dbus.service.Object):
    def __init__(self, bus, log, how):
        super().__init__(bus, "/org/freedesktop/Notifications")
        self.log, self.how, self.last = log, how, 0

    def note(self, **call):
        self.log.write(json.dumps(call) + "\n")
        self.log.flush()

    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u", async_callbacks=("done", "failed"))
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout, done, failed):  # noqa: N802
        del failed
        self.last += not replaces
        self.note(call="Notify", id=int(replaces) or self.last, replaces=int(replaces), app=str(app), icon=str(icon),
                  summary=str(summary), body=str(body), actions=len(actions), timeout=int(timeout), hints=len(hints))
        if self.how != "silent":
            done(int(replaces) or self.last)

    @dbus.service.method(NAME, in_signature="u")
    def CloseNotification(self, which):  # noqa: N802
        self.note(call="CloseNotification", id=int(which))

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self):  # noqa: N802
        return ["body"] if self.how == "plain" else ["body", "body-markup"]

    @dbus.service.method(NAME, out_signature="ssss")
    def GetServerInformation(self):  # noqa: N802
        return ("notices", "qxfs", "1", "1.2")


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    with open(sys.argv[1], "a") as log:
        service = Notices(bus, log, sys.argv[2] if len(sys.argv) > 2 else "")
        name = dbus.service.BusName(NAME, bus)  # from here on it is found
        service.note(call="ready", name=name.get_name())
        GLib.MainLoop().run()


if __name__ == "__main__":
    main()
