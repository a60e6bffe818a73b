"""Content types of a package's files, by their names alone: nothing is ever guessed from bytes.

Texts go without a charset, except where the format fixes it: older courses are in many encodings, which they
name in the file itself, and a header would overrule that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PACKED: Final = ("text/", "application/json", "application/xml", "application/xhtml+xml", "image/svg+xml")
UNKNOWN: Final = "application/octet-stream"
TYPES: Final[Mapping[str, str]] = {
    "html": "text/html", "htm": "text/html", "xhtml": "application/xhtml+xml", "shtml": "text/html",
    "css": "text/css", "js": "text/javascript", "mjs": "text/javascript", "json": "application/json",
    "map": "application/json", "xml": "application/xml", "xsd": "application/xml",
    "txt": "text/plain", "md": "text/plain", "csv": "text/csv", "vtt": "text/vtt", "srt": "text/plain",
    "webmanifest": "application/manifest+json", "wasm": "application/wasm",
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "svg": "image/svg+xml", "ico": "image/x-icon", "cur": "image/x-icon",
    "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac", "weba": "audio/webm",
    "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg",
    "mov": "video/quicktime",
    "m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "mpd": "application/dash+xml",
    "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf",
    "eot": "application/vnd.ms-fontobject",
    "pdf": "application/pdf", "zip": "application/zip", "rtf": "application/rtf",
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "glb": "model/gltf-binary", "gltf": "model/gltf+json", "swf": "application/x-shockwave-flash",
}  # fmt: skip


def shrinks(kind: str) -> bool:
    """Tell whether files of a type become much smaller packed."""
    return kind.startswith(PACKED)


def content_type(path: str) -> str:
    """Return the content type of a file by the ending of its name."""
    return TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower(), UNKNOWN)
