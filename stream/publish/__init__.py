"""Messages, their encoding, and the ZeroMQ sockets that carry them."""
