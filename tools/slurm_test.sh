#!/usr/bin/env bash
# bash tools/slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [options of tools/test.py]
# Environment: GPUS (8), GPUS_PER_NODE (8, or GPUS if fewer), CPUS_PER_TASK (5), SRUN_ARGS (further arguments of srun).
set -euo pipefail
PARTITION=${1:?a partition is missing} JOB=${2:?a name for the job is missing}
CONFIG=${3:?a config file is missing} CHECKPOINT=${4:?a checkpoint is missing}
shift 4
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
# shellcheck disable=SC2086     # SRUN_ARGS is split into words on purpose
exec srun --partition "$PARTITION" --job-name "$JOB" --gres "gpu:$GPUS_PER_NODE" \
    --ntasks "$GPUS" --ntasks-per-node "$GPUS_PER_NODE" --cpus-per-task "${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit 1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "$@"
