"""Messages, their bytes on the wire, and the ZeroMQ sockets they travel through."""
