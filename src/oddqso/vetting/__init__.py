"""The blind queue in which people judge spectra: what is asked, what they answer, and how often they err."""
