"""Logging in at Google, Kakao and Facebook.

| file | what it holds |
| --- | --- |
| `providers` | where they are, and how a code of theirs becomes a profile |
| `profiles` | what they say about a user, read with suspicion |
"""
