"""A module that belongs to no app of the project: importing it because a stored row names it is a defect."""

from __future__ import annotations

raise AssertionError("this module must never be imported")
