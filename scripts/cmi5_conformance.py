"""Run the cmi5 project CATAPULT's LMS test suite against a fresh Laurel, and say how many tests passed.

    scripts/cmi5_conformance.py SUITE_FOLDER [JEST_OPTION...]

SUITE_FOLDER is the suite's `lts` folder as its README leaves it: with its npm packages and its test packages
built. Needs node and chromium. Exit status: 0 when every test passed, 1 when one failed, 2 when the suite
cannot be run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from conformance import running_laurel

ADAPTER = Path(__file__).parent / "cmi5_adapter.js"


def main() -> int:
    """Run the suite and print the figures."""
    parser = argparse.ArgumentParser(prog="scripts/cmi5_conformance.py", description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path, metavar="SUITE_FOLDER")
    given, options = parser.parse_known_args()
    suite = given.suite.resolve()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    missing = [name for name in ("node_modules", "pkg/dist", "lib/errors.js") if not (suite / name).exists()]
    if missing or browser is None or shutil.which("npx") is None:
        lacks = ", ".join(missing) or "chromium, node or npx on the PATH"
        print(f"the suite cannot be run: {lacks} is not there", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="laurel-cmi5-") as name:
        folder = Path(name)
        config = folder / "browser.js"
        launch = {"executablePath": browser, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}
        config.write_text(f"module.exports = {json.dumps({'launch': launch})};\n")
        report = folder / "report.json"
        with running_laurel("1.0.3", folder) as (url, key, secret):
            own = {
                "CATAPULT_LMS": str(ADAPTER),
                "LTS_FOLDER": str(suite),
                "JEST_PUPPETEER_CONFIG": str(config),
            }
            ours = {"LAUREL_URL": url, "LAUREL_KEY": key, "LAUREL_SECRET": secret}
            environ = os.environ | own | ours
            command = ["npx", "jest", "--runInBand", "--json", f"--outputFile={report}", *options]
            subprocess.run(command, cwd=suite, env=environ, check=False)
        found = json.loads(report.read_text()) if report.exists() else {}
    passed, total = found.get("numPassedTests", 0), found.get("numTotalTests", 0)
    print(f"CATAPULT LTS: {passed} of {total} tests passed, {found.get('numFailedTests')} failed")
    return 0 if total and passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
