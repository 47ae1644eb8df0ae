"""Development server: `python -m sandbox --port 5001` serves the sandbox alone on this machine."""

import argparse
import sys
from pathlib import Path

from . import create_sandbox
from .check import command
from .check.table import BadFile
from .server import controls_token

SHOP = "http://127.0.0.1:5000"  # where `make run` serves it


def main() -> None:
    """Serve on loopback until interrupted."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--database", type=Path, default=Path("instance/sandbox.sqlite3"))
    parser.add_argument("--shop", default=SHOP, help=f"the shop's origin, such as https://shop.example; else {SHOP}")
    parser.add_argument("--clock-url", default="", help="the shop's address that moves the clock, if it has one")
    parser.add_argument("--shop-file", type=Path, help="how the shop describes itself, for the attack lab")
    options = parser.parse_args()
    try:
        app = create_sandbox(
            options.database,
            shop_origin=options.shop,
            controls_token=controls_token(),
            clock_url=options.clock_url,
            shop_file=options.shop_file,
        )
    except BadFile as error:
        parser.error(str(error))
    app.run(host="127.0.0.1", port=options.port, threaded=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        sys.exit(command.main(sys.argv[2:]))
    main()
