"""The video with portrait, points and the confidence curve drawn into it."""
