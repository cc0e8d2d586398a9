"""Starts the real binary for tests that come from outside, each server with a folder and a port of its own.

`SHOP_SERVER` names the binary. Nothing here sleeps to be in time: everything is waited for, with a deadline.
"""

import email
import email.policy
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from selenium import webdriver

BINARY = Path(os.environ.get("SHOP_SERVER", Path(__file__).parents[3] / "target/debug/shop-server")).resolve()
DEADLINE = 60
PICTURES = Path(__file__).parents[3] / "target/pictures"


def eventually(look, what):
    """The first true answer of `look`, which is asked again and again until the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen in {DEADLINE} s: {what}")


def read_mail(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def code_in(mail):
    """The six digits that stand on a line of their own."""
    return re.search(r"^\s*(\d{6})\s*$", mail.get_body(["plain"]).get_content(), re.M).group(1)


class Inbox:
    """A mail server's handler that keeps what it gets, and knows whether anybody came."""

    def __init__(self):
        self.contents = []
        self.mails = []
        self.recipients = []
        self.arrived = threading.Event()

    async def handle_DATA(self, server, session, envelope):
        self.contents.append(envelope.content)
        self.mails.append(read_mail(envelope.content))
        self.recipients.append(envelope.rcpt_tos)
        self.arrived.set()
        return "250 kept"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def smtp(port, **more):
    return {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "localhost", "EMAIL_PORT": str(port)} | more


class Server:
    """A running shop-server and what it writes to its log."""

    def __init__(self, folder, variables, command=()):
        self.folder = folder
        self.mails = folder / "mails"
        self.terminal = folder / "terminal"
        self.variables = {
            "PATH": os.environ["PATH"],
            "DB_NAME": str(folder / "shop.sqlite3"),
            "BIND": "127.0.0.1:0",
            "EMAIL_BACKEND": "file",
            "EMAIL_FILE_PATH": str(self.mails),
            "RATE_LIMIT": "off",
            **variables,
        }
        self.lines = []
        self.unread = queue.Queue()
        with self.terminal.open("wb") as terminal:
            self.process = subprocess.Popen(
                [BINARY, *command],
                cwd=folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.PIPE,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = f"http://{self.logged('listening')['address']}"

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self.unread.put(line)
        self.unread.put(None)

    def logged(self, message):
        """The next line of the log whose message contains this."""
        end = time.monotonic() + DEADLINE
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.unread.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise AssertionError("the server stopped:\n" + "".join(self.lines))
            fields = json.loads(line)
            if message in fields.get("message", ""):
                return fields
        raise AssertionError(f"not logged in {DEADLINE} s: {message}\n" + "".join(self.lines))

    def printed(self, pattern):
        """What stands on the terminal, once it does: the first group of a pattern of whole lines."""

        def look():
            found = re.search(pattern, self.terminal.read_text(), re.M)
            return found and found.group(1)

        return eventually(look, f"{pattern} on the terminal")

    def run(self, *arguments, **variables):
        """Another subcommand, beside the running server."""
        subprocess.run([BINARY, *arguments], cwd=self.folder, env=self.variables | variables, check=True, timeout=DEADLINE)

    def create_superuser(self, email, password):
        self.run("createsuperuser", "--email", email, "--noinput", SUPERUSER_PASSWORD=password)

    def mailed_code(self, address):
        """The code in the mail to this address."""

        def look():
            mails = (read_mail(path.read_bytes()) for path in self.mails.glob("*.eml"))
            return next((code_in(mail) for mail in mails if mail["To"] == address), None)

        return eventually(look, f"a mail to {address}")

    def stop(self):
        """Asks it to stop, and sees that it does so in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0, "".join(self.lines)
        panics = [line for line in self.lines if "panick" in line]
        assert not panics, panics


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Starts servers, and stops them at the end."""
    running = []

    def start(*command, **variables):
        running.append(Server(tmp_path_factory.mktemp("shop"), variables, command))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "disable-dev-shm-usage", "window-size=1280,1600",
        f"user-data-dir={tmp_path / 'profile'}",
    ]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(DEADLINE)
    yield driver
    driver.quit()


@pytest.fixture
def mail_server():
    """Starts mail servers on loopback, and stops them at the end."""
    running = []

    def start(inbox, port=0, **options):
        running.append(Controller(inbox, hostname="127.0.0.1", port=port or free_port(), **options))
        running[-1].start()
        return running[-1]

    yield start
    for controller in running:
        controller.stop()
