"""From the outbox to the recipient: claiming, sending, trying again.

| file | what it holds |
| --- | --- |
| `dispatch` | all of it, as a process has it |
| `outbox` | claims on the rows of `Notifications` |
| `queue` | what hands over, and takes, the ids of notifications |
| `brokers` | the brokers that BROKER_URL may name |
| `sweeper` | hands over what nobody works on |
| `retention` | deletes what nobody needs any more |
| `courier` | one attempt to deliver one notification |
| `senders` | the channels that this installation has |
| `email` | over SMTP, or into a folder |
| `headers` | headers of e-mails, written to the byte |
| `kakao` | over the HTTP service of KAKAO_API_URL |
| `webhook` | to an address that the caller named |
| `addresses` | which addresses of others may be called |
| `failures` | why something did not arrive, and whether to try again |
"""
