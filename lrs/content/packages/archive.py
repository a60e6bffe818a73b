"""Reading an uploaded zip without trusting it: every bound and every name is checked before a file is read.

Nothing is unpacked under its own name: files leave here as (path, bytes), and the path is a key. So a name
cannot climb out of a folder; names that try are refused all the same, since whoever wrote them meant harm or
the zip is damaged.
"""

from __future__ import annotations

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Final

from lrs.content.packages.findings import Findings
from lrs.content.packages.limits import LIMITS, Limits

BLOCK: Final = 256 * 1024
HEADER_BYTES: Final = 30  # of a local file header, without name and extra field
ENCRYPTED: Final = 0x1 | 0x40 | 0x2000  # flag bits: encrypted, strongly encrypted, hidden directory
UTF8: Final = 0x800
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # what browsers' tools write
DRIVE: Final = re.compile(r"[A-Za-z]:")
LEFTOVERS: Final = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini", ".git/", ".svn/")
# What a web server elsewhere might run, and programs for a learner's own machine: left out, with a note.
PROGRAMS: Final = frozenset(
    {
        "php",
        "php3",
        "php4",
        "php5",
        "php7",
        "phtml",
        "phar",
        "jsp",
        "jspx",
        "asp",
        "aspx",
        "ashx",
        "asmx",
        "cgi",
        "pl",
        "exe",
        "dll",
        "com",
        "bat",
        "cmd",
        "msi",
        "scr",
        "ps1",
        "vbs",
        "hta",
        "jar",
        "class",
        "htaccess",
        "htpasswd",
    }
)
DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, UnicodeDecodeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a zip, its name checked and made plain."""

    path: str
    size: int
    info: zipfile.ZipInfo


class _Bounded:
    """A file that refuses to be read in one huge piece: zipfile reads the whole list of files at once."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self.most: int | None = most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._file.read(size)
        data = self._file.read(self.most + 1 if size < 0 else min(size, self.most + 1))
        if len(data) > self.most:
            raise _TooMany
        return data


class _TooMany(Exception):
    pass


class Archive:
    """An opened zip that has passed every check; implements `files.Files`."""

    def __init__(self, opened: zipfile.ZipFile, entries: list[Entry]) -> None:
        self._zip = opened
        self._entries = {entry.path: entry for entry in entries}
        self.paths = tuple(sorted(self._entries))

    def size(self, path: str) -> int:
        """Return the unpacked size in bytes."""
        return self._entries[path].size

    @property
    def unpacked_bytes(self) -> int:
        """The size of all files together."""
        return sum(entry.size for entry in self._entries.values())

    def read(self, path: str, most: int) -> bytes:
        """Return the first `most` bytes of a file; raises DamagedFile."""
        try:
            with self._zip.open(self._entries[path].info) as file:
                return file.read(most)
        except DAMAGE as error:
            raise DamagedFile(path, str(error)) from error

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield a whole file in blocks, its check sum compared; raises DamagedFile."""
        entry, seen = self._entries[path], 0
        try:
            with self._zip.open(entry.info) as file:
                while block := file.read(BLOCK):
                    seen += len(block)
                    yield block
        except DAMAGE as error:
            raise DamagedFile(path, str(error)) from error
        if seen != entry.size:
            raise DamagedFile(path, f"has {seen} bytes, {entry.size} were announced")


class DamagedFile(Exception):
    """A file of a zip whose bytes are not what the zip announced."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def open_archive(file: IO[bytes], findings: Findings, limits: Limits = LIMITS) -> Archive:
    """Open a zip and check it whole, reading none of its files; raises PackageRefused.

    `file` must be seekable and stay open as long as the archive is used.
    """
    size = file.seek(0, SEEK_END)
    if size == 0:
        findings.refuse("empty-file", "", "The file is empty.")
    if size > limits.archive_bytes:
        findings.refuse("too-large", "", f"The file is larger than {limits.archive_bytes:,} bytes.")
    opened = _open(file, findings, limits)
    entries = _entries(opened, findings, limits)
    _check_clashes(entries, findings)
    _check_overlaps(opened.infolist(), size, findings)
    _check_sizes(entries, size, findings, limits)
    findings.check()
    if not entries:
        findings.refuse("empty-zip", "", "The zip holds no files.")
    return Archive(opened, entries)


def _open(file: IO[bytes], findings: Findings, limits: Limits) -> zipfile.ZipFile:
    bounded = _Bounded(file, limits.directory_bytes)
    try:
        opened = zipfile.ZipFile(bounded)
    except _TooMany:
        findings.refuse("too-many-files", "", f"The zip lists more files than {limits.files:,}.")
    except (*DAMAGE, ValueError, UnicodeError) as error:
        findings.refuse("not-a-zip", "", f"The file is no zip, or it is cut off or damaged: {error}.")
    bounded.most = None
    if len(opened.infolist()) > 2 * limits.files:  # folders are entries too
        findings.refuse("too-many-files", "", f"The zip lists more files than {limits.files:,}.")
    return opened


