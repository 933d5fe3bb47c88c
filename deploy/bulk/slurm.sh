#!/bin/bash
# Answer a source by a Slurm array: each task answers its share of the parts. Tasks that failed are sent again by their
# numbers, and go on where they were.
#
#     sbatch --array=1-64 deploy/bulk/slurm.sh 64 SOURCE --out OUT
#     sbatch --array=3,17 deploy/bulk/slurm.sh 64 SOURCE --out OUT
#
#SBATCH --job-name=answers
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=1G
#SBATCH --requeue
set -eu
export CPU_CORES="${SLURM_CPUS_PER_TASK:-1}"
exec python -m classifier "${@:2}" --shard "$SLURM_ARRAY_TASK_ID/$1"
