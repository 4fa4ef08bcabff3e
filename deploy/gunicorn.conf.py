"""How the web server runs: in the demo, the container, under systemd, in the benchmark. Command lines may add to it.

The application is loaded once and then forked, so that processes share what they do not change: two of them need a
third less memory than two that load it each.
"""

import gc

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
