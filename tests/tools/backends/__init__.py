"""Five ways to reach three database servers, the servers, and the fixtures tests use.

`backend`
    The backend of the test, which runs once on each: `.name` is `sqlite`, `asyncpg`, `psycopg`, `asyncmy` or
    `aiomysql`, `.dialect` is `sqlite`, `postgresql` or `mysql`. `await backend.fresh_url()` is one more empty database.
`database_url`
    The URL of a database with nothing in it.
`make_database`
    `db = await make_database(Base, pool_size=2)`: a connected Database with Base's tables, empty. It is disposed of
    after the test, which fails when a connection was not given back. A second call makes a second database.
`other_connection`, `other_engine`
    The same database seen from outside, after `make_database`:
    `await other_connection.scalar("SELECT count(*) FROM users")`.

`@pytest.mark.backends("postgresql", "asyncmy")` restricts a test, `pytest --backend sqlite` a run.
"""
