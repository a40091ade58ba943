"""`trainer pack`: a configuration with all that it reads, in one folder for a machine that cannot fetch anything."""
