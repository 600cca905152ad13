"""The pages at `/admin`, for those who run the service."""
