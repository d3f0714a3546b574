"""The `signalbox` command: the one place that may import everything."""
