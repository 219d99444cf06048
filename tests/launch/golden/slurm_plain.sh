#!/bin/bash
# Written by launch/slurm.py
#SBATCH --job-name=spectrax
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --signal=TERM@120
#SBATCH --open-mode=append
#SBATCH --chdir=/home/user/spectrax
#SBATCH --output=/home/user/.local/state/spectrax/slurm/20260102-030405-spectrax/%j.log
#SBATCH --requeue

export PYTHONUNBUFFERED=1  # so that lines reach the log as they are printed

command=(python -m spectrax.train +experiment=svt_digits)

job=$SLURM_JOB_ID
restarts=${SLURM_RESTART_COUNT:-0}
say() { echo "[slurm] $(date +%FT%T) $*"; }
say "job $job on $SLURM_JOB_NODELIST, restart $restarts: ${command[*]}"

# srun returns the highest exit code, which may be that of a process that it ended because another one failed.
# So each process runs under a shell that notes its exit code if it is the first that is not zero.
# 76 only says that another process failed: the code of that one has time to come first.
first=/home/user/.local/state/spectrax/slurm/20260102-030405-spectrax/.$job.$restarts.code
process='trap : TERM
"${@:2}"; code=$?
[ "$code" != 76 ] || sleep 1
[ "$code" = 0 ] || (set -o noclobber; echo "$code" >"$1") 2>/dev/null
[ "$code" = 75 ] && [ -s "$1" ] && exit 0  # the others are about to end too: srun must not hurry them
exit "$code"'
trap : TERM  # SIGTERM is for the training, which saves and ends; the shells wait for it
srun --kill-on-bad-exit=1 --wait=0 --label bash -c "$process" process "$first" "${command[@]}"
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
  elif [ "$restarts" -ge 10 ]; then
    say "requeued 10 times already: submit again to continue"
  else
    say "exit code $code: requeued, $((restarts + 1)) of 10"
    scontrol requeue "$job" && exit "$code"
  fi
fi
say "ended with exit code $code"
exit "$code"
