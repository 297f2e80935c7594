from tests.support.http_server import serve

__all__ = ["serve"]
