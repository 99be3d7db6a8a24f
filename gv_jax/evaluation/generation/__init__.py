"""Numbers of generated images: how real, how varied, how faithful to their class, how copied."""
