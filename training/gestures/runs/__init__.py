"""From a recipe to trained branches, votes, tables and files: what the commands call."""
