"""The ops between the passes: each is built and read back here."""