def _entries(opened: zipfile.ZipFile, findings: Findings, limits: Limits) -> list[Entry]:
    """Return the files that are kept; what is wrong with the others becomes an issue."""
    entries = []
    for info in opened.infolist():
        path = _path(info, findings, limits)
        if path is None or info.is_dir() or path.endswith("/") or not _is_plain_file(info, path, findings):
            continue
        if _is_kept(path, findings):
            entries.append(Entry(path, info.file_size, info))
    if len(entries) > limits.files:
        findings.error("too-many-files", "", f"The zip holds more than {limits.files:,} files.")
    return entries


def _path(info: zipfile.ZipInfo, findings: Findings, limits: Limits) -> str | None:
    """Return the path of an entry, "/" between folders; None and an issue for a name that is refused."""
    name = _name(info, findings)
    shown = name.encode("unicode_escape").decode()
    if not name or any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in name):
        findings.error("file-name", shown, "The file's name is empty or has control characters.")
        return None
    if "\\" in name:
        findings.note("backslashes", "", "Names of files have backslashes; they are read as folders.")
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or DRIVE.match(name) or ".." in parts or not parts:
        findings.error("path-escapes", shown, "The file's name leads out of the package.")
        return None
    path = "/".join(parts) + ("/" if name.endswith("/") else "")
    if len(path) > limits.path_length or len(parts) > limits.path_depth:
        findings.error(
            "path-too-long",
            shown,
            f"The file's path is longer than {limits.path_length} characters or {limits.path_depth} folders.",
        )
        return None
    return path


def _name(info: zipfile.ZipInfo, findings: Findings) -> str:
    """Return the name as its author wrote it: many tools write UTF-8 and do not say so."""
    name = info.orig_filename
    if not info.flag_bits & UTF8 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            text = "Names of files are in no known character set; letters beyond ASCII may be wrong."
            findings.warning("file-name-encoding", "", text)
    return unicodedata.normalize("NFC", name)


def _is_plain_file(info: zipfile.ZipInfo, path: str, findings: Findings) -> bool:
    """Tell whether an entry is an ordinary file that can be read; an issue otherwise."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        findings.error("special-file", path, "The entry is a link or a device, not a file.")
    elif info.flag_bits & ENCRYPTED:
        findings.error("encrypted", path, "The file is encrypted; publish the package without a password.")
    elif info.compress_type not in METHODS:
        text = "The file is compressed by a method other than deflate; zip the package again."
        findings.error("compression", path, text)
    else:
        return True
    return False


def _is_kept(path: str, findings: Findings) -> bool:
    """Tell whether a file belongs to the content; what operating systems leave behind does not."""
    low = path.lower()
    name = low.rpartition("/")[2]
    if any(low.startswith(each) or f"/{each}" in f"/{low}" for each in LEFTOVERS if each.endswith("/")):
        return False
    if name in LEFTOVERS:
        return False
    if name.rpartition(".")[2] in PROGRAMS and "." in name:
        findings.warning("program-left-out", path, "The file is a program; it is not served to learners.")
        return False
    return True


def _check_clashes(entries: list[Entry], findings: Findings) -> None:
    """Refuse names that stand twice or are file and folder; report those that differ in letter case."""
    seen: dict[str, str] = {}
    paths: set[str] = set()
    for entry in entries:
        if entry.path in paths:
            findings.error("duplicate-name", entry.path, "Two files of the zip have this name.")
        folded = seen.setdefault(entry.path.casefold(), entry.path)
        if folded != entry.path:
            findings.warning("case-clash", entry.path, f"Differs only in letter case from {folded}.")
        paths.add(entry.path)
    folders = {path[:place] for path in paths for place, sign in enumerate(path) if sign == "/"}
    for path in sorted(folders & paths):
        findings.error("file-and-folder", path, "The name is that of a file and of a folder.")


def _check_overlaps(listed: list[zipfile.ZipInfo], size: int, findings: Findings) -> None:
    """Refuse files that share bytes in the zip: each would count, though the zip stays small."""
    ordered = sorted(listed, key=lambda info: info.header_offset)
    starts = [*(info.header_offset for info in ordered), size][1:]
    for info, following in zip(ordered, starts, strict=True):
        end = info.header_offset + HEADER_BYTES + len(info.orig_filename) + info.compress_size
        if info.header_offset < 0 or end > following:
            place = info.orig_filename.encode("unicode_escape").decode()
            findings.error("overlap", place, "The file's bytes overlap with another's, or end nowhere.")


def _check_sizes(entries: list[Entry], size: int, findings: Findings, limits: Limits) -> None:
    total = sum(entry.size for entry in entries)
    for entry in entries:
        if entry.size > limits.file_bytes:
            findings.error("file-too-large", entry.path, f"Has more than {limits.file_bytes:,} bytes.")
    if total > limits.unpacked_bytes:
        findings.error("unpacked-too-large", "", f"Unpacked, more than {limits.unpacked_bytes:,} bytes.")
    elif total > limits.ratio_from and total > limits.ratio * size:
        text = f"Unpacked, more than {limits.ratio} times the size of the zip, as no real content is."
        findings.error("zip-bomb", "", text)
