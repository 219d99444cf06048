"""The ground floor: protocols of the four nouns, errors with exit codes, atomic files, randomness, trees."""
