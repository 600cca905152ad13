"""What people look at in a browser: the API as a document, the page to try it on, how the service is.

| file | what it holds |
| --- | --- |
| `openapi` | the document, with every error that an operation may answer |
| `refusals` | the errors that any operation behind a door may answer |
| `page` | the page at `/docs`; its files are in `static` and `templates` |
| `status_page` | the page at `/` |
"""
