"""Detectors of oddness behind one protocol: residuals, matched filters, latent density; higher is odder."""
