"""Hints about changes: who announces them, and who hears of them."""
