"""The report: a page to look at, its plots, and every figure in it. Tables and arrays in, files out."""
