"""Check the prerequisites of docs/operator.md: this machine, the cluster, the services, the certificate."""
