"""Migrations on real databases."""
