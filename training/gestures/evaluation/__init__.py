"""What was said of clips, and how right it is: figures, intervals by subject, tables, submissions."""
