"""What all passes share: their base class, and where an op comes from."""
