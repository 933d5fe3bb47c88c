#!/bin/bash
# What hf_job.sh runs each week, in a clone of this repository: takes the model from the Space that serves it, photos and
# feedback from the Hub, and proposes a candidate by a pull request on the Space.
set -eu
pip install -q -r pre-requirements.txt
pip install -q -r training/requirements.txt
hf download "$SPACE" --repo-type space --local-dir now \
    --include "export.*" --include metrics.json --include manifest.csv
python -m training.gather --source "hf://datasets/$DATASET" --out data
python -m training.candidate data --export now/export.pkl --space "$SPACE" --feedback "${FEEDBACK:-}" \
    --weights "${WEIGHTS:-}" --pull-request "spaces/$SPACE"
