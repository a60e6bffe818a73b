"""Make the wheel of a commit, the same bytes every time, with its SBOM (CycloneDX) and checksums.

    python scripts/build.py [FOLDER] [--commit HEAD]

FOLDER is var/dist. What builds is pinned here and installed into a folder that is removed afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import tempfile
import venv
import zipfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILDS = ("setuptools==84.2.1",)
SBOM = "cyclonedx-bom==7.5.0"
EXTRAS = "embedded,analysis,lake,prediction"  # what the SBOM lists beside the wheel's own dependencies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "var" / "dist")
    parser.add_argument("--commit", default="HEAD")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tools = installed(work / "tools", *BUILDS)
        wheel = build(tools, given.commit, work / "source", given.folder)
        bill = sbom(work, wheel)
    sums = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in (wheel, bill)]
    (given.folder / "SHA256SUMS").write_text("".join(sums))
    print("".join(sums), end="")


def build(python: Path, commit: str, source: Path, into: Path) -> Path:
    """Build the wheel of a commit with the setuptools of a Python; its times are the commit's."""
    command = ["git", "archive", "--format=zip", commit]
    archive = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    zipfile.ZipFile(BytesIO(archive)).extractall(source)
    for path in source.rglob("*"):  # whatever umask there was
        path.chmod(0o755 if path.is_dir() else 0o644)
    at = subprocess.run(
        ["git", "log", "-1", "--format=%ct", commit], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    code = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [python, "-c", code, into], cwd=source, env={**os.environ, "SOURCE_DATE_EPOCH": at, "TZ": "UTC"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return into / built.stdout.splitlines()[-1]


def sbom(work: Path, wheel: Path) -> Path:
    """Write what a new installation of the wheel has in it."""
    there = installed(work / "installed", f"{wheel}[{EXTRAS}]")
    tool = installed(work / "cyclonedx", SBOM).with_name("cyclonedx-py")
    bill = wheel.with_suffix(".cdx.json")
    subprocess.run([tool, "environment", there, "--output-reproducible", "-o", bill], check=True)
    return bill


def installed(folder: Path, *requirements: str) -> Path:
    """Return the Python of a new environment that has these."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    subprocess.run(command, check=True)
    return python


if __name__ == "__main__":
    main()
