"""What the tests of the Notification API are made with."""
