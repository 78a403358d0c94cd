"""The command line: `lilota worker`, `lilota add`, `lilota list` and the others."""
