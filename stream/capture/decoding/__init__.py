"""The decoder process: opens a source, decodes it, and puts its pictures into shared memory."""
