"""The networks: how they are built and loaded, and what they make of pictures and captions. Nothing here trains."""
