"""Honest figures: metrics, intervals by subject, tables and plots."""
