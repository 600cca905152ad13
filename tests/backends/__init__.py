"""Tests of the objects that say what a server can do."""
