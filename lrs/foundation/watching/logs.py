"""Log lines with the request's id and without secrets, as text or JSON."""

from __future__ import annotations

import contextvars
import datetime as dt
import logging
import re
from typing import Any

import orjson

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")

# user:password@ of a URI, Authorization values, and name=value pairs whose name says secret
SECRETS = re.compile(
    r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
    r"|(?<=Basic )[A-Za-z0-9+/=_-]{4,}|(?<=Bearer )[A-Za-z0-9._~+/=-]{4,}"
    r"|(?<=secret=)[^\s&]+|(?<=password=)[^\s&]+|(?<=token=)[^\s&]+"
    r"|(?<=[?&]code=)[^\s&]+|(?<=[?&]k=)[^\s&]+|(?<=[?&]auth=)[^\s&]+"
    r"|(?<=/play/)[^/\s?]+|(?<=/o/)[^/\s?]+"
    r"|(?<=/queries/shared/)[^\s?]+|(?<=/unsubscribe/)[^\s?]+",
    re.IGNORECASE,
)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def without_secrets(text: str) -> str:
    """Return the text with passwords, Authorization values and secrets replaced by ***."""
    return SECRETS.sub("***", text)


def on_one_line(text: str) -> str:
    """Return the text with control characters escaped: what a client sent forges no line of the log."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _instant(record: logging.LogRecord) -> str:
    return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class TextFormatter(logging.Formatter):
    """One line for people: instant, level, process, logger, request id, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a trace follows on lines of its own."""
        line = (
            f"{_instant(record)} {record.levelname} {record.process} {record.name} "
            f"[{request_id.get()}] {on_one_line(record.getMessage())}"
        )
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return without_secrets(line)


class JsonFormatter(logging.Formatter):
    """One JSON document per line; what was passed as `extra` is a member."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a trace is the member `trace`."""
        line: dict[str, Any] = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "request": request_id.get(),
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return without_secrets(orjson.dumps(line, default=str).decode())


FORMATTERS: dict[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def configuration(level: str, form: str, *, access: bool = False) -> dict[str, Any]:
    """Return the `logging.config` document for all processes, gunicorn's loggers included.

    `access`: a line for each request.
    """
    # what gunicorn says at level info is of use to its developers only
    plain: dict[str, Any] = {
        "level": "INFO" if level == "debug" else "WARNING",
        "handlers": [],
        "propagate": True,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"laurel": {"()": FORMATTERS[form]}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "laurel", "stream": "ext://sys.stderr"}
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": plain,
            "lrs.requests": {"level": "INFO" if access or level == "debug" else "WARNING"},
            "pymongo": {"level": "WARNING"},
            "apscheduler": {"level": "ERROR"},
        },
    }
