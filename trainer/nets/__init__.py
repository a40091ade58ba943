"""Networks: torch modules that know nothing of losses or data."""
