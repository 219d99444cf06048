#!/bin/bash
# Written by launch/slurm.py
#SBATCH --job-name='my sweep'
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=1-12:00:00
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --signal=TERM@300
#SBATCH --open-mode=append
#SBATCH --chdir='/home/user/my work'
#SBATCH --output='/home/user/100%% mine/%A_%a.log'
#SBATCH --array=0-3%2
#SBATCH --requeue
#SBATCH --qos=high

module load cuda
source .venv/bin/activate

export PYTHONUNBUFFERED=1  # so that lines reach the log as they are printed

case "$SLURM_ARRAY_TASK_ID" in
  0) overrides=(seed=0 'model.depths=[1,1]') ;;
  1) overrides=(seed=0 'model.depths=[2,2]') ;;
  2) overrides=(seed=1 'model.depths=[1,1]') ;;
  3) overrides=(seed=1 'model.depths=[2,2]') ;;
esac
command=(python -m spectrax.train 'run_dir=out/my run ${seed}' "${overrides[@]}")

job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
restarts=${SLURM_RESTART_COUNT:-0}
say() { echo "[slurm] $(date +%FT%T) $*"; }
say "job $job on $SLURM_JOB_NODELIST, restart $restarts: ${command[*]}"

# srun returns the highest exit code, which may be that of a process that it ended because another one failed.
# So each process runs under a shell that notes its exit code if it is the first that is not zero.
# 76 only says that another process failed: the code of that one has time to come first.
first='/home/user/100% mine'/.$job.$restarts.code
process='trap : TERM
export JAX_LOCAL_DEVICE_IDS=$(seq -s, $((SLURM_LOCALID * 2)) $((SLURM_LOCALID * 2 + 1)))
"${@:2}"; code=$?
[ "$code" != 76 ] || sleep 1
[ "$code" = 0 ] || (set -o noclobber; echo "$code" >"$1") 2>/dev/null
[ "$code" = 75 ] && [ -s "$1" ] && exit 0  # the others are about to end too: srun must not hurry them
exit "$code"'
trap : TERM  # SIGTERM is for the training, which saves and ends; the shells wait for it
srun --kill-on-bad-exit=1 --wait=0 --label --cpus-per-task=8 bash -c "$process" process "$first" "${command[@]}"
code=$?
[ -s "$first" ] && read -r code <"$first"
rm -f "$first"

if [ "$code" -gt 128 ] && [ "$code" != 130 ]; then
  say "a process was lost (exit code $code)"
  code=76
fi
if [ "$code" = 75 ] || [ "$code" = 76 ]; then
  if [[ $(scontrol --oneliner show job "$job") != *JobState=RUNNING* ]]; then
    # Cancelled, or past its time: requeued it would come back. What SLURM preempts it requeues itself.
    say "SLURM is ending the job: not requeued"
  elif [ "$restarts" -ge 3 ]; then
    say "requeued 3 times already: submit again to continue"
  else
    say "exit code $code: requeued, $((restarts + 1)) of 3"
    scontrol requeue "$job" && exit "$code"
  fi
fi
say "ended with exit code $code"
exit "$code"
