"""``python -m stream`` is the ``undertone`` command."""

from stream.cli.app import main

if __name__ == "__main__":
    main()
