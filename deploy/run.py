"""The demo as one command: `make run` calls this after installing.

Writes secrets, brings the tables up to date and fills an empty database with demo people, then runs the Stripe
sandbox, the web server and the worker until Ctrl-C, SIGTERM or the end of one of them. Standard library only.

    PORT=8000 SANDBOX_PORT=8400   where to begin looking for free ports
    HOST=127.0.0.1                the address the web server listens on
    PORTAL_INSTANCE=instance      where secrets, databases, files and letters live
    DATABASE_URL=postgresql://…   another database than the instance's SQLite file
    FRESH=1                       move the old demo data aside and start over
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
FLASK = (PYTHON, "-m", "flask", "--app", "wsgi")
OUR_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_LIMIT = 120  # seconds until a server must answer; a cold disk and a busy machine included
STOP_LIMIT = 10  # seconds a program may take to finish what it is doing


class Stop(Exception):
    """The reason to stop everything; an empty one means somebody asked for it."""


def main() -> None:
    if "--with-parent" in sys.argv:
        _die_with_parent()
    instance = Path(os.environ.get("PORTAL_INSTANCE") or ROOT / "instance").resolve()
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _hold(instance)
    if os.environ.get("FRESH", "") not in {"", "0"}:
        set_aside(instance)

    port = _free_port(int(os.environ.get("PORT") or 8000), "PORT")
    sandbox_port = _free_port(int(os.environ.get("SANDBOX_PORT") or 8400), "SANDBOX_PORT", taken=port)
    env = environment(instance, port, sandbox_port)
    _write(lock, f"process {os.getpid()} at {env['PUBLIC_URL']}")

    programs = Programs(env)
    try:
        serve(programs, instance, port, sandbox_port)
    except Stop as stop:
        if str(stop):
            say(f"{stop} Stopping the rest.")
        programs.stop()
        say("All stopped.")
        sys.exit(1 if str(stop) else 0)
    except BaseException:
        programs.stop()
        raise


def serve(programs: Programs, instance: Path, port: int, sandbox_port: int) -> None:
    """Start everything in the order in which it needs each other, then watch. Ends by raising Stop."""
    host, env = os.environ.get("HOST") or "127.0.0.1", programs.env
    sandbox_file = instance / "sandbox.sqlite"
    already_prepared = is_prepared(instance, env)

    programs.start(
        "sandbox", PYTHON, "-m", "stripe_sandbox", "--port", str(sandbox_port), "--database", str(sandbox_file)
    )
    if not already_prepared:
        say("Setting up the database and the demo (only the first time)")
        programs.wait_for("sandbox", "127.0.0.1", sandbox_port, "/health")
        hold_news(sandbox_port, True)
        programs.run("setup", *FLASK, "db", "upgrade")
        programs.run("setup", *FLASK, "billing", "sync-prices")
        programs.run("setup", *FLASK, "seed")
        remember_prepared(instance, env)

    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = ("--config", str(ROOT / "deploy" / "gunicorn.conf.py"), "--workers", "1")
    quiet = ("--graceful-timeout", "5", "--log-level", "warning")
    programs.start("web", PYTHON, "-m", "gunicorn", *options, *quiet, "--bind", address, "wsgi:app")
    programs.wait_for("sandbox", "127.0.0.1", sandbox_port, "/health")
    programs.wait_for("web", {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, "/health/live")
    hold_news(sandbox_port, False)
    # Last, so that on a small machine it does not take the processor from whoever waits for the first page.
    programs.start("worker", *FLASK, "jobs", "work")
    greet(instance, env)
    programs.watch()


def hold_news(sandbox_port: int, hold: bool) -> None:
    """Whether the sandbox keeps its webhooks back: during the setting up there is nobody to hear them yet."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox_port, timeout=10)
    body = json.dumps({"hold": hold})
    connection.request("POST", "/_sandbox/deliveries", body, {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


def greet(instance: Path, env: dict[str, str]) -> None:
    address = env["PUBLIC_URL"]
    people = (instance / "people.txt").read_text() if (instance / "people.txt").exists() else ""
    lines = [
        "",
        f"  The portal is up:   {address}",
        "",
        *(f"  {line}" for line in people.splitlines()),
        "",
        f"  Letters it wrote:   {address}/outbox",
        f"  Simulated Stripe:   {env['STRIPE_API_BASE']}/_sandbox/ (a month later, a failed card, a lost delivery …)",
        "  A card that works:  4242 4242 4242 4242, any date ahead, any three digits (nothing is charged)",
        "  Ctrl-C stops it. The demo's data stays; `make run FRESH=1` starts over.",
        "",
    ]
    print("\n".join(lines), flush=True)


def environment(instance: Path, port: int, sandbox_port: int) -> dict[str, str]:
    """What the three programs read. Stripe is always the sandbox here, whatever keys this shell may hold."""
    host = os.environ.get("HOST") or "127.0.0.1"
    named = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::1", "::"} else host
    kept = secrets_of(instance)
    return {
        **os.environ,
        "PORTAL_ENV": "development",
        "PORTAL_INSTANCE": str(instance),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or f"http://{named}:{port}",
        "SECRET_KEY": kept["SECRET_KEY"],
        "STRIPE_SECRET_KEY": kept["STRIPE_SECRET_KEY"],
        "STRIPE_WEBHOOK_SECRET": kept["STRIPE_WEBHOOK_SECRET"],
        "STRIPE_API_BASE": f"http://127.0.0.1:{sandbox_port}",
        "SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{port}/billing/stripe/events",
        "SANDBOX_WEBHOOK_SECRET": kept["STRIPE_WEBHOOK_SECRET"],
        "PYTHONUNBUFFERED": "1",
    }


def secrets_of(instance: Path) -> dict[str, str]:
    """The demo's own secrets, made on the first start and readable by their owner only."""
    file = instance / "secrets.env"
    kept = {}
    if file.exists():
        file.chmod(0o600)
        kept = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(24)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
    }
    if made.keys() - kept.keys():
        kept = made | kept
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.writelines(f"{name}={value}\n" for name, value in kept.items())
    return kept


def set_aside(instance: Path) -> None:
    """Move the demo's data into a dated folder. Nothing is deleted, and a database elsewhere is not touched."""
    names = ("portal.sqlite*", "sandbox.sqlite*", "files", "outbox", "prepared.txt", "people.txt")
    old = [path for name in names for path in sorted(instance.glob(name))]
    if old:
        shelf = instance / datetime.now().astimezone().strftime("before-%Y-%m-%d-%H%M%S")
        shelf.mkdir()
        for path in old:
            path.rename(shelf / path.name)
        say(f"FRESH: the earlier demo data was moved to {shelf} (delete it when you like)")
    else:
        say(f"FRESH: there was nothing in {instance} to move")
    if os.environ.get("DATABASE_URL"):
        say("FRESH: DATABASE_URL is set; that database is left as it is")


def is_prepared(instance: Path, env: dict[str, str]) -> bool:
    """Tables are up to date and the demo people are in. Asking the database instead would cost seconds of imports."""
    mark = instance / "prepared.txt"
    ours = [instance / "sandbox.sqlite", *([] if env.get("DATABASE_URL") else [instance / "portal.sqlite"])]
    return mark.exists() and mark.read_text() == _preparation(env) and all(file.exists() for file in ours)


def remember_prepared(instance: Path, env: dict[str, str]) -> None:
    command = (*FLASK, "seed", "--print-people")
    people = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (instance / "people.txt").write_text(people.stdout if people.returncode == 0 else "")
    (instance / "prepared.txt").write_text(_preparation(env))


def _preparation(env: dict[str, str]) -> str:
    migrations = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    parts = [env.get("DATABASE_URL", ""), *(file.name + file.read_text() for file in migrations)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Programs:
    """Programs started together, spoken for line by line, and stopped together."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._news: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()  # (program or "signal", code)
        self._voices: list[threading.Thread] = []
        for number in OUR_SIGNALS:
            signal.signal(number, lambda got, _frame: self._news.put(("signal", got)))

    def start(self, name: str, *command: str) -> None:
        # A session of its own: Ctrl-C in the terminal reaches only us, and we stop each with everything it started.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no lock that another thread could hold
        )
        self._running[name] = process
        voice = threading.Thread(target=_speak, args=(name, process), daemon=True)
        voice.start()
        self._voices.append(voice)
        threading.Thread(target=lambda: self._news.put((name, process.wait())), daemon=True).start()

    def run(self, name: str, *command: str) -> None:
        """Run one command to its end. Raises Stop if it fails, or if anything else ends meanwhile."""
        self.start(name, *command)
        while True:
            ended, code = self._news.get()
            if ended == name and code == 0:
                del self._running[name]
                return
            self._give_up(ended, code, what=" ".join(command[3:]) if ended == name else "")

    def wait_for(self, name: str, host: str, port: int, path: str) -> None:
        """Until the program answers over HTTP. Raises Stop if it ends first or takes too long."""
        latest = time.monotonic() + START_LIMIT
        while not _answers(host, port, path):
            if time.monotonic() > latest:
                raise Stop(f"{name} did not answer on port {port} within {START_LIMIT} seconds.")
            try:
                self._give_up(*self._news.get(timeout=0.1))
            except queue.Empty:
                continue

    def watch(self) -> None:
        """Wait for the first end or signal. Always raises Stop."""
        self._give_up(*self._news.get())

    def stop(self) -> None:
        """End every program and whatever it started; those that will not are killed."""
        for number in OUR_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for process in self._running.values():
            _signal_all_of(process, signal.SIGTERM)
        latest = time.monotonic() + STOP_LIMIT
        for name, process in self._running.items():
            try:
                process.wait(timeout=max(0.1, latest - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{name} did not stop within {STOP_LIMIT} seconds and is killed")
            _signal_all_of(process, signal.SIGKILL)
            process.wait()
        for voice in self._voices:
            voice.join(timeout=1)

    def _give_up(self, ended: str, code: int, what: str = "") -> None:
        if ended == "signal":
            say("Stopping.")
            raise Stop
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise Stop(f"{ended} {f'({what}) ' if what else ''}{how}.")


def _speak(name: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        print(f"{name:>7} | {line.rstrip()}", flush=True)


def _signal_all_of(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)  # its session's group; still there while any child of it lives


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """If we are killed outright, nothing we started stays behind (Linux; elsewhere only an orderly end is covered)."""
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG, linux/prctl.h


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port(first: int, name: str, taken: int = 0) -> int:
    for port in range(first, first + 100):
        if port != taken and _is_free(port):
            if first not in {port, taken}:
                say(f"Port {first} is taken, using {port} ({name}=… chooses another)")
            return port
    sys.exit(f"No free port between {first} and {first + 99}; {name}=… chooses where to look.")


def _is_free(port: int) -> bool:
    # Both families: a browser asks for localhost on ::1 first, and would meet another program there.
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno in {98, 48, 13}:  # in use (Linux, macOS), not allowed; anything else: no such family here
                return False
    return True


def _hold(instance: Path) -> int:
    """One demo per instance: two workers and two sandboxes over the same files would get in each other's way."""
    lock = os.open(instance / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"The demo in {instance} is running already: {os.read(lock, 200).decode()}\n"
            "Stop it first, or start a second one beside it: PORTAL_INSTANCE=instance-2 make run"
        )
    return lock


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def say(text: str) -> None:
    print(f"    run | {text}", flush=True)


if __name__ == "__main__":
    main()
