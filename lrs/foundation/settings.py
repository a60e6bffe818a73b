"""Configuration: `LRS_*` environment variables into one frozen value; nothing else reads the environment."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "LRS_"
DATA_FOLDER = Path("data")
LOCAL_MONGODB = "mongodb://127.0.0.1:27017/?directConnection=true"


class StartFailure(Exception):
    """Why a process cannot start: the fact, and what the operator can do about it."""

    def __init__(self, fact: str, advice: str) -> None:
        super().__init__(fact, advice)
        self.fact = fact
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.fact}; {self.advice}"


def setting(default: Any, doc: str, *, secret: bool = False, choices: tuple[str, ...] = ()) -> Any:
    """Declare one variable: default, a line for its table and `--help`; a secret may come from a file."""
    return field(default=default, metadata={"doc": doc, "secret": secret, "choices": choices})


# requests a second, bytes and statements a day (UTC), exports at once, people in all
LIMITED: typing.Final[Mapping[str, tuple[str, ...]]] = {
    "client": ("requests", "bytes", "statements"),
    "launch": ("requests", "bytes", "statements"),
    "org": ("requests", "bytes", "statements", "exports", "people"),
    "address": ("requests",),
}
# what a running `lrs serve` leaves in its data folder for the other commands
MONGODB_NOTE, URL_NOTE, CONTENT_NOTE = "mongodb.uri", "public.url", "content.url"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be configured; the variable of a field is `LRS_` and its name in capitals."""

    mongodb_uri: str = setting(
        LOCAL_MONGODB, "MongoDB to use; `lrs serve` starts its own when not given", secret=True
    )
    mongodb_port: int = setting(0, "port of the embedded MongoDB on loopback; 0 takes a free one")
    mongodb_cache_gb: float = setting(
        0.0, "cache of the embedded MongoDB in gigabytes; 0 leaves it to MongoDB"
    )
    database: str = setting("laurel", "name of the database")
    data_folder: Path = setting(  # noqa: RUF009 -- `setting` is `dataclasses.field`
        DATA_FOLDER, "where the embedded MongoDB and generated keys live"
    )
    host: str = setting("127.0.0.1", "address `lrs serve` listens on; 0.0.0.0 for all")
    port: int = setting(8080, "port `lrs serve` listens on")
    public_url: str = setting("", "address that people and credentials use; default http://HOST:PORT")
    trusted_proxies: int = setting(
        0, "proxies in front whose X-Forwarded-For names the client's address; 0 believes none"
    )
    content_url: str = setting(
        "",
        "address of the content origin, on another host than the public address; `https://*.content.example` "
        "gives each package a host of its own; default under `lrs serve`: http://*.localhost:CONTENT_PORT",
    )
    content_port: int = setting(
        0, "port on which `lrs serve` serves content; 0 takes the one after PORT, or a free one"
    )
    content_folder: str = setting("", "folder for the files of uploaded content; default: in MongoDB")
    content_max_mb: int = setting(500, "largest content package in megabytes")
    web_workers: int = setting(2, "gunicorn worker processes")
    web_threads: int = setting(16, "threads of each gunicorn worker")
    fast_path: bool = setting(True, "off runs plain Flask and gunicorn's gthread, at a lower speed")
    web_connections_per_address: int = setting(
        200,
        "connections of one address to each worker before its longest waiting one is closed; 0 or a "
        "trusted proxy: no bound",
    )
    web_affinity: str = setting(
        "auto",
        "auto keeps each worker on one processor where there are as many workers as processors",
        choices=("auto", "off"),
    )
    xapi_default_version: str = setting(
        "1.0.3", "version of answers to requests that name none", choices=("1.0.3", "2.0.0")
    )
    longest_chain: int = setting(
        256, "how many different statements behind a reference lend it what it is found by"
    )
    max_body_mb: int = setting(100, "largest request body in megabytes, counted after decompression too")
    max_statement_mb: int = setting(4, "largest statement in megabytes of content, 1 to 8")
    work_budget_mb: int = setting(
        0, "megabytes of request bodies that a web process works on at once; 0 for the largest body"
    )
    limits: str = setting(
        "launch.requests=50",
        "what one may use, like `client.requests=200 org.statements=1000000`; docs/operations.md lists all",
    )
    bootstrap_key: str | None = setting(None, "key of the first client, made on an empty database")
    bootstrap_secret: str | None = setting(None, "secret of the first client", secret=True)
    bearer_issuer: str | None = setting(None, "issuer (`iss`) whose bearer tokens (JWT) are accepted")
    bearer_audience: str | None = setting(
        None, "audience (`aud`) of these tokens; default: the public address"
    )
    bearer_jwks_url: str | None = setting(None, "keys of that issuer; default: found by OpenID discovery")
    bearer_skew: int = setting(60, "seconds by which the issuer's clock may differ")
    oidc_issuer: str | None = setting(None, "OpenID Connect provider that people log in with")
    oidc_client_id: str | None = setting(None, "our client id at that provider")
    oidc_client_secret: str | None = setting(None, "our secret at that provider", secret=True)
    session_hours: int = setting(12, "hours after which people log in again")
    smtp_url: str | None = setting(
        None,
        "mail server, smtp[s]://[user:password@]host[:port]; without one mail goes to files",
        secret=True,
    )
    mail_from: str = setting("laurel@localhost", "sender of mail")
    mail_folder: str = setting("", "where mail is written without a server; default DATA_FOLDER/mail")
    programme_owner: str | None = setting(None, "mail address that notices `to: programme_owner` go to")
    two_persons: bool = setting(
        False, "a plan of rules is approved or applied by somebody else than who made it"
    )
    similar_people: int = setting(
        5, "people at least who stand behind what learners are told that others did next; 0: it is not told"
    )
    award_statements: bool = setting(True, "write awards back to the vendor's store as xAPI statements")
    issuer_name: str = setting("Laurel", "name of the issuer on credentials and public pages")
    issuer_tenant: str = setting(
        "", "path segment of the issuer: did:web:HOST:TENANT; empty for did:web:HOST"
    )
    signing_algorithm: str = setting(
        "RS256", "algorithm of the first signing key", choices=("RS256", "ES256")
    )
    kid_form: str = setting("did", "form of `kid`: <did>#<key>, or the key's URL", choices=("did", "url"))
    key_passphrase: str | None = setting(
        None, "locks the private keys; default: a file made once in the data folder", secret=True
    )
    key_passphrase_former: str | None = setting(
        None,
        "the passphrase before, which opens too until `lrs credentials keys relock` is done",
        secret=True,
    )
    backup_passphrase: str | None = setting(
        None, "seals backups (`lrs backup`); without it nobody reads them, you neither", secret=True
    )
    allow_private_addresses: bool = setting(
        False, "let fetched URLs (webhooks, credentials of others) lead to private addresses"
    )
    lake_url: str = setting(
        "", "folder or s3://bucket/prefix of the lake, columns for questions over everything; none: off"
    )
    lake_memory_mb: int = setting(
        768, "megabytes that DuckDB takes in each process that asks or keeps the lake, 256 or more"
    )
    lake_threads: int = setting(2, "threads that DuckDB uses in each of these processes, 1 to 64")
    prediction: bool = setting(
        False,
        "on: the reports `readiness` and `tier-readiness` predict, from the lake; needs "
        "laurel-lrs[prediction]",
    )
    min_free_disk_mb: int = setting(
        512,
        "free megabytes on the disks of MongoDB and the data folder below which writes wait (507); 0: never",
    )
    metrics_token: str | None = setting(
        None, "bearer token that opens /metrics; without one only this machine may read it", secret=True
    )
    player_folder: str = setting(
        "",
        "where the set-up put what plays SCORM and H5P content; default: player/ of the virtual environment",
    )
    editor_folder: str = setting(
        "", "where the set-up put the editor of rules; default: editor/ of the virtual environment"
    )
    log_level: str = setting("info", "how much is logged", choices=("debug", "info", "warning", "error"))
    log_format: str = setting("text", "form of log lines", choices=("text", "json"))
    access_log: bool = setting(False, "a line for each request: route, status, time, bytes, client")
    slow_query_ms: int = setting(0, "commands of MongoDB that take so many milliseconds are logged; 0: none")
    otlp_url: str = setting(
        "", "OpenTelemetry collector (OTLP over HTTP) that gets traces; needs laurel-lrs[telemetry]"
    )

    def __post_init__(self) -> None:
        if not self.public_url:
            host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 -- compared only
            object.__setattr__(self, "public_url", f"http://{host}:{self.port}")

    @property
    def player_libraries(self) -> Path:
        """The folder that the set-up installs the libraries of the content player in."""
        return Path(self.player_folder or Path(sys.prefix) / "player") / "node_modules"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read `LRS_*` (a secret also from the file that `LRS_..._FILE` names); raises StartFailure.

        A `lrs serve` that runs on the data folder with its embedded MongoDB says where both answer, unless
        the environment does.
        """
        given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        values = {}
        for name, value in given.items():
            one, text = _resolve(cls, name, value, given)
            values[one.name] = _typed(one, name, text)
        settings = cls(**values)
        if "mongodb_uri" not in values and (uri := _noted(settings.data_folder / MONGODB_NOTE)):
            settings = dataclasses.replace(settings, mongodb_uri=uri)
            if not values.keys() & {"public_url", "host", "port"}:
                url = _noted(settings.data_folder / URL_NOTE) or settings.public_url
                settings = dataclasses.replace(settings, public_url=url)
            if "content_url" not in values:
                content = _noted(settings.data_folder / CONTENT_NOTE) or ""
                settings = dataclasses.replace(settings, content_url=content)
        return settings


def names_mongodb(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Tell whether somebody said which MongoDB is meant: the environment, or a server on the data folder."""
    given = {"LRS_MONGODB_URI", "LRS_MONGODB_URI_FILE"} & environ.keys()
    return bool(given) or settings.mongodb_uri != LOCAL_MONGODB


