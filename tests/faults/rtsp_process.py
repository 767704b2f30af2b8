"""GStreamer's RTSP server on 127.0.0.1, fed with prepared access units; run by Debian's own Python.

    /usr/bin/python3 rtsp_process.py UNITS RATE USER PASSWORD PORT TRANSPORT

``UNITS`` holds access units, each after its length (4 bytes, big-endian). An empty user needs no login, port
0 is any, the transport is ``any`` or ``udp``. Prints the port, then reads words from standard
input: ``stall`` and ``go``.
"""

import struct
import sys
import threading
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=feed is-live=true format=time do-timestamp=true "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au "
    "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
)


def units(path):
    data = Path(path).read_bytes()
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class Feeding(GstRtspServer.RTSPMediaFactory):
    """One shared media: access units at a steady rate while nobody stalls it."""

    def __init__(self, frames, rate):
        super().__init__()
        self.frames, self.period = frames, int(1000 / rate)
        self.stalled = False
        self.set_launch(LAUNCH)
        self.set_shared(True)
        self.connect("media-configure", self.configured)

    def configured(self, _factory, media):
        source = media.get_element().get_child_by_name("feed")
        number = [0]

        def push():
            if not self.stalled:
                data = self.frames[number[0] % len(self.frames)]
                number[0] += 1
                if source.emit("push-buffer", Gst.Buffer.new_wrapped(data)) != Gst.FlowReturn.OK:
                    return False
            return True

        GLib.timeout_add(self.period, push)


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[5] if len(sys.argv) > 5 else "0")
    factory = Feeding(units(sys.argv[1]), float(sys.argv[2]))
    if len(sys.argv) > 6 and sys.argv[6] == "udp":
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if len(sys.argv) > 4 and sys.argv[3]:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(sys.argv[3], sys.argv[4]), token)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.new_from_string("user, media.factory.access=true, media.factory.construct=true")
        )
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()

    def obey():
        for line in sys.stdin:
            factory.stalled = line.strip() == "stall"
        loop.quit()

    threading.Thread(target=obey, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
