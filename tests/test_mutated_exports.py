"""tests/mutants.py: whatever is planted in an export, opening it runs, imports and opens nothing."""
import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

HERE = Path(__file__).parent
MUTANTS = int(os.environ.get("MUTANTS", "400"))  # `make robustness` tries thousands


def test_no_planted_name_is_called_imported_or_opened():
    exports = sorted((HERE / "exports").glob("*.pkl"))
    run = subprocess.run([sys.executable, "-W", "ignore", HERE / "mutants.py", *exports, "--n", str(MUTANTS)], cwd=ROOT,
                         capture_output=True, text=True, timeout=1800)
    print(f"asked {MUTANTS} requests")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert f"{MUTANTS} mutants" in run.stdout and "0 opened" not in run.stdout.split(",")[0]
