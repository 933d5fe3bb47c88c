"""The figures of a training run, as they lie beside its export.

metrics.json belongs to export.pkl; another name, such as new.pkl, has new.metrics.json. Which export the figures
are of is said inside, by its SHA-256, so renaming an export loses nothing.
"""
import json
from pathlib import Path

from classifier.files import sha256

USUAL = "metrics.json"


def metrics_path(export: str | Path) -> Path:
    """Return where the figures of an export are written: beside it, metrics.json for export.pkl."""
    export = Path(export)
    return export.with_name(USUAL if export.stem == "export" else f"{export.stem}.{USUAL}")


def read_metrics(export: str | Path) -> dict:
    """Return the figures of an export from any metrics.json beside it; {} where none is of this export."""
    export = Path(export)
    try:
        digest = sha256(export)
    except OSError:
        return {}
    paths = [metrics_path(export), *sorted(export.parent.glob(f"*{USUAL}"))]
    return next((metrics for metrics in map(_read, paths) if _export_of(metrics) == digest), {})


def validated_before(out: Path) -> list[str]:
    """Return the SHA-256 of the photos that the run before held out, if it left a metrics.json.

    The run before is that of the same export, else that of export.pkl beside it: so both hold out the same.
    """
    before = _read(metrics_path(out)) or _read(out.with_name(USUAL))
    hashes = before.get("valid_sha256")
    return [entry for entry in hashes if isinstance(entry, str)] if isinstance(hashes, list) else []


def _read(path: Path) -> dict:
    """Return what lies in a file of figures; {} for what makes no sense."""
    try:
        metrics = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def _export_of(metrics: dict) -> object:
    """Return the SHA-256 of the export that the figures are of."""
    export = metrics.get("export")
    return export.get("sha256") if isinstance(export, dict) else None
