"""Uploaded zips: every name and bound is checked before a file is read, and each refusal says why."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from factories_packages import PAGE, codes, outcome, read_upload, refusal, scorm_files, zipped
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.packages.archive import DamagedFile, open_archive
from lrs.content.packages.findings import Findings, PackageRefused
from lrs.content.packages.limits import Limits
from lrs.content.packages.read import Wish, read_package


def entry(name: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # the constructor would cut and replace
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def with_entry(name: str, **given: int) -> bytes:
    return zipped([*scorm_files().items(), (entry(name, **given), b"x")])


@pytest.mark.parametrize(
    "name",
    ["../evil.html", "a/../../evil.html", "/etc/passwd", "C:/evil.html", "c:evil.html", "..\\evil.html",
     "\\\\server\\share\\evil.html", "a/..", "//host/evil.html", "a\\..\\..\\evil.html"],
)  # fmt: skip
def test_names_that_lead_out_of_the_package_are_refused(name: str) -> None:
    assert codes(with_entry(name)) == {"path-escapes"}


@pytest.mark.parametrize("name", ["a\x01b.html", "a\x7f.html", "new\nline.html", "a\x00b.html"])
def test_names_with_control_characters_are_refused(name: str) -> None:
    data = zipped([*scorm_files().items(), (entry("PLACEHOLD.html"[: len(name)]), b"x")])
    plain = "PLACEHOLD.html"[: len(name)].encode()
    assert codes(data.replace(plain, name.encode())) == {"file-name"}


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060660, 0o010644, 0o140755])
def test_links_and_devices_are_refused(mode: int) -> None:
    assert codes(with_entry("link.html", mode=mode)) == {"special-file"}


def test_backslashes_are_read_as_folders_and_told() -> None:
    package = read_upload(zipped([(entry("imsmanifest.xml"), scorm_files()["imsmanifest.xml"]),
                                  (entry("index.html"), PAGE), (entry("media\\one.png"), b"x")]))  # fmt: skip
    assert "backslashes" in {issue.code for issue in package.issues}


def test_encrypted_files_are_refused() -> None:
    data = bytearray(zipped(scorm_files()))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(sign)
        data[at + place] |= 1
    assert codes(bytes(data)) == {"encrypted"}


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([*scorm_files().items(), ("index.html", b"other")])
    assert codes(data) == {"duplicate-name"}


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert codes(zipped([*scorm_files().items(), ("caf\u00e9.html", b"1"), ("cafe\u0301.html", b"2")])) == {
        "duplicate-name"
    }


def test_a_file_that_is_also_a_folder_is_refused() -> None:
    assert codes(zipped([*scorm_files().items(), ("a", b"1"), ("a/b.html", b"2")])) == {"file-and-folder"}


def test_names_that_differ_in_letter_case_are_told() -> None:
    package = read_upload(zipped({**scorm_files(), "Page.html": PAGE, "page.html": PAGE}))
    assert [issue.code for issue in package.issues] == ["case-clash"]


def test_programs_are_left_out_and_told() -> None:
    opened = read_package(
        io.BytesIO(zipped({**scorm_files(), "shell.php": b"x", "sub/.htaccess": b"x"})), Wish()
    )
    assert opened.archive is not None
    assert opened.archive.paths == ("imsmanifest.xml", "index.html")
    assert {issue.place for issue in opened.package.issues if issue.code == "program-left-out"} == {
        "shell.php", "sub/.htaccess",
    }  # fmt: skip


def test_what_operating_systems_leave_behind_is_dropped() -> None:
    left = {"__MACOSX/._index.html": b"x", ".DS_Store": b"x", "media/Thumbs.db": b"x"}
    opened = read_package(io.BytesIO(zipped({**scorm_files(), **left})), Wish())
    assert opened.archive is not None
    assert opened.archive.paths == ("imsmanifest.xml", "index.html")


SMALL = Limits(
    files=3, unpacked_bytes=3000, file_bytes=2000, archive_bytes=100_000, path_depth=3, path_length=20
)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a": b"x" * 2001}, "file-too-large"),
        ({"a": b"x" * 1600, "b": b"x" * 1600}, "unpacked-too-large"),
        ({f"f{n}": b"" for n in range(4)}, "too-many-files"),
        ({"a/b/c/d": b""}, "path-too-long"),
        ({"a" * 21: b""}, "path-too-long"),
    ],
)
def test_bounds_hold_before_anything_is_read(files: dict[str, bytes], code: str) -> None:
    with pytest.raises(PackageRefused) as refused:
        open_archive(io.BytesIO(zipped(files)), Findings(), SMALL)
    assert {issue.code for issue in refused.value.issues if issue.severity == "error"} == {code}


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = zipped({**scorm_files(), "zeros.bin": bytes(80 * 1024 * 1024)})
    assert len(bomb) < 200_000
    assert codes(bomb) == {"zip-bomb"}


def test_one_file_that_shrinks_well_is_no_bomb() -> None:
    assert read_upload(zipped({**scorm_files(), "silence.wav": bytes(3_000_000)})).issues == ()


def test_files_that_share_their_bytes_are_refused() -> None:
    data = bytearray(zipped({**scorm_files(), "a.html": b"a" * 50, "b.html": b"b" * 50}))
    first = data.find(b"PK\x01\x02")
    offsets = []
    while first >= 0:
        offsets.append(first + 42)
        first = data.find(b"PK\x01\x02", first + 1)
    data[offsets[3] : offsets[3] + 4] = data[offsets[2] : offsets[2] + 4]
    assert codes(bytes(data)) <= {"overlap", "not-a-zip", "damaged-file"}


def test_a_list_of_files_without_end_is_not_read_into_memory() -> None:
    directory = 9 * 1024 * 1024
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 65535, 65535, directory, 0, 0)
    assert codes(bytes(directory) + end) == {"too-many-files"}


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_zip_is_told_so(data: bytes) -> None:
    assert codes(data) <= {"empty-file", "not-a-zip"}


def test_a_zip_without_files_is_told_so() -> None:
    assert codes(zipped({})) == {"empty-zip"}
    assert codes(zipped({"folder/": b""})) == {"empty-zip"}


def test_a_file_cut_off_in_the_zip_is_told_by_name() -> None:
    data = zipped({"imsmanifest.xml": scorm_files()["imsmanifest.xml"], "index.html": PAGE})
    at = data.find(b"PK\x03\x04") + 60
    broken = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
    [issue] = refusal(broken)
    assert (issue.code, issue.place) == ("damaged-file", "imsmanifest.xml")


def test_blocks_compare_the_check_sum() -> None:
    data = zipped({"a.bin": b"0123456789" * 100})
    archive = open_archive(io.BytesIO(data), Findings())
    assert b"".join(archive.blocks("a.bin")) == b"0123456789" * 100
    at = data.find(b"PK\x01\x02") + 16  # the check sum in the list of files
    other = open_archive(io.BytesIO(data[:at] + b"\0\0\0\0" + data[at + 4 :]), Findings())
    with pytest.raises(DamagedFile):
        list(other.blocks("a.bin"))


def test_names_in_utf8_are_read_though_the_zip_does_not_say_so() -> None:
    data = zipped({**scorm_files(), "päge.html": PAGE})
    flags = [at for at in range(len(data)) if data[at : at + 4] in {b"PK\x03\x04", b"PK\x01\x02"}]
    plain = bytearray(data)
    for at in flags:
        place = at + (6 if data[at : at + 4] == b"PK\x03\x04" else 8)
        plain[place + 1] &= ~0x08
    opened = read_package(io.BytesIO(bytes(plain)), Wish())
    assert opened.archive is not None
    assert "päge.html" in opened.archive.paths


@given(st.binary(max_size=300), st.integers(0, 10_000), st.binary(max_size=8))
def test_a_damaged_upload_is_taken_or_refused_but_never_fails(start: bytes, at: int, change: bytes) -> None:
    data = zipped(scorm_files())
    at %= len(data)
    for each in (start, data[:at], data[:at] + change + data[at + len(change) :], start + data):
        assert outcome(each)


def test_a_name_that_is_no_utf8_where_the_file_lies_is_damage() -> None:
    """The directory says the name in ASCII; the header before the bytes says UTF-8 and is none."""
    data = bytearray(zipped({"index.html": b"x", "tincan.xml": b"<tincan/>"}))
    at = data.index(b"tincan.xml")
    data[at] = 0xDB
    data[at - 30 + 7] |= 0x08  # flag bit 11: the name is UTF-8
    assert codes(bytes(data)) == {"damaged-file"}
