"""The order in which a person reads what was found."""
