"""How the web server runs: in the demo, the container, under systemd, in the benchmark. Command lines may add to it.

The application is loaded once and then forked, so that processes share what they do not change: two of them need a
third less memory than two that load it each.
"""

import gc
import logging

from gunicorn.glogging import Logger


class WithoutKeys(Logger):
    """gunicorn's own log, less every token and mail address: some of our addresses are keys (core/logs.py)."""

    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(_redact)

    def atoms(self, resp, req, environ, request_time):
        from portal.core.logs import redacted

        found = super().atoms(resp, req, environ, request_time)
        return {name: redacted(value) if isinstance(value, str) else value for name, value in found.items()}


def _redact(record):
    from portal.core.logs import redacted

    record.msg, record.args = redacted(record.getMessage()), ()
    if record.exc_info:
        record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
    return True


logger_class = WithoutKeys
worker_class = "gthread"
threads = 8
preload_app = True
control_socket_disable = True


def when_ready(_server):
    """Before the first fork: what is loaded stays, so the collector need not walk (and so copy) it in each process."""
    gc.collect()
    gc.freeze()


def post_fork(_server, worker):
    """No database connection crosses a fork. Loading the application opens none; this keeps it so."""
    app = worker.app.wsgi()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose(close=False)
