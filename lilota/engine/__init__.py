"""The decisions of a runner, without I/O and without a clock."""
