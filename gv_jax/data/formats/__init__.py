"""Reading of single image file formats, beyond what Pillow does by itself."""
