"""Settings of the shop: environment variables first, then `.env`, then the defaults below."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.settings import PROJECT_FOLDER, database_url

PREFIX = "SHOP_"


class Settings(BaseSettings):
    """Everything that differs between one installation and another; `SHOP_` stands before each name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=(PROJECT_FOLDER / ".env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(default="sqlite:///shop.db", repr=False, validate_default=True)
    db_pool_size: int = Field(default=5, ge=1)
    db_max_overflow: int = Field(default=10, ge=0)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8002, ge=0, le=65535)

    @field_validator("database_url")
    @classmethod
    def _from_the_project_folder(cls, value: str) -> str:
        return database_url(value)
