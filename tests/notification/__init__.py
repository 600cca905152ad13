"""Tests of the Notification API."""
