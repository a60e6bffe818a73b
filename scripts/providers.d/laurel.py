"""A Laurel of its own, whose login providers are entered by the API and tried in Chromium."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from browser import Browser, Page
from serving import Serve

KEY, SECRET = "providers", "providers-secret-of-one-machine"
PATIENCE = 60.0


class Laurel:
    """`lrs serve` in a folder, and one browser."""

    def __init__(self, folder: Path) -> None:
        self.serve = Serve(
            folder / "data" / "laurel", LRS_BOOTSTRAP_KEY=KEY, LRS_BOOTSTRAP_SECRET=SECRET,
            LRS_ALLOW_PRIVATE_ADDRESSES="yes",
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.serve.port}"
        self.serve.wait_ready()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API as the vendor's client; return its JSON."""
        pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json", "If-Match": "*"}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", sent, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def provide(self, org: str, **provider: Any) -> None:
        """Enter a provider of an organization with a mail domain of its own, and switch it on."""
        self.ask("POST", "/orgs", {"id": org, "name": org.title()})
        self.ask("POST", f"/orgs/{org}/domains", {"domain": f"{org}.example", "trusted": True})
        roles = [{"value": "partner-managers", "role": "partner_admin"}]
        body = {"org": org, "roles": roles, "default_role": "learner", **provider}
        made = self.ask("POST", "/login-providers", body)["id"]
        self.ask("POST", f"/login-providers/{made}/enable")

    def user(self, email: str) -> dict[str, Any]:
        """Return the account of an address, nothing where there is none."""
        found = self.ask("GET", "/users?limit=500")["items"]
        return next((one for one in found if one["email"] == email), {})


class Person:
    """Somebody at a browser with a profile of its own."""

    def __init__(self) -> None:
        self.browser = Browser()
        self.page: Page = self.browser.open("about:blank", 1000, 800)

    def begin(self, laurel: Laurel, email: str) -> None:
        """Give the mail address at Laurel's login page, and be led away."""
        self.page.go(f"{laurel.url}/login?onward=/login-done")
        self.fill("form[action='/login/next']", email=email)

    def there(self, condition: str) -> bool:
        """Wait until something is so on the page; tell whether it came."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if self.page.run(f"document.readyState === 'complete' && !!({condition})"):
                    return True
            except AssertionError:
                pass  # between two pages
            time.sleep(0.3)
        return False

    def fill(self, form: str, button: str = "[type=submit], button", **fields: str) -> None:
        """Fill a form in and send it by its first button."""
        wanted = [form, *(f"{form} [name={json.dumps(name)}]" for name in fields)]
        if not self.there(" && ".join(f"document.querySelector({json.dumps(one)})" for one in wanted)):
            raise AssertionError(f"no {form} at {self.where()}: {self.text()[:500]}")
        for name, value in fields.items():
            place = json.dumps(f"{form} [name={json.dumps(name)}]")
            self.page.run(
                f"(one => {{ one.value = {json.dumps(value)};"
                "for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, {bubbles: true}))"
                f"}})(document.querySelector({place}))"
            )
        self.page.run(
            f"document.querySelector({json.dumps(form)}).querySelector({json.dumps(button)}).click()"
        )

    def where(self) -> str:
        """Return the address of the page."""
        return str(self.page.run("location.href"))

    def text(self) -> str:
        """Return what the page says."""
        return str(self.page.run("document.body.innerText"))

    def close(self) -> None:
        """End the browser."""
        self.browser.close()
