"""What the operator may set, and the one table of tasks, queues and lanes."""
