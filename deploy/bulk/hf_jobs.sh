#!/bin/bash
# Answer photos of the Hub by Jobs there: each takes a share of the parts, and writes them to one bucket. Options of
# `hf jobs run` may follow, such as --dry-run.
#
#     deploy/bulk/hf_jobs.sh 64 IMAGE hf://datasets/USER/photos hf://buckets/USER/answers
#
set -eu
shards="$1" image="$2" photos="$3" answers="$4"
for shard in $(seq "$shards"); do
    hf jobs run --detach --flavor cpu-basic --timeout 6h --attempts 3 "${@:5}" \
        -v "$photos:/photos:ro" -v "$answers:/answers" "$image" \
        /venv/bin/python -m classifier /photos --out /answers --shard "$shard/$shards"
done
