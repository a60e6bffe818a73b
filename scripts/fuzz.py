"""Feed every parser what strangers could bring, led by coverage: no crash, no hang, bounded memory.

    .venv/bin/pip install atheris==3.0.0
    .venv/bin/python scripts/fuzz.py [--minutes 60] [--only statements,lti] [--keep FOLDER]

Each target of scripts/fuzzing/table.py runs in a process of its own for its share of time: libFuzzer
(atheris) changes good examples, as bytes or as JSON, and keeps what reaches new code. A target fails by any
error but the parser's own, by more than 20 seconds for one input, or by more than 1 GB of memory. The input
that did it is kept and said; `--only NAME --input FILE` runs it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
OURS: Final = ["lrs", "rules", "statements"]
MEMORY_MB, SECONDS = 1024, 20


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Run one target in this process; does not return."""
    import atheris

    with atheris.instrument_imports(include=OURS):
        from spoilt_json import spoil

        from scripts.fuzzing.table import TARGETS

        target = TARGETS[name]()

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except target.refusals:
            return

    def change(data: bytes, longest: int, seed: int) -> bytes:
        return spoil(bytes(data), longest, seed, atheris.Mutate)

    atheris.Setup([sys.argv[0], *arguments], run, **({"custom_mutator": change} if target.is_json else {}))
    atheris.Fuzz()


def fuzz(name: str, seconds: int, folder: Path) -> tuple[bool, str]:
    """Run a target in a process of its own; return whether it held, and what is to be said of it."""
    from scripts.fuzzing.table import TARGETS

    target = TARGETS[name]()
    corpus, found = folder / name, folder / f"{name}-crash-"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    words = folder / f"{name}.dict"
    words.write_text("".join(f'"{escaped(word)}"\n' for word in target.words))
    options = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS}",
        f"-max_len={target.longest}",
        f"-artifact_prefix={found}", "-print_final_stats=1", "-verbosity=1",
    ]  # fmt: skip
    if target.words:  # libFuzzer takes no empty dictionary
        options.append(f"-dict={words}")
    command = [sys.executable, __file__, "--target", name, "--", *options, str(corpus)]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds + 120, check=False
        )
    except subprocess.TimeoutExpired as hung:
        (folder / f"{name}.log").write_bytes(hung.stderr or b"")
        return False, f"{name}: FAILED, no end, log {folder / name}.log"
    told = dict(re.findall(r"stat::(\w+):\s+(\d+)", ran.stderr))
    coverage = re.findall(r"cov: (\d+)", ran.stderr)
    figures = (
        f"{name}: {int(told.get('number_of_executed_units', 0)):,} inputs, "
        f"coverage {coverage[-1] if coverage else '?'}, {told.get('peak_rss_mb', '?')} MB"
    )
    if ran.returncode == 0:
        return True, figures
    log = folder / f"{name}.log"
    log.write_text(ran.stderr)
    crash = re.findall(r"Test unit written to (\S+)", ran.stderr)
    return False, f"{figures}; FAILED ({ran.returncode}), input {crash[-1] if crash else '?'}, log {log}"


def escaped(word: str) -> str:
    """Return a word as libFuzzer's dictionaries spell it."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode()
    )


def main() -> int:
    """Read the options, fuzz, tell."""
    if "--target" in sys.argv:
        place = sys.argv.index("--")
        fuzz_one(sys.argv[place - 1], sys.argv[place + 1 :])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--only", default="", help="targets, separated by commas")
    parser.add_argument("--keep", type=Path, help="folder of the examples found; default: a new one")
    parser.add_argument("--input", type=Path, help="only run this one input")
    given = parser.parse_args()
    from scripts.fuzzing.table import TARGETS

    names = given.only.split(",") if given.only else list(TARGETS)
    if given.input:
        run_again(TARGETS[names[0]](), given.input.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: .venv/bin/pip install atheris==3.0.0")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"{len(names)} targets, {given.minutes:g} minutes, in {folder}", flush=True)
    held = True
    for name in names:
        is_right, said = fuzz(name, max(1, int(given.minutes * 60 / len(names))), folder)
        held &= is_right
        print(said, flush=True)
    return 0 if held else 1


def run_again(target: Any, data: bytes) -> None:
    """Run one input without any instrumentation."""
    try:
        target.run(data)
    except target.refusals as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    sys.exit(main())
