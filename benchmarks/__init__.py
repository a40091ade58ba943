"""Measurements. They print and write figures and judge nothing; run them from the repository's root with `-m`."""
