"""From a model and its masks to an artifact folder."""
