"""Labellers: Gemini, or a file of answers; what they are sent, and the form of an answer."""
