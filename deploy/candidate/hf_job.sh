#!/bin/bash
# Ask a Space every week, by a Job of the Hub, and propose a candidate to it where there is a reason to train one:
# job.sh does that, in a clone of the repository. The token in HF_TOKEN reads the data sets, and opens the pull request
# on the Space. FEEDBACK and WEIGHTS are passed on where they are set. Options of `hf jobs scheduled run` may follow,
# such as --dry-run.
#
#     deploy/candidate/hf_job.sh https://github.com/USER/fieldguide USER/SPACE USER/PHOTOS
#
set -eu
repository="$1" space="$2" dataset="$3"
hf jobs scheduled run --name candidate --flavor cpu-upgrade --timeout 3h --secrets HF_TOKEN \
    --env REPOSITORY="$repository" --env SPACE="$space" --env DATASET="$dataset" \
    --env FEEDBACK="${FEEDBACK:-}" --env WEIGHTS="${WEIGHTS:-}" "${@:4}" @weekly python:3.12 \
    bash -c 'git clone -q --depth 1 "$REPOSITORY" fieldguide && cd fieldguide && bash deploy/candidate/job.sh'
