"""A plugin whose module can't be imported."""

raise RuntimeError("the configuration is missing")
