"""Find and read metrics.json, the figures of a training run, beside its export.

metrics.json belongs to export.pkl; another name, such as new.pkl, has new.metrics.json. The file contains the SHA-256
of its export, so that it is found after an export was renamed.
"""

import json
from pathlib import Path
from typing import Any

from classifier.files import sha256

from .output import staged

FILE_NAME = "metrics.json"


def metrics_path(export: str | Path) -> Path:
    """Return the path of an export's figures: beside it, metrics.json for export.pkl."""
    export = Path(export)
    return export.with_name(FILE_NAME if export.stem == "export" else f"{export.stem}.{FILE_NAME}")


def read_metrics(export: str | Path) -> dict[str, Any]:
    """Return the figures of an export from any metrics.json beside it; {} where none is of this export."""
    export = Path(export)
    try:
        digest = sha256(export)
    except OSError:
        return {}
    paths = [metrics_path(export), *sorted(export.parent.glob(f"*{FILE_NAME}"))]
    return next((metrics for metrics in map(_read, paths) if _export_of(metrics) == digest), {})


def write_metrics(metrics: dict[str, Any], export: str | Path) -> None:
    """Write metrics.json beside an export."""
    with staged(metrics_path(export)) as temporary:
        temporary.write_text(json.dumps(metrics, indent=1) + "\n")


def validated_before(out: Path) -> list[str]:
    """Return the SHA-256 of the photos that the previous run held out; empty where it left no metrics.json.

    The previous run is that of the same export, else that of export.pkl beside it: so both hold out the same photos.
    """
    previous = _read(metrics_path(out)) or _read(out.with_name(FILE_NAME))
    hashes = previous.get("valid_sha256")
    return [entry for entry in hashes if isinstance(entry, str)] if isinstance(hashes, list) else []


def _read(path: Path) -> dict[str, Any]:
    """Return the figures in a file; {} where it holds none."""
    try:
        metrics = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def _export_of(metrics: dict[str, Any]) -> object:
    """Return the SHA-256 of the export that the figures are of."""
    export = metrics.get("export")
    return export.get("sha256") if isinstance(export, dict) else None
