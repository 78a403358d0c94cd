"""The history of the tables. A change that older versions can't work with has `_incompatible_` in its name."""
