"""Simulated quasars, contaminants, anomalies and the instrument, from published numbers: arrays in, arrays out."""
