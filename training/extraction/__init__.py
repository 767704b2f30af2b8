"""Video files → recordings, with the live side's own front end."""
