"""Where things lie, for tests at any depth."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
CLIENTS = TESTS / "clients"
DEMO_RULES = ROOT / "lrs" / "demo" / "rules"
