"""The task `process_images`: a thumbnail (JPEG) and a WebP of every image in a folder."""

from lilota_example_tasks.process_images.task import ProcessImages

__all__ = ["ProcessImages"]
