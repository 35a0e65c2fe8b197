#!/usr/bin/env bash
# bash tools/slurm_train.sh PARTITION JOB CONFIG [options of tools/train.py]
# Environment: GPUS (8), GPUS_PER_NODE (8, or GPUS if fewer), CPUS_PER_TASK (5), SRUN_ARGS (further arguments of srun).
set -euo pipefail
PARTITION=${1:?a partition is missing} JOB=${2:?a name for the job is missing} CONFIG=${3:?a config file is missing}
shift 3
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
# shellcheck disable=SC2086     # SRUN_ARGS is split into words on purpose
exec srun --partition "$PARTITION" --job-name "$JOB" --gres "gpu:$GPUS_PER_NODE" \
    --ntasks "$GPUS" --ntasks-per-node "$GPUS_PER_NODE" --cpus-per-task "${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit 1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$CONFIG" --launcher slurm "$@"
