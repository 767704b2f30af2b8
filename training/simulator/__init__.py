"""Made-up people: what they do, how they move, what a tracker sees and what a labeller says of them."""
