"""What the pages of the dashboard show, read from a store: records that templates, and programs, can take as they are.

Nothing in here knows of HTTP or HTML. Secrets are masked in the records themselves, and control characters are visible
escapes; what stands for itself in HTML, as "<", whoever writes HTML escapes.
"""
