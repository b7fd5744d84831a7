"""What is done on the machines: a module a concern, each a function of a connected host and the inventory."""
