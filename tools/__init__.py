"""The command line tools: each reads its arguments, calls the library and prints."""
