"""The store of lilota that lives in a Redis or Valkey server."""

from lilota_redis_store.store import RedisTaskStore

__all__ = ["RedisTaskStore"]
