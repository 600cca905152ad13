"""What an attacker would try, one file for each kind of attack.

| file | attack |
| --- | --- |
| `test_token_confusion` | one kind of token used as another; tokens signed by others, or not at all |
| `test_ids_that_come_back` | ids of rows that are gone, in tokens that are not |
| `test_stolen_tokens` | what a token is good for in the hands of whoever found it |
| `test_replay` | signatures, refresh tokens, handshakes and idempotency keys used again |
| `test_signed_parameters` | a signature over other parameters than those that are read |
| `test_login_timing` | how long the service takes to say no |
| `test_enumeration` | what answers tell about who has an account |
| `test_other_peoples_ids` | ids of records that are somebody else's, on every endpoint |
| `test_mass_assignment` | fields that nobody offered, in every body |
| `test_header_injection` | line breaks, and headers that name hosts and addresses |
| `test_email_headers` | subjects and addresses that are read as headers |
| `test_long_texts` | every text of the document a mebibyte long, and JSON of many values |
| `test_bodies` | too large, malformed, compressed, slow |
| `test_costly_requests` | little work for the caller, much for the service |
| `test_ssrf` | webhooks into networks that are not the caller's |
| `test_log_injection` | lines in the log that the service did not write |
| `test_closed_accounts` | tokens and keys of users who are blocked or gone, on every endpoint |
| `test_simultaneity` | twenty at once |
| `test_browsers` | other sites, caches and cookies |
"""
