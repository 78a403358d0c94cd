"""File areas of lilota on fsspec: S3 and other object stores, and where else it can write whole files to."""