def nobody_serves(settings: Settings) -> str:
    """Return the sentence that says where no server was found."""
    return f"no `lrs serve` runs on the data folder {settings.data_folder.absolute()}"


def _noted(note: Path) -> str | None:
    """Return what a running `lrs serve` left in a file of its data folder."""
    try:
        return note.read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def variables(cls: type[Settings] = Settings) -> dict[str, dataclasses.Field[Any]]:
    """Return every variable by its environment name."""
    return {PREFIX + one.name.upper(): one for one in dataclasses.fields(cls)}


def table() -> str:
    """Return the table of every variable as docs/configuration.md has it."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, one in variables().items():
        default = "" if one.default in {None, ""} else f"`{one.default}`"
        words = one.metadata["doc"] + (" (secret)" if one.metadata["secret"] else "")
        if one.metadata["choices"]:
            words += ": " + ", ".join(f"`{choice}`" for choice in one.metadata["choices"])
        rows.append(f"| `{name}` | {default} | {words.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def to_env(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process that has the same settings; secret files are already read."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    values = {name: getattr(settings, one.name) for name, one in variables().items()}
    return kept | {name: str(value) for name, value in values.items() if value not in {None, ""}}


def _resolve(
    cls: type[Settings], name: str, value: str, given: Mapping[str, str]
) -> tuple[dataclasses.Field[Any], str]:
    """Return the field and text of one variable, reading `LRS_..._FILE` of a secret."""
    known = variables(cls)
    if name in known:
        return known[name], value
    plain = name.removesuffix("_FILE")
    if plain in known and known[plain].metadata["secret"]:
        if plain in given:
            raise StartFailure(f"both {plain} and {name} are set", "keep one of them")
        try:
            return known[plain], Path(value).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise StartFailure(f"{name}={value} cannot be read: {reason}", "name a readable file") from error
    near = difflib.get_close_matches(name, known, 1, 0.6)
    raise StartFailure(
        f"unknown variable {name}",
        f"did you mean {near[0]}?"
        if near
        else "docs/configuration.md lists every LRS_* variable; unset this one",
    )


def _typed(one: dataclasses.Field[Any], name: str, text: str) -> Any:
    """Return the value of a variable in its field's type."""
    kind = typing.get_type_hints(Settings)[one.name]
    if isinstance(kind, types.UnionType):
        kind = next(part for part in kind.__args__ if part is not types.NoneType)
    choices = one.metadata["choices"]
    if choices and text not in choices:
        raise StartFailure(f"{name}={text} is not understood", f"give one of {', '.join(choices)}")
    try:
        value = _READERS[kind](text)
    except ValueError as error:
        raise StartFailure(
            f"{name}={'...' if one.metadata['secret'] else text} is not {_WANTED[kind]}",
            f"it is: {one.metadata['doc']}",
        ) from error
    _check(one.name, name, value)
    return value


