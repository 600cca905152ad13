"""Who is who: what signs, seals, hashes, counts and remembers. No HTTP here.

| file | what it holds |
| --- | --- |
| `keyring` | signed statements, JSON Web Tokens, and the secrets that sign them |
| `tokens` | access and refresh tokens |
| `handshakes` | log-ins at a provider that have begun and not ended |
| `passwords` | argon2 hashes, made beside the event loop |
| `rates` | how often somebody may ask |
| `signatures` | what a signed call says, and whether its signature is right |
| `known_keys` | API keys, remembered for seconds |
| `vault` | secrets that must be read again, encrypted |
"""
