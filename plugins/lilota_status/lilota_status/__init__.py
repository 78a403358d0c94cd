"""Status pages of tasks, which an application mounts for its own users; nothing here needs a web framework.

Import what fits the application: `lilota_status.asgi`, `lilota_status.wsgi`, `lilota_status.flask` or
`lilota_status.django`.
"""
