"""tests/helpers/mutants.py: whatever is planted in an export, opening it runs, imports and opens nothing."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from classifier import Classifier
from classifier.export import ExportError
from helpers.paths import EXPORTS, ROOT

MUTANTS = int(os.environ.get("MUTANTS", "300"))  # `make robustness` tries thousands


@pytest.mark.slow
def test_no_planted_name_is_called_imported_or_opened():
    mutants, exports = ROOT / "tests" / "helpers" / "mutants.py", sorted(EXPORTS.glob("*.pkl"))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", mutants, *exports, "--n", str(MUTANTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    print(f"asked {MUTANTS} requests")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert f"{MUTANTS} mutants" in run.stdout and "0 opened" not in run.stdout.split(",")[0]


def injected(export: Path, to: Path, inject) -> None:
    """Write an export whose pickle fickling has put something into."""
    fickle = pytest.importorskip("fickling.fickle", reason="fickling is not installed (tests/requirements.txt)")
    with zipfile.ZipFile(export) as archive, zipfile.ZipFile(to, "w") as other:
        for info in archive.infolist():
            data = archive.read(info)
            if info.filename.endswith("/data.pkl"):
                program = fickle.Pickled.load(data)
                inject(program)
                data = program.dumps()
            other.writestr(info.filename, data)


CODE = "open('canary', 'w').write('ran')"
INJECTIONS = {
    "exec before": lambda program: program.insert_python_exec(CODE, run_first=True),
    "exec after": lambda program: program.insert_python_exec(CODE, run_first=False),
    "exec instead": lambda program: program.insert_python_exec(
        CODE, run_first=False, use_output_as_unpickle_result=True
    ),
    "eval": lambda program: program.insert_python_eval(CODE, run_first=True),
    "a call on what was opened": lambda program: program.insert_function_call_on_unpickled_object(
        f"def on_opened(learn):\n    {CODE}\n    return learn"
    ),
}


@pytest.mark.parametrize("key", INJECTIONS)
def test_what_fickling_injects_does_not_run(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    injected(EXPORTS / "resnet18.pkl", tmp_path / "export.pkl", INJECTIONS[key])
    with pytest.raises(ExportError):
        Classifier.load(tmp_path / "export.pkl")
    assert [file.name for file in tmp_path.iterdir()] == ["export.pkl"]
