"""Declaring kinds: registrations become routes, and contracts for the schema."""
