from label_command import films, label, made_films, out, server

__all__ = ["films", "label", "made_films", "out", "server"]
