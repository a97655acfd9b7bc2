"""What became of each layer and each op: `--explain`."""
