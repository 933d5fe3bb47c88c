"""Train a photo classifier: a linear probe of a pretrained network, then fine-tuning where that proves better.

Reads  DATA/<label>/*.jpg or DATA/{train,valid,test}/<label>/*.jpg, and metrics.json of an earlier run beside the
       export, if there is one
Writes export.pkl, its compiled copy export.onnx, and metrics.json: figures, counts, versions, options, and the
       predictions for held-out photos; DATA/.features, so that the next run computes new photos alone

    python -m training.train data/bears
    python -m training.train data/bears --quick                   # the probe alone: a minute for 400 photos
    python -m training.train data/bears --fine-tune --epochs 8    # the lesson's own way, kept if it proves better
    python -m training.train data/bears --arch mobilenet_v2 --weights mobilenet_v2.pth
    torchrun --nproc_per_node 2 -m training.train data/bears      # two processes, or GPUs; see `helpers`
"""

import os
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.command_line import run, with_options
from training.data.files import check_data
from training.options import TrainingOptions

from .checks import check_options, check_out


@with_options(TrainingOptions)
def main(
    data: str,  # folder of photos: one folder a label, or with labels.csv
    resplit: bool = False,  # draw a new validation set, also of photos that the run before validated on
    out: str = "export.pkl",  # where the export goes; its figures are written beside it
    keep: bool = True,  # keep nothing in runs/, where export, figures and list of photos lie for training.runs
    neighbours: bool = True,  # leave the training's photos unnamed: no answer tells which of them a photo resembles
    thumbnails: bool = False,  # small pictures of them in the export, 2 MB at most: who has the export sees the photos
    track: str = "",  # record it in trackio, wandb or tensorboard; NAME:PROJECT names a project, else DATA does
    **options: Any,
) -> None:  # comments of options that are on are those of --no-…, which the help shows
    "Train a classifier on DATA and write export.pkl and metrics.json."
    folder, export, chosen = Path(data), Path(out), TrainingOptions(**options)
    check_options(chosen)
    check_out(export)
    check_data(folder)
    if thumbnails and not neighbours:
        raise CliError("--thumbnails shows the photos that --no-neighbours leaves out. Leave one of the two away.")
    try:
        from .pipeline import train_and_export  # imports torch and fastai, which takes seconds

        train_and_export(folder, export, chosen, resplit, keep, neighbours, thumbnails, track)
    except KeyboardInterrupt:
        raise CliError(f"Stopped. {out} is as it was.") from None


if __name__ == "__main__":
    if "WORLD_SIZE" in os.environ:  # torchrun started this process, and others
        from . import pipeline  # noqa: F401  whatever the others are asked to do needs it
        from .processes.helpers import run_with_helpers

        run_with_helpers(lambda: run(main))
    else:
        run(main)
