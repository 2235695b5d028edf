"""Scores of results against ground truth."""
