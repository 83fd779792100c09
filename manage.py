#!/usr/bin/env python3
"""The one entrance: builds the environment, then runs `up`, `test`, `quality` or a Django command."""

import os
import sys
import types

ROOT = os.path.dirname(os.path.abspath(__file__))


def main():
    """Run one command. Written so that an old Python still reads it and can say that it is too old."""
    if sys.version_info < (3, 11):
        sys.exit(
            "Kirikae needs Python 3.11 or newer; this is %d.%d (%s).\n"
            "Start manage.py with a newer one, for example: python3.11 manage.py up"
            % (sys.version_info[0], sys.version_info[1], sys.executable)
        )
    if os.name != "posix":
        sys.exit("Kirikae runs on Linux and macOS. On Windows use it inside WSL.")
    # `config/__init__.py` imports Celery, which is not there before the environment is built. A bare stand-in
    # with the same path makes the standard-library modules beside it importable without running it.
    stand_in = types.ModuleType("config")
    stand_in.__path__ = [os.path.join(ROOT, "config")]
    sys.modules["config"] = stand_in
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    from config import bootstrap

    bootstrap.enter(sys.argv)  # does not come back when it had to change the interpreter
    from config import commands

    sys.exit(commands.run(sys.argv[1:]))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
