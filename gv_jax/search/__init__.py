"""Search for settings: trials of one configuration with values from a space, scored on pictures that are held out."""
