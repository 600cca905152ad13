"""How the service is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """The service answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The service can do its work."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok", "checks": {"database": True}}]})

    status: Literal["ok"] = "ok"
    checks: dict[str, bool] = Field(description="What was asked.")
