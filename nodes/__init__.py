"""The machines under the cluster: their inventory, the files on them, and the tasks that write them."""
