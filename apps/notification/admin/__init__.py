"""The pages at `/admin`, for those who run the service.

| file | what it holds |
| --- | --- |
| `site` | the pages as an application |
| `login` | who may see them |
| `overview` | the first page |
| `views` | lists of rows, and actions on them |
| `fields` | values as the pages show them |
| `filters` | what lists can be filtered by |
| `same_origin` | that requests come from the pages themselves |
| `__main__` | `python -m notification.admin add`: make a user an admin |
"""
