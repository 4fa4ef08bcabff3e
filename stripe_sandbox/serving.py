"""A small threaded HTTP server for one sandbox: keep-alive, quiet, local."""

from __future__ import annotations

import logging
import threading
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from stripe_sandbox.sandbox import Sandbox


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the server's own `Date`: the application says what time it is here."""
        self.send_response_only(code, message)

    def log_request(self, *args: Any) -> None:
        return None

    def log_error(self, *args: Any) -> None:
        return None


class Server:
    """`start()` serves in a thread; `serve()` in this one."""

    def __init__(self, app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        self._server: BaseWSGIServer = make_server(host, port, app, threaded=True, request_handler=_Handler)
        self.port = self._server.server_port
        self.url = f"http://{host}:{self.port}"
        self.sandbox: Sandbox = app.extensions["sandbox"]

    def start(self) -> None:
        self.sandbox.start()
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name=f"sandbox-{self.port}"
        ).start()

    def serve(self) -> None:
        logging.getLogger("stripe_sandbox").info("sandbox.started url=%s", self.url)
        self.sandbox.start()
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.sandbox.stop()
