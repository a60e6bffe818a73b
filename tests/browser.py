"""A headless Chromium, driven over its debugging pipe: no driver package, nothing but the browser."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--remote-debugging-pipe", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PATIENCE = 40.0  # seconds; far more than a quiet machine needs


class PageError(AssertionError):
    """A script threw, or what was waited for did not come."""


class Browser:
    """One browser process with a profile of its own."""

    def __init__(self, *flags: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="laurel-browser-")
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        command = [CHROMIUM or "", *FLAGS, *flags, f"--user-data-dir={self.folder}", "about:blank"]
        self.process = subprocess.Popen(  # the pipe is descriptors 3 and 4
            ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", *command],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._serial, self._buffer = 0, b""
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser."""
        self.process.kill()
        self.process.wait()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": params} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._serial:
                if "error" in found:
                    raise PageError(f"{method}: {found['error']}")
                result: dict[str, Any] = found["result"]
                return result
            self.events.append(found)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            if not ready:
                raise PageError("the browser does not answer")
            more = os.read(self._read, 1 << 20)
            if not more:
                raise PageError("the browser ended")
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found

    def open(self, url: str, width: int = 1000, height: int = 700) -> Page:
        """Open a page in a tab of its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        page.go(url)
        return page


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the tab."""
        return self.browser.call(method, self.session, **params)

    def go(self, url: str) -> None:
        """Leave for an address."""
        self.call("Page.navigate", url=url)

    def reload(self) -> None:
        """Load the page again."""
        self.call("Page.reload")

    def close(self) -> None:
        """Close the tab as a person does."""
        self.call("Page.close")
        with contextlib.suppress(PageError):
            for _ in range(50):
                targets = self.browser.call("Target.getTargets")["targetInfos"]
                if all(one["targetId"] != self.target for one in targets):
                    return
                time.sleep(0.05)

    def crash(self) -> None:
        """Let the tab's process die."""
        self.browser._serial += 1
        message = {
            "id": self.browser._serial,
            "method": "Page.crash",
            "params": {},
            "sessionId": self.session,
        }
        os.write(self.browser._write, json.dumps(message).encode() + b"\0")

    def run(self, script: str) -> Any:
        """Return the value of an expression, awaited."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in found:
            raise PageError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def frame(self, script: str) -> Any:
        """Return the value of an expression in the content's frame."""
        return self.run(f"document.getElementById('content').contentWindow.eval({json.dumps(script)})")

    def wait(self, script: str, *, patience: float = PATIENCE) -> Any:
        """Wait until an expression is true, and return it."""
        deadline, problem = time.monotonic() + patience, ""
        while time.monotonic() < deadline:
            try:
                found = self.run(f"document.readyState !== 'loading' && ({script})")  # of a whole page
                if found:
                    return found
            except PageError as error:  # the page may just be another
                problem = str(error)
            time.sleep(0.05)
        text = self.run("document.body ? document.body.textContent.slice(0, 4000) : ''")
        raise PageError(f"never true: {script}\n{problem}\n{text}")

    def wait_frame(self, script: str) -> Any:
        """Wait until an expression is true in the content's frame."""
        return self.wait(f"document.getElementById('content').contentWindow.eval({json.dumps(script)})")

    def press(self, key: str) -> None:
        """Press and release a key."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text
            )

    def offline(self, is_offline: bool) -> None:
        """Cut the network, or join it again."""
        self.call(
            "Network.emulateNetworkConditions",
            offline=is_offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def screenshot(self, path: Path) -> None:
        """Write a picture of the tab."""
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def browsing(*flags: str) -> Iterator[Browser]:
    """Run a browser until the block ends."""
    browser = Browser(*flags)
    try:
        yield browser
    finally:
        browser.close()
