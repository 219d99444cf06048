#!/bin/bash
# What launch/tpu_pod.py has every worker of a TPU slice do. It lies in ~/spectrax, the working directory of the run.
#
#   expect COMMAND...         fail where another command is running
#   install                   Python, and the Spectrax that lies beside this script
#   mount_buckets BUCKET...   each as the directory /gcs/BUCKET
#   keep_runs DIRECTORY       runs/ becomes this directory
#   run ATTEMPT COMMAND...    run a command and show its output; where it runs already, only show the output.
#                             The exit code is the command's. What ended in an ATTEMPT is not begun again in it.
#   stop                      SIGTERM to the command, which saves and ends
#   logs [--follow]           what the latest command wrote
#   status                    what became of it
#
# A command outlives the connection that began it: connections of hours break, and gcloud repeats what they were for.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p .run

expect() {
  if running && [ "$(printf '%q ' "$@")" != "$(recall command)" ]; then
    say "another command is running here: $(recall command)"
    exit 1
  fi
}

install() {
  if running; then
    say "a command is running: it keeps what is installed"
    return
  fi
  PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet --user uv  # the machines' own Python is too old
  uv=$(python3 -m site --user-base)/bin/uv
  "$uv" venv --quiet --allow-existing --python 3.11 .venv
  wheel=$(ls -t -- *.whl | head -n 1)
  "$uv" pip install --quiet --python .venv --reinstall-package spectrax "spectrax[tpu] @ file://$PWD/$wheel"
  # Without it the TPU's runtime takes minutes to start; JAX warns of that.
  echo always | sudo tee /sys/kernel/mm/transparent_hugepage/enabled >/dev/null || true
  say "installed $wheel"
}

mount_buckets() {
  command -v gcsfuse >/dev/null || {
    say "gcsfuse is not installed: https://cloud.google.com/storage/docs/cloud-storage-fuse/install says how"
    exit 1
  }
  for bucket in "$@"; do
    if mountpoint --quiet "/gcs/$bucket"; then continue; fi
    sudo mkdir -p "/gcs/$bucket"
    sudo chown "$(id -u):$(id -g)" "/gcs/$bucket"
    # Directories are renamed when a checkpoint is complete, and what one worker wrote the others see at once.
    gcsfuse --implicit-dirs --rename-dir-limit=100000 --metadata-cache-ttl-secs=0 \
      --metadata-cache-negative-ttl-secs=0 "$bucket" "/gcs/$bucket" >/dev/null || {
      say "gs://$bucket cannot be mounted; may the service account of these machines read and write it?"
      exit 1
    }
  done
}

keep_runs() {
  if [ -d runs ] && [ ! -L runs ]; then
    say "there is a directory $PWD/runs of earlier runs already; move it away to keep new runs in $1"
    exit 1
  fi
  mkdir -p "$1"
  ln -sfn "$1" runs
}

run() {
  attempt=$1
  shift
  exec 9>>.run/lock
  if flock --nonblock 9; then
    [ "$attempt" = "$(recall attempt)" ] || begin "$attempt" "$@"
    exec 9>&-
    follow 1
  else
    exec 9>&-
    expect "$@"
    say "is running already"
    follow "$(($(wc -l <.run/log) + 1))"
  fi
  code=$(recall code)
  say "pid $(recall pid) ended with exit code ${code:=137}"  # killed with its supervisor, it left none
  exit "$code"
}

begin() {  # the lock on descriptor 9 goes to the supervisor, and is free when that ends
  rm -f .run/code .run/pid
  printf '%s' "$1" >.run/attempt
  shift
  printf '%q ' "$@" >.run/command
  : >.run/log
  setsid bash tpu_worker.sh supervise "$@" </dev/null >>.run/log 2>&1 &
}

supervise() {
  trap : TERM  # a machine that is shut down tells all processes; the command saves, and this one waits for it
  export PATH="$PWD/.venv/bin:$PATH" PYTHONUNBUFFERED=1
  code=0
  bash -c 'printf "%s" "$$" >.run/pid; exec "$@"' - "$@" 9>&- || code=$?
  printf '%s' "$code" >.run/code
}

stop() {
  until [ -s .run/pid ] || ! running; do sleep 0.1; done
  if ! running; then return; fi
  kill -TERM "$(recall pid)" || true  # it may have ended just now
  flock --shared --timeout 300 .run/lock true || say "is still saving after 300 s"
}

logs() {
  [ -e .run/log ] || { say "nothing was run here"; exit 1; }
  if [ "${1:-}" = --follow ] && running; then follow 1; else label <.run/log; fi
}

status() {
  if running; then
    say "is running: $(recall command)"
  elif [ -e .run/command ]; then
    say "ended with exit code $(recall code): $(recall command)"
  else
    say "nothing was run here"
  fi
}

follow() {  # from a line on, until the supervisor lets go of its lock
  flock --shared .run/lock true &
  tail --lines="+$1" --follow --sleep-interval=0.1 --pid="$!" .run/log | label
}

running() { ! flock --shared --nonblock .run/lock true; }
recall() { cat ".run/$1" 2>/dev/null || true; }
label() { sed --unbuffered "s/^/[$worker] /"; }
say() { echo "[$worker] $*"; }

metadata=http://metadata.google.internal/computeMetadata/v1/instance/attributes
worker=$(curl --fail --silent --header 'Metadata-Flavor: Google' "$metadata/agent-worker-number" || echo 0)
"$@"
