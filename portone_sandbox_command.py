"""The entry point of the installed command `portone-sandbox`, apart from the package, whose import takes a moment.

Ctrl-C within that moment ends the command without a traceback.
"""

from importlib import import_module

INTERRUPTED = 130  # exit status


def main() -> int:
    """Load the package and run its command; the exit status."""
    try:
        return int(import_module("portone_sandbox.__main__").main())
    except KeyboardInterrupt:
        return INTERRUPTED
