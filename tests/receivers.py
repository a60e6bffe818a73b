"""A webhook and a mail server outside of what is tested, which remember what they took."""

from __future__ import annotations

import contextlib
import email
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from lrs.running.mongod import free_port


class Receivers:
    """A partner's webhook and a mail server, outside of the workers; they remember what they took."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.events: list[tuple[str, bytes]] = []
        self.mails: list[str] = []
        outer = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.events.append((self.headers["webhook-id"], body))
                with contextlib.suppress(OSError):  # the worker may be dead by now
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Sink:
            async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- its name
                outer.mails.append(email.message_from_bytes(envelope.content)["Message-ID"])
                return "250 OK"

        self.web = ThreadingHTTPServer((host, 0), Hook)
        self.thread = threading.Thread(target=self.web.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.smtp = Controller(Sink(), hostname=host, port=free_port())
        self.smtp.start()
        self.hook = f"http://{host}:{self.web.server_port}/hook"

    def close(self) -> None:
        self.web.shutdown()
        self.thread.join()
        self.web.server_close()
        self.smtp.stop()
