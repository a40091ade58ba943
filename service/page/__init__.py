"""The page at `/`: what a person meets who has a picture and no program."""