def read_limits(text: str) -> dict[tuple[str, str], int]:
    """Return (who, what) -> how much, of `LRS_LIMITS`; raises StartFailure."""
    found: dict[tuple[str, str], int] = {}
    for one in text.split():
        name, _, number = one.partition("=")
        who, _, what = name.partition(".")
        if what not in LIMITED.get(who, ()) or not number.isdecimal() or int(number) < 1:
            known = ", ".join(f"{kind}.{each}" for kind, all_ in LIMITED.items() for each in all_)
            raise StartFailure(f"LRS_LIMITS: {one!r} is not understood", f"write NAME=NUMBER of {known}")
        found[who, what] = int(number)
    return found


def _check(field_name: str, name: str, value: Any) -> None:
    if field_name in {"port", "mongodb_port", "content_port"} and not 0 <= value <= 65535:
        raise StartFailure(f"{name}={value} is not a port", "give 1 to 65535")
    if field_name == "lake_memory_mb" and not 256 <= value <= 1_000_000:
        raise StartFailure(f"{name}={value} is not possible", "give 256 or more: less sorts nothing")
    if field_name == "lake_threads" and not 1 <= value <= 64:
        raise StartFailure(f"{name}={value} is not possible", "give 1 to 64")
    if field_name == "max_statement_mb" and not 1 <= value <= 8:
        raise StartFailure(f"{name}={value} is not possible", "give 1 to 8: MongoDB keeps up to 16 MB")
    if (
        field_name
        in {
            "slow_query_ms",
            "trusted_proxies",
            "work_budget_mb",
            "web_connections_per_address",
            "min_free_disk_mb",
        }
        and value < 0
    ):
        raise StartFailure(f"{name}={value} is too small", "give 0 or more")
    at_least_one = {"web_workers", "web_threads", "max_body_mb", "content_max_mb", "longest_chain"}
    if field_name in at_least_one and value < 1:
        raise StartFailure(f"{name}={value} is too small", "give 1 or more")
    if field_name == "limits":
        read_limits(value)
    _check_address(field_name, name, value)


