"""A real Chromium in front of a real `windlass dashboard`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

REPOSITORY = Path(__file__).parents[4]
WINDLASS = (sys.executable, "-c", "from launcher.cli import main; main()")
PATIENCE_S = 60
ADDRESS = re.compile(r"http://\S+\?token=\S+")


class Served:
    """A `windlass dashboard` process; what it prints is kept for the message of a test that fails."""

    def __init__(self, paths: tuple[Path, ...], *, allow_control: bool) -> None:
        command = [*WINDLASS, "dashboard", *map(str, paths), "--port", "0", "--no-browser"]
        command += ["--allow-control"] if allow_control else []
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._address: str | None = None
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read, name="dashboard output")
        self._reader.start()

    def address(self) -> str:
        """The address with its token, as printed; fails the test if the process ends or stays silent."""
        self._told.wait(PATIENCE_S)
        if self._address is None:
            pytest.fail("windlass dashboard printed no address:\n" + "".join(self.lines), pytrace=False)
        return self._address

    def close(self) -> None:
        """Ends the process."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if self._address is None and (found := ADDRESS.search(line)):
                self._address = found.group()
                self._told.set()
        self._told.set()


class Serve:
    """Starts dashboards, and ends them."""

    def __init__(self) -> None:
        self._started: dict[str, Served] = {}

    def __call__(self, *paths: Path, allow_control: bool = False) -> str:
        """The address, with its token, of a new dashboard that shows these paths."""
        served = Served(paths, allow_control=allow_control)
        try:
            address = served.address()
        except BaseException:
            served.close()
            raise
        self._started[address] = served
        return address

    def end(self, address: str) -> None:
        """Ends one of them."""
        self._started.pop(address).close()

    def close(self) -> None:
        """Ends all."""
        for address in list(self._started):
            self.end(address)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module.

    It starts in half a second. For a session it would outlive this folder: while Playwright runs, no other test could
    use an event loop of its own.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("these tests drive a real Chromium, which is not here: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A function that starts `windlass dashboard PATH ...` for the tests of a module and gives its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINDLASS_CACHE_DIR", str(tmp_path_factory.mktemp("dashboard_cache")))
        patch.setenv("WINDLASS_RUNS_DIR", str(tmp_path_factory.mktemp("dashboard_runs")))
        servers = Serve()
        yield servers
        servers.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of the test's own, 1280 pixels wide, in English."""
    made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", timezone_id="UTC")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; the test fails if it reports an error or asks another host for anything.

    Answers that a test provokes are taken out of `page.errors`.
    """
    made = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("request", lambda request: asked.append(foreign(request)))
    made.errors = errors  # type: ignore[attr-defined]
    yield made
    assert errors == []
    assert [url for url in asked if url] == []


def foreign(request: Request) -> str:
    """The address, if it leads to another machine, else nothing."""
    parts = urlsplit(request.url)
    return request.url if parts.scheme.startswith(("http", "ws")) and parts.hostname != "127.0.0.1" else ""
