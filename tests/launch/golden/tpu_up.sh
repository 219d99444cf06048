# Can gs://lab be reached?
gcloud storage objects list gs://lab --limit=1 '--format=value(name)'
# Can gs://data be reached?
gcloud storage objects list gs://data --limit=1 '--format=value(name)'
# Create my-pod:
gcloud compute tpus tpu-vm create my-pod --accelerator-type=v6e-16 --version=v2-alpha-tpuv6e --spot --zone=us-west4-a
# Ready when this says READY:
gcloud compute tpus tpu-vm describe my-pod '--format=value(state)' --zone=us-west4-a
# Copy Spectrax to all workers, and install it there:
rm -rf /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
mkdir -p /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir=/home/user/.cache/spectrax/tpu_pod/my-pod/spectrax /home/user/spectrax
cp -R /home/user/spectrax/launch/tpu_worker.sh /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
gcloud compute tpus tpu-vm scp --recurse /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax my-pod: --worker=all --quiet --zone=us-west4-a
gcloud compute tpus tpu-vm ssh my-pod --worker=all '--ssh-flag=-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --quiet '--command=bash spectrax/tpu_worker.sh expect python -m spectrax.train +experiment=svt_imagenet data_dir=/gcs/data/imagenet '"'"'run_dir=out/my run'"'"' && bash spectrax/tpu_worker.sh install && bash spectrax/tpu_worker.sh mount_buckets lab data && bash spectrax/tpu_worker.sh keep_runs /gcs/lab/runs' --zone=us-west4-a
# Run; again after exit code 75 or 76, up to 10 times:
gcloud compute tpus tpu-vm ssh my-pod --worker=all '--ssh-flag=-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --quiet '--command=bash spectrax/tpu_worker.sh run 1760000000000 python -m spectrax.train +experiment=svt_imagenet data_dir=/gcs/data/imagenet '"'"'run_dir=out/my run'"'"'' --zone=us-west4-a
# When it has succeeded:
gcloud compute tpus tpu-vm delete my-pod --quiet --zone=us-west4-a
