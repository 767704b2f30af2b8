"""From video files to recordings, with the live side's own front end."""
