"""Tasks that people really use, each in a module that can be read alone, and the command `lilota demo`."""
