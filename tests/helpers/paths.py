"""Where the project, an example and the real photos are."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "teddy-1.jpg"
SHARED = Path(os.environ.get("FIELDGUIDE_SHARED", ROOT.parent / "shared"))
EXPORTS = ROOT / "tests" / "exports"  # of other versions of fastai, and of other people's making
TRAINED = EXPORTS / "trained"  # what a training of ours wrote
