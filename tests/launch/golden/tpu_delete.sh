# Save and end:
gcloud compute tpus tpu-vm ssh my-pod --worker=all '--ssh-flag=-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --quiet '--command=bash spectrax/tpu_worker.sh stop' --zone=us-west4-a
# Delete:
gcloud compute tpus queued-resources delete my-pod --force --quiet --zone=us-west4-a
