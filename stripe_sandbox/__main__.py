"""`python -m stripe_sandbox --port 8411 --database instance/sandbox.sqlite`"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys

from stripe_sandbox.app import create_app
from stripe_sandbox.serving import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="stripe_sandbox", description="A stand-in for Stripe. No money moves.")
    parser.add_argument("--host", default=os.environ.get("SANDBOX_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8411")))
    parser.add_argument("--database", default=os.environ.get("SANDBOX_DATABASE", "instance/sandbox.sqlite"))
    parser.add_argument("--seed", type=int, default=None, help="shuffle deliveries with this seed")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = Server(create_app(given.database, seed=given.seed), host=given.host, port=given.port)
    logging.getLogger("stripe_sandbox").info(
        "Simulated Stripe at %s, control page %s/_sandbox/ (no money moves)", server.url, server.url
    )
    try:
        server.serve()
    except (KeyboardInterrupt, SystemExit):
        return


if __name__ == "__main__":
    main()
