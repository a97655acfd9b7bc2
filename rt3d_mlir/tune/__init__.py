"""Register tiles and kernel groups, chosen by time."""
