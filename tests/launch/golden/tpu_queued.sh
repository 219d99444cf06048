# Create my-pod:
gcloud compute tpus queued-resources create my-pod --node-id=my-pod --accelerator-type=v5litepod-16 --runtime-version=v2-alpha-tpuv5-lite --valid-until-duration=6h --network=lab --zone=us-west4-a --project=lab
# In the queue until this says ACTIVE:
gcloud compute tpus queued-resources describe my-pod '--format=value(state.state)' --zone=us-west4-a --project=lab
# Ready when this says READY:
gcloud compute tpus tpu-vm describe my-pod '--format=value(state)' --zone=us-west4-a --project=lab
# Copy Spectrax to all workers, and install it there:
rm -rf /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
mkdir -p /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir=/home/user/.cache/spectrax/tpu_pod/my-pod/spectrax /home/user/spectrax
cp -R /home/user/spectrax/launch/tpu_worker.sh my_lab /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax
gcloud compute tpus tpu-vm scp --recurse /home/user/.cache/spectrax/tpu_pod/my-pod/spectrax my-pod: --worker=all --quiet --zone=us-west4-a --project=lab
gcloud compute tpus tpu-vm ssh my-pod --worker=all '--ssh-flag=-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --quiet '--command=bash spectrax/tpu_worker.sh expect python -m spectrax.train +experiment=svt_imagenet && bash spectrax/tpu_worker.sh install' --zone=us-west4-a --project=lab
# Run; again after exit code 75 or 76, up to 3 times:
gcloud compute tpus tpu-vm ssh my-pod --worker=all '--ssh-flag=-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --quiet '--command=bash spectrax/tpu_worker.sh run 1760000000000 python -m spectrax.train +experiment=svt_imagenet' --zone=us-west4-a --project=lab
