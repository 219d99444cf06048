"""Dictionaries: functions of a state in whose span a Koopman operator is approximated, one kind a file."""
