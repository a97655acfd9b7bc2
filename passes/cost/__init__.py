"""Models of machines: what a tile, a group or a transform costs."""
