"""The cluster: a module a task. Each asks the API server before it changes anything; none resets a node."""
