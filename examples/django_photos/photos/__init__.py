"""The app: photographs become thumbnails, and reports are written."""
