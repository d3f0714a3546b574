"""Fires periodic tasks by name at their due times; knows no rule and no actor."""
