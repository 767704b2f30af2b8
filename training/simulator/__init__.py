"""Simulated people: behaviour, motion, tracker noise, rendered portraits, descriptions and a labeller."""
