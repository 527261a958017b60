"""Prefork: load the application once, then fork the workers."""

bind = "0.0.0.0:8000"
workers = 2
preload_app = True
worker_class = "asgi"  # gunicorn 24 and later; before, "uvicorn.workers.UvicornWorker"
timeout = 120
