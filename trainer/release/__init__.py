"""From trained states to a published bundle."""
