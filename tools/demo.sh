#!/usr/bin/env bash
# The whole walk on synthetic faces, in some 12 minutes on 2 cores: demo clips, image stage, temporal
# aggregation and FE-Adapter on the frozen ViT, a table, pictures, and the prediction for a video. Needs nothing
# but Python 3.11-3.13 and pip: what is missing is installed into .venv first.
#
#   bash tools/demo.sh               data in data/demo, results in work_dirs/demo
#   SEED=1 bash tools/demo.sh        another set and other runs, in data/demo_seed1 and work_dirs/demo_seed1
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
find_environment

cd "$root"
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"       # busy threads of several processes would hold each other up
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"             # a model this small is trained by processes, not by threads
# glibc gives freed memory back to the system, and every step asks for it again, unless it may keep this many bytes.
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-1000000000}" MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-1000000000}"
export PYTHONPATH="$root/projects${PYTHONPATH:+:$PYTHONPATH}"
seed=${SEED:-0}
suffix=$([ "$seed" = 0 ] || echo "_seed$seed")
data=data/demo$suffix work=work_dirs/demo$suffix

# Two processes on a CPU, each with its part of a batch and reading by itself, since no core is idle; one where there is
# a GPU, with a worker.
processes=${PROCESSES:-$(command -v nvidia-smi > /dev/null && echo 1 || echo 2)}
workers=$([ "$processes" = 1 ] && echo 1 || echo 0)

# run_once NAME CONFIG BATCH [options]: train unless it is done; go on where it stopped.
run_once() {
    local name=$1 config=$2 batch=$3
    shift 3
    if [ -f "$work/$name/result.json" ]; then
        say "$name: done before, in $work/$name"
        return
    fi
    say "$name: training; log in $work/$name"
    mkdir -p "$work/$name"
    "$python" tools/train.py "$config" --name "$name" --work-dir "$work/$name" --seed "$seed" --resume --gpus "$processes" \
        --workers "$workers" "$@" --cfg-options train_dataloader.batch_size=$((batch / processes)) \
        2>&1 | tee "$work/$name/console.log" | grep -E --line-buffered 'Epoch\((train|val)\)|ERROR|error:' \
        || { tail -n 20 "$work/$name/console.log" >&2; die "$name failed; its log is $work/$name/console.log"; }
}

start=$SECONDS
say "1/5 synthetic clips in $data"
"$python" tools/data/make_demo_clips.py --out "$data" --seed "$seed"
say '2/5 image stage: a small ViT learns expressions from single frames'
run_once image_stage configs/demo/image_stage.py 64 --data-root "$data/static"
say '3/5 temporal aggregation: the mean of the frozen frame features'
run_once temporal_aggregation configs/demo/temporal_aggregation.py 32 --data-root "$data" \
    --image-checkpoint "$work/image_stage/best.pth"
say '4/5 FE-Adapter on the same frozen ViT'
run_once fe_adapter configs/demo/fe_adapter.py 8 --data-root "$data" --image-checkpoint "$work/image_stage/best.pth"
say '5/5 results, and the prediction for a video'
"$python" tools/analysis/summarize.py "$work/image_stage" "$work/temporal_aggregation" "$work/fe_adapter" \
    --out "$work/summary.json" --curves "$work/curves.png"
"$python" tools/infer.py configs/demo/fe_adapter.py "$work/fe_adapter/last.safetensors" "$data/videos" \
    --image-checkpoint "$work/image_stage/best.pth" --region frame --out "$work/predictions"
say "done in $((SECONDS - start)) s: table in $work/summary.html, a report.html in the folder of each run in $work"