def _check_address(field_name: str, name: str, value: Any) -> None:
    if field_name == "mongodb_uri" and urlsplit(value).scheme not in {"mongodb", "mongodb+srv"}:
        raise StartFailure(f"{name} is not a MongoDB URI", "it begins with mongodb:// or mongodb+srv://")
    if field_name == "public_url" and value:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or value.endswith("/"):
            raise StartFailure(
                f"{name}={value} is not an address", "give http(s)://host[:port][/path] without a last slash"
            )
    if field_name == "content_url" and value:
        parts = urlsplit(value)
        host, stars = parts.hostname or "", value.count("*")
        is_plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme not in {"http", "https"} or not host or not is_plain:
            raise StartFailure(f"{name}={value} is not an origin", "give http(s)://host[:port]")
        if stars and not (stars == 1 and host.startswith("*.") and len(host) > 2):
            raise StartFailure(
                f"{name}={value}: * stands for the first label", "give http(s)://*.host[:port]"
            )


def _yes_no(text: str) -> bool:
    if text.lower() not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
        raise ValueError(text)
    return text.lower() in {"1", "true", "yes", "on"}


_READERS: dict[type, Any] = {str: str, int: int, float: float, Path: Path, bool: _yes_no}
_WANTED: dict[type, str] = {
    str: "text", int: "a whole number", float: "a number", Path: "a path", bool: "yes or no",
}  # fmt: skip
