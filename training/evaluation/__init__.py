"""Metrics, confidence intervals over subjects, tables and plots."""
