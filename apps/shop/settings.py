"""Settings of the shop: environment variables first, then `.env`, then the defaults below."""

from typing import Final

from pydantic_settings import SettingsConfigDict

from serving.settings import DatabaseUrl, LogLevel, Port, ServiceSettings

PREFIX: Final = "SHOP_"


class Settings(ServiceSettings):
    """Everything that differs between one installation and another; `SHOP_` stands before each name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    database_url: DatabaseUrl = "sqlite:///shop.db"
    port: Port = 8002
    log_level: LogLevel = "WARNING"
