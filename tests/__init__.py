"""The facts activerow promises, proved on real databases."""
