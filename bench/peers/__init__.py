"""The same job built the usual way, to stand beside ours in the same run."""
