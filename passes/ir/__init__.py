"""Reading and building IR: matchers, builders, constants."""
