"""Made-up people who gesture: what they do, how it moves 137 points, and how it looks in a picture."""
