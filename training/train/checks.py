"""Check the options of a training before any photo is read; a CliError says which one cannot work."""

import os
import shutil
from pathlib import Path

from fastcore.script import CliError

from training.options import RESIZES, TrainingOptions

MIN_FREE_BYTES = 200_000_000  # free where the export goes: checked before the training, not after


def check_options(options: TrainingOptions) -> None:
    """Raise CliError for an option that cannot work."""
    ranges = {
        "epochs": (options.epochs >= 1, "at least 1 is needed"),
        "image_size": (32 <= options.image_size <= 1024, "from 32 to 1024 pixels"),
        "resize": (options.resize in RESIZES, f"one of {', '.join(RESIZES)}"),
        "valid_pct": (0 < options.valid_pct < 1, "a share between 0 and 1, such as 0.2"),
        "batch_size": (options.batch_size >= 2, "at least 2"),
        "seed": (0 <= options.seed < 2**32, f"from 0 to {2**32 - 1}"),
        "base_lr": (0 < options.base_lr < 1, "between 0 and 1, such as 0.001"),
        "grey": (0 <= options.grey <= 1, "a share from 0 to 1, such as 0.3"),
        "precision": (0 <= options.precision < 1, "a share below 1, such as 0.9; 0 for the best F1"),
        "folds": (options.folds >= 2, "at least 2, such as 5"),
    }
    for name, (fits, wanted) in ranges.items():
        if not fits:
            raise CliError(f"--{name.replace('_', '-')} {getattr(options, name)}: {wanted}.")
    if options.quick and options.fine_tune:
        raise CliError("--quick --fine-tune: one of the two. --quick leaves fine-tuning out, --fine-tune does it.")


def check_out(out: Path) -> None:
    """Raise CliError for a place where no export can be written."""
    if out.is_dir() or not out.parent.is_dir():
        raise CliError(f"--out {out}: a file in a folder that exists, such as export.pkl.")
    if not os.access(out.parent, os.W_OK):
        raise CliError(f"--out {out}: nothing may be written in {out.parent.resolve()}.")
    free = shutil.disk_usage(out.parent).free
    if free < MIN_FREE_BYTES:
        raise CliError(
            f"Only {free / 1e6:.0f} MB are free in {out.parent.resolve()}: "
            f"make room for {MIN_FREE_BYTES / 1e6:.0f} MB first."
        )
