"""The tasks of the cluster, on machines that run a real kubeadm: `make nodes-e2e`."""
